"""The confidence map of a whole result, plane by plane.

Convention: of a colour image each pixel shows the colour that fits worst.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from ..engine import Progress
from ..noise import NoiseModel
from ..stack import Stack
from ..trust import confidence_map
from ..windows import Region
from .planes import Grid, gathered, one_correlation


def mapping_confidence(
    stack: Stack, restored: Stack, noise: NoiseModel, region: Region | None = None
) -> Generator[Progress, None, npt.NDArray[np.float32]]:
    """Map where a result contradicts its data, yielding progress before every plane.

    Parameters
    ----------
    stack, restored : Stack
        The image, and its result on the same pixels, or on those of `region`.
    noise : NoiseModel
        The noise of the image.
    region : tuple of slice, optional
        The part of the image that the result covers.

    Yields
    ------
    Progress
        Planes done and in all.

    Returns
    -------
    ndarray of float32
        `trust.confidence_map(...).z` of the result's shape without colours: positive where signal was
        removed, negative where noise was left in place, in standard deviations of chance.
    """
    grid = Grid.of(stack, restored, region)
    noise = one_correlation(noise.for_channels(stack.channels))
    planes = grid.planes()
    out = np.empty(restored.shape[:-1] if stack.is_color else restored.shape, np.float32)
    for number, part in enumerate(planes):
        yield Progress(number, len(planes), "confidence map")
        inner = grid.inside(part)
        image, result = gathered(stack, [part], noise)[:, 0], gathered(restored, [inner])[:, 0]
        z = confidence_map(image, result, noise).z
        if stack.is_color:
            z, inner = _farthest(z), inner[:-1]
        else:
            z = np.asarray(stack.from_field(z, 2))
        out[inner] = z.reshape(out[inner].shape)
    return out


def _farthest(z: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the value that is farthest from 0 along the first axis."""
    worst = np.argmax(np.nan_to_num(np.abs(z)), axis=0)
    return np.asarray(np.take_along_axis(z, worst[None], axis=0)[0])
