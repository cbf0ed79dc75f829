"""Layers become stacks, and results become layers that lie exactly over their source."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image, Labels, Points, Shapes
from napari.layers import Layer as NapariLayer
from napari.layers._source import Source

import napari_shrinkage as ns
from napari_shrinkage.engine import recorded, resolve
from napari_shrinkage.gui.layers import (
    RECORD,
    layer_axes,
    method_noise_layer,
    record_of_layer,
    restored_layer,
    result_layer,
    result_of_layer,
    source_name,
    stack_layer,
    stack_of_layer,
)
from napari_shrinkage.python_code import as_python

DCT = ns.Shrinkage(transform=ns.SlidingDCT(size=8, stride=4), rule=ns.Hard(), threshold=ns.Ratio(r=2.7))
RECIPE = ns.Recipe.of(DCT, ns.Gaussian(5.0), threads=1)


def noisy(*shape: int, dtype: str = "float32") -> np.ndarray:
    return (100 + 5 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def run(layer: Image, region: tuple[slice, ...] | None = None, axes: str | None = None) -> ns.Result:
    return ns.drain(ns.run(RECIPE, stack_of_layer(layer, axes), region))


def corners(layer: Image, start: tuple[int, ...], stop: tuple[int, ...]) -> np.ndarray:
    """Return the world coordinates of the first and last pixel of a box of a layer."""
    return np.array([layer.data_to_world(start), layer.data_to_world(np.array(stop) - 1)])


def made_by(layer: Image) -> ns.Record:
    stack = stack_of_layer(layer)
    return recorded((resolve(RECIPE.steps[0], stack, "cpu", 1),), stack)


RECORD_OF_A_PLANE = made_by(Image(noisy(32, 32)))


@pytest.mark.parametrize(
    ("shape", "attributes", "axes"),
    [
        ((8, 9), {}, "YX"),
        ((4, 8, 9), {}, "ZYX"),
        ((2, 4, 8, 9), {}, "TZYX"),
        ((2, 3, 4, 8, 9), {}, "TCZYX"),
        ((2, 2, 3, 4, 8, 9), {}, "PTCZYX"),
        ((4, 8, 9), {"units": ("s", "um", "um")}, "TYX"),
        ((4, 8, 9), {"axis_labels": ("Time", "y", "x")}, "TYX"),
        ((4, 8, 9), {"axis_labels": ("channel", "row", "column")}, "CYX"),
        ((8, 9, 4), {"axis_labels": ("y", "x", "t")}, "YXT"),
        ((4, 8, 9), {"axis_labels": ("t", "-2", "-1")}, "TYX"),
        ((2, 4, 8, 9), {"axis_labels": ("z", "", "", "")}, "ZTYX"),
        ((4, 8, 9), {"axis_labels": ("x", "x", "x")}, "ZYX"),
        ((8, 9, 3), {"rgb": True}, "YXC"),
        ((4, 8, 9, 4), {"rgb": True}, "ZYXC"),
        ((4, 8, 9, 3), {"rgb": True, "axis_labels": ("c", "y", "x")}, "PYXC"),
    ],
)
def test_axes_come_from_labels_then_units_then_custom(shape, attributes, axes):
    layer = Image(np.zeros(shape, np.uint8), **attributes)
    assert layer_axes(layer) == axes
    assert stack_of_layer(layer).axes == axes


def test_axes_can_be_overridden_and_must_fit():
    layer = Image(noisy(4, 8, 9))
    assert stack_of_layer(layer, "tyx").axes == "TYX"
    assert stack_of_layer(Image(np.zeros((8, 9, 3), np.uint8), rgb=True), "YX").axes == "YXC"
    with pytest.raises(ValueError, match="use one of TYX, ZYX, CYX"):
        stack_of_layer(layer, "TZYX")


def test_scale_and_units_become_spacing_and_units():
    stack = stack_of_layer(Image(noisy(4, 8, 9), scale=(2, -0.5, 0.25), units=("um", "um", "nm")))
    assert stack.spacing == (2, 0.5, 0.25)
    assert stack.units == ("micrometer", "micrometer", "nanometer")
    assert stack_of_layer(Image(np.zeros((8, 9, 3), np.uint8), rgb=True, scale=(2, 3))).spacing == (2, 3, 1)


@pytest.mark.parametrize("layer", [Labels(np.zeros((8, 9), int)), Points(np.zeros((1, 2))), Shapes()])
def test_only_images_can_be_restored_and_the_error_says_so(layer):
    with pytest.raises(TypeError, match=f"{type(layer).__name__} layer; only Image layers"):
        stack_of_layer(layer)


def test_lazy_layers_stay_lazy(tmp_path):
    values = noisy(4, 40, 50)
    stored = zarr.create_array(
        tmp_path / "a.zarr", shape=values.shape, dtype=values.dtype, chunks=(1, 40, 50)
    )
    stored[...] = values
    for data in (stored, da.from_array(values, chunks=(1, 40, 50))):
        stack = stack_of_layer(Image(data))
        assert stack.is_lazy
        assert stack.array.chunks[0] == (1, 1, 1, 1)
        np.testing.assert_array_equal(np.asarray(stack.array), values)
    assert not stack_of_layer(Image(values)).is_lazy


def test_a_lazy_layer_gives_a_lazy_result_equal_to_the_eager_one():
    values = noisy(3, 40, 50)
    lazy, _, _ = result_layer(layer := Image(da.from_array(values, chunks=(1, 40, 50))), run(layer), "r")
    assert hasattr(lazy, "dask")
    np.testing.assert_allclose(np.asarray(lazy), run(Image(values)).stack.array, atol=1e-4)


SPATIAL = [
    {},
    {"scale": (3.0, 0.5, 0.25), "translate": (7, -5, 11)},
    {"scale": (3.0, 0.5, 0.25), "rotate": (10, 20, 30), "translate": (1, 2, 3)},
    {"scale": (3.0, -0.5, 0.25), "shear": (0.1, 0.2, 0.3), "rotate": (10, 20, 30), "translate": (1, 2, 3)},
    {
        "affine": np.array([[1, 0.1, 0, 5], [0, 2, 0.3, 6], [0.2, 0, 1.5, 7], [0, 0, 0, 1]]),
        "scale": (2, 1, 1),
    },
]


@pytest.mark.parametrize("attributes", SPATIAL)
@pytest.mark.parametrize(
    "region", [None, (slice(1, 3), slice(8, 29), slice(13, 40)), (slice(2, 3), slice(0, 40), slice(0, 50))]
)
def test_a_result_lies_exactly_over_its_source(attributes, region):
    source = Image(noisy(4, 40, 50), **attributes)
    made = NapariLayer.create(*result_layer(source, run(source, region), "r"))
    window = region or tuple(slice(0, n) for n in source.data.shape)
    start, stop = tuple(w.start for w in window), tuple(w.stop for w in window)
    assert made.data.shape == tuple(b - a for a, b in zip(start, stop, strict=True))
    expected = corners(source, start, stop)
    np.testing.assert_allclose(corners(made, (0,) * 3, made.data.shape), expected, rtol=0, atol=1e-9)


@given(
    scale=st.lists(st.floats(0.05, 20), min_size=2, max_size=2),
    angle=st.floats(-180, 180),
    shear=st.floats(-2, 2),
    translate=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2),
    top=st.integers(0, 20),
    left=st.integers(0, 20),
)
def test_any_region_of_any_layer_lies_over_its_source(scale, angle, shear, translate, top, left):
    source = Image(noisy(32, 32), scale=scale, rotate=angle, shear=[shear], translate=translate)
    region = (slice(top, 32), slice(left, left + 9))
    stack = stack_of_layer(source)
    cut = ns.Result(stack.with_array(stack.array[region]), RECORD_OF_A_PLANE, region)
    made = NapariLayer.create(*result_layer(source, cut, "r"))
    expected = corners(source, (top, left), (32, left + 9))
    np.testing.assert_allclose(corners(made, (0, 0), made.data.shape), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_finer_result_covers_the_same_field_of_view(scale):
    source = Image(noisy(10, 12), scale=(0.5, 0.25), translate=(3, 4), rotate=20)
    stack = stack_of_layer(source)
    finer = stack.with_array(np.repeat(np.repeat(stack.array, scale, 0), scale, 1), scale)
    region = (slice(0, 10), slice(0, 12))
    record = made_by(source)
    (plan,) = record.plans
    restorer = ns.Upscale(scale=scale, model="linear", precision="float32")
    record = replace(record, plans=(replace(plan, restorer=restorer),))
    made = NapariLayer.create(*result_layer(source, ns.Result(finer, record, region), "r"))
    edges = np.array([[-0.5, -0.5], [9.5, 11.5]])
    finer_edges = np.array([[-0.5, -0.5], [10 * scale - 0.5, 12 * scale - 0.5]])
    for a, b in zip(edges, finer_edges, strict=True):
        np.testing.assert_allclose(made.data_to_world(b), source.data_to_world(a), atol=1e-9)


def test_a_finer_result_of_a_multiscale_source_is_multiscale():
    source = Image([noisy(64, 48), noisy(32, 24), noisy(16, 12)], multiscale=True)
    recipe = ns.Recipe.of(ns.Upscale(model="linear"), ns.Gaussian(1.0))
    data, attributes, _ = restored_layer(source, recipe)
    assert attributes["multiscale"]
    assert attributes["name"] == f"{source.name} x2"
    assert [level.shape for level in data] == [(128, 96), (64, 48), (32, 24)]


def test_a_result_looks_like_its_source_and_keeps_its_units():
    source = Image(
        noisy(4, 40, 50),
        scale=(2, 1, 1),
        units=("um",) * 3,
        axis_labels=("t", "y", "x"),
        colormap="magma",
        contrast_limits=(90, 120),
        gamma=0.7,
        blending="additive",
        rendering="attenuated_mip",
        opacity=0.6,
        projection_mode="max",
        interpolation2d="cubic",
        metadata={"mine": 1},
    )
    made = NapariLayer.create(*result_layer(source, run(source), "denoised"))
    assert made.name == "denoised"
    for attribute in (
        "gamma",
        "blending",
        "rendering",
        "opacity",
        "projection_mode",
        "units",
        "axis_labels",
        "interpolation2d",
    ):
        assert getattr(made, attribute) == getattr(source, attribute)
    assert made.colormap.name == "magma"
    assert list(made.contrast_limits) == [90, 120]
    assert made.metadata["mine"] == 1
    assert made.data.dtype == np.float32


@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_result_is_colour_in_the_units_of_its_source(channels):
    source = Image(noisy(40, 50, channels, dtype="uint8"), rgb=True, scale=(2, 3))
    made = NapariLayer.create(*result_layer(source, run(source), "r"))
    assert made.rgb
    assert made.data.shape == source.data.shape
    assert 90 < made.data[..., :3].mean() < 110
    np.testing.assert_array_equal(made.contrast_limits, (0, 255))
    np.testing.assert_array_equal(made.scale, (2, 3))


@pytest.mark.parametrize("lazy", [False, True])
def test_a_pyramid_is_restored_at_full_resolution_and_rebuilt(lazy):
    full = noisy(65, 80)
    levels = [full, full[:64:2, ::2], full[:64:4, ::4]]
    source = Image([da.from_array(level, chunks=32) for level in levels] if lazy else levels, multiscale=True)
    data, attributes, _ = result_layer(source, run(source), "r")
    assert attributes["multiscale"]
    assert [level.shape for level in data] == [level.shape for level in levels]
    assert all(hasattr(level, "dask") == lazy for level in data)
    np.testing.assert_allclose(np.asarray(data[0]), run(Image(full)).stack.array, atol=1e-4)
    assert np.asarray(data[2]).mean() == pytest.approx(np.asarray(data[0]).mean(), rel=0.01)
    NapariLayer.create(data, attributes, "image")


def test_a_region_of_a_pyramid_is_a_single_layer():
    full = noisy(64, 80)
    source = Image([full, full[::2, ::2]], multiscale=True, scale=(2, 2))
    made = NapariLayer.create(*result_layer(source, run(source, (slice(8, 40), slice(16, 80))), "r"))
    assert not made.multiscale
    np.testing.assert_allclose(made.translate, (16, 32))


def test_the_record_travels_with_the_layer():
    source = Image(noisy(40, 50), name="cells")
    result = run(source)
    made = NapariLayer.create(*result_layer(source, result, "r"))
    assert record_of_layer(made) == result.record
    assert record_of_layer(source) is None
    assert result_of_layer(source) is None
    shown = result_of_layer(made)
    assert shown is not None
    assert shown.region == result.region
    np.testing.assert_array_equal(shown.stack.array, result.stack.array)


def test_an_altered_record_is_refused_in_words():
    layer = Image(noisy(8, 9), metadata={RECORD: {**made_by(Image(noisy(8, 9))).to_json(), "steps": []}})
    with pytest.raises(TypeError, match="at least one Step"):
        record_of_layer(layer)
    incomplete = made_by(Image(noisy(8, 9))).to_json()
    del incomplete["versions"]
    with pytest.raises(ValueError, match="incomplete"):
        record_of_layer(Image(noisy(8, 9), metadata={RECORD: incomplete}))


def test_restore_takes_a_layer_and_gives_layer_data():
    source = Image(noisy(40, 50), scale=(2, 3), name="cells")
    data, attributes, kind = ns.restore(source, DCT, noise=5.0, threads=1)
    assert kind == "image"
    np.testing.assert_array_equal(attributes["scale"], (2, 3))
    np.testing.assert_allclose(data, ns.restore(source.data, DCT, noise=5.0, threads=1))
    assert restored_layer(source, RECIPE)[1]["name"] == "cells denoised"


@pytest.mark.parametrize("lazy", [False, True])
def test_method_noise_plus_result_is_the_input(lazy):
    values = noisy(3, 40, 50)
    source = Image(da.from_array(values, chunks=(1, 40, 50)) if lazy else values, scale=(3, 2, 1))
    region = (slice(1, 2), slice(5, 35), slice(10, 50))
    result = run(source, region)
    data, attributes, _ = method_noise_layer(source, result, "noise")
    np.testing.assert_allclose(np.asarray(data) + np.asarray(result.stack.array), values[region], atol=1e-3)
    low, high = attributes["contrast_limits"]
    assert low == -high
    assert 8 < high < 20  # noise of 5: 99.9 % lie within 3.3 times that
    np.testing.assert_allclose(NapariLayer.create(data, attributes, "image").translate, (3, 10, 10))


def test_method_noise_of_colours_is_as_strong_as_that_of_one():
    source = Image(noisy(120, 120, 3), rgb=True, contrast_limits=(0, 255))
    data, attributes, _ = method_noise_layer(source, run(source), "noise")
    assert data.shape == (120, 120)
    assert not attributes["rgb"]
    assert np.std(data) == pytest.approx(5, rel=0.1)


def test_method_noise_needs_the_same_grid():
    source = Image(noisy(40, 50))
    result = run(source)
    with pytest.raises(ValueError, match="not on the same grid"):
        method_noise_layer(Image(noisy(44, 50)), ns.Result(result.stack, result.record), "noise")


def test_the_method_noise_of_a_constant_image_has_limits():
    source = Image(np.full((40, 50), 3.0, np.float32))
    _, attributes, _ = method_noise_layer(source, run(source), "noise")
    low, high = attributes["contrast_limits"]
    assert low < high


def test_a_stack_shows_its_spacing_units_and_axes():
    stack = ns.Stack(
        noisy(4, 8, 9, 3), "TYXC", (2, 0.5, 0.25, 1), ("second", "micrometer", "micrometer", "pixel")
    )
    layer = NapariLayer.create(*stack_layer(stack, "s"))
    again = stack_of_layer(layer)
    assert (again.axes, again.spacing, again.units) == (stack.axes, stack.spacing, stack.units)
    np.testing.assert_array_equal(again.array, stack.array)


def test_a_result_is_drawn_exactly_over_its_source(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    values = np.zeros((60, 80), np.float32)
    values[20:40, 30:60] = 200
    source = viewer.add_image(values, contrast_limits=(0, 200), scale=(2, 1), rotate=15, translate=(30, 10))
    exact = ns.Recipe.of(DCT, ns.Gaussian(0.0))
    qtbot.wait(100)
    before = viewer.screenshot(flash=False).astype(int)
    region = (slice(10, 50), slice(20, 70))
    result = ns.drain(ns.run(exact, stack_of_layer(source), region))
    viewer.add_layer(NapariLayer.create(*result_layer(source, result, "r")))
    source.visible = False
    qtbot.wait(100)
    after = viewer.screenshot(flash=False).astype(int)
    assert before.max() > 100
    assert np.abs(before - after)[..., :3].max() <= 2


@pytest.mark.parametrize("multiscale", [False, True])
def test_code_for_a_layer_repeats_its_result_in_the_console(multiscale):
    data = noisy(3, 64, 64)
    layer = Image(
        [data, data[:, ::2, ::2]] if multiscale else data,
        name="my cells",
        scale=(0.5, 0.1, 0.1),
        multiscale=multiscale,
    )
    made = run(layer)
    viewer = SimpleNamespace(layers={"my cells": layer})
    for code in (as_python(made.record), as_python(RECIPE, source_name(layer))):
        names: dict[str, object] = {"viewer": viewer}
        exec(code, names)
        again = names["result"]
        np.testing.assert_array_equal(again.stack.array, made.stack.array)
        assert again.stack.spacing == made.stack.spacing


def test_the_source_of_a_layer_is_a_file_that_can_be_read_or_its_name(tmp_path):
    for path, name in ((tmp_path / "cells.ome.tif", None), (tmp_path / "photo.jpg", "photo")):
        layer = NapariLayer.create(noisy(8, 9), {"name": "photo"}, "image")
        layer._set_source(Source(path=str(path)))
        assert source_name(layer) == stack_of_layer(layer).source == (name or str(path))
