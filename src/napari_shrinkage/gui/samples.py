"""The samples of File > Open Sample: the truth, hidden, and over it the noisy image."""

from __future__ import annotations

from typing import Any

from ..samples import NoisySample, fluorescence_stack, photograph, shown_range, time_series
from ..stack import Stack
from .layers import LayerData, stack_layer


def noisy_photograph() -> list[LayerData]:
    """Return a colour photograph with noise."""
    return _layers(photograph())


def noisy_fluorescence_stack() -> list[LayerData]:
    """Return a z-stack of a made-up cell with noise, its voxels 0.3 x 0.1 x 0.1 micrometers."""
    return _layers(fluorescence_stack())


def noisy_time_series() -> list[LayerData]:
    """Return drifting particles with noise, a frame every half second."""
    return _layers(time_series())


def _layers(sample: NoisySample) -> list[LayerData]:
    """Return truth and noisy image on the same grid and with the same contrast."""
    shown: dict[str, Any] = {"contrast_limits": shown_range(sample)}
    truth: Stack = sample.noisy.with_array(sample.truth)
    return [
        stack_layer(truth, f"{sample.title} (truth)", visible=False, **shown),
        stack_layer(sample.noisy, sample.title, **shown),
    ]
