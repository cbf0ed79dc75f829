"""Noise models and autocorrelations against simulation and Parseval."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.fft import dct
from scipy.ndimage import convolve
from scipy.signal import convolve2d

from napari_shrinkage.methods import from_record, to_record
from napari_shrinkage.noise import Autocorrelation, Gaussian

BLUR = np.outer([1, 2, 1], [1, 3, 2])
odd_sizes = st.sampled_from([(1,), (3,), (7,), (3, 3), (1, 5), (5, 3), (3, 3, 3)])
windows = odd_sizes.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(-1, 1))).map(
    lambda window: _with_middle(window, 1.0)
)


def _with_middle(window: np.ndarray, value: float) -> np.ndarray:
    window = window.copy()
    window[tuple(n // 2 for n in window.shape)] = value
    return window


def spectrum(window: np.ndarray) -> np.ndarray:
    """Return the power spectrum of an autocorrelation window on a grid of its own, by the definition."""
    total = np.ones((1,) * window.ndim, complex) * window
    for axis, n in enumerate(window.shape):
        frequencies = np.linspace(0, 2 * np.pi, 41)
        waves = np.exp(1j * np.outer(frequencies, np.arange(n) - n // 2))
        total = np.moveaxis(np.tensordot(waves, total, axes=(1, axis)), 0, axis)
    return total.real


@given(windows)
def test_an_autocorrelation_is_normalised_symmetric_and_has_no_negative_power(window: np.ndarray):
    values = Autocorrelation(window.tolist()).array
    assert values[tuple(n // 2 for n in values.shape)] == 1
    assert np.array_equal(values, np.flip(values))
    power = spectrum(values)
    assert power.min() >= -0.03 * power.max()  # between the frequencies at which it was projected


@given(windows)
def test_no_coefficient_of_a_block_transform_gets_a_negative_variance(window: np.ndarray):
    correlation = Autocorrelation(window.tolist())
    basis = dct(np.eye(8), norm="ortho", axis=0)
    for rows in basis[::3]:
        assert correlation.variance([rows] + [basis[5]] * (window.ndim - 1)) >= -1e-4


@given(windows)
def test_an_autocorrelation_that_was_stored_is_the_same_when_read(window: np.ndarray):
    first = Autocorrelation(window.tolist())
    assert Autocorrelation(first.values) == first
    assert from_record(json.loads(json.dumps(to_record(first)))) == first


@pytest.mark.parametrize(
    "kernel", [[[1.0]], BLUR, np.ones((3, 3)), 1e-6 * BLUR, [1.0, -1.0], np.ones((2, 2, 2))]
)
def test_that_of_a_kernel_is_kept_as_it_is(kernel: np.ndarray):
    g = np.asarray(kernel, float) / np.linalg.norm(kernel)
    lags = tuple(2 * n - 1 for n in g.shape)
    expected = np.fft.fftshift(np.fft.ifftn(np.abs(np.fft.fftn(g, lags, range(g.ndim))) ** 2).real)
    np.testing.assert_allclose(Autocorrelation.from_kernel(kernel).array, expected, atol=1e-6)


def test_a_measured_window_changes_little():
    """The estimate from one noisy image has a slightly negative spectrum; mending it moves no lag by much."""
    noise = convolve(
        np.random.default_rng(0).normal(size=(128, 128)), BLUR / np.linalg.norm(BLUR), mode="wrap"
    )
    lags = np.fft.fftshift(np.fft.ifft2(np.abs(np.fft.fft2(noise)) ** 2).real)[60:69, 60:69]
    measured = lags / lags[4, 4]
    assert spectrum(measured).min() < 0
    mended = Autocorrelation(measured.tolist()).array
    assert np.abs(mended - measured).max() < 0.02
    assert spectrum(mended).min() > -1e-2


@pytest.mark.parametrize(
    "window", [[[1.0, 0.5]], [1.0, 0.5], 1.0, [], [0.0, -1.0, 0.0], [0.0, math.nan, 0.0]], ids=str
)
def test_what_is_no_window_of_lags_is_refused(window: object):
    with pytest.raises(ValueError, match=r"odd size.*lag 0"):
        Autocorrelation(window)  # type: ignore[arg-type]


def test_the_variance_of_a_coefficient_is_the_squared_norm_of_kernel_and_filter():
    rows, columns = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.1, -0.2, 0.9])
    g = BLUR / np.linalg.norm(BLUR)
    expected = np.sum(convolve2d(g, np.outer(rows, columns)) ** 2)
    assert Autocorrelation.from_kernel(g).variance([rows, columns]) == pytest.approx(expected, rel=1e-5)


def test_white_noise_has_the_variance_of_the_filter_itself():
    rows, columns = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.1])
    white = Autocorrelation(((1.0,),))
    assert white.variance([rows, columns]) == pytest.approx(np.sum(rows**2) * np.sum(columns**2))


def test_planes_of_a_volume_are_independent_where_the_noise_was_known_in_two_dimensions():
    depth, rows, columns = np.array([0.6, 0.8, -0.3]), np.array([1.0, -2.0]), np.array([0.3, 0.1])
    flat = Autocorrelation.from_kernel(BLUR)
    expected = np.sum(depth**2) * flat.variance([rows, columns])
    assert flat.variance([depth, rows, columns]) == pytest.approx(expected)


def test_a_volume_s_correlation_does_not_fit_a_plane():
    with pytest.raises(ValueError, match="3 axes, the transform 2"):
        Autocorrelation.from_kernel(np.ones((2, 2, 2))).variance([np.ones(2), np.ones(2)])


def test_the_density_is_the_power_at_frequency_zero():
    assert Autocorrelation(((1.0,),)).density == 1
    assert Autocorrelation.from_kernel(np.ones((3, 3))).density == pytest.approx(9, rel=1e-4)
    assert Autocorrelation.from_kernel([1.0, -1.0]).density == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("sigma", [7.5, (7.5, 0.2, 1000.0)])
def test_forward_gives_noise_of_std_one_and_inverse_the_image_without_bias(sigma: float | tuple[float, ...]):
    shape = (3, 200, 200)
    noise = np.random.default_rng(0).normal(size=shape) * np.reshape(sigma, (-1, 1, 1))
    flat = np.full(shape, 300.0, np.float32)
    model = Gaussian(sigma).for_channels(3)
    z = model.forward((flat + noise).astype(np.float32))
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.std(axis=(1, 2)), 1, rtol=0.02)
    np.testing.assert_allclose(model.inverse(model.forward(flat)), flat, rtol=1e-6)
    np.testing.assert_allclose(model.std(flat)[:, 0, 0], np.broadcast_to(sigma, 3), rtol=1e-6)


def test_a_channel_without_noise_stays_as_it_is():
    model = Gaussian((0.0, 2.0))
    x = np.ones((2, 4, 4), np.float32)
    assert model.forward(x)[:, 0, 0].tolist() == [1.0, 0.5]
    assert model.inverse(model.forward(x)).tolist() == x.tolist()
    assert model.std(x)[:, 0, 0].tolist() == [0.0, 2.0]
    assert (Gaussian(0).forward(x) == x).all()
    assert not Gaussian(0).std(x).any()


def test_the_std_is_the_same_at_every_mean():
    assert Gaussian(3).std(np.array([0.0, 10.0, 1e6])).tolist() == [3, 3, 3]
    assert Gaussian(3).std(5.0) == 3


def test_one_sigma_serves_every_channel_and_another_number_of_them_is_an_error():
    assert Gaussian(2).for_channels(3).sigma == Gaussian((2,)).for_channels(3).sigma == (2, 2, 2)
    with pytest.raises(ValueError, match="2 values; the image has 3 channels"):
        Gaussian((1, 2)).for_channels(3)


def test_a_verdict_does_not_make_another_model():
    assert Gaussian(2, verdict="trustworthy.") == Gaussian(2)


@pytest.mark.parametrize("sigma", [-1, math.nan, (1, -1), ()])
def test_a_sigma_that_is_none_is_refused(sigma: float | tuple[float, ...]):
    with pytest.raises(ValueError, match=r"Gaussian\.sigma"):
        Gaussian(sigma)
