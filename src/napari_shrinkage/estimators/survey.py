"""What the values of a channel give away before any filter: range, saturation, grey-level step.

Convention: a share is a fraction of the finite pixels; the step is the smallest difference between two values
that occur, which is next to nothing for continuous values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..stack import Float

MOST_VALUES = 2**16
SATURATED_SHARE = 0.05
PILE_SHARE = 0.001
LEAST_SPIKE = 4  # times its neighbours; noise of 0.75 steps makes 2.4 at most
LEAST_STEPS = 0.75  # rounding adds 1/12 of a step squared: here sigma comes out 8 % too large


@dataclass(frozen=True)
class Survey:
    """Range, saturation and grey levels of one channel.

    Parameters
    ----------
    count : int
        Number of finite pixels.
    lowest, highest : float
        The extreme values.
    at_lowest, at_highest : float
        Share of the pixels that have them.
    step : float
        Grey-level step.
    piles : tuple of float
        Values at which pixels pile up: where the sensor saturates, where an image was masked or filled.
    """

    count: int
    lowest: float = 0.0
    highest: float = 0.0
    at_lowest: float = 0.0
    at_highest: float = 0.0
    step: float = 0.0
    piles: tuple[float, ...] = ()

    @classmethod
    def of(cls, planes: Float) -> Survey:
        """Return the survey of an array in which NaN marks what is missing."""
        values = planes if np.isfinite(planes).all() else planes[np.isfinite(planes)]
        if not values.size:
            return cls(0)
        lowest, highest = float(values.min()), float(values.max())
        shares = {end: int(np.count_nonzero(values == end)) / values.size for end in (lowest, highest)}
        step, spikes = _step_and_spikes(values.ravel())
        piles = {*spikes, *(end for end, share in shares.items() if share > PILE_SHARE)}
        return cls(values.size, lowest, highest, shares[lowest], shares[highest], step, tuple(sorted(piles)))

    @property
    def is_saturated(self) -> bool:
        """Whether so many pixels share an extreme value that the user should know."""
        return self.at_lowest > SATURATED_SHARE or self.at_highest > SATURATED_SHARE

    @property
    def cut_off(self) -> tuple[float, float]:
        """The values beyond which the noise is cut off; infinite where pixels do not pile up."""
        low = self.lowest if self.at_lowest > PILE_SHARE else -np.inf
        return low, self.highest if self.at_highest > PILE_SHARE else np.inf

    def doubts(self, sigma: float) -> tuple[str, ...]:
        """Return the sentences that speak against a sigma measured on these values."""
        if self.highest - self.lowest == self.step:
            values = f"{number(self.lowest)} and {number(self.highest)}"
            return (f"The image holds only the values {values}, so sigma = {number(sigma)} means little.",)
        return self._saturated(sigma) + self._quantised(sigma)

    def _saturated(self, sigma: float) -> tuple[str, ...]:
        ends = (("lowest", self.at_lowest, self.lowest), ("highest", self.at_highest, self.highest))
        return tuple(
            f"{share:.0%} of the pixels have the {end} value, {number(value)}: they are saturated or empty, "
            f"and sigma = {number(sigma)} is the noise of the others."
            for end, share, value in ends
            if share > SATURATED_SHARE
        )

    def _quantised(self, sigma: float) -> tuple[str, ...]:
        if sigma >= LEAST_STEPS * self.step:
            return ()
        doubt = (
            f"The noise is finer than the grey levels: sigma = {number(sigma)} with a step of "
            f"{number(self.step)} (rounding alone makes {number(self.step / 12**0.5)})."
        )
        return (doubt,)


def number(value: float) -> str:
    """Return a number with the digits that a reader needs."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _step_and_spikes(values: Float) -> tuple[float, tuple[float, ...]]:
    """Return the grey-level step, and the most frequent value where those beside it are far less frequent."""
    levels, counts = np.unique(values[:: max(values.size // MOST_VALUES, 1)], return_counts=True)
    if levels.size < 2:
        return 0.0, ()
    peak = int(np.argmax(counts))
    beside = int(np.delete(counts[max(peak - 1, 0) : peak + 2], min(peak, 1)).max())
    spiked = counts[peak] > max(LEAST_SPIKE * beside, PILE_SHARE * counts.sum())
    return float(np.diff(levels).min()), (float(levels[peak]),) if spiked else ()
