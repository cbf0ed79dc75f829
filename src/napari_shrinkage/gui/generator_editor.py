"""The editor of a generator that is trained: which one, and how much it is held to what is usual.

Convention: the generators are the files in a folder; a value whose file lies elsewhere is listed too. Opening
it reads the headers of files, no weights.
"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from ..methods import parameters
from ..restorers import GeneratorPrior, Restorer
from .editor import row_label
from .fields import tooltip
from .folds import WheelGuard
from .generator_work import Known, generator_folder, known, known_generators
from .numbers import NumberSpin
from .preferences import preferred_model_folder
from .profile_list import FreshCombo

NONE = "None is trained yet"
UNTRAINED = "Train one under Train,\non images like those to denoise."
LINE, COMMA = "\n", ", "
OTHER_SIZE = "other size"
FRESH = {"checksum": None, "looked": None, "unlike": None}


class GeneratorEditor(QWidget):
    """Edits a trained `GeneratorPrior`: `value`, `setValue`, `changed`, `invalid`, `show_resolved`."""

    changed = Signal()
    invalid = Signal(str)

    def __init__(self, value: GeneratorPrior, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = value
        self._known: dict[str, Known] = {}
        self._shape: tuple[int, ...] | None = None
        self.generators = FreshCombo()
        self.generators.setToolTip(
            "<qt>A trained generator, the newest first. One fits images of the kind and the size that it was "
            "trained on, and no others.</qt>"
        )
        self.details = QLabel()
        self.details.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        prior = next(p for p in parameters(GeneratorPrior) if p.name == "prior")
        self.prior = NumberSpin(prior.low or 0.0, prior.high or 10.0)
        self.prior.setValue(value.prior)
        self.prior.setToolTip(tooltip(prior))
        self._lay_out()
        self.refill()
        self.generators.about_to_show.connect(self.refill)
        self.generators.currentIndexChanged.connect(self._chosen)
        self.prior.valueChanged.connect(lambda prior: self._take(self._value.replace(prior=float(prior))))

    @property
    def value(self) -> GeneratorPrior:
        """The generator in use; without a file where none is trained."""
        return self._value

    def setValue(self, value: Restorer) -> None:
        """Use another generator.

        Raises
        ------
        ValueError
            If it is another method.
        """
        if not isinstance(value, GeneratorPrior):
            raise ValueError(
                f"these settings are for {value.title}, and this widget restores by a generator. Load them "
                "in the Shrinkage widget."
            )
        with signals_blocked(self.prior):
            self.prior.setValue(value.prior)
        self._take(value)
        self.refill()

    def show_resolved(self, value: Restorer | None) -> None:
        """There is nothing to show: no "auto" is in view."""

    def use_file(self, path: Path) -> None:
        """Use the generator in a file."""
        self.setValue(self._value.replace(weights=str(path), **FRESH))

    def show_size(self, shape: tuple[int, ...] | None) -> None:
        """Say which generators fit images of a size, and use one that fits, if there is one."""
        self._shape = shape
        self.refill()
        used = self._known.get(str(self._value.weights))
        fitting = [path for path, one in self._known.items() if one.shape == shape]
        if fitting and (used is None or used.shape != shape):
            self.use_file(Path(fitting[0]))

    def refill(self) -> None:
        """List the generators that are there now."""
        self._known = {str(one.path): one for one in self._found()}
        if self._value.weights is None and self._known:
            self._take(self._value.replace(weights=next(iter(self._known)), **FRESH))
        with signals_blocked(self.generators):
            self.generators.clear()
            for path, one in self._known.items():
                other = self._shape is not None and one.shape != self._shape
                self.generators.addItem(f"{one.title} ({OTHER_SIZE})" if other else one.title, path)
                tip = f"<qt>{one.details.replace(LINE, COMMA)}<br>{path}</qt>"
                self.generators.setItemData(self.generators.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            if not self._known:
                self.generators.addItem(NONE, None)
            self.generators.setCurrentIndex(max(self.generators.findData(self._value.weights), 0))
        self._show_details()

    def sizeHint(self) -> QSize:
        """Ask for no more than the rows need."""
        return self.minimumSizeHint()

    def _found(self) -> list[Known]:
        listed = known_generators(generator_folder(preferred_model_folder()))
        used = self._value.weights
        if used is not None and used not in {str(one.path) for one in listed}:
            elsewhere = known(Path(used))
            listed += [elsewhere] if elsewhere is not None else []
        return listed

    def _lay_out(self) -> None:
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(6)
        rows.setVerticalSpacing(4)
        rows.addRow(row_label("File"), self.generators)
        rows.addRow(self.details)
        rows.addRow(row_label("Prior"), self.prior)
        self._guard = WheelGuard(self)
        self._guard.watch(self.generators)
        self._guard.watch(self.prior)

    def _chosen(self, index: int) -> None:
        path = self.generators.itemData(index)
        if path is not None and path != self._value.weights:
            self._take(self._value.replace(weights=path, **FRESH))
            self._show_details()

    def _take(self, value: GeneratorPrior) -> None:
        if value != self._value:
            self._value = value
            self.changed.emit()

    def _show_details(self) -> None:
        one = self._known.get(str(self._value.weights))
        self.details.setText(UNTRAINED if one is None else one.details)
        tip = "" if one is None else f"<qt>The error is that of images held out (rms). {one.path}</qt>"
        self.details.setToolTip(tip)
