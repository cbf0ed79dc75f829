"""CPU kernels of the shape-adaptive DCT: neighbourhoods between rays, transformed, shrunk and averaged.

For each pixel: bring its neighbourhood's columns to the top and transform each at its own length, then each
row of coefficients; shrink; go back the same way; add what comes out to the image. Rows of pixels are shared
out in bands, each with sums of its own, so the result does not depend on the number of threads.

Convention: tables are those of `shapes`, lengths of rays those of `ray_kernels`. Pixels less than REACH from
the border of a field have no neighbourhood; callers extend the field. This module imports numba: import it
when work begins, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ..kernels import OPTIONS, Function, Kernel, array, digest, in_parts, tuple_of
from . import shapes
from .shapes import PADDED, REACH, SIDE

Array = npt.NDArray[np.float32]
Lengths = npt.NDArray[np.uint8]
Number = Any  # float32 inside a kernel

BAND = 32  # rows of pixels
ZERO, ONE = np.float32(0), np.float32(1)
_TINY = np.float32(1e-30)
part: Callable[[Function], Function] = njit(**OPTIONS)
inlined: Callable[[Function], Function] = njit(forceinline=True, **OPTIONS)


@part
def _shape(sectors: Any, lengths: Lengths, y: int, x: int, rows: Any) -> None:
    """Write the rows of a pixel's neighbourhood: all eight triangles."""
    rows[:] = 0
    for sector in range(8):
        triangle = sectors[sector, lengths[sector, y, x], lengths[(sector + 1) % 8, y, x]]
        for i in range(SIDE):
            rows[i] |= triangle[i]


@part
def _gather(field: Array, y: int, x: int, rows: Any, columns: Array, heights: Any) -> Number:
    """Write the neighbourhood's columns, brought to the top and less its mean, and return the mean."""
    heights[:] = 0
    total, count = ZERO, 0
    for i in range(SIDE):
        for j in range(SIDE):
            if (rows[i] >> j) & 1:
                value = field[y + i - REACH, x + j - REACH]
                columns[j, heights[j]] = value
                heights[j] += 1
                total += value
                count += 1
    mean = total / np.float32(count)
    for j in range(SIDE):
        for i in range(heights[j]):
            columns[j, i] -= mean
    return mean


@inlined
def _combined(values: Array, count: int, table: Array, out: Array) -> None:
    """Write the sum of the table's rows, each times a value: four at a time, those beyond the last are 0."""
    out[:] = ZERO
    for i in range(0, count, 4):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        for j in range(PADDED):
            out[j] += (a * table[i, j] + b * table[i + 1, j]) + (c * table[i + 2, j] + d * table[i + 3, j])


@part
def _forward(
    columns: Array, heights: Any, table: Array, block: Array, widths: Any, spans: Any, line: Array
) -> None:
    """Transform the columns, bring their coefficients to the left and transform the rows.

    `widths` becomes the number of coefficients in each row, `spans` the mean height of their columns.
    """
    widths[:], spans[:] = 0, 0
    for j in range(SIDE):
        _combined(columns[j], heights[j], table[heights[j]], line)
        for i in range(heights[j]):
            block[i, widths[i]] = line[i]
            widths[i] += 1
            spans[i] += heights[j]
    for i in range(SIDE):
        if widths[i] > 0:
            spans[i] = (spans[i] + widths[i] // 2) // widths[i]
            _combined(block[i], widths[i], table[widths[i]], line)
            block[i, :] = line


@part
def _backward(block: Array, heights: Any, table: Array, columns: Array, widths: Any, line: Array) -> None:
    """Undo `_forward`; `widths` is used up."""
    for i in range(SIDE):
        if widths[i] > 0:
            _combined(block[i], widths[i], table[widths[i]], line)
            block[i, :] = line
    for j in range(SIDE - 1, -1, -1):
        for i in range(heights[j]):
            widths[i] -= 1
            columns[j, i] = block[i, widths[i]]
        _combined(columns[j], heights[j], table[heights[j]], line)
        columns[j, :] = line


@part
def _hard(block: Array, stds: Array, limit: Number, widths: Any, spans: Any) -> Number:
    """Drop small coefficients; return 1 and the number of those kept."""
    kept = ONE
    for i in range(SIDE):
        for k in range(widths[i]):
            if abs(block[i, k]) <= limit * stds[spans[i], i, widths[i], k]:
                block[i, k] = ZERO
            else:
                kept += ONE
    return kept


@part
def _wiener(block: Array, pilot: Array, stds: Array, widths: Any, spans: Any) -> Number:
    """Attenuate each coefficient by what the pilot says of it; return 1 and the sum of squared gains."""
    power = ONE
    for i in range(SIDE):
        for k in range(widths[i]):
            signal, std = pilot[i, k] ** 2, stds[spans[i], i, widths[i], k]
            gain = signal / (signal + std * std)
            block[i, k] *= gain
            power += gain * gain
    return power


@part
def _add(columns: Array, mean: Number, weight: Number, rows: Any, heights: Any, sums: Array) -> None:
    """Add a restored neighbourhood to the weighted sums and the sums of weights; `heights` is used up."""
    for i in range(SIDE - 1, -1, -1):
        for j in range(SIDE):
            if (rows[i] >> j) & 1:
                heights[j] -= 1
                sums[0, i, j] += weight * (columns[j, heights[j]] + mean)
                sums[1, i, j] += weight


@part
def _shrink(block: Array, guide: Array, stds: Array, piloted: bool, threshold: float, sizes: Any) -> Number:
    """Shrink the coefficients, by the pilot's or by a threshold; return by how much the result is noise."""
    count, widths, spans = sizes
    if piloted:
        return _wiener(block, guide, stds, widths, spans)
    return _hard(block, stds, threshold * np.sqrt(2 * np.log(count) + 1), widths, spans)


def _cacheable(sources: str) -> Function:
    """Return the kernel as numba's disk cache can keep it, with the digest of its constants' file."""

    def bands(planes: Any, tables: Any, threshold: float, piloted: bool, first: int, last: int) -> None:
        """Restore all neighbourhoods of bands first to last - 1, by the pilot if there is one."""
        sources  # noqa: B018
        field, pilot, lengths, sums = planes
        sectors, forth, back, stds = tables
        columns, block = np.zeros((SIDE, PADDED), np.float32), np.zeros((SIDE, PADDED), np.float32)
        guide, line = np.zeros((SIDE, PADDED), np.float32), np.zeros(PADDED, np.float32)
        heights, widths, spans = np.zeros(SIDE, np.int64), np.zeros(SIDE, np.int64), np.zeros(SIDE, np.int64)
        rows = np.zeros(SIDE, np.uint32)
        for band in range(first, last):
            top = REACH + band * BAND
            for y in range(top, min(top + BAND, field.shape[0] - REACH)):
                for x in range(REACH, field.shape[1] - REACH):
                    _shape(sectors, lengths, y, x, rows)
                    if piloted:
                        _gather(pilot, y, x, rows, columns, heights)
                        _forward(columns, heights, forth, guide, widths, spans, line)
                    mean = _gather(field, y, x, rows, columns, heights)
                    _forward(columns, heights, forth, block, widths, spans, line)
                    count = heights.sum()
                    noise = _shrink(block, guide, stds, piloted, threshold, (count, widths, spans))
                    weight = np.float32(ONE / (noise * count))
                    _backward(block, heights, back, columns, widths, line)
                    _add(columns, mean, weight, rows, heights, sums[band, :, y - top :, x - REACH :])

    return bands


_PLANES = tuple_of(array(2, readonly=True), array(2, readonly=True), array(3, types.uint8), array(4))
_TABLES = tuple_of(array(4, types.uint32), array(3), array(3), array(4))
_BANDS = Kernel(
    _cacheable(digest(shapes)), _PLANES, _TABLES, types.float32, types.boolean, types.int64, types.int64
)


def kernels_of() -> tuple[Kernel, ...]:
    """Return the kernel of both functions below."""
    return (_BANDS,)


def hard_threshold(field: Array, lengths: Lengths, stds: Array, threshold: float, *, threads: int) -> Array:
    """Restore a field by hard thresholding of the shape-adaptive DCT of each pixel's neighbourhood.

    Parameters
    ----------
    field : ndarray of float32, (Y, X)
        The noisy field; pixels near its border stay 0.
    lengths : ndarray of uint8, (ray, Y, X)
        As from `ray_kernels.ray_lengths`.
    stds : ndarray of float32
        Noise std of coefficients, as from `shapes.coefficient_stds`.
    threshold : float
        Of a neighbourhood of N pixels a coefficient stays above threshold sqrt(2 ln N + 1) noise stds.
    threads : int
        How many threads share the work; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (Y, X)
    """
    return _restored(field, field, lengths, stds, threshold, False, threads)


def empirical_wiener(field: Array, pilot: Array, lengths: Lengths, stds: Array, *, threads: int) -> Array:
    """Restore a field by attenuating each coefficient by p^2 / (p^2 + std^2), with p the pilot's.

    Parameters
    ----------
    field, pilot : ndarray of float32, (Y, X)
        The noisy field and a first estimate of it; pixels near the border stay 0.
    lengths, stds, threads
        As for `hard_threshold`.

    Returns
    -------
    ndarray of float32, (Y, X)
    """
    return _restored(field, pilot, lengths, stds, 0.0, True, threads)


def _restored(
    field: Array, pilot: Array, lengths: Lengths, stds: Array, threshold: float, piloted: bool, threads: int
) -> Array:
    inside, width = max(field.shape[0] - 2 * REACH, 0), field.shape[1]
    count = -(-inside // BAND)
    sums = np.zeros((count, 2, BAND + 2 * REACH, width), np.float32)
    back = shapes.dct_table()
    forth = np.ascontiguousarray(back.transpose(0, 2, 1))
    planes, tables = (field, pilot, lengths, sums), (shapes.sectors(), forth, back, stds)
    in_parts(lambda first, last: _BANDS(planes, tables, threshold, piloted, first, last), count, threads)
    total = np.zeros((2, *field.shape), np.float32)
    for band, part in enumerate(sums):
        rows = total[:, band * BAND : band * BAND + part.shape[1]]
        rows += part[:, : rows.shape[1]]
    restored: Array = total[0] / np.maximum(total[1], _TINY)
    return restored
