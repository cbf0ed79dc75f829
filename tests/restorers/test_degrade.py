"""Low-resolution test images: the kernel's weights, and noise of the statistics that were asked for."""

from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.degradation.kernels import SCALES
from napari_shrinkage.degradation.reduction import reduced
from napari_shrinkage.restorers import base
from napari_shrinkage.tiles import restore_region

FINE = data.camera()[100:163, 200:271].astype(np.float32)
BLUR = ns.GaussianBlur(sigma=1.7, ratio=0.6, angle=20)
FLAT = np.full((400, 400), 100, np.float32)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("degradation", [ns.Bicubic(), ns.Decimation(), ns.Binning(), BLUR], ids=repr)
def test_an_image_is_reduced_by_its_kernel_to_the_last_pixel(degradation: ns.Degradation, scale: int) -> None:
    """What is left over at the end makes no pixel of its own, but is seen by those beside it."""
    found = ns.degrade(FINE, scale, degradation)
    every = correlate(FINE.astype(float), degradation.kernel(scale), mode="reflect")
    expected = every[scale // 2 :: scale, scale // 2 :: scale]
    assert found.dtype == np.float32
    assert found.shape == tuple(n // scale for n in FINE.shape)
    np.testing.assert_allclose(found, expected[: found.shape[0], : found.shape[1]], atol=1e-3)


def test_a_plan_says_that_nothing_was_left_open_and_its_grid() -> None:
    plan = ns.resolve(ns.Step(ns.Degrade(scale=3), ns.Gaussian(0.0)), ns.Stack(FINE))
    assert plan.magnification * 3 == 1
    assert plan.device == "cpu"


@pytest.mark.parametrize("degradation", [ns.Bicubic(), BLUR])
@pytest.mark.parametrize("scale", SCALES)
def test_windows_equal_the_whole(
    scale: int, degradation: ns.Degradation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = ns.Stack(np.random.default_rng(0).random((97, 143)).astype(np.float32))
    plan = ns.resolve(ns.Step(ns.Degrade(scale=scale, degradation=degradation), ns.Gaussian(0.0)), stack)
    whole = restore_region(plan, stack)
    monkeypatch.setattr(base, "TILE_PIXELS", 2**8)
    work = ns.run(plan, stack)
    assert [next(work) for _ in range(2)][1].total > 1
    np.testing.assert_allclose(ns.drain(work).stack.array, whole, atol=1e-6)


def test_gaussian_noise_has_its_std_and_leaves_the_mean() -> None:
    found = ns.degrade(FLAT, 2, sigma=5)
    assert found.std() == pytest.approx(5, rel=0.02)
    assert found.mean() == pytest.approx(100, abs=4 * 5 / 200)


@pytest.mark.parametrize("gain", [0.5, 4.0])
def test_shot_noise_has_the_variance_of_counted_light(gain: float) -> None:
    found = ns.degrade(FLAT, 2, ns.Binning(), gain=gain)
    assert found.var() == pytest.approx(gain * 100, rel=0.03)
    np.testing.assert_allclose(found / gain, np.round(found / gain), atol=1e-4)


def test_both_kinds_of_noise_add_up() -> None:
    assert ns.degrade(FLAT, 2, gain=2.0, sigma=10).var() == pytest.approx(2 * 100 + 10**2, rel=0.03)


def test_dark_that_rounding_made_negative_has_no_shot_noise() -> None:
    found = ns.degrade(np.full((20, 20), -3, np.float32), 2, gain=1.0)
    np.testing.assert_array_equal(found, 0)


def test_every_plane_has_noise_of_its_own() -> None:
    found = ns.degrade(np.stack([FLAT] * 3), 4, sigma=5, axes="TYX") - 100
    assert np.abs(np.corrcoef(found.reshape(3, -1)) - np.eye(3)).max() < 0.05


def test_colours_and_channels_have_noise_of_their_own() -> None:
    for axes, channel in (("YXC", -1), ("CYX", 0)):
        found = ns.degrade(np.stack([FLAT] * 3, channel), 4, sigma=5, axes=axes) - 100
        each = np.moveaxis(found, channel, 0).reshape(3, -1)
        assert np.abs(np.corrcoef(each) - np.eye(3)).max() < 0.05


@pytest.mark.parametrize("chunks", [(1, 30, 40), (3, 63, 20), (-1, -1, -1)])
def test_the_seed_alone_decides_the_noise_whatever_the_chunks(chunks: tuple[int, ...]) -> None:
    movie = np.stack([FINE, FINE + 10, FINE * 0.5])
    noise = {"gain": 1.5, "sigma": 3.0, "axes": "TYX"}
    whole = ns.degrade(movie, 2, BLUR, seed=7, **noise)
    lazy = ns.degrade(da.from_array(movie, chunks=chunks), 2, BLUR, seed=7, **noise)
    assert lazy.shape == whole.shape
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), whole)
    assert not np.array_equal(ns.degrade(movie, 2, BLUR, seed=8, **noise), whole)


def test_a_region_has_the_noise_of_the_whole() -> None:
    stack = ns.Stack(np.stack([FINE, FINE + 10, FINE * 0.5]), "TYX")
    recipe = ns.Recipe.of(ns.Degrade(sigma=4.0), ns.Gaussian(0.0))
    whole = ns.drain(ns.run(recipe, stack)).stack.array
    part = ns.drain(ns.run(recipe, stack, (slice(1, 3), slice(10, 30), slice(4, 21)))).stack.array
    np.testing.assert_array_equal(part, whole[1:3, 5:15, 2:10])


@pytest.mark.parametrize("taps", [1, 4, 5])
def test_a_plan_with_any_kernel_comes_back_from_json(taps: int) -> None:
    kernel = np.random.default_rng(taps).random((taps, taps))
    wish = ns.Degrade(scale=2, degradation=ns.AnyKernel.of(kernel), gain=1.5, sigma=2.0, seed=3)
    stack = ns.Stack(FINE)
    result = ns.drain(ns.run(ns.Recipe.of(wish, ns.Gaussian(0.0)), stack))
    record = ns.Record.from_json(json.loads(json.dumps(result.record.to_json())))
    assert record == result.record
    np.testing.assert_array_equal(ns.drain(ns.run(record.recipe(), stack)).stack.array, result.stack.array)


def test_torch_makes_the_same_without_noise() -> None:
    method = ns.Degrade(scale=3, degradation=BLUR, sigma=5.0)
    found = method.apply(torch.from_numpy(FINE[None, None, :63, :69].copy()))
    np.testing.assert_allclose(found[0, 0], reduced(FINE[:, :69], BLUR.kernel(3), 3), atol=1e-3)


def test_an_image_without_room_for_a_coarse_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="3 x 50 pixels; scale=4 needs at least 4"):
        ns.degrade(np.zeros((3, 50)), 4)


@pytest.mark.parametrize("wrong", [{"sigma": -1.0}, {"gain": -1.0}, {"seed": -1}, {"scale": 7}])
def test_impossible_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ns.degrade(FINE, **wrong)
