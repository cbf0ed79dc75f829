"""Which part of a layer to work on: what is in view, a rectangle, a plane, a range.

Convention: a region is one slice with start and stop per axis of the layer's stack (its axes, and a trailing
C for colours), at full resolution, and takes every channel. Layers and viewers are only read.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..stack import Stack
from ..windows import Region, whole

MOST_PIXELS = 2**20  # of a preview


def displayed_axes(viewer: Any, layer: Any) -> tuple[int, ...]:
    """Return the layer's axes that the canvas shows, in the order of the canvas."""
    first = viewer.dims.ndim - layer.ndim
    return tuple(axis - first for axis in viewer.dims.displayed if axis >= first)


def current_index(viewer: Any, layer: Any) -> tuple[int, ...]:
    """Return the full-resolution pixel at the sliders' point, inside the layer, for every axis."""
    place = np.rint(layer.world_to_data(viewer.dims.point)).astype(int)
    return tuple(int(np.clip(i, 0, n - 1)) for i, n in zip(place, layer_shape(layer), strict=True))


def layer_shape(layer: Any) -> tuple[int, ...]:
    """Return the full-resolution shape of a layer without colours, one length per axis of the layer."""
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(int(n) for n in data.shape[: layer.ndim])


def visible_region(viewer: Any, layer: Any, stack: Stack) -> Region | None:
    """Return the part of the current plane that the canvas shows, or None when it shows none of it."""
    axes, region = displayed_axes(viewer, layer), list(current_plane(viewer, layer, stack))
    low, high = _view_in_data(viewer, layer)
    for axis in axes:
        start = max(math.floor(low[axis] + 0.5), 0)
        stop = min(math.ceil(high[axis] + 0.5), stack.shape[axis])
        if stop <= start:
            return None
        region[axis] = slice(start, stop)
    return with_channels(tuple(region), stack)


def current_plane(viewer: Any, layer: Any, stack: Stack) -> Region:
    """Return the plane that the canvas shows, with every channel."""
    axes, region = displayed_axes(viewer, layer), list(whole(stack))
    for axis, index in enumerate(current_index(viewer, layer)):
        if axis not in axes:
            region[axis] = slice(index, index + 1)
    return with_channels(tuple(region), stack)


def rectangle_region(corners: Any, shapes_layer: Any, layer: Any, stack: Stack) -> Region | None:
    """Return the bounding box of a shape along the axes in which it extends; other axes are taken whole.

    Parameters
    ----------
    corners : ndarray, (N, D)
        Vertices in the shapes layer's data coordinates.
    shapes_layer, layer : napari layers
        Where the shape is, and what is cut.
    stack : Stack
        Of `layer`.

    Returns
    -------
    tuple of slice or None
        None when the shape lies outside.
    """
    world = np.array([shapes_layer.data_to_world(corner) for corner in np.asarray(corners, float)])
    ndim = layer.ndim
    padded = np.zeros((len(world), ndim))
    shared = min(ndim, world.shape[1])
    padded[:, ndim - shared :] = world[:, world.shape[1] - shared :]
    data = np.array([layer.world_to_data(point) for point in padded])
    region = list(whole(stack))
    for axis, (low, high) in enumerate(zip(data.min(axis=0), data.max(axis=0), strict=True)):
        if high - low < 0.5:
            continue
        start, stop = max(math.floor(low + 0.5), 0), min(math.ceil(high + 0.5), stack.shape[axis])
        if stop <= start:
            return None
        region[axis] = slice(start, stop)
    return with_channels(tuple(region), stack)


def range_region(stack: Stack, axis: int, first: int, last: int) -> Region:
    """Return planes `first` to `last` (both included, from 0) along one axis."""
    region = list(whole(stack))
    region[axis] = slice(first, last + 1)
    return with_channels(tuple(region), stack)


def boxed(
    region: Region, axes: tuple[int, ...], center: tuple[float, ...] | None = None, pixels: int = MOST_PIXELS
) -> Region:
    """Return at most `pixels` pixels of a region: a box around `center` (its own by default), moved inside.

    Parameters
    ----------
    region : tuple of slice
        What is in view.
    axes : tuple of int
        The axes along which it extends.
    center : tuple of float, optional
        One coordinate per axis of `axes`.
    pixels : int
        The most that the box may hold.
    """
    lengths = [region[axis].stop - region[axis].start for axis in axes]
    sides = box_sides(lengths, pixels)
    box = list(region)
    for i, (axis, side) in enumerate(zip(axes, sides, strict=True)):
        part = region[axis]
        middle = (part.start + part.stop) / 2 if center is None else center[i]
        start = int(np.clip(round(middle - side / 2), part.start, part.stop - side))
        box[axis] = slice(start, start + side)
    return tuple(box)


def box_sides(lengths: list[int], pixels: int) -> list[int]:
    """Return the sides of the box of at most `pixels` pixels that fits: square where there is room."""
    sides, left = list(lengths), float(pixels)
    for count, i in zip(range(len(lengths), 0, -1), np.argsort(lengths), strict=True):
        sides[i] = max(min(lengths[i], int(left ** (1 / count))), 1)
        left /= sides[i]
    return sides


def with_channels(region: Region, stack: Stack) -> Region:
    """Return the region with every channel."""
    axis = stack.channel_axis
    if axis is None:
        return region
    return (*region[:axis], slice(0, stack.shape[axis]), *region[axis + 1 :])


def region_pixels(region: Region, stack: Stack) -> int:
    """Return the number of pixels of a region, a colour or a set of channels counting as one."""
    return math.prod(part.stop - part.start for axis, part in enumerate(region) if axis != stack.channel_axis)


def _view_in_data(viewer: Any, layer: Any) -> tuple[Any, Any]:
    """Return the lowest and highest data coordinates that the canvas shows, per axis of the layer."""
    shown = list(viewer.dims.displayed)
    half = np.asarray(viewer.canvas.size, float) / 2 / viewer.scene.camera.zoom
    middle = np.asarray(viewer.scene.camera.center, float)[-2:]
    corners = []
    for signs in itertools.product((-1, 1), repeat=2):
        point = np.array(viewer.dims.point, float)
        point[shown[-2:]] = middle + np.asarray(signs) * half
        corners.append(layer.world_to_data(point))
    data = np.array(corners)
    return data.min(axis=0), data.max(axis=0)
