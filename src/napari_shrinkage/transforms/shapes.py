"""Neighbourhoods that follow an image's edges, in tables: rays, what lies between them, DCTs of any length.

Convention: eight rays go out from a pixel, RAYS in turn. Each has one of SCALES pixels, the pixel itself
included, and is known by the index of that scale. A neighbourhood is the star whose points are the rays'
ends; its rows are bits, the lowest for the pixel REACH to the left.
"""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..stack import Float

if TYPE_CHECKING:
    from ..noise import Autocorrelation

Values = npt.NDArray[np.float64]

RAYS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))  # along Y and X
SCALES = (1, 2, 3, 4, 6)  # pixels
REACH = SCALES[-1] - 1
SIDE = 2 * REACH + 1
PADDED = 16  # row length of the tables: SIDE and zeros, for vector code
MEAN_SHARE = 0.9  # of the plain mean in a ray's estimate; the rest is the value of a fitted line
LEAST_STD = 1e-3


@cache
def ray_weights() -> Float:
    """Return how the pixels of a ray (scale, pixel) are weighed in the estimate of its first one.

    A mixture of two local polynomial fits: the mean, and the value at the first pixel of the line of least
    squares.
    """
    weights = np.zeros((len(SCALES), SCALES[-1]), np.float32)
    for row, h in zip(weights, SCALES, strict=True):
        k = np.arange(h)
        line = (4 * h - 2 - 6 * k) / (h * (h + 1)) if h > 1 else 1.0
        row[:h] = MEAN_SHARE / h + (1 - MEAN_SHARE) * line
    return weights


def ray_stds(correlation: Autocorrelation | None) -> Float:
    """Return the noise std of each ray's estimate, (ray, scale), for image noise of variance 1."""
    weights = ray_weights().astype(np.float64)
    own = [np.correlate(row, row, mode="full") for row in weights]
    middle = SCALES[-1] - 1
    variances = [
        [
            sum(_at(correlation, n * dy, n * dx) * taps[middle + n] for n in range(-middle, middle + 1))
            for taps in own
        ]
        for dy, dx in RAYS
    ]
    return np.sqrt(np.maximum(variances, LEAST_STD**2)).astype(np.float32)


def _at(correlation: Autocorrelation | None, dy: int, dx: int) -> float:
    """Return the correlation of the noise of two pixels that are a lag apart."""
    window = np.ones((1, 1)) if correlation is None else correlation.array
    y, x = dy + window.shape[0] // 2, dx + window.shape[1] // 2
    inside = 0 <= y < window.shape[0] and 0 <= x < window.shape[1]
    return float(window[y, x]) if inside else 0.0


@cache
def sectors() -> npt.NDArray[np.uint32]:
    """Return the rows of triangles between two rays, (sector, scale of the first, of the second, row)."""
    rows = np.zeros((len(RAYS), len(SCALES), len(SCALES), SIDE), np.uint32)
    for sector, first, second in itertools.product(range(len(RAYS)), *[range(len(SCALES))] * 2):
        inside = _triangle(sector, SCALES[first] - 1, SCALES[second] - 1)
        rows[sector, first, second] = inside @ (1 << np.arange(SIDE))
    return rows


def _triangle(sector: int, first: int, second: int) -> npt.NDArray[np.bool_]:
    """Return the pixels (SIDE, SIDE) of the triangle of the middle and the ends of two rays of these reaches.

    A pixel is u steps along the first ray and v along the second, with u and v not negative.
    """
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    (ay, ax), (by, bx) = RAYS[sector], RAYS[(sector + 1) % len(RAYS)]
    area = ay * bx - ax * by
    u, v = (y * bx - x * by) * area, (ay * x - ax * y) * area  # the area is 1 or -1
    within = u * second + v * first <= first * second
    on_rays = ((u <= first) | (u == 0)) & ((v <= second) | (v == 0))
    inside: npt.NDArray[np.bool_] = (u >= 0) & (v >= 0) & within & on_rays
    return inside


@cache
def dct_table() -> Float:
    """Return the orthonormal DCTs of every length, (length, frequency, position), and zeros beyond it."""
    table = np.zeros((SIDE + 1, PADDED, PADDED), np.float32)
    for n in range(1, SIDE + 1):
        table[n, :n, :n] = _dct(n)
    return table


def _dct(n: int) -> Values:
    frequency, position = np.arange(n)[:, None], np.arange(n)
    rows: Values = np.sqrt(2 / n) * np.cos(np.pi * frequency * (2 * position + 1) / (2 * n))
    rows[0] = np.sqrt(1 / n)
    return rows


@lru_cache(maxsize=8)
def coefficient_stds(correlation: Autocorrelation | None) -> Float:
    """Return the noise std of coefficients of rectangles, (height, frequency, width, frequency).

    They are those of any shape, too, as far as its noise is white.
    """
    count = (SIDE + 1) * SIDE
    if correlation is None:
        return np.ones((SIDE + 1, SIDE, SIDE + 1, SIDE), np.float32)
    if correlation.ndim != 2:
        raise ValueError(
            f"the noise's autocorrelation has {correlation.ndim} axes, the shape-adaptive DCT 2; "
            "estimate the noise with two spatial axes."
        )
    window = correlation.array
    down, across = (_own_products(lags).reshape(count, lags) for lags in window.shape)
    variances = (down @ window @ across.T).reshape(SIDE + 1, SIDE, SIDE + 1, SIDE)
    return np.sqrt(np.maximum(variances, LEAST_STD**2)).astype(np.float32)


def _own_products(width: int) -> Values:
    """Return each basis function correlated with itself, (length, frequency, lag), on a window of lags."""
    basis = dct_table()[:, :SIDE, :SIDE].astype(np.float64)
    products = np.zeros((SIDE + 1, SIDE, width))
    for lag in range(-(width // 2), width // 2 + 1):
        if abs(lag) < SIDE:
            shifted = basis[:, :, abs(lag) :] * basis[:, :, : SIDE - abs(lag)]
            products[:, :, lag + width // 2] = shifted.sum(-1)
    return products
