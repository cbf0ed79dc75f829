"""Three ways to the slope of the error agree with each other, with the risk curve and with PyWavelets."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import bands_of, threshold_gradients

CLEAN = np.moveaxis(data.astronaut()[:64, 200:264].astype(np.float64), -1, 0)
NOISY = CLEAN + 20 * np.random.default_rng(0).standard_normal(CLEAN.shape)
HAAR = ns.Wavelet(wavelet="haar", levels=3)


@pytest.mark.parametrize(
    "transform",
    [HAAR, ns.Wavelet(wavelet="bior4.4", levels=2), ns.StationaryWavelet(wavelet="db2", levels=2)],
    ids=lambda transform: transform.name + transform.wavelet,
)
@pytest.mark.parametrize("threshold", [5.0, 20.0])
def test_finite_difference_closed_form_and_autograd_agree(transform, threshold):
    found = threshold_gradients(NOISY, CLEAN, transform, "2/da", threshold, channel=1)
    assert found.manual == pytest.approx(found.autograd, rel=1e-9)
    assert found.finite == pytest.approx(found.autograd, rel=1e-3)


def test_the_slope_is_that_of_the_risk_curve():
    found = threshold_gradients(NOISY, CLEAN, HAAR, "1/dd", 10.0, channel=2)
    (band,) = (b for b in bands_of(NOISY, HAAR, 20.0, CLEAN, "CYX") if (b.key, b.channel) == ("1/dd", 2))
    assert band.curve.slope(10 / 20) * 20 / CLEAN.size == pytest.approx(found.autograd, rel=1e-4)


def test_the_slope_is_that_of_pywavelets_and_numpy():
    t, h = 8.0, 1e-4

    def error(threshold):
        coarse, (horizontal, vertical, diagonal), *finer = pywt.wavedec2(
            NOISY[0], "haar", mode="periodization", level=3
        )
        shrunk = pywt.threshold(horizontal, threshold, "soft")
        bands = [coarse, (shrunk, vertical, diagonal), *finer]
        return np.sum((pywt.waverec2(bands, "haar", mode="periodization") - CLEAN[0]) ** 2) / CLEAN.size

    expected = (error(t + h) - error(t - h)) / (2 * h)
    assert threshold_gradients(NOISY, CLEAN, HAAR, "3/da", t).manual == pytest.approx(expected, rel=1e-4)


def test_a_band_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="4/dd"):
        threshold_gradients(NOISY, CLEAN, HAAR, "4/dd", 1.0)
