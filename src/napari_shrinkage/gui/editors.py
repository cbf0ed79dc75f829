"""Editors of single values: each is a widget with `value`, `setValue` and the signal `changed`.

Convention: an editor returns exactly what it was given until the user changes it; what a slider or a spin box can show
never rounds the value itself. `editor_for` picks the editor of a method's parameter by its type.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)
from superqt.utils import signals_blocked

from ..methods import Parameter

STEPS = 400  # of a slider
DECADES = 100.0  # a range this wide gets a logarithmic slider
LARGEST = 2**31 - 1
LONGEST_SUFFIX = 6


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

    def setValue(self, value: Any) -> None:  # noqa: N802
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


class NumberSpin(QDoubleSpinBox):
    """A spin box that shows five significant digits, whatever the size of the number."""

    def __init__(self, low: float, high: float, suffix: str = "") -> None:
        super().__init__()
        self.setDecimals(12)
        self.setRange(low, high)
        self.setSuffix(f" {suffix}" if suffix else "")
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.setFixedWidth(76 + 7 * len(self.suffix()))

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Return five significant digits."""
        return f"{value:.5g}"

    def valueFromText(self, text: str | None) -> float:  # noqa: N802
        """Read any number, with a decimal point or comma, plain or scientific."""
        number = (text or "").removesuffix(self.suffix()).replace(",", ".")
        try:
            return float(number)
        except ValueError:
            return self.value()


class FloatEditor(Editor):
    """A slider and a spin box; the slider is logarithmic where the range spans decades."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._scale = SliderScale(parameter)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, STEPS)
        self._slider.setMinimumWidth(60)
        self._slider.setVisible(self._scale.bounded)
        self._spin = NumberSpin(self._scale.low, self._scale.high, short_unit(parameter))
        self._row.addWidget(self._slider, 1)
        self._row.addWidget(self._spin)
        if not self._scale.bounded:
            self._row.addStretch()
        self._slider.valueChanged.connect(self._slid)
        self._spin.valueChanged.connect(self._spun)

    def _slid(self, position: int) -> None:
        value = self._scale.value(position)
        with signals_blocked(self._spin):
            self._spin.setValue(value)
        self._edited(value)

    def _spun(self, value: float) -> None:
        with signals_blocked(self._slider):
            self._slider.setValue(self._scale.position(value))
        self._edited(value)

    def _show(self) -> None:
        with signals_blocked(self._spin), signals_blocked(self._slider):
            self._spin.setValue(self._value)
            self._slider.setValue(self._scale.position(self._value))


class SliderScale:
    """How the positions of a slider map onto a bounded range, linearly or logarithmically."""

    def __init__(self, parameter: Parameter) -> None:
        low, high = parameter.low, parameter.high
        self.bounded = low is not None and high is not None
        self.base = -math.inf if low is None else low
        self.high = float(LARGEST) if high is None else high
        self.low = -float(LARGEST) if low is None else low
        span = self.high - self.low
        if parameter.low_open:
            self.low += 1e-5 * span if self.bounded else 1e-9
        if parameter.high_open:
            self.high -= 1e-5 * span if self.bounded else 0
        open_decades = parameter.low_open and span >= DECADES
        closed_decades = not parameter.low_open and self.low > 0 and self.high / self.low >= DECADES
        self.logarithmic = self.bounded and (open_decades or closed_decades)
        self.offset = self.base if open_decades else 0.0

    def value(self, position: int) -> float:
        """Return the value at a position, with as many digits as the position tells."""
        part = position / STEPS
        if self.logarithmic:
            low, high = self.low - self.offset, self.high - self.offset
            exact = self.offset + low * (high / low) ** part
        else:
            exact = self.low + part * (self.high - self.low)
        digits = 2 - math.floor(math.log10((self.high - self.low) if not self.logarithmic else max(abs(exact), 1e-9)))
        return min(max(round(exact, digits), self.low), self.high)

    def position(self, value: float) -> int:
        """Return the position nearest to a value."""
        if not self.bounded:
            return 0
        if self.logarithmic:
            low, high = self.low - self.offset, self.high - self.offset
            part = math.log(max(value - self.offset, low) / low) / math.log(high / low)
        else:
            part = (value - self.low) / ((self.high - self.low) or 1)
        return round(STEPS * min(max(part, 0), 1))


class IntEditor(Editor):
    """A spin box, and a slider where the range is short enough for one."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        low = -LARGEST if parameter.low is None else math.ceil(parameter.low) + int(parameter.low_open)
        high = LARGEST if parameter.high is None else math.floor(parameter.high) - int(parameter.high_open)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._spin = QSpinBox()
        self._spin.setKeyboardTracking(False)
        unit = short_unit(parameter)
        self._spin.setSuffix(f" {unit}" if unit else "")
        self._spin.setFixedWidth(76 + 7 * len(self._spin.suffix()))
        self._spin.setRange(low, high)
        short = high - low <= STEPS
        self._slider.setVisible(short)
        self._row.addWidget(self._slider, 1)
        self._row.addWidget(self._spin)
        if short:
            self._slider.setRange(low, high)
            self._slider.valueChanged.connect(self._spin.setValue)
        else:
            self._row.addStretch()
        self._spin.valueChanged.connect(self._spun)

    def _spun(self, value: int) -> None:
        with signals_blocked(self._slider):
            self._slider.setValue(value)
        self._edited(value)

    def _show(self) -> None:
        with signals_blocked(self._spin), signals_blocked(self._slider):
            self._spin.setValue(self._value)
            self._slider.setValue(self._value)


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
        return json.dumps({key: list(item) if isinstance(item, tuple) else item for key, item in value.items()})
    if isinstance(value, tuple):
        return ", ".join(f"{item:.10g}" if isinstance(item, float) else str(item) for item in value)
    return str(value)


def editor_for(parameter: Parameter, owner: str = "") -> Editor:
    """Return the editor of a plain (not nested) parameter of the method class named `owner`, chosen by its type."""
    if parameter.choices:
        return ChoiceEditor(parameter)
    if parameter.type is bool:
        return BoolEditor()
    if parameter.type is int:
        return IntEditor(parameter)
    if parameter.type is float:
        return FloatEditor(parameter)
    return TextEditor(parameter, owner)


def first_value(parameter: Parameter) -> Any:
    """Return a value to begin with when "auto" is switched off before it was ever resolved."""
    if parameter.default is not None and not _is_missing(parameter.default):
        return parameter.default
    if parameter.choices:
        return parameter.choices[0]
    if parameter.type in (int, float):
        return parameter.type(parameter.low or 0) + int(parameter.low_open)
    return {bool: False, str: ""}.get(parameter.type)


def short_unit(parameter: Parameter) -> str:
    """Return the unit where it is short enough to stand behind a number; a long one goes into the label."""
    return parameter.unit if len(parameter.unit) <= LONGEST_SUFFIX else ""


def narrow_combo() -> QComboBox:
    """Return a combo box that takes the width it is given, not that of its longest item."""
    combo = QComboBox()
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def _as_tuple(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item


def _is_missing(value: Any) -> bool:
    from dataclasses import MISSING

    return value is MISSING
