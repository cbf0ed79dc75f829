"""Whether what a method took away is nothing but noise.

Convention: the method noise is input minus result. Where the noise is white and nothing but noise was
removed, it is white too; structure in it is signal that was lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DIRECTIONS = {"along X": (0, 1), "along Y": (1, 0), "diagonal": (1, 1), "antidiagonal": (1, -1)}
LIMIT = 3.0  # standard deviations that chance alone rarely exceeds
SMALL = 0.05  # a correlation that no eye sees
ORDINARY = -0.15  # shrinkage leaves some noise in place; the presets come this far on photographs


@dataclass(frozen=True)
class Whiteness:
    """Correlations of the method noise with itself at a distance of one pixel.

    Parameters
    ----------
    correlations : dict of str to float
        Correlation coefficient per direction; 0 for white noise.
    spread : float
        Standard deviation that white noise of this size would show by chance, 1 / sqrt(number of pixels).
    pixels : int
        Number of pixels that took part.
    """

    correlations: dict[str, float]
    spread: float
    pixels: int

    @property
    def largest(self) -> float:
        """The correlation that is farthest from 0."""
        return max(self.correlations.values(), key=abs, default=0.0)

    @property
    def is_white(self) -> bool:
        """Whether every correlation is as small as chance explains."""
        return abs(self.largest) <= LIMIT * self.spread

    def sentence(self) -> str:
        """Say what the numbers mean."""
        if not self.correlations:
            return "The method took nothing away, so there is nothing to test."
        numbers = ", ".join(
            f"{value:+.3f} {direction}" for direction, value in list(self.correlations.items())[:2]
        )
        chance = f"chance alone gives ±{self.spread:.3f}"
        if self.is_white:
            return f"The method noise is white: {numbers} ({chance})."
        if abs(self.largest) <= SMALL:
            return f"The method noise is nearly white: {numbers} ({chance})."
        word = "nearly white" if ORDINARY <= self.largest < 0 else "correlated"
        return f"The method noise is {word}: {numbers} ({chance}). {_meaning(self.largest)}"


def whiteness(method_noise: npt.ArrayLike) -> Whiteness:
    """Measure the correlation of neighbouring pixels of the method noise.

    Parameters
    ----------
    method_noise : array_like, (..., Y, X)
        Input minus result; planes are tested together. Non-finite pixels are left out.

    Returns
    -------
    Whiteness
        Lag-1 correlations with the spread to expect of white noise.

    Notes
    -----
    Valid for noise of the same strength everywhere or not: each plane is centred, not rescaled. A method that
    removes all of a white noise and nothing else leaves white method noise; every real method removes a
    little less at low frequencies and where there is texture, which shows as a small negative correlation, or
    a little signal, which shows as a positive one. The sliding DCT presets give -0.04 to -0.11 for white
    noise of std 5 and 25 on photographs of 256 grey levels; down to `ORDINARY` is called nearly white.

    References
    ----------
    Buades, Coll, Morel, "A review of image denoising algorithms, with a new one", Multiscale Model. Simul. 4,
    2005, doi:10.1137/040616024 (method noise).
    """
    planes = np.asarray(method_noise, np.float32)
    if not planes.size:
        return Whiteness({}, 0.0, 0)
    planes = planes.reshape(-1, *planes.shape[-2:])
    known = np.isfinite(planes)
    count = int(known.sum())
    if not count:
        return Whiteness({}, 0.0, 0)
    means = np.where(known, planes, 0).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
    centred = np.where(known, planes - means[:, None, None], 0)
    variance = float(np.mean(centred[known] ** 2, dtype=np.float64))
    if variance <= 0:
        return Whiteness({}, 0.0, count)
    found = {name: _correlation(centred, known, step, variance) for name, step in DIRECTIONS.items()}
    return Whiteness(
        {name: value for name, value in found.items() if value is not None}, 1 / math.sqrt(count), count
    )


def _correlation(
    centred: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], step: tuple[int, int], variance: float
) -> float | None:
    """Return the mean product of pixels `step` apart over the variance, None where there is no such pair."""
    first, second = _pair(centred.shape[1:], step)
    pairs = known[first] & known[second]
    number = int(pairs.sum())
    return (
        float(np.sum(centred[first] * centred[second], dtype=np.float64)) / number / variance
        if number
        else None
    )


def _pair(shape: tuple[int, ...], step: tuple[int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    first, second = [slice(None)], [slice(None)]
    for n, d in zip(shape, step, strict=True):
        first.append(slice(max(-d, 0), n - max(d, 0)))
        second.append(slice(max(d, 0), n + min(d, 0)))
    return tuple(first), tuple(second)


def _meaning(correlation: float) -> str:
    if correlation > 0:
        return "Structure of the image was removed with the noise, or the noise itself is correlated."
    if correlation >= ORDINARY:
        return (
            "Slightly negative is normal: shrinkage leaves some noise at low frequencies and in texture. "
            "The numbers are averages: look for edges and lines in the layer itself."
        )
    return "Noise was left in place, mostly at low frequencies or in textured parts."
