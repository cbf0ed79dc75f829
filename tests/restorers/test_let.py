"""SURE-LET: the weights found without a target are nearly those found with one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.restorers.let import expansion, expansion_slopes

SIGMA = 25.0
PICTURE = data.camera()[100:292, 150:342].astype(np.float32)
TRANSFORM = ns.StationaryWavelet(wavelet="haar", levels=3)


def noisy(kernel: np.ndarray | None = None) -> np.ndarray:
    white = np.random.default_rng(2).standard_normal(PICTURE.shape)
    if kernel is not None:
        spectrum = np.fft.fft2(kernel / np.linalg.norm(kernel), PICTURE.shape)
        white = np.fft.ifft2(np.fft.fft2(white) * spectrum).real
    return (PICTURE + SIGMA * white).astype(np.float32)


def error(restored: np.ndarray) -> float:
    return float(np.mean((restored - PICTURE) ** 2))


def weights_with_the_target(image: np.ndarray, noise: ns.Gaussian) -> dict[str, tuple[float, ...]]:
    """Solve the same least-squares problem with the clean picture in place of the risk estimate."""
    z, target = (torch.from_numpy(values / np.float32(SIGMA))[None, None] for values in (image, PICTURE))
    coefficients, gains = TRANSFORM.forward(z), TRANSFORM.noise_gain(noise.autocorrelation)
    zero = coefficients.map(lambda band: torch.zeros_like(band.data))
    images = []
    for band in coefficients.details():
        for values in expansion(band.data, gains[band.key]):
            alone = zero.map(
                lambda other, key=band.key, values=values: values if other.key == key else other.data
            )
            images.append((TRANSFORM.inverse(alone) - TRANSFORM.inverse(zero)).flatten())
    matrix = torch.stack(images, 1).double()
    rest = (target - TRANSFORM.inverse(zero)).flatten().double()
    solution = torch.linalg.lstsq(matrix, rest[:, None]).solution[:, 0].tolist()
    keys = [band.key for band in coefficients.details()]
    return {key: (solution[2 * i], solution[2 * i + 1]) for i, key in enumerate(keys)}


@pytest.mark.parametrize("kernel", [None, np.ones((1, 3))], ids=["white", "correlated"])
def test_the_risk_estimate_is_nearly_as_good_as_the_target(kernel: np.ndarray | None) -> None:
    image = noisy(kernel)
    noise = ns.Gaussian(SIGMA, None if kernel is None else ns.Autocorrelation.from_kernel(kernel))
    blind = error(ns.restore(image, ns.Let(transform=TRANSFORM), noise=noise))
    best = error(
        ns.restore(
            image, ns.Let(transform=TRANSFORM, weights=weights_with_the_target(image, noise)), noise=noise
        )
    )
    assert best <= blind < 1.03 * best


def test_it_beats_the_best_soft_threshold_on_the_same_transform() -> None:
    image = noisy()
    ratios = np.arange(0.4, 2.4, 0.2)
    soft = [ns.Shrinkage(transform=TRANSFORM, threshold=ns.Ratio(r=float(r))) for r in ratios]
    best_soft = min(error(ns.restore(image, method, noise=SIGMA)) for method in soft)
    assert error(ns.restore(image, ns.Let(transform=TRANSFORM), noise=SIGMA)) < best_soft


def test_a_channel_comes_out_as_if_it_were_alone() -> None:
    flat = 50 + SIGMA * np.random.default_rng(7).standard_normal(PICTURE.shape)
    pair = np.stack([noisy(), flat]).astype(np.float32)
    together = ns.restore(pair, ns.Let(transform=TRANSFORM), noise=SIGMA, axes="CYX")
    for channel, restored in zip(pair, together, strict=True):
        alone = ns.restore(channel, ns.Let(transform=TRANSFORM), noise=SIGMA)
        np.testing.assert_allclose(restored, alone, atol=0.01)
    assert together[1].std() < 0.2 * SIGMA


def test_a_biorthogonal_wavelet_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="orthogonal wavelet"):
        ns.restore(noisy(), ns.Let(transform=ns.StationaryWavelet(wavelet="bior4.4")), noise=SIGMA)


def test_the_slopes_are_the_derivatives() -> None:
    c = torch.linspace(-9, 9, 301, dtype=torch.float64)
    step = 1e-6
    for number, slope in enumerate(expansion_slopes(c, 1.3)):
        difference = (expansion(c + step, 1.3)[number] - expansion(c - step, 1.3)[number]) / (2 * step)
        torch.testing.assert_close(slope, difference, atol=1e-5, rtol=1e-5)


def test_weak_noise_is_not_made_stronger() -> None:
    sigma, picture = 0.01, data.camera()[::2, ::2].astype(np.float64)
    image = picture + sigma * np.random.default_rng(0).standard_normal(picture.shape)
    assert np.mean((ns.restore(image, "let", noise=sigma) - picture) ** 2) < 1.01 * sigma**2
