"""Fused CPU kernels of the sliding DCT: patches are transformed, shrunk, inverted and averaged in one pass.

Bands of rows go to threads; within a band, a tile of columns stays in the L1 cache. For each row of patches
there: column DCT, once per column and shared by the patches across it; row DCT, by shifted loads; shrink;
inverse row DCT; overlap-add along the row; only then the inverse column DCT, again once per column. The
patches' weights are summed over windows once, at the end.

Convention: the caller has extended the fields, so nothing is padded here. The bands do not depend on the
number of threads, hence neither does the result. This module imports numba: import it when work begins, not
before. A kernel is compiled at its first use (seconds), kept by numba's disk cache and loaded from there in
later sessions.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import types

from ..kernels import Function, Kernel, array, digest, in_parts, tuple_of
from . import dct_kernels_1d, dct_kernels_steps
from .dct_kernels_steps import BAND, Array, Planes, average, bands, hard, wiener

FUSED_SIZES: tuple[int, ...] = (8, 16)

_HARD8, _HARD16 = bands(8, hard(8), False), bands(16, hard(16), False)
_WIENER8, _WIENER16 = bands(8, wiener(8), True), bands(16, wiener(16), True)


def _cacheable(sources: str) -> tuple[Function, ...]:
    """Return the kernels as numba's disk cache can keep them, with the digest of what they inline."""

    def hard8(planes: Planes, uniform: bool, first: int, last: int) -> None:
        sources  # noqa: B018
        _HARD8(planes, uniform, first, last)

    def hard16(planes: Planes, uniform: bool, first: int, last: int) -> None:
        sources  # noqa: B018
        _HARD16(planes, uniform, first, last)

    def wiener8(planes: Planes, uniform: bool, first: int, last: int) -> None:
        sources  # noqa: B018
        _WIENER8(planes, uniform, first, last)

    def wiener16(planes: Planes, uniform: bool, first: int, last: int) -> None:
        sources  # noqa: B018
        _WIENER16(planes, uniform, first, last)

    return hard8, hard16, wiener8, wiener16


_PLANES = tuple_of(array(2, readonly=True), array(2, readonly=True), array(1), array(3), array(2))
_hard8, _hard16, _wiener8, _wiener16 = (
    Kernel(function, _PLANES, types.boolean, types.int64, types.int64)
    for function in _cacheable(digest(dct_kernels_1d, dct_kernels_steps))
)
_average = Kernel(average, types.int64, array(3), array(2), array(2), types.int64, types.int64)
_HARD, _WIENER = {8: _hard8, 16: _hard16}, {8: _wiener8, 16: _wiener16}


def compile_kernels(sizes: Iterable[int] = (8,)) -> None:
    """Compile the kernels for these patch sizes, or load them from numba's disk cache; once in a process.

    Parameters
    ----------
    sizes : iterable of int
        Patch sizes in pixels, each one of `FUSED_SIZES`.
    """
    for size in sizes:
        _check_size(size)
        for kernel in _kernels(size):
            kernel.compile()


def is_compiled(size: int) -> bool:
    """Return whether all kernels for this patch size are ready in this process; never waits."""
    return size in FUSED_SIZES and all(kernel.is_compiled for kernel in _kernels(size))


def _kernels(size: int) -> tuple[Kernel, ...]:
    return _HARD[size], _WIENER[size], _average


def hard_threshold(
    field: Array,
    size: int,
    thresholds: Array,
    *,
    uniform_weights: bool = False,
    keep_dc: bool = True,
    threads: int,
) -> Array:
    """Restore a field by hard thresholding of the DCT of each of its patches.

    Parameters
    ----------
    field : ndarray of float32, (Y, X)
        Extended by the caller: fewer patches cover the pixels near its border.
    size : int
        Patch size in pixels, one of `FUSED_SIZES`.
    thresholds : ndarray of float32, (size, size)
        For each coefficient of the orthonormal DCT-II, vertical frequency first, the magnitude up to which it
        is dropped, in the field's unit.
    uniform_weights : bool
        Average the patches equally, not by 1 / (number of coefficients kept).
    keep_dc : bool
        Keep the patch mean, whatever its threshold.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (Y, X)
    """
    _check(field, size, thresholds, "thresholds", threads)
    limits = thresholds.copy()
    if keep_dc:
        limits[0, 0] = -1
    return _restored(_HARD[size], field, field, limits, uniform_weights, threads)


def empirical_wiener(field: Array, pilot: Array, size: int, variances: Array, *, threads: int) -> Array:
    """Restore a field by attenuating the DCT of each of its patches, given a first estimate of the field.

    A coefficient is multiplied by g = p^2 / (p^2 + v), with p that of the pilot (the patch mean by 1); a
    patch weighs 1 / sum(g^2).

    Parameters
    ----------
    field : ndarray of float32, (Y, X)
        Extended by the caller: fewer patches cover the pixels near its border.
    pilot : ndarray of float32, (Y, X)
        The first estimate, extended likewise.
    size : int
        Patch size in pixels, one of `FUSED_SIZES`.
    variances : ndarray of float32, (size, size)
        Noise variance v of each coefficient of the orthonormal DCT-II, vertical frequency first, in the
        field's unit squared.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (Y, X)

    References
    ----------
    Ghael, Sayeed, Baraniuk, "Improved wavelet denoising via empirical Wiener filtering", 1997,
    doi:10.1117/12.292799.
    """
    _check(field, size, variances, "variances", threads)
    _check_field(pilot, size, "pilot")
    if pilot.shape != field.shape:
        raise ValueError(f"the pilot is {pilot.shape}, the field {field.shape}; extend both alike.")
    noise = variances.copy()
    noise[0, 0] = 0
    return _restored(_WIENER[size], field, pilot, noise, False, threads)


def _restored(
    kernel: Kernel, field: Array, pilot: Array, limits: Array, uniform: bool, threads: int
) -> Array:
    size, (height, width) = len(limits), field.shape
    down = height - size + 1
    sums = np.zeros((-(-down // BAND), BAND + size - 1, width), np.float32)
    weights = np.zeros((down, width + size - 1), np.float32)  # with size - 1 zeros on either side
    restored = np.empty((height, width), np.float32)
    planes = np.ascontiguousarray(field), np.ascontiguousarray(pilot), limits.ravel(), sums, weights
    in_parts(lambda first, last: kernel(planes, uniform, first, last), len(sums), threads)
    in_parts(lambda first, last: _average(size, sums, weights, restored, first, last), height, threads)
    return restored


def _check(field: Array, size: int, limits: Array, name: str, threads: int) -> None:
    _check_size(size)
    _check_field(field, size, "field")
    if limits.dtype != np.float32:
        raise TypeError(
            f"the {name} are {limits.dtype}; the fused kernels take float32. Convert them with astype."
        )
    if limits.shape != (size, size):
        raise ValueError(
            f"the {name} are {limits.shape}; patches of {size} x {size} pixels need ({size}, {size})."
        )
    if threads < 1:
        raise ValueError(f"threads={threads}; use 1 or more.")


def _check_size(size: int) -> None:
    if size not in FUSED_SIZES:
        raise ValueError(
            f"no fused kernel has size={size}, only {FUSED_SIZES}; use the torch transform instead."
        )


def _check_field(field: Array, size: int, name: str) -> None:
    if field.dtype != np.float32:
        raise TypeError(
            f"the {name} is {field.dtype}; the fused kernels take float32. Convert it with astype."
        )
    if field.ndim != 2 or min(field.shape) < size:
        raise ValueError(
            f"the {name} is {field.shape}; patches of {size} x {size} pixels need a plane (Y, X) as large."
        )
