"""The parts of an image that a descent looks at in turn: each quick to work on, with windows from all over.

Convention: a part is a batch of windows; its loss draws its probes once. Small images are a single part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..losses import Example, Loss, Objective
from ..restorers import Restorer
from ..sample import spread_windows
from .example import restoring

if TYPE_CHECKING:
    from torch import Tensor

PIXELS = 2**17  # of a part, all channels together, through which a gradient is sent
MOST = 16
TOLD = 4  # parts on which the loss before and after is told
SIDE = {2: 128, 3: 48}  # of a window, by number of spatial axes
STREAM = 0x9A27  # of chance


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of an example, each with its loss.

    Parameters
    ----------
    examples : tuple of Example
        Batches of windows.
    objectives : tuple of callable
        The loss of each.
    """

    examples: tuple[Example, ...]
    objectives: tuple[Objective, ...]

    @classmethod
    def of(cls, example: Example, loss: Loss, device: str) -> Parts:
        """Return at most `MOST` parts of about `PIXELS` values each, each with windows from everywhere."""
        count = min(round(example.noisy.numel() / PIXELS), MOST)
        if count <= 2:
            whole = cut(example, [(slice(None),)], device)
            return cls((whole,), (loss.objective(whole),))
        windows = _windows(example, count * PIXELS)
        values = example.noisy[windows[0]].numel() * len(windows)
        count = max(min(count, round(values / PIXELS)), 1)
        order = np.random.default_rng(STREAM).permutation(len(windows))
        parts = [cut(example, [windows[i] for i in order[first::count]], device) for first in range(count)]
        return cls(tuple(parts), tuple(loss.objective(part) for part in parts))

    def risk(self, restorer: Restorer) -> float:
        """Return the mean loss of a restorer on the first parts."""
        import torch

        with torch.no_grad():
            each = [
                float(loss(restoring(restorer, part)))
                for part, loss in list(zip(self.examples, self.objectives, strict=True))[:TOLD]
            ]
        return sum(each) / len(each)


def _windows(example: Example, values: int) -> list[tuple[slice, ...]]:
    """Return windows (batch, every channel, *spatial) of about so many values, evenly spread."""
    fields, channels, *shape = example.noisy.shape
    side = SIDE[len(shape)]
    most = math.ceil(values / (channels * math.prod(min(side, n) for n in shape)))
    spatial = spread_windows(shape, side, math.ceil(most / fields))
    found = [(slice(i, i + 1), slice(None), *window) for i in range(fields) for window in spatial]
    return found[:: max(len(found) // most, 1)]


def cut(example: Example, windows: Sequence[tuple[slice, ...]], device: str) -> Example:
    """Return windows as a batch, on a device."""
    import torch

    def batch(values: Tensor) -> Tensor:
        return torch.cat([values[window] for window in windows]).to(device)

    return replace(
        example,
        noisy=batch(example.noisy),
        target=None if example.target is None else batch(example.target),
        counts=np.concatenate([example.counts[window] for window in windows]),
    )
