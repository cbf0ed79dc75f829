"""Detail that nothing supports: planted structure is found where it is, and nowhere else."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy.signal import fftconvolve
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import unsupported, unsupported_detail
from napari_shrinkage.engine import drain
from napari_shrinkage.restorers import named

pytestmark = pytest.mark.filterwarnings(
    "ignore:The noise is:napari_shrinkage.restorers.fitted.TransferWarning"
)
NETWORKS = ("unet", "ffdnet")
SIDE = 160
REACH = 7  # pixels that a patch goes on beyond one of its pixels
LEFT = 0.15  # of the noise std, in a restored flat field
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
PLACE = (abs(ROWS - 80) < 20) & (abs(COLUMNS - 80) < 20)
FAR = (abs(ROWS - 80) > 20 + REACH) | (abs(COLUMNS - 80) > 20 + REACH)


def white(seed=0, shape=(SIDE, SIDE)):
    return np.random.default_rng(seed).standard_normal(shape)


def grating(amplitude, period=5.3):
    """Return a grating that no patch holds a whole number of periods of, in `PLACE` alone."""
    waves = np.sin(2 * np.pi * (COLUMNS + 0.5 * ROWS) / period)
    return np.where(PLACE, amplitude * waves, 0).astype(np.float32)


def flat_gaussian(sigma):
    return 128 + sigma * white(), ns.Gaussian(float(sigma)), sigma


def flat_counts(electrons):
    rng = np.random.default_rng(1)
    counts = 100 + 2 * rng.poisson(electrons, (SIDE, SIDE)) + 3 * white(2)
    return counts, ns.PoissonGaussian(gain=2.0, offset=100.0, read_std=3.0), np.sqrt(4 * electrons + 9)


def flat_correlated(*taps):
    """Return noise of std 10; a network leaves a part of its density at low frequencies."""
    kernel = np.outer(taps, taps) / np.linalg.norm(taps) ** 2
    noise = ns.Gaussian(10.0, autocorrelation=ns.Autocorrelation.from_kernel(kernel))
    blurred = fftconvolve(white(3, (SIDE + len(taps) - 1,) * 2), kernel, "valid")
    return 128 + 10 * blurred, noise, 10 * np.sqrt(noise.autocorrelation.density)


FLAT = {
    "sigma 10": flat_gaussian(10),
    "sigma 25": flat_gaussian(25),
    "sigma 50": flat_gaussian(50),
    "2 electrons": flat_counts(2),
    "100 electrons": flat_counts(100),
    "correlated a little": flat_correlated(1, 1),
    "correlated": flat_correlated(1, 2, 1),
    "correlated far": flat_correlated(1, 3, 6, 7, 6, 3, 1),
}


@pytest.mark.parametrize("method", NETWORKS)
@pytest.mark.parametrize("kind", FLAT)
def test_networks_show_no_structure_in_pure_noise(kind, method):
    noisy, noise, std = FLAT[kind]
    restored = ns.restore(noisy, method, noise)
    assert np.std(restored) < LEFT * std
    assert np.mean(ns.unsupported_detail(noisy, restored, noise) == 0) >= 0.999


@pytest.mark.parametrize("kind", ["sigma 25", "100 electrons", "correlated"])
def test_a_planted_grating_is_found_where_it_is(kind):
    noisy, noise, std = FLAT[kind]
    planted = ns.restore(noisy, "unet", noise) + grating(0.8 * std)
    found = ns.unsupported_detail(noisy, planted, noise) > 0
    assert found[PLACE].mean() > 0.95
    assert not found[FAR].any()


def test_detail_that_the_data_hold_as_well_is_rarely_marked():
    noisy, noise, std = FLAT["sigma 25"]
    detail = grating(0.8 * std)
    restored = ns.restore(noisy, "unet", noise) + detail
    assert np.mean(ns.unsupported_detail(noisy + detail, restored, noise)[PLACE] > 0) < 0.1


def test_a_planted_removal_is_not_marked():
    noise = ns.Gaussian(25.0)
    noisy = (128 + grating(100) + 25 * white()).astype(np.float32)
    restored = ns.restore(noisy, "unet", noise)
    removed = np.where(PLACE, 128, restored)
    assert np.abs(restored[PLACE] - 128).mean() > 40  # there was something to remove
    assert not ns.unsupported_detail(noisy, removed, noise).any()


def test_the_map_measures_a_cosine_of_the_transform_as_the_formula_says():
    """A basis function of amplitude 10 noise stds, in disjoint patches that only one window of 8 x 8 fits."""
    clean = np.full((64, 64), 50, np.float32)
    wave = np.cos(np.pi * 3 * (2 * np.arange(8) + 1) / 16)
    pattern = np.outer(np.ones(8), wave) / np.linalg.norm(wave) / np.sqrt(8)
    planted = clean.copy()
    planted[24:32, 24:32] += 10 * pattern
    found = ns.unsupported_detail(clean, planted, 1.0)
    own = 10 - unsupported.LIMIT  # of the patch that has it all; the others have a part of it
    assert own / 8 < found[24, 24] < own
    assert found.max() == found[24:32, 24:32].max()


@pytest.mark.parametrize(("sigma", "most"), [(10, 0.005), (25, 0.001), (50, 0.001)])
@pytest.mark.parametrize("method", NETWORKS)
def test_true_detail_of_a_photograph_is_rarely_marked(method, sigma, most):
    picture = data.camera()[100:356, 100:356].astype(np.float32)
    noisy = picture + sigma * white(4, picture.shape)
    restored = ns.restore(noisy, method, float(sigma))
    assert np.mean((restored - picture) ** 2) < 0.3 * sigma**2
    assert np.mean(ns.unsupported_detail(noisy, restored, float(sigma)) > 0) <= most


@pytest.mark.parametrize("axes", ["TYX", "YXC", "CYX", "YXT"])
def test_windows_give_the_same_map_as_the_whole(axes, monkeypatch):
    shape = {"Y": 90, "X": 75, "T": 2, "C": 3}
    noisy = (100 + 10 * white(5, [shape[axis] for axis in axes])).astype(np.float32)
    restored = (100 + 6 * white(6, noisy.shape)).astype(np.float32)
    stacks = ns.Stack(noisy, axes), ns.Stack(restored, axes)
    noise = ns.Gaussian((10.0, 8.0, 12.0)) if "C" in axes else ns.Gaussian(10.0)
    whole = unsupported_detail(*stacks, noise)
    monkeypatch.setattr(unsupported, "TILE_PIXELS", 32**2)
    windows = list(unsupported.finding_unsupported(*stacks, noise))
    assert windows[-1].total >= 3 * 3
    np.testing.assert_allclose(unsupported_detail(*stacks, noise), whole, atol=2e-4)
    assert whole.any()
    assert whole.shape == (noisy.shape[:-1] if axes == "YXC" else noisy.shape)


def test_each_plane_and_channel_has_its_own_map():
    noisy = 128 + 25 * white(7, (2, SIDE, SIDE))
    planted = np.full_like(noisy, 128)
    planted[1] += grating(25)
    for axes in ("TYX", "CYX"):
        found = ns.unsupported_detail(noisy, planted, 25.0, axes=axes)
        assert found.dtype == np.float32
        assert not found[0].any()
        assert found[1].any()


def test_colors_share_a_map_that_sees_a_false_tint():
    noisy = 128 + 25 * white(8, (SIDE, SIDE, 3))
    planted = np.full_like(noisy, 128)
    planted[..., 0] += grating(30)
    planted[..., 2] -= grating(30)  # the luminance does not know
    found = ns.unsupported_detail(noisy, planted, 25.0, axes="YXC")
    assert found.shape == (SIDE, SIDE)
    assert np.mean(found[PLACE] > 0) > 0.95
    assert not found[FAR].any()


def test_lazy_arrays_give_the_same_map():
    noisy, noise, std = FLAT["sigma 25"]
    planted = np.full((2, SIDE, SIDE), 128, np.float32) + grating(std)
    stack = np.stack([noisy, noisy[::-1]]).astype(np.float32)
    lazy = ns.unsupported_detail(
        da.from_array(stack, chunks=(1, 64, 64)),
        da.from_array(planted, chunks=(1, 50, 160)),
        noise,
        axes="TYX",
    )
    assert isinstance(lazy, np.ndarray)
    np.testing.assert_array_equal(lazy, ns.unsupported_detail(stack, planted, noise, axes="TYX"))


def test_pixels_that_are_not_finite_leave_the_rest_as_it_is():
    noisy, noise, std = FLAT["sigma 25"]
    planted = np.full_like(noisy, 128) + grating(std)
    holes = noisy.copy()
    holes[20, 20], holes[0, 0] = np.nan, np.inf
    found, whole = (ns.unsupported_detail(image, planted, noise) for image in (holes, noisy))
    np.testing.assert_allclose(found[40:], whole[40:], atol=1e-4)
    assert np.isfinite(found).all()


def test_the_noise_of_each_pixel_decides_where_it_is_known(tmp_path):
    stds = np.linspace(5, 45, SIDE, dtype=np.float32) * np.ones((SIDE, 1), np.float32)
    noise = ns.NoiseMap.from_array(stds, tmp_path / "map.npy")
    noisy = (128 + stds * white(10)).astype(np.float32)
    planted = np.full_like(noisy, 128)
    for left in (10, 120):
        planted[60:100, left : left + 30] += grating(15)[60:100, 65:95]
    found = ns.unsupported_detail(noisy, planted, noise) > 0
    assert found[65:95, 15:35].mean() > 0.95  # 1.3 to 2 noise stds
    assert not found[:, 110:].any()  # 0.4 noise stds


def test_a_region_is_judged_by_the_noise_of_its_own_pixels(tmp_path):
    stds = np.linspace(5, 45, SIDE, dtype=np.float32) * np.ones((SIDE, 1), np.float32)
    noise = ns.NoiseMap.from_array(stds, tmp_path / "map.npy")
    noisy = (128 + stds * white(10)).astype(np.float32)
    planted = np.full_like(noisy, 128) + grating(60)
    stack, region = ns.Stack(noisy), (slice(40, 120), slice(50, 150))
    part = ns.Stack(planted[region])
    found = drain(unsupported.finding_unsupported(stack, part, noise, region=region))
    whole = unsupported_detail(stack, ns.Stack(planted), noise)[region]
    inner = (slice(REACH, -REACH),) * 2
    np.testing.assert_allclose(found[inner], whole[inner], atol=2e-4)
    assert whole[inner].any()
    assert found.shape == (80, 100)
    shrunk = ns.Stack(ns.restore(noisy, "balanced", noise)[region])
    assert not drain(unsupported.finding_unsupported(stack, shrunk, noise, region=region)).any()


def test_without_noise_nothing_is_judged():
    image = np.full((32, 32), 7, np.float32)
    assert not ns.unsupported_detail(image, image + white(9, image.shape), 0.0).any()
    colors = np.full((32, 32, 3), 7, np.float32)
    assert not ns.unsupported_detail(colors, colors + white(9, colors.shape), 0.0, axes="YXC").any()


def test_the_shrinkage_to_compare_with_can_be_chosen():
    noisy, noise, std = FLAT["sigma 25"]
    planted = (np.full_like(noisy, 128) + grating(std)).astype(np.float32)
    stacks = ns.Stack(noisy), ns.Stack(planted)
    chosen = unsupported_detail(*stacks, noise, named("wavelet"))
    np.testing.assert_array_equal(chosen, ns.unsupported_detail(noisy, planted, noise, "wavelet"))
    assert np.mean(chosen[PLACE] > 0) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 5)])
def test_images_smaller_than_a_patch_have_a_map(shape):
    found = ns.unsupported_detail(white(0, shape), white(1, shape), 1.0)
    assert found.shape == shape


def test_other_pixels_are_refused():
    with pytest.raises(ValueError, match=r"\(10, 12\).*\(10, 11\).*same pixels"):
        ns.unsupported_detail(np.zeros((10, 12)), np.zeros((10, 11)), 1.0)
