"""Images that hardly show their noise: tiny, blank, masked, with gaps, in extreme units."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.estimators import FromImage, Measurement, NoiseEstimator, measured_noise

RNG = np.random.default_rng(0)
SERIES = RNG.poisson(20, (2, 64, 64)).astype(float)
HOLES = np.where(np.arange(64) % 12 == 0, np.inf, SERIES)
ODD = {
    "one value": np.full((2, 64, 64), 7.0),
    "copies": np.stack([SERIES[0]] * 2),
    "one pixel": SERIES[:, :1, :1],
    "a few pixels": SERIES[:, :7, :7],
    "a few blocks": SERIES[:, :20, :20],
    "saturated": np.full((2, 64, 64), 255, np.uint8),
    "holes everywhere": HOLES,
    "mostly masked": np.where(np.arange(64)[:, None] < 16, SERIES, 0),
}


def measured(image: npt.NDArray[np.generic], estimator: NoiseEstimator, axes: str) -> Measurement:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return measured_noise(ns.Stack(image, axes), estimator)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("estimator", [FromImage(), FromImage(model="curve"), ns.FrameDifferences()])
def test_an_image_that_hardly_shows_its_noise_gets_a_finite_model(name: str, estimator: NoiseEstimator):
    found = measured(ODD[name], estimator, "TYX")
    assert np.isfinite(found.model.std(np.full((3, 3), 20.0))).all()
    assert found.model.verdict


@pytest.mark.parametrize("name", ["one value", "copies", "one pixel", "a few pixels", "saturated"])
def test_frames_that_tell_no_noise_are_not_trusted(name: str):
    found = measured(ODD[name], ns.FrameDifferences(), "TYX")
    assert not found.trusted


def test_frames_too_small_for_blocks_give_the_noise_of_all_their_pixels():
    series = 100 + 5 * np.random.default_rng(1).standard_normal((30, 7, 7))
    found = measured(series, ns.FrameDifferences(), "TYX")
    assert found.model.sigma == pytest.approx(5, rel=0.1)


def test_frames_with_gaps_have_the_noise_of_the_rest():
    series = 100 + 5 * np.random.default_rng(1).standard_normal((4, 128, 128))
    series[:, 40:60] = np.inf
    found = measured(series, ns.FrameDifferences(), "TYX")
    assert found.model.sigma == pytest.approx(5, rel=0.05)
    assert found.channels[0].spectrum is not None


def test_a_channel_without_a_finite_value_is_named_for_frames_too():
    with pytest.raises(ValueError, match="channel 0 has no finite value"):
        measured(np.full((2, 64, 64), np.nan), ns.FrameDifferences(), "TYX")


@pytest.mark.parametrize("hole", [0, np.nan, np.inf])
def test_a_photograph_with_a_masked_part_has_a_curve(hole: float):
    noise = 12 * np.random.default_rng(0).standard_normal((512, 512, 1))
    photograph = np.clip(data.astronaut() + noise, 0, 255).astype(np.float32)
    photograph[:160] = hole
    found = measured(photograph, FromImage(), "YXC").model
    assert isinstance(found, ns.NoiseCurve)
    assert found.color is not None


def test_a_colour_that_is_empty_stops_no_estimate():
    image = np.zeros((96, 96, 3), np.uint8)
    image[..., 1] = np.random.default_rng(0).poisson(50, (96, 96))
    found = measured(image, FromImage(model="curve"), "YXC")
    assert np.isfinite(found.model.std(np.full((3, 3), 50.0))).all()
