"""Spots added to an image and restored as the result was: the check that needs the method itself.

Convention: the plans are those of the result, number for number; they are carried out on a window around the
middle of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..comparing.crops import Crop
from ..comparing.measuring import evened
from ..noise import NoiseModel
from ..recipe import Plan
from ..stack import Array
from ..trust import injected_spots
from ..windows import Region
from .planes import Grid, evenly
from .report import Line

SIDE = {2: 384, 3: 192}  # of the window, by number of spatial axes
DEPTH = 16  # planes of a volume
NO_METHOD = (
    "No spots were added: how this result was made is not known, so it cannot be made again with spots in it."
)


@dataclass(frozen=True, eq=False)
class Bench:
    """A window of the image, and the plans that restore it.

    Parameters
    ----------
    crop : Crop
        The window.
    plans : tuple of Plan
        Carried out one after the other.
    """

    crop: Crop
    plans: tuple[Plan, ...]

    @classmethod
    def of(cls, grid: Grid, plans: Sequence[Plan], noise: NoiseModel) -> Bench:
        """Cut out the window around the middle."""
        ndim = max(plan.restorer.spatial_ndim for plan in plans)
        crop = Crop.of(grid.stack, _middle(grid, ndim), ndim, noise)
        return cls(crop, tuple(replace(plan, noise=evened(plan.noise)) for plan in plans))

    def restored(self, field: Array) -> Array:
        """Restore a field (C, *spatial)."""
        for plan in self.plans:
            field = self.crop.restored(plan, field)
        return field

    def check(self, channel: int, noise: NoiseModel, name: str, seed: int) -> Line:
        """Add spots to the middle plane of one channel, and measure what comes through."""
        values = self.crop.values
        place = (channel, values.shape[1] // 2) if values.ndim == 4 else (channel,)

        def restore(plane: Array) -> Array:
            field = values.copy()
            field[place] = plane
            result: Array = self.restored(field)[place]
            return result

        found = injected_spots(values[place], restore, evened(noise), seed=seed)
        faintest = found.faintest_kept
        most = f"{100 * found.ratios[-1]:.0f} % at SNR {found.snrs[-1]:g}"
        number = most if faintest is None else f"kept from SNR {faintest:g}"
        return Line("Small spots", found.passed, number, found.sentence(), name, found)


def _middle(grid: Grid, ndim: int) -> Region:
    """Return a window of the middle plane (or volume), as a region of the image."""
    (middle,) = evenly(grid.planes(), 1)
    part = list(middle)
    for axis, letter in zip(grid.stack.spatial_axes(ndim), "ZYX"[-ndim:], strict=True):
        outer = grid.region[axis]
        size = DEPTH if letter == "Z" else SIDE[ndim]
        start = max((outer.start + outer.stop - size) // 2, outer.start)
        part[axis] = slice(start, min(start + size, outer.stop))
    return tuple(part)
