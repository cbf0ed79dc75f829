"""Windows: their shape."""

from __future__ import annotations

import math

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage.recipe import Step
from napari_shrinkage.windows import tile_shape


@pytest.mark.parametrize("shape", [(4, 3000, 3000), (300, 400, 500), (3000, 3, 3000)])
def test_windows_of_thin_volumes_hold_as_many_pixels_as_those_of_others(shape: tuple[int, ...]) -> None:
    stack = ns.Stack(np.broadcast_to(np.float32(0), shape), "ZYX")
    method = ns.Shrinkage(
        transform=ns.SlidingDCT(ndim=3, size=8, size_z=2), rule=ns.Hard(), threshold=ns.Profile()
    )
    plan = ns.resolve(Step(method, ns.Gaussian(1.0)), stack)
    pixels = math.prod(tile_shape(plan, stack))
    assert 0.8 * plan.tile_pixels < pixels < 1.3 * plan.tile_pixels
