"""Photon transfer: how the noise variance of an image depends on its brightness, and the line through that.

Blocks are sorted into classes of brightness; in each class the flattest ones show the noise alone (`Blocks`).
Convention: a point is a class, its variance that of the high frequencies, which white noise has everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .blocks import Blocks
from .survey import Survey

Values = npt.NDArray[np.float64]

CLASSES = 24
LEAST_IN_CLASS = 16
LEAST_SHARE = 0.25  # of a class that is used where none of its blocks are flat
MOST_WEIGHT = 400  # blocks: beyond, the class is as good as structure in it lets it be
WHITEST = 0.1  # of the classes, by tilt
MOST_TILT = 2.5  # of the whitest classes: beyond, the noise itself is correlated
FLAT_TILT = 0.9  # of blocks that were chosen for flatness, in white noise
TEXTURED_TILT = 1.6
HIGH_SHARE, CORNER_SHARE = 0.13, 0.08  # of the low frequencies of texture that high and highest ones hold
DOUBT = 0.2  # of the same, its scatter; all three are medians over photographs
CUT_OFF = 2.5  # noise std that a class keeps from values at which pixels pile up
LEAST_CLASSES = 4
LEAST_LEFT = 0.2
ROUNDS = 30
HUBER = 1.345
ABOVE = 3  # power of the weight of points far above the line: texture adds variance, nothing takes it away
LEAST_PREDICTED = 0.02  # of the median variance
OVERLAP = 2.0  # dense blocks share pixels: fewer of them are independent
COEFFICIENTS = 21  # high frequencies of a block


@dataclass(frozen=True)
class Transfer:
    """Noise variance against brightness, dark to bright.

    Parameters
    ----------
    means : ndarray, (N,)
        Mean value of the flat blocks of each class, in the units of the image.
    variances : ndarray, (N,)
        Their noise variance, in those units squared.
    blocks : ndarray, (N,)
        How many blocks were flat.
    tilts : ndarray, (N,)
        Energy of their low frequencies as a multiple of the high ones': far above 1 is structure, or
        correlated noise.
    """

    means: Values
    variances: Values
    blocks: Values
    tilts: Values

    @classmethod
    def of(cls, blocks: Blocks, survey: Survey) -> Transfer:
        """Measure every class of brightness, but for those whose noise is cut off at an end of the values."""
        flat = [flattest_of(part) for part in blocks.by_level(CLASSES, LEAST_IN_CLASS)]
        rows = [(p.brightness.mean(), p.variance, len(p), p.tilt, p.corner) for p in flat]
        means, variances, counts, tilts, corners = np.array(rows).reshape(-1, 5).T
        if _whitest(tilts) <= MOST_TILT:
            variances = _without_texture(variances, corners, tilts)
        reach = CUT_OFF * np.sqrt(variances)
        whole = (means - reach > survey.cut_off[0]) & (means + reach < survey.cut_off[1])
        used = whole if np.count_nonzero(whole) >= LEAST_CLASSES else np.ones_like(whole)
        return cls(means[used], variances[used], counts[used], tilts[used])

    @classmethod
    def of_curve(cls, means: Values, variances: Values) -> Transfer:
        """Return the points of a curve that was measured otherwise."""
        return cls(means, variances, np.ones_like(means), np.ones_like(means))

    def __len__(self) -> int:
        return len(self.means)

    @property
    def weights(self) -> Values:
        """Number of independent measurements that each variance is worth: few where texture was taken out."""
        measured = np.minimum(self.blocks, MOST_WEIGHT) * COEFFICIENTS / OVERLAP
        texture = 0 if self.whitest > MOST_TILT else DOUBT * np.maximum(self.tilts - FLAT_TILT, 0)
        return np.asarray(2 / (2 / measured + texture**2))

    @property
    def whitest(self) -> float:
        """Tilt of the whitest classes: 0.8 for white noise, whatever the rest of the image holds."""
        return _whitest(self.tilts)

    def scaled(self, factor: float) -> Transfer:
        """Return the points with all variances multiplied: correlated noise has more than it shows."""
        return Transfer(self.means, self.variances * factor, self.blocks, self.tilts)


def _whitest(tilts: Values) -> float:
    return float(np.quantile(tilts, WHITEST))


def _without_texture(variances: Values, corners: Values, tilts: Values) -> Values:
    """Return the variances of classes without what texture adds to them.

    Texture falls with frequency: where there is some, the highest frequencies are taken, and of them the
    share that goes with what the low ones hold beyond noise.
    """
    textured = np.clip((tilts - FLAT_TILT) / (TEXTURED_TILT - FLAT_TILT), 0, 1)
    noisy = (1 - textured) * variances + textured * corners
    share = (1 - textured) * HIGH_SHARE + textured * CORNER_SHARE
    extra = np.maximum(tilts * variances - FLAT_TILT * noisy, 0)
    return np.maximum(noisy - share * extra, LEAST_LEFT * noisy)


@dataclass(frozen=True)
class Line:
    """A straight line variance = slope * mean + intercept, and how well it is known.

    Parameters
    ----------
    slope, intercept : float
        In counts and counts squared.
    slope_error, intercept_error : float
        Their standard errors; structure of the image that was taken for noise is not in them.
    deviation : float
        Median relative distance of the points from the line.
    """

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    deviation: float

    def scaled(self, factor: float) -> Line:
        """Return the line with all variances multiplied."""
        return replace(
            self,
            slope=self.slope * factor,
            intercept=self.intercept * factor,
            slope_error=self.slope_error * factor,
            intercept_error=self.intercept_error * factor,
        )

    def at(self, mean: Values | float) -> Values:
        """Return the variance at a mean value."""
        return self.slope * np.asarray(mean) + self.intercept


def flattest_of(part: Blocks) -> Blocks:
    """Return the flat blocks of a class; where there are few, the flatter quarter."""
    flat = part.flattest()
    least = max(round(LEAST_SHARE * len(part)), 1)
    return flat if len(flat) >= least else part.flatter(least)


def fitted_line(points: Transfer) -> Line:
    """Fit a robust line: Huber's weights on relative residuals, each point weighing by its prediction.

    Parameters
    ----------
    points : Transfer
        At least one class.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Ann. Math. Stat. 35, 1964,
    doi:10.1214/aoms/1177703732.
    """
    means, variances = points.means, points.variances
    if len(points) < 2:
        return Line(0.0, float(variances.mean()), 0.0, float(variances.mean()), 0.0)
    design = np.stack([means, np.ones_like(means)], axis=1)
    usual = float(np.median(variances)) or float(variances.mean())
    floor = max(LEAST_PREDICTED * usual, float(np.finfo(np.float64).tiny))
    predicted, robust = np.maximum(variances, floor), np.ones_like(means)
    solution: Values = np.zeros(2)
    for _ in range(ROUNDS):
        root = np.sqrt(robust * points.weights) / predicted
        solution = np.asarray(
            np.linalg.lstsq(design * root[:, None], variances * root, rcond=None)[0], np.float64
        )
        predicted = np.maximum(design @ solution, floor)
        residuals = np.sqrt(points.weights) * (variances - design @ solution) / predicted
        scale = max(float(np.median(np.abs(residuals))) / 0.6745, 1e-9)
        robust = np.minimum(1, HUBER * scale / np.maximum(np.abs(residuals), 1e-9))
        robust = np.where(residuals > 0, robust**ABOVE, robust)
    errors = _errors(design * root[:, None], max(scale, 2**0.5))
    deviation = float(np.median(np.abs(variances / predicted - 1)))
    return Line(float(solution[0]), float(solution[1]), errors[0], errors[1], deviation)


def _errors(design: Values, scale: float) -> list[float]:
    """Return the standard errors of a weighted fit whose residuals have the std `scale`."""
    covariance = np.linalg.pinv(design.T @ design)
    return [float(error) for error in scale * np.sqrt(np.maximum(np.diag(covariance), 0))]
