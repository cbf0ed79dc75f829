"""Noise of the same strength everywhere: stabilising it is a division."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from ..methods import HIDDEN, method
from ..stack import Array
from .autocorrelation import Autocorrelation
from .base import NoiseModel, Stabiliser, together
from .color_noise import ColorNoise

LEAST = 1e-30  # std in the units of the image; values over a smaller one overflow


@dataclass(frozen=True)
class Scaling(Stabiliser):
    """Division by the noise std; a channel without noise stays as it is."""

    sigma: float

    def forward(self, x: Array) -> Array:
        """Return x / sigma."""
        return x / self._divisor

    def inverse(self, z: Array) -> Array:
        """Return z * sigma."""
        return z * self._divisor

    def std(self, mean: Array) -> Array:
        """Return sigma, whatever the mean."""
        return np.full(np.shape(mean), self.sigma, np.float32)

    @property
    def is_silent(self) -> bool:
        """Whether sigma is 0, or too small for float32 to divide by."""
        return self.sigma < LEAST

    @property
    def _divisor(self) -> np.float32:
        return np.float32(1 if self.is_silent else self.sigma)


@method("gaussian", title="Gaussian", kw_only=False)
class Gaussian(NoiseModel):
    """Noise of the same strength everywhere.

    Parameters
    ----------
    sigma : float or tuple of float
        Noise standard deviation in the units of the image; one number, or one for each channel.
    autocorrelation : Autocorrelation
        Correlation between neighbouring pixels; white noise when absent.
    color : ColorNoise
        What the colours of a photograph share of their noise; nothing when absent.
    verdict : str
        What the estimate is worth, in one sentence; "" when the model was given.
    """

    sigma: Annotated[float | tuple[float, ...], at.Ge(0), at.MinLen(1)]
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    color: Annotated[ColorNoise | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    per_channel: ClassVar[tuple[str, ...]] = ("sigma",)

    def stabilisers(self) -> tuple[Stabiliser, ...]:
        """Return the division of each channel."""
        return tuple(Scaling(**one) for one in together(sigma=self.sigma))
