"""Added spots against restorers whose effect on a spot is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_shrinkage.noise import Gaussian, PoissonGaussian
from napari_shrinkage.trust import injected_spots

STD = 5.0


def plane(shape=(160, 160), seed=0):
    return 100 + STD * np.random.default_rng(seed).standard_normal(shape)


def test_an_identity_keeps_every_spot():
    found = injected_spots(plane(), lambda x: x, Gaussian(STD))
    assert found.ratios == pytest.approx(np.ones(7))
    assert found.faintest_kept == 2
    assert found.passed
    assert "every SNR" in found.sentence()


def test_a_restorer_that_scales_shows_its_factor():
    found = injected_spots(plane(), lambda x: 0.8 * x, Gaussian(STD))
    assert found.ratios == pytest.approx(np.full(7, 0.8))
    assert found.passed is False
    assert found.faintest_kept is None


def test_soft_shrinkage_takes_more_of_dim_spots_than_of_bright_ones():
    def soft(x):
        return 100 + np.sign(x - 100) * np.maximum(np.abs(x - 100) - 2 * STD, 0)

    found = injected_spots(plane(), soft, Gaussian(STD), spots=24)
    assert np.all(found.ratios < 1)
    assert np.all(np.diff(found.ratios[1:]) > 0)
    assert found.ratios[0] < 0.2
    assert found.ratios[-1] > 0.7


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_a_blur_lowers_the_fitted_intensity_as_the_closed_form_says(sigma):
    found = injected_spots(
        plane(), lambda x: ndimage.gaussian_filter(x, sigma), Gaussian(STD), sigma=2.0, snrs=(20,), spots=8
    )
    expected = 2 * 2.0**2 / (2 * 2.0**2 + sigma**2)  # overlap of Gaussians of variance s^2 and s^2 + sigma^2
    assert found.ratios[0] == pytest.approx(expected, rel=0.02)


def test_the_snr_is_that_of_a_matched_filter():
    flat = np.full((160, 160), 100.0)
    seen = []

    def watch(x):
        seen.append(x)
        return x

    injected_spots(flat, watch, Gaussian(STD), snrs=(7,), spots=2)
    added = seen[1] - seen[0]
    assert np.sqrt(np.sum(added**2)) / STD == pytest.approx(np.sqrt(2) * 7)


def test_a_spot_brings_the_noise_of_its_own_light_and_no_bias():
    noise = PoissonGaussian(gain=1.0, offset=0.0, read_std=0.0)
    image = np.random.default_rng(3).poisson(20.0, (200, 200)).astype(float)
    found = injected_spots(image, lambda x: x, noise, snrs=(10,), spots=200, separation=14)
    intensity = 10 * np.sqrt(20) * np.sqrt(4 * np.pi * 1.3**2)
    shape4 = 1 / (3 * (2 * np.pi * 1.3**2) ** 2) / (1 / (4 * np.pi * 1.3**2)) ** 2  # sum g^3 / (sum g^2)^2
    assert found.ratios[0] == pytest.approx(1, abs=4 * found.errors[0])
    assert found.errors[0] * np.sqrt(200) == pytest.approx(np.sqrt(shape4 / intensity), rel=0.15)


def test_spots_come_in_as_many_sets_as_they_need_and_keep_their_distance():
    calls = []

    def count(x):
        calls.append(x)
        return x

    injected_spots(np.full((64, 64), 10.0), count, Gaussian(1.0), snrs=(30,), spots=9, separation=20)
    assert len(calls) > 2
    for x in calls[1:]:
        peaks = np.argwhere((x == ndimage.maximum_filter(x, 9)) & (x > 12))
        gaps = [np.abs(p - q).max() for i, p in enumerate(peaks) for q in peaks[:i]]
        assert min(gaps, default=20) >= 18


def test_the_same_seed_gives_the_same_numbers():
    first, second = (
        injected_spots(plane(), lambda x: np.tanh(x / 150), Gaussian(STD), spots=3, seed=4) for _ in range(2)
    )
    assert np.array_equal(first.ratios, second.ratios)


def test_spots_keep_away_from_structure():
    image = plane()
    image[:, 100:] += 200 * np.sin(np.arange(60) / 2)
    changed = []

    def watch(x):
        changed.append(x)
        return x

    injected_spots(image, watch, Gaussian(STD), spots=2)
    light = sum(np.abs(x - image) for x in changed)
    assert light[:, :100].sum() > 0.99 * light.sum()


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (np.zeros((3, 64, 64)), {}),
        (np.zeros((8, 8)), {}),
        (np.zeros((64, 64)), {"spots": 1}),
        (np.full((64, 64), np.nan), {}),
    ],
)
def test_an_image_without_room_for_spots_is_refused(image, options):
    with pytest.raises(ValueError, match=r"expected|no place"):
        injected_spots(image, lambda x: x, Gaussian(1.0), **options)
