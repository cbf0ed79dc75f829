"""The parts of a stack: which window is worked on at a time, and what of the array it needs.

Conventions: a region is one slice with start and stop per array axis, and always takes every channel; a box
is the part of the array that a region needs, its halo included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

from .geometry import Geometry, blocks
from .stack import Stack

Region = tuple[slice, ...]


class Windowed(Protocol):
    """What is carried out window by window: a restorer, or a plan with what it does around its own."""

    @property
    def spatial_ndim(self) -> int:
        """Number of spatial axes that are worked on together."""

    @property
    def tile_pixels(self) -> int:
        """Pixels that are best worked on at a time."""

    @property
    def planes(self) -> int:
        """Planes or volumes that are best worked on at a time."""

    @property
    def magnification(self) -> Fraction:
        """How much finer the result's grid is along Y and X."""

    def geometry(self) -> Geometry:
        """Return border, margin, alignment and halo."""


def whole(stack: Stack) -> Region:
    """Return the region that is everything."""
    return tuple(slice(0, n) for n in stack.shape)


def checked_region(region: Region | None, stack: Stack) -> Region:
    """Return a region with every slice inside the stack, or raise an error that says what fits."""
    if region is None:
        return whole(stack)
    inside = len(region) == len(stack.shape) and all(
        0 <= (part.start or 0) < (n if part.stop is None else part.stop) <= n and part.step in (None, 1)
        for part, n in zip(region, stack.shape, strict=False)
    )
    if not inside:
        raise ValueError(
            f"region={region} does not lie inside an image of shape {stack.shape} (axes {stack.axes}); "
            "give one non-empty slice per axis."
        )
    full = tuple(
        slice(part.start or 0, n if part.stop is None else part.stop)
        for part, n in zip(region, stack.shape, strict=True)
    )
    axis = stack.channel_axis
    if axis is not None and (full[axis].start, full[axis].stop) != (0, stack.shape[axis]):
        raise ValueError(
            f"a region takes every channel; axis {axis} (C) must be slice(0, {stack.shape[axis]})."
        )
    return full


def tile_shape(work: Windowed, stack: Stack) -> tuple[int, ...]:
    """Return the window size of a run: as the work is best done, larger where the halo would cost more."""
    geometry, ndim = work.geometry(), work.spatial_ndim
    shape = stack.field_shape(ndim)
    if geometry.halo is None:
        return shape
    side = _side(shape, work.tile_pixels)
    return tuple(
        min(n, -(-max(side, 4 * h) // m) * m)
        for n, h, m in zip(shape, geometry.halo, geometry.multiple, strict=True)
    )


def _side(shape: Sequence[int], pixels: int) -> int:
    """Return the side of a square or cube of so many pixels, longer where an axis is too short for it."""
    left = float(pixels)
    for number, length in enumerate(sorted(shape)):
        side: float = left ** (1 / (len(shape) - number))
        if length >= side:
            return round(side)
        left /= length
    return max(shape)


def windows(work: Windowed, stack: Stack, region: Region) -> Iterator[Region]:
    """Yield the windows of at most `tile_shape`, some planes at a time, that make up a region."""
    ndim = work.spatial_ndim
    size, left = [1] * len(stack.shape), work.planes
    for axis in stack.plane_axes(ndim)[::-1]:
        size[axis] = max(min(stack.shape[axis], left), 1)
        left //= size[axis]
    if stack.channel_axis is not None:
        size[stack.channel_axis] = stack.shape[stack.channel_axis]
    for axis, n in zip(stack.spatial_axes(ndim), tile_shape(work, stack), strict=True):
        size[axis] = n
    for window in blocks([part.stop - part.start for part in region], size):
        yield tuple(
            slice(part.start + w.start, part.start + w.stop) for part, w in zip(region, window, strict=True)
        )


def source_box(work: Windowed, stack: Stack, region: Region) -> Region:
    """Return the part of the array that holds every pixel that a region needs.

    Around the pixels of a float array lie those from which the ones that are not finite are filled.
    """
    part = needed_box(work, stack, region)
    if stack.array.dtype.kind != "f":
        return part
    box, reach = list(part), _filling_reach(work, stack, part)
    for axis in stack.spatial_axes(work.spatial_ndim):
        box[axis] = slice(max(part[axis].start - reach, 0), min(part[axis].stop + reach, stack.shape[axis]))
    return tuple(box)


def lengths(region: Region) -> tuple[int, ...]:
    """Return the shape of a region."""
    return tuple(part.stop - part.start for part in region)


def within(part: Region, outer: Region) -> Region:
    """Return the place of a part of the array in a larger part."""
    return tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(part, outer, strict=True))


def outcome(work: Windowed, stack: Stack, region: Region) -> Region:
    """Return where the result of a region lies on the result's grid.

    Of a coarser grid those pixels count whose fine pixels all lie in the region.
    """
    placed = list(region)
    for axis in stack.spatial_axes(2):
        (placed[axis],) = regridded((region[axis],), work.magnification)
    return tuple(placed)


def regridded(parts: Sequence[slice], scale: Fraction) -> tuple[slice, ...]:
    """Return the pixels of a grid `scale` times as fine that lie in the given parts."""
    return tuple(
        slice(first := math.ceil(part.start * scale), max(math.floor(part.stop * scale), first))
        for part in parts
    )


def _window(stack: Stack, work: Windowed, region: Region) -> list[slice]:
    return [region[axis] for axis in stack.spatial_axes(work.spatial_ndim)]


def needed_pixels(work: Windowed, stack: Stack, region: Region) -> tuple[Any, ...]:
    """Return, per spatial axis, the source pixel of every coordinate that a region needs."""
    geometry, shape = work.geometry(), stack.field_shape(work.spatial_ndim)
    return geometry.indices(geometry.grown(_window(stack, work, region), shape), shape)


def inner_part(work: Windowed, stack: Stack, region: Region) -> tuple[slice, ...]:
    """Return the place of a region's result in that of its grown window, for a field (C, *spatial)."""
    window, shape = _window(stack, work, region), stack.field_shape(work.spatial_ndim)
    grown = work.geometry().grown(window, shape)
    inner = [slice(w.start - g.start, w.stop - g.start) for w, g in zip(window, grown, strict=True)]
    return (slice(None), *inner[:-2], *regridded(inner[-2:], work.magnification))


def needed_box(work: Windowed, stack: Stack, region: Region) -> Region:
    """Return the part of the array that a region needs where all values are finite."""
    box, spatial = list(region), stack.spatial_axes(work.spatial_ndim)
    for axis, index in zip(spatial, needed_pixels(work, stack, region), strict=True):
        box[axis] = slice(int(index.min()), int(index.max()) + 1)
    return tuple(box)


def _filling_reach(work: Windowed, stack: Stack, part: Region) -> int:
    """Return how far beyond a needed part a value may lie that one of its pixels is filled with.

    Only pixels within reach of a finite one matter, and none of them is filled from farther than that one.
    """
    geometry, ndim = work.geometry(), work.spatial_ndim
    reaches = [
        n if geometry.halo is None or part[axis].stop - part[axis].start == n else halo + multiple
        for axis, n, halo, multiple in zip(
            stack.spatial_axes(ndim),
            stack.field_shape(ndim),
            geometry.halo or (0,) * ndim,
            geometry.multiple,
            strict=True,
        )
    ]
    return math.ceil(math.hypot(*reaches))
