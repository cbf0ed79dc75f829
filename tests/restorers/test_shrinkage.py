"""Shrinkage and the Wiener filter beside independent sources: scikit-image, scipy, closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn, idctn
from skimage import data
from skimage.restoration import denoise_wavelet

import napari_shrinkage as ns
from napari_shrinkage.restorers.shrinkage import FUSED_SIZES
from napari_shrinkage.transforms import dct_kernels

SIGMA = 25.0
PICTURE = data.camera()[:256, 128:384].astype(np.float32)
NOISY = (PICTURE + SIGMA * np.random.default_rng(0).standard_normal(PICTURE.shape)).astype(np.float32)


def psnr(restored: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((restored - PICTURE) ** 2)))


@pytest.mark.parametrize("levels", [1, 3, 4])
def test_haar_bayes_shrink_equals_scikit_image(levels: int) -> None:
    theirs = denoise_wavelet(
        NOISY / 255, sigma=SIGMA / 255, wavelet="db1", method="BayesShrink", wavelet_levels=levels
    )
    ours = ns.restore(NOISY, ns.Shrinkage(transform=ns.Wavelet(wavelet="haar", levels=levels)), noise=SIGMA)
    assert abs(psnr(ours) - psnr(theirs * 255)) < 0.02


def by_hand(noisy: np.ndarray, size: int, keep: float) -> np.ndarray:
    """Threshold every patch of a symmetrically extended image by scipy's DCT, weighed by its sparsity."""
    padded = np.pad(noisy.astype(np.float64), size - 1, mode="symmetric")
    total, weights = np.zeros_like(padded), np.zeros_like(padded)
    for y, x in np.ndindex(*(n - size + 1 for n in padded.shape)):
        place = (slice(y, y + size), slice(x, x + size))
        spectrum = dctn(padded[place], norm="ortho")
        kept = np.abs(spectrum) > keep
        kept[0, 0] = True
        total[place] += idctn(spectrum * kept, norm="ortho") / kept.sum()
        weights[place] += 1 / kept.sum()
    inner = (slice(size - 1, 1 - size),) * 2
    return total[inner] / weights[inner]


@pytest.mark.parametrize("size", [5, 8])
def test_the_sliding_dct_equals_scipy_patch_by_patch(size: int) -> None:
    small = NOISY[:30, :23]
    method = ns.Shrinkage(transform=ns.SlidingDCT(size=size), rule=ns.Hard(), threshold=ns.Ratio(r=2.7))
    np.testing.assert_allclose(
        ns.restore(small, method, noise=SIGMA), by_hand(small, size, 2.7 * SIGMA), atol=1e-2
    )


def test_the_profile_beats_the_best_single_ratio() -> None:
    single = [
        ns.Shrinkage(transform=ns.SlidingDCT(), rule=ns.Hard(), threshold=ns.Ratio(r=r))
        for r in (2.4, 2.6, 2.8)
    ]
    assert (
        psnr(ns.restore(NOISY, "dct", noise=SIGMA))
        > max(psnr(ns.restore(NOISY, m, noise=SIGMA)) for m in single) + 0.03
    )


def test_spinning_over_every_shift_equals_the_stationary_transform() -> None:
    def quality(transform: ns.Wavelet | ns.StationaryWavelet, spins: int) -> float:
        method = ns.Shrinkage(transform=transform, threshold=ns.Ratio(r=1.0), spins=spins)
        return psnr(ns.restore(NOISY, method, noise=SIGMA))

    spun = [quality(ns.Wavelet(wavelet="haar", levels=3), spins) for spins in (1, 2, 8)]
    assert spun[0] + 0.5 < spun[1] < spun[2]
    assert abs(spun[2] - quality(ns.StationaryWavelet(levels=3), 1)) < 0.02


def test_the_wiener_filter_gains_on_its_pilot() -> None:
    assert (
        psnr(ns.restore(NOISY, "dct-wiener", noise=SIGMA))
        > psnr(ns.restore(NOISY, "dct", noise=SIGMA)) + 0.05
    )


def test_without_noise_weight_the_wiener_filter_returns_the_image() -> None:
    np.testing.assert_allclose(ns.restore(NOISY, ns.EmpiricalWiener(mu=0), noise=SIGMA), NOISY, atol=0.3)


def test_a_wiener_pilot_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="one-stage"):
        ns.EmpiricalWiener(pilot=ns.EmpiricalWiener())
    with pytest.raises(ValueError, match="same ndim"):
        ns.EmpiricalWiener(transform=ns.SlidingDCT(ndim=3))


def test_knowing_the_correlation_beats_pretending_it_is_white() -> None:
    kernel = np.ones((1, 7)) / np.sqrt(7)
    white = np.random.default_rng(1).standard_normal((PICTURE.shape[0], PICTURE.shape[1] + 6))
    stripes = np.stack([np.convolve(row, kernel[0], mode="valid") for row in white])
    striped = (PICTURE + SIGMA * stripes).astype(np.float32)
    known = ns.Gaussian(SIGMA, ns.Autocorrelation.from_kernel(kernel))
    for method in ("dct", "dct-wiener"):
        assert (
            psnr(ns.restore(striped, method, noise=known))
            > psnr(ns.restore(striped, method, noise=SIGMA)) + 1
        )


def test_the_sizes_with_a_kernel_are_the_kernels_sizes() -> None:
    assert FUSED_SIZES == dct_kernels.FUSED_SIZES


def test_each_channel_has_its_own_thresholds_in_the_kernel_too() -> None:
    keys = [band.key for band in ns.SlidingDCT().subbands() if band.detail]

    def method(*multiples: float) -> ns.Shrinkage:
        threshold = ns.PerBand(values=dict.fromkeys(keys, multiples))
        return ns.Shrinkage(transform=ns.SlidingDCT(), rule=ns.Hard(), threshold=threshold)

    pair = np.stack([NOISY, NOISY])
    restored = ns.restore(pair, method(2.0, 3.0), noise=SIGMA, axes="CYX")
    for channel, multiple in zip(restored, (2.0, 3.0), strict=True):
        np.testing.assert_array_equal(channel, ns.restore(NOISY, method(multiple), noise=SIGMA))
    with pytest.raises(ValueError, match="3 thresholds; the image has 2 channels"):
        ns.restore(pair, method(2.0, 3.0, 4.0), noise=SIGMA, axes="CYX")
