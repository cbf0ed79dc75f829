"""Coarser levels of an image, by the mean over the pixels that each coarse pixel covers.

Convention: along an axis of n pixels, coarse pixel i of m covers the pixels from i * n // m to (i + 1) * n
// m, whatever the ratio; a lazy array stays lazy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .stack import Array

CHUNK = 512


def pyramid(array: Any, shapes: Sequence[Sequence[int]]) -> list[Any]:
    """Return `array` and its coarser levels, each made from the one before.

    Parameters
    ----------
    array : ndarray or dask array
        Full resolution, of the first shape.
    shapes : sequence of shape
        Shape of each level, largest first.

    Returns
    -------
    list
        One array per level, of the same kind and dtype as `array`.
    """
    levels = [array]
    for shape in shapes[1:]:
        levels.append(coarsened(levels[-1], shape))
    return levels


def coarsened(array: Any, shape: Sequence[int]) -> Any:
    """Return `array` averaged down to a smaller shape; integers are rounded."""
    if len(shape) != array.ndim or any(m > n or m < 1 for m, n in zip(shape, array.shape, strict=True)):
        raise ValueError(
            f"a coarser level of shape {tuple(shape)} does not fit below an image of shape {array.shape}; "
            "give one length per axis, none above the image's."
        )
    for axis, (m, n) in enumerate(zip(shape, array.shape, strict=True)):
        if m < n:
            array = (
                _lazily_coarsened(array, axis, m)
                if hasattr(array, "dask")
                else _averaged(array, axis, _edges(n, m))
            )
    return array


def halved_shapes(shape: Sequence[int], axes: str, smallest: int = 256) -> list[tuple[int, ...]]:
    """Return the level shapes of a pyramid that halves Y and X until both are at most `smallest`."""
    shapes = [tuple(int(n) for n in shape)]
    while any(n > smallest for n, letter in zip(shapes[-1], axes, strict=True) if letter in "YX"):
        shapes.append(
            tuple(-(-n // 2) if letter in "YX" else n for n, letter in zip(shapes[-1], axes, strict=True))
        )
    return shapes


def _edges(n: int, m: int) -> Array:
    return np.arange(m + 1) * n // m


def _averaged(values: Array, axis: int, edges: Array) -> Array:
    sums = np.add.reduceat(values, edges[:-1], axis=axis, dtype=np.float64)
    lengths = np.diff(edges).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    means = sums / lengths
    return (means if values.dtype.kind == "f" else np.rint(means)).astype(values.dtype)


def _lazily_coarsened(array: Any, axis: int, m: int) -> Any:
    """Cut the chunks where coarse pixels end, then average each by itself."""
    edges = _edges(array.shape[axis], m)
    borders = sorted({*range(0, m, CHUNK), m})
    fine = tuple(int(edges[b] - edges[a]) for a, b in pairwise(borders))
    coarse = tuple(b - a for a, b in pairwise(borders))
    chunks = tuple(coarse if i == axis else sizes for i, sizes in enumerate(array.chunks))
    return array.rechunk({axis: fine}).map_blocks(
        _averaged_block, axis, borders, edges, dtype=array.dtype, chunks=chunks
    )


def _averaged_block(
    values: Array, axis: int, borders: list[int], edges: Array, block_info: Any = None
) -> Array:
    number = block_info[0]["chunk-location"][axis]
    own = edges[borders[number] : borders[number + 1] + 1]
    return _averaged(values, axis, own - own[0])
