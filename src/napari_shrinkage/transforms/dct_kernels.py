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

import hashlib
import inspect
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit, types

from . import dct_kernels_1d, dct_kernels_steps
from .dct_kernels_1d import OPTIONS, Function
from .dct_kernels_steps import BAND, Array, Planes, average, bands, hard, wiener

FUSED_SIZES: tuple[int, ...] = (8, 16)

_log = logging.getLogger(__name__)

_HARD8, _HARD16 = bands(8, hard(8), False), bands(16, hard(16), False)
_WIENER8, _WIENER16 = bands(8, wiener(8), True), bands(16, wiener(16), True)


def _cacheable(sources: str) -> tuple[Function, ...]:
    """Return the kernels as numba's disk cache can keep them: written out, not made by another function.

    It knows a function by its name, its file and its closure. The digest `sources` in the closure stands for
    the files of what is inlined: kernels from other versions of those are not loaded.
    """

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


_SOURCES = inspect.getsource(dct_kernels_1d) + inspect.getsource(dct_kernels_steps)
_hard8, _hard16, _wiener8, _wiener16 = _cacheable(hashlib.sha256(_SOURCES.encode()).hexdigest())
_HARD, _WIENER = {8: _hard8, 16: _hard16}, {8: _wiener8, 16: _wiener16}


def _array(ndim: int, readonly: bool = False) -> Any:
    return types.Array(types.float32, ndim, "C", readonly=readonly)


_PLANES: Any = types.Tuple([_array(2, True), _array(2, True), _array(1), _array(3), _array(2)])  # type: ignore[no-untyped-call]
_FILTER_SIGNATURE = types.void(_PLANES, types.boolean, types.int64, types.int64)
_AVERAGE_SIGNATURE = types.void(types.int64, _array(3), _array(2), _array(2), types.int64, types.int64)

_compiled: dict[Function, Function] = {}
_compiling = threading.Lock()


def compile_kernels(sizes: Iterable[int] = (8,)) -> None:
    """Compile the kernels for these patch sizes, or load them from numba's disk cache; once in a process.

    Parameters
    ----------
    sizes : iterable of int
        Patch sizes in pixels, each one of `FUSED_SIZES`.
    """
    for size in sizes:
        _check_size(size)
        for function in (_HARD[size], _WIENER[size], average):
            _kernel(function)


def is_compiled(size: int) -> bool:
    """Return whether all kernels for this patch size are ready in this process; never waits."""
    return size in FUSED_SIZES and all(f in _compiled for f in (_HARD[size], _WIENER[size], average))


def _kernel(function: Function) -> Function:
    if function not in _compiled:
        with _compiling:
            if function not in _compiled:
                _compiled[function] = _compile(function)
    return _compiled[function]


def _compile(function: Function) -> Function:
    kernel: Any = njit(**OPTIONS)(function)
    try:
        kernel.enable_caching()
    except RuntimeError as reason:  # neither numba's folder beside the source nor the user's can be written
        _log.info(
            "the sliding DCT is compiled anew in each session; set NUMBA_CACHE_DIR to a folder: %s", reason
        )
    kernel.compile(_AVERAGE_SIGNATURE if function is average else _FILTER_SIGNATURE)
    kernel.disable_compile()  # so that calls convert: writable fields pass as read-only
    return kernel  # type: ignore[no-any-return]


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
    function: Function, field: Array, pilot: Array, limits: Array, uniform: bool, threads: int
) -> Array:
    size, (height, width) = len(limits), field.shape
    down = height - size + 1
    sums = np.zeros((-(-down // BAND), BAND + size - 1, width), np.float32)
    weights = np.zeros((down, width + size - 1), np.float32)  # with size - 1 zeros on either side
    restored = np.empty((height, width), np.float32)
    planes = np.ascontiguousarray(field), np.ascontiguousarray(pilot), limits.ravel(), sums, weights
    filter_bands, average_rows = _kernel(function), _kernel(average)
    _in_parts(lambda first, last: filter_bands(planes, uniform, first, last), len(sums), threads)
    _in_parts(lambda first, last: average_rows(size, sums, weights, restored, first, last), height, threads)
    return restored


def _in_parts(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Call work(first, last) on consecutive parts of range(count), each in a thread of its own."""
    parts = min(threads, count)
    if parts == 1:
        work(0, count)
        return
    cuts = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(work, cuts[:-1], cuts[1:]))


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
