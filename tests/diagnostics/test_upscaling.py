"""Whether super-resolution is told right of an image, and whether its result goes back to the image."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.degradation import measuring
from napari_shrinkage.degradation.measuring import kernel_from_image
from napari_shrinkage.diagnostics.upscaling import Consistency, consistency, upscaling_check

FINE = data.camera()[100:356, 100:356].astype(np.float32)
COARSE = ns.degrade(FINE, 2)
LINEAR = ns.Upscale(model="linear", precision="float32")
BLOCKS = 200  # enough for this picture, and quick


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "kernel_from_image", partial(kernel_from_image, blocks=BLOCKS))


def plan_of(coarse: np.ndarray, method: ns.Upscale = LINEAR, noise: float = 0.0) -> ns.Plan:
    return ns.resolve(ns.Step(method, ns.Gaussian(noise)), ns.Stack(coarse))


def result_of(stack: ns.Stack, method: ns.Upscale = LINEAR, noise: float = 0.0, region=None) -> ns.Result:
    return ns.drain(ns.run(ns.Recipe.of(method, ns.Gaussian(noise)), stack, region))


def checked(result: ns.Result, stack: ns.Stack) -> Consistency:
    return ns.drain(consistency(stack, result))


@pytest.mark.parametrize("model", ["light", "light-bicubic"])
def test_a_picture_reduced_as_it_is_told_is_inside(model: str) -> None:
    found = upscaling_check(ns.Stack(COARSE), plan_of(COARSE, ns.Upscale(model=model)))
    assert found.inside
    assert found.measured is not None
    assert found.noise == 0
    assert found.verdict.startswith("Inside the training's conditions. The blur is ")


@pytest.mark.parametrize(
    ("degradation", "words"),
    [(ns.Decimation(), "looks sharper"), (ns.GaussianBlur(sigma=2.4), "looks blurred")],
    ids=["decimation", "wide blur"],
)
def test_a_picture_that_was_reduced_in_another_way_is_outside(
    degradation: ns.Degradation, words: str
) -> None:
    coarse = ns.degrade(FINE, 2, degradation)
    found = upscaling_check(ns.Stack(coarse), plan_of(coarse))
    (objection,) = found.objections
    assert words in objection
    assert "bicubic" in objection
    assert found.verdict.startswith("Outside: " + objection)


def test_a_picture_told_right_is_outside_for_a_network_that_knows_one_reduction_alone() -> None:
    coarse = ns.degrade(FINE, 2, ns.Decimation())
    told = ns.Upscale(degradation=ns.Decimation())
    assert upscaling_check(ns.Stack(coarse), plan_of(coarse, told)).inside
    with pytest.warns(UserWarning, match="not reduced bicubically"):
        plan = plan_of(coarse, told.replace(model="light-bicubic"))
    (objection,) = upscaling_check(ns.Stack(coarse), plan).objections
    assert "not reduced bicubically" in objection


def test_noise_beyond_the_training_is_outside() -> None:
    noisy = COARSE + 60 * np.random.default_rng(0).standard_normal(COARSE.shape).astype(np.float32)
    with pytest.warns(UserWarning, match="denoise first"):
        plan = plan_of(noisy, ns.Upscale(), noise=60.0)
    found = upscaling_check(ns.Stack(noisy), plan)
    assert any("denoise first" in one for one in found.objections)
    assert found.noise > 0.11


@pytest.mark.parametrize(
    "coarse", [COARSE[:20, :20], np.full((64, 64), 9, np.float32)], ids=["small", "flat"]
)
def test_an_image_that_tells_no_blur_is_not_objected_to(coarse: np.ndarray) -> None:
    found = upscaling_check(ns.Stack(coarse), plan_of(coarse))
    assert found.inside
    assert found.measured is None
    assert "too small or too flat" in found.verdict


def test_only_super_resolution_is_checked() -> None:
    plan = ns.resolve(ns.Step(ns.Shrinkage(), ns.Gaussian(1.0)), ns.Stack(COARSE))
    with pytest.raises(TypeError, match="Shrinkage; expected Upscale"):
        upscaling_check(ns.Stack(COARSE), plan)


@pytest.mark.parametrize("times", [0, 10])
def test_the_difference_is_that_of_the_result_reduced_again(times: int) -> None:
    stack = ns.Stack(COARSE)
    result = result_of(stack, LINEAR.replace(back_projections=times))
    found = checked(result, stack)
    expected = ns.degrade(result.stack.array, 2) - COARSE
    np.testing.assert_allclose(found.difference, expected, atol=1e-3)
    assert found.rms == pytest.approx(np.sqrt(np.mean(expected.astype(float) ** 2)), abs=1e-4)
    assert found.offset == pytest.approx(expected.mean(), abs=1e-4)
    assert found.low == pytest.approx(np.sqrt(np.mean(gaussian_filter(expected, 8) ** 2)), abs=1e-4)
    assert found.noise == 0
    assert not found.shifts_brightness
    assert found.verdict.endswith("; brightness is kept.")


def test_a_result_that_is_shifted_in_brightness_is_named() -> None:
    stack = ns.Stack(COARSE)
    result = result_of(stack)
    brighter = replace(result, stack=result.stack.with_array(result.stack.array + 3))
    found = checked(brighter, stack)
    assert found.shifts_brightness
    assert found.offset == pytest.approx(3, abs=0.05)
    assert "its mean by +3" in found.verdict
    assert "back-projection" in found.verdict


def test_noise_hides_a_small_shift_in_brightness() -> None:
    stack = ns.Stack(COARSE)
    result = result_of(stack, noise=20.0)
    brighter = result.stack.with_array(ns.upscale(COARSE, 2, "linear", noise=0.0) + 1)
    found = checked(replace(result, stack=brighter), stack)
    assert found.noise == pytest.approx(20)
    assert not found.shifts_brightness
    assert "of the noise" in found.verdict


def test_back_projection_makes_the_difference_vanish() -> None:
    stack = ns.Stack(ns.degrade(FINE, 2, ns.Decimation()))
    told_wrong = ns.Upscale(precision="float32")
    before, after = (
        checked(result_of(stack, told_wrong.replace(back_projections=times)), stack) for times in (0, 10)
    )
    assert after.rms < 0.05 * before.rms
    assert after.low < 1e-3 * after.span
    assert not after.shifts_brightness


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("TYX", (3, 40, 52)), ("CYX", (2, 40, 52)), ("YXC", (40, 52, 3)), ("YXC", (40, 52, 4))],
)
def test_planes_channels_and_colours_have_differences_of_their_own(axes: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    stack = ns.Stack(rng.integers(0, 255, shape).astype(np.uint8), axes)
    result = result_of(stack)
    found = checked(result, stack)
    expected = ns.degrade(result.stack.array, 2, axes=axes) - stack.array
    assert found.difference.shape == (shape if shape[-1] != 4 else (40, 52, 3))
    np.testing.assert_allclose(found.difference, expected[..., : found.difference.shape[-1]], atol=1e-2)


def test_a_region_is_compared_with_its_part_of_the_image() -> None:
    stack = ns.Stack(COARSE)
    region = (slice(30, 80), slice(10, 70))
    part, whole = (checked(result_of(stack, region=one), stack) for one in (region, None))
    inner = (slice(5, -5),) * 2
    np.testing.assert_allclose(part.difference[inner], whole.difference[region][inner], atol=1e-3)


def test_pixels_that_are_no_numbers_do_no_harm() -> None:
    holed = COARSE.copy()
    holed[20:23, 30] = np.nan
    found = checked(result_of(ns.Stack(holed)), ns.Stack(holed))
    assert np.isfinite([found.rms, found.offset, found.low]).all()


def test_a_result_of_two_steps_that_change_the_grid_is_refused() -> None:
    stack, twice = ns.Stack(COARSE[:40, :40]), ns.Step(LINEAR, ns.Gaussian(0.0))
    result = ns.drain(ns.run(ns.Recipe((twice, twice)), stack))
    with pytest.raises(ValueError, match=r"4 times as fine .* last step made it 2 times finer"):
        ns.drain(consistency(stack, result))


def test_linear_upscaling_has_no_training_to_be_within() -> None:
    assert upscaling_check(ns.Stack(COARSE), plan_of(COARSE)).verdict.startswith("The blur is what it is")
