"""CPU kernels that find how far the surroundings of each pixel look alike, along eight rays.

A ray grows from scale to scale while the confidence intervals of its estimates, all of the pixel at its
start, still have a value in common; where an edge comes in, they part.

Convention: rays and scales are those of `shapes`. A ray ends at the border of the field. This module imports
numba: import it when work begins, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ..kernels import OPTIONS, Function, Kernel, array, digest, in_parts
from . import shapes
from .shapes import RAYS, SCALES

Array = npt.NDArray[np.float32]
Lengths = npt.NDArray[np.uint8]
Number = Any  # float32 inside a kernel

STEPS, PIXELS = np.array(RAYS), np.array(SCALES)
ZERO = np.float32(0)
inlined: Callable[[Function], Function] = njit(forceinline=True, **OPTIONS)


@inlined
def _estimate(field: Array, weights: Array, y: int, x: int, dy: int, dx: int) -> Number:
    """Return a ray's estimate of the pixel at its start."""
    total = ZERO
    for k in range(len(weights)):
        total += weights[k] * field[y + k * dy, x + k * dx]
    return total


@inlined
def _median(counts: Any) -> int:
    """Return the middle of values 0, 1, ... that occur so often."""
    half, value, below = counts.sum() // 2, 0, counts[0]
    while below <= half:
        value += 1
        below += counts[value]
    return value


def _cacheable(sources: str) -> tuple[Function, ...]:
    """Return the kernels as numba's disk cache can keep them, with the digest of their constants' file."""

    def ray_lengths(
        field: Array, weights: Array, widths: Array, lengths: Lengths, first: int, last: int
    ) -> None:
        """Let each ray grow while the intervals of all its estimates so far have a value in common."""
        sources  # noqa: B018
        height, width = field.shape
        for ray in range(len(STEPS)):
            dy, dx = STEPS[ray]
            for y in range(first, last):
                for x in range(width):
                    low, high = -np.inf, np.inf
                    lengths[ray, y, x] = 0
                    for scale in range(len(PIXELS)):
                        reach = PIXELS[scale] - 1
                        end_y, end_x = y + reach * dy, x + reach * dx
                        if end_y < 0 or end_y >= height or end_x < 0 or end_x >= width:
                            break
                        value = _estimate(field, weights[scale, : reach + 1], y, x, dy, dx)
                        low = max(low, value - widths[ray, scale])
                        high = min(high, value + widths[ray, scale])
                        if low > high:
                            break
                        lengths[ray, y, x] = scale

    def medians(lengths: Lengths, smoothed: Lengths, first: int, last: int) -> None:
        """Take the median of each ray's length over 3 x 3 pixels."""
        sources  # noqa: B018
        _, height, width = lengths.shape
        counts = np.zeros(len(PIXELS), np.int64)
        for ray in range(len(STEPS)):
            for y in range(first, last):
                for x in range(width):
                    counts[:] = 0
                    for i in range(max(y - 1, 0), min(y + 2, height)):
                        for j in range(max(x - 1, 0), min(x + 2, width)):
                            counts[lengths[ray, i, j]] += 1
                    smoothed[ray, y, x] = _median(counts)

    return ray_lengths, medians


_LENGTHS = array(3, types.uint8)
_ray_lengths, _medians = _cacheable(digest(shapes))
_RAY_LENGTHS = Kernel(
    _ray_lengths, array(2, readonly=True), array(2), array(2), _LENGTHS, types.int64, types.int64
)
_MEDIANS = Kernel(_medians, _LENGTHS, _LENGTHS, types.int64, types.int64)


def kernels_of() -> tuple[Kernel, ...]:
    """Return the kernels of `ray_lengths`."""
    return _RAY_LENGTHS, _MEDIANS


def ray_lengths(field: Array, widths: Array, *, threads: int) -> Lengths:
    """Return how far each ray goes from each pixel before it meets an edge.

    Parameters
    ----------
    field : ndarray of float32, (Y, X)
        The noisy field.
    widths : ndarray of float32, (ray, scale)
        Half the width of each estimate's interval, in the field's unit.
    threads : int
        How many threads share the work.

    Returns
    -------
    ndarray of uint8, (ray, Y, X)
        The index of the ray's scale, its median over 3 x 3 pixels.

    References
    ----------
    Katkovnik, Egiazarian, Astola, "Local approximation techniques in signal and image processing", SPIE 2006,
    doi:10.1117/3.660178 (the intersection of confidence intervals).
    """
    found = np.zeros((len(RAYS), *field.shape), np.uint8)
    smoothed = np.zeros_like(found)
    weights = shapes.ray_weights()
    in_parts(lambda a, b: _RAY_LENGTHS(field, weights, widths, found, a, b), len(field), threads)
    in_parts(lambda a, b: _MEDIANS(found, smoothed, a, b), len(field), threads)
    return smoothed
