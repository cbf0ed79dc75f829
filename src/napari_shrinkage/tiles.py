"""One window of a stack, restored exactly as the whole would come out there.

Convention: the values of a region's `source_box` are all that is read; what lies beyond the border is found
by `Geometry.indices`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .geometry import taken
from .noise import Autocorrelation, NoiseModel
from .noise.base import Indices
from .noise.units import from_noise_units, to_noise_units
from .recipe import BRIGHTNESS_SIDE, Plan
from .restorers.base import Apply, Restorer
from .sample import drawn_windows
from .stack import Array, Float, Stack, known
from .windows import (
    Region,
    checked_region,
    inner_part,
    lengths,
    needed_box,
    needed_pixels,
    outcome,
    source_box,
    tile_shape,
    windows,
    within,
)


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
    plan.noise.check_shape(stack.field_shape(plan.spatial_ndim))
    region = checked_region(region, stack)
    box = source_box(plan, stack, region)
    return _restored_chunk(plan, _frame(stack), np.asarray(stack.array[box]), box, region)


def lazily_restored(plan: Plan, stack: Stack) -> Any:
    """Return a dask array of the restored stack; each block reads only its part of the input and the halo."""
    import dask.array as da
    from dask.delayed import delayed

    plan.noise.check_shape(stack.field_shape(plan.spatial_ndim))
    frame = _frame(stack)
    chunks = _output_chunks(plan, stack)
    starts = [np.cumsum([0, *sizes]) for sizes in chunks]
    work = delayed(_restored_chunk, pure=True)
    parts = np.empty([len(sizes) for sizes in chunks], dtype=object)
    for place in np.ndindex(parts.shape):
        region = tuple(slice(int(s[i]), int(s[i + 1])) for s, i in zip(starts, place, strict=True))
        box = source_box(plan, frame, region)
        value = work(plan, frame, stack.array[box], box, region)
        parts[place] = da.from_delayed(value, lengths(outcome(plan, frame, region)), dtype=np.float32)
    return da.block(parts.tolist())


def drawn_in_noise_units(
    stack: Stack, noise: NoiseModel, ndim: int, color: bool, evenly: bool = True
) -> Float:
    """Return fields (B, C, *spatial) of a stack, or windows of them, in units of the noise.

    Where the noise differs from pixel to pixel that is the noise of each pixel, or if not `evenly` that of a
    usual one.
    """
    noise.check_shape(stack.field_shape(ndim))
    fields = []
    for values, pixels in _drawn(stack, noise, ndim):
        z, level = to_noise_units(values, noise, color), noise.level(pixels)
        fields.append(z if level is None or not evenly else z / level)
    return np.stack(fields)


def drawn_in_counts(stack: Stack, noise: NoiseModel, ndim: int) -> Iterator[Float]:
    """Return the same fields in the units of the image, holes filled and uneven pixels evened out."""
    return (values for values, _ in _drawn(stack, noise, ndim))


def restored_field(noise: NoiseModel, apply: Apply, values: Float) -> Float:
    """Restore one extended field in the units of the image; a channel without noise is returned as it is."""
    silent = noise.silent()
    if silent and all(silent):
        return values
    restored = apply(values)
    if silent:
        restored[np.array(silent)] = values[np.array(silent)]
    return restored


def mixes_color(restorer: Restorer, stack: Stack) -> bool:
    """Whether the restorer sees the stack's colours as luminance and chrominance."""
    return stack.is_color and restorer.opponent_color


def filled(values: Array, spatial: int) -> Array:
    """Return values with those that are not `known` replaced by the nearest along the last `spatial` axes.

    A plane without any known value is filled with zeros.
    """
    from scipy.ndimage import distance_transform_edt

    bad = ~known(values)
    out = values.copy()
    for plane in np.ndindex(values.shape[: values.ndim - spatial]):
        if bad[plane].all():
            out[plane] = 0
        elif bad[plane].any():
            nearest = distance_transform_edt(bad[plane], return_distances=False, return_indices=True)
            out[plane] = values[plane][tuple(nearest)]
    return out


def built(plan: Plan, color: bool, level: Float | None = None) -> Apply:
    """Return the restoring function of a plan, from and to the units of the image.

    `level`, (Y, X), is what `NoiseModel.level` says of the pixels that it will be given.
    """
    if plan.restorer.domain == "counts":
        return plan.restorer.build_counts_uneven(plan.noise, plan.device, level)
    apply, noise = _built_for_noise_units(plan, color, level), plan.noise

    def restored(values: Float) -> Float:
        found = from_noise_units(apply(to_noise_units(values, noise, color)), noise, color)
        return with_brightness_of(values, found) if plan.keeps_brightness else found

    return restored


def with_brightness_of(values: Float, restored: Float) -> Float:
    """Return a restored field (C, *spatial) with the local means of the values that it was made from.

    What smoothing takes from a curved scale it does not give back: the mean of roots is below the root of the
    mean. So what is left between the two over windows of 15 x 15 pixels, taken twice, is put back. Where the
    sensor cuts values off, that is the mean of the values as they were cut off, not of the light.
    """
    from scipy.ndimage import uniform_filter

    missing = values - restored
    side = (0,) * (missing.ndim - 2) + (BRIGHTNESS_SIDE,) * 2
    for _ in range(2):
        missing = uniform_filter(missing, side, mode="nearest")
    kept: Float = restored + missing
    return kept


def _built_for_noise_units(plan: Plan, color: bool, level: Float | None) -> Apply:
    """Return the restoring function of a plan; channel by channel where each has its own correlation."""

    def built(restorer: Restorer, correlation: Autocorrelation | None) -> Apply:
        if level is None:
            return restorer.build(plan.device, correlation, plan.threads)
        return restorer.build_uneven(plan.device, correlation, plan.threads, level)

    correlations = plan.noise.correlations(color)
    if len(correlations) == 1:
        return built(plan.restorer, correlations[0])
    each = [built(plan.restorer.channel(index), one) for index, one in enumerate(correlations)]
    return lambda z: np.concatenate([apply(z[i : i + 1]) for i, apply in enumerate(each)])


def _drawn(stack: Stack, noise: NoiseModel, ndim: int) -> Iterator[tuple[Float, list[Indices]]]:
    """Yield fields (C, *spatial) in the units of the image, with the pixels that they show, per axis."""
    for values, window in drawn_windows(stack, ndim):
        whole = values if known(values).all() else filled(values, ndim)
        pixels = [np.arange(part.start, part.stop) for part in window]
        yield noise.corrected(whole, pixels), pixels


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
    whole_part = outcome(plan, frame, region)
    out = np.empty(lengths(whole_part), np.float32)
    for window in windows(plan, frame, region):
        part = source_box(plan, frame, window)
        place = within(outcome(plan, frame, window), whole_part)
        out[place] = _restored_window(plan, frame, values[within(part, box)], part, window)
    return out


def _restored_window(plan: Plan, frame: Stack, values: Array, box: Region, region: Region) -> Array:
    """Restore a region from the values of its `source_box`, all of it at a time."""
    ndim, color = plan.restorer.spatial_ndim, mixes_color(plan.restorer, frame)
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = values.astype(np.float32, copy=False)
    original = values[within(region, box)]
    needed = _finite_part(values, within(needed_box(plan, frame, region), box), frame, ndim)
    pixels = needed_pixels(plan, frame, region)
    indices = [index - index.min() for index in pixels]
    first = tuple(region[axis].start for axis in frame.plane_axes(ndim))
    apply = built(replace(plan, restorer=plan.restorer.at(first)), color, plan.noise.level(pixels))
    inner = inner_part(plan, frame, region)
    planes = itertools.product(*(range(original.shape[i]) for i in frame.plane_axes(ndim)))
    places = [frame.selection(ndim, plane, [slice(None)] * ndim) for plane in planes]
    fields = (
        plan.noise.corrected(taken(frame.to_field(needed[place], ndim), indices), pixels) for place in places
    )
    out = np.empty(lengths(outcome(plan, frame, region)), np.float32)
    for place, restored in zip(places, _restored_fields(plan, apply, fields), strict=True):
        target = out[place]
        np.copyto(target[..., :3] if frame.has_alpha else target, frame.from_field(restored[inner], ndim))
    _put_back(out, _as_fine(original, plan, frame, region), frame)
    return out


def _restored_fields(plan: Plan, apply: Apply, fields: Iterable[Float]) -> Iterator[Float]:
    """Restore extended fields (C, *domain) one by one, or all together where the restorer takes several."""
    if plan.magnification != 1:
        yield from map(apply, fields)
    elif plan.planes == 1:
        yield from (restored_field(plan.noise, apply, field) for field in fields)
    else:
        together = restored_field(plan.noise, apply, np.stack(list(fields), axis=1))
        yield from np.moveaxis(together, 1, 0)


def _finite_part(values: Array, part: Region, frame: Stack, ndim: int) -> Array:
    """Return a part of the values; where some are not known, filled from the nearest."""
    if values.dtype.kind != "f" or known(values[part]).all():
        return values[part]
    spatial, last = frame.spatial_axes(ndim), tuple(range(-ndim, 0))
    return np.moveaxis(filled(np.moveaxis(values, spatial, last), ndim), last, spatial)[part]


def _as_fine(values: Array, plan: Plan, frame: Stack, region: Region) -> Array:
    """Return a region's values on the result's grid: at each pixel the one that its centre lies in."""
    if plan.magnification == 1:
        return values
    placed = outcome(plan, frame, region)
    for axis in frame.spatial_axes(2):
        centres = (2 * np.arange(placed[axis].start, placed[axis].stop) + 1) * plan.magnification.denominator
        values = values.take(centres // (2 * plan.magnification.numerator) - region[axis].start, axis)
    return values


def _put_back(out: Array, original: Array, frame: Stack) -> None:
    """Put the alpha channel, and what is not finite or marks missing data in the input, back."""
    if frame.has_alpha:
        out[..., 3] = original[..., 3]
    if original.dtype.kind == "f":
        np.copyto(out, original, where=~known(original), casting="same_kind")


def _output_chunks(plan: Plan, stack: Stack) -> list[tuple[int, ...]]:
    """Return the chunks of a lazy result: the input's, spatial ones not below a window, channels whole."""
    chunks = [tuple(int(n) for n in sizes) for sizes in stack.array.chunks]
    if stack.channel_axis is not None:
        chunks[stack.channel_axis] = (stack.shape[stack.channel_axis],)
    for axis, least in zip(stack.spatial_axes(plan.spatial_ndim), tile_shape(plan, stack), strict=True):
        if max(chunks[axis]) < least:
            n = stack.shape[axis]
            step = -(-least // max(chunks[axis])) * max(chunks[axis])
            chunks[axis] = tuple(min(step, n - start) for start in range(0, n, step))
    for axis in stack.spatial_axes(2):
        chunks[axis] = _in_multiples(chunks[axis], plan.magnification.denominator)
    return chunks


def _in_multiples(sizes: tuple[int, ...], multiple: int) -> tuple[int, ...]:
    """Return chunks of about these sizes that begin at multiples; what is left over goes to the last."""
    total = sum(sizes)
    inner = {round(stop / multiple) * multiple for stop in np.cumsum(sizes)[:-1].tolist()}
    stops = [stop for stop in sorted(inner) if 0 < stop <= total - multiple]
    return tuple(np.diff([0, *stops, total]).tolist())
