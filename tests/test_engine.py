"""Plans, runs and records: axes, colours, laziness, regions, cancelling, and what is left as it was."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from fractions import Fraction

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage import tiles
from napari_shrinkage.api import recipe_of
from napari_shrinkage.engine import digest
from napari_shrinkage.recipe import Step
from napari_shrinkage.restorers import base
from napari_shrinkage.tiles import restore_region

GENERATOR = np.random.default_rng(3)
SIGMA = 12.0
PHOTO = data.astronaut()[60:150, 180:290].astype(np.float32)
NOISY_PHOTO = PHOTO + SIGMA * GENERATOR.standard_normal(PHOTO.shape).astype(np.float32)
STACK = 100 + GENERATOR.standard_normal((5, 40, 48)).astype(np.float32)


def test_a_plan_holds_no_open_question() -> None:
    plan = ns.resolve(Step(ns.Shrinkage(transform=ns.Wavelet())), ns.Stack(NOISY_PHOTO[..., 0]))
    wishes = {name: value for name, value in plan.to_json()["restorer"].items() if name != "fitted"}
    assert "null" not in json.dumps(wishes)
    assert isinstance(plan.restorer.threshold, ns.PerBand)


def test_colour_is_restored_better_together_than_apart() -> None:
    def error(restored: np.ndarray) -> float:
        return float(np.mean((restored - PHOTO) ** 2))

    together = ns.restore(NOISY_PHOTO, "dct", noise=SIGMA, axes="YXC")
    apart = ns.restore(np.moveaxis(NOISY_PHOTO, -1, 0), "dct", noise=SIGMA, axes="CYX")
    assert error(together) < 0.9 * error(np.moveaxis(apart, 0, -1))


def test_alpha_is_left_as_it_is() -> None:
    alpha = GENERATOR.integers(0, 256, PHOTO.shape[:2])
    rgba = np.dstack([NOISY_PHOTO, alpha]).astype(np.float32)
    restored = ns.restore(rgba, "dct", noise=SIGMA, axes="YXC")
    np.testing.assert_array_equal(restored[..., 3], alpha)
    np.testing.assert_array_equal(restored[..., :3], ns.restore(NOISY_PHOTO, "dct", noise=SIGMA, axes="YXC"))


@pytest.mark.parametrize("method", ["dct", "wavelet"])
def test_channels_keep_their_own_noise(method: str) -> None:
    noise = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
    channels = np.stack([100 + noise[0], 500 + 40 * noise[1]])
    estimate = ns.estimate_noise(channels, axes="CYX")
    np.testing.assert_allclose(estimate.sigma, (1, 40), rtol=0.05)
    restored = ns.restore(channels, method, noise=estimate, axes="CYX")
    alone = [
        ns.restore(channel, method, noise=sigma)
        for channel, sigma in zip(channels, estimate.sigma, strict=True)
    ]
    np.testing.assert_allclose(restored, np.stack(alone), rtol=1e-4)


def test_a_constant_scene_stays_constant_over_time() -> None:
    frame = 100 + np.random.default_rng(1).standard_normal((40, 48)).astype(np.float32)
    changing = np.stack([frame, frame * 3, frame])
    restored = ns.restore(changing, "wavelet", axes="TYX")
    np.testing.assert_array_equal(restored[0], restored[2])


def test_planes_do_not_see_each_other() -> None:
    changed = STACK.copy()
    changed[2] += 50
    for axes in ("TYX", "ZYX"):
        before, after = (ns.restore(stack, "dct", noise=1.0, axes=axes) for stack in (STACK, changed))
        np.testing.assert_array_equal(np.delete(before, 2, 0), np.delete(after, 2, 0))


def test_a_volume_is_restored_better_as_a_volume() -> None:
    blob = 20 * np.exp(-((np.mgrid[-12:12, -16:16, -16:16] / 6.0) ** 2).sum(0)).astype(np.float32)
    noisy = blob + GENERATOR.standard_normal(blob.shape).astype(np.float32)
    by_plane = ns.Shrinkage(transform=ns.SlidingDCT(size=4), rule=ns.Hard(), threshold=ns.Ratio(r=2.7))
    by_volume = by_plane.replace(transform=ns.SlidingDCT(size=4, ndim=3))
    errors = [
        np.mean((ns.restore(noisy, method, noise=1.0, axes="ZYX") - blob) ** 2)
        for method in (by_plane, by_volume)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_the_volume_transform_follows_the_spacing() -> None:
    step = Step(
        ns.Shrinkage(transform=ns.SlidingDCT(ndim=3), rule=ns.Hard(), threshold=ns.Profile()),
        ns.Gaussian(1.0),
    )
    coarse = ns.resolve(step, ns.Stack(STACK, "ZYX", spacing=(4.0, 1.0, 1.0)))
    assert coarse.restorer.transform.size_z == 2


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "CYX"])
@pytest.mark.parametrize("method", ["dct", "wavelet"])
def test_dask_stays_lazy_and_gives_the_same(axes: str, method: str) -> None:
    noise = ns.Gaussian(1.0)
    lazy = da.from_array(STACK, chunks=(2, 25, 30))
    restored = ns.restore(lazy, method, noise=noise, axes=axes)
    assert isinstance(restored, da.Array)
    np.testing.assert_allclose(
        restored.compute(scheduler="synchronous"),
        ns.restore(STACK, method, noise=noise, axes=axes),
        atol=1e-4,
    )


def test_only_the_needed_chunks_of_a_lazy_stack_are_read() -> None:
    read: list[int] = []

    def frame(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id[0])
        return STACK[:1]

    lazy = da.map_blocks(
        frame, chunks=((1,) * 100, (40,), (48,)), dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)
    )
    restored = ns.restore(lazy, "dct", noise=1.0, axes="TYX")
    assert not read
    restored[7].compute(scheduler="synchronous")
    assert set(read) == {7}


def test_a_lazy_stack_of_any_size_is_planned_at_once() -> None:
    side = 2**21
    lazy = da.zeros((3, side, side), dtype=np.uint16, chunks=(1, side, side))
    assert ns.restore(lazy, "dct", noise=1.0, axes="TYX").shape == lazy.shape


def test_a_large_chunk_is_restored_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ns.restore(STACK, "dct", noise=1.0, axes="TYX")
    monkeypatch.setattr(base, "TILE_PIXELS", 2**8)
    seen: list[tuple[int, ...]] = []

    def noted(noise: ns.Gaussian, apply: object, values: np.ndarray) -> np.ndarray:
        seen.append(values.shape)
        return restored_field(noise, apply, values)

    restored_field = tiles.restored_field
    monkeypatch.setattr(tiles, "restored_field", noted)
    lazy = ns.restore(da.from_array(STACK, chunks=-1), "dct", noise=1.0, axes="TYX")
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), whole, atol=1e-4)
    assert len(seen) > len(STACK)


def test_chunks_of_unknown_size_are_refused_in_words() -> None:
    frame = da.from_array(STACK[0], chunks=10)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        ns.restore(frame[frame[:, 0] > 0], "dct", noise=1.0)


def test_a_region_has_the_pixels_of_the_whole_run() -> None:
    recipe = ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(1.0))
    stack = ns.Stack(STACK, "TYX", spacing=(1, 0.5, 0.5))
    region = (slice(1, 4), slice(7, 30), slice(9, 44))
    part, everything = ns.drain(ns.run(recipe, stack, region)), ns.drain(ns.run(recipe, stack))
    np.testing.assert_allclose(part.stack.array, everything.stack.array[region], atol=1e-4)
    assert part.record.input["region"] == [[1, 4], [7, 30], [9, 44]]


def test_a_region_outside_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="does not lie inside an image of shape"):
        ns.drain(
            ns.run(
                ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(1.0)),
                ns.Stack(STACK[0]),
                (slice(0, 41), slice(0, 5)),
            )
        )


def test_closing_the_generator_stops_the_run() -> None:
    work = ns.run(ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(1.0)), ns.Stack(STACK, "TYX"))
    seen = [next(work) for _ in range(3)]
    work.close()
    assert seen[-1].total == len(STACK)
    assert seen[-1].done == 1


def test_several_steps_run_one_after_the_other() -> None:
    first, second = ns.Step(ns.Shrinkage(), ns.Gaussian(1.0)), ns.Step(ns.EmpiricalWiener(), ns.Gaussian(0.2))
    chained = ns.drain(ns.run(ns.Recipe((first, second)), ns.Stack(STACK[0])))
    alone = ns.restore(ns.restore(STACK[0], first.restorer, first.noise), second.restorer, second.noise)
    np.testing.assert_array_equal(chained.stack.array, alone)
    np.testing.assert_array_equal(ns.restore(STACK[0], ns.Recipe((first, second))), alone)
    assert len(chained.record.plans) == 2


@settings(max_examples=30)
@given(
    dtype=st.sampled_from(["bool", "uint8", "int16", "uint16", "int32", "float16", "float32", "float64"]),
    axes=st.permutations("TZYX"),
    shape=st.tuples(*[st.integers(1, 9)] * 4),
)
def test_any_dtype_and_axis_order_gives_the_same_values(
    dtype: str, axes: list[str], shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    order = ["TZYX".index(letter) for letter in axes]
    plain = ns.restore(values, "dct", noise=3.0, axes="TZYX")
    turned = ns.restore(values.transpose(order), "dct", noise=3.0, axes="".join(axes))
    assert plain.dtype == np.float32
    np.testing.assert_allclose(turned, plain.transpose(order), atol=1e-3)


@pytest.mark.parametrize("mark", [3.4028235e38, -3.4028235e38, 9.96921e36])
@pytest.mark.parametrize("method", ["dct", "dct-wiener", "wavelet", "let", "learned-dct", "unet"])
def test_a_mark_of_missing_data_stays_where_it_was_and_does_no_harm(mark: float, method: str) -> None:
    marked, holed = STACK[0].copy(), STACK[0].copy()
    marked[10:13, 20], holed[10:13, 20] = mark, np.nan
    restored = ns.restore(marked, method, noise=1.0)
    assert np.all(restored[10:13, 20] == np.float32(mark))
    expected = np.where(np.isnan(holed), marked, ns.restore(holed, method, noise=1.0))
    np.testing.assert_array_equal(restored, expected)
    assert ns.estimate_noise(marked).sigma == ns.estimate_noise(holed).sigma
    lazy = ns.restore(da.from_array(marked, chunks=20), method, noise=1.0)
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), restored, rtol=1e-5)


def test_not_a_number_stays_where_it_was_and_does_no_harm() -> None:
    holed = STACK[0].copy()
    holed[10:13, 20] = np.nan
    holed[0, 0] = np.inf
    restored = ns.restore(holed, "dct", noise=1.0)
    np.testing.assert_array_equal(np.isnan(restored), np.isnan(holed))
    assert restored[0, 0] == np.inf
    clean = ns.restore(STACK[0], "dct", noise=1.0)
    far = np.ones(holed.shape, bool)
    far[:24, :] = False
    np.testing.assert_allclose(restored[far], clean[far], atol=1e-4)


@pytest.mark.parametrize("border", ["symmetric", "periodic"])
@pytest.mark.parametrize(
    "transform", [ns.SlidingDCT(), ns.Wavelet(wavelet="db2", levels=2)], ids=["dct", "wavelet"]
)
def test_windows_and_chunks_agree_around_holes(
    transform: ns.SlidingDCT | ns.Wavelet, border: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    holed = generator.integers(0, 1000, (150, 170)).astype(np.float64)
    holed[generator.random(holed.shape) < 0.2] = np.nan
    holed[20:60, 35:140] = -np.inf
    holed[100:, 90:130] = 1e300  # more than float32 holds
    method = ns.Shrinkage(transform=transform.replace(border=border), rule=ns.Soft(), threshold=ns.Ratio())
    stack = ns.Stack(holed)
    plan = ns.resolve(Step(method, ns.Gaussian(100.0)), stack)
    whole = tiles.restore_region(plan, stack)
    kept = np.abs(holed) < 1e4
    np.testing.assert_array_equal(np.isfinite(whole), kept)
    window = (slice(15, 70), slice(30, 80))
    np.testing.assert_allclose(tiles.restore_region(plan, stack, window), whole[window], atol=1e-2)
    monkeypatch.setattr(base, "TILE_PIXELS", 2**10)
    lazy = tiles.lazily_restored(plan, ns.Stack(da.from_array(holed, chunks=(40, 60))))
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), whole, atol=1e-2)


def test_the_record_counts_what_was_not_a_number() -> None:
    holed = STACK[0].copy()
    holed[3:5, 7] = np.nan
    result = ns.drain(ns.run(ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(1.0)), ns.Stack(holed)))
    assert "2 values that are not finite" in " ".join(result.record.messages)


def test_all_not_a_number_says_so() -> None:
    with pytest.raises(ValueError, match="finite"):
        ns.restore(np.full((20, 20), np.nan))


@pytest.mark.parametrize("sigma", [0.0, 1e-60])
def test_zero_noise_changes_nothing(sigma: float) -> None:
    result = ns.drain(ns.run(ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(sigma)), ns.Stack(STACK[0])))
    np.testing.assert_array_equal(result.stack.array, STACK[0])
    assert "unchanged" in " ".join(result.record.messages)


def test_a_silent_channel_is_left_alone() -> None:
    pair = np.stack([STACK[0], np.arange(40 * 48, dtype=np.float32).reshape(40, 48)])
    restored = ns.restore(pair, "dct", noise=ns.Gaussian((1.0, 0.0)), axes="CYX")
    np.testing.assert_array_equal(restored[1], pair[1])
    assert not np.array_equal(restored[0], pair[0])


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf"), "loud"])
def test_an_impossible_noise_level_is_refused(sigma: object) -> None:
    with pytest.raises((ValueError, TypeError), match="sigma"):
        ns.restore(STACK[0], "dct", noise=ns.Gaussian(sigma))


@pytest.mark.parametrize(
    ("image", "axes", "words"),
    [
        (np.zeros((0, 5)), None, "empty"),
        (np.zeros(5), None, "at least two axes"),
        (np.zeros((3, 4, 5)), None, "use one of"),
        (np.zeros((3, 4, 5)), "YX", "one letter per axis"),
        (np.zeros((3, 4, 5)), "XXY", "none twice"),
        (np.zeros((4, 5), complex), None, "complex128"),
    ],
)
def test_an_image_that_does_not_fit_is_refused_in_words(
    image: np.ndarray, axes: str | None, words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        ns.restore(image, axes=axes, noise=1.0)


def test_a_volume_method_on_a_plane_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="needs the axes ZYX"):
        ns.restore(STACK[0], ns.Shrinkage(transform=ns.SlidingDCT(ndim=3)), noise=1.0)


def test_an_unknown_method_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="dct-wiener"):
        ns.restore(STACK[0], "median")
    with pytest.raises(TypeError, match="method value"):
        ns.restore(STACK[0], 3)


def test_a_device_asked_for_beside_a_recipe_is_used() -> None:
    recipe = ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(1.0), threads=2)
    assert recipe_of(recipe) == recipe
    assert recipe_of(recipe, device="cpu", threads=1) == replace(recipe, device="cpu", threads=1)


def test_a_missing_device_is_refused() -> None:
    torch = pytest.importorskip("torch")
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(ValueError, match="not available"):
        ns.restore(STACK[0], "dct", noise=1.0, device="mps")


def test_the_digest_tells_inputs_apart() -> None:
    changed = STACK.copy()
    changed[4, 39, 47] += 1
    digests = {digest(ns.Stack(array, "TYX")) for array in (STACK, changed, STACK.astype(np.float64))}
    assert len(digests) == 3
    assert digest(ns.Stack(da.from_array(STACK), "TYX")) == digest(
        ns.Stack(da.from_array(STACK.copy(), chunks=20), "TYX")
    )


def test_a_record_repeats_its_result() -> None:
    stack = ns.Stack(NOISY_PHOTO, "YXC")
    result = ns.drain(ns.run(ns.Recipe.of(ns.EmpiricalWiener()), stack))
    record = ns.Record.from_json(json.loads(json.dumps(result.record.to_json())))
    assert record == result.record
    np.testing.assert_array_equal(ns.drain(ns.run(record.recipe(), stack)).stack.array, result.stack.array)


REDUCED = ns.Step(ns.Degrade(scale=2), ns.Gaussian(0.0))
ENLARGED = ns.Step(ns.Upscale(scale=3, model="linear", precision="float32"), ns.Gaussian(1.0))


def test_steps_to_other_grids_run_one_after_the_other_and_carry_the_spacing_along() -> None:
    stack = ns.Stack(STACK, "TYX", spacing=(5, 0.2, 0.3))
    recipe = ns.Recipe((REDUCED, ENLARGED))
    chained = ns.drain(ns.run(recipe, stack))
    coarse = ns.degrade(STACK, 2, axes="TYX")
    alone = ns.upscale(coarse, 3, "linear", noise=1.0, axes="TYX", precision="float32")
    assert chained.stack.shape == alone.shape == (5, 60, 72)
    np.testing.assert_array_equal(chained.stack.array, alone)
    np.testing.assert_array_equal(ns.restore(STACK, recipe, axes="TYX"), alone)
    assert chained.stack.spacing == pytest.approx((5, 0.2 * 2 / 3, 0.3 * 2 / 3))
    assert chained.record.magnification == Fraction(3, 2)
    again = ns.Record.from_json(json.loads(json.dumps(chained.record.to_json())))
    np.testing.assert_array_equal(ns.drain(ns.run(again.recipe(), stack)).stack.array, alone)


@pytest.mark.parametrize("steps", [(REDUCED,), (ENLARGED,), (REDUCED, ENLARGED)], ids=len)
def test_a_region_has_the_pixels_of_the_whole_run_on_the_grid_of_the_result(
    steps: tuple[ns.Step, ...],
) -> None:
    recipe, stack = ns.Recipe(steps), ns.Stack(STACK, "TYX")
    whole = ns.drain(ns.run(recipe, stack))
    plans = ns.Recipe(tuple(Step(plan.restorer, plan.noise) for plan in whole.record.plans))
    part = ns.drain(ns.run(plans, stack, (slice(1, 4), slice(6, 30), slice(10, 44))))
    grid = whole.record.magnification
    rows, columns = (slice(int(a * grid), int(b * grid)) for a, b in ((6, 30), (10, 44)))
    np.testing.assert_allclose(part.stack.array, whole.stack.array[1:4, rows, columns], atol=1e-4)
    assert part.region == (slice(1, 4), slice(6, 30), slice(10, 44))


def test_of_a_region_between_coarse_pixels_those_are_made_that_lie_in_it() -> None:
    region = (slice(0, 1), slice(5, 20), slice(7, 9))
    part = ns.drain(ns.run(ns.Recipe((REDUCED,)), ns.Stack(STACK, "TYX"), region))
    np.testing.assert_array_equal(part.stack.array, ns.degrade(STACK, 2, axes="TYX")[:1, 3:10, 4:4])


@pytest.mark.parametrize("chunks", [(1, 11, 48), (5, 40, 7), -1], ids=str)
@pytest.mark.parametrize("steps", [(REDUCED,), (ENLARGED,), (REDUCED, ENLARGED)], ids=len)
def test_lazy_results_on_other_grids_equal_the_eager_ones(steps: tuple[ns.Step, ...], chunks: object) -> None:
    whole = ns.drain(ns.run(ns.Recipe(steps), ns.Stack(STACK, "TYX")))
    plans = ns.Recipe(tuple(Step(plan.restorer, plan.noise) for plan in whole.record.plans))
    lazy = ns.restore(da.from_array(STACK, chunks=chunks), plans, axes="TYX")
    assert lazy.shape == whole.stack.shape
    assert lazy.dtype == np.float32
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), whole.stack.array, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 3])
def test_alpha_goes_on_to_finer_and_coarser_grids_pixel_by_pixel(scale: int) -> None:
    alpha = GENERATOR.integers(0, 256, PHOTO.shape[:2])
    rgba = np.dstack([PHOTO, alpha]).astype(np.float32)
    fine = ns.upscale(rgba, scale, "linear", noise=1.0, axes="YXC")
    np.testing.assert_array_equal(fine[..., 3], alpha.repeat(scale, 0).repeat(scale, 1))
    np.testing.assert_array_equal(fine[..., :3], ns.upscale(PHOTO, scale, "linear", noise=1.0, axes="YXC"))
    coarse = ns.degrade(rgba, scale, axes="YXC")
    height, width = coarse.shape[:2]
    middle = alpha[scale // 2 :: scale, scale // 2 :: scale]
    np.testing.assert_array_equal(coarse[..., 3], middle[:height, :width])


@pytest.mark.parametrize("method", ["linear", "light"])
def test_what_is_not_a_number_stays_so_on_the_finer_grid_and_does_no_harm(method: str) -> None:
    holed = PHOTO[..., 0].copy()
    holed[10:13, 20], holed[0, 0] = np.nan, np.inf
    settings = {"noise": 1.0, "precision": "float32", "ranges": ((0.0, 255.0),), "levels": (1.0,)}
    fine, clean = (ns.upscale(image, 2, method, **settings) for image in (holed, PHOTO[..., 0]))
    np.testing.assert_array_equal(np.isnan(fine), np.isnan(holed).repeat(2, 0).repeat(2, 1))
    assert np.isposinf(fine[:2, :2]).all()
    assert np.isinf(fine).sum() == 4
    np.testing.assert_allclose(fine[100:, 120:], clean[100:, 120:], atol=1e-3)


def test_what_is_not_a_number_stays_so_on_the_coarser_grid() -> None:
    holed = PHOTO[..., 0].copy()
    holed[10:13, 20] = np.nan
    coarse = ns.degrade(holed, 3)
    assert np.argwhere(np.isnan(coarse)).tolist() == []  # the middle pixels of its squares are numbers
    holed[13, 19] = np.nan
    assert np.argwhere(np.isnan(ns.degrade(holed, 3))).tolist() == [[4, 6]]


def test_a_result_on_a_finer_grid_lies_exactly_over_its_layer() -> None:
    layers = pytest.importorskip("napari.layers")
    affine = np.array([[0.0, -1, 4], [1, 0, -2], [0, 0, 1]])
    layer = layers.Image(PHOTO[..., 0], scale=(0.5, 0.25), translate=(3, -7), rotate=30, affine=affine)
    for made, grid in ((ns.upscale(layer, 3, "linear", noise=1.0), 3), (ns.degrade(layer, 2), 1 / 2)):
        found = layers.Layer.create(*made)
        assert found.scale == pytest.approx(np.divide(layer.scale, grid))
        for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
            ours, theirs = (
                image.data_to_world(np.array(corner) * image.data.shape - 0.5) for image in (found, layer)
            )
            np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_region_through_a_coarse_grid_is_that_of_whole_coarse_pixels():
    image = np.random.default_rng(0).random((120, 131)).astype(np.float32)
    steps = (ns.Step(ns.Degrade(scale=3)), ns.Step(ns.Upscale(scale=3, model="linear"), ns.Gaussian(0.0)))
    everything = ns.drain(ns.run(ns.Recipe(steps), ns.Stack(image)))
    part = ns.drain(ns.run(ns.Recipe(steps), ns.Stack(image), (slice(13, 101), slice(0, 60))))
    assert part.region == (slice(15, 99), slice(0, 60))
    assert part.record.input["region"] == [[15, 99], [0, 60]]
    np.testing.assert_allclose(part.stack.array, everything.stack.array[part.region], atol=1e-6)


def test_a_method_that_is_told_no_noise_has_none_estimated():
    flat = np.full((20, 20), 5, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = ns.drain(ns.run(ns.Recipe.of(ns.Degrade()), ns.Stack(flat)))
    assert result.record.plans[0].noise == ns.Gaussian(0.0).for_channels(1)


def test_planes_of_one_region_have_noise_of_their_own():
    stack = ns.Stack(np.zeros((2, 40, 40), np.float32), "ZYX")
    plan = ns.resolve(ns.Step(ns.Degrade(sigma=1.0)), stack)
    first, second = restore_region(plan, stack)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.2
    whole = ns.restore(stack.array, plan.restorer, axes="ZYX")
    np.testing.assert_array_equal(restore_region(plan, stack), whole)
