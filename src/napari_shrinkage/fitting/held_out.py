"""Which part of an example a network learns from, and which part judges it.

Convention: what judges is never learned from. Of a few images it is a band across the middle of each, of more
every fifth image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..losses import Example, Loss, Objective, Restore
from .parts import cut
from .recorrupted import ELECTRONS, gaussian_pixels, judged

SHARE = 5  # one in so many is held out
LEAST = 80  # pixels of the longer axis, of which a band can be held out
CELL, LEAST_CELL = 96, 16  # largest and smallest side of the windows that are judged, each by itself
LEAST_CELLS = 12  # of them, where the image is large enough
CERTAIN = 2.0  # standard errors

Window = tuple[slice, ...]


@dataclass(frozen=True)
class Verdict:
    """What a network's error on the held-out part is, before and after it learned.

    Parameters
    ----------
    before, after : float
        Mean loss, in units of the noise: 1 is what the noisy image has.
    uncertainty : float
        Standard error of their difference, from its scatter over the windows.
    """

    before: float
    after: float
    uncertainty: float

    @property
    def is_better(self) -> bool:
        """Whether the loss fell by more than chance explains."""
        return self.before - self.after > CERTAIN * self.uncertainty

    @property
    def gain(self) -> float:
        """How many dB the error fell; nan where an estimate of it is not above zero."""
        return 10 * math.log10(self.before / self.after) if min(self.before, self.after) > 0 else math.nan

    @property
    def sentence(self) -> str:
        """Which network is better, and how sure that is."""
        measured = f"{self.before:.4g} before, {self.after:.4g} after, difference ± {self.uncertainty:.2g}"
        if not self.is_better:
            return f"Not surely better on the part held out (error over the noise's: {measured})."
        by = f" by {self.gain:.2f} dB" if math.isfinite(self.gain) else ""
        return f"Better{by} on the part held out (error over the noise's: {measured})."


@dataclass(frozen=True, eq=False)
class Referee:
    """The held-out windows, each with its loss.

    Parameters
    ----------
    examples : tuple of Example
        One window each.
    objectives : tuple of callable
        The loss of each.
    weights : tuple of float
        How many of its pixels count.
    """

    examples: tuple[Example, ...]
    objectives: tuple[Objective, ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, example: Example, windows: Sequence[Window], loss: Loss, device: str) -> Referee:
        """Return the referee of some windows (batch, channels, *spatial) of an example.

        Where the loss has a target it judges; else an unbiased estimate of the error does, of the pixels
        where it holds.

        Raises
        ------
        ValueError
            If it holds nowhere.
        """
        pixels = sum(math.prod(part.stop - part.start for part in window[2:]) for window in windows)
        side = min(max((pixels / LEAST_CELLS) ** (1 / len(example.shape)), LEAST_CELL), CELL)
        cells = [cell for window in windows for cell in _cells(window, side)]
        parts = [cut(example, [cell], device) for cell in cells]
        if loss.needs_target:
            weights = tuple(float(part.counts.size) for part in parts)
            return cls(tuple(parts), tuple(loss.objective(part) for part in parts), weights)
        counted = [(part, float(gaussian_pixels(part).sum())) for part in parts]
        kept = [(part, pixels) for part, pixels in counted if pixels]
        _check_any(kept)
        objectives = tuple(judged(part, number) for number, (part, _) in enumerate(kept))
        return cls(tuple(part for part, _ in kept), objectives, tuple(pixels for _, pixels in kept))

    def losses(self, restoring: Callable[[Example], Restore]) -> Iterator[float]:
        """Yield the loss of each window."""
        import torch

        for loss, part in zip(self.objectives, self.examples, strict=True):
            with torch.no_grad():
                found = float(loss(restoring(part)))
            yield found


def _check_any(kept: Sequence[object]) -> None:
    if not kept:
        raise ValueError(
            f"on the part held out all pixels have fewer than {ELECTRONS:g} electrons, or are cut off by the "
            "camera, so the noisy image alone cannot say whether a network got better. Use Noise2Noise with "
            "a second image, or Supervised with a clean one."
        )


def verdict(before: Sequence[float], after: Sequence[float], weights: Sequence[float]) -> Verdict:
    """Return what the losses of the same windows before and after say, each counted by its weight."""
    share = np.asarray(weights) / np.sum(weights)
    first, last, count = float(share @ before), float(share @ after), share.size
    if count < 2:
        return Verdict(first, last, math.inf)
    rest = share * (np.subtract(after, before) - (last - first))
    return Verdict(first, last, math.sqrt(float(np.sum(rest**2)) * count / (count - 1)))


def split(example: Example) -> tuple[list[Window], list[Window]]:
    """Return the windows to learn from, and those held out.

    Raises
    ------
    ValueError
        If there are few images, and too small ones to hold out a part of each.
    """
    fields, everything = len(example.noisy), slice(None)
    whole = tuple(slice(0, n) for n in example.shape)
    if fields >= SHARE:
        chosen = range(SHARE // 2, fields, SHARE)
        learned, held_out = ([i for i in range(fields) if (i in chosen) == held] for held in (False, True))
        return (
            [(slice(i, i + 1), everything, *whole) for i in learned],
            [(slice(i, i + 1), everything, *whole) for i in held_out],
        )
    axis = int(np.argmax(example.shape))
    length = example.shape[axis]
    if length < LEAST:
        raise ValueError(
            f"the image has {' x '.join(map(str, example.shape))} pixels, and a fifth of it must be held out "
            f"to judge the network; give at least {LEAST} pixels along an axis, or {SHARE} images."
        )
    first, last = (round(length * part / SHARE) for part in (2, 3))

    def band(start: int, stop: int) -> list[Window]:
        part = list(whole)
        part[axis] = slice(start, stop)
        return [(slice(i, i + 1), everything, *part) for i in range(fields)]

    return band(0, first) + band(last, length), band(first, last)


def drawn_batch(
    example: Example, windows: Sequence[Window], count: int, side: int, rng: np.random.Generator, device: str
) -> Example:
    """Return crops from anywhere in some windows as a batch, mirrored by chance.

    All places are as likely. Correlated noise keeps its autocorrelation where all axes are mirrored.
    """
    import torch

    spatial = list(range(2, example.noisy.ndim))
    correlated = any(one is not None for one in example.correlations)
    crops = []
    for place in _places(windows, count, side, rng):
        crop = cut(example, [place], device)
        turned = rng.integers(2, size=len(spatial)).astype(bool)
        axes = [
            axis for axis, turn in zip(spatial, turned, strict=True) if (turned[0] if correlated else turn)
        ]
        crops.append(_mirrored(crop, axes))
    targets = [crop.target for crop in crops if crop.target is not None]
    return replace(
        crops[0],
        noisy=torch.cat([crop.noisy for crop in crops]),
        target=torch.cat(targets) if targets else None,
        counts=np.concatenate([crop.counts for crop in crops]),
    )


def _places(windows: Sequence[Window], count: int, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Yield crops of a side, or as large as the windows are, from anywhere in them."""
    sizes = [[part.stop - part.start for part in window[2:]] for window in windows]
    sides = [min(side, *axis) for axis in zip(*sizes, strict=True)]
    room = np.array([math.prod(n - s + 1 for n, s in zip(each, sides, strict=True)) for each in sizes])
    for index in rng.choice(len(windows), count, p=room / room.sum()):
        window = windows[index]
        corner = [
            part.start + int(rng.integers(n - s + 1))
            for part, n, s in zip(window[2:], sizes[index], sides, strict=True)
        ]
        yield (*window[:2], *(slice(a, a + s) for a, s in zip(corner, sides, strict=True)))


def _mirrored(crop: Example, axes: list[int]) -> Example:
    return replace(
        crop,
        noisy=crop.noisy.flip(axes),
        target=None if crop.target is None else crop.target.flip(axes),
        counts=np.ascontiguousarray(np.flip(crop.counts, tuple(axes))),
    )


def _cells(window: Window, side: float) -> list[Window]:
    """Return windows of about so many pixels a side that tile a window; their sizes differ by one at most."""
    shape = [part.stop - part.start for part in window[2:]]
    counts = [max(round(n / side), 1) for n in shape]
    edges = [
        np.linspace(part.start, part.stop, n + 1).round().astype(int)
        for part, n in zip(window[2:], counts, strict=True)
    ]
    return [
        (*window[:2], *(slice(int(e[i]), int(e[i + 1])) for e, i in zip(edges, place, strict=True)))
        for place in np.ndindex(*counts)
    ]
