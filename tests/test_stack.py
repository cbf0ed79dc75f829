"""Axes, fields and windows of stacks, and the borders of a geometry against numpy."""

from __future__ import annotations

import itertools
import math
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from napari_shrinkage.geometry import Border, Geometry, blocks, taken
from napari_shrinkage.stack import Stack, checked_axes

NUMPY_MODES: dict[Border, Any] = {"symmetric": "symmetric", "reflect": "reflect", "periodic": "wrap"}
every_border = pytest.mark.parametrize("border", NUMPY_MODES)


def image(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.arange(math.prod(shape)).reshape(shape).astype(dtype)


def slices(*bounds: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(*pair) for pair in bounds)


# axes


@pytest.mark.parametrize(
    ("shape", "axes", "color", "alpha", "channels"),
    [
        ((8, 9), "YX", False, False, 1),
        ((8, 9, 3), "YXC", True, False, 3),
        ((8, 9, 4), "YXC", True, True, 3),
        ((8, 9, 2), "YXC", False, False, 2),
        ((8, 9, 5), "YXC", False, False, 5),
        ((3, 8, 9), "CYX", False, False, 3),
        ((2, 5, 8, 9, 3), "TZYXC", True, False, 3),
        ((2, 6, 5, 8, 9), "TCZYX", False, False, 6),
    ],
)
def test_a_trailing_axis_of_three_or_four_is_colour_and_any_other_c_is_channels(
    shape: tuple[int, ...], axes: str, color: bool, alpha: bool, channels: int
):
    stack = Stack(image(*shape), axes)
    assert (stack.is_color, stack.has_alpha, stack.channels) == (color, alpha, channels)


def test_an_array_of_two_axes_needs_no_names_and_letters_may_be_small_or_apart():
    assert Stack(image(3, 4)).axes == "YX"
    assert Stack(image(2, 3, 4), "tyx").axes == "TYX"
    assert Stack(image(2, 3, 4), ("t", "y", "x")).axes == "TYX"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "axes", "words"),
    [
        ((5, 6, 7), None, r"shape \(5, 6, 7\) needs its axes named: use one of TYX, ZYX, CYX \("),
        ((5, 6, 3), None, "use one of TYX, ZYX, CYX, YXC"),
        ((5, 6, 7, 3), None, "TZYX, TCYX, CZYX, TYXC, ZYXC"),
        ((2, 2, 2, 6, 7), None, "TCZYX, TZCYX"),
        ((2, 2, 2, 2, 6, 7), None, "name 6 axes, Y and X among them"),
        ((5,), None, "at least two axes, Y and X; this array has 1"),
        ((), None, "at least two axes"),
        ((5, 6), "TYX", "axes='TYX' does not fit"),
        ((5, 6, 7), "YX", "axes='YX' does not fit"),
        ((5, 6, 7), "YYX", "none twice"),
        ((5, 6, 7), "Y X", "one letter per axis"),
        ((5, 6, 7), "TZC", "must name Y and X; use one of TYX"),
        ((5, 6), "XT", "must name Y and X"),
    ],
)
def test_axes_that_do_not_fit_are_refused_with_those_that_would(
    shape: tuple[int, ...], axes: str, words: str
):
    with pytest.raises(ValueError, match=words):
        checked_axes(axes, shape)


@pytest.mark.parametrize("values", [np.ones((3, 4), complex), np.full((3, 4), "a"), np.full((3, 4), None)])
def test_only_real_numbers_are_an_image(values: np.ndarray):
    with pytest.raises(TypeError, match="expected bool, integer or float"):
        Stack(values)


def test_lists_and_tensors_become_arrays_and_lazy_arrays_stay_lazy():
    assert Stack([[1, 2], [3, 4]]).array.dtype.kind == "i"
    assert isinstance(Stack(torch.ones(3, 4)).array, np.ndarray)
    lazy = da.zeros((4, 5), chunks=2)
    assert Stack(lazy).array is lazy
    assert (Stack(lazy).is_lazy, Stack(np.zeros((4, 5))).is_lazy) == (True, False)


# grid


def test_spacing_and_units_follow_the_axes():
    stack = Stack(image(2, 3, 4, 5), "TZYX", (1, 2, 0.5, 0.25), ("s", "um", "um", "um"))
    assert stack.field_spacing(3) == (2, 0.5, 0.25)
    assert stack.field_spacing(2) == (0.5, 0.25)
    assert (Stack(image(3, 4)).spacing, Stack(image(3, 4)).units) == ((1, 1), ("pixel", "pixel"))


@pytest.mark.parametrize("spacing", [(1,), (1, 0), (1, -2), (1, math.nan), (math.inf, 1)])
def test_spacing_that_is_no_spacing_is_refused(spacing: tuple[float, ...]):
    with pytest.raises(ValueError, match="spacing="):
        Stack(image(3, 4), "YX", spacing)


def test_another_array_keeps_the_grid_and_a_finer_one_divides_y_and_x():
    stack = Stack(image(2, 3, 4), "ZYX", (3, 2, 1), ("um", "um", "um"), "a.tif")
    same = stack.with_array(image(2, 3, 4) + 1)
    finer = stack.with_array(image(2, 6, 8), scale=2)
    assert (same.axes, same.spacing, same.units, same.source) == (
        "ZYX",
        (3, 2, 1),
        ("um", "um", "um"),
        "a.tif",
    )
    assert finer.spacing == (3, 1, 0.5)


# fields


@pytest.mark.parametrize(
    ("axes", "ndim", "spatial", "planes", "count"),
    [
        ("TZYX", 2, (2, 3), (0, 1), 6),
        ("TZYX", 3, (1, 2, 3), (0,), 2),
        ("CZYX", 2, (2, 3), (1,), 3),
        ("YXZC", 3, (2, 0, 1), (), 1),
        ("XTCY", 2, (3, 0), (1,), 3),
    ],
)
def test_space_is_in_the_order_z_y_x_and_the_rest_counts_planes(
    axes: str, ndim: int, spatial: tuple[int, ...], planes: tuple[int, ...], count: int
):
    stack = Stack(image(2, 3, 4, 5), axes)
    assert (stack.spatial_axes(ndim), stack.plane_axes(ndim)) == (spatial, planes)
    assert len(list(stack.planes(ndim))) == count
    assert stack.field_shape(ndim) == tuple(stack.shape[i] for i in spatial)


def test_a_volume_method_on_planes_says_what_to_do():
    with pytest.raises(ValueError, match=r"needs the axes ZYX; this image has TYX.*use ndim=2"):
        Stack(image(2, 3, 4), "TYX").spatial_axes(3)


def test_a_field_has_channels_first_then_space_in_order():
    values = image(4, 5, 3, 2)
    stack = Stack(values, "XYTC")
    cut = values[stack.selection(2, (1,), slices((1, 4), (0, 2)))]
    field = stack.to_field(cut, 2)
    assert field.shape == (2, 3, 2)
    assert field.dtype == np.float32
    assert field[1, 2, 1] == values[1, 3, 1, 1]


def test_alpha_is_left_out():
    values = image(4, 5, 4)
    stack = Stack(values, "YXC")
    assert stack.to_field(values, 2).shape == (3, 4, 5)
    assert np.array_equal(stack.from_field(stack.to_field(values, 2), 2), values[..., :3])


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Stack, int]:
    """Draw a stack with any order of axes, and the number of axes of its fields."""
    extra = draw(st.lists(st.sampled_from("TZCAQ"), unique=True, max_size=3))
    axes = "".join(draw(st.permutations(["Y", "X", *extra])))
    shape = draw(array_shapes(min_dims=len(axes), max_dims=len(axes), min_side=1, max_side=5))
    return Stack(image(*shape), axes), draw(st.sampled_from([2, 3] if "Z" in axes else [2]))


@given(stacks())
def test_every_plane_goes_to_a_field_and_back(drawn: tuple[Stack, int]):
    stack, ndim = drawn
    out = np.full(stack.shape, -1.0, np.float32)
    kept = slice(0, stack.channels) if stack.is_color else slice(None)
    for plane in stack.planes(ndim):
        index = stack.selection(ndim, plane, [slice(None)] * ndim)
        field = stack.to_field(stack.array[index], ndim)
        assert field.shape == (stack.channels, *stack.field_shape(ndim))
        out[index][..., kept] = stack.from_field(field, ndim)
    expected = stack.array.copy()
    if stack.has_alpha:
        expected[..., 3] = -1
    assert np.array_equal(out, expected)


# borders


@every_border
@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (5, 4), (1, 6), (3, 4, 2)])
def test_a_field_goes_on_beyond_its_border_as_numpy_pads_it(border: Border, shape: tuple[int, ...]):
    ndim = len(shape)
    geometry = Geometry(border, tuple(range(3, 3 + ndim)), (1,) * ndim, (1,) * ndim)
    values = image(2, *shape)
    expected = np.pad(values, ((0, 0), *((m, m) for m in geometry.margin)), mode=NUMPY_MODES[border])
    assert np.array_equal(geometry.extended(values), expected)


@every_border
@given(data=st.data())
def test_the_domain_is_aligned_holds_the_field_and_cropping_undoes_extending(
    border: Border, data: st.DataObject
):
    ndim = data.draw(st.sampled_from([1, 2, 3]))
    numbers = st.tuples(*[st.integers(0, 9)] * ndim)
    margin, multiple = data.draw(numbers), tuple(m + 1 for m in data.draw(numbers))
    values = image(*data.draw(array_shapes(min_dims=ndim, max_dims=ndim, max_side=9)))
    geometry = Geometry(border, margin, multiple, None)
    extended = geometry.extended(values)
    for domain, n, m, least in zip(
        geometry.domain(values.shape), values.shape, multiple, margin, strict=True
    ):
        assert domain.start % m == domain.stop % m == 0
        assert domain.start <= -least
        assert domain.stop >= n + least
    assert np.array_equal(geometry.cropped(extended, values.shape), values)
    assert torch.equal(geometry.cropped(torch.from_numpy(extended), values.shape), torch.from_numpy(values))


@every_border
def test_beyond_its_domain_a_field_is_periodic(border: Border):
    geometry = Geometry(border, (4,), (3,), (1,))
    (domain,) = geometry.domain((10,))
    period = domain.stop - domain.start
    inside = geometry.indices(slices((domain.start, domain.stop)), (10,))[0]
    (outside,) = geometry.indices(slices((domain.start - period, domain.stop + period)), (10,))
    assert np.array_equal(outside, np.tile(inside, 3))


@given(st.integers(1, 60), st.integers(0, 8), st.integers(0, 8), st.integers(1, 8), st.data())
def test_a_grown_window_is_aligned_and_holds_window_and_halo(
    length: int, margin: int, halo: int, multiple: int, data: st.DataObject
):
    geometry = Geometry("symmetric", (margin,), (multiple,), (halo,))
    start = data.draw(st.integers(0, length - 1))
    window = slice(start, data.draw(st.integers(start + 1, length)))
    (domain,), (grown,) = geometry.domain((length,)), geometry.grown([window], (length,))
    assert (grown.start - domain.start) % multiple == 0
    assert (grown.stop - grown.start) % multiple == 0
    whole = grown == domain
    assert whole or (grown.start <= window.start - halo and grown.stop >= window.stop + halo)
    assert grown.stop - grown.start <= domain.stop - domain.start


def test_without_a_halo_every_window_needs_the_whole_domain():
    geometry = Geometry("reflect", (3, 3), (4, 4), None)
    assert geometry.grown(slices((5, 6), (5, 6)), (20, 30)) == geometry.domain((20, 30))


@every_border
def test_a_moving_average_in_windows_is_that_of_the_whole_domain(border: Border):
    """What geometry promises: a grown window gives the same pixels as the domain, which is periodic."""
    geometry = Geometry(border, (4,), (2,), (3,))
    x = np.random.default_rng(0).normal(size=23)

    def averaged(values: np.ndarray) -> np.ndarray:
        return sum(np.roll(values, shift) for shift in range(-3, 4)) / 7

    whole = geometry.cropped(averaged(geometry.extended(x)), x.shape)
    for (window,) in blocks(x.shape, (6,)):
        (grown,) = geometry.grown([window], x.shape)
        part = averaged(taken(x, geometry.indices([grown], x.shape)))
        inner = part[window.start - grown.start : window.stop - grown.start]
        np.testing.assert_allclose(inner, whole[window], rtol=1e-12)


def test_a_second_restorer_adds_its_reach_to_that_of_its_pilot():
    first = Geometry("symmetric", (7, 7), (4, 1), (5, 6))
    second = Geometry("symmetric", (3, 2), (6, 1), (1, 2))
    assert second.after(first) == Geometry("symmetric", (12, 9), (12, 1), (6, 8))
    assert second.after(Geometry("symmetric", (0, 0), (1, 1), None)).halo is None


# windows


@given(array_shapes(min_dims=1, max_dims=3, max_side=9), st.data())
def test_blocks_tile_an_array_without_overlap(shape: tuple[int, ...], data: st.DataObject):
    size = data.draw(st.tuples(*[st.integers(1, 12)] * len(shape)))
    covered = np.zeros(shape, int)
    for window in blocks(shape, size):
        assert all(0 < w.stop - w.start <= s for w, s in zip(window, size, strict=True))
        covered[window] += 1
    assert (covered == 1).all()


@given(st.data())
def test_taken_gathers_the_product_of_the_indices(data: st.DataObject):
    values = image(2, 5, 6)
    runs = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(lambda ab: list(range(ab[0], ab[0] + ab[1])))
    indices = [np.array(data.draw(st.lists(st.integers(0, 4)) | runs), np.intp) for _ in range(2)]
    found = taken(values, indices)
    assert found.flags.c_contiguous
    assert np.array_equal(found, values[np.ix_(range(2), *indices)])
    for (i, a), (j, b) in itertools.product(enumerate(indices[0]), enumerate(indices[1])):
        assert (found[:, i, j] == values[:, a, b]).all()


def test_a_value_beyond_float32_becomes_infinite_without_a_warning():
    plane = np.array([[1.0, 1e300], [-1e300, 2.0]])
    np.testing.assert_array_equal(Stack(plane).to_field(plane, 2), [[[1, np.inf], [-np.inf, 2]]])
