"""How groups are made, without numba or torch: what the compiled kernel and the reference share.

Convention: a search window holds all positions at which a patch may start; near a border it is moved inwards,
not cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIZES = (5, 7, 9)  # sides of the patches that the kernel compares
LEAST_ENERGY = 0.7  # of noisy patches less their level, as a share of what their noise alone should have
LEAST_PIVOT = 0.1  # of a Gram matrix of noisy patches, as a share of the noise's diagonal
WHITE_SHARE = 0.1  # of white noise that is added to correlated noise, so that its Gram matrix can be inverted


@dataclass(frozen=True)
class Grouping:
    """How groups are made.

    Parameters
    ----------
    size : int
        Side of the square patches in pixels, one of `SIZES`.
    matches : int
        How many patches make a group.
    search : int
        Side of the square of positions among which they are looked for.
    depth : int
        How many planes before and after the reference's are searched.
    stride : int
        Step from one reference to the next.
    """

    size: int
    matches: int
    search: int
    depth: int
    stride: int

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"patches of size={self.size}: the kernel compares those of {SIZES} pixels.")

    @property
    def reach(self) -> tuple[int, int, int]:
        """How far a restored pixel looks along Z, Y and X."""
        across = self.search + 2 * (self.size - 1)
        return (2 * self.depth + 1 if self.depth else 0, across, across)


def first_position(place: Any, side: int, positions: int) -> Any:
    """Return where a search window of `side` positions begins for a reference, or a tensor of them.

    `positions` is how many there are along that axis.
    """
    last = max(positions - side, 0)
    clipped = place - side // 2
    return clipped.clip(0, last) if hasattr(clipped, "clip") else max(0, min(clipped, last))
