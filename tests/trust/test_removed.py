"""Method noise against noise models, where what was removed is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_shrinkage.noise import Gaussian, PoissonGaussian
from napari_shrinkage.trust import mean_variance_of, structure_left

CAMERA = PoissonGaussian(gain=2.0, offset=100.0, read_std=3.0)


def scene(shape=(280, 280)):
    y, x = np.indices(shape)
    return 300 + 100 * np.sign(np.sin(x / 20)) * (y > 100) + y / 3.0


def white(shape=(280, 280), seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_a_perfect_result_removed_the_variance_of_the_noise_at_every_brightness():
    truth = scene()
    found = mean_variance_of(white() * CAMERA.std(truth), truth, CAMERA)
    assert found.passed
    assert len(found.ratios) >= 5
    assert np.all(np.abs(found.ratios - 1) < 4 * found.spreads)
    assert np.all(np.diff(found.means) > 0)


def test_ratios_spread_as_they_say():
    truth = np.full((64, 64), 200.0)
    ratios = [mean_variance_of(white((64, 64), s), truth, Gaussian(1.0)).ratios[0] for s in range(200)]
    spread = mean_variance_of(white((64, 64)), truth, Gaussian(1.0)).spreads[0]
    assert np.std(ratios) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(("factor", "said"), [(0.6, "left in place"), (1.2, "More was removed")])
def test_too_little_and_too_much_are_told_apart(factor, said):
    truth = scene()
    found = mean_variance_of(factor * white() * CAMERA.std(truth), truth, CAMERA)
    assert found.passed is False
    assert found.ratios == pytest.approx(np.full(len(found.ratios), factor**2), rel=0.1)
    assert said in found.sentence()


def test_a_model_that_ignores_shot_noise_fails_at_the_bright_end():
    truth = scene()
    found = mean_variance_of(white() * CAMERA.std(truth), truth, Gaussian(float(CAMERA.std(np.array(180.0)))))
    assert found.answers[-1] is False
    assert found.ratios[-1] > found.ratios[0]


def test_a_wrong_mean_is_not_taken_for_variance():
    found = mean_variance_of(white() + 10, np.full((280, 280), 5.0), Gaussian(1.0))
    assert found.ratios == pytest.approx([1], abs=0.02)


def test_without_noise_there_is_nothing_to_compare():
    found = mean_variance_of(white(), scene(), Gaussian(0.0))
    assert found.passed is None
    assert "no noise" in found.sentence()


def test_noise_alone_does_not_follow_structure():
    scores = [
        (found := structure_left(white(seed=s), scene(), Gaussian(1.0))).correlation / found.spread
        for s in range(60)
    ]
    assert np.mean(scores) == pytest.approx(0, abs=0.5)
    assert np.std(scores) == pytest.approx(1, abs=0.3)
    assert structure_left(white(), scene(), Gaussian(1.0)).passed


def test_noise_that_grows_with_brightness_is_no_structure_to_its_own_model():
    truth = scene()
    assert structure_left(white() * CAMERA.std(truth), truth, CAMERA).passed


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_noise_that_a_filter_left_in_a_flat_image_is_no_structure(sigma):
    image = white()
    left = ndimage.gaussian_filter(image, sigma)
    assert structure_left(image - left, left, Gaussian(1.0)).passed
    found = mean_variance_of(image - left, left, Gaussian(1.0))
    assert len(found.ratios) == 1
    assert found.passed


def test_removed_edges_are_found():
    truth = scene()
    edges = np.gradient(truth, axis=1)
    found = structure_left(white() + edges / 20, truth, Gaussian(1.0))
    assert found.passed is False
    assert found.correlation > 5 * found.spread
    assert "lost" in found.sentence()


def test_noise_left_at_edges_is_ordinary():
    truth = scene() + (np.indices((280, 280))[1] > 100) * 50 * white(seed=1)
    at_edges = np.abs(np.gradient(truth, axis=1)) > 10
    found = structure_left(np.where(at_edges, 0.1, 1) * white(), truth, Gaussian(1.0))
    assert found.passed
    assert found.correlation < -0.1
    assert "shrinkage does" in found.sentence()


def test_planes_are_tested_together():
    planes = np.stack([scene(), scene() + 50])
    found = structure_left(white(planes.shape), planes, Gaussian(1.0))
    assert found.blocks == 2 * 40 * 40


def test_a_flat_result_is_not_judged():
    found = structure_left(white(), np.ones((280, 280)), Gaussian(1.0))
    assert found.passed is None
    assert "flat" in found.sentence()


def test_blocks_with_unknown_pixels_are_left_out():
    hole = white()
    hole[3, 3] = np.nan
    assert structure_left(hole, scene(), Gaussian(1.0)).blocks == 40 * 40 - 1
