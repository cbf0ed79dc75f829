"""Fused CPU kernels of the stationary Haar transform of planes: a level is split and shrunk in one pass.

What the details of a level leave in the image follows from the approximation above it, so no band is ever
stored: one pass over memory makes the next approximation and the level's shrunk details as an image; on the
way back one pass adds them up. With torch each of these takes a dozen passes.

Convention: fields are periodic; level l compares pixels 2**(l - 1) apart, as `StationaryWavelet` with the
wavelet haar. Bands of a level come in the order "ad", "da", "dd": approximation or detail along Y, then X.
This module imports numba: import it when work begins, not before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from ..kernels import Function, Kernel, array, in_parts, inlined, variant

Array = npt.NDArray[np.float32]
Number = Any  # float32 inside a kernel

_QUARTER, _ONE, _ZERO = np.float32(0.25), np.float32(1), np.float32(0)


@inlined
def _soft(c: Number, t: Number) -> Number:
    return c - min(max(c, -t), t)


@inlined
def _hard(c: Number, t: Number) -> Number:
    return c if abs(c) > t else _ZERO


# Rows are cut with slices, not reached by j + step: an index that might be negative prevents vector code.


@inlined
def _continued(row: Array, step: int, width: int) -> None:
    """Continue a row periodically on both sides."""
    for j in range(step):
        row[j] = row[step + (j - step) % width]
        row[step + width + j] = row[step + j % width]


@inlined
def _add_and_subtract(upper: Array, lower: Array, sums: Array, differences: Array) -> None:
    for j in range(len(upper)):
        sums[j] = (upper[j] + lower[j]) * _QUARTER
        differences[j] = (upper[j] - lower[j]) * _QUARTER


@inlined
def _add(a: Array, b: Array, factor: Number, sums: Array) -> None:
    for j in range(len(sums)):
        sums[j] = (a[j] + b[j]) * factor


def _along(shrunk: Function) -> Function:
    """Return the step that transforms two rows' sums and differences along X and shrinks the details."""

    @inlined
    def shrink_along(a: Array, b: Array, c: Array, d: Array, limits: Array, sign: Number, out: Any) -> None:
        ad, da, dd = limits[0], limits[1], limits[2]
        here, right = out
        for j in range(len(here)):
            across, along, both = shrunk(a[j] - b[j], ad), shrunk(c[j] + d[j], da), shrunk(c[j] - d[j], dd)
            here[j] += across + sign * (along + both)
            right[j] += sign * (along - both) - across

    return shrink_along


_shrink_along: Function = _along(_soft)  # each kernel has its own copy of `_split`, and its own of these


def _split(image: Array, step: int, limits: Array, low: Array, details: Array, first: int, last: int) -> None:
    """Write rows first to last - 1 of the next approximation and of the image of the shrunk details."""
    height, width = image.shape
    sums, differences = np.empty(width + 2 * step, np.float32), np.empty(width + 2 * step, np.float32)
    here, right = np.empty(width + step, np.float32), np.empty(width + step, np.float32)
    for y in range(first, last):
        here[:] = _ZERO  # what details give to their own column, and to the one a step further
        right[:] = _ZERO
        for k in range(2):  # the row above gives its lower half to this one, this row its upper half
            upper, lower = image[(y + (k - 1) * step) % height], image[(y + k * step) % height]
            _add_and_subtract(upper, lower, sums[step:], differences[step:])
            _continued(sums, step, width)
            _continued(differences, step, width)
            sign = np.float32(2 * k - 1)
            _shrink_along(sums, sums[step:], differences, differences[step:], limits, sign, (here, right))
        _add(sums[step:], sums[2 * step :], _ONE, low[y])
        _add(here[step:], right, _QUARTER, details[y])


def _merge(low: Array, step: int, details: Array, first: int, last: int) -> None:
    """Add to rows first to last - 1 of `details` what the approximation gives back."""
    height, width = low.shape
    row = np.empty(width + 2 * step, np.float32)
    for y in range(first, last):
        _add(low[(y - step) % height], low[y], _QUARTER, row[step : step + width])
        _continued(row, step, width)
        mean, left, right = details[y], row, row[step:]
        for j in range(width):
            mean[j] += left[j] + right[j]


_IMAGE, _READ = array(2), array(2, readonly=True)
_SPLIT_TYPES = _READ, types.int64, array(1, readonly=True), _IMAGE, _IMAGE, types.int64, types.int64
_SPLIT = {
    "soft": Kernel(variant(_split, "split_soft", _shrink_along=_along(_soft)), *_SPLIT_TYPES),
    "hard": Kernel(variant(_split, "split_hard", _shrink_along=_along(_hard)), *_SPLIT_TYPES),
}
_MERGE = Kernel(_merge, _READ, types.int64, _IMAGE, types.int64, types.int64)


def kernels_of(rule: str) -> tuple[Kernel, ...]:
    """Return the kernels of a rule, "soft" or "hard"."""
    return _SPLIT[rule], _MERGE


def shrink_haar(field: Array, rule: str, thresholds: Array, *, threads: int) -> Array:
    """Restore the channels of a field by shrinking the details of its stationary Haar transform.

    Parameters
    ----------
    field : ndarray of float32, (C, Y, X)
        Taken as periodic.
    rule : {"soft", "hard"}
        What becomes of a detail around its threshold.
    thresholds : ndarray of float32, (C, levels, 3)
        In the field's unit, for the bands "ad", "da" and "dd" of each level, the finest first.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (C, Y, X)
    """
    return np.stack(
        [
            _restored(np.ascontiguousarray(image), _SPLIT[rule], np.ascontiguousarray(limits), threads)
            for image, limits in zip(field, thresholds, strict=True)
        ]
    )


def _restored(image: Array, split: Kernel, limits: Array, threads: int) -> Array:
    details = []
    for level, bands in enumerate(limits):
        low, shrunk = np.empty_like(image), np.empty_like(image)
        _by_rows(split, (image, 2**level, bands, low, shrunk), threads)
        details.append(shrunk)
        image = low
    for level in reversed(range(len(limits))):
        _by_rows(_MERGE, (image, 2**level, details[level]), threads)
        image = details[level]
    return image


def _by_rows(kernel: Kernel, arguments: tuple[Any, ...], threads: int) -> None:
    in_parts(lambda first, last: kernel(*arguments, first, last), len(arguments[0]), threads)
