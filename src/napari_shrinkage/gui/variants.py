"""The values of a setting that are worth comparing: the current one, and some on either side.

Convention: a setting is named by its dotted path in a method, such as "threshold.r"; every value lies within
its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..methods import Method, Parameter, parameters, with_value
from .fields import spelled

STEP = 1.3  # factor from one number to the next


@dataclass(frozen=True, eq=False)
class Setting:
    """A field that can be varied: its dotted path, its parameter and its current value."""

    path: str
    parameter: Parameter
    value: Any

    @property
    def title(self) -> str:
        """The path in words."""
        *inside, _ = self.path.split(".")
        return " ".join([*(part.capitalize() for part in inside), spelled(self.parameter).lower()])

    def caption(self, value: Any) -> str:
        """Return a value with its name in front."""
        name = spelled(self.parameter).partition(" (")[0]
        return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"


def settings_of(value: Method, prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of a method, and of the methods inside it, that have more than one value to try."""
    for parameter in parameters(type(value)):
        current, path = getattr(value, parameter.name), f"{prefix}{parameter.name}"
        if isinstance(current, Method):
            yield from settings_of(current, f"{path}.")
        elif not parameter.hidden and current is not None and len(variants(parameter, current, 3)) > 1:
            yield Setting(path, parameter, current)


def variants(parameter: Parameter, value: Any, count: int) -> list[Any]:
    """Return up to `count` values of a parameter around the current one, in order."""
    if parameter.choices or parameter.type is bool:
        choices = list(parameter.choices) or [False, True]
        start = min(max(choices.index(value) - count // 2, 0), max(len(choices) - count, 0))
        return choices[start : start + count]
    if parameter.type not in (int, float):
        return [value]
    reach = count // 2
    found = {_stepped(parameter, value, power) for power in range(-reach, reach + 1)}
    return sorted(number for number in found if _allowed(parameter, number))


def grid(value: Method, across: Setting, down: Setting | None, side: int) -> tuple[list[Method], str]:
    """Return a method varied over one setting (up to side * side values) or two (side by side), row by row.

    Returns
    -------
    list of Method
        Combinations that do not go together are left out.
    str
        Why some were left out, or "".
    """
    alone = down is None or down.path == across.path
    rows = [None] if down is None or alone else variants(down.parameter, down.value, side)
    found, why = [], ""
    for row in rows:
        for column in variants(across.parameter, across.value, side * side if alone else side):
            try:
                varied = with_value(value, across.path, column)
                found.append(varied if down is None or row is None else with_value(varied, down.path, row))
            except (TypeError, ValueError) as error:
                why = str(error)
    return found, why


def value_at(value: Method, path: str) -> Any:
    """Return what lies at a dotted path."""
    found: Any = value
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _stepped(parameter: Parameter, value: Any, power: int) -> Any:
    if parameter.type is int:
        return value + power * (max(round(value * (STEP - 1)), 1))
    number = value * STEP**power if value else power * (parameter.high or 1.0) / 10
    return value if power == 0 else float(f"{number:.3g}")


def _allowed(parameter: Parameter, number: float) -> bool:
    low = -math.inf if parameter.low is None else parameter.low
    high = math.inf if parameter.high is None else parameter.high
    above = number > low if parameter.low_open else number >= low
    return above and (number < high if parameter.high_open else number <= high)
