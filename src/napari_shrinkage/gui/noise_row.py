"""The row that says what noise a method is told of: the estimate and its worth, or a model of the user's.

Convention: `value` is None for "estimate it", else the noise model. The estimate is shown when a plan brought
it.
"""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..methods import parameters
from ..noise import Gaussian, NoiseModel
from .editor import row_label
from .noise_words import in_short
from .numbers import NumberSpin
from .profile_list import FreshCombo, saved_profiles

LONGEST_VERDICT = 150
AUTO, OWN, TAKEN, GIVEN = "Estimated", "Own sigma", "From the Noise widget", "As loaded"
PROFILE = "Profile: "


class NoiseRow(QWidget):
    """A choice between the estimate, an own standard deviation, the layer's own model and saved profiles."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: NoiseModel | None = None  # what the user chose; None estimates
        self._estimate: NoiseModel | None = None
        self._kept: NoiseModel | None = None  # with the layer
        self._profiles: dict[str, NoiseModel] = {}
        self.mode = FreshCombo()
        self.mode.setToolTip(
            "<qt>What the method is told of the noise. The Noise widget measures it, and keeps it with the "
            "layer or, for a camera, as a profile.</qt>"
        )
        sigma = next(p for p in parameters(Gaussian) if p.name == "sigma")
        self.sigma = NumberSpin(sigma.low or 0.0, 1e30)
        self.sigma.setToolTip(sigma.doc)
        self.text = QLabel("")
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self._lay_out()
        self.refresh_profiles()
        self.mode.about_to_show.connect(self.refresh_profiles)
        self.mode.currentTextChanged.connect(self._mode_chosen)
        self.sigma.valueChanged.connect(self._sigma_typed)

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

    def refresh_profiles(self) -> None:
        """Offer the profiles that are saved now."""
        self._profiles = {PROFILE + one.name: one.noise for one in saved_profiles()[0]}
        self._show()

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        row = QHBoxLayout()
        row.addWidget(self.mode, 1)
        row.addWidget(self.sigma)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(6)  # the style takes another one beside a layout than beside a widget
        form.setVerticalSpacing(2)
        form.addRow(row_label("Noise"), row)
        form.addRow("", self.text)
        outer.addLayout(form)
        outer.addWidget(self.verdict)

    def _mode_chosen(self, mode: str) -> None:
        if mode == AUTO:
            self.setValue(None)
        elif mode == TAKEN:
            self.setValue(self._kept)
        elif mode in self._profiles:
            self.setValue(self._profiles[mode])
        elif mode == OWN:
            self.setValue(Gaussian(_strength(self._estimate or self._model) or 1.0))

    def _sigma_typed(self, sigma: float) -> None:
        if self.mode.currentText() == OWN:
            self.setValue(Gaussian(sigma))

    def _show(self) -> None:
        for widget in (self.mode, self.sigma):
            widget.blockSignals(True)
        mode, modes = self._mode(), self._modes()
        if [self.mode.itemText(i) for i in range(self.mode.count())] != modes:
            self.mode.clear()
            self.mode.addItems(modes)
        self.mode.setCurrentText(mode)
        self.sigma.setVisible(mode == OWN)
        self.sigma.setValue(_strength(self._model) or 0.0)
        shown = self._estimate if self._model is None else self._model
        self.text.setText("" if mode == OWN else in_short(shown))
        self.text.setVisible(bool(self.text.text()))
        verdict = getattr(shown, "verdict", "") if shown is not None else ""
        self.verdict.setText(shortened(verdict))
        for label in (self.verdict, self.text):
            label.setToolTip(f"<qt>{escape(verdict)}</qt>" if verdict else "")
        self.verdict.setVisible(bool(verdict))
        for widget in (self.mode, self.sigma):
            widget.blockSignals(False)

    def _mode(self) -> str:
        """Return the name of the choice that the value stands for."""
        if self._model is None:
            return AUTO
        chosen = self.mode.currentText()
        named = [name for name, model in self._profiles.items() if model == self._model]
        if chosen in named:
            return chosen
        if self._model == self._kept:
            return TAKEN
        own = is_plain(self._model)
        if named and not (own and chosen == OWN):
            return named[0]
        return OWN if own else GIVEN

    def _modes(self) -> list[str]:
        """Return the names of all choices."""
        taken, given = [TAKEN] * (self._kept is not None), [GIVEN] * (self._mode() == GIVEN)
        return [AUTO, OWN, *taken, *given, *self._profiles]


def is_plain(model: NoiseModel) -> bool:
    """Whether one standard deviation says all of a model."""
    return model == Gaussian(_strength(model) or 0.0)


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
