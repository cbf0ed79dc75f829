"""The threshold selectors against scikit-image, closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from skimage.restoration._denoise import _bayes_thresh

from napari_shrinkage.noise import Autocorrelation
from napari_shrinkage.rules import Soft
from napari_shrinkage.sample import Sample
from napari_shrinkage.thresholds import (
    Bayes,
    PerBand,
    Profile,
    Ratio,
    RatioPerLevel,
    Sure,
    Universal,
    pooled,
    redundancy,
    soft_risks,
)
from napari_shrinkage.transforms.base import Band, Subband
from napari_shrinkage.transforms.block_dct import SlidingDCT
from napari_shrinkage.transforms.stationary import StationaryWavelet
from napari_shrinkage.transforms.wavelet import Wavelet

RNG = np.random.default_rng(0)
SPARSE_SIGNAL = RNG.laplace(0, 1.5, (64, 50)) * (RNG.random((64, 50)) < 0.4)


def subband(level: int = 1, radius: float = 0.5, key: str = "1/ad") -> Subband:
    return Subband(key, level, radius, True, (np.ones(1),))


def band(values: np.ndarray) -> Band:
    """Return a band of one channel."""
    return Band(subband(), torch.from_numpy(values)[None, None])


def noisy(sigma: float = 1.0, seed: int = 1) -> np.ndarray:
    return SPARSE_SIGNAL + np.random.default_rng(seed).normal(0, sigma, SPARSE_SIGNAL.shape)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 30.0])
def test_bayes_is_that_of_scikit_image(sigma: float):
    c = noisy() * sigma
    (multiple,) = Bayes().select(band(c), sigma)
    assert multiple * sigma == pytest.approx(_bayes_thresh(c, sigma**2), rel=1e-12)


def test_bayes_leaves_nothing_of_a_band_with_less_energy_than_noise():
    c = 0.9 * np.random.default_rng(2).normal(size=(40, 40)).astype(np.float32)
    for gain in (1.0, 1.7, 0.3):
        weak = band(c * np.float32(gain))
        threshold = Bayes()(weak, gain)
        assert not Soft()(weak.data, threshold).any()
        assert float(threshold) == pytest.approx(float(weak.data.abs().max()), rel=1e-5)


def test_bayes_takes_all_images_of_a_batch_together():
    c = np.concatenate([noisy(), 3 * noisy(seed=5)])
    batch = Band(subband(), torch.from_numpy(c.reshape(2, 1, 64, 50)))
    assert Bayes().select(batch, 1.0) == pytest.approx(Bayes().select(band(c), 1.0))


def test_sure_is_the_exact_minimum_of_the_estimate():
    c = np.round(noisy(), 1)  # with ties

    def estimate(t: float) -> float:
        sizes = np.abs(c)
        return float(c.size - 2 * np.sum(sizes <= t) + np.sum(np.minimum(sizes, t) ** 2))

    (multiple,) = Sure().select(band(c), 1.0)
    everywhere = np.concatenate([np.linspace(0, 6, 6001), np.abs(c).ravel()])
    assert estimate(multiple) <= min(estimate(t) for t in everywhere) + 1e-9


def test_the_estimated_risk_has_the_closed_form_as_its_mean():
    """Stein: n - 2 #{|c| <= t} + sum(min(|c|, t)**2) is an unbiased estimate of the soft rule's error."""
    signal = np.linspace(-4, 4, 3000)
    rng = np.random.default_rng(3)
    estimates = {t: [] for t in (0.0, 0.8, 2.0)}
    for _ in range(200):
        sizes = np.sort(np.abs(signal + rng.normal(size=signal.size)))
        risks = soft_risks(sizes)
        for t, found in estimates.items():
            below = int(np.searchsorted(sizes, t))
            lower = sizes[below - 1] if below else 0.0
            found.append(
                risks[below] + (t**2 - lower**2) * (sizes.size - below)
            )  # it rises with t**2 in between
    for t, found in estimates.items():
        tolerance = 4 * np.std(found) / math.sqrt(len(found))
        assert np.mean(found) == pytest.approx(closed_risk(signal, t), abs=tolerance + 1e-9)


def test_sure_finds_nearly_the_threshold_of_least_risk():
    signal = np.tile(SPARSE_SIGNAL, (8, 8))
    (multiple,) = Sure().select(band(signal + np.random.default_rng(4).normal(size=signal.shape)), 1.0)
    best = minimize_scalar(lambda t: closed_risk(SPARSE_SIGNAL, t), bounds=(0, 5), method="bounded")
    assert closed_risk(SPARSE_SIGNAL, multiple) <= best.fun * 1.001


def test_universal_bounds_the_expected_maximum_of_white_noise_and_more_so_of_correlated_noise():
    white = np.random.default_rng(5).normal(size=(300, 4096))
    correlated = (white + np.roll(white, 1, axis=1) + np.roll(white, 2, axis=1)) / math.sqrt(3)
    threshold = Universal(size=4096).multiple(subband())
    assert threshold == pytest.approx(4.0787, abs=1e-4)
    assert np.abs(correlated).max(axis=1).mean() < np.abs(white).max(axis=1).mean() < threshold


def test_universal_without_a_size_says_what_to_do():
    with pytest.raises(ValueError, match="resolve"):
        Universal().select(subband(), 1.0)


def test_ratio_is_the_same_for_every_band():
    assert {Ratio(r=2.2).multiple(subband(level, radius)) for level in (1, 4) for radius in (0, 1)} == {2.2}


def test_ratio_per_level_starts_at_the_finest_and_goes_on_with_the_last():
    selector = RatioPerLevel(r=(3, 2, 1))
    assert [selector.multiple(subband(level)) for level in (1, 2, 3, 4, 9)] == [3, 2, 1, 1, 1]


def test_ratio_per_level_needs_a_level():
    with pytest.raises(ValueError, match="at least 1"):
        RatioPerLevel(r=())


def test_profile_rises_on_a_straight_line_with_frequency():
    selector = Profile(low=2, high=4)
    assert [selector.multiple(subband(radius=radius)) for radius in (0, 0.25, 1)] == [2, 2.5, 4]


def test_per_band_names_the_band_it_does_not_know_and_those_it_has():
    selector = PerBand(values={"1/ad": (1.0,), "1/dd": (2.0,)})
    with pytest.raises(ValueError, match=r"'7/dd'.*1/ad, 1/dd"):
        selector.select(subband(key="7/dd"), 1.0)


def test_per_band_gives_one_number_to_every_channel_and_several_to_their_own():
    three = Band(subband(), torch.ones(2, 3, 4, 5, dtype=torch.float64))
    one = PerBand(values={"1/ad": (2.0,)})(three, 0.5)
    each = PerBand(values={"1/ad": (1.0, 2.0, 3.0)})(three, 0.5)
    assert torch.equal(torch.as_tensor(one).expand_as(three.data), torch.ones_like(three.data))
    assert torch.as_tensor(each).flatten().tolist() == [0.5, 1.0, 1.5]


def test_per_band_for_other_channels_says_how_many_there_are():
    with pytest.raises(ValueError, match="2 thresholds; the image has 3 channels"):
        PerBand(values={"1/ad": (1.0, 2.0)})(Band(subband(), torch.ones(1, 3, 4, 4)), 1.0)


def test_per_band_refuses_a_negative_multiple():
    with pytest.raises(ValueError, match="of at least 0"):
        PerBand(values={"1/ad": (1.0, -2.0)})


def test_redundancy_counts_coefficients_per_pixel():
    sample = Sample(np.zeros((1, 2, 100, 90), np.float32), (100, 90), (1.0, 1.0))
    assert redundancy(Wavelet(levels=3), sample) == 1
    assert redundancy(StationaryWavelet(levels=3), sample) == 10
    assert redundancy(SlidingDCT(size=4), sample) == 16


@pytest.mark.parametrize(("most", "tolerance"), [(16 * 50_000, 0.1), (16 * 5_000, 0.25)])
def test_a_redundant_transform_is_resolved_from_a_part_and_close_to_the_whole(
    most: int, tolerance: float, monkeypatch: pytest.MonkeyPatch
):
    values = np.tile(SPARSE_SIGNAL, (6, 8)) + np.random.default_rng(6).normal(size=(384, 400))
    sample = Sample(values.astype(np.float32)[None, None], (384, 400), (1.0, 1.0))
    transform = SlidingDCT(size=4)
    whole = Bayes().resolve(sample, transform).values
    monkeypatch.setattr("napari_shrinkage.thresholds.MOST_COEFFICIENTS", most)
    part = Bayes().resolve(sample, transform).values
    assert part != whole
    for key, multiples in whole.items():
        assert part[key] == pytest.approx(multiples, rel=tolerance)


def test_pooling_takes_every_field_and_thins_evenly_what_would_be_too_many(monkeypatch: pytest.MonkeyPatch):
    fields = torch.from_numpy(np.random.default_rng(8).normal(size=(3, 1, 32, 32)))
    transform = Wavelet(wavelet="haar", levels=1, border="periodic")
    everything = pooled(transform, fields)
    assert {key: values.numel() for key, values in everything.items()} == dict.fromkeys(everything, 3 * 256)
    monkeypatch.setattr("napari_shrinkage.thresholds.MOST_COEFFICIENTS", 3 * 3 * 256 // 3)
    for key, values in pooled(transform, fields).items():
        assert torch.equal(values, everything[key].reshape(3, 256)[:, ::3].flatten())


def test_a_volume_of_large_blocks_stays_in_memory(monkeypatch: pytest.MonkeyPatch):
    """A cube of 8 makes 512 coefficients of a pixel; no more of them are kept than was said."""
    most = 2**19
    monkeypatch.setattr("napari_shrinkage.thresholds.MOST_COEFFICIENTS", most)
    sample = Sample(
        np.random.default_rng(9).normal(size=(1, 1, 40, 40, 40)).astype(np.float32), (40,) * 3, (1.0,) * 3
    )
    transform = SlidingDCT(size=4, size_z=4, ndim=3)
    fields = sample.part(most // 64).tensor()
    assert fields.shape[2:] == (32, 32, 32)
    assert sum(values.numel() for values in pooled(transform, fields).values()) <= 1.01 * most


def test_correlated_noise_raises_the_thresholds_where_its_power_is():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(1, 1, 128, 128)).astype(np.float32)
    transform = Wavelet(wavelet="haar", levels=2)
    blurred = Autocorrelation.from_kernel(np.ones((2, 2)))
    white, correlated = transform.noise_gain(), transform.noise_gain(blurred)
    assert correlated["1/dd"] < white["1/dd"]
    assert correlated["2/ad"] > white["2/ad"]
    resolved = Bayes().resolve(Sample(values, (128, 128), (1.0, 1.0), (blurred,)), transform)
    for coefficients in transform.forward(torch.from_numpy(values)).details():
        expected = Bayes().select(coefficients, correlated[coefficients.key])
        assert resolved.values[coefficients.key] == pytest.approx(expected)


def closed_risk(signal: np.ndarray, t: float) -> float:
    """Return the summed squared error of the soft rule for unit Gaussian noise (Donoho, Johnstone 1994)."""
    inside = norm.cdf(t - signal) - norm.cdf(-t - signal)
    ends = (t - signal) * norm.pdf(t + signal) + (t + signal) * norm.pdf(t - signal)
    return float(np.sum(1 + t**2 + (signal**2 - t**2 - 1) * inside - ends))
