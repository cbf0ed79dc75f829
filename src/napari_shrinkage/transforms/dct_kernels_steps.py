"""The steps of the sliding DCT over a tile of columns, and the loop that leads through bands and tiles.

Convention: buffers are flat and their row lengths compile-time constants, so that loops over columns become
vector code. `pixels` holds rows of a tile; `columns` the n coefficients of each of its columns; `block` the
n x n of the patch that starts at each column; `power` that patch's sum of squared gains, then its weight.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ..kernels import OPTIONS, Function
from .dct_kernels_1d import (
    DCT,
    IDCT,
    ONE,
    ZERO,
    Number,
    Numbers,
    each,
    inlined,
    plus,
    put,
    take,
    times,
    total,
)

Array = npt.NDArray[np.float32]
Planes = tuple[Array, Array, Array, Array, Array]
"""Field, pilot (Y, X); thresholds (n n); sums of weighted patches (bands, rows, X); patch weights (Y, X)."""

BAND = 32  # rows of patches in a band
_TINY = np.float32(1e-30)

# Large parts are pasted into their caller's source: cheaper than compiling them once more on their own.
_pasted: Callable[[Function], Function] = njit(inline="always", **OPTIONS)


def _tile(n: int) -> int:
    """Return how many patches stand side by side in a tile: 16 or 32 KB of coefficients, for the L1 cache."""
    return 512 // n


def _row(n: int) -> int:
    """Return the row length of `pixels` and `columns`: n - 1 after the last patch's start, 1 to align."""
    return _tile(n) + n


@cache
def _column_dct(n: int) -> Function:
    dct, read, write, row = DCT[n], take(n), put(n), _row(n)

    @inlined
    def column_dct(pixels: Array, columns: Array) -> None:
        for j in range(row):
            write(columns, j, row, dct(read(pixels, j, row), ONE))

    return column_dct


@inlined
def _kept(coefficient: Number, threshold: Number) -> Number:
    return ONE if abs(coefficient) > threshold else ZERO


@inlined
def _attenuation(signal: Number, variance: Number) -> Number:
    power = signal * signal + _TINY  # without noise (the mean) the quotient is exactly 1
    return power / (power + variance)


@cache
def hard(n: int) -> Function:
    """Return the step for one vertical frequency: transform along rows, keep what exceeds its threshold."""
    dct, read, write, tile = DCT[n], take(n), put(n), _tile(n)
    gains, products, summed = each(_kept, n), each(times, n), total(n)

    @inlined
    def shrink(columns: Array, _: Array, thresholds: Numbers, block: Array, power: Array) -> None:
        for j in range(tile):
            coefficients = dct(read(columns, j, 1), ONE)
            gain = gains(coefficients, thresholds)
            write(block, j, tile, products(coefficients, gain))
            power[j] += summed(gain)

    return shrink


@cache
def wiener(n: int) -> Function:
    """Return the step for one vertical frequency: transform along the rows, attenuate as the pilot says.

    In two loops, because the coefficients of both fields do not fit the registers together.
    """
    dct, read, write, tile = DCT[n], take(n), put(n), _tile(n)
    gains, products, summed = each(_attenuation, n), each(times, n), total(n)

    @inlined
    def shrink(columns: Array, pilot: Array, variances: Numbers, block: Array, power: Array) -> None:
        for j in range(tile):
            gain = gains(dct(read(pilot, j, 1), ONE), variances)
            write(block, j, tile, gain)
            power[j] += summed(products(gain, gain))
        for j in range(tile):
            write(block, j, tile, products(read(block, j, tile), dct(read(columns, j, 1), ONE)))

    return shrink


@inlined
def _weigh(power: Array, uniform: bool, inside: int, weights: Array) -> None:
    """Turn sums of squared gains into weights; a patch that sticks out of the field weighs nothing."""
    for j in range(len(power)):
        power[j] = ONE if uniform else ONE / max(power[j], ONE)
    for j in range(inside, len(power)):
        power[j] = ZERO
    for j in range(inside):
        weights[j] = power[j]


@cache
def _row_idct(n: int) -> Function:
    """Return the weighted inverse along the rows; patches that overlap there are added up.

    `spread` holds the n numbers of each patch, with n zeros on either side.
    """
    idct, read, write, tile, row = IDCT[n], take(n), put(n), _tile(n), _row(n)
    products, summed, spread_row = each(times, n), total(n), _tile(n) + 2 * n

    @inlined
    def row_idct(block: Array, weights: Array, spread: Array, columns: Array) -> None:
        for j in range(tile):
            weighted = products(read(block, j, tile), read(weights, j, 0))
            write(spread, n + j, spread_row, idct(weighted, ONE))
        for j in range(row):
            columns[j] = summed(read(spread, n + j, spread_row - 1))

    return row_idct


@cache
def _column_idct(n: int) -> Function:
    idct, read, write, row, sums = IDCT[n], take(n), put(n), _row(n), each(plus, n)

    @inlined
    def column_idct(columns: Array, pixels: Array) -> None:
        for j in range(row):
            write(pixels, j, row, sums(read(pixels, j, row), idct(read(columns, j, row), ONE)))

    return column_idct


@_pasted
def _empty(length: int) -> Array:
    return np.empty(length, np.float32)


@inlined
def _copy_tile(field: Array, top: int, left: int, rows: int, row: int, pixels: Array) -> None:
    """Copy a tile of the field to `pixels`, with zeros beyond the field's right border."""
    inside = min(row, field.shape[1] - left)
    for i in range(rows):
        for j in range(inside):
            pixels[i * row + j] = field[top + i, left + j]
        for j in range(inside, row):
            pixels[i * row + j] = ZERO


@inlined
def _add_tile(pixels: Array, left: int, rows: int, row: int, sums: Array) -> None:
    """Add the part of `pixels` inside the field to the band's sums."""
    for i in range(rows):
        for j in range(min(row, sums.shape[1] - left)):
            sums[i, left + j] += pixels[i * row + j]


@cache
def bands(n: int, shrink: Function, piloted: bool) -> Function:
    """Return the whole filter of bands first to last - 1, with one of the steps `hard(n)` and `wiener(n)`."""
    column_dct, row_idct, column_idct = _column_dct(n), _row_idct(n), _column_idct(n)
    per_row, tile, row, rows = take(n), _tile(n), _row(n), BAND + n - 1

    @_pasted
    def forward(pixels: Array, pilot: Array, thresholds: Array, buffers: Any) -> None:
        columns, pilot_columns, block, power, _ = buffers
        column_dct(pixels, columns)
        if piloted:
            column_dct(pilot, pilot_columns)
        power[:] = ZERO
        for k in range(n):
            at = k * row
            shrink(
                columns[at:], pilot_columns[at:], per_row(thresholds, k * n, 1), block[k * n * tile :], power
            )

    @_pasted
    def backward(buffers: Any, restored: Array) -> None:
        columns, _, block, weights, spread = buffers
        for k in range(n):
            row_idct(block[k * n * tile :], weights, spread, columns[k * row :])
        column_idct(columns, restored)

    @_pasted
    def filter_bands(planes: Planes, uniform: bool, first: int, last: int) -> None:
        field, pilot, thresholds, sums, weights = planes
        pixels, pilot_pixels, restored = _empty(rows * row), _empty(rows * row), _empty(rows * row)
        columns, pilot_columns = _empty(n * row), _empty(n * row)
        block, power, spread = _empty(n * n * tile), _empty(tile), np.zeros(n * (tile + 2 * n), np.float32)
        buffers = columns, pilot_columns, block, power, spread
        down, across = field.shape[0] - n + 1, field.shape[1] - n + 1
        for band in range(first, last):
            top, patches = band * BAND, min(BAND, down - band * BAND)
            for left in range(0, across, tile):
                _copy_tile(field, top, left, patches + n - 1, row, pixels)
                if piloted:
                    _copy_tile(pilot, top, left, patches + n - 1, row, pilot_pixels)
                restored[:] = ZERO
                for i in range(patches):
                    forward(pixels[i * row :], pilot_pixels[i * row :], thresholds, buffers)
                    _weigh(power, uniform, min(tile, across - left), weights[top + i, n - 1 + left :])
                    backward(buffers, restored[i * row :])
                _add_tile(restored, left, patches + n - 1, row, sums[band])

    return filter_bands


def average(n: int, sums: Array, weights: Array, restored: Array, first: int, last: int) -> None:
    """Divide rows first to last - 1 of the bands' sums by the weights of the n x n patches on each pixel."""
    width = restored.shape[1]
    down = np.empty(width + n - 1, np.float32)
    for row in range(first, last):
        down[:] = ZERO
        for i in range(max(0, row - n + 1), min(row + 1, len(weights))):
            for j in range(width + n - 1):
                down[j] += weights[i, j]
        for j in range(width):
            restored[row, j] = ZERO
        for band in range(max(0, row // BAND - 1), min(row // BAND + 1, len(sums))):
            if row - band * BAND < sums.shape[1]:
                for j in range(width):
                    restored[row, j] += sums[band, row - band * BAND, j]
        for j in range(width):
            weight = ZERO
            for i in range(n):
                weight += down[j + i]
            restored[row, j] /= weight
