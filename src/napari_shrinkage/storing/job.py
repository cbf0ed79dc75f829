"""A job: an image to be made, as its unfinished folder describes it, and the blocks it is made of.

Convention: level 0 is the restored image, each further one the means over pixels of the level before; a level
is complete before the next one begins. Whoever carries out a block knows the job from its folder alone.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..conversion import converted
from ..files import ome_zarr
from ..geometry import blocks
from ..methods import Json
from ..pyramid import coarsened, halved_shapes
from ..recipe import Plan, Record
from ..stack import Array, Stack
from ..windows import Region, lengths, tile_shape
from .blocks import Part, Restored, block_shape, chunk_side, coarse_block_shape, needed_box

CONVERTED_PIXELS = 2**20  # at a time
WINDOW_BYTES = 16 * 4  # a pixel


@dataclass(frozen=True)
class Job:
    """An image to be made.

    Parameters
    ----------
    record : Record
        The plans and the input, as they were decided when the work began.
    dtype : dtype
        Of the result.
    compression : str
        One of `ome_zarr.COMPRESSIONS`.
    side : int
        Of a chunk along Y and X, in pixels.
    sizes : tuple of tuple of int
        Size of a block of each level, whole chunks.
    """

    record: Record
    dtype: np.dtype[Any]
    compression: str
    side: int = 0
    sizes: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, record: Record, stack: Stack, dtype: np.dtype[Any], compression: str) -> Job:
        """Return the job of a record's plans for a stack, with blocks that suit both."""
        job = cls(record, dtype, compression)
        thick = [max(sizes) for sizes in stack.array.chunks] if stack.is_lazy else [1] * len(stack.axes)
        side = chunk_side(job.plans)
        finest = block_shape(job.plans, job.stacks, side, thick)
        coarser = (coarse_block_shape(job.result, shape, side) for shape in job.level_shapes[1:])
        return replace(job, side=side, sizes=(finest, *coarser))

    @classmethod
    def from_json(cls, data: Json) -> Job:
        """Build the job that `to_json` wrote."""
        record, dtype = Record.from_json(data["record"]), np.dtype(data["dtype"])
        sizes = tuple(tuple(size) for size in data["sizes"])
        return cls(record, dtype, data["compression"], data["side"], sizes)

    def to_json(self) -> Json:
        """Return plain JSON types."""
        return {
            "record": self.record.to_json(),
            "dtype": str(self.dtype),
            "compression": self.compression,
            "side": self.side,
            "sizes": [list(size) for size in self.sizes],
        }

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The steps."""
        return self.record.plans

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """What each step is given, and the last one's result; shapes without values."""
        about = self.record.input
        array = _blank(about["shape"], np.dtype(about["dtype"]))
        found = [Stack(array, about["axes"], tuple(about["spacing"]), tuple(about["units"]), about["source"])]
        for plan in self.plans:
            made = Restored(plan, found[-1])
            found.append(found[-1].with_array(_blank(made.shape, made.dtype), plan.magnification))
        return (*found[:-1], found[-1].with_array(_blank(found[-1].shape, self.dtype)))

    @property
    def result(self) -> Stack:
        """The result: its shape and type, without values."""
        return self.stacks[-1]

    @cached_property
    def level_shapes(self) -> list[tuple[int, ...]]:
        """Shape of the image and of each coarser level, axes in the stack's order."""
        return halved_shapes(self.result.shape, self.result.axes)

    def created(self, image: Path) -> None:
        """Make the image's folder; its arrays hold nothing yet."""
        ome_zarr.created(image, self.result, self.compression, self.side)

    @cached_property
    def blocks(self) -> list[list[Region]]:
        """The blocks of each level, each whole chunks of it."""
        return [list(blocks(*level)) for level in zip(self.level_shapes, self.sizes, strict=True)]

    def source_box(self, number: int) -> Region:
        """Return the part of the input that a block of the image needs."""
        return needed_box(self.plans, self.stacks, self.blocks[0][number])

    @property
    def block_bytes(self) -> int:
        """Memory that a block takes at most: its box, its values in float32 and as written, and a window.

        A window counts as 16 float32 arrays, which a fused kernel and counted light take on the way.
        """
        first, values = self.stacks[0], math.prod(self.sizes[0])
        spread = np.unique(np.linspace(0, len(self.blocks[0]) - 1, 50).astype(int))
        box = max(math.prod(lengths(self.source_box(int(number)))) for number in spread)
        given = zip(self.plans, self.stacks[:-1], strict=True)
        window = max(math.prod(tile_shape(plan, stack)) * stack.channels for plan, stack in given)
        bytes_read = box * int(first.array.dtype.itemsize)
        return bytes_read + values * (4 + self.dtype.itemsize) + window * WINDOW_BYTES

    def restored(self, number: int, values: Array, threads: int | None) -> Array:
        """Return a block of the image from the values of its box."""
        first = self.stacks[0]
        stack = first.with_array(Part(first.shape, values.dtype, self.source_box(number), values))
        for plan in self.plans:
            threaded = replace(plan, threads=threads or plan.threads)
            stack = stack.with_array(Restored(threaded, stack), plan.magnification)
        return stack.array[self.blocks[0][number]]  # type: ignore[no-any-return]


def carried_out(image: Path, level: int, number: int, values: Any, threads: int | None) -> tuple[int, int]:
    """Make one block and write it; return its number, and how many of its values were clipped.

    Parameters
    ----------
    image : Path
        The folder that is filled; the job lies beside it.
    level, number : int
        Which block.
    values : ndarray or dask array or None
        What a block of level 0 needs of the input.
    threads : int or None
        Of a fused kernel; None leaves the plans' own.
    """
    job = job_of(image)
    region, clipped = job.blocks[level][number], 0
    if level == 0:
        made, clipped = _converted(job.restored(number, _read(values), threads), job.dtype)
    else:
        made = _coarser(job, image, level, region)
    _array(image, level)[_ordered(region, job)] = made.transpose(ome_zarr.order_of(job.result.axes))
    return number, clipped


def job_of(image: Path) -> Job:
    """Return the job of an unfinished image."""
    path = description_of(image)
    return _job(path, path.stat().st_mtime_ns)


def description_of(image: Path) -> Path:
    """Return the file that describes the job of an unfinished image."""
    return image.with_suffix(".json")


@functools.lru_cache(maxsize=8)
def _job(path: Path, _written: int) -> Job:
    return Job.from_json(json.loads(path.read_text(encoding="utf-8"))["job"])


def _converted(values: Array, dtype: np.dtype[Any]) -> tuple[Array, int]:
    """Return values of another dtype and how many were clipped, some at a time to save memory."""
    flat, made, clipped = values.reshape(-1), np.empty(values.size, dtype), 0
    for start in range(0, values.size, CONVERTED_PIXELS):
        part = slice(start, start + CONVERTED_PIXELS)
        made[part], outside = converted(flat[part], dtype)
        clipped += outside
    return made.reshape(values.shape), clipped


def _coarser(job: Job, image: Path, level: int, region: Region) -> Array:
    """Return a block of a coarser level from the pixels of the level before that it covers."""
    coarse, fine = job.level_shapes[level], job.level_shapes[level - 1]
    covered = tuple(
        slice(part.start * n // m, part.stop * n // m)
        for part, n, m in zip(region, fine, coarse, strict=True)
    )
    order = ome_zarr.order_of(job.result.axes)
    values = np.asarray(_array(image, level - 1)[_ordered(covered, job)]).transpose(np.argsort(order))
    return coarsened(values, lengths(region))  # type: ignore[no-any-return]


def _array(image: Path, level: int) -> Any:
    import zarr

    return zarr.open_array(image / str(level), mode="r+")


def _ordered(region: Region, job: Job) -> Region:
    return tuple(region[i] for i in ome_zarr.order_of(job.result.axes))


def _read(values: Any) -> Array:
    return np.asarray(values.compute(scheduler="synchronous") if hasattr(values, "dask") else values)


def _blank(shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """Return an array of a shape that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape))
