"""Coarser levels are means over the pixels they cover, eager or lazy, for any ratio."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_shrinkage.pyramid import coarsened, halved_shapes, pyramid


def test_whole_ratios_are_block_means():
    values = np.random.default_rng(0).random((4, 12, 18))
    expected = values.reshape(4, 6, 2, 6, 3).mean((2, 4))
    np.testing.assert_allclose(coarsened(values, (4, 6, 6)), expected)


@given(n=st.integers(1, 40), m=st.integers(1, 40), rest=st.integers(1, 3))
def test_every_pixel_counts_once_in_the_coarse_pixel_that_covers_it(n, m, rest):
    m = min(n, m)
    values = np.random.default_rng(n).random((n, rest))
    owner = [max(i for i in range(m) if i * n // m <= pixel) for pixel in range(n)]
    expected = [values[[o == i for o in owner]].mean(0) for i in range(m)]
    np.testing.assert_allclose(coarsened(values, (m, rest)), expected)


@given(n=st.integers(1, 60), m=st.integers(1, 60), chunk=st.integers(1, 60), block=st.integers(1, 9))
def test_lazy_levels_equal_eager_ones(n, m, chunk, block):
    m = min(n, m)
    values = np.random.default_rng(n).integers(0, 99, (3, n)).astype(np.uint16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_shrinkage.pyramid.CHUNK", block)
        lazy = coarsened(da.from_array(values, chunks=(2, min(chunk, n))), (3, m))
    assert lazy.shape == (3, m)
    np.testing.assert_array_equal(np.asarray(lazy), coarsened(values, (3, m)))


def test_integers_are_rounded_and_sums_do_not_overflow():
    assert coarsened(np.full((8, 8), 255, np.uint8), (2, 2)).max() == 255
    np.testing.assert_array_equal(coarsened(np.array([0, 1, 1, 1], np.uint8), (2,)), [0, 1])


def test_levels_have_the_shapes_asked_for_and_the_first_is_the_image_itself():
    values = np.zeros((65, 80), np.float32)
    shapes = [(65, 80), (33, 40), (16, 20)]
    levels = pyramid(values, shapes)
    assert levels[0] is values
    assert [level.shape for level in levels] == shapes


def test_shapes_halve_y_and_x_only_until_they_are_small():
    assert halved_shapes((5, 1000, 300), "ZYX", 256) == [(5, 1000, 300), (5, 500, 150), (5, 250, 75)]
    assert halved_shapes((100, 100), "YX", 256) == [(100, 100)]


def test_a_level_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="does not fit below"):
        coarsened(np.zeros((4, 4)), (4, 5))
