"""The photon transfer line: temporal variance against mean, level by level.

Convention: a level is a set of pixels under the same light, or of the same brightness; its error is measured
on how its pixels scatter, so that neither a law for the noise nor a flat illumination is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..stack import Float

Grid = npt.NDArray[np.float64]

NORMAL_95 = 1.959963984540054
ROUNDS = 4
FALLEN = 5.0  # errors


@dataclass(frozen=True)
class Level:
    """Mean and variance of one light level.

    Parameters
    ----------
    mean, variance : float
        Averages over the pixels, in counts and counts squared.
    pixels : int
        How many pixels.
    scatter : tuple of float
        Variances of the pixels' variances and of their means, and the covariance of the two.
    left_out : str
        Why the level is not used; "" where it is.
    deviation : float
        (variance - line) / line.
    """

    mean: float
    variance: float
    pixels: int
    scatter: tuple[float, float, float]
    left_out: str = ""
    deviation: float = 0.0

    @classmethod
    def of(cls, means: Float, variances: Float) -> Level:
        """Return the level of some pixels, given their temporal means and variances."""
        m, v = (np.asarray(part, np.float64).ravel() for part in (means, variances))
        dm, dv = m - m.mean(), v - v.mean()
        scatter = (float(np.mean(dv * dv)), float(np.mean(dm * dm)), float(np.mean(dm * dv)))
        return cls(float(m.mean()), float(v.mean()), m.size, scatter)

    def error(self, slope: float = 0.0) -> float:
        """Return the standard error of variance - slope * mean."""
        of_variance, of_mean, both = self.scatter
        return float(np.sqrt(max(of_variance - 2 * slope * both + slope**2 * of_mean, 0) / self.pixels))


@dataclass(frozen=True)
class Line:
    """variance = slope * mean + intercept, by weighted least squares.

    Parameters
    ----------
    slope, intercept : float
        Counts per electron, and counts squared.
    slope_error, intercept_error : float
        Their standard errors, larger where the levels scatter more than they should.
    chi_square : float
        Of the fit, per degree of freedom; NaN where there is none left.
    r_square : float
        Share of the weighted scatter of the variances that the line explains.
    """

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    chi_square: float
    r_square: float

    def at(self, mean: float) -> float:
        """Return the variance at a mean."""
        return self.slope * mean + self.intercept

    @property
    def slope_interval(self) -> tuple[float, float]:
        """95 % confidence interval of the slope."""
        return interval(self.slope, self.slope_error)

    @property
    def intercept_interval(self) -> tuple[float, float]:
        """95 % confidence interval of the intercept."""
        return interval(self.intercept, self.intercept_error)


def interval(value: float, error: float) -> tuple[float, float]:
    """Return the 95 % confidence interval of a normal estimate."""
    return value - NORMAL_95 * error, value + NORMAL_95 * error


def fitted_line(levels: list[Level]) -> Line:
    """Fit a line to two or more levels of different means, in rounds, as their errors depend on the slope."""
    means = np.array([level.mean for level in levels])
    variances = np.array([level.variance for level in levels])
    slope = 0.0
    for _ in range(ROUNDS):
        errors = np.array([level.error(slope) for level in levels])
        errors = np.maximum(errors, max(1e-6 * float(variances.max()), np.finfo(float).tiny))
        line = _weighted(means, variances, errors)
        slope = line.slope
    return line


def without_fallen(levels: list[Level]) -> list[Level]:
    """Return levels in which those are left out whose variance has fallen below that of a darker one."""
    return [_left_out_where_fallen(level, levels) for level in levels]


def with_deviations(levels: list[Level], line: Line) -> list[Level]:
    """Return levels that say how far they are from the line."""
    return [
        replace(level, deviation=level.variance / line.at(level.mean) - 1 if line.at(level.mean) > 0 else 0.0)
        for level in levels
    ]


def _left_out_where_fallen(level: Level, levels: list[Level]) -> Level:
    darker = [other for other in levels if other.mean < level.mean and not other.left_out]
    fallen = any(
        other.variance - level.variance > FALLEN * np.hypot(other.error(), level.error()) for other in darker
    )
    reason = "its variance has fallen below that of a darker one, as at full well"
    return replace(level, left_out=level.left_out or reason) if fallen else level


def _weighted(x: Grid, y: Grid, errors: Grid) -> Line:
    weight = 1 / errors**2
    centre_x, centre_y = np.average(x, weights=weight), np.average(y, weights=weight)
    power = float(weight @ (x - centre_x) ** 2)
    slope = float(weight @ ((x - centre_x) * (y - centre_y))) / power
    intercept = float(centre_y - slope * centre_x)
    chi = float(weight @ (y - slope * x - intercept) ** 2)
    freedom = len(x) - 2
    reduced = chi / freedom if freedom else float("nan")
    stretch = max(1.0, reduced) ** 0.5 if freedom else 1.0
    return Line(
        slope,
        intercept,
        stretch * power**-0.5,
        stretch * float(1 / weight.sum() + centre_x**2 / power) ** 0.5,
        reduced,
        1 - chi / float(weight @ (y - centre_y) ** 2),
    )
