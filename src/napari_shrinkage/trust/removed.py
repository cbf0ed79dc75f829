"""Whether the method noise is as strong as the noise, and whether it is stronger where there is structure.

Convention: the method noise is input minus result, as in `diagnostics`; both tests compare it with the noise
model at the brightness of the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from ..diagnostics import LIMIT, SMALL
from ..noise import NoiseModel
from .limits import all_of
from .pairs import Float, energies, means_by, quantile_classes, same_shape

LOWEST, HIGHEST = 0.6, 1.1  # method noise over noise variance; shrinkage always leaves a little in place
CLASSES = 8
WINDOW = 7  # pixels
RING = np.pad(np.zeros((3, 3)), 1, constant_values=1.0)  # blocks around a block, its neighbours left out


@dataclass(frozen=True, eq=False)
class RemovedVariance:
    """Variance of the method noise over that of the noise, in classes of brightness.

    Parameters
    ----------
    means : ndarray, (N,)
        Mean of the result in each class, in the units of the image.
    ratios : ndarray, (N,)
        Variance ratio; 1 where all of the noise and nothing else was removed.
    spreads : ndarray, (N,)
        Standard deviation of the ratio by chance.
    """

    means: Float
    ratios: Float
    spreads: Float

    @property
    def answers(self) -> tuple[bool, ...]:
        """Whether each class lies between 0.6 and 1.1, as far as chance lets it."""
        margin = LIMIT * self.spreads
        return tuple(((self.ratios >= LOWEST - margin) & (self.ratios <= HIGHEST + margin)).tolist())

    @property
    def passed(self) -> bool | None:
        """Whether every class does; None where there was nothing to test."""
        return all_of(self.answers)

    def sentence(self) -> str:
        """Say what the numbers mean."""
        if not self.answers:
            return "There is no noise to compare with."
        ends = dict.fromkeys(f"{ratio:.2f}" for ratio in (self.ratios.min(), self.ratios.max()))
        span = f"{' to '.join(ends)} of the noise's variance was removed"
        if self.passed:
            return f"As much was removed as there is noise: {span}, at every brightness."
        wrong = [f"{m:.4g}" for m, good in zip(self.means, self.answers, strict=True) if not good]
        where = f"around values of {', '.join(wrong[:3])}" + (" and others" if len(wrong) > 3 else "")
        if self.ratios.max() - HIGHEST > LOWEST - self.ratios.min():
            cause = f"Signal was lost {where}, or the noise is stronger than said."
            return f"More was removed than noise: {span}. {cause}"
        return f"Noise was left in place: {span}. Least {where}, or the noise is weaker than said."


@dataclass(frozen=True)
class StructureLeft:
    """Rank correlation between the local energy of the method noise and the local contrast of the result.

    Parameters
    ----------
    correlation : float
        0 where the method noise knows nothing of the image; NaN where the result is flat.
    spread : float
        Standard deviation by chance, of blocks that are independent.
    blocks : int
        Number of blocks.
    """

    correlation: float
    spread: float
    blocks: int

    @property
    def passed(self) -> bool | None:
        """Whether no more was removed where there is contrast; None where the result is flat."""
        if math.isnan(self.correlation):
            return None
        return self.correlation <= max(SMALL, LIMIT * self.spread)

    def sentence(self) -> str:
        """Say what the numbers mean."""
        if math.isnan(self.correlation):
            return "The result is flat, or too small, so there is no structure to compare with."
        numbers = f"rank correlation {self.correlation:+.3f}, chance alone gives ±{self.spread:.3f}"
        if not self.passed:
            return f"More was removed where the image has edges and texture: structure was lost ({numbers})."
        if self.correlation < -max(SMALL, LIMIT * self.spread):
            return f"Less was removed at edges and texture, as shrinkage does: noise stays there ({numbers})."
        return f"What was removed does not follow the structure of the image ({numbers})."


def mean_variance_of(
    method_noise: npt.ArrayLike, restored: npt.ArrayLike, noise: NoiseModel
) -> RemovedVariance:
    """Compare the method noise with the noise model at each brightness.

    Parameters
    ----------
    method_noise, restored : array_like, (..., Y, X)
        Input minus result, and the result, in the units of the image.
    noise : NoiseModel
        The noise of the input.

    Returns
    -------
    RemovedVariance
        Variance ratio in eight classes of equal counts, fewer where they lie within one noise std.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    Below 0.6 noise was left in place, above 1.1 signal was removed, provided that the noise model is right: a
    std that is 10 % too small reads as a ratio of 1.23. The spread is that of white noise; correlated noise
    varies more.
    """
    difference, result = same_shape(method_noise=method_noise, restored=restored)
    energy, variance, known = energies(difference, result, noise)
    if not known.any():
        return RemovedVariance(*(np.zeros(0) for _ in range(3)))
    brightness = result[known]
    index = quantile_classes(brightness, CLASSES)
    n = int(index.max()) + 1
    index = _apart(means_by(index, brightness, n), np.sqrt(means_by(index, variance[known], n)))[index]
    n = int(index.max()) + 1
    removed = means_by(index, energy[known], n) - means_by(index, difference[known], n) ** 2
    ratios = removed / means_by(index, variance[known], n)
    return RemovedVariance(means_by(index, brightness, n), ratios, np.sqrt(2 / np.bincount(index)))


def _apart(means: Float, stds: Float) -> npt.NDArray[np.int64]:
    """Return new labels of classes, the same for those that lie within one noise std.

    They differ by what the result kept of the noise: the brightest of a flat image is where noise was
    strongest.
    """
    labels, first = np.zeros(len(means), np.int64), 0
    for i in range(1, len(means)):
        new = means[i] - means[first] > stds[first]
        labels[i] = labels[i - 1] + new
        first = i if new else first
    return labels


def structure_left(method_noise: npt.ArrayLike, restored: npt.ArrayLike, noise: NoiseModel) -> StructureLeft:
    """Test whether more was removed where the result has edges and texture.

    Parameters
    ----------
    method_noise, restored : array_like, (..., Y, X)
        Input minus result, and the result, in the units of the image.
    noise : NoiseModel
        The noise of the input.

    Returns
    -------
    StructureLeft
        Rank correlation over blocks of 7 x 7 pixels that do not overlap.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    The energy of the method noise in each block, over that of the noise, is set against the mean squared
    gradient of the result in the 16 blocks around it, its neighbours left out. The block itself would
    mislead: where noise happens to be strong more is removed and more is left, so pure noise correlates (+0.2
    to +0.4 for the presets; +0.00 to +0.01 with the ring). The price is power: structure has to reach across
    some 20 pixels, and a lone spot is not seen. Ranks make the number blind to how contrast is distributed.
    Structure that left no trace in the result cannot be found this way; whiteness and the confidence map may
    show it. Blocks with pixels that are not known are left out.
    """
    difference, result = same_shape(method_noise=method_noise, restored=restored)
    removed, variance, known = energies(difference, result, noise)
    contrast = _blocks(_contrast(np.where(np.isfinite(result), result, 0)))
    reached = ndimage.minimum_filter(known, (1,) * (known.ndim - 2) + (3, 3))
    full = _blocks(reached.astype(np.float64)) > 1 - 0.5 / WINDOW**2
    around, number = _rings(contrast * full), _rings(full.astype(np.float64))
    full &= number > 0.5
    energy = _blocks(removed)[full] / _blocks(variance)[full]
    edges = around[full] / number[full]
    if energy.size < 3 or not np.ptp(edges) > 0 or not np.ptp(energy) > 0:
        return StructureLeft(math.nan, math.nan, int(energy.size))
    correlation = float(stats.spearmanr(energy, edges).statistic)
    return StructureLeft(correlation, 1 / math.sqrt(energy.size - 1), int(energy.size))


def _contrast(planes: Float) -> Float:
    """Return the squared gradient of every plane along Y and X."""
    steps = [ndimage.sobel(planes, axis) for axis in (-2, -1)]
    return np.asarray(steps[0] ** 2 + steps[1] ** 2, np.float64)


def _rings(blocks: Float) -> Float:
    """Return the sums over the 16 blocks at a distance of two from each block."""
    sums: Float = ndimage.convolve(
        blocks, RING.reshape((1,) * (blocks.ndim - 2) + RING.shape), mode="constant"
    )
    return sums


def _blocks(planes: Float) -> Float:
    """Return the means of blocks that do not overlap; what is left at the borders is dropped."""
    *outer, height, width = planes.shape
    rows, columns = height // WINDOW, width // WINDOW
    cut = planes[..., : rows * WINDOW, : columns * WINDOW]
    means: Float = cut.reshape(*outer, rows, WINDOW, columns, WINDOW).mean(axis=(-3, -1))
    return means
