"""Mean and temporal variance of every pixel of a series of frames, read one frame at a time.

Convention: the variance comes from the differences of consecutive frames, after an overall change of
brightness between the two (lamp flicker, bleaching) is taken out. A stack is anything with a length whose
items are frames (Y, X): an array, a dask array, a list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..stack import Array, Float

Grid = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

LEAST_PIXELS = 64
DRIFT_PIXELS = 2**16
TRIMMED = 0.5  # per cent at each end: a hot pixel must not decide about drift
MOVED = 7.5  # median deviations: nor must what moves
PILE_SHARE = 3e-4
PILE_COUNT = 5
SLAB_BYTES = 2**27  # of a dask chunk that is computed at once


@dataclass(frozen=True, eq=False)
class FrameStatistics:
    """What a series of frames says of each pixel.

    Parameters
    ----------
    mean : ndarray, (Y, X)
        Temporal mean.
    variance : ndarray, (Y, X)
        Unbiased temporal variance.
    saturated : ndarray, (Y, X)
        Share of the frames in which the pixel was saturated.
    frames : int
        Number of frames.
    """

    mean: Float
    variance: Float
    saturated: Float
    frames: int

    @property
    def freedom(self) -> float:
        """Degrees of freedom of each variance: that of squared differences of consecutive Gaussian values."""
        return 2 * (self.frames - 1) ** 2 / (3 * self.frames - 4)


def frame_statistics(
    stack: Any,
    name: str = "the stack",
    saturation: float = math.inf,
    seen: Callable[[], None] = lambda: None,
) -> FrameStatistics:
    """Return mean and variance of each pixel.

    Parameters
    ----------
    stack : array_like, (T, Y, X)
        At least two frames; only one or two of them are in memory at a time.
    name : str
        What errors call it.
    saturation : float
        The value from which on a pixel is saturated.
    seen : callable
        Called after each frame.

    Raises
    ------
    ValueError
        If there are fewer than two frames, they differ in shape or are no images of one channel, or a value
        is not finite.
    """
    total = squares = saturated = previous = np.zeros(checked_shape(stack, name))
    count = 0
    for frame in frames_of(stack):
        frame = _checked(frame, total.shape, f"frame {count} of {name}")
        total = total + frame
        if count:
            squares = squares + np.square(_without_drift(frame - previous, frame + previous))
        saturated = saturated + (frame >= saturation)
        previous, count = frame, count + 1
        seen()
    spent = total.size / (total.size - 2)  # two numbers for drift were fitted to each pair
    return FrameStatistics(
        (total / count).astype(np.float32),
        (squares * spent / (2 * (count - 1))).astype(np.float32),
        (saturated / count).astype(np.float32),
        count,
    )


def checked_shape(stack: Any, name: str) -> tuple[int, int]:
    """Return the shape of the frames of a stack, or raise an error that says what is wrong with it."""
    shape = (
        (len(stack), *np.shape(stack[0])) if isinstance(stack, list | tuple) and stack else np.shape(stack)
    )
    if len(shape) != 3 or shape[0] < 2:
        raise ValueError(
            f"{name} has shape {shape}; expected at least 2 frames of one channel, (frames, rows, columns)."
        )
    if shape[1] * shape[2] < LEAST_PIXELS:
        raise ValueError(
            f"{name} has frames of {shape[1]} x {shape[2]}; at least {LEAST_PIXELS} pixels are needed."
        )
    return shape[1], shape[2]


def frames_of(stack: Any) -> Iterator[Array]:
    """Yield the frames of a stack; of a dask array, chunk by chunk, so that none is computed twice."""
    if not hasattr(stack, "dask"):
        yield from (np.asarray(stack[i]) for i in range(len(stack)))
        return
    largest = max(1, SLAB_BYTES // max(math.prod(stack.shape[1:]) * stack.dtype.itemsize, 1))
    start = 0
    for length in stack.chunks[0]:
        step = length if length <= largest else 1
        for first in range(start, start + length, step):
            yield from np.asarray(stack[first : first + step])
        start += length


def pile_at_top(frames: list[Array]) -> float:
    """Return the highest value of all where pixels pile up there, as in a saturated image; else infinity."""
    top = max(float(frame.max()) for frame in frames)
    for frame in frames:
        values, counts = np.unique(frame, return_counts=True)
        if values[-1] == top and _is_pile(counts[::-1], frame.size):
            return top
    return math.inf


def share_at_bottom(frame: Array) -> float:
    """Return the share of pixels at the lowest value where they pile up there, cut off; else 0."""
    counts = np.unique(frame, return_counts=True)[1]
    return float(counts[0] / frame.size) if _is_pile(counts, frame.size) else 0.0


def _is_pile(counts: npt.NDArray[np.intp], size: int) -> bool:
    """Whether the first of the counts, from one end of a histogram, is larger than a tail's would be."""
    beside = counts[1] if len(counts) > 1 else 0
    return bool(counts[0] >= max(PILE_COUNT, PILE_SHARE * size) and counts[0] > 2 * beside)


def _checked(frame: Array, shape: tuple[int, ...], name: str) -> Grid:
    if frame.shape != shape:
        raise ValueError(
            f"{name} is {frame.shape}, the frames before are {shape}; expected frames of one shape."
        )
    values = frame.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are not finite; give raw frames, as the camera wrote them.")
    return values


def _without_drift(difference: Grid, total: Grid) -> Grid:
    """Return the difference of two frames without the part a + b * (their sum) that fits it best.

    Noise of equal variance in both leaves difference and sum uncorrelated, so that only drift is taken out.
    """
    step = max(difference.size // DRIFT_PIXELS, 1)
    d, s = difference.ravel()[::step], total.ravel()[::step]
    low, high = np.percentile(s, [TRIMMED, 100 - TRIMMED])
    away = np.abs(d - np.median(d))
    kept = (s >= low) & (s <= high) & (away <= (MOVED * np.median(away) or np.inf))
    d, s = d[kept], s[kept] - s[kept].mean()
    power = float(s @ s)
    slope = float(s @ d) / power if power > 0 else 0.0
    remaining = difference - slope * total
    remaining -= remaining.mean()
    return remaining
