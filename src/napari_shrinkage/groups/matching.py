"""Finding the patches that are most like a reference, within a window of positions around it.

Convention: a window holds all positions at which a patch may start, of the same size for every reference:
near a border it is moved inwards, not cut. Positions are counted plane by plane and row by row within it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numba import njit

from ..kernels import OPTIONS, Function

Array = npt.NDArray[np.float32]
Number = np.float32
Integers = npt.NDArray[np.int64]


# A function of a kernel. The order of terms is free in it: no NaN comes here.
part: Callable[[Function], Function] = njit(**{**OPTIONS, "fastmath": True})

BINS = 512  # of a first sorting of distances, by the leading bits of their numbers
LEADING = 18  # bits that are left out: 5 more than the exponent stay


@part
def _add5(distances: Array, row: Array, a: Number, b: Number, c: Number, d: Number, e: Number) -> None:
    for x in range(len(distances)):
        p, q, r, s, t = row[x] - a, row[x + 1] - b, row[x + 2] - c, row[x + 3] - d, row[x + 4] - e
        distances[x] += p * p + q * q + r * r + s * s + t * t


@part
def _add7(
    distances: Array, row: Array, a: Number, b: Number, c: Number, d: Number, e: Number, f: Number, g: Number
) -> None:
    for x in range(len(distances)):
        p, q, r, s = row[x] - a, row[x + 1] - b, row[x + 2] - c, row[x + 3] - d
        t, u, v = row[x + 4] - e, row[x + 5] - f, row[x + 6] - g
        distances[x] += p * p + q * q + r * r + s * s + t * t + u * u + v * v


@part
def _add4(distances: Array, row: Array, a: Number, b: Number, c: Number, d: Number) -> None:
    for x in range(len(distances)):
        p, q, r, s = row[x] - a, row[x + 1] - b, row[x + 2] - c, row[x + 3] - d
        distances[x] += p * p + q * q + r * r + s * s


@part
def measure(guide: Array, size: int, place: tuple[int, int, int], window: Integers, distances: Array) -> None:
    """Write the squared distance of the patch at `place` to that at each position of a window.

    `window` holds the first and the last plane, row and column, the last ones excluded. The sums over a row
    of a patch stay in registers, so there is a function for each length.
    """
    plane, top, left = place
    first_z, last_z, first_y, last_y, first_x, last_x = window
    width, done = last_x - first_x, 0
    for z in range(first_z, last_z):
        for y in range(first_y, last_y):
            across = distances[done : done + width]
            across[:] = 0
            for i in range(size):
                row = guide[z, y + i, first_x : last_x + size - 1]
                p = guide[plane, top + i, left : left + size]
                if size == 5:
                    _add5(across, row, p[0], p[1], p[2], p[3], p[4])
                elif size == 7:
                    _add7(across, row, p[0], p[1], p[2], p[3], p[4], p[5], p[6])
                else:
                    _add5(across, row, p[0], p[1], p[2], p[3], p[4])
                    _add4(across, row[5:], p[5], p[6], p[7], p[8])
            done += width


@part
def nearest(distances: Array, bins: Integers, chosen: Integers, spare: Integers) -> None:
    """Write into `chosen` the positions of its many smallest distances, of equal ones the first.

    Distances go to bins by the leading bits of their numbers, which sort like the numbers; only those in the
    bin where the last ones are found have to be compared.
    """
    bits = distances.view(np.int32)
    lowest, highest = bits[0], bits[0]
    for bit in bits:
        lowest, highest = min(lowest, bit), max(highest, bit)
    shift = LEADING
    while (highest >> shift) - (lowest >> shift) >= BINS:
        shift += 1
    bins[:] = 0
    for bit in bits:
        bins[(bit >> shift) - (lowest >> shift)] += 1
    last, below = 0, 0
    while below + bins[last] < len(chosen):
        below += bins[last]
        last += 1
    found, tied = 0, 0
    for x in range(len(bits)):
        bin_ = (bits[x] >> shift) - (lowest >> shift)
        if bin_ < last:
            chosen[found] = x
            found += 1
        elif bin_ == last:
            spare[tied] = x
            tied += 1
    _take_smallest(distances, spare[:tied], chosen[found:])


@part
def _take_smallest(distances: Array, places: Integers, chosen: Integers) -> None:
    """Write the places of the smallest distances, in order, by insertion: there are few."""
    held = 0
    for place in places:
        if held < len(chosen):
            held += 1
        elif distances[place] >= distances[chosen[held - 1]]:
            continue
        x = held - 1
        while x > 0 and distances[chosen[x - 1]] > distances[place]:
            chosen[x] = chosen[x - 1]
            x -= 1
        chosen[x] = place
