"""The parts of an image on which candidates are compared: all of it, or windows that represent it.

Convention: a crop is an image of its own; it is restored by a plan that was made for the whole.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..noise import NoiseModel
from ..recipe import Plan
from ..risk import local_mean
from ..stack import Array, Float, Stack
from ..tiles import filled, restore_region
from ..windows import Region

MOST_PIXELS = 2**20  # of each channel
SIDE = {2: 256, 3: 64}  # of a window, by number of spatial axes
MOST_PER_AXIS = 8  # windows that are looked at
MOST_PLANES = 16
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Crop:
    """A window of one plane (or volume), all its channels.

    Parameters
    ----------
    stack : Stack
        The window as an image of its own: float32, non-finite values filled.
    known : ndarray of bool, (C, *spatial)
        Where the values were finite.
    ndim : int
        Number of spatial axes of its field.
    """

    stack: Stack
    known: Array
    ndim: int

    @classmethod
    def of(cls, stack: Stack, region: Region, ndim: int, noise: NoiseModel | None = None) -> Crop:
        """Cut a region out of a stack; a noise model with maps of the camera's pixels evens them."""
        part = stack.with_array(np.asarray(stack.array[region]))
        raw = cls(part, np.ones(0, bool), ndim)
        known = np.isfinite(raw.values)
        values = raw.values if known.all() else filled(raw.values, ndim)
        if noise is not None:
            spatial = (region[axis] for axis in stack.spatial_axes(ndim))
            values = noise.corrected(values, [np.arange(one.start, one.stop) for one in spatial])
        return cls(raw.placed(values), known, ndim)

    @property
    def values(self) -> Float:
        """The noisy field, (C, *spatial)."""
        return self.field(self.stack.array)

    def field(self, values: Array) -> Float:
        """Return an array of the crop's axes as a field (C, *spatial)."""
        return self.stack.to_field(values[self._place], self.ndim)

    def placed(self, field: Array) -> Stack:
        """Return a field (C, *spatial) as a stack of the crop's axes."""
        array = self.stack.array.astype(np.float32)
        target = array[self._place]
        np.copyto(
            target[..., :3] if self.stack.has_alpha else target, self.stack.from_field(field, self.ndim)
        )
        return self.stack.with_array(array)

    def restored(self, plan: Plan, field: Array) -> Array:
        """Restore a field as an image of this crop's axes."""
        return self.field(restore_region(plan, self.placed(field)))

    @property
    def _place(self) -> tuple[Any, ...]:
        plane = (0,) * len(self.stack.plane_axes(self.ndim))
        return self.stack.selection(self.ndim, plane, [slice(None)] * self.ndim)


def representative_regions(stack: Stack, noise: NoiseModel, ndim: int) -> list[Region]:
    """Return the parts of a stack that stand for it: everything up to 1 million pixels, else windows.

    Notes
    -----
    The image is divided into equal windows of about 256 x 256 pixels (64 x 64 x 64 in a volume), of which up
    to 8 per axis are looked at, in 16 planes, evenly spread. They are ranked by the variance of their
    smoothed content in units of the noise, and windows at even ranks are taken, up to 1 million pixels per
    channel: calm parts and busy ones come in the shares that the image has. The choice is always the same.
    """
    planes, shape = list(stack.planes(ndim)), stack.field_shape(ndim)
    if len(planes) * math.prod(shape) <= MOST_PIXELS:
        return [_region(stack, ndim, plane, [slice(0, n) for n in shape]) for plane in planes]
    windows = list(itertools.product(*(_divided(n, SIDE[ndim]) for n in shape)))
    regions = [
        _region(stack, ndim, plane, window) for plane in _evenly(planes, MOST_PLANES) for window in windows
    ]
    activity = [_activity(Crop.of(stack, region, ndim, noise), noise) for region in regions]
    ranked = [regions[i] for i in np.argsort(activity, kind="stable")]
    size = max(math.prod(part.stop - part.start for part in window) for window in windows)
    return _evenly(ranked, max(MOST_PIXELS // size, 1))


def _divided(length: int, side: int) -> list[slice]:
    """Return at most 8 of the equal parts, about `side` long, that make up an axis."""
    edges = np.linspace(0, length, -(-length // side) + 1).astype(int).tolist()
    return _evenly([slice(a, b) for a, b in itertools.pairwise(edges)], MOST_PER_AXIS)


def _evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` items, evenly spread."""
    count = min(most, len(items))
    return [items[int((i + 0.5) * len(items) / count)] for i in range(count)]


def _activity(crop: Crop, noise: NoiseModel) -> float:
    smooth = local_mean(noise.forward(crop.values))
    return float(np.var(smooth, dtype=np.float64))


def _region(stack: Stack, ndim: int, plane: tuple[int, ...], window: Sequence[slice]) -> Region:
    """Return a window of a plane as one slice for each axis of the array."""
    index = stack.selection(ndim, plane, window)
    return tuple(
        slice(0, n) if part == slice(None) else part if isinstance(part, slice) else slice(part, part + 1)
        for part, n in zip(index, stack.shape, strict=True)
    )
