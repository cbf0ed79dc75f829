"""Noise from the differences of repeated frames: structure cancels, whatever it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from skimage import data

import napari_shrinkage as ns

GRAVEL = data.gravel().astype(float) / 2  # electrons; no flat part anywhere


def frames(gain: float, offset: float, read_std: float, count: int = 4) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(0)
    noise = read_std * rng.standard_normal((count, *GRAVEL.shape))
    return gain * rng.poisson(GRAVEL, (count, *GRAVEL.shape)) + offset + noise


def test_texture_without_a_flat_part_does_not_matter():
    noise = ns.estimate_noise(frames(2, 100, 6), ns.FrameDifferences(offset=100), axes="TYX")
    assert noise.gain == pytest.approx(2, rel=0.03)
    assert noise.read_std == pytest.approx(6, rel=0.1)


def test_two_frames_are_enough_and_z_may_count_them():
    noise = ns.estimate_noise(frames(2, 100, 6, count=2), ns.FrameDifferences(), axes="ZYX")
    assert noise.gain == pytest.approx(2, rel=0.05)


def test_gaussian_noise_stays_gaussian():
    rng = np.random.default_rng(0)
    series = GRAVEL + 7 * rng.standard_normal((3, *GRAVEL.shape))
    noise = ns.estimate_noise(series, ns.FrameDifferences(), axes="TYX")
    assert isinstance(noise, ns.Gaussian)
    assert noise.sigma == pytest.approx(7, rel=0.01)
    assert noise.autocorrelation is None


def test_correlation_is_measured_under_any_texture():
    white = np.random.default_rng(0).standard_normal((4, *GRAVEL.shape))
    series = GRAVEL + 15 * ndimage.uniform_filter(white, (0, 3, 3), mode="wrap")
    noise = ns.estimate_noise(series, ns.FrameDifferences(), axes="TYX")
    truth = ns.Autocorrelation.from_kernel(np.ones((3, 3))).array
    np.testing.assert_allclose(noise.autocorrelation.array[5:10, 5:10], truth, atol=0.04)
    assert noise.sigma == pytest.approx(5, rel=0.03)


def test_stripes_longer_than_a_block_are_measured():
    """The rows of a camera that each have an offset of their own, anew in every frame."""
    rng = np.random.default_rng(0)
    series = GRAVEL + 8 * rng.standard_normal((4, *GRAVEL.shape)) + 8 * rng.standard_normal((4, 512, 1))
    noise = ns.estimate_noise(series, ns.FrameDifferences(), axes="TYX")
    window = noise.autocorrelation.array
    y, x = (n // 2 for n in window.shape)
    assert window[y, x + 1] == pytest.approx(0.5, abs=0.12)
    assert window[y + 1, x] == pytest.approx(0, abs=0.05)


def test_channels_are_read_one_by_one():
    series = np.stack([frames(2, 100, 6), frames(5, 10, 6)], axis=1)
    noise = ns.estimate_noise(series, ns.FrameDifferences(), axes="TCYX")
    assert noise.gain == pytest.approx((2, 5), rel=0.05)


@pytest.mark.parametrize(("shape", "axes"), [((64, 64), "YX"), ((1, 64, 64), "TYX"), ((3, 64, 64), "CYX")])
def test_an_image_without_frames_is_refused(shape: tuple[int, ...], axes: str):
    with pytest.raises(ValueError, match="compares frames along T"):
        ns.estimate_noise(np.zeros(shape), ns.FrameDifferences(), axes=axes)
