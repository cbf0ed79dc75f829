"""The row that says what noise a method is told of: the estimate and its worth, or the user's own number.

Convention: `value` is None for "estimate it", else the noise model. The estimate is shown when a plan brought
it.
"""

from __future__ import annotations

import textwrap
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..methods import parameters
from ..noise import Gaussian, NoiseModel
from .editor import narrow_combo, row_label
from .numbers import NumberSpin

LONGEST_VERDICT = 150
AUTO, OWN, TAKEN = "Estimated", "Own sigma", "From the Noise widget"


class NoiseRow(QWidget):
    """A choice between the estimate, an own standard deviation, and the model kept with the layer."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: NoiseModel | None = None  # what the user chose; None estimates
        self._estimate: NoiseModel | None = None
        self._kept: NoiseModel | None = None  # with the layer
        self.mode = narrow_combo()
        self.mode.addItems([AUTO, OWN])
        sigma = next(p for p in parameters(Gaussian) if p.name == "sigma")
        self.sigma = NumberSpin(sigma.low or 0.0, 1e30)
        self.sigma.setToolTip(sigma.doc)
        self.text = QLabel("")
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self._lay_out()
        self.mode.currentTextChanged.connect(self._mode_chosen)
        self.sigma.valueChanged.connect(self._sigma_typed)
        self._show()

    @property
    def value(self) -> NoiseModel | None:
        """The noise model to tell the method of, or None to estimate it."""
        return self._model

    def setValue(self, model: NoiseModel | None) -> None:
        """Choose the estimate (None) or a model."""
        if model != self._model:
            self._model = model
            self._show()
            self.changed.emit()

    def show_estimate(self, model: NoiseModel | None) -> None:
        """Show what the estimate is; None while it is not known."""
        self._estimate = model
        self._show()

    def keep(self, model: NoiseModel | None) -> None:
        """Offer the model that is kept with the layer, and choose it."""
        if model == self._kept:
            return
        follows = self._model is not None and self._model == self._kept
        self._kept = model
        if model is not None:
            self.setValue(model)
        elif follows:
            self.setValue(None)
        self._show()

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        row = QHBoxLayout()
        row.addWidget(self.mode, 1)
        row.addWidget(self.sigma)
        row.addWidget(self.text)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(6)  # the style takes another one beside a layout than beside a widget
        form.addRow(row_label("Noise"), row)
        outer.addLayout(form)
        outer.addWidget(self.verdict)

    def _mode_chosen(self, mode: str) -> None:
        if mode == AUTO:
            self.setValue(None)
        elif mode == TAKEN:
            self.setValue(self._kept)
        else:
            self.setValue(Gaussian(_strength(self._estimate or self._model) or 1.0))

    def _sigma_typed(self, sigma: float) -> None:
        if self.mode.currentText() == OWN:
            self.setValue(Gaussian(sigma))

    def _show(self) -> None:
        for widget in (self.mode, self.sigma):
            widget.blockSignals(True)
        modes = [AUTO, OWN] + ([TAKEN] if self._kept is not None else [])
        if [self.mode.itemText(i) for i in range(self.mode.count())] != modes:
            self.mode.clear()
            self.mode.addItems(modes)
        mode = AUTO if self._model is None else TAKEN if self._model == self._kept else OWN
        self.mode.setCurrentText(mode)
        self.sigma.setVisible(mode == OWN)
        self.text.setVisible(mode != OWN)
        self.sigma.setValue(_strength(self._model) or 0.0)
        shown = self._estimate if self._model is None else self._model
        self.text.setText(in_short(shown))
        verdict = getattr(shown, "verdict", "") if shown is not None else ""
        self.verdict.setText(shortened(verdict))
        self.verdict.setToolTip(f"<qt>{verdict}</qt>" if verdict else "")
        self.verdict.setVisible(bool(verdict))
        for widget in (self.mode, self.sigma):
            widget.blockSignals(False)


def in_short(model: NoiseModel | None) -> str:
    """Return a noise model in a few characters, such as "σ = 12.3"."""
    if model is None:
        return ""
    sigma = getattr(model, "sigma", None)
    if sigma is None:
        return str(model.title)
    values = sigma if isinstance(sigma, tuple) else (sigma,)
    numbers = sorted({f"{value:.3g}" for value in values}, key=float)
    return "σ = " + (numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}")


def shortened(verdict: str) -> str:
    """Return a verdict as far as it fits on a few lines; its tooltip tells the rest."""
    if len(verdict) <= LONGEST_VERDICT:
        return verdict
    first, _, _ = verdict.partition(". ")
    return f"{textwrap.shorten(first, LONGEST_VERDICT, placeholder='')} …"


def _strength(model: Any) -> float | None:
    """Return one number for a model's strength: the mean of its sigmas."""
    sigma = getattr(model, "sigma", None)
    if sigma is None:
        return None
    return float(sum(sigma) / len(sigma)) if isinstance(sigma, tuple) else float(sigma)
