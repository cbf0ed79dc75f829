"""The smoothed Stein risk, against simulated coefficients of a known law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_shrinkage as ns
from napari_shrinkage.risk_curves import soft_risk
from napari_shrinkage.smooth_sure import SIGNALS, THRESHOLDS, mixture_shares, smooth_minimum


def band(seed: int, size: int, share: float = 0.2, strength: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    clean = rng.normal(0, strength, size) * (rng.random(size) < share)
    return clean, clean + rng.standard_normal(size)


def test_it_finds_the_threshold_of_least_error_of_a_large_band():
    clean, noisy = band(0, 400_000)
    assert smooth_minimum(np.abs(noisy)) == pytest.approx(soft_risk(noisy, clean).minimum()[0], abs=0.06)


def test_on_small_bands_it_is_closer_to_the_best_than_the_plain_estimate():
    excess = {ns.Sure: 0.0, ns.SmoothSure: 0.0}
    for seed in range(40):
        clean, noisy = band(seed, 400)
        truth = soft_risk(noisy, clean)
        for kind in excess:
            t = kind().multiple(torch.from_numpy(noisy))
            excess[kind] += float(truth(t)) - truth.minimum()[1]
    assert excess[ns.SmoothSure] < 0.75 * excess[ns.Sure]


def test_pure_noise_is_taken_away_and_strong_signal_left():
    noise = np.random.default_rng(1).standard_normal(5000)
    assert smooth_minimum(np.abs(noise)) > 2.5
    assert smooth_minimum(np.abs(noise * 50)) < 0.1


def test_the_shares_are_those_of_the_law():
    _, noisy = band(2, 200_000, share=0.3, strength=float(SIGNALS[8]))
    shares = mixture_shares(np.abs(noisy))
    assert shares.sum() == pytest.approx(1)
    assert shares[SIGNALS < 0.5].sum() == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("values", [np.zeros(0), np.zeros(5), np.full(5, 1e9)])
def test_degenerate_bands_have_a_threshold(values: np.ndarray):
    assert THRESHOLDS[0] <= smooth_minimum(values) <= THRESHOLDS[-1]
