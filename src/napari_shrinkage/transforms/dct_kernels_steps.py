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

from ..kernels import OPTIONS, Function, inlined
from .dct_kernels_1d import (
    ONE,
    ZERO,
    Number,
    Numbers,
    each,
    plus,
    put,
    take,
    times,
    total,
    transform,
)

Array = npt.NDArray[np.float32]
Planes = tuple[Array, Array, Array, Array, Array]
"""Field, pilot (C, Y, X); limits (C, n n); sums of weighted patches (C bands, rows, X); weights (C, Y, X)."""

BAND = 32  # rows of patches in a band
_TINY = np.float32(1e-30)

# Large parts are pasted into their caller's source: cheaper than compiling them once more on their own.
pasted: Callable[[Function], Function] = njit(inline="always", **OPTIONS)


def tile_of(n: int) -> int:
    """Return how many patches stand side by side in a tile: 16 or 32 KB of coefficients, for the L1 cache."""
    return 512 // n


def row_of(n: int) -> int:
    """Return the row length of `pixels` and `columns`: n - 1 after the last patch's start, 1 to align."""
    return tile_of(n) + n


@cache
def column_dct(n: int) -> Function:
    """Return the transform of each column of `pixels`."""
    (dct, _), read, write, row = transform(n), take(n), put(n), row_of(n)

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
def hard(n: int, step: int, tile: int) -> Function:
    """Return the shrinkage of one line of spectra: transform n numbers `step` apart, keep the large ones.

    A line is a vertical frequency of a plane, whose rows are transformed (`step` is 1); in a volume a
    frequency of the planes, which lie a tile apart.
    """
    (dct, _), read, write = transform(n), take(n), put(n)
    gains, products, summed = each(_kept, n), each(times, n), total(n)

    @inlined
    def shrink(lines: Array, _: Array, thresholds: Numbers, block: Array, power: Array) -> None:
        for j in range(tile):
            coefficients = dct(read(lines, j, step), ONE)
            gain = gains(coefficients, thresholds)
            write(block, j, tile, products(coefficients, gain))
            power[j] += summed(gain)

    return shrink


@cache
def wiener(n: int, step: int, tile: int) -> Function:
    """Return the same for the Wiener filter: transform n numbers, attenuate as those of the pilot say.

    In two loops, because the coefficients of both fields do not fit the registers together.
    """
    (dct, _), read, write = transform(n), take(n), put(n)
    gains, products, summed = each(_attenuation, n), each(times, n), total(n)

    @inlined
    def shrink(lines: Array, pilot: Array, variances: Numbers, block: Array, power: Array) -> None:
        for j in range(tile):
            gain = gains(dct(read(pilot, j, step), ONE), variances)
            write(block, j, tile, gain)
            power[j] += summed(products(gain, gain))
        for j in range(tile):
            write(block, j, tile, products(read(block, j, tile), dct(read(lines, j, step), ONE)))

    return shrink


@inlined
def weigh(power: Array, uniform: bool, inside: int) -> None:
    """Turn sums of squared gains into weights; a patch that sticks out of the field weighs nothing."""
    for j in range(len(power)):
        power[j] = ONE if uniform else ONE / max(power[j], ONE)
    for j in range(inside, len(power)):
        power[j] = ZERO


@inlined
def add_inside(line: Array, sums: Array) -> None:
    """Add the part of a tile's line that lies inside the field."""
    for j in range(min(len(line), len(sums))):
        sums[j] += line[j]


@cache
def row_idct(n: int, step: int) -> Function:
    """Return the weighted inverse along the rows; patches that overlap there are added up.

    The n frequencies of `block` lie `step` apart. `spread` holds the n numbers of each patch, with n zeros on
    either side.
    """
    (_, idct), read, write, tile, row = transform(n), take(n), put(n), tile_of(n), row_of(n)
    products, summed, spread_row = each(times, n), total(n), tile_of(n) + 2 * n

    @inlined
    def invert(block: Array, weights: Array, spread: Array, columns: Array) -> None:
        for j in range(tile):
            weighted = products(read(block, j, step), read(weights, j, 0))
            write(spread, n + j, spread_row, idct(weighted, ONE))
        for j in range(row):
            columns[j] = summed(read(spread, n + j, spread_row - 1))

    return invert


@cache
def column_idct(n: int) -> Function:
    """Return the inverse of each of `columns`, added to `pixels`."""
    (_, idct), read, write, row, sums = transform(n), take(n), put(n), row_of(n), each(plus, n)

    @inlined
    def column_idct(columns: Array, pixels: Array) -> None:
        for j in range(row):
            write(pixels, j, row, sums(read(pixels, j, row), idct(read(columns, j, row), ONE)))

    return column_idct


@pasted
def empty(length: int) -> Array:
    """Return a buffer for this many numbers."""
    return np.empty(length, np.float32)


@inlined
def copy_tile(field: Array, top: int, left: int, rows: int, row: int, pixels: Array) -> None:
    """Copy a tile of the field to `pixels`, with zeros beyond the field's right border."""
    inside = min(row, field.shape[1] - left)
    for i in range(rows):
        for j in range(inside):
            pixels[i * row + j] = field[top + i, left + j]
        for j in range(inside, row):
            pixels[i * row + j] = ZERO


@inlined
def add_tile(pixels: Array, left: int, rows: int, row: int, sums: Array) -> None:
    """Add the part of `pixels` inside the field to the band's sums."""
    for i in range(rows):
        for j in range(min(row, sums.shape[1] - left)):
            sums[i, left + j] += pixels[i * row + j]


@cache
def bands(n: int, shrink: Function, piloted: bool) -> Function:
    """Return the filter of bands first to last - 1, counted through all channels, with `hard` or `wiener`."""
    columns_of, rows_back, columns_back = column_dct(n), row_idct(n, tile_of(n)), column_idct(n)
    line_limits, tile, row, rows = take(n), tile_of(n), row_of(n), BAND + n - 1

    @pasted
    def forward(pixels: Array, pilot: Array, limits: Array, buffers: Any) -> None:
        columns, pilot_columns, block, power, _ = buffers
        columns_of(pixels, columns)
        if piloted:
            columns_of(pilot, pilot_columns)
        power[:] = ZERO
        for k in range(n):
            at = k * row
            shrink(
                columns[at:], pilot_columns[at:], line_limits(limits, k * n, 1), block[k * n * tile :], power
            )

    @pasted
    def backward(buffers: Any, restored: Array) -> None:
        columns, _, block, weights, spread = buffers
        for k in range(n):
            rows_back(block[k * n * tile :], weights, spread, columns[k * row :])
        columns_back(columns, restored)

    @pasted
    def filter_bands(planes: Planes, uniform: bool, first: int, last: int) -> None:
        field, pilot, limits, sums, weights = planes
        pixels, pilot_pixels, restored = empty(rows * row), empty(rows * row), empty(rows * row)
        columns, pilot_columns = empty(n * row), empty(n * row)
        block, power, spread = empty(n * n * tile), empty(tile), np.zeros(n * (tile + 2 * n), np.float32)
        buffers = columns, pilot_columns, block, power, spread
        down, across, count = field.shape[1] - n + 1, field.shape[2] - n + 1, len(sums) // len(field)
        for band in range(first, last):
            c, top = band // count, band % count * BAND
            patches = min(BAND, down - top)
            for left in range(0, across, tile):
                copy_tile(field[c], top, left, patches + n - 1, row, pixels)
                if piloted:
                    copy_tile(pilot[c], top, left, patches + n - 1, row, pilot_pixels)
                restored[:] = ZERO
                for i in range(patches):
                    forward(pixels[i * row :], pilot_pixels[i * row :], limits[c], buffers)
                    weigh(power, uniform, min(tile, across - left))
                    add_inside(power, weights[c, top + i, n - 1 + left :])
                    backward(buffers, restored[i * row :])
                add_tile(restored, left, patches + n - 1, row, sums[band])

    return filter_bands


def average(n: int, sums: Array, weights: Array, restored: Array, first: int, last: int) -> None:
    """Divide lines first to last - 1 of the bands' sums by the weights of the n x n patches on each pixel.

    Lines of `restored` (C, Z, Y, X) are counted through all channels and planes; sums are (C bands, Z, rows,
    X), weights (C, Z, Y, X); planes have one Z.
    """
    channels, planes, height, width = restored.shape
    bands, down = len(sums) // channels, np.empty(width + n - 1, np.float32)
    for line in range(first, last):
        c, z, y = line // (planes * height), line // height % planes, line % height
        mean, of_plane = restored[c, z, y], weights[c, z]
        mean[:] = ZERO
        for band in range(max(0, y // BAND - 1), min(y // BAND + 1, bands)):
            if y - band * BAND < sums.shape[2]:
                add_inside(sums[c * bands + band, z, y - band * BAND], mean)
        down[:] = ZERO
        for i in range(max(0, y - n + 1), min(y + 1, len(of_plane))):
            add_inside(of_plane[i], down)
        for j in range(width):
            weight = ZERO
            for i in range(n):
                weight += down[j + i]
            mean[j] /= weight
