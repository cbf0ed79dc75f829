"""The planes of an array one after the other, as files hold them; a lazy one is computed slab by slab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..stack import Array, Stack

Report = Callable[[int, int], None]


def pages(stack: Stack, report: Report) -> Iterator[Array]:
    """Yield the planes of a stack (two axes, three with colours) in C order, telling `report` before each."""
    array, leading = stack.array, len(stack.shape) - (3 if stack.is_color else 2)
    total = int(np.prod(stack.shape[:leading]))
    for done, page in enumerate(_lazy_pages(array, leading) if stack.is_lazy else _pages(array, leading)):
        report(done, total)
        yield np.ascontiguousarray(page)
    report(total, total)


def _pages(array: Array, leading: int) -> Iterator[Array]:
    return (array[place] for place in np.ndindex(array.shape[:leading]))


def _lazy_pages(array: Any, leading: int) -> Iterator[Array]:
    """Compute a dask array in slabs along the first axis with thick blocks, none computed twice."""
    if not leading:
        yield np.asarray(array)
        return
    thick = next((axis for axis in range(leading) if max(array.chunks[axis]) > 1), leading - 1)
    borders = np.cumsum([0, *array.chunks[thick]])
    for place in np.ndindex(array.shape[:thick]):
        for start, stop in pairwise(borders):
            slab = np.asarray(array[(*place, slice(start, stop))])
            yield from slab.reshape(-1, *array.shape[leading:])
