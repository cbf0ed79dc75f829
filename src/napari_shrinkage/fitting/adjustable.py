"""Which numbers of a threshold a fit may move, and how the multiple of every band follows from them.

Convention: it follows linearly, so a matrix says it all: one column for a single ratio, two for a profile, as
many as bands and channels where each has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from ..sample import Sample
from ..thresholds import (
    FixedThreshold,
    PerBand,
    Profile,
    Ratio,
    RatioPerLevel,
    ThresholdSelector,
    per_channel,
)
from ..transforms.base import Band, Subband, Transform

if TYPE_CHECKING:
    from torch import Tensor

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Adjustable:
    """The numbers of a threshold as one vector.

    Parameters
    ----------
    keys : tuple of str
        The detail bands.
    channels : int
        Number of channels.
    matrix : ndarray, (bands * channels, n)
        Takes the numbers to the multiple of each band and channel.
    start : ndarray, (n,)
        The numbers to begin with.
    rebuild : callable
        Makes a threshold of n numbers.
    """

    keys: tuple[str, ...]
    channels: int
    matrix: Values
    start: Values
    rebuild: Callable[[Sequence[float]], FixedThreshold]

    def multiples(self, numbers: Tensor) -> dict[str, Tensor]:
        """Return the multiple of each band, (channels,), by key."""
        rows = (numbers.new_tensor(self.matrix) @ numbers).reshape(-1, self.channels)
        return dict(zip(self.keys, rows, strict=True))


class MovingThreshold(ThresholdSelector):
    """Thresholds as tensors, through which a gradient passes; lives only as long as a fit.

    Parameters
    ----------
    values : mapping of str to Tensor
        Multiples of each band, (channels,).
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self.values = values

    def __call__(self, band: Band, gain: float) -> Tensor:
        """Return the threshold in the units of `band.data`, (channels, *1)."""
        multiples = self.values[band.key].to(band.data.dtype)
        return gain * multiples.reshape(1, -1, *(1,) * (band.data.ndim - 2))

    def channel(self, index: int) -> Self:
        """Return the thresholds of one channel alone."""
        return type(self)({key: value[index : index + 1] for key, value in self.values.items()})

    def select(self, band: Band | Subband, gain: float) -> tuple[float, ...]:
        """Return the multiples of a band as numbers."""
        return tuple(self.values[band.key].tolist())

    def resolve(self, sample: Sample, transform: Transform) -> FixedThreshold:
        """Return them as numbers."""
        return PerBand(values={key: tuple(value.tolist()) for key, value in self.values.items()})


def adjustable(threshold: FixedThreshold, transform: Transform, channels: int) -> Adjustable:
    """Return the numbers of a resolved threshold that a fit moves.

    Notes
    -----
    A ratio, a ratio per level and a profile keep their kind; every other threshold becomes one of each band
    and channel, starting from what it chose.
    """
    bands = [band for band in transform.subbands() if band.detail]
    keys = tuple(band.key for band in bands)
    match threshold:
        case Ratio(r=r):
            rows, start = [[1.0] for _ in bands], [r]
            rebuild: Callable[[Sequence[float]], FixedThreshold] = lambda v: Ratio(r=v[0])  # noqa: E731
        case RatioPerLevel(r=levels):
            last = len(levels) - 1
            rows = [np.eye(last + 1)[min(band.level - 1, last)].tolist() for band in bands]
            start, rebuild = list(levels), lambda v: RatioPerLevel(r=tuple(v))
        case Profile(low=low, high=high):
            rows = [[1 - band.radius, band.radius] for band in bands]
            start, rebuild = [low, high], lambda v: Profile(low=v[0], high=v[1])
        case _:
            return _of_each_band(threshold, bands, channels)
    return Adjustable(keys, channels, np.repeat(np.array(rows), channels, axis=0), np.array(start), rebuild)


def _of_each_band(threshold: FixedThreshold, bands: Sequence[Subband], channels: int) -> Adjustable:
    keys = tuple(band.key for band in bands)
    start = [m for band in bands for m in per_channel(threshold.multiple(band), channels, band.key)]

    def rebuild(numbers: Sequence[float]) -> FixedThreshold:
        rows = [tuple(numbers[i : i + channels]) for i in range(0, len(numbers), channels)]
        return PerBand(values=dict(zip(keys, rows, strict=True)))

    return Adjustable(keys, channels, np.eye(len(start)), np.array(start), rebuild)
