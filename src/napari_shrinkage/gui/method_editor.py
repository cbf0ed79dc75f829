"""The editor of a restorer: a named method or a preset on top, the form of what it stands for below.

Convention: the names are those of `restorers.NAMED` and `PRESETS`; the name line says "custom" as soon as the
form holds something else.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from ..methods import Parameter
from ..restorers import NAMED, PRESETS, named
from ..restorers.base import Restorer
from .editor import narrow_combo, row_label
from .forms import MethodEditor

CUSTOM = "custom"


class RestorerEditor(QWidget):
    """Edits a restorer: `value`, `setValue`, `changed`, `invalid`, `show_resolved`."""

    changed = Signal()
    invalid = Signal(str)

    def __init__(self, value: Restorer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names = narrow_combo()
        self._fill_names()
        self.method = MethodEditor(Parameter(name="method", type=Restorer, default=value))
        self.method.setValue(value)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        rows = QFormLayout()
        rows.setVerticalSpacing(4)
        rows.addRow(row_label("Preset"), self.names)
        rows.addRow(row_label("Method"), self.method)
        layout.addLayout(rows)
        layout.addWidget(self.method.folded)
        layout.addStretch()
        self.names.currentIndexChanged.connect(self._named)
        self.method.changed.connect(self._changed)
        self.method.invalid.connect(self.invalid)
        self._show_name()

    @property
    def value(self) -> Any:
        """The restorer that is shown."""
        return self.method.value

    def setValue(self, value: Restorer) -> None:
        """Show another restorer."""
        self.method.setValue(value)

    def show_resolved(self, value: Restorer | None) -> None:
        """Show what each "auto" became."""
        self.method.show_resolved(value)

    def _fill_names(self) -> None:
        for name in PRESETS:
            self.names.addItem(name, name)
            tip = f"Preset: {PRESETS[name]}. {type(named(name)).summary()}"
            self.names.setItemData(self.names.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.names.insertSeparator(self.names.count())
        for name in NAMED:
            self.names.addItem(name, name)
            self.names.setItemData(
                self.names.count() - 1, type(named(name)).summary(), Qt.ItemDataRole.ToolTipRole
            )
        self.names.insertSeparator(self.names.count())
        self.names.addItem(CUSTOM, None)

    def _named(self, index: int) -> None:
        name = self.names.itemData(index)
        if name is not None:
            self.method.setValue(named(name))

    def _changed(self) -> None:
        self._show_name()
        self.changed.emit()

    def _show_name(self) -> None:
        """Leave the name that stands for the value, find another one, or say "custom"."""
        chosen = self.names.currentData()
        if chosen is not None and named(chosen) == self.value:
            return
        fitting = [name for name in (*PRESETS, *NAMED) if named(name) == self.value]
        with signals_blocked(self.names):
            place = self.names.findData(fitting[0]) if fitting else self.names.findText(CUSTOM)
            self.names.setCurrentIndex(place)
