"""Estimators: from an image alone to the strength of its noise, and to what that number is worth."""

from __future__ import annotations

from .base import Estimate, NoiseEstimator, SigmaEstimator
from .estimating import estimated_noise, gaussian_noise, measured_noise
from .frames import FrameDifferences
from .from_image import FromImage
from .gaussian import FlatBlocks, Mad
from .measurement import Channel, Measurement

__all__ = [
    "Channel",
    "Estimate",
    "FlatBlocks",
    "FrameDifferences",
    "FromImage",
    "Mad",
    "Measurement",
    "NoiseEstimator",
    "SigmaEstimator",
    "estimated_noise",
    "gaussian_noise",
    "measured_noise",
]
