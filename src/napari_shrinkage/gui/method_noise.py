"""What a method took away, as a layer, and whether it is white.

Convention: input and result are subtracted, and tested, in a worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnostics import Whiteness, whiteness
from ..engine import Progress, Result
from ..stack import Stack
from .derived_layer import DerivedLayer
from .jobs import Work
from .layers import LayerData, method_noise, method_noise_layer

TESTED = 2**24  # pixels that the whiteness test looks at, at most


@dataclass(frozen=True)
class Removed:
    """What was taken away, and its whiteness."""

    values: Any
    white: Whiteness


class MethodNoise(DerivedLayer):
    """The layer of what a method took away."""

    def work(self, result: Result, stack: Stack) -> Work:
        """Subtract and test."""
        yield Progress(0, 2, "subtracting")
        values = method_noise(stack, result)
        yield Progress(1, 2, "testing")
        return Removed(values, whiteness(_tested(values)))

    def made(self, source: Any, result: Result, found: Removed) -> LayerData:
        """Return the layer of what was taken away."""
        return method_noise_layer(source, result, f"{source.name} method noise", found.values)

    def sentence(self, found: Removed) -> str:
        """Say whether it is white."""
        return found.white.sentence()


def _tested(values: Any) -> Any:
    """Return at most `TESTED` pixels' worth of planes, evenly spread, in memory."""
    planes = math.prod(values.shape[:-2])
    most = max(TESTED // math.prod(values.shape[-2:]), 1)
    if planes <= most:
        return np.asarray(values)
    chosen = np.unique(np.linspace(0, planes - 1, most).round().astype(int))
    return np.stack([np.asarray(values[np.unravel_index(int(i), values.shape[:-2])]) for i in chosen])
