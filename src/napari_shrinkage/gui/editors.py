"""Editors of single values: numbers, choices, texts.

Convention: `editor_for` picks the editor of a method's parameter by its type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit
from superqt.utils import signals_blocked

from ..methods import Parameter
from .editor import Editor, narrow_combo
from .numbers import FloatEditor, IntEditor


class BoolEditor(Editor):
    """A check box."""

    def __init__(self) -> None:
        super().__init__()
        self._box = QCheckBox()
        self._row.addWidget(self._box)
        self._box.toggled.connect(self._edited)

    def _show(self) -> None:
        with signals_blocked(self._box):
            self._box.setChecked(self._value)


class ChoiceEditor(Editor):
    """A combo box of the allowed values."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._choices = parameter.choices
        self._combo = narrow_combo()
        for choice in self._choices:
            self._combo.addItem(str(choice), choice)
        self._row.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(lambda i: self._edited(self._choices[i]))

    def _show(self) -> None:
        with signals_blocked(self._combo):
            self._combo.setCurrentIndex(self._choices.index(self._value))


class TextEditor(Editor):
    """A line of text: a string as it is, anything else as JSON (numbers, lists, objects)."""

    invalid = Signal(str)

    def __init__(self, parameter: Parameter, owner: str) -> None:
        super().__init__()
        self._parameter, self._owner = parameter, owner
        self._line = QLineEdit()
        self._line.setPlaceholderText(parameter.expected())
        self._row.addWidget(self._line)
        self._line.editingFinished.connect(self._typed)

    def _typed(self) -> None:
        try:
            value = self._parameter.checked(read_text(self._line.text(), self._parameter), self._owner)
        except (TypeError, ValueError) as error:
            self.invalid.emit(str(error))
            self._show()
        else:
            self._edited(value)

    def _show(self) -> None:
        self._line.setText(written_text(self._value))
        self._line.setCursorPosition(0)


class SuggestionEditor(Editor):
    """A combo box of suggested texts, in which any other one can be typed."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._combo = narrow_combo()
        self._combo.setEditable(True)
        self._combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._combo.setCompleter(None)  # it would turn the typed "db1" into a suggested "db10"
        self._combo.addItems(parameter.suggestions)
        self._row.addWidget(self._combo)
        line = self._combo.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._chosen)
        self._combo.activated.connect(self._chosen)

    def _chosen(self, index: int = 0) -> None:
        self._edited(self._combo.currentText().strip())

    def _show(self) -> None:
        with signals_blocked(self._combo):
            self._combo.setCurrentText(self._value)


def read_text(text: str, parameter: Parameter) -> Any:
    """Return the value that a line of text stands for: a string, a number, numbers with commas, or JSON."""
    if parameter.type is str:
        return text
    if text.lstrip().startswith("{"):
        return {key: _as_tuple(item) for key, item in json.loads(text).items()}
    parts = [float(part) for part in text.replace(";", ",").split(",") if part.strip()]
    return parts[0] if len(parts) == 1 and "float |" in str(parameter.type) else tuple(parts)


def written_text(value: Any) -> str:
    """Return the line of text that `read_text` turns into the value."""
    if isinstance(value, Mapping):
        return json.dumps(
            {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}
        )
    if isinstance(value, tuple):
        return ", ".join(f"{item:.10g}" if isinstance(item, float) else str(item) for item in value)
    return str(value)


def editor_for(parameter: Parameter, owner: str = "") -> Editor:
    """Return the editor of a plain (not nested) parameter of the method class named `owner`."""
    if parameter.choices:
        return ChoiceEditor(parameter)
    if parameter.suggestions:
        return SuggestionEditor(parameter)
    if parameter.type is bool:
        return BoolEditor()
    if parameter.type is int:
        return IntEditor(parameter)
    if parameter.type is float:
        return FloatEditor(parameter)
    return TextEditor(parameter, owner)


def first_value(parameter: Parameter) -> Any:
    """Return a value to begin with when "auto" is switched off before it was ever resolved."""
    if parameter.default is not None and parameter.default is not MISSING:
        return parameter.default
    if parameter.choices:
        return parameter.choices[0]
    if parameter.type in (int, float):
        return parameter.type(parameter.low or 0) + int(parameter.low_open)
    return {bool: False, str: ""}.get(parameter.type)


def _as_tuple(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item
