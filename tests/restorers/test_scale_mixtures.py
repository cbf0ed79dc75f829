"""Gaussian scale mixtures: covariances against dense matrices, the estimate against Bayes' formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.restorers.scale_mixtures import (
    MULTIPLIERS,
    PRIOR,
    Mixture,
    lags,
    matrix,
    noise_covariances,
    places,
    signal_covariances,
    spacing_of,
)

SIGMA = 20.0
PICTURE = data.camera()[100:292, 150:342].astype(np.float32)
BLUR = np.outer([1, 2, 1], [1, 2, 1])
SIDE = 16  # of a periodic plane, wider than the filters and the correlation together
TRANSFORMS = {
    "haar": ns.StationaryWavelet(wavelet="haar", levels=3, border="periodic"),
    "db2": ns.StationaryWavelet(wavelet="db2", levels=2, border="periodic"),
}


def noisy(kernel: np.ndarray | None = None, shape: tuple[int, int] = PICTURE.shape) -> np.ndarray:
    noise = np.random.default_rng(2).standard_normal(shape)
    if kernel is not None:
        spectrum = np.fft.fft2(kernel / np.linalg.norm(kernel), shape)
        noise = np.fft.ifft2(np.fft.fft2(noise) * spectrum).real
    return (SIGMA * noise).astype(np.float32)


def error(restored: np.ndarray) -> float:
    return float(np.mean((restored - PICTURE) ** 2))


def pixel_covariance(correlation: ns.Autocorrelation | None) -> np.ndarray:
    """Return the covariance of all pixels of a periodic plane with one another, (pixels, pixels)."""
    plane = np.zeros((SIDE, SIDE))
    window = np.ones((1, 1)) if correlation is None else correlation.array
    for (i, j), value in np.ndenumerate(window):
        plane[(i - window.shape[0] // 2) % SIDE, (j - window.shape[1] // 2) % SIDE] = value
    y, x = (part.ravel() for part in np.mgrid[:SIDE, :SIDE])
    return plane[(y[:, None] - y) % SIDE, (x[:, None] - x) % SIDE]


@pytest.mark.parametrize("kernel", [None, np.ones((1, 3)), BLUR], ids=["white", "lines", "blurred"])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_the_noise_covariances_are_those_of_the_dense_transform(
    transform: ns.StationaryWavelet, kernel: np.ndarray | None
) -> None:
    correlation = None if kernel is None else ns.Autocorrelation.from_kernel(kernel)
    deltas = torch.eye(SIDE**2, dtype=torch.float64).reshape(-1, 1, SIDE, SIDE)
    found = noise_covariances(transform, correlation)
    for band in transform.analysis(deltas).details():
        rows = band.data.reshape(SIDE**2, SIDE, SIDE).numpy()  # (pixel, coefficient)
        step = spacing_of(band.subband.level)
        here = rows[:, 0, 0]
        for lag, value in zip(lags(2), found[band.key], strict=True):
            there = rows[:, lag[0] * step % SIDE, lag[1] * step % SIDE]
            assert value == pytest.approx(here @ pixel_covariance(correlation) @ there, abs=1e-5)


def test_the_estimate_is_the_posterior_mean() -> None:
    rng = np.random.default_rng(0)
    decay = np.array([np.exp(-np.hypot(*lag) / 1.5) for lag in lags(2)])
    noise = np.array([0.5 ** (abs(a) + abs(b)) for a, b in lags(2)])
    signal, around = matrix(3 * decay, 2), matrix(noise, 2)
    y = 3 * rng.standard_normal((9, 20))
    evidence = np.stack(
        [PRIOR[i] * multivariate_normal(cov=z * signal + around).pdf(y.T) for i, z in enumerate(MULTIPLIERS)]
    )
    filters = np.stack([z * signal[4] @ np.linalg.inv(z * signal + around) for z in MULTIPLIERS])
    expected = (evidence * (filters @ y)).sum(0) / evidence.sum(0)
    found = Mixture.of(3 * decay, noise, 2).estimate(torch.from_numpy(y))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_a_covariance_matrix_depends_on_lags_alone() -> None:
    found = matrix(np.arange(len(lags(2)), dtype=float), 2)
    where = places(2)
    assert np.array_equal(found, found.T)
    for i, a in enumerate(where):
        for j, b in enumerate(where):
            lag = (a[0] - b[0], a[1] - b[1])
            assert found[i, j] == lags(2).index(max(lag, (-lag[0], -lag[1])))


@pytest.mark.parametrize("kernel", [None, BLUR], ids=["white", "blurred"])
def test_what_is_measured_in_noise_alone_is_nearly_no_signal(kernel: np.ndarray | None) -> None:
    correlation = None if kernel is None else ns.Autocorrelation.from_kernel(kernel)
    field = torch.from_numpy(noisy(kernel, (512, 512)) / np.float32(SIGMA))[None, None]
    transform = TRANSFORMS["haar"]
    for key, values in signal_covariances(transform, field, correlation).items():
        strength = noise_covariances(transform, correlation)[key][0]
        assert np.abs(values).max() < 0.1 * strength


@pytest.mark.parametrize("kernel", [BLUR, np.ones((2, 2))], ids=["blurred", "boxes"])
def test_it_beats_the_empirical_wiener_filter_where_neighbours_share_their_noise(kernel: np.ndarray) -> None:
    noise = ns.Gaussian(SIGMA, ns.Autocorrelation.from_kernel(kernel))
    seen = PICTURE + noisy(kernel)
    assert error(ns.restore(seen, "gsm", noise=noise)) < 0.95 * error(
        ns.restore(seen, "balanced", noise=noise)
    )


def test_channels_are_measured_apart() -> None:
    stack = np.stack([PICTURE + noisy(), PICTURE.T / 4 + noisy()])
    gsm = ns.ScaleMixture(transform=ns.StationaryWavelet(levels=3))
    together = ns.restore(stack, gsm, noise=SIGMA, axes="CYX")
    for both, alone in zip(together, stack, strict=True):
        np.testing.assert_allclose(both, ns.restore(alone, gsm, noise=SIGMA), atol=1e-2)


def test_covariances_of_another_number_of_channels_are_refused() -> None:
    plan = ns.resolve(
        ns.Step(ns.ScaleMixture(), ns.Gaussian(SIGMA)), ns.Stack(np.stack([PICTURE] * 2), "CYX")
    )
    with pytest.raises(ValueError, match="26 covariances for band '1/ad'; the image has 1 channels"):
        ns.restore(PICTURE, plan.restorer, noise=SIGMA)


def test_a_noise_of_more_axes_is_refused() -> None:
    noise = ns.Gaussian(SIGMA, ns.Autocorrelation.from_kernel(np.ones((3, 3, 3))))
    with pytest.raises(ValueError, match="3 axes, the transform 2"):
        ns.restore(PICTURE, "gsm", noise=noise)


def test_volumes_gain_from_neighbours_above_and_below() -> None:
    truth = np.stack([PICTURE[:96, :96]] * 16)
    seen = (truth + SIGMA * np.random.default_rng(0).standard_normal(truth.shape)).astype(np.float32)
    errors = [
        np.mean((ns.restore(seen, ns.ScaleMixture(transform=haar), noise=SIGMA, axes="ZYX") - truth) ** 2)
        for haar in (ns.StationaryWavelet(levels=2), ns.StationaryWavelet(levels=2, ndim=3))
    ]
    assert errors[1] < 0.5 * errors[0]
