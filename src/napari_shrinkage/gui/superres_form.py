"""The form of super-resolution: scale, degradation and back-projection as a panel shows them.

Convention: a model's scales are offered by whoever knows them; `degradation` None is measured in the image.
"""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QSpinBox, QWidget
from superqt.utils import signals_blocked

from ..degradation import Degradation
from ..degradation.kernels import SCALES
from ..methods import Parameter, parameters
from ..restorers import Upscale
from .editor import Editor, narrow_combo
from .forms import MethodEditor, MethodForm

IN_VIEW = ("scale", "degradation", "back_projections")  # the other fields fold away
MEASURED = "Measured in the image"
USUAL_CORRECTIONS = 10


class ScaleEditor(Editor):
    """A combo box of scales."""

    def __init__(self) -> None:
        super().__init__()
        self.combo = narrow_combo()
        self._row.addWidget(self.combo)
        self.offer(SCALES)
        self.combo.currentIndexChanged.connect(lambda: self._edited(self.combo.currentData()))

    def offer(self, scales: tuple[int, ...]) -> None:
        """Offer these scales; another one that is set already stays, to be told of."""
        with signals_blocked(self.combo):
            self.combo.clear()
            for scale in sorted({*scales, *([self._value] if self._value else [])}):
                self.combo.addItem(f"x{scale}", scale)
            self._show()

    def _show(self) -> None:
        with signals_blocked(self.combo):
            self.combo.setCurrentIndex(self.combo.findData(self._value))


class DegradationEditor(MethodEditor):
    """The degradations, and that of measuring it, which is None."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter)
        self._measured = self._combo.count()
        self._combo.addItem(MEASURED, MEASURED)
        self._combo.setItemData(
            self._measured,
            "When it runs; “Measure blur” does it now and shows the kernel",
            Qt.ItemDataRole.ToolTipRole,
        )

    def _show(self) -> None:
        if self._value is not None:
            super()._show()
            return
        with signals_blocked(self._combo):
            self._combo.setCurrentIndex(self._measured)
        self._fold()

    def _chosen(self, index: int) -> None:
        if index == self._measured:
            self.setValue(None)
        else:
            super()._chosen(index)

    def _fold(self) -> None:
        super()._fold()
        if self._value is None:
            self._toggle.hide()
            self.folded.hide()


class CorrectionsEditor(Editor):
    """A check box with a number: how often a result is corrected, or 0 for never."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._value = 0
        self.box = QCheckBox("by back-projection")
        self.count = QSpinBox()
        self.count.setRange(1, int(parameter.high or USUAL_CORRECTIONS))
        self.count.setValue(USUAL_CORRECTIONS)
        self.count.setSuffix(" times")
        self._row.addWidget(self.box)
        self._row.addWidget(self.count)
        self._row.addStretch()
        self.box.toggled.connect(self._typed)
        self.count.valueChanged.connect(self._typed)
        self._show()

    def _typed(self) -> None:
        self.count.setVisible(self.box.isChecked())
        self._edited(self.count.value() if self.box.isChecked() else 0)

    def _show(self) -> None:
        with signals_blocked(self.box), signals_blocked(self.count):
            self.box.setChecked(bool(self._value))
            if self._value:
                self.count.setValue(self._value)
        self.count.setVisible(bool(self._value))


class SuperresForm(MethodForm):
    """The form of an `Upscale` without its model, which a list in its first row shows."""

    @property
    def rows(self) -> QFormLayout:
        """The rows that are in view."""
        rows = self._layout.itemAt(0)
        assert isinstance(rows, QFormLayout)
        return rows

    def _add_rows(self, shown: list[Parameter], parent: QWidget) -> None:
        fields = [one for one in parameters(Upscale) if not one.hidden and one.name != "model"]
        super()._add_rows([one for one in fields if (one.name in IN_VIEW) == (parent is self)], parent)

    def _add_row(self, parameter: Parameter, rows: QFormLayout) -> None:
        super()._add_row(parameter, rows)
        label = rows.labelForField(self._editors[parameter.name])
        if parameter.name == "back_projections" and isinstance(label, QLabel):
            label.setText("Match pixels")  # the list of models needs the width

    def _editor_of(self, parameter: Parameter) -> Editor:
        if parameter.name == "scale":
            return ScaleEditor()
        if parameter.role is Degradation:
            return DegradationEditor(parameter)
        if parameter.name == "back_projections":
            return CorrectionsEditor(parameter)
        return super()._editor_of(parameter)
