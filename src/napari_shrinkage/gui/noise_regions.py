"""Noise inside what the user has drawn: from the shapes of a Shapes layer to a stack that holds only that.

Convention: a mask is a plane (Y, X) of the image at full resolution; it holds for every plane and channel.
Areas count (rectangles, polygons, ellipses), lines and paths do not. napari is imported inside functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..stack import Stack

Mask = npt.NDArray[np.bool_]

AREAS = ("rectangle", "polygon", "ellipse")
LEAST_SIDE = 64  # of what is cut out: a spectrum needs some room around


def region_mask(shapes: Any, layer: Any, stack: Stack) -> Mask:
    """Return which pixels of an image lie inside the shapes of a layer.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        With areas, at its own scale and place.
    layer : napari.layers.Image
        The image.
    stack : Stack
        Of `layer`.

    Returns
    -------
    ndarray of bool, (Y, X)

    Raises
    ------
    ValueError
        If there are no areas, or they lie outside the image.
    """
    chosen = [
        (kind, data) for kind, data in zip(shapes.shape_type, shapes.data, strict=True) if kind in AREAS
    ]
    if not chosen:
        raise ValueError(
            f"{shapes.name!r} holds no area yet. Draw a rectangle or a polygon over a flat part of the image."
        )
    axes = stack.spatial_axes(2)
    corners = [_on_plane(data, shapes, layer)[:, axes] for _, data in chosen]
    mask = _filled(corners, [kind for kind, _ in chosen], stack.field_shape(2))
    if not mask.any():
        raise ValueError(
            f"The shapes in {shapes.name!r} lie outside {layer.name!r}. Move them over the image."
        )
    return mask


def within(stack: Stack, mask: Mask) -> Stack:
    """Return the part of a stack around a mask, float32, lazy, with NaN outside of the mask.

    Parameters
    ----------
    stack : Stack
        Any.
    mask : ndarray of bool, (Y, X)
        With at least one pixel.
    """
    import dask.array as da

    window = [_around(np.flatnonzero(mask.any(axis=1 - axis)), mask.shape[axis]) for axis in (0, 1)]
    cut: list[Any] = [slice(None)] * len(stack.axes)
    sides = [1] * len(stack.axes)
    small = mask[window[0], window[1]]
    for axis, part, side in zip(stack.spatial_axes(2), window, small.shape, strict=True):
        cut[axis], sides[axis] = part, side
    array = stack.array[tuple(cut)]
    if not stack.is_lazy:
        kept = {*stack.spatial_axes(2), stack.channel_axis}
        chunks = [n if axis in kept else 1 for axis, n in enumerate(array.shape)]
        array = da.from_array(array, chunks=tuple(chunks), name=False)
    order = small if stack.spatial_axes(2)[0] < stack.spatial_axes(2)[1] else small.T
    return stack.with_array(da.where(order.reshape(sides), array.astype(np.float32), np.float32(np.nan)))


def _on_plane(data: Any, shapes: Any, layer: Any) -> npt.NDArray[np.float64]:
    """Return the corners (N, D) of a shape as pixels of a layer; axes that one lacks are 0."""
    world = np.array([shapes.data_to_world(corner) for corner in np.asarray(data, float)])
    shared = min(layer.ndim, world.shape[1])
    padded = np.zeros((len(world), layer.ndim))
    padded[:, layer.ndim - shared :] = world[:, world.shape[1] - shared :]
    return np.array([layer.world_to_data(point) for point in padded])


def _filled(corners: list[npt.NDArray[np.float64]], kinds: list[str], shape: tuple[int, ...]) -> Mask:
    from napari.layers import Shapes

    drawn = Shapes(corners, shape_type=kinds, ndim=2)
    return np.asarray(drawn.to_labels(labels_shape=shape) > 0)


def _around(places: npt.NDArray[np.intp], length: int) -> slice:
    """Return the slice that holds all places, larger where there is room and they are few."""
    start, stop = int(places[0]), int(places[-1]) + 1
    return slice(start, min(max(stop, start + LEAST_SIDE), length))
