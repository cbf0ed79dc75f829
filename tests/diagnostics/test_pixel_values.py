"""Histograms of an image's values: every value counted once, in bins that fit."""

from __future__ import annotations

import numpy as np
import pytest

from napari_shrinkage.diagnostics import histogram


def white(shape):
    return np.random.default_rng(0).standard_normal(shape)


def test_a_histogram_counts_every_finite_value_once():
    values = np.append(white((50, 50)).ravel(), [np.nan, np.inf])
    assert histogram(values).counts.sum() == 2500


def test_whole_numbers_get_bins_of_equal_whole_width():
    found = histogram(np.arange(1000) % 500)
    assert np.ptp(found.counts) <= found.counts.max() - found.counts[-1]
    assert np.allclose(np.diff(found.edges)[:-1] % 1, 0)


def test_saturated_pixels_are_counted_at_both_ends():
    values = np.clip(128 + 100 * white((100, 100)), 0, 255).round()
    found = histogram(values)
    assert found.share_lowest == pytest.approx(np.mean(values == 0))
    assert found.share_highest == pytest.approx(np.mean(values == 255))


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full(4, 7.5), np.ones((2, 2), bool)])
def test_a_constant_image_has_a_histogram(values):
    assert histogram(values).counts.sum() == values.size


def test_an_image_without_a_finite_value_has_none():
    assert histogram(np.full((3, 3), np.nan)) is None
