"""Estimators: from an image alone to the strength of its noise, and to what that number is worth."""

from __future__ import annotations

from .base import Estimate, NoiseEstimator
from .gaussian import FlatBlocks, Mad, gaussian_noise

__all__ = ["Estimate", "FlatBlocks", "Mad", "NoiseEstimator", "gaussian_noise"]
