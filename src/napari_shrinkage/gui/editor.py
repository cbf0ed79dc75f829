"""What an editor is, and the plain widgets that panels are made of.

Convention: an editor has `value`, `setValue` and the signal `changed`, and returns exactly what it was given
until the user changes it.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

LABEL_WIDTH = 58  # pixels, of the longest one


class Editor(QWidget):
    """Base of the editors: keeps the exact value, and says when the user changes it."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Any = None
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)

    @property
    def value(self) -> Any:
        """The value that is shown."""
        return self._value

    def setValue(self, value: Any) -> None:
        """Show a value; emits `changed` when it is another one."""
        if value != self._value or type(value) is not type(self._value):
            self._value = value
            self._show()
            self.changed.emit()

    def show_resolved(self, value: Any) -> None:
        """Show what the value became in the plan; most editors have nothing to add."""

    def _show(self) -> None:
        """Bring the widgets to `_value` without telling anybody."""

    def _edited(self, value: Any) -> None:
        """Take a value from the user."""
        if value != self._value:
            self._value = value
            self.changed.emit()


def narrow_combo() -> QComboBox:
    """Return a combo box that takes the width it is given."""
    combo = QComboBox()
    make_narrow(combo)
    return combo


def make_narrow(combo: QComboBox) -> None:
    """Let a combo box take the width it is given, not that of its longest item."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def row_label(text: str) -> QLabel:
    """Return the label of a panel's row; all have one width, so that the fields stand in line."""
    label = QLabel(text)
    label.setMinimumWidth(LABEL_WIDTH)
    return label
