"""The part of the data that a plan is resolved from, in units of the noise.

One convention: values are `noise.forward(x)`, so the noise has variance 1, and colour is already in the
opponent space when the restorer works there. For the domain "counts" they are pixel values, with their noise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .stack import Float, Stack

if TYPE_CHECKING:
    from torch import Tensor

    from .noise import Autocorrelation, NoiseModel

MOST_BLOCKS = 16
MOST_PIXELS = 2**24
LEAST_SIDE = {2: 64, 3: 32}  # of a window, by number of spatial axes


@dataclass(frozen=True)
class Sample:
    """What a method may look at to resolve its "auto" fields.

    Parameters
    ----------
    values : ndarray, (B, C, *spatial)
        The whole array up to 16 million pixels, beyond that a fixed choice of blocks.
    shape : tuple of int
        Spatial shape of a whole field in pixels.
    spacing : tuple of float
        Grid spacing of the spatial axes.
    correlations : tuple of Autocorrelation or None
        The noise's autocorrelation, one for all channels or one for each; None is white noise.
    color : bool
        Whether the channels are the opponent channels of a colour image.
    noise : NoiseModel or None
        The noise, where the values are those of pixels: for a restorer of the domain "counts".
    """

    values: Float
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    correlations: tuple[Autocorrelation | None, ...] = (None,)
    color: bool = False
    noise: NoiseModel | None = None

    @property
    def correlation(self) -> Autocorrelation | None:
        """The noise's autocorrelation; of colours that differ in it that of the luminance."""
        return self.correlations[0]

    def correlation_of(self, channel: int) -> Autocorrelation | None:
        """Return the autocorrelation of one channel's noise."""
        return self.correlations[channel if len(self.correlations) > 1 else 0]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.values.shape[1])

    def tensor(self) -> Tensor:
        """Return the values as a CPU tensor that shares their memory."""
        import torch

        return torch.from_numpy(self.values)

    def part(self, pixels: int) -> Sample:
        """Return a sample of about `pixels` per channel at most: evenly spread windows, always the same."""
        count, *shape = self.values.shape[0], *self.values.shape[2:]
        if count * math.prod(shape) <= pixels:
            return self
        chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_BLOCKS)).round().astype(int))
        per_block = max(MOST_BLOCKS // chosen.size, 1)
        side = max(int((pixels / (chosen.size * per_block)) ** (1 / len(shape))), LEAST_SIDE[len(shape)])
        windows = spread_windows(shape, side, per_block)
        cuts = [self.values[(block, slice(None), *window)] for block in chosen for window in windows]
        return Sample(
            np.ascontiguousarray(np.stack(cuts)),
            self.shape,
            self.spacing,
            self.correlations,
            self.color,
            self.noise,
        )


class DeferredSample(Sample):
    """A sample that is drawn when its values are first read; many methods never do.

    Parameters
    ----------
    draw : callable
        Returns the values, (B, C, *spatial).
    shape, spacing, correlations, color, noise
        As for `Sample`.
    """

    def __init__(
        self,
        draw: Callable[[], Float],
        shape: tuple[int, ...],
        spacing: tuple[float, ...],
        correlations: tuple[Autocorrelation | None, ...] = (None,),
        color: bool = False,
        noise: NoiseModel | None = None,
    ) -> None:
        self.__dict__.update(
            _draw=draw, shape=shape, spacing=spacing, correlations=correlations, color=color, noise=noise
        )

    @cached_property
    def values(self) -> Float:
        """The values, drawn on first use."""
        return self._draw()  # type: ignore[no-any-return, attr-defined]


def drawn_fields(stack: Stack, ndim: int, pixels: int = MOST_PIXELS) -> Float:
    """Return fields (B, C, *spatial) of a stack: every plane, or fixed windows beyond `pixels` pixels.

    A lazy stack is read only where a window lies.
    """
    return np.stack([field for field, _ in drawn_windows(stack, ndim, pixels)])


def drawn_windows(
    stack: Stack, ndim: int, pixels: int = MOST_PIXELS
) -> Iterator[tuple[Float, tuple[slice, ...]]]:
    """Yield the fields of `drawn_fields`, each (C, *spatial) with its window of the field."""
    planes, shape = list(stack.planes(ndim)), stack.field_shape(ndim)
    windows = [tuple(slice(0, n) for n in shape)]
    if len(planes) * math.prod(shape) > pixels:
        planes = [
            planes[i] for i in np.unique(np.linspace(0, len(planes) - 1, MOST_BLOCKS).round().astype(int))
        ]
        per_plane = max(MOST_BLOCKS // len(planes), 1)
        side = max(int((pixels / (len(planes) * per_plane)) ** (1 / ndim)), LEAST_SIDE[ndim])
        windows = spread_windows(shape, side, per_plane)
    for plane in planes:
        for window in windows:
            cut = np.asarray(stack.array[stack.selection(ndim, plane, window)])
            yield stack.to_field(cut, ndim), window


def spread_windows(shape: Sequence[int], side: int, count: int) -> list[tuple[slice, ...]]:
    """Return at most `count` windows of one size (`side`, or the whole axis), spread evenly over `shape`.

    Origins are multiples of 16, so that dyadic blocks and tiles keep their alignment.
    """
    sizes = [min(side, n) for n in shape]
    room = [n - s for n, s in zip(shape, sizes, strict=True)]
    movable = max(sum(r > 0 for r in room), 1)
    steps = max(int(count ** (1 / movable) + 1e-9), 1)
    starts = [
        np.unique(np.linspace(0, r, steps + 2 if r else 1).astype(int)[1:-1] // 16 * 16)
        if r
        else np.zeros(1, int)
        for r in room
    ]
    return [
        tuple(slice(int(a), int(a) + s) for a, s in zip(origin, sizes, strict=True))
        for origin in itertools.product(*starts)
    ]
