"""How a restorer needs its input: extended at the border, aligned, with a halo.

Convention: slices are in field coordinates, so a part that leaves the field has a negative start or a stop
beyond its length; `Geometry.indices` says which pixel stands there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .stack import Array

Border = Literal["symmetric", "reflect", "periodic"]


@dataclass(frozen=True)
class Geometry:
    """How a restorer needs its input: extended at the border, aligned, with a halo.

    A field is continued beyond its border by `margin` pixels on every side (rounded up to `multiple` in
    length) and periodic from there on. A restorer is defined on that extended domain. An interior window of
    it, grown by `halo` and aligned to `multiple`, gives the same pixels as the whole domain.

    Parameters
    ----------
    border : {"symmetric", "reflect", "periodic"}
        How the field goes on beyond its border.
    margin : tuple of int
        Pixels of border on each side, per spatial axis.
    multiple : tuple of int
        The domain's length and every window's origin are multiples of this, per spatial axis.
    halo : tuple of int or None
        Reach of one output pixel in the input, per spatial axis; None when it needs the whole field.
    wraps : bool
        Whether the domain goes on periodically; where it does not, a window ends with it.
    """

    border: Border
    margin: tuple[int, ...]
    multiple: tuple[int, ...]
    halo: tuple[int, ...] | None
    wraps: bool = True

    def after(self, pilot: Geometry) -> Geometry:
        """Return the geometry of this restorer working on the output of `pilot`."""
        multiple = tuple(math.lcm(a, b) for a, b in zip(self.multiple, pilot.multiple, strict=True))
        margin = tuple(
            rounded_up(a + b, m) for a, b, m in zip(self.margin, pilot.margin, multiple, strict=True)
        )
        halo = None
        if self.halo is not None and pilot.halo is not None:
            halo = tuple(a + b for a, b in zip(self.halo, pilot.halo, strict=True))
        return Geometry(self.border, margin, multiple, halo, self.wraps and pilot.wraps)

    def widened(self, reach: int) -> Geometry:
        """Return the geometry with `reach` more pixels along Y and X around all that it needs."""
        more = (0,) * (len(self.margin) - 2) + (reach, reach)
        halo = None if self.halo is None else tuple(h + r for h, r in zip(self.halo, more, strict=True))
        margin = tuple(
            rounded_up(m + r, step) for m, r, step in zip(self.margin, more, self.multiple, strict=True)
        )
        return Geometry(self.border, margin, self.multiple, halo, self.wraps)

    def domain(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """Return the whole extended domain of a field, in field coordinates."""
        return tuple(
            _domain(n, margin, multiple)
            for n, margin, multiple in zip(shape, self.margin, self.multiple, strict=True)
        )

    def grown(self, window: Sequence[slice], shape: Sequence[int]) -> tuple[slice, ...]:
        """Return the part of the domain that a restorer needs for exact pixels in `window`."""
        domain = self.domain(shape)
        if self.halo is None:
            return domain
        return tuple(
            _grown(w, d, h, m, self.wraps)
            for w, d, h, m in zip(window, domain, self.halo, self.multiple, strict=True)
        )

    def indices(self, part: Sequence[slice], shape: Sequence[int]) -> tuple[npt.NDArray[np.intp], ...]:
        """Return, per axis, the source pixel of every coordinate of `part` (which may leave the field)."""
        return tuple(
            _source_indices(p, d, n, self.border)
            for p, d, n in zip(part, self.domain(shape), shape, strict=True)
        )

    def extended(self, values: Array) -> Array:
        """Return `values` (..., *spatial) on the whole domain."""
        shape = values.shape[-len(self.margin) :]
        return taken(values, self.indices(self.domain(shape), shape))

    def cropped(self, values: Any, shape: Sequence[int]) -> Any:
        """Cut the field of the given shape out of values (array or tensor) on the whole domain."""
        return values[
            (..., *(slice(-d.start, -d.start + n) for d, n in zip(self.domain(shape), shape, strict=True)))
        ]


def taken(values: Array, indices: Sequence[npt.NDArray[np.intp]]) -> Array:
    """Gather `values` (..., *spatial) at the product of one index array per spatial axis."""
    for axis, index in enumerate(indices, start=values.ndim - len(indices)):
        start = int(index[0]) if index.size else 0
        run = slice(start, start + index.size)
        consecutive = np.array_equal(index, np.arange(run.start, run.stop))
        values = values[(slice(None),) * axis + (run,)] if consecutive else np.take(values, index, axis=axis)
    return np.ascontiguousarray(values)


def blocks(shape: Sequence[int], size: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Yield the windows of at most `size` that tile an array of `shape`, in order."""
    steps = [[slice(a, min(a + s, n)) for a in range(0, n, s)] for n, s in zip(shape, size, strict=True)]
    return iter(itertools.product(*steps))


def _domain(length: int, margin: int, multiple: int) -> slice:
    start = -rounded_up(margin, multiple)
    return slice(start, start + rounded_up(length - 2 * start, multiple))


def rounded_up(value: int, multiple: int) -> int:
    """Return the smallest multiple that is not below a value."""
    return -(-value // multiple) * multiple


def _grown(window: slice, domain: slice, halo: int, multiple: int, wraps: bool) -> slice:
    length = domain.stop - domain.start
    start = domain.start + (window.start - halo - domain.start) // multiple * multiple
    stop = domain.start + rounded_up(window.stop + halo - domain.start, multiple)
    if not wraps:
        return slice(max(start, domain.start), min(stop, domain.stop))
    return slice(start, stop) if stop - start < length else domain


def _source_indices(part: slice, domain: slice, length: int, border: Border) -> npt.NDArray[np.intp]:
    """Return the pixel of a field of `length` that each coordinate of `part` shows."""
    period = domain.stop - domain.start
    place = (np.arange(part.start, part.stop) - domain.start) % period + domain.start
    turn = {"periodic": length, "symmetric": 2 * length, "reflect": max(2 * length - 2, 1)}[border]
    folded: npt.NDArray[np.intp] = place % turn
    if border == "periodic":
        return folded
    last = turn - 1 if border == "symmetric" else turn  # the mirror image of pixel 0
    return np.minimum(folded, last - folded)
