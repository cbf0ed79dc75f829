"""Noise models from a single image, on scenes whose noise is known."""

from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
from dask import delayed
from scipy import ndimage
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.estimators import FromImage, measured_noise

Image = npt.NDArray[np.float64]
Y, X = np.mgrid[:384, :384]
CELLS = 5 + 200 * np.clip(np.sin(X / 31) * np.cos(Y / 43), 0, 1)  # electrons, flat and dark in between
CAMERA = data.camera().astype(float)
KERNELS = {
    "box": np.ones((3, 3)),
    "stripes along X": np.ones((1, 7)),
    "stripes along Y": np.ones((7, 1)),
    "demosaiced": np.outer([1, 2, 1], [1, 2, 1]),
}


def camera_frame(
    gain: float, offset: float, read_std: float, electrons: Image = CELLS, seed: int = 0
) -> Image:
    rng = np.random.default_rng(seed)
    return gain * rng.poisson(electrons) + offset + read_std * rng.standard_normal(electrons.shape)


def correlated(shape: tuple[int, ...], kernel: Image, seed: int = 0) -> Image:
    """Return noise of variance 1 with the correlation of a kernel."""
    white = np.random.default_rng(seed).standard_normal(shape)
    return ndimage.convolve(white, kernel / np.linalg.norm(kernel), mode="wrap")


def quiet(image: Image, *args: object, **settings: object) -> ns.PoissonGaussian:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ns.NoiseWarning)
        return ns.estimate_noise(image, *args, **settings)


@pytest.mark.parametrize(("gain", "offset", "read_std"), [(0.5, 20, 1), (2, 100, 6), (16, 100, 30)])
def test_a_camera_s_gain_is_found_and_with_the_offset_its_read_noise(
    gain: float, offset: float, read_std: float
):
    frame = camera_frame(gain, offset, read_std)
    assert quiet(frame).gain == pytest.approx(gain, rel=0.05)
    known = quiet(frame, offset=offset)
    assert known.offset == offset
    assert known.read_std == pytest.approx(read_std, rel=0.15)


def test_without_the_offset_the_line_is_right_and_the_verdict_says_what_it_cannot_tell():
    noise = quiet(camera_frame(2, 100, 6))
    for mean in (120, 300):
        assert float(noise.std(mean)) ** 2 == pytest.approx(2 * (mean - 100) + 36, rel=0.1)
    assert noise.read_std == 0
    assert "no read noise that can be told" in noise.verdict


def test_an_integer_frame_gives_what_a_float_one_gives():
    frame = camera_frame(2, 100, 6)
    as_uint16 = quiet(frame.round().astype(np.uint16))
    assert as_uint16.gain == pytest.approx(quiet(frame).gain, rel=0.02)


def test_each_channel_has_its_own_gain_and_a_stack_has_one():
    frames = np.stack([camera_frame(2, 50, 3), camera_frame(5, 80, 3, seed=1)])
    assert quiet(frames, axes="CYX").gain == pytest.approx((2, 5), rel=0.06)
    series = np.stack([camera_frame(2, 50, 3, seed=seed) for seed in range(3)])
    assert quiet(series, axes="TYX").gain == pytest.approx(2, rel=0.04)


@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_white_gaussian_noise_on_a_photograph_stays_gaussian_and_white(sigma: float):
    noisy = CAMERA + sigma * np.random.default_rng(0).standard_normal(CAMERA.shape)
    noise = quiet(noisy)
    assert isinstance(noise, ns.Gaussian)
    assert noise.autocorrelation is None
    assert noise.sigma == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("picture", ["camera", "coins", "moon", "brick", "grass", "gravel"])
@pytest.mark.parametrize("sigma", [15, 50])
def test_texture_is_not_taken_for_correlated_noise(picture: str, sigma: float):
    texture = getattr(data, picture)().astype(float)
    assert (
        quiet(texture + sigma * np.random.default_rng(0).standard_normal(texture.shape)).autocorrelation
        is None
    )


@pytest.mark.parametrize("name", KERNELS)
def test_correlation_is_measured_with_the_strength_that_it_hides(name: str):
    kernel = KERNELS[name]
    noise = quiet(CAMERA + 25 * correlated(CAMERA.shape, kernel))
    truth = ns.Autocorrelation.from_kernel(kernel)
    assert noise.autocorrelation is not None
    for lag in ((0, 1), (1, 0), (1, 1), (0, 2)):
        assert at(noise.autocorrelation, lag) == pytest.approx(at(truth, lag), abs=0.08)
    assert float(np.mean(noise.std(CAMERA))) == pytest.approx(25, rel=0.12)


def at(correlation: ns.Autocorrelation, lag: tuple[int, int]) -> float:
    window = correlation.array
    place = tuple(n // 2 + d for n, d in zip(window.shape, lag, strict=True))
    return float(window[place]) if all(p < n for p, n in zip(place, window.shape, strict=True)) else 0.0


@pytest.mark.parametrize("name", ["box", "stripes along X"])
def test_the_estimate_restores_nearly_as_well_as_the_truth(name: str):
    kernel = KERNELS[name]
    noisy = (CAMERA + 25 * correlated(CAMERA.shape, kernel)).astype(np.float32)
    told = ns.restore(noisy, "balanced", noise=ns.Gaussian(25.0, ns.Autocorrelation.from_kernel(kernel)))
    blind, white = (
        ns.restore(noisy, "balanced", noise=quiet(noisy)),
        ns.restore(noisy, "balanced", noise=25.0),
    )
    known, estimated, pretended = (np.mean((image - CAMERA) ** 2) for image in (told, blind, white))
    assert estimated < known * 10**0.05
    assert estimated < pretended / 10**0.1


def test_shot_noise_of_a_wide_field_camera_is_found_under_its_correlation():
    rng = np.random.default_rng(0)
    kernel = np.outer([1, 3, 1], [1, 3, 1])
    frame = 200 + 2 * CELLS + np.sqrt(4 * CELLS + 20) * correlated(CELLS.shape, kernel, seed=3)
    noise = quiet(frame + 0 * rng.standard_normal())
    assert isinstance(noise, ns.PoissonGaussian)
    assert noise.autocorrelation is not None
    assert noise.gain == pytest.approx(2, rel=0.2)


def test_a_region_of_known_white_noise_can_be_told_so():
    noisy = CAMERA + 25 * correlated(CAMERA.shape, KERNELS["box"])
    assert quiet(noisy, FromImage(correlation="white")).autocorrelation is None


def processed(picture: npt.NDArray[np.uint8], seed: int) -> Image:
    """Return an RGB photograph as a camera's processing leaves it: smoothed, its noise grey."""
    rng = np.random.default_rng(seed)
    linear = (picture / 255.0) ** 2.2
    raw = linear + np.sqrt(0.004 * linear + 1e-5) * rng.standard_normal((*picture.shape[:2], 1))
    smooth = ndimage.gaussian_filter(np.clip(raw, 0, 1), (0.8, 0.8, 0))
    return np.round(255 * smooth ** (1 / 2.2))


def test_a_processed_photograph_gets_a_curve_and_what_its_colours_share():
    seen, *others = (processed(data.astronaut(), seed) for seed in range(13))
    truth = np.mean(others, axis=0)
    noise = quiet(seen.astype(np.uint8), axes="YXC")
    assert isinstance(noise, ns.NoiseCurve)
    assert noise.color is not None
    assert noise.color.stds[0] > 5 * max(noise.color.stds[1:])
    restored = ns.restore(seen.astype(np.uint8), "balanced", noise=noise, axes="YXC")
    assert np.mean((restored - truth) ** 2) < 0.6 * np.mean((seen - truth) ** 2)


def test_sensor_noise_of_a_colour_image_is_not_taken_for_shared():
    seen = data.astronaut() + 15 * np.random.default_rng(0).standard_normal((512, 512, 3))
    noise = quiet(seen, axes="YXC")
    assert noise.color is None
    assert noise.sigma == pytest.approx((15, 15, 15), rel=0.06)


def test_pixels_at_saturation_are_known_to_the_model():
    frame = np.minimum(camera_frame(4, 100, 5), 600).round().astype(np.uint16)
    noise = quiet(frame)
    assert noise.high == 600
    assert noise.low is None
    assert noise.gain == pytest.approx(4, rel=0.06)


def test_the_numbers_behind_the_model_are_kept_for_plots():
    found = measured_noise(ns.Stack(camera_frame(2, 100, 6)))
    (channel,) = found.channels
    assert found.trusted
    assert len(channel.transfer) > 10
    assert channel.line.at(300.0) == pytest.approx(float(found.model.std(300.0)) ** 2, rel=1e-6)
    assert channel.line.slope_error < 0.1 * channel.line.slope
    assert channel.spectrum.tilt < 1.2


def test_a_lazy_stack_is_not_loaded():
    seen: list[int] = []

    def plane(index: int) -> Image:
        seen.append(index)
        return camera_frame(2, 100, 6, electrons=np.tile(CELLS, (3, 3)), seed=index)[None]

    parts = [da.from_delayed(delayed(plane)(i), (1, 1152, 1152), float) for i in range(40)]
    assert quiet(da.concatenate(parts), axes="TYX").gain == pytest.approx(2, rel=0.05)
    assert len(set(seen)) <= 16


@pytest.mark.parametrize("model", ["gaussian", "poisson-gaussian", "curve"])
def test_the_kind_of_model_can_be_asked_for(model: str):
    kinds = {"gaussian": ns.Gaussian, "poisson-gaussian": ns.PoissonGaussian, "curve": ns.NoiseCurve}
    assert isinstance(quiet(camera_frame(2, 100, 6), model), kinds[model])


def test_an_unknown_kind_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="expected one of auto, gaussian, poisson-gaussian, curve"):
        ns.estimate_noise(CELLS, "poisson")
