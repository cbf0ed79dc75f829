"""How a risk curve runs: how many minima it has, and where it bends the wrong way.

Convention: a curve is looked at on a grid of evenly spaced thresholds. Between two coefficients it is a
parabola, so at the scale of single coefficients it has many minima; a grid sees those that matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..risk_curves import RiskCurve

STRAIGHT = 1e-3  # of the strongest bend: weaker ones are single coefficients
SHALLOW = 1e-4  # of a curve's range: dips where a few of the largest coefficients come and go


@dataclass(frozen=True)
class CurveShape:
    """What a risk curve looks like on a grid.

    Parameters
    ----------
    minima : int
        Places from which it rises to both sides, the ends of the grid among them; dips less deep than a
        ten-thousandth of its range (`SHALLOW`) are not counted.
    concave : float
        Share of the inner points of the grid at which it bends downwards, 0 to 1; bends weaker than a
        thousandth of the strongest (`STRAIGHT`) are not counted.
    """

    minima: int
    concave: float

    @property
    def is_convex(self) -> bool:
        """Whether it bends downwards nowhere."""
        return self.concave == 0


def curve_shape(curve: RiskCurve, grid: npt.ArrayLike) -> CurveShape:
    """Return how a risk curve runs over thresholds.

    Parameters
    ----------
    curve : RiskCurve
        Of a band.
    grid : array_like, (n,)
        Evenly spaced thresholds in rising order, at least three.

    Raises
    ------
    ValueError
        If the grid is too short or not evenly spaced.

    Notes
    -----
    One minimum is what gradient descent needs to arrive; it does not need convexity. What a grid finds holds
    at the distance of its points: the exact global minimum is `RiskCurve.minimum`.
    """
    places = np.asarray(grid, np.float64)
    if places.ndim != 1 or places.size < 3:
        raise ValueError(f"a grid of shape {places.shape}: expected at least three thresholds in a row.")
    steps = np.diff(places)
    if steps.min() <= 0 or not np.allclose(steps, steps.mean(), rtol=1e-6):
        raise ValueError("the grid is not evenly spaced and rising; np.linspace makes one that is.")
    values = curve(places)
    bends = np.diff(values, 2)
    concave = bends < -STRAIGHT * np.abs(bends).max()
    return CurveShape(_minima(values), float(np.mean(concave)))


def _minima(values: npt.NDArray[np.float64]) -> int:
    """Return the number of minima that are not shallow; a curve that does not change has one."""
    from scipy.signal import find_peaks

    span = float(np.ptp(values))
    walls = values.max() + span + 1.0
    peaks, _ = find_peaks(-np.concatenate([[walls], values, [walls]]), prominence=SHALLOW * span)
    return len(peaks)
