"""The editor of a method that learns: a form of where to begin, and the numbers that are in use.

Convention: `value` is what previews and runs take: fitted numbers, or those set by hand, until the form is
changed; `wish` is what the form says, from where the next fit begins.
"""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from ..methods import Method, Parameter, members
from ..restorers import Let, Restorer, Shrinkage
from ..rules import ShrinkageRule
from .editor import row_label
from .forms import MethodEditor


class LearnEditor(QWidget):
    """Edits a `Shrinkage` or a `Let`: `value`, `wish`, `use`, `setValue`, `changed`, `invalid`."""

    changed = Signal()
    invalid = Signal(str)

    def __init__(self, value: Restorer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._used: Restorer | None = None
        self.method = MethodEditor(Parameter(name="method", type=Restorer, default=value), not_learning())
        self.method.setValue(value)
        self.method.open_form()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        rows = QFormLayout()
        rows.addRow(row_label("Method"), self.method)
        layout.addLayout(rows)
        layout.addWidget(self.method.folded)
        layout.addStretch()
        self.method.changed.connect(self._form_changed)
        self.method.invalid.connect(self.invalid)

    @property
    def value(self) -> Restorer:
        """The method in use."""
        return self.wish if self._used is None else self._used

    @property
    def wish(self) -> Restorer:
        """What the form says."""
        wish = self.method.value
        assert isinstance(wish, Restorer)
        return wish

    def use(self, restorer: Restorer) -> None:
        """Take other numbers into use; the form stays as it is."""
        if restorer != self.value:
            self._used = restorer
            self.changed.emit()

    def setValue(self, value: Restorer) -> None:
        """Show another method in the form, and use it."""
        self._used = None
        if value == self.wish:
            self.changed.emit()
        self.method.setValue(value)

    def show_resolved(self, value: Restorer | None) -> None:
        """Show what each "auto" became."""
        self.method.show_resolved(value)

    def _form_changed(self) -> None:
        self._used = None
        self.changed.emit()


def not_learning() -> tuple[type[Method], ...]:
    """Return the methods that have nothing to fit: other restorers, and rules that jump at the threshold."""
    restorers = [cls for cls in members(Restorer).values() if not issubclass(cls, Shrinkage | Let)]
    rules = [cls for cls in members(ShrinkageRule).values() if not getattr(cls, "differentiable", False)]
    return (*restorers, *rules)
