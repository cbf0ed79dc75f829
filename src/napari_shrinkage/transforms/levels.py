"""How many levels a wavelet transform takes: to where noise no longer matters, as far as the image allows.

Convention: the noise has variance 1. Its share of a scale is its part of the energy that averaging 2 x 2
blocks takes away there (the details of the Haar wavelet), measured in the plane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..sample import Sample
from .base import spacing_ratio

if TYPE_CHECKING:
    from ..noise import Autocorrelation
    from ..stack import Float

MOST_LEVELS = 12
MOST_AUTOMATIC = 6
LEAST_COARSE = 8
NOTICEABLE = 0.01
PIXELS = 2**20


def resolved_levels(levels: int | None, sample: Sample) -> int:
    """Return the number of levels in the plane: the one given if it fits the image, or one from the noise."""
    plane = sample.shape[-2:]
    if levels is None:
        return noisy_levels(sample, fitting_levels([n // LEAST_COARSE for n in plane]))
    if levels > fitting_levels(plane):
        raise ValueError(
            f"levels={levels} needs at least {2**levels} pixels per axis; this image is "
            f"{plane[0]} x {plane[1]}. Use levels <= {fitting_levels(plane)}."
        )
    return levels


def resolved_levels_z(levels_z: int | None, levels: int, sample: Sample) -> int:
    """Return the number of levels along Z: the one given, or fewer than in the plane for long voxels."""
    depth = sample.shape[0]
    most = fitting_levels([depth])
    if levels_z is None:
        return min(max(levels - max(round(math.log2(spacing_ratio(sample.spacing))), 0), 1), most)
    if levels_z > most:
        raise ValueError(
            f"levels_z={levels_z} needs at least {2**levels_z} pixels along Z; this image has {depth}. "
            f"Use levels_z <= {most}."
        )
    return levels_z


def fitting_levels(lengths: Sequence[int]) -> int:
    """Return how often the shortest length can be halved; at least once, as the border goes on."""
    return max(min(lengths).bit_length() - 1, 1)


def noisy_levels(sample: Sample, most: int) -> int:
    """Return the deepest level at which the noise has a noticeable share, at most `most`."""
    most = min(most, MOST_AUTOMATIC)
    if most == 1:
        return 1
    shares = noise_shares(_planes(sample).part(PIXELS).values, most, sample.correlation)
    return max((level for level, share in enumerate(shares, start=1) if share >= NOTICEABLE), default=1)


def _planes(sample: Sample) -> Sample:
    """Return the sample as one of planes (B, C, Y, X): its parts stay wider than those of a volume."""
    if len(sample.shape) == 2:
        return sample
    planes = sample.values.swapaxes(1, 2)
    planes = planes.reshape(-1, *planes.shape[2:])
    return Sample(planes, sample.shape[-2:], sample.spacing[-2:], sample.correlations)


def noise_shares(values: Float, levels: int, correlation: Autocorrelation | None) -> list[float]:
    """Return the noise's share of the energy of levels 1, 2, ... of fields (..., Y, X)."""
    y, x = (n // 2**levels * 2**levels for n in values.shape[-2:])
    means = values[..., :y, :x].astype(np.float64)
    means -= means.mean()
    energy, noise, shares = float(np.mean(means**2)), 1.0, []
    for level in range(1, levels + 1):
        means = (means[..., ::2, :] + means[..., 1::2, :]) / 2
        means = (means[..., ::2] + means[..., 1::2]) / 2
        coarser, quieter = float(np.mean(means**2)), noise_of_means(2**level, correlation)
        shares.append((noise - quieter) / max(energy - coarser, 1e-12))
        energy, noise = coarser, quieter
    return shares


def noise_of_means(side: int, correlation: Autocorrelation | None) -> float:
    """Return the noise variance of the mean over a square block."""
    if correlation is None:
        return 1 / side**2
    box = np.full(side, 1 / side)
    return correlation.variance([np.ones(1)] * (correlation.ndim - 2) + [box, box])
