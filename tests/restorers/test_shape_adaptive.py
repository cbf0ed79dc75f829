"""The shape-adaptive DCT: less error beside edges, and noise that neighbours share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, distance_transform_edt

import napari_shrinkage as ns

SIGMA = 25.0
Y, X = np.mgrid[:96, :96]
STRIPES = np.where((X + 0.2 * Y) // 32 % 2, 180, 80).astype(np.float32)
BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 6


def seen(seed: int = 0, kernel: np.ndarray | None = None) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(STRIPES.shape)
    noise = noise if kernel is None else convolve(noise, kernel, mode="wrap")
    return (STRIPES + SIGMA * noise).astype(np.float32)


def error(restored: np.ndarray) -> float:
    return float(np.mean((restored - STRIPES) ** 2))


def test_it_rings_less_beside_edges_than_the_dct_of_squares() -> None:
    edges = np.diff(STRIPES, axis=1, prepend=80) != 0
    distance = distance_transform_edt(~edges)
    beside = (distance >= 2) & (distance <= 8)
    ringing = {}
    for method in ("sa-dct", "balanced"):
        mean = sum(ns.restore(seen(seed), method, noise=SIGMA) for seed in range(3)) / 3
        ringing[method] = np.mean((mean - STRIPES)[beside] ** 2)
    assert ringing["sa-dct"] < 0.8 * ringing["balanced"]


def test_it_is_better_when_told_that_neighbours_share_their_noise() -> None:
    told = ns.Gaussian(SIGMA, ns.Autocorrelation.from_kernel(BLUR))
    errors = [error(ns.restore(seen(0, BLUR), "sa-dct", noise=noise)) for noise in (told, ns.Gaussian(SIGMA))]
    assert errors[0] < 0.6 * errors[1]


def test_a_higher_threshold_keeps_less() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    kept = [ns.restore(noise, ns.ShapeAdaptiveDct(threshold=t), noise=1.0).std() for t in (0.5, 0.85, 1.5)]
    assert kept == sorted(kept, reverse=True)


def test_it_says_that_it_has_no_gradient() -> None:
    with pytest.raises(TypeError, match="has no gradient"):
        ns.ShapeAdaptiveDct().apply(torch.zeros(1, 1, 64, 64, requires_grad=True))
