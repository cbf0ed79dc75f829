"""The sliding DCT of volumes: the spectra of planes as in `dct_kernels_steps`, and a short DCT across planes.

A row of patches moves through the planes. The spectra of planes are held as long as a patch needs them, so
each plane is transformed once; shrunk spectra are weighted and added up likewise, and a plane goes back to
pixels once, when it has all its patches.

Convention: `spectra` and `shrunk` hold the n x n frequencies of 2 depth - 1 planes, for each plane a line as
long as a tile; plane z lies z - base lines from the first, and base grows by depth when there is no room
left. The depth is a compile-time constant like n.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..kernels import Function, inlined
from .dct_kernels_1d import ONE, ZERO, each, plus, put, take, times, transform
from .dct_kernels_steps import (
    BAND,
    Array,
    add_inside,
    add_tile,
    column_dct,
    column_idct,
    copy_tile,
    empty,
    pasted,
    row_idct,
    row_of,
    tile_of,
    weigh,
)

Volumes = tuple[Array, Array, Array, Array, Array]
"""Field, pilot (C, Z, Y, X); limits (C, n n depth); sums of weighted patches (C bands, Z, rows, X); weights,
summed over depth (C, Z, Y, X)."""


@cache
def _row_dct(n: int, step: int) -> Function:
    """Return the transform along the rows, its n frequencies `step` apart."""
    (dct, _), read, write, tile = transform(n), take(n), put(n), tile_of(n)

    @inlined
    def row_dct(columns: Array, spectra: Array) -> None:
        for j in range(tile):
            write(spectra, j, step, dct(read(columns, j, 1), ONE))

    return row_dct


@cache
def _across_idct(depth: int, tile: int) -> Function:
    """Return the weighted inverse across the planes, added to the sums of the patch's planes."""
    (_, idct), read, write = transform(depth), take(depth), put(depth)
    products, sums_of = each(times, depth), each(plus, depth)

    @inlined
    def across_idct(block: Array, weights: Array, sums: Array) -> None:
        for j in range(tile):
            weighted = products(read(block, j, tile), read(weights, j, 0))
            write(sums, j, tile, sums_of(read(sums, j, tile), idct(weighted, ONE)))

    return across_idct


@cache
def volume_bands(n: int, depth: int, shrink: Function, piloted: bool) -> Function:
    """Return the filter of bands first to last - 1, counted through all channels, with `hard` or `wiener`."""
    tile, row, frequencies, held = tile_of(n), row_of(n), n * n, 2 * depth - 1
    step = held * tile
    columns_of, rows_of, across_back = column_dct(n), _row_dct(n, step), _across_idct(depth, tile)
    rows_back, columns_back, line_limits = row_idct(n, step), column_idct(n), take(depth)

    @pasted
    def planar(plane: Array, top: int, left: int, pixels: Array, columns: Array, spectra: Array) -> None:
        copy_tile(plane, top, left, n, row, pixels)
        columns_of(pixels, columns)
        for k in range(n):
            rows_of(columns[k * row :], spectra[k * n * step :])

    @pasted
    def forward(spectra: Array, pilot: Array, limits: Array, block: Array, power: Array) -> None:
        power[:] = ZERO
        for k in range(frequencies):
            at = k * step
            shrink(
                spectra[at:], pilot[at:], line_limits(limits, k * depth, 1), block[k * depth * tile :], power
            )

    @pasted
    def finish(sums: Array, ones: Array, spread: Array, columns: Array, pixels: Array) -> None:
        for k in range(n):
            rows_back(sums[k * n * step :], ones, spread, columns[k * row :])
        pixels[:] = ZERO
        columns_back(columns, pixels)

    @inlined
    def advance(lines: Array, clear: bool) -> None:
        """Let go of the first `depth` planes, so that the others come first."""
        kept = (depth - 1) * tile
        for k in range(frequencies):
            for j in range(k * step, k * step + kept):
                lines[j] = lines[depth * tile + j]
            if clear:
                lines[k * step + kept : (k + 1) * step] = ZERO

    @pasted
    def filter_bands(volumes: Any, uniform: bool, first: int, last: int) -> None:
        field, pilot, limits, sums, weights = volumes
        channels, planes, height, width = field.shape
        pixels, columns, restored = empty(n * row), empty(n * row), empty(n * row)
        spectra, shrunk = empty(frequencies * step), empty(frequencies * step)
        pilot_spectra = empty(frequencies * step if piloted else frequencies * held)
        block, power = empty(frequencies * depth * tile), empty(tile)
        ones, spread = np.ones(tile, np.float32), np.zeros(n * (tile + 2 * n), np.float32)
        down, across, count = height - n + 1, width - n + 1, len(sums) // channels
        for band in range(first, last):
            c, start = band // count, band % count * BAND
            for left in range(0, across, tile):
                for top in range(start, min(start + BAND, down)):
                    shrunk[:] = ZERO
                    base = 0
                    for z in range(planes + depth - 1):
                        if z - base == held:
                            advance(spectra, False)
                            if piloted:
                                advance(pilot_spectra, False)
                            advance(shrunk, True)
                            base += depth
                        here, oldest = (z - base) * tile, z - depth + 1
                        if z < planes:
                            planar(field[c, z], top, left, pixels, columns, spectra[here:])
                            if piloted:
                                planar(pilot[c, z], top, left, pixels, columns, pilot_spectra[here:])
                        if oldest < 0:
                            continue
                        at = (oldest - base) * tile
                        if z < planes:
                            forward(spectra[at:], pilot_spectra[at:], limits[c], block, power)
                            weigh(power, uniform, min(tile, across - left))
                            for k in range(frequencies):
                                across_back(block[k * depth * tile :], power, shrunk[k * step + at :])
                            for plane in range(oldest, z + 1):
                                add_inside(power, weights[c, plane, top, n - 1 + left :])
                        finish(shrunk[at:], ones, spread, columns, restored)
                        add_tile(restored, left, n, row, sums[band, oldest, top - start :])

    return filter_bands
