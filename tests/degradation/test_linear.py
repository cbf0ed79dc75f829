"""The best linear upscaling: unbiased, symmetric, and the best on surfaces of its own variogram."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

import napari_shrinkage as ns
from napari_shrinkage.degradation.kernels import (
    SCALES,
    bicubic_kernel,
    binning_kernel,
    cubic,
    decimation_kernel,
    gaussian_kernel,
    lanczos,
    offsets,
)
from napari_shrinkage.degradation.linear import (
    CODED,
    CONTRAST,
    ROUNDING,
    blur_code,
    interpolation_filters,
    upscaling_filters,
)
from napari_shrinkage.degradation.reduction import reduced

KERNELS = {
    "bicubic": bicubic_kernel,
    "decimation": decimation_kernel,
    "binning": binning_kernel,
    "gaussian": lambda scale: gaussian_kernel(scale, 0.9 * scale, 0.5 * scale, 0.6),
}
BORDER = 8  # coarse pixels that a filter and a kernel reach


def upscaled(coarse: np.ndarray, filters: np.ndarray, scale: int) -> np.ndarray:
    """Return the fine image by scipy, one filter for each place in a coarse pixel."""
    fine = np.empty(tuple(scale * n for n in coarse.shape))
    for index, weights in enumerate(filters):
        y, x = divmod(index, scale)
        fine[y::scale, x::scale] = correlate(coarse, weights, mode="nearest")
    return fine


def fractal(side: int, seed: int) -> np.ndarray:
    """Return a Gaussian surface whose mean squared difference grows in proportion to distance."""
    at = np.fft.fftfreq(side)
    radius = np.hypot(at[:, None], at)
    radius[0, 0] = np.inf
    white = np.random.default_rng(seed).standard_normal((side, side))
    surface = np.fft.ifft2(np.fft.fft2(white) * radius**-1.5).real
    near = np.mean([np.mean((surface - np.roll(surface, lag, 1)) ** 2) / (2 * lag) for lag in (1, 2, 3, 4)])
    return surface * np.sqrt(CONTRAST / near)


def error(fine: np.ndarray, filters: np.ndarray, coarse: np.ndarray, scale: int) -> float:
    inner = (slice(scale * BORDER, -scale * BORDER),) * 2
    return float(np.mean((upscaled(coarse, filters, scale) - fine)[inner] ** 2))


@pytest.mark.parametrize("sigma", [ROUNDING, 20.0])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", KERNELS)
def test_the_weights_of_a_pixel_sum_to_1(name: str, scale: int, sigma: float) -> None:
    filters = upscaling_filters(KERNELS[name](scale), scale, sigma)
    assert filters.shape == (scale**2, 9, 9)
    np.testing.assert_allclose(filters.sum((1, 2)), 1, atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["bicubic", "binning", "gaussian"])
def test_a_centred_kernel_has_filters_that_are_turned_with_their_pixel(name: str, scale: int) -> None:
    filters = upscaling_filters(KERNELS[name](scale), scale, 1.0)
    np.testing.assert_allclose(filters[::-1, ::-1, ::-1], filters, atol=1e-8)


def test_a_mirrored_kernel_has_mirrored_filters() -> None:
    kernel = gaussian_kernel(2, 1.5, 0.8, 0.4, shift=(0.3, -0.2))
    mirrored = upscaling_filters(kernel[:, ::-1], 2, 1.0).reshape(2, 2, 9, 9)
    filters = upscaling_filters(kernel, 2, 1.0).reshape(2, 2, 9, 9)
    np.testing.assert_allclose(mirrored, filters[:, ::-1, :, ::-1], atol=1e-8)


@pytest.mark.parametrize("name", KERNELS)
def test_a_pixel_that_only_noise_is_seen_of_becomes_the_mean(name: str) -> None:
    np.testing.assert_allclose(upscaling_filters(KERNELS[name](2), 2, 1e6), 1 / 81, rtol=1e-3)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", KERNELS)
def test_a_plane_is_predicted_to_a_few_hundredths_of_a_pixel(name: str, scale: int) -> None:
    """Kriging keeps constants exactly and planes nearly; of centred kernels, their means exactly."""
    y, x = np.mgrid[: 20 * scale, : 20 * scale].astype(float)
    kernel, inner = KERNELS[name](scale), (slice(BORDER, -BORDER),) * 2
    for plane in (x, y):
        found = upscaled(reduced(plane, kernel, scale), upscaling_filters(kernel, scale, ROUNDING), scale)
        off = found - plane
        cut = slice(scale * BORDER, -scale * BORDER)
        assert np.abs(off[cut, cut]).max() < 0.05
        if name != "decimation":
            np.testing.assert_allclose(reduced(off, binning_kernel(scale), scale)[inner], 0, atol=1e-9)


@pytest.mark.parametrize("sigma", [ROUNDING, 8.0])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", KERNELS)
def test_no_other_filters_predict_a_fractal_surface_better(name: str, scale: int, sigma: float) -> None:
    fine, kernel = fractal(64 * scale, seed=scale), KERNELS[name](scale)
    noise = sigma * np.random.default_rng(1).standard_normal((64, 64))
    coarse = reduced(fine, kernel, scale) + noise
    best = error(fine, upscaling_filters(kernel, scale, sigma), coarse, scale)
    others = {other: upscaling_filters(made(scale), scale, sigma) for other, made in KERNELS.items()}
    del others[name]
    others["noise told too high"] = upscaling_filters(kernel, scale, 3 * sigma + 10)
    others["interpolation"] = interpolation_filters(cubic, 2, scale)
    assert all(error(fine, filters, coarse, scale) > best for filters in others.values())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("curve", "reach"), [(cubic, 2), (lanczos, 3)])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (-0.5, 0.8)])
def test_interpolation_goes_through_a_plane(curve, reach: int, scale: int, shift) -> None:
    centres = offsets(scale * 16) / scale
    fine = 3 * centres[:, None] - 2 * centres + 50
    at = offsets(16)
    coarse = 3 * (at[:, None] + shift[0] / scale) - 2 * (at + shift[1] / scale) + 50
    found = upscaled(coarse, interpolation_filters(curve, reach, scale, shift), scale)
    inner = (slice(4 * scale, -4 * scale),) * 2
    step = 3 + 2  # from one coarse pixel to the next one aslant
    np.testing.assert_allclose(found[inner], fine[inner], atol=1e-9 if curve is cubic else 0.02 * step)


def test_the_network_is_told_a_gaussian_by_its_contrast() -> None:
    found = blur_code(gaussian_kernel(2, 1.8, taps=24), 2).reshape(4, 4)
    at = (CODED / 2).reshape(-1, 2)
    expected = np.exp(-2 * (np.pi * 1.8) ** 2 * (at**2).sum(1)).reshape(4, 4)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.all(np.diff(found[:, 0]) < 0)


@pytest.mark.parametrize("scale", SCALES)
def test_the_network_is_told_no_shift(scale: int) -> None:
    np.testing.assert_allclose(blur_code(ns.Decimation().kernel(scale), scale), 1)
