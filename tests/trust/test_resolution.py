"""Ring correlation and splitting against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from napari_shrinkage.trust import fourier_ring_correlation, split_in_two


def white(shape=(256, 256), seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def band_limited(limit, shape=(256, 256), seed=0):
    """Return white noise without frequencies above `limit` cycles per pixel, of std 1 before the cut."""
    y, x = (np.fft.fftfreq(n) for n in shape)
    keep = np.hypot(y[:, None], x) <= limit
    return np.fft.ifft2(np.fft.fft2(white(shape, seed)) * keep).real


def test_identical_images_agree_everywhere():
    found = fourier_ring_correlation(white(), white())
    assert found.correlations == pytest.approx(np.ones(128))
    assert found.resolution is None
    assert found.resolution_half_bit is None
    assert "finest" in found.sentence()


def test_independent_noises_agree_nowhere_beyond_the_spread():
    scores = []
    for seed in range(20):
        found = fourier_ring_correlation(white(seed=seed), white(seed=1000 + seed))
        scores.append(found.correlations / found.spread)
        assert found.resolution_half_bit is None or found.resolution_half_bit > 32
    assert np.mean(scores) == pytest.approx(0, abs=0.1)
    assert np.std(scores) == pytest.approx(1, abs=0.05)


def test_the_correlation_is_signal_over_signal_plus_noise():
    truth = band_limited(1.0)
    found = fourier_ring_correlation(truth + white(seed=1), truth + white(seed=2))
    assert np.average(found.correlations, weights=found.independent) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("shape", [(256, 256), (200, 301)])
def test_a_band_limited_scene_crosses_at_its_limit(shape):
    truth = 2 * band_limited(0.2, shape)
    found = fourier_ring_correlation(truth + white(shape, 1), truth + white(shape, 2), spacing=65, unit="nm")
    assert 1 / found.resolution == pytest.approx(0.2, abs=3 / min(shape))
    assert 1 / found.resolution_half_bit == pytest.approx(0.2, abs=3 / min(shape))
    assert f"{found.resolution * 65:.4g} nm" in found.sentence()


def test_a_gain_and_an_offset_do_not_matter():
    a, b = band_limited(0.2) + 0.1 * white(seed=1), band_limited(0.2) + 0.1 * white(seed=2)
    assert fourier_ring_correlation(3 * a + 50, b).correlations == pytest.approx(
        fourier_ring_correlation(a, b).correlations
    )


def test_scenes_with_nothing_in_common_have_no_resolution():
    found = fourier_ring_correlation(white(), -white())
    assert found.resolution is None
    assert "no structure" in found.sentence()


def test_the_half_bit_curve_starts_near_one_and_ends_at_its_limit():
    found = fourier_ring_correlation(white((1024, 1024)), white((1024, 1024)))
    assert found.half_bit[0] > 0.6
    assert found.half_bit[-1] == pytest.approx(0.2071 / 1.2071, abs=0.05)
    assert np.all(np.diff(found.half_bit[::100]) < 0)


@pytest.mark.parametrize("image", [np.zeros((3, 32, 32)), np.zeros((8, 8)), np.full((32, 32), np.nan)])
def test_images_without_rings_are_refused(image):
    with pytest.raises(ValueError, match="expected two planes"):
        fourier_ring_correlation(image, image)


def test_halves_of_a_constant_are_said_to_share_nothing():
    assert fourier_ring_correlation(np.ones((32, 32)), np.ones((32, 32))).shares_nothing


def test_dealt_electrons_are_poisson_of_half_the_mean_and_independent():
    electrons = np.random.default_rng(0).poisson(9.0, (500, 500))
    first, second = split_in_two(100 + 2.5 * electrons, seed=1, gain=2.5, offset=100)
    assert np.array_equal(first + second, electrons)
    error = np.sqrt(4.5 / first.size)
    for half in (first, second):
        assert half.mean() == pytest.approx(4.5, abs=4 * error)
        assert half.var() == pytest.approx(4.5, rel=0.02)
        observed = np.bincount(half.astype(int).ravel(), minlength=15)[:15]
        expected = stats.poisson.pmf(np.arange(15), 4.5) * half.size
        assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-4
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(first.size)


def test_halves_of_one_frame_find_the_resolution_that_two_frames_of_half_the_light_find():
    rate = np.exp(3 * band_limited(0.15) / band_limited(0.15).std() / 4) * 40
    rng = np.random.default_rng(5)
    halves = fourier_ring_correlation(*split_in_two(rng.poisson(rate), gain=1.0))
    frames = fourier_ring_correlation(rng.poisson(rate / 2), rng.poisson(rate / 2))
    assert halves.resolution == pytest.approx(frames.resolution, rel=0.1)


def test_a_checkerboard_splits_white_noise_into_independent_halves():
    first, second = split_in_two(white((401, 400)))
    assert first.shape == second.shape == (200, 200)
    assert second.var() == pytest.approx(1, abs=0.05)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / 200


def test_checkerboard_halves_show_the_same_places():
    y, x = np.indices((128, 128))
    smooth = np.cos(np.pi * (x + 0.5) / 64) * np.cos(np.pi * (y + 0.5) / 32)
    first, second = split_in_two(smooth)
    assert second == pytest.approx(first, abs=5e-3)


def test_a_checkerboard_finds_the_band_limit_of_one_frame():
    truth = 10 * band_limited(0.12, (512, 512))
    first, second = split_in_two(truth + white((512, 512), 7))
    found = fourier_ring_correlation(first, second, spacing=2.0)
    assert 1 / (2 * found.resolution) == pytest.approx(0.12, abs=0.01)


def test_halves_that_are_not_moved_back_would_lose_a_bessel_function():
    truth = band_limited(0.24, (512, 512))
    raw = fourier_ring_correlation(truth[::2, ::2], truth[1::2, 1::2])
    moved = fourier_ring_correlation(*split_in_two(truth))
    inside = (raw.frequencies > 0.05) & (raw.frequencies < 0.4)
    lost = special.j0(np.pi * np.sqrt(2) * raw.frequencies)  # mean of cos(2 pi k . shift) over a ring
    assert raw.correlations[inside] == pytest.approx(lost[inside], abs=0.15)
    assert moved.correlations[inside].min() > 0.95


@pytest.mark.parametrize(
    ("image", "gain"), [(np.ones((8, 8)), 0.0), (np.full((8, 8), np.nan), 1.0), (np.ones((3, 8, 8)), None)]
)
def test_what_cannot_be_split_is_refused(image, gain):
    with pytest.raises(ValueError, match="expected"):
        split_in_two(image, gain=gain)
