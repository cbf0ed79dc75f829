"""One window of a stack, restored exactly as the whole would come out there.

Conventions: a region is one slice with start and stop per array axis, and always takes every channel; a box
is the part of the array that a region needs, its halo included; what lies beyond the border is found by
`Geometry.indices`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .color import to_opponent, to_rgb
from .noise import NoiseModel
from .recipe import Plan
from .restorers.base import Apply, Restorer
from .stack import Array, Float, Stack, blocks, taken

TILE_PIXELS = 2**20
Region = tuple[slice, ...]


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


def tile_shape(restorer: Restorer, stack: Stack) -> tuple[int, ...]:
    """Return the window size of a run: about 1 million pixels, larger where the halo would cost more."""
    geometry, ndim = restorer.geometry(), restorer.spatial_ndim
    shape = stack.field_shape(ndim)
    if geometry.halo is None:
        return shape
    side = round(TILE_PIXELS ** (1 / ndim))
    return tuple(
        min(n, -(-max(side, 4 * h) // m) * m)
        for n, h, m in zip(shape, geometry.halo, geometry.multiple, strict=True)
    )


def windows(restorer: Restorer, stack: Stack, region: Region) -> Iterator[Region]:
    """Yield the windows of at most `tile_shape`, plane by plane, that make up a region."""
    ndim = restorer.spatial_ndim
    size = [1] * len(stack.shape)
    if stack.channel_axis is not None:
        size[stack.channel_axis] = stack.shape[stack.channel_axis]
    for axis, n in zip(stack.spatial_axes(ndim), tile_shape(restorer, stack), strict=True):
        size[axis] = n
    for window in blocks([part.stop - part.start for part in region], size):
        yield tuple(
            slice(part.start + w.start, part.start + w.stop) for part, w in zip(region, window, strict=True)
        )


def source_box(restorer: Restorer, stack: Stack, region: Region) -> Region:
    """Return the part of the array that holds every pixel that a region needs.

    Around the pixels of a float array lie those from which the ones that are not finite are filled.
    """
    part = _needed_box(restorer, stack, region)
    if stack.array.dtype.kind != "f":
        return part
    box, reach = list(part), _filling_reach(restorer, stack, part)
    for axis in stack.spatial_axes(restorer.spatial_ndim):
        box[axis] = slice(max(part[axis].start - reach, 0), min(part[axis].stop + reach, stack.shape[axis]))
    return tuple(box)


def within(part: Region, outer: Region) -> Region:
    """Return the place of a part of the array in a larger part."""
    return tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(part, outer, strict=True))


def restore_region(plan: Plan, stack: Stack, region: Region | None = None) -> Array:
    """Restore a part of a stack; its pixels equal those of the whole.

    Parameters
    ----------
    plan : Plan
        Made for this stack by `engine.resolve`.
    stack : Stack
        The data.
    region : tuple of slice, optional
        One slice per axis, every channel; None is everything.

    Returns
    -------
    ndarray
        float32, of the region's shape. Non-finite input values and an alpha channel are as they were; a value
        that float32 cannot hold counts as infinite.
    """
    region = checked_region(region, stack)
    box = source_box(plan.restorer, stack, region)
    return _restored_window(plan, _frame(stack), np.asarray(stack.array[box]), box, region)


def lazily_restored(plan: Plan, stack: Stack) -> Any:
    """Return a dask array of the restored stack; each block reads only its part of the input and the halo."""
    import dask.array as da
    from dask.delayed import delayed

    frame = _frame(stack)
    chunks = _output_chunks(plan.restorer, stack)
    starts = [np.cumsum([0, *sizes]) for sizes in chunks]
    work = delayed(_restored_chunk, pure=True)
    parts = np.empty([len(sizes) for sizes in chunks], dtype=object)
    for place in np.ndindex(parts.shape):
        region = tuple(slice(int(s[i]), int(s[i + 1])) for s, i in zip(starts, place, strict=True))
        box = source_box(plan.restorer, frame, region)
        value = work(plan, frame, stack.array[box], box, region)
        parts[place] = da.from_delayed(value, tuple(p.stop - p.start for p in region), dtype=np.float32)
    return da.block(parts.tolist())


def to_noise_units(values: Float, noise: NoiseModel, color: bool) -> Float:
    """Return a field (C, *spatial) scaled to noise of variance 1, colour as opponent channels."""
    z = noise.forward(values).astype(np.float32, copy=False)
    return to_opponent(z) if color else z


def restored_field(noise: NoiseModel, apply: Apply, values: Float, color: bool) -> Float:
    """Restore one extended field in the units of the image; a channel without noise is returned as it is."""
    silent = noise.silent()
    if silent and all(silent):
        return values
    z = apply(to_noise_units(values, noise, color))
    restored: Float = noise.inverse(to_rgb(z) if color else z).astype(np.float32, copy=False)
    if silent:
        restored[np.array(silent)] = values[np.array(silent)]
    return restored


def mixes_color(restorer: Restorer, stack: Stack) -> bool:
    """Whether the restorer sees the stack's colours as luminance and chrominance."""
    return stack.is_color and restorer.opponent_color


def filled(values: Array, spatial: int) -> Array:
    """Return values with the non-finite ones replaced by the nearest along the last `spatial` axes.

    A plane without any finite value is filled with zeros.
    """
    from scipy.ndimage import distance_transform_edt

    bad = ~np.isfinite(values)
    out = values.copy()
    for plane in np.ndindex(values.shape[: values.ndim - spatial]):
        if bad[plane].all():
            out[plane] = 0
        elif bad[plane].any():
            nearest = distance_transform_edt(bad[plane], return_distances=False, return_indices=True)
            out[plane] = values[plane][tuple(nearest)]
    return out


def built(plan: Plan) -> Apply:
    """Return the restoring function of a plan."""
    return plan.restorer.build(plan.device, plan.noise.autocorrelation, plan.threads)


@dataclass(frozen=True)
class _NoData:
    """Shape and type of an array, without its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _frame(stack: Stack) -> Stack:
    """Return a stack of the same shape and axes that holds no data."""
    return replace(stack, array=_NoData(stack.shape, stack.array.dtype))


def _restored_chunk(plan: Plan, frame: Stack, values: Array, box: Region, region: Region) -> Array:
    """Restore a region from the values of its `source_box`, window by window."""
    out = np.empty([part.stop - part.start for part in region], np.float32)
    for window in windows(plan.restorer, frame, region):
        part = source_box(plan.restorer, frame, window)
        out[within(window, region)] = _restored_window(plan, frame, values[within(part, box)], part, window)
    return out


def _restored_window(plan: Plan, frame: Stack, values: Array, box: Region, region: Region) -> Array:
    """Restore a region from the values of its `source_box`, all of it at a time."""
    ndim, apply = plan.restorer.spatial_ndim, built(plan)
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = values.astype(np.float32, copy=False)
    original = values[within(region, box)]
    needed = _finite_part(values, within(_needed_box(plan.restorer, frame, region), box), frame, ndim)
    indices = [index - index.min() for index in _needed(plan.restorer, frame, region)]
    inner = _inner(plan.restorer, frame, region)
    everything = [slice(None)] * ndim
    color = mixes_color(plan.restorer, frame)
    out = np.empty(original.shape, np.float32)
    for plane in itertools.product(*(range(original.shape[i]) for i in frame.plane_axes(ndim))):
        place = frame.selection(ndim, plane, everything)
        extended = taken(frame.to_field(needed[place], ndim), indices)
        restored = restored_field(plan.noise, apply, extended, color)[inner]
        target = out[place]
        np.copyto(target[..., :3] if frame.has_alpha else target, frame.from_field(restored, ndim))
    _put_back(out, original, frame)
    return out


def _window(stack: Stack, restorer: Restorer, region: Region) -> list[slice]:
    return [region[axis] for axis in stack.spatial_axes(restorer.spatial_ndim)]


def _needed(restorer: Restorer, stack: Stack, region: Region) -> tuple[Any, ...]:
    """Return, per spatial axis, the source pixel of every coordinate that a region needs."""
    geometry, shape = restorer.geometry(), stack.field_shape(restorer.spatial_ndim)
    return geometry.indices(geometry.grown(_window(stack, restorer, region), shape), shape)


def _inner(restorer: Restorer, stack: Stack, region: Region) -> tuple[slice, ...]:
    """Return the place of a region's pixels in its grown window, for a field (C, *spatial)."""
    window, shape = _window(stack, restorer, region), stack.field_shape(restorer.spatial_ndim)
    grown = restorer.geometry().grown(window, shape)
    return (
        slice(None),
        *(slice(w.start - g.start, w.stop - g.start) for w, g in zip(window, grown, strict=True)),
    )


def _needed_box(restorer: Restorer, stack: Stack, region: Region) -> Region:
    """Return the part of the array that a region needs where all values are finite."""
    box, spatial = list(region), stack.spatial_axes(restorer.spatial_ndim)
    for axis, index in zip(spatial, _needed(restorer, stack, region), strict=True):
        box[axis] = slice(int(index.min()), int(index.max()) + 1)
    return tuple(box)


def _filling_reach(restorer: Restorer, stack: Stack, part: Region) -> int:
    """Return how far beyond a needed part a value may lie that one of its pixels is filled with.

    Only pixels within reach of a finite one matter, and none of them is filled from farther than that one.
    """
    geometry, ndim = restorer.geometry(), restorer.spatial_ndim
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


def _finite_part(values: Array, part: Region, frame: Stack, ndim: int) -> Array:
    """Return a part of the values; where some are not finite, filled from the nearest."""
    if values.dtype.kind != "f" or np.isfinite(values[part]).all():
        return values[part]
    spatial, last = frame.spatial_axes(ndim), tuple(range(-ndim, 0))
    return np.moveaxis(filled(np.moveaxis(values, spatial, last), ndim), last, spatial)[part]


def _put_back(out: Array, original: Array, frame: Stack) -> None:
    """Put the alpha channel and the non-finite values of the input back."""
    if frame.has_alpha:
        out[..., 3] = original[..., 3]
    if original.dtype.kind == "f":
        np.copyto(out, original, where=~np.isfinite(original), casting="same_kind")


def _output_chunks(restorer: Restorer, stack: Stack) -> list[tuple[int, ...]]:
    """Return the chunks of a lazy result: the input's, spatial ones not below a window, channels whole."""
    chunks = [tuple(int(n) for n in sizes) for sizes in stack.array.chunks]
    if stack.channel_axis is not None:
        chunks[stack.channel_axis] = (stack.shape[stack.channel_axis],)
    for axis, least in zip(
        stack.spatial_axes(restorer.spatial_ndim), tile_shape(restorer, stack), strict=True
    ):
        if max(chunks[axis]) < least:
            n = stack.shape[axis]
            step = -(-least // max(chunks[axis])) * max(chunks[axis])
            chunks[axis] = tuple(min(step, n - start) for start in range(0, n, step))
    return chunks
