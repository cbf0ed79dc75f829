"""Samples are the same every time, need no network, and their noise is what they say."""

from __future__ import annotations

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage.samples import SAMPLES, shown_range


@pytest.fixture(scope="module", params=[*SAMPLES])
def sample(request):
    return SAMPLES[request.param]()


def test_a_sample_is_the_same_every_time(sample):
    again = SAMPLES[sample.name]()
    np.testing.assert_array_equal(again.noisy.array, sample.noisy.array)
    np.testing.assert_array_equal(again.truth, sample.truth)


def test_the_noise_is_white_and_as_strong_as_it_says(sample):
    limits = np.iinfo(sample.noisy.array.dtype)
    inside = (sample.truth > limits.min + 4 * sample.sigma) & (sample.truth < limits.max - 4 * sample.sigma)
    noise = (sample.noisy.array - sample.truth)[inside]
    assert np.std(noise) == pytest.approx(np.hypot(sample.sigma, np.sqrt(1 / 12)), rel=0.01)
    assert abs(np.mean(noise)) < 0.1


def test_the_default_estimate_finds_the_noise(sample):
    noise = ns.estimate_noise(sample.noisy.array, axes=sample.noisy.axes)
    np.testing.assert_allclose(noise.sigma, sample.sigma, rtol=0.05)


def test_hardly_any_value_is_clipped(sample):
    limits = np.iinfo(sample.noisy.array.dtype)
    values = sample.noisy.array
    assert np.mean((values == limits.min) | (values == limits.max)) < 0.01


def test_the_stack_and_the_series_know_their_grid():
    stack, series = SAMPLES["fluorescence"]().noisy, SAMPLES["timeseries"]().noisy
    assert (stack.axes, stack.spacing, stack.units) == ("ZYX", (0.3, 0.1, 0.1), ("micrometer",) * 3)
    assert (series.axes, series.units[0], series.array.dtype) == ("TYX", "second", np.uint16)
    assert SAMPLES["photograph"]().noisy.is_color


def test_most_values_lie_in_the_shown_range(sample):
    low, high = shown_range(sample)
    assert np.mean((sample.truth >= low) & (sample.truth <= high)) > 0.99
