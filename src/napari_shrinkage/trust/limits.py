"""When a number passes: within its limit, beyond it, or not told apart from chance.

Convention: True is within the limit, False is beyond it by more than chance explains, None is beyond it by no
more than that: the data cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterable

from scipy import stats

from ..diagnostics import LIMIT


def judged(value: float, limit: float, error: float | None = None, times: float = LIMIT) -> bool | None:
    """Compare the size of `value` with `limit`, given the standard error of `value`.

    Without an error the limit alone decides. A value that is not a number is not judged.
    """
    if value != value:
        return None
    if abs(value) <= limit:
        return True
    return None if error is not None and not abs(value) > limit + times * error else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """Return False where any answer is, else None where any is, else True; None for no answer at all."""
    found = list(answers)
    if False in found:
        return False
    return None if None in found or not found else True


def errors_allowed(number: int) -> float:
    """Return how many standard errors the largest of `number` values rarely exceeds: 3 for one value."""
    return float(stats.norm.isf(stats.norm.sf(LIMIT) / max(number, 1)))


def percent(value: float) -> str:
    """Write a signed percentage with the digits that matter."""
    return f"{value:+.2f} %" if abs(value) < 10 else f"{value:+.0f} %"
