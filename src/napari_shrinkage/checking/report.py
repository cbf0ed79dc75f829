"""What the checks of a result found: one line each, to read, to plot and to copy.

Convention: a line passes (True), fails (False) or has no verdict (None): there is no limit, or the data
cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from ..noise import NoiseModel
from ..trust.limits import all_of

MARKS = {True: "✓", False: "✗", None: "–"}
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Line:
    """One check of one channel.

    Parameters
    ----------
    check : str
        Its name.
    passed : bool or None
        None is no verdict.
    number : str
        The number that it rests on, with its unit; "" where there is none.
    sentence : str
        What was found, in plain words.
    channel : str
        Which channel was looked at; "" where there is only one.
    found : object
        The value that a function of `trust` returned, for plots.
    """

    check: str
    passed: bool | None
    number: str
    sentence: str
    channel: str = ""
    found: Any = None

    @property
    def mark(self) -> str:
        """A tick, a cross or a dash."""
        return MARKS[self.passed]

    @property
    def title(self) -> str:
        """The check, and the channel where there are several."""
        return f"{self.check}, {self.channel}" if self.channel else self.check


@dataclass(frozen=True, eq=False)
class TrustReport:
    """Whether a result can be measured in.

    Parameters
    ----------
    lines : tuple of Line
        In the order of the checks.
    noise : NoiseModel
        The noise of the image that the checks rest on.
    notes : tuple of str
        What was looked at, and what the noise is worth.
    """

    lines: tuple[Line, ...]
    noise: NoiseModel
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool | None:
        """Whether every check that reached a verdict passed; None where none did."""
        return all_of(line.passed for line in self.lines if line.passed is not None)

    def found(self, kind: type[T]) -> list[tuple[str, T]]:
        """Return the findings of one kind, such as `trust.SpotBias`, each with its channel."""
        return [(line.channel, line.found) for line in self.lines if isinstance(line.found, kind)]

    def summary(self) -> str:
        """Count the verdicts in a sentence."""
        told = [line.passed for line in self.lines]
        counts = f"{told.count(True)} checks passed, {told.count(False)} failed"
        return f"{counts}, {told.count(None)} without a verdict."

    def markdown(self) -> str:
        """Return the report as a Markdown table with its notes."""
        rows = [(line.mark, line.title, line.number, line.sentence) for line in self.lines]
        table = [("", "check", "number", "finding"), ("---",) * 4, *rows]
        lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table]
        return "\n".join([*lines, "", self.summary(), *(f"- {note}" for note in self.notes)])

    def __str__(self) -> str:
        lines = [f"{line.mark} {line.title}: {line.sentence}" for line in self.lines]
        return "\n".join([*lines, *self.notes])
