"""Hot pixels: what was planted is found, what noise and optics make is left exactly as it was."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.recipe import Step
from napari_shrinkage.restorers.hot_pixels import hot_pixel_share, outliers
from napari_shrinkage.tiles import restore_region

CAMERA = ns.PoissonGaussian(2.0, 100.0, 3.0)


def exposure(mean: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return counts of a camera with the noise of CAMERA, for mean electrons."""
    rng = np.random.default_rng(seed)
    counts = 100 + 2 * rng.poisson(mean) + 3 * rng.standard_normal(mean.shape)
    return counts.astype(np.float32)


def planted(shape: tuple[int, int], share: float = 1e-3, seed: int = 1) -> np.ndarray:
    """Return a mask of isolated pixels."""
    mask = np.zeros(shape, bool)
    rng = np.random.default_rng(seed)
    cells = mask.reshape(shape[0] // 8, 8, shape[1] // 8, 8)
    for y, x in np.argwhere(rng.random((shape[0] // 8, shape[1] // 8)) < share * 64):
        cells[y, rng.integers(8), x, rng.integers(8)] = True
    return mask


def spots(shape: tuple[int, int], sigma: float, snr: float, seed: int = 2) -> np.ndarray:
    """Return points of light every 32 pixels, each of the given matched-filter SNR in noise of std 1."""
    rng, light = np.random.default_rng(seed), np.zeros(shape)
    for cell in np.ndindex(shape[0] // 32, shape[1] // 32):
        centre = 32 * np.array(cell) + 16 + rng.uniform(-0.5, 0.5, 2)
        profiles = [
            np.diff(norm.cdf(np.arange(n + 1) - 0.5, c, sigma)) for n, c in zip(shape, centre, strict=True)
        ]
        spot = np.multiply.outer(*profiles)
        light += snr * spot / np.linalg.norm(spot)
    return light


@pytest.mark.parametrize("electrons", [2.0, 20.0, 500.0])
def test_planted_hot_pixels_are_found_and_nothing_else(electrons: float) -> None:
    image, hot = exposure(np.full((512, 512), electrons)), planted((512, 512))
    image[hot] += 15 * CAMERA.std(100 + 2 * electrons)
    found = outliers(image, CAMERA.std)
    assert 100 < hot.sum() < 500
    assert (found & hot).sum() >= 0.95 * hot.sum()
    assert (found & ~hot).sum() <= 1


@pytest.mark.parametrize("electrons", [0.05, 0.5, 3.0, 30.0, 1000.0])
@pytest.mark.parametrize("polarity", ["bright", "both"])
def test_shot_noise_is_not_taken_for_hot_pixels(electrons: float, polarity: str) -> None:
    image = np.random.default_rng(3).poisson(electrons, (1000, 1000)).astype(np.float32)
    assert outliers(image, ns.PoissonGaussian(1.0).std, polarity=polarity).sum() <= 1


@pytest.mark.parametrize(
    ("sigma", "snr"), [(1.0, 10), (1.0, 20), (1.0, 100), (1.0, 1000), (1.3, 20), (0.8, 100), (0.8, 1000)]
)
def test_points_of_light_are_kept(sigma: float, snr: float) -> None:
    noise = np.random.default_rng(4).standard_normal((512, 512))
    image = (spots((512, 512), sigma, snr) + noise).astype(np.float32)
    np.testing.assert_array_equal(ns.restore(image, ns.HotPixels(), noise=1.0), image)


def test_every_other_pixel_is_returned_as_it_came() -> None:
    image, hot = exposure(np.full((256, 256), 20.0)), planted((256, 256), 2e-3)
    image[hot] += 500
    restored = ns.restore(image, ns.HotPixels(), noise=CAMERA)
    np.testing.assert_array_equal(restored[~hot], image[~hot])
    assert np.abs(restored[hot] - 140).max() < 4 * CAMERA.std(140)


@pytest.mark.parametrize("track", [[(0, 0)], [(0, 0), (0, 1)], [(0, 0), (1, 1), (2, 2), (2, 3)]])
def test_cosmic_rays_of_a_few_adjacent_pixels_are_replaced(track: list[tuple[int, int]]) -> None:
    image = exposure(np.full((64, 64), 20.0))
    for y, x in track:
        image[30 + y, 30 + x] += 800
    assert ns.restore(image, ns.HotPixels(), noise=CAMERA).max() < 300


def test_a_line_of_many_pixels_is_no_cosmic_ray() -> None:
    image = exposure(np.full((64, 64), 20.0))
    image[30, 10:50] += 800
    np.testing.assert_array_equal(ns.restore(image, ns.HotPixels(), noise=CAMERA), image)


def test_dead_pixels_are_replaced_where_asked() -> None:
    image = exposure(np.full((64, 64), 200.0))
    image[20, 30] = 100
    assert ns.restore(image, ns.HotPixels(), noise=CAMERA)[20, 30] == 100
    assert ns.restore(image, ns.HotPixels(polarity="both"), noise=CAMERA)[20, 30] > 400


@pytest.mark.parametrize("place", [(0, 0), (0, 20), (63, 63), (31, 0)])
def test_hot_pixels_at_the_border_are_found(place: tuple[int, int]) -> None:
    image = exposure(np.full((64, 64), 20.0))
    image[place] += 800
    assert np.argwhere(outliers(image, CAMERA.std)).tolist() == [list(place)]
    assert ns.restore(image, ns.HotPixels(), noise=CAMERA)[place] < 300


def test_tiles_equal_the_whole_bit_for_bit() -> None:
    image, hot = exposure(np.full((256, 256), 20.0)), planted((256, 256), 0.01)
    image[hot] += 500
    image[100, 118:138] += 800  # longer than a cosmic ray, cut by the tiles' edges
    stack = ns.Stack(image)
    plan = ns.resolve(Step(ns.HotPixels(), CAMERA), stack)
    whole = restore_region(plan, stack)
    np.testing.assert_array_equal(whole[100, 118:138], image[100, 118:138])
    for y in range(0, 256, 64):
        for x in range(0, 256, 64):
            window = (slice(y, y + 64), slice(x, x + 64))
            np.testing.assert_array_equal(restore_region(plan, stack, window), whole[window])
    lazy = ns.restore(da.from_array(image, chunks=64), ns.HotPixels(), noise=CAMERA)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), whole)


def test_whole_numbers_colours_and_holes_are_taken() -> None:
    image = np.stack([exposure(np.full((64, 64), n), int(n)) for n in (5.0, 50.0, 200.0)], axis=-1)
    image[10, 20, 1] += 2000
    counts = image.round().astype(np.uint16)
    restored = ns.restore(counts, ns.HotPixels(), noise=CAMERA, axes="YXC")
    assert np.argwhere(restored != counts).tolist() == [[10, 20, 1]]
    image[40, 40] = np.nan
    holed = ns.restore(image, ns.HotPixels(), noise=CAMERA, axes="YXC")
    assert np.isnan(holed[40, 40]).all()
    assert np.argwhere((holed != image) & np.isfinite(image)).tolist() == [[10, 20, 1]]


def test_the_share_of_hot_pixels_is_told() -> None:
    image, hot = exposure(np.full((2, 256, 256), 20.0)), planted((256, 256), 2e-3)
    image[:, hot] += 800
    assert hot_pixel_share(ns.Stack(image, "TYX"), CAMERA) == hot.mean()


def test_before_a_denoiser_it_is_better_than_the_denoiser_alone() -> None:
    truth = 100 + 2 * gaussian_filter(data.camera()[:256, 128:384].astype(np.float64), 1.0)
    image, hot = exposure((truth - 100) / 2), planted(truth.shape)
    image[hot] += 1500
    recipe = ns.Recipe((Step(ns.HotPixels(), CAMERA), Step(ns.restorers.named("dct"), CAMERA)))
    both = ns.drain(ns.run(recipe, ns.Stack(image)))
    alone = ns.restore(image, "dct", noise=CAMERA)
    clean = ns.restore(exposure((truth - 100) / 2), "dct", noise=CAMERA)
    errors = [np.mean((restored - truth) ** 2) for restored in (both.stack.array, alone, clean)]
    assert errors[0] < 0.5 * errors[1]
    assert errors[0] < 1.05 * errors[2]
    assert ns.Recipe.from_json(both.record.to_json()).steps[0].restorer == ns.HotPixels()
