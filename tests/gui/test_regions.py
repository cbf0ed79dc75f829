"""Regions: what is in view, a plane, a rectangle, a box; at full resolution, with every channel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Shapes

from napari_shrinkage.gui.layers import stack_of_layer
from napari_shrinkage.gui.regions import (
    box_sides,
    boxed,
    current_plane,
    range_region,
    rectangle_region,
    region_pixels,
    visible_region,
)


def viewer_with(array, **attributes):
    viewer = ViewerModel()
    layer = viewer.add_image(array, **attributes)
    viewer.canvas.size = (100, 200)
    return viewer, layer, stack_of_layer(layer)


def look_at(viewer, center, zoom):
    viewer.scene.camera.center = center
    viewer.scene.camera.zoom = zoom


def test_the_whole_plane_is_visible_when_zoomed_out():
    viewer, layer, stack = viewer_with(np.zeros((60, 80)))
    look_at(viewer, (30, 40), 0.5)
    assert visible_region(viewer, layer, stack) == (slice(0, 60), slice(0, 80))


def test_the_visible_part_is_what_the_canvas_covers():
    viewer, layer, stack = viewer_with(np.zeros((60, 80)), scale=(2, 2), translate=(10, 0))
    look_at(viewer, (10 + 2 * 30, 2 * 40), 5)  # 20 x 40 world units are 10 x 20 pixels
    rows, columns = visible_region(viewer, layer, stack)
    assert (rows.start, columns.start) == (25, 30)
    assert 10 <= rows.stop - rows.start <= 11
    assert 20 <= columns.stop - columns.start <= 21


def test_nothing_is_visible_beside_the_layer():
    viewer, layer, stack = viewer_with(np.zeros((60, 80)))
    look_at(viewer, (500, 500), 1)
    assert visible_region(viewer, layer, stack) is None


def test_the_current_plane_has_every_colour():
    viewer, layer, stack = viewer_with(np.zeros((5, 40, 50, 3), np.uint8))
    viewer.dims.set_current_step(0, 3)
    assert current_plane(viewer, layer, stack) == (slice(3, 4), slice(0, 40), slice(0, 50), slice(0, 3))


def test_the_current_plane_follows_the_order_of_the_canvas():
    viewer, layer, stack = viewer_with(np.zeros((5, 40, 50)))
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 7)
    assert current_plane(viewer, layer, stack) == (slice(0, 5), slice(7, 8), slice(0, 50))


def test_a_multiscale_layer_is_cut_at_full_resolution():
    viewer, layer, stack = viewer_with([np.zeros((600, 800)), np.zeros((300, 400))], multiscale=True)
    look_at(viewer, (300, 400), 2)
    rows, columns = visible_region(viewer, layer, stack)
    assert 50 <= rows.stop - rows.start <= 51
    assert 100 <= columns.stop - columns.start <= 101


def test_a_rectangle_is_taken_in_every_plane():
    _, layer, stack = viewer_with(np.zeros((5, 40, 50)), scale=(3, 2, 2))
    shapes = Shapes([np.array([[20.0, 30], [20, 60], [60, 60], [60, 30]])])  # world units
    region = rectangle_region(shapes.data[0], shapes, layer, stack)
    assert region == (slice(0, 5), slice(10, 31), slice(15, 31))


def test_a_rectangle_outside_is_no_region():
    _, layer, stack = viewer_with(np.zeros((40, 50)))
    shapes = Shapes([np.array([[200.0, 200], [200, 300], [300, 300], [300, 200]])])
    assert rectangle_region(shapes.data[0], shapes, layer, stack) is None


def test_a_range_includes_its_last_plane():
    _, _, stack = viewer_with(np.zeros((9, 40, 50)))
    assert range_region(stack, 0, 2, 4) == (slice(2, 5), slice(0, 40), slice(0, 50))


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=2), st.integers(1, 2**20))
def test_a_box_is_never_too_large_nor_larger_than_the_view(lengths, pixels):
    sides = box_sides(lengths, pixels)
    assert all(1 <= side <= length for side, length in zip(sides, lengths, strict=True))
    assert math.prod(sides) <= pixels


@given(st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)))
def test_a_box_stays_in_view_wherever_it_is_dragged(center):
    view = (slice(0, 1), slice(100, 2100), slice(300, 3300))
    box = boxed(view, (1, 2), center)
    assert box[0] == view[0]
    for part, whole in zip(box[1:], view[1:], strict=True):
        assert whole.start <= part.start < part.stop <= whole.stop


def test_colours_count_as_one_pixel():
    _, layer, stack = viewer_with(np.zeros((40, 50, 3), np.uint8))
    assert layer.rgb
    assert region_pixels((slice(0, 40), slice(0, 50), slice(0, 3)), stack) == 2000


@pytest.mark.parametrize("pixels", [1, 10, 100])
def test_a_square_box_is_as_large_as_allowed(pixels):
    assert box_sides([1000, 1000], pixels * pixels) == [pixels, pixels]
