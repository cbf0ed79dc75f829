"""Which part of a result is made at a time, and what of the input it needs.

Conventions: a block is a region of the result's grid, one slice per axis of the stack, and takes every
channel. All steps are carried out within a block: what a later one needs beyond it, an earlier one restores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..geometry import rounded_up
from ..recipe import Plan
from ..stack import Array, Stack
from ..tiles import restore_region
from ..windows import Region, lengths, outcome, source_box, tile_shape, whole, within

LEAST_PIXELS = 2**22  # of a block, where there are planes enough
MOST_PIXELS = 2**24  # up to which a block holds as many planes as a chunk of the input
CHUNK_SIDES = {2: 1024, 3: 512}  # along Y and X, by the number of axes that are restored together


@dataclass(frozen=True)
class Part:
    """The values of a box, in their place in an array of which nothing else is known."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    box: Region
    values: Array

    def __getitem__(self, region: Region) -> Array:
        return self.values[within(region, self.box)]


@dataclass(frozen=True)
class Restored:
    """What a plan makes of a stack, float32, restored where it is looked at."""

    plan: Plan
    stack: Stack
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return lengths(outcome(self.plan, self.stack, whole(self.stack)))

    def __getitem__(self, index: Sequence[int | slice]) -> Array:
        wanted = tuple(_span(i, n) for i, n in zip(index, self.shape, strict=True))
        region = covering(self.plan, self.stack, wanted)
        values = restore_region(self.plan, self.stack, region)
        made = values[within(wanted, outcome(self.plan, self.stack, region))]
        return made[tuple(slice(None) if isinstance(i, slice) else 0 for i in index)]


def covering(plan: Plan, stack: Stack, wanted: Region) -> Region:
    """Return the region of a plan's input whose result covers a part of the result's grid."""
    region, scale = list(wanted), plan.magnification
    for axis in stack.spatial_axes(2):
        first, last = math.floor(wanted[axis].start / scale), math.ceil(wanted[axis].stop / scale)
        region[axis] = slice(first, min(last, stack.shape[axis]))
    if stack.channel_axis is not None:
        region[stack.channel_axis] = slice(0, stack.shape[stack.channel_axis])
    return tuple(region)


def needed_box(plans: Sequence[Plan], stacks: Sequence[Stack], block: Region) -> Region:
    """Return the part of the input that a block needs; `stacks`: what each plan is given, then the result."""
    for plan, stack in zip(reversed(plans), reversed(stacks[:-1]), strict=True):
        block = source_box(plan, stack, covering(plan, stack, block))
    return block


def chunk_side(plans: Sequence[Plan]) -> int:
    """Return the side of the result's chunks along Y and X, in pixels."""
    return CHUNK_SIDES[max(plan.spatial_ndim for plan in plans)]


def block_shape(
    plans: Sequence[Plan], stacks: Sequence[Stack], side: int, thick: Sequence[int]
) -> tuple[int, ...]:
    """Return the size of a block: a window of every step in whole chunks, and planes to fill it.

    Parameters
    ----------
    plans, stacks
        The steps; what each is given, and the result.
    side : int
        Of the result's chunks along Y and X.
    thick : sequence of int
        Length of the input's chunks along each axis; planes of one are restored together if memory allows.
    """
    result, ndim = stacks[-1], max(plan.spatial_ndim for plan in plans)
    size = [1] * len(result.axes)
    for plan, stack in zip(plans, stacks[:-1], strict=True):
        for axis, n in zip(stack.spatial_axes(plan.spatial_ndim), tile_shape(plan, stack), strict=True):
            size[axis] = max(size[axis], math.ceil(n * result.shape[axis] / stack.shape[axis]))
    for axis in result.spatial_axes(2):
        size[axis] = min(rounded_up(size[axis], side), result.shape[axis])
    if result.channel_axis is not None:
        size[result.channel_axis] = result.shape[result.channel_axis]
    together = max(plan.planes for plan in plans)
    return _with_planes(size, result.shape, result.plane_axes(ndim), thick, together)


def coarse_block_shape(image: Stack, shape: Sequence[int], side: int) -> tuple[int, ...]:
    """Return the size of a block of an image's coarser level of a shape: a chunk, and planes to fill it."""
    chunk = [min(side, n) if letter in "YX" else 1 for n, letter in zip(shape, image.axes, strict=True)]
    return _with_planes(chunk, shape, image.plane_axes(2), chunk)


def _with_planes(
    size: Sequence[int], shape: Sequence[int], axes: Sequence[int], thick: Sequence[int], together: int = 1
) -> tuple[int, ...]:
    """Return a block that is longer along the axes of planes: as a chunk of the input, or to be worth it."""
    grown = list(size)
    for axis in reversed(axes):
        pixels = math.prod(grown)
        wanted = max(min(thick[axis], MOST_PIXELS // pixels), LEAST_PIXELS // pixels, together, 1)
        grown[axis] = min(wanted, shape[axis])
        together = -(-together // grown[axis])
    return tuple(grown)


def _span(index: int | slice, length: int) -> slice:
    if isinstance(index, slice):
        return slice(*index.indices(length)[:2])
    return slice(int(index), int(index) + 1)
