"""Where the result contradicts the data: a map of the local fit, in standard deviations of chance.

Convention: positive is a method noise that is stronger than the noise (signal was removed), negative is a
weaker one (noise was left in place).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal, stats

from ..diagnostics import LIMIT
from ..noise import Autocorrelation, NoiseModel
from .pairs import Float, energies, same_shape

SHARE_LIMIT = 0.005  # of the pixels


@dataclass(frozen=True, eq=False)
class ConfidenceMap:
    """How well a result explains its data, place by place.

    Parameters
    ----------
    chi_square : ndarray, (..., Y, X), float32
        Sum of (image - restored)**2 over the sum of std**2 in a window around each pixel; 1 where all of the
        noise and nothing else was removed, NaN where nothing is known.
    z : ndarray, (..., Y, X), float32
        The same as standard deviations of chance.
    pixels : int
        Pixels in a window.
    """

    chi_square: npt.NDArray[np.float32]
    z: npt.NDArray[np.float32]
    pixels: int

    @property
    def known(self) -> int:
        """Number of pixels that the map knows."""
        return int(np.isfinite(self.z).sum())

    @property
    def contradicted(self) -> npt.NDArray[np.bool_]:
        """Where the result contradicts the data: signal was removed."""
        return self.z > LIMIT

    @property
    def share_contradicted(self) -> float:
        """Part of the pixels where it does, 0 to 1; chance alone gives 0.0013."""
        return float(self.contradicted.sum()) / max(self.known, 1)

    @property
    def share_noisy(self) -> float:
        """Part of the pixels where the result follows the data too closely, 0 to 1."""
        return float((self.z < -LIMIT).sum()) / max(self.known, 1)

    @property
    def limit(self) -> float:
        """Share that is accepted: 0.5 %, or in a small image what chance explains."""
        chance = float(stats.norm.sf(LIMIT))
        windows = max(self.known / self.pixels, 1)
        return float(max(SHARE_LIMIT, chance + LIMIT * np.sqrt(chance / windows)))

    @property
    def passed(self) -> bool | None:
        """Whether no more than the accepted share contradicts the data; None where nothing is known."""
        return self.share_contradicted <= self.limit if self.known else None

    def sentence(self) -> str:
        """Say what the numbers mean."""
        if not self.known:
            return "There is no noise to compare with."
        share = f"{100 * self.share_contradicted:.2g} % of the pixels"
        left = (
            f" In {100 * self.share_noisy:.0f} % noise was left in place." if self.share_noisy > 0.05 else ""
        )
        limit = f"limit {100 * self.limit:.1g} %"
        if self.passed:
            return f"The result explains the data: it contradicts them at {share} ({limit}).{left}"
        return (
            f"The result contradicts the data at {share} ({limit}): signal was removed there, "
            f"or the noise is stronger than said.{left}"
        )


def confidence_map(
    image: npt.ArrayLike, restored: npt.ArrayLike, noise: NoiseModel, radius: int = 3
) -> ConfidenceMap:
    """Map how well the result explains the data.

    Parameters
    ----------
    image, restored : array_like, (..., Y, X)
        The noisy image and its result, in the same units.
    noise : NoiseModel
        The noise of the image; correlated noise leaves fewer independent pixels in a window.
    radius : int
        Windows are 2 * radius + 1 pixels wide, at least 1.

    Returns
    -------
    ConfidenceMap
        Reduced chi-square and its z-score at each pixel.

    Raises
    ------
    ValueError
        If shapes differ, or the radius is not at least 1.

    Notes
    -----
    Chi-square of n independent pixels has a mean of 1 and a variance of 2 / n. Pixels of unequal noise count
    as n = sum(variance)**2 / sum(variance**2), correlated ones as fewer, by the sum of their squared
    correlations. Its cube root is nearly normal (Wilson & Hilferty), which makes z right in the tails too.
    Shrinkage leaves some noise in place, so chi-square is usually a little below 1 and the test is on the
    safe side: what it marks is real if the noise model is. It sees what is as strong as the noise within a
    window; faint wide structure shows in `photometry` by region. Noise is taken to be normal: below some 5
    electrons per pixel chance marks more.

    References
    ----------
    Wilson, Hilferty, "The distribution of chi-square", Proc. Natl. Acad. Sci. 17, 1931,
    doi:10.1073/pnas.17.12.684.
    """
    if radius < 1:
        raise ValueError(f"radius={radius}: expected at least 1 pixel; 3 gives windows of 7 x 7.")
    x, y = same_shape(image=image, restored=restored)
    energy, variance, known = energies(x - y, y, noise)
    width = 2 * radius + 1
    expected, squares = _sums(variance, width), _sums(variance**2, width)
    known &= squares > 0
    chi_square = np.divide(_sums(energy, width), expected, out=np.full(x.shape, np.nan), where=known)
    freedom = np.divide(expected**2, squares, out=np.ones(x.shape), where=known)
    spread = 2 * _crowding(noise.autocorrelation, width) / (9 * np.maximum(freedom, 1))
    score = (np.cbrt(chi_square) - (1 - spread)) / np.sqrt(spread)
    return ConfidenceMap(chi_square.astype(np.float32), score.astype(np.float32), width**2)


def _sums(planes: Float, width: int) -> Float:
    """Return the sums in windows over Y and X, with nothing beyond the border."""
    size = (1,) * (planes.ndim - 2) + (width, width)
    means: Float = ndimage.uniform_filter(planes, size, mode="constant")
    return np.maximum(means, 0) * width**2


def _crowding(autocorrelation: Autocorrelation | None, width: int) -> float:
    """Return how many pixels of a window count as one: the sum of squared correlations between its pixels."""
    if autocorrelation is None:
        return 1.0
    squares = np.atleast_2d(autocorrelation.array) ** 2
    squares = squares[tuple(n // 2 for n in squares.shape[:-2])]  # windows are planes
    pairs = [signal.windows.bartlett(2 * width + 1)[1:-1] for _ in range(2)]
    own, window = (_centred(values, width) for values in (squares, np.multiply.outer(*pairs)))
    return max(float(np.sum(own * window)), 1.0)


def _centred(values: Float, width: int) -> Float:
    """Return the values on lags -width + 1 ... width - 1 of both axes, 0 where there are none."""
    wide = np.pad(values, width)
    return wide[tuple(slice(n // 2 - width + 1, n // 2 + width) for n in wide.shape)]
