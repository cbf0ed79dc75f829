"""The non-local ridge filter as a compiled CPU kernel: bands of references go to threads.

Convention: fields are extended by the caller. A reference stands at every `stride`-th pixel; the bands that
they are shared out in do not depend on the number of threads, hence neither does the result. This module
imports numba: import it when work begins, not before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import types

from .. import kernels
from ..geometry import rounded_up
from ..kernels import Function, Kernel, array, in_parts, tuple_of
from . import grouping, matching, ridge
from .grouping import LEAST_PIVOT, WHITE_SHARE, Grouping, first_position
from .matching import BINS, measure, nearest, part
from .ridge import (
    add_to,
    gather,
    invert,
    lift,
    noise_gram,
    product,
    take_level,
    take_mean,
    theta_for,
    theta_for_white,
)

Array = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Fields = tuple[Array, Array, Array, Array, Array, Array]
"""Noisy fields and pilots (C, Z, Y, X); guide (Z, Y, X); lags of the noise's autocorrelation, one for white
noise; sums of weighted patches, and weights at their first pixels, (bands, C, Z, rows, X)."""

BAND = 40  # rows of pixels of a band, about: few, as its sums reach a search window farther
_LEAST = np.float32(LEAST_PIVOT)
_ONE = np.float32(1)


@part
def _first(place: int, side: int, positions: int) -> int:
    """Return where a search window begins along one axis; see `grouping.first_position`."""
    return max(0, min(place - side // 2, positions - side))


@part
def _set_window(window: Integers, axis: int, place: int, side: int, positions: int) -> None:
    window[2 * axis] = _first(place, side, positions)
    window[2 * axis + 1] = min(window[2 * axis] + side, positions)


@part
def _locate(
    chosen: Integers, window: Integers, height: int, width: int, places: Integers, starts: Integers
) -> None:
    """Write plane, row and column of the chosen positions of a window, and their place in a flat field."""
    high, wide = window[3] - window[2], window[5] - window[4]
    for i in range(len(chosen)):
        places[i, 0] = window[0] + chosen[i] // (high * wide)
        places[i, 1] = window[2] + chosen[i] // wide % high
        places[i, 2] = window[4] + chosen[i] % wide
        starts[i] = (places[i, 0] * height + places[i, 1]) * width + places[i, 2]


def _cacheable(sources: str) -> Function:
    """Return the kernel as numba's disk cache can keep it: written out in a function of the `sources`."""

    def filter_bands(fields: Fields, numbers: Integers, first: int, last: int) -> None:
        sources  # noqa: B018
        noisy, pilot, guide, lags, sums, weights = fields
        size, matches, search, deep, stride, height_of_band, piloted = numbers
        channels, planes, height, width = noisy.shape
        pixels, down, across = size * size, height - size + 1, width - size + 1
        searched = min(deep, planes) * min(search, down) * min(search, across)
        k = min(matches, searched)
        distances, bins, spare = (
            np.empty(searched, np.float32),
            np.empty(BINS, np.int64),
            np.empty(searched, np.int64),
        )
        window, chosen = np.empty(6, np.int64), np.empty(k, np.int64)
        places, starts = np.empty((k, 3), np.int64), np.empty(k, np.int64)
        patches, signal = np.empty((k, pixels), np.float32), np.empty((k, pixels), np.float32)
        level, unused = np.empty(pixels, np.float32), np.empty(pixels, np.float32)
        gram, inverse = np.empty((k, k), np.float32), np.empty((k, k), np.float32)
        white, kept = lags.size == 1, np.empty(k, np.float32)
        noise = np.float32(pixels) * np.eye(k, dtype=np.float32)
        least = np.float32(pixels) * (_ONE if piloted and white else _LEAST)
        added = np.float32(WHITE_SHARE) * np.float32(pixels)  # see `noise_gram`
        of_level = _ONE / np.float32(k * pixels if white and not piloted else k)  # of what is added again
        for band in range(first, last):
            above = _first(band * height_of_band, search, down)
            for top in range(band * height_of_band, min((band + 1) * height_of_band, down), stride):
                _set_window(window, 1, top, search, down)
                for left in range(0, across, stride):
                    _set_window(window, 2, left, search, across)
                    for plane in range(planes):
                        _set_window(window, 0, plane, deep, planes)
                        measure(guide, size, (plane, top, left), window, distances)
                        nearest(distances, bins, chosen, spare)
                        _locate(chosen, window, height, width, places, starts)
                        if not white:
                            noise_gram(lags, pixels, places, noise)
                        for channel in range(channels):
                            gather(noisy[channel].ravel(), width, size, starts, patches)
                            if not piloted:
                                take_level(patches, level)
                                product(patches, patches.T, gram)
                                lift(gram, noise)
                                if not white:
                                    for i in range(k):
                                        gram[i, i] += added
                            else:
                                gather(pilot[channel].ravel(), width, size, starts, signal)
                                if white:
                                    take_mean(signal, unused)
                                    take_mean(patches, level)
                                else:
                                    take_level(signal, unused)
                                    take_level(patches, level)
                                product(signal, signal.T, gram)
                                gram += noise
                            invert(gram, least, kept, inverse)
                            if white:
                                theta_for_white(inverse, np.float32(pixels), gram, kept)
                            else:
                                theta_for(inverse, noise, gram, kept)
                            product(gram, patches, signal)
                            kept += of_level
                            add_to(
                                sums[band, channel],
                                weights[band, channel],
                                signal,
                                level,
                                kept,
                                places,
                                above,
                                size,
                            )

    return filter_bands


_FIELDS = tuple_of(*(array(n, readonly=True) for n in (4, 4, 3, 3)), array(5), array(5))
_filter = Kernel(
    _cacheable(kernels.digest(grouping, matching, ridge)),
    _FIELDS,
    array(1, types.int64, readonly=True),
    types.int64,
    types.int64,
)


def kernels_of() -> tuple[Kernel, ...]:
    """Return the kernel of `ridge_filtered`."""
    return (_filter,)


def ridge_filtered(
    noisy: Array, pilot: Array | None, guide: Array, grouping: Grouping, lags: Array, *, threads: int
) -> Array:
    """Restore fields by the non-local ridge filter.

    Parameters
    ----------
    noisy : ndarray of float32, (C, Z, Y, X)
        Fields with noise of variance 1, at least a patch wide. Their channels share their groups.
    pilot : ndarray of float32, (C, Z, Y, X), or None
        A first estimate of each; None is the first step, which does without.
    guide : ndarray of float32, (Z, Y, X)
        The field whose patches are compared.
    grouping : Grouping
        How groups are made.
    lags : ndarray of float32, (Z, Y, X)
        The noise's autocorrelation, lag 0 in the middle; a single 1 is white noise.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (C, Z, Y, X)
        Pixels that no patch covers, near the last rows and columns, are those of the pilot, else the noisy.
    """
    size, (_, _, height, width) = grouping.size, noisy.shape
    down = height - size + 1
    if min(down, width - size + 1) < 1:
        raise ValueError(
            f"the fields are {height} x {width} pixels; patches of {size} x {size} need as many."
        )
    band = rounded_up(BAND, grouping.stride)
    rows = band - grouping.stride + min(grouping.search, down) + size - 1
    tops = [first_position(top, grouping.search, down) for top in range(0, down, band)]
    sums = np.zeros((len(tops), *noisy.shape[:2], rows, width), np.float32)
    weights = np.zeros_like(sums)
    numbers = (
        size,
        grouping.matches,
        grouping.search,
        2 * grouping.depth + 1,
        grouping.stride,
        band,
        pilot is not None,
    )
    before = noisy if pilot is None else pilot
    fields = (*map(np.ascontiguousarray, (noisy, before, guide, lags)), sums, weights)
    in_parts(lambda first, last: _filter(fields, np.array(numbers), first, last), len(tops), threads)
    weight = _summed_over_patches(_joined(weights, tops, height), size)
    return np.divide(_joined(sums, tops, height), weight, out=before.copy(), where=weight > 0)


def _joined(bands: Array, tops: list[int], height: int) -> Array:
    """Add up the bands (bands, C, Z, rows, X), each from its top row on, to fields (C, Z, Y, X)."""
    whole = np.zeros((*bands.shape[1:3], height, bands.shape[-1]), np.float32)
    for band, top in zip(bands, tops, strict=True):
        part = whole[:, :, top : top + band.shape[2]]
        part += band[:, :, : part.shape[2]]
    return whole


def _summed_over_patches(weights: Array, size: int) -> Array:
    """Return for each pixel the weights of the patches on it, which stand at their first pixels."""
    for axis in (2, 3):
        total = weights.copy()
        for shift in range(1, size):
            later, earlier = [slice(None)] * 4, [slice(None)] * 4
            later[axis], earlier[axis] = slice(shift, None), slice(None, -shift)
            total[tuple(later)] += weights[tuple(earlier)]
        weights = total
    return weights
