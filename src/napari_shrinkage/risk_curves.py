"""The squared error of a band as a function of its threshold: exact, whole, and with its lowest point.

Convention: coefficients are in units of their noise (variance 1) and pooled over a band; the error is a sum
over them. Sorted by size, they cut the axis of thresholds into intervals within which the same ones are kept,
and there the error is a parabola (soft rule) or a constant (hard rule). So the lowest point of all intervals
is the global minimum, whatever shape the curve has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RiskCurve:
    """A sum of squared errors, one parabola for each number of coefficients that are set to zero.

    Parameters
    ----------
    sizes : ndarray, (n,)
        Absolute values of the coefficients in rising order: where one parabola ends and the next begins.
    constant, linear, quadratic : ndarray, (n + 1,)
        With k coefficients at zero, sizes[k - 1] <= t < sizes[k], the error is constant[k] + linear[k] t +
        quadratic[k] t**2.
    """

    sizes: Values
    constant: Values
    linear: Values
    quadratic: Values

    def __call__(self, t: npt.ArrayLike) -> Values:
        """Return the summed squared error at thresholds of any shape."""
        t = np.asarray(t, np.float64)
        k = np.searchsorted(self.sizes, t, side="right")
        risk: Values = self.constant[k] + t * (self.linear[k] + t * self.quadratic[k])
        return risk

    def slope(self, t: npt.ArrayLike) -> Values:
        """Return the derivative at thresholds of any shape; at a coefficient's size that from the right."""
        t = np.asarray(t, np.float64)
        k = np.searchsorted(self.sizes, t, side="right")
        slope: Values = self.linear[k] + 2 * t * self.quadratic[k]
        return slope

    def minimum(self) -> tuple[float, float]:
        """Return the threshold of the smallest error, and that error: the best point of every interval.

        Notes
        -----
        It is the global minimum, certified by enumeration. The threshold is at most the largest size, where
        nothing is left of the band.
        """
        start = np.concatenate([np.zeros(1), self.sizes])
        end = np.concatenate([self.sizes, self.sizes[-1:] if self.sizes.size else np.zeros(1)])
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = np.where(self.quadratic > 0, -self.linear / (2 * self.quadratic), start)
        place = np.clip(vertex, start, end)
        risks = self.constant + place * (self.linear + place * self.quadratic)
        best = int(np.argmin(risks))
        return float(place[best]), float(risks[best])

    def share_at_zero(self, t: float) -> float:
        """Return the share of the coefficients that a threshold sets to zero."""
        return float(np.searchsorted(self.sizes, t, side="right") / max(self.sizes.size, 1))


def soft_risk(noisy: npt.ArrayLike, target: npt.ArrayLike) -> RiskCurve:
    """Return the error of soft-thresholded coefficients against a target.

    Parameters
    ----------
    noisy, target : array_like
        Coefficients of the same shape. The target is the clean image, or a second noisy one: then every value
        is too large by the number of coefficients, which moves no minimum (Noise2Noise).

    Notes
    -----
    A kept coefficient of size a, with the target u in its direction, leaves (a - t - u)**2; one at zero u**2.
    """
    sizes, along = _sorted(noisy, target)
    excess = sizes - along
    count = np.arange(sizes.size, -1, -1, dtype=np.float64)
    return RiskCurve(sizes, _from(excess**2) + _up_to(along**2), -2 * _from(excess), count)


def hard_risk(noisy: npt.ArrayLike, target: npt.ArrayLike) -> RiskCurve:
    """Return the error of hard-thresholded coefficients against a target; parameters as for `soft_risk`."""
    sizes, along = _sorted(noisy, target)
    constant = _from((sizes - along) ** 2) + _up_to(along**2)
    return RiskCurve(sizes, constant, np.zeros_like(constant), np.zeros_like(constant))


def soft_stein_risk(noisy: npt.ArrayLike) -> RiskCurve:
    """Return Stein's unbiased estimate of the error of soft-thresholded coefficients, without a target.

    Parameters
    ----------
    noisy : array_like
        Coefficients whose noise has variance 1.

    Notes
    -----
    n - 2 #{size <= t} + sum(min(size, t)**2): a parabola that opens upwards within each interval.

    References
    ----------
    Donoho, Johnstone, "Adapting to unknown smoothness via wavelet shrinkage", J. Am. Stat. Assoc. 90, 1995,
    doi:10.1080/01621459.1995.10476626 (eq. 11).
    """
    sizes = np.sort(np.abs(np.asarray(noisy, np.float64)).ravel())
    kept = np.arange(sizes.size, -1, -1, dtype=np.float64)
    return RiskCurve(sizes, 2 * kept - sizes.size + _up_to(sizes**2), np.zeros_like(kept), kept)


def _sorted(noisy: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Values, Values]:
    """Return sizes in rising order, and the target of each in its own direction."""
    c, x = (np.asarray(values, np.float64) for values in (noisy, target))
    if c.shape != x.shape:
        raise ValueError(
            f"noisy coefficients of shape {c.shape} and a target of shape {x.shape}: expected the same shape."
        )
    sizes = np.abs(c).ravel()
    order = np.argsort(sizes)
    return sizes[order], (np.copysign(1.0, c) * x).ravel()[order]


def _up_to(values: Values) -> Values:
    """Return the sum of the first k values, for k = 0 to n."""
    return np.concatenate([np.zeros(1), np.cumsum(values)])


def _from(values: Values) -> Values:
    """Return the sum of all but the first k values, for k = 0 to n."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], np.zeros(1)])
