"""Proportion between dim and bright: the line that a result's means follow.

Convention: values are signals above `offset`; pixels come in flat, sorted into classes by a key of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..diagnostics import LIMIT
from .limits import judged
from .pairs import Float, means_by, quantile_classes

SLOPE_LIMIT = 0.01
CLASSES = 10


@dataclass(frozen=True, eq=False)
class Linearity:
    """The line that the result's means follow: result = intercept + slope * image.

    Parameters
    ----------
    before, after : ndarray, (N,)
        Means of the image and of the result in each brightness class, in their units.
    slope : float
        1 where differences in brightness are kept; NaN where there is only one brightness.
    intercept : float
        In the units of the image, at a signal of 0 (a value of `offset`).
    largest_deviation : float
        Largest distance of a class from the line, in per cent of the range that the classes span.
    slope_error : float or None
        Standard error of the slope from the noise; None where the noise was not given.
    own_noise : float
        Largest part of the slope's distance from 1 that noise left in place may explain; 0 where an
        independent reference sorted the pixels, or the noise was not given.
    """

    before: Float
    after: Float
    slope: float
    intercept: float
    largest_deviation: float
    slope_error: float | None
    own_noise: float = 0.0

    @property
    def passed(self) -> bool | None:
        """Whether the slope is 1 within 1 %; None where the noise hides it."""
        if self.slope_error is None:
            return judged(self.slope - 1, SLOPE_LIMIT)
        return judged(self.slope - 1, SLOPE_LIMIT, self.slope_error + self.own_noise / LIMIT)


def linearity(
    before: Float,
    after: Float,
    key: Float,
    variance: Float | None,
    offset: float,
    independent: bool,
    crowding: float = 1.0,
) -> Linearity:
    """Fit the line through the class means of signals (N,), sorted by `key`, whose noise has `variance`.

    Where the key is not `independent` of the noise, what the result kept of it counts as brightness. For a
    linear method that keeps a part p of a noise component, 0 <= p <= 1, the image's means then exceed the
    result's by mean(p - p**2) * variance / spread in slope. The share removed, r = mean((1 - p)**2), is
    known, and mean(p - p**2) <= (1 - r) / 2; what chance adds to 1 - r is added. Chance is `crowding` times
    that of white noise.
    """
    index = quantile_classes(key, CLASSES)
    n = int(index.max()) + 1
    x, y = means_by(index, after, n), means_by(index, before, n)
    centred = x - x.mean()
    spread = float(np.sum(centred**2))
    inverse = float(centred @ y) / spread if spread > 0 else 0.0
    if not inverse > 0:
        return Linearity(y + offset, x + offset, np.nan, np.nan, np.nan, None)
    slope = 1 / inverse
    intercept = float(x.mean() - slope * y.mean())
    deviation = float(100 * np.max(np.abs(x - intercept - slope * y)) / np.ptp(y))
    error, own = None, 0.0
    if variance is not None:
        squares = means_by(index, variance, n) / np.bincount(index)
        error = crowding * float(np.sqrt(np.sum(centred**2 * squares))) / spread * slope**2
        total = float(np.mean(variance))
        chance = LIMIT * crowding * total * np.sqrt(2 / before.size)
        kept = max(total - float(np.var(before - after)), 0.0) + chance
        own = 0.0 if independent else float(kept / 2 * n / spread * slope)
    return Linearity(y + offset, x + offset, slope, intercept, deviation, error, own)
