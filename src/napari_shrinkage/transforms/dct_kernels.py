"""Fused CPU kernels of the sliding DCT: patches are transformed, shrunk, inverted and averaged in one pass.

Bands of rows go to threads; within a band, a tile of columns stays in the L1 cache. For each row of patches
there: column DCT, once per column and shared by the patches across it; row DCT, by shifted loads; shrink;
inverse row DCT; overlap-add along the row; only then the inverse column DCT, again once per column. The
patches' weights are summed over windows once, at the end.

Convention: the caller has extended the fields, so nothing is padded here. All channels are filtered in one
call. The bands do not depend on the number of threads, hence neither does the result. This module imports
numba: import it when work begins, not before. A kernel is compiled at its first use (seconds), kept by
numba's disk cache and loaded from there in later sessions.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numba import types

from ..kernels import Function, Kernel, array, digest, in_parts, tuple_of, variant
from . import dct_kernels_1d, dct_kernels_steps, dct_kernels_volume
from .dct_kernels_steps import BAND, Array, average, bands, hard, tile_of, wiener
from .dct_kernels_volume import volume_bands

FUSED_SIZES: tuple[int, ...] = (8, 16)
LARGEST_DEPTH = 16

Patch = tuple[int, ...]
"""Shape of a patch: (size, size), or (depth, size, size) in volumes."""

_SOURCES = digest(dct_kernels_1d, dct_kernels_steps, dct_kernels_volume)[:16]
_bands: Function = bands  # each kernel has its own copy of `_filter`, and its own of these


def _filter(arrays: Any, uniform: bool, first: int, last: int) -> None:
    _bands(arrays, uniform, first, last)


@cache
def _hard(patch: Patch) -> Kernel:
    return _kernel("hard", hard, False, patch)


@cache
def _wiener(patch: Patch) -> Kernel:
    return _kernel("wiener", wiener, True, patch)


def _kernel(name: str, step: Function, piloted: bool, patch: Patch) -> Kernel:
    *depth, _, size = patch
    tile, ndim = tile_of(size), 1 + len(patch)
    if depth:
        filter_bands = volume_bands(size, *depth, step(*depth, tile, tile), piloted)
    else:
        filter_bands = bands(size, step(size, 1, tile), piloted)
    field, sums = array(ndim, readonly=True), array(ndim)
    run = variant(_filter, f"{name}_{'_'.join(map(str, patch))}_{_SOURCES}", _bands=filter_bands)
    arrays = tuple_of(field, field, array(2), sums, sums)
    return Kernel(run, arrays, types.boolean, types.int64, types.int64)


_average = Kernel(average, types.int64, array(4), array(4), array(4), types.int64, types.int64)


def kernels_of(step: Literal["hard", "wiener"], patch: Patch) -> tuple[Kernel, ...]:
    """Return the kernels of one of the two functions below for patches of a shape.

    Raises
    ------
    ValueError
        If there are none.
    """
    _check_patch(patch)
    return {"hard": _hard, "wiener": _wiener}[step](patch), _average


def hard_threshold(
    field: Array, thresholds: Array, *, uniform_weights: bool = False, keep_dc: bool = True, threads: int
) -> Array:
    """Restore the channels of a field by hard thresholding of the DCT of each of their patches.

    Parameters
    ----------
    field : ndarray of float32, (C, Y, X) or (C, Z, Y, X)
        Extended by the caller: fewer patches cover the pixels near its border.
    thresholds : ndarray of float32, (C, size, size) or (C, depth, size, size)
        For each coefficient of the orthonormal DCT-II, vertical frequency before horizontal, the magnitude up
        to which it is dropped, in the field's unit. Its shape says how large the patches are.
    uniform_weights : bool
        Average the patches equally, not by 1 / (number of coefficients kept).
    keep_dc : bool
        Keep the patch mean, whatever its threshold.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32
        As large as the field.

    Raises
    ------
    TypeError
        If an array is not float32.
    ValueError
        If there is no kernel for patches of this shape, or if the field is smaller than one.
    """
    _check(field, "field", thresholds, "thresholds", threads)
    limits = thresholds.copy()
    if keep_dc:
        limits.reshape(len(limits), -1)[:, 0] = -1
    return _restored(_hard(limits.shape[1:]), field, field, limits, uniform_weights, threads)


def empirical_wiener(field: Array, pilot: Array, variances: Array, *, threads: int) -> Array:
    """Restore the channels of a field by attenuating the DCT of each patch, given a first estimate.

    A coefficient is multiplied by g = p^2 / (p^2 + v), with p that of the pilot (the patch mean by 1); a
    patch weighs 1 / sum(g^2).

    Parameters
    ----------
    field : ndarray of float32, (C, Y, X) or (C, Z, Y, X)
        Extended by the caller: fewer patches cover the pixels near its border.
    pilot : ndarray of float32, as large
        The first estimate, extended likewise.
    variances : ndarray of float32, (C, size, size) or (C, depth, size, size)
        Noise variance v of each coefficient of the orthonormal DCT-II, vertical frequency before horizontal,
        in the field's unit squared. Its shape says how large the patches are.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32
        As large as the field.

    Raises
    ------
    TypeError
        If an array is not float32.
    ValueError
        If there is no kernel for patches of this shape, if the field is smaller than one, or the pilot not as
        large as the field.

    References
    ----------
    Ghael, Sayeed, Baraniuk, "Improved wavelet denoising via empirical Wiener filtering", 1997,
    doi:10.1117/12.292799.
    """
    _check(field, "field", variances, "variances", threads)
    _check(pilot, "pilot", variances, "variances", threads)
    if pilot.shape != field.shape:
        raise ValueError(f"the pilot is {pilot.shape}, the field {field.shape}; extend both alike.")
    noise = variances.copy()
    noise.reshape(len(noise), -1)[:, 0] = 0
    return _restored(_wiener(noise.shape[1:]), field, pilot, noise, False, threads)


def _restored(
    kernel: Kernel, field: Array, pilot: Array, limits: Array, uniform: bool, threads: int
) -> Array:
    """Return the weighted average of the filtered patches."""
    *planes, height, width = field.shape
    channels, size = len(field), limits.shape[-1]
    down = height - size + 1
    sums = np.zeros((channels * -(-down // BAND), *planes[1:], BAND + size - 1, width), np.float32)
    weights = np.zeros((*planes, down, width + size - 1), np.float32)  # with size - 1 zeros on either side
    restored = np.empty(field.shape, np.float32)
    if field.ndim == 4:
        limits = np.moveaxis(limits, 1, 3)  # frequencies across planes lie together
    numbers = np.ascontiguousarray(limits.reshape(channels, -1))
    arrays = np.ascontiguousarray(field), np.ascontiguousarray(pilot), numbers, sums, weights
    in_parts(lambda first, last: kernel(arrays, uniform, first, last), len(sums), threads)
    means = [x if x.ndim == 4 else x[:, None] for x in (sums, weights, restored)]
    in_parts(lambda first, last: _average(size, *means, first, last), means[2][..., 0].size, threads)
    return restored


def _check(field: Array, name: str, limits: Array, limits_name: str, threads: int) -> None:
    for array_name, values in ((name, field), (limits_name, limits)):
        if values.dtype != np.float32:
            raise TypeError(
                f"the {array_name}: {values.dtype}; the fused kernels take float32. Convert with astype."
            )
    _check_patch(limits.shape[1:])
    if field.ndim != limits.ndim or len(field) != len(limits):
        raise ValueError(
            f"the {name} is {field.shape}, the {limits_name} {limits.shape}; the kernels need (C, Y, X) with "
            "(C, size, size), or (C, Z, Y, X) with (C, depth, size, size)."
        )
    if any(n < least for n, least in zip(field.shape, limits.shape, strict=True)):
        raise ValueError(
            f"the {name} is {field.shape}; patches of {_words(limits.shape[1:])} pixels need it larger."
        )
    if threads < 1:
        raise ValueError(f"threads={threads}; use 1 or more.")


def _check_patch(patch: Patch) -> None:
    *depth, height, width = patch if len(patch) in (2, 3) else (0, 0, 0)
    if height != width or width not in FUSED_SIZES or not all(1 <= d <= LARGEST_DEPTH for d in depth):
        raise ValueError(
            f"no fused kernel has patches of {_words(patch)} pixels, only squares of {FUSED_SIZES} and boxes "
            f"of these up to {LARGEST_DEPTH} planes; use the torch transform instead."
        )


def _words(patch: Patch) -> str:
    return " x ".join(map(str, patch))
