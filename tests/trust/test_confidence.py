"""The map of the local fit on noise whose statistics are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_shrinkage.noise import Autocorrelation, Gaussian, PoissonGaussian
from napari_shrinkage.trust import confidence_map


def white(shape=(600, 600), seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("radius", [1, 3, 6])
def test_the_map_is_calibrated_on_noise_alone(radius):
    found = confidence_map(50 + 4 * white(), np.full((600, 600), 50.0), Gaussian(4.0), radius)
    assert found.z.mean() == pytest.approx(0, abs=0.05)
    assert found.z.std() == pytest.approx(1, abs=0.05)
    assert found.share_contradicted == pytest.approx(stats.norm.sf(3), abs=0.001)
    assert found.passed


def test_scores_are_the_quantiles_of_chi_square():
    found = confidence_map(white(), np.zeros((600, 600)), Gaussian(1.0))
    inner = slice(3, -3, 4)
    chance = stats.chi2.sf(49 * found.chi_square[inner, inner], 49)
    assert stats.norm.isf(chance) == pytest.approx(found.z[inner, inner], abs=0.06)


def test_borders_count_the_pixels_they_have():
    corners = np.array(
        [confidence_map(white((9, 9), s), np.zeros((9, 9)), Gaussian(1.0)).z[0, 0] for s in range(1000)]
    )
    assert corners.mean() == pytest.approx(0, abs=0.1)
    assert corners.std() == pytest.approx(1, abs=0.08)


def test_correlated_noise_is_calibrated_when_its_correlation_is_known():
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 6.0
    noise = sum(kernel[i, j] * np.roll(white(), (i, j), (0, 1)) for i in range(3) for j in range(3))
    known = Gaussian(1.0, Autocorrelation.from_kernel(kernel))
    assert confidence_map(noise, np.zeros((600, 600)), known).z.std() == pytest.approx(1, abs=0.06)
    assert confidence_map(noise, np.zeros((600, 600)), Gaussian(1.0)).z.std() > 1.5


def test_noise_that_grows_with_brightness_is_calibrated():
    camera = PoissonGaussian(gain=2.0, offset=100.0, read_std=1.0)
    truth = np.broadcast_to(np.linspace(120, 2000, 600), (600, 600))
    rng = np.random.default_rng(1)
    image = 100 + 2.0 * rng.poisson((truth - 100) / 2) + rng.standard_normal(truth.shape)
    found = confidence_map(image, truth, camera)
    assert found.z.mean() == pytest.approx(0, abs=0.05)
    assert found.z.std() == pytest.approx(1, abs=0.05)


def test_a_removed_spot_is_marked_where_it_was():
    truth = np.zeros((200, 200))
    truth[98:103, 58:63] = 5
    found = confidence_map(truth + white((200, 200)), np.zeros((200, 200)), Gaussian(1.0))
    assert found.contradicted[100, 60]
    marked = np.argwhere(found.z > 6)
    assert np.abs(marked - [100, 60]).max() <= 6


def test_a_result_that_lost_structure_everywhere_fails():
    truth = 3 * np.sin(np.indices((200, 200))[1] / 2)
    found = confidence_map(truth + white((200, 200)), np.zeros((200, 200)), Gaussian(1.0))
    assert found.passed is False
    assert "contradicts" in found.sentence()


def test_a_result_that_follows_the_noise_is_said_to_leave_it():
    noise = white()
    found = confidence_map(noise, 0.6 * noise, Gaussian(1.0))
    assert found.passed
    assert found.share_noisy > 0.9
    assert found.chi_square.mean() == pytest.approx(0.16, abs=0.01)
    assert "noise was left" in found.sentence()


def test_planes_do_not_mix():
    noise = white((2, 50, 50))
    noise[1] *= 100
    found = confidence_map(noise, np.zeros_like(noise), Gaussian(1.0))
    alone = confidence_map(noise[0], np.zeros((50, 50)), Gaussian(1.0))
    assert np.allclose(found.z[0], alone.z, atol=1e-5)


def test_what_is_not_known_is_left_out():
    noise = white((100, 100))
    noise[40:60, 40:60] = np.nan
    found = confidence_map(noise, np.zeros((100, 100)), Gaussian(1.0))
    assert np.array_equal(np.isfinite(found.z), np.isfinite(noise))
    assert found.z[np.isfinite(noise)].std() == pytest.approx(1, abs=0.15)
    silent = confidence_map(noise, np.zeros((100, 100)), Gaussian(0.0))
    assert silent.passed is None
    assert "no noise" in silent.sentence()


def test_a_window_has_to_have_a_radius():
    with pytest.raises(ValueError, match="at least 1 pixel"):
        confidence_map(white((9, 9)), white((9, 9)), Gaussian(1.0), radius=0)
