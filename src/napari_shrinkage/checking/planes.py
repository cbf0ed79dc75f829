"""The planes that stand for a stack, of everything that takes part in the checks.

Convention: values are (C, P, Y, X) of P planes, as a camera whose pixels are all alike would have read them,
NaN where they are not known; labels are (P, Y, X).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..comparing.crops import Crop
from ..noise import NoiseModel
from ..stack import Array, Stack
from ..windows import Region, whole

MOST_PLANES = 4
MOST_PIXELS = 2**22  # of each channel, where there is more than one plane
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where a result lies on its image.

    Parameters
    ----------
    stack : Stack
        The image.
    restored : Stack
        The result, on the pixels of `region`.
    region : tuple of slice
        One slice for each axis of the image.
    """

    stack: Stack
    restored: Stack
    region: Region

    @classmethod
    def of(cls, stack: Stack, restored: Stack, region: Region | None = None) -> Grid:
        """Check that a result fits its image.

        Raises
        ------
        ValueError
            If it covers other pixels, or has other axes.
        """
        part = region or whole(stack)
        shape = tuple(one.stop - one.start for one in part)
        if (restored.shape, restored.axes) != (shape, stack.axes):
            raise ValueError(
                f"the result has shape {restored.shape} (axes {restored.axes}), its image {shape} "
                f"(axes {stack.axes}); give a result on the same pixels."
            )
        return cls(stack, restored, part)

    def planes(self) -> list[Region]:
        """Return each plane of the result, all its channels, as a region of the image."""
        counted = self.stack.plane_axes(2)
        places = itertools.product(*(range(self.region[i].start, self.region[i].stop) for i in counted))
        return [self._at(dict(zip(counted, place, strict=True))) for place in places]

    def inside(self, part: Region) -> Region:
        """Return a region of the image as one of the result."""
        return tuple(
            slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, self.region, strict=True)
        )

    def _at(self, places: dict[int, int]) -> Region:
        return tuple(
            slice(places[i], places[i] + 1) if i in places else part for i, part in enumerate(self.region)
        )


@dataclass(frozen=True, eq=False)
class Planes:
    """Planes of an image and of its result, and what else is known of their pixels."""

    parts: list[Region]
    image: Values
    restored: Values
    labels: Array | None = None
    second: Values | None = None
    reference: Values | None = None


def sampled(
    grid: Grid, noise: NoiseModel, regions: Any, second: Stack | None, reference: Stack | None
) -> Planes:
    """Return all planes of a result, or at most four, evenly spread, up to 4 million pixels."""
    every = grid.planes()
    rows, columns = (grid.region[i] for i in grid.stack.spatial_axes(2))
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    parts = evenly(every, max(min(MOST_PLANES, MOST_PIXELS // pixels), 1))
    for name, other in (("second frame", second), ("reference", reference)):
        if other is not None and (other.shape, other.axes) != (grid.stack.shape, grid.stack.axes):
            raise ValueError(
                f"the {name} has shape {other.shape} (axes {other.axes}), the image {grid.stack.shape} "
                f"(axes {grid.stack.axes}); give one that covers the same pixels."
            )
    return Planes(
        parts,
        gathered(grid.stack, parts, noise),
        gathered(grid.restored, [grid.inside(part) for part in parts]),
        None if regions is None else _labels(regions, grid.stack, parts),
        None if second is None else gathered(second, parts, noise),
        None if reference is None else gathered(reference, parts),
    )


def gathered(stack: Stack, parts: list[Region], noise: NoiseModel | None = None) -> Values:
    """Return planes of a stack as (C, P, Y, X)."""
    crops = [Crop.of(stack, part, 2, noise) for part in parts]
    return np.stack([np.where(crop.known, crop.values, np.nan) for crop in crops], axis=1, dtype=np.float64)


def one_correlation(noise: NoiseModel) -> NoiseModel:
    """Return a model whose channels all have the correlation of the luminance, where colours differ in it."""
    if noise.color is None:
        return noise
    return noise.replace(autocorrelation=noise.correlations(True)[0], color=None)


def evenly(items: list[Region], most: int) -> list[Region]:
    """Return at most `most` items, evenly spread; a single one is the middle one."""
    count = min(most, len(items))
    return [items[int((i + 0.5) * len(items) / count)] for i in range(count)]


def _labels(regions: Any, stack: Stack, parts: list[Region]) -> Array:
    """Return the labels of planes (P, Y, X): a plane's labels serve every plane, a stack's one each."""
    labels, axes = np.asarray(regions), stack.axes.replace("C", "")
    shape = tuple(n for n, letter in zip(stack.shape, stack.axes, strict=True) if letter != "C")
    flat = tuple(stack.shape[stack.axes.index(letter)] for letter in "YX")
    if labels.shape not in (shape, flat):
        raise ValueError(
            f"the regions have shape {labels.shape}; expected {shape}, one label for each pixel, or {flat}."
        )
    of_plane = labels.shape == flat
    axes = "YX" if of_plane else axes
    found = []
    for part in parts:
        index = {letter: one for letter, one in zip(stack.axes, part, strict=True) if letter in axes}
        cut = np.moveaxis(labels[tuple(index[a] for a in axes)], [axes.index(a) for a in "YX"], (-2, -1))
        found.append(cut.reshape(cut.shape[-2:]))
    return np.stack(found)
