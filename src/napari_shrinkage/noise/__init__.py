"""Noise models: the one place that knows counts, gains and offsets.

Convention: `forward` takes pixel values to a scale where the noise has variance 1, `inverse` takes restored
values back without bias. Every restorer works between the two.
"""

from __future__ import annotations

from .autocorrelation import Autocorrelation
from .base import NoiseModel, NoiseWarning
from .calibrated import CalibratedCamera
from .color_noise import ColorNoise
from .curve import NoiseCurve
from .gaussian import Gaussian
from .noise_map import NoiseMap
from .poisson_gaussian import PoissonGaussian

__all__ = [
    "Autocorrelation",
    "CalibratedCamera",
    "ColorNoise",
    "Gaussian",
    "NoiseCurve",
    "NoiseMap",
    "NoiseModel",
    "NoiseWarning",
    "PoissonGaussian",
]
