"""Where a network shows detail that the data do not support, as a layer over its result.

Convention: what is not marked is black, and the layer is added to what lies below it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import LIMIT
from ..diagnostics.unsupported import finding_unsupported
from ..engine import Result
from ..stack import Float, Stack
from .derived_layer import DerivedLayer
from .jobs import Work
from .layers import LayerData, method_noise_layer

NAME = "Unsupported detail"
BRIGHTEST = 5.0  # noise stds beyond the limit
OPACITY = 0.6  # so that the marked detail itself stays in sight
LEAST_SHARE = 1e-3  # that is told as a number


class UnsupportedDetail(DerivedLayer):
    """The layer of the detail that shrinkage does not find and the data do not support."""

    def work(self, result: Result, stack: Stack) -> Work:
        """Compare a result with shrinkage of the same pixels under the same noise."""
        noise = result.record.plans[-1].noise
        found: Float = yield from finding_unsupported(stack, result.stack, noise, region=result.region)
        return found

    def made(self, source: Any, result: Result, found: Float) -> LayerData:
        """Return the layer, transparent where nothing is marked."""
        values, attributes, kind = method_noise_layer(source, result, NAME, found)
        attributes.update(
            colormap="inferno", contrast_limits=(0.0, BRIGHTEST), blending="additive", opacity=OPACITY
        )
        return values, attributes, kind

    def sentence(self, found: Float) -> str:
        """Say how much is marked, and what that means."""
        share = float(np.mean(found > 0))
        if not share:
            return "Nothing is marked: no detail was found that the data do not support."
        much = f"{share:.1%}" if share >= LEAST_SHARE else f"Less than {LEAST_SHARE:.1%}"
        return (
            f"{much} of the pixels lie in detail that shrinkage does not find and that the data deny by "
            f"more than {LIMIT:g} noise std; the brighter, the more. Do not measure there."
        )
