"""The samples of File > Open Sample: the truth, hidden, and over it the noisy image."""

from __future__ import annotations

from typing import Any

from ..samples import (
    NoisySample,
    clean_particles,
    fluorescence_stack,
    particles,
    photograph,
    shown_range,
    time_series,
)
from ..stack import Stack
from .image_choice import FEATURES
from .layers import LayerData, stack_layer

KIND = "kind"  # the column that says what an image shows


def noisy_photograph() -> list[LayerData]:
    """Return a colour photograph with noise."""
    return _layers(photograph())


def noisy_fluorescence_stack() -> list[LayerData]:
    """Return a z-stack of a made-up cell with noise, its voxels 0.3 x 0.1 x 0.1 micrometers."""
    return _layers(fluorescence_stack())


def noisy_time_series() -> list[LayerData]:
    """Return drifting particles with noise, a frame every half second."""
    return _layers(time_series())


def noisy_particles() -> list[LayerData]:
    """Return small images of particles with noise; hidden, clean ones of the same kinds, and the truth."""
    sample, (clean, kinds) = particles(), clean_particles()
    limits = shown_range(sample)
    shown: dict[str, Any] = {"visible": False, "contrast_limits": limits, "metadata": _features(kinds)}
    return [stack_layer(clean, "Clean particles, to train on", **shown), *_layers(sample)]


def _features(kinds: tuple[str, ...]) -> dict[str, Any]:
    return {FEATURES: {KIND: list(kinds)}} if kinds else {}


def _layers(sample: NoisySample) -> list[LayerData]:
    """Return truth and noisy image on the same grid and with the same contrast."""
    shown: dict[str, Any] = {"contrast_limits": shown_range(sample), "metadata": _features(sample.kinds)}
    truth: Stack = sample.noisy.with_array(sample.truth)
    return [
        stack_layer(truth, f"{sample.title} (truth)", visible=False, **shown),
        stack_layer(sample.noisy, sample.title, **shown),
    ]
