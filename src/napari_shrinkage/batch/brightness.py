"""Whether a file's brightness was kept: `trust.photometry` on a sample, in one number and one sentence.

Convention: image and result are compared at the same pixels: all of them, or the fixed windows of `sample`;
so a lazy image is read only there. On another grid only the means are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..checking.checks import WORDS, Case
from ..checking.planes import Values, one_correlation
from ..noise import NoiseModel
from ..sample import drawn_fields, drawn_windows
from ..stack import Float, Stack
from ..trust import photometry
from ..trust.limits import all_of, judged, percent
from ..trust.photometry import MEAN_LIMIT, Photometry

PIXELS = 2**18  # of each channel
COLORS = ("Red", "Green", "Blue")


@dataclass(frozen=True)
class Brightness:
    """How brightness came through, in the channel where it changed most.

    Parameters
    ----------
    change : float
        Mean of the result over that of the image, minus 1, in per cent of the signal above the offset; NaN
        where there is none.
    slope : float
        Of the result over the image from dim to bright areas of 15 x 15 pixels: 1 is proportion kept. NaN
        where all is equally bright, or on another grid.
    passed : bool or None
        Whether both are within the limits of `trust.photometry`; None where the noise hides it.
    sentence : str
        The same in words.
    """

    change: float
    slope: float
    passed: bool | None
    sentence: str

    @property
    def word(self) -> str:
        """Kept, changed, or not told apart from noise."""
        return WORDS[self.passed]


def brightness(stack: Stack, restored: Stack, noise: NoiseModel) -> Brightness | None:
    """Compare the brightness of a result with that of its image.

    Parameters
    ----------
    stack : Stack
        The image.
    restored : Stack
        Its result, in any order of axes, on the same grid or on another one.
    noise : NoiseModel
        Of the image.

    Returns
    -------
    Brightness or None
        None where nothing can be compared: no pixel is finite, or a lazy result lies on another grid.
    """
    if set(restored.axes) != set(stack.axes):
        return None
    restored = _ordered(restored, stack.axes)
    if restored.shape == stack.shape:
        found = list(_of_channels(stack, restored, noise.for_channels(stack.channels)))
    elif stack.is_lazy or restored.is_lazy:
        return None
    else:
        found = list(_of_means(stack, restored))
    if not found:
        return None
    worst = max(found, key=lambda one: (one.passed is False, abs(np.nan_to_num(one.change))))
    return Brightness(worst.change, worst.slope, all_of(one.passed for one in found), worst.sentence)


def mean_of(stack: Stack) -> Values:
    """Return the mean of each channel of the sample, (C,)."""
    return _mean(field for field, _ in drawn_windows(stack, 2, PIXELS))


def _of_channels(stack: Stack, restored: Stack, noise: NoiseModel) -> Iterator[Brightness]:
    before, after = _sampled(stack, noise), drawn_fields(restored, 2, PIXELS).astype(np.float64)
    for i, name in enumerate(_names(stack)):
        case = Case(name, one_correlation(noise).channel(i), before[:, i], after[:, i])
        if np.isfinite(case.removed).any():
            std = case.std if noise.is_even else None
            found = photometry(case.image, case.restored, std=std, offset=case.offset, crowding=case.crowding)
            yield _judged(found, name)


def _judged(found: Photometry, name: str) -> Brightness:
    """Return the verdict on the mean and on proportion over areas; fine contrast is another question."""
    mean = judged(found.whole.difference, MEAN_LIMIT, found.whole.error)
    proportion = [] if np.isnan(found.areas.slope) else [found.areas.passed]
    passed = all_of([mean, *proportion])
    return Brightness(found.whole.difference, found.areas.slope, passed, f"{name}{found.sentence()}")


def _of_means(stack: Stack, restored: Stack) -> Iterator[Brightness]:
    means = _mean(stack.fields(2)), _mean(restored.fields(2))
    for name, before, after in zip(_names(stack), *means, strict=True):
        change = float(100 * (after - before) / before) if before else np.nan
        text = f"{name}On the other grid the mean differs by {percent(change)} (limit ±{MEAN_LIMIT} %)."
        yield Brightness(change, np.nan, judged(change, MEAN_LIMIT), text)


def _mean(fields: Iterable[Float]) -> Values:
    """Return the mean of the finite values of fields (C, Y, X), (C,); 0 where there are none."""
    total, count = np.float64(0), np.int64(0)
    for field in fields:
        known = np.isfinite(field)
        total = total + np.where(known, field, 0).sum((1, 2), dtype=np.float64)
        count = count + known.sum((1, 2))
    means: Values = total / np.maximum(count, 1)
    return means


def _sampled(stack: Stack, noise: NoiseModel) -> Values:
    """Return the sample's fields (B, C, Y, X) as a camera whose pixels are all alike would have read them."""
    fields = [
        noise.corrected(field, [np.arange(part.start, part.stop) for part in window])
        for field, window in drawn_windows(stack, 2, PIXELS)
    ]
    return np.stack(fields, dtype=np.float64)


def _names(stack: Stack) -> tuple[str, ...]:
    """Return how a sentence on each channel begins; of a single one it says nothing."""
    if stack.channels == 1:
        return ("",)
    return tuple(f"{COLORS[i] if stack.is_color else f'Channel {i}'}: " for i in range(stack.channels))


def _ordered(stack: Stack, axes: str) -> Stack:
    """Return a stack with its axes in another order."""
    if stack.axes == axes:
        return stack
    order = [stack.axes.index(letter) for letter in axes]
    return Stack(
        stack.array.transpose(order),
        axes,
        tuple(stack.spacing[i] for i in order),
        tuple(stack.units[i] for i in order),
        stack.source,
    )
