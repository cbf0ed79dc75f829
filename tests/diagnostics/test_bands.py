"""Bands, their risk curves and thresholds against PyWavelets, brute force and Parseval's theorem."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.color import to_opponent
from napari_shrinkage.diagnostics import bands_of, detail_bands, gain_per_level
from napari_shrinkage.diagnostics.band import orientation_of
from napari_shrinkage.noise import Autocorrelation

SIGMA = 20.0
HAAR = ns.Wavelet(wavelet="haar", levels=3)


@pytest.fixture(scope="module")
def clean():
    return np.moveaxis(data.astronaut()[:128, 160:288].astype(np.float64), -1, 0)


@pytest.fixture(scope="module")
def noisy(clean):
    return clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape)


@pytest.fixture(scope="module")
def bands(noisy, clean):
    return bands_of(noisy, HAAR, SIGMA, clean, axes="CYX")


def shrunk_by_pywavelets(image, thresholds):
    """Haar, three levels; thresholds by (key, channel), in the units of the image."""
    out = []
    for channel, plane in enumerate(image):
        coarse, *details = pywt.wavedec2(plane, "haar", mode="periodization", level=3)
        for level, triple in zip((3, 2, 1), details, strict=True):
            keys = [f"{level}/{letters}" for letters in ("da", "ad", "dd")]
            details[3 - level] = tuple(
                pywt.threshold(c, thresholds[key, channel], "soft") if thresholds[key, channel] else c
                for key, c in zip(keys, triple, strict=True)
            )
        out.append(pywt.waverec2([coarse, *details], "haar", mode="periodization"))
    return np.array(out)


def test_there_is_one_band_per_level_orientation_and_channel(bands):
    places = {(band.channel, band.level, band.orientation) for band in bands}
    assert len(bands) == len(places) == 27
    assert {orientation for *_, orientation in places} == {"horizontal", "vertical", "diagonal"}


def test_coefficients_are_those_of_pywavelets_over_their_noise(bands, noisy):
    (band,) = (b for b in bands if b.channel == 1 and b.key == "2/ad")
    _, (_, vertical, _), _ = pywt.wavedec2(noisy[1], "haar", mode="periodization", level=2)
    assert np.allclose(np.sort(band.noisy), np.sort(vertical.ravel() / SIGMA), atol=1e-4)
    assert band.std == pytest.approx(SIGMA)


@pytest.mark.parametrize(("axis", "orientation"), [(0, "vertical"), (1, "horizontal")])
@pytest.mark.parametrize("transform", [HAAR, ns.SlidingDCT(), ns.StationaryWavelet(levels=2)])
def test_an_image_that_changes_along_one_axis_has_detail_of_that_orientation_only(
    transform, axis, orientation
):
    ramp = np.arange(64.0) ** 2 / 64
    image = np.broadcast_to(ramp[:, None] if axis == 0 else ramp, (64, 64)).copy()
    energies = {}
    for band in bands_of(image, transform, 1.0):
        energies[band.orientation] = energies.get(band.orientation, 0) + float(np.sum(band.noisy**2))
    others = sum(energy for name, energy in energies.items() if name != orientation)
    assert energies[orientation] > 1e6 * others


def test_a_band_of_a_volume_names_its_axes():
    transform = ns.Wavelet(wavelet="haar", levels=1, levels_z=1, ndim=3)
    words = {subband.key: orientation_of(subband) for subband in transform.subbands()}
    assert words["1/aad"] == "along X"
    assert words["1/dad"] == "along Z and X"


def test_the_errors_of_bands_make_up_the_error_of_the_image(bands, noisy, clean):
    rng = np.random.default_rng(1)
    chosen = {(band.key, band.channel): rng.uniform(0, 3) for band in bands}
    restored = shrunk_by_pywavelets(noisy, {place: t * SIGMA for place, t in chosen.items()})
    gain = sum(b.image_error_at(0) - b.image_error_at(chosen[b.key, b.channel]) for b in bands) / 3
    assert np.mean((noisy - clean) ** 2) - gain == pytest.approx(np.mean((restored - clean) ** 2), rel=1e-5)


def test_the_oracle_is_below_every_grid_and_every_other_threshold(bands):
    for band in bands:
        oracle = band.risk_at(band.thresholds["oracle"])
        grid = np.linspace(0, np.abs(band.noisy).max(), 500)
        assert oracle <= band.risk_at(grid).min() * (1 + 1e-12)
        assert oracle <= min(band.risk_at(t) for t in band.thresholds.values()) * (1 + 1e-12)


def test_bayes_and_sure_are_what_the_methods_resolve_to(bands, noisy):
    for name, threshold in (("bayes", ns.Bayes()), ("sure", ns.Sure())):
        method = ns.Shrinkage(transform=HAAR, threshold=threshold)
        step = ns.Step(method, ns.Gaussian(SIGMA))
        values = ns.resolve(step, ns.Stack(noisy, "CYX")).restorer.threshold.values
        for band in bands:
            assert band.thresholds[name] == pytest.approx(values[band.key][band.channel], rel=1e-5)


def test_without_a_reference_the_risk_is_steins_estimate_of_it(bands, noisy):
    known = {(b.key, b.channel): b for b in bands}
    for band in bands_of(noisy, HAAR, SIGMA, axes="CYX"):
        assert "oracle" not in band.thresholds
        if band.level == 1:  # 4096 coefficients: a standard deviation of about 0.02
            assert band.risk_at(1.5) == pytest.approx(known[band.key, band.channel].risk_at(1.5), abs=0.09)
        with pytest.raises(ValueError, match="estimated_curve"):
            _ = band.curve


def test_colours_go_to_luminance_and_chrominance(noisy, bands):
    color = bands_of(np.moveaxis(noisy, 0, -1), HAAR, SIGMA, axes="YXC")
    opponent = bands_of(to_opponent(noisy.astype(np.float32)), HAAR, SIGMA, axes="CYX")
    for found, expected in zip(color, opponent, strict=True):
        assert np.allclose(found.noisy, expected.noisy, atol=1e-3)
    assert not np.allclose(color[0].noisy, bands[0].noisy, atol=1e-3)


def test_the_histogram_after_holds_what_the_threshold_left(bands):
    band = bands[0]
    found = band.histogram(1.0)
    zero = np.mean(np.abs(band.noisy) <= 1)
    assert found.share_at_zero == pytest.approx(zero)
    assert band.curve.share_at_zero(1.0) == pytest.approx(zero)
    inside = np.abs(band.noisy) <= found.edges[-1]
    assert found.before.sum() == inside.sum()
    shrunk = np.abs(band.noisy) - 1
    assert found.after.sum() == np.sum((shrunk > 0) & (shrunk <= found.edges[-1]))
    assert np.allclose(found.edges, -found.edges[::-1])


def test_the_hard_rule_has_its_own_curve_and_no_estimate(noisy, clean):
    (band, *_) = bands_of(noisy, HAAR, SIGMA, clean, "CYX", rule=ns.Hard())
    kept = np.where(np.abs(band.noisy) > 2.7, band.noisy, 0)
    assert band.risk_at(2.7) == pytest.approx(np.mean((kept - band.clean) ** 2))
    assert set(band.thresholds) == {"bayes", "oracle"}
    with pytest.raises(ValueError, match="Soft"):
        _ = band.estimated_curve


def test_gains_of_the_levels_add_up_to_the_whole(bands, noisy, clean):
    values = {
        key: tuple(b.thresholds["oracle"] for b in bands if b.key == key) for key in {b.key for b in bands}
    }
    threshold = ns.PerBand(values=values)
    restored = ns.restore(noisy, ns.Shrinkage(transform=HAAR, threshold=threshold), SIGMA, "CYX")
    gains = gain_per_level(bands)
    assert gains == pytest.approx(gain_per_level(bands, threshold))
    assert sum(gains.values()) == pytest.approx(
        np.mean((noisy - clean) ** 2) - np.mean((restored - clean) ** 2), rel=1e-4
    )
    assert gains[1] > gains[2] > gains[3]


def test_coefficients_of_pure_noise_have_variance_1_under_any_noise():
    rng = np.random.default_rng(2)
    white = torch.from_numpy(rng.standard_normal((2, 1, 128, 128)).astype(np.float32))
    for band in detail_bands(white, ns.SlidingDCT(size=4)):
        assert band.noisy.var() == pytest.approx(1, abs=0.15)
    smooth = (white + white.roll(1, -1)) / np.sqrt(2)
    correlation = Autocorrelation(((0.5, 1.0, 0.5),))
    for band in detail_bands(smooth, HAAR, (correlation,), stds=(3.0,)):
        assert band.noisy.var() == pytest.approx(1, abs=0.2)
        assert band.std == pytest.approx(3 * HAAR.noise_gain(correlation)[band.key])


def test_many_bands_keep_an_even_part_of_their_coefficients(monkeypatch):
    monkeypatch.setattr("napari_shrinkage.diagnostics.bands.MOST_OF_ALL", 63 * 1000)
    image = np.random.default_rng(3).standard_normal((96, 96))
    few = bands_of(image, ns.SlidingDCT(), 1.0, image)
    assert len(few) == 63
    assert all(900 < band.noisy.size <= 1000 for band in few)
    assert all(band.per_pixel == pytest.approx(few[0].per_pixel) and band.per_pixel > 1 for band in few)
    assert np.array_equal(few[0].noisy, few[0].clean)


def test_a_poisson_band_has_the_std_at_the_mean_brightness():
    image = np.random.default_rng(4).poisson(50, (64, 64)).astype(np.float32)
    (band, *_) = bands_of(image, HAAR, ns.PoissonGaussian(gain=1.0, read_std=1.0))
    assert band.std == pytest.approx(np.sqrt(image.mean() + 1), rel=1e-3)
    assert band.noisy.std() == pytest.approx(1, abs=0.05)


def test_a_reference_of_another_shape_is_refused(noisy, clean):
    with pytest.raises(ValueError, match="shape"):
        bands_of(noisy, HAAR, SIGMA, clean[:, 1:], "CYX")


def test_a_gain_at_an_oracle_that_is_not_known_is_refused(noisy):
    with pytest.raises(ValueError, match=r"no threshold 'oracle'; expected bayes, sure\."):
        gain_per_level(bands_of(noisy, HAAR, SIGMA, axes="CYX"))
