"""Editors of numbers: a spin box, and a slider where the range is bounded.

Convention: a slider over several decades is logarithmic; neither a slider nor a spin box ever rounds the
value that it was given.
"""

from __future__ import annotations

import math

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QSlider, QSpinBox
from superqt.utils import signals_blocked

from ..methods import Parameter
from .editor import Editor

STEPS = 400  # of a slider
DECADES = 100.0  # a range this wide gets a logarithmic slider
LARGEST = 2**31 - 1
WIDTH = 84  # pixels of a spin box
LONGEST_SUFFIX = 3  # characters of a unit that stands behind its number


class NumberSpin(QDoubleSpinBox):
    """A spin box that shows five significant digits, whatever the size of the number."""

    def __init__(self, low: float, high: float, suffix: str = "") -> None:
        super().__init__()
        self.setDecimals(12)
        self.setRange(low, high)
        self.setSuffix(f" {suffix}" if suffix else "")
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.setFixedWidth(WIDTH + 7 * len(self.suffix()))

    def textFromValue(self, value: float) -> str:
        """Return five significant digits."""
        return f"{value:.5g}"

    def valueFromText(self, text: str | None) -> float:
        """Read any number, with a decimal point or comma, plain or scientific."""
        if text == self.textFromValue(self.value()) + self.suffix():
            return self.value()  # not typed: the text shows less than the value
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
        size = max(abs(exact), 1e-9) if self.logarithmic else self.high - self.low
        rounded: float = round(exact, 2 - math.floor(math.log10(size)))
        return min(max(rounded, self.low), self.high)

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
        self._spin.setFixedWidth(WIDTH + 7 * len(self._spin.suffix()))
        self._spin.setRange(max(low, -LARGEST), min(high, LARGEST))
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


def short_unit(parameter: Parameter) -> str:
    """Return the unit where it is short enough to stand behind a number; a long one goes into the label."""
    return parameter.unit if len(parameter.unit) <= LONGEST_SUFFIX else ""
