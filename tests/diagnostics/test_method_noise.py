"""Whiteness against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from napari_shrinkage.diagnostics import whiteness


def white(shape=(200, 300), seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_white_noise_is_found_white_with_the_spread_of_chance():
    found = whiteness(white())
    assert found.is_white
    assert found.spread == pytest.approx(1 / np.sqrt(60_000))
    assert "white" in found.sentence()


@pytest.mark.parametrize(("axis", "direction"), [(1, "along X"), (0, "along Y")])
def test_the_correlation_of_a_running_mean_is_one_half(axis, direction):
    noise = white()
    smoothed = (noise + np.roll(noise, 1, axis)) / np.sqrt(2)
    found = whiteness(smoothed)
    assert found.correlations[direction] == pytest.approx(0.5, abs=0.02)
    assert not found.is_white


@pytest.mark.parametrize(
    ("tap", "said"),
    [(-0.1, "Slightly negative is normal"), (-0.4, "Noise was left"), (0.3, "Structure")],
)
def test_the_sentence_is_calm_about_what_shrinkage_always_leaves(tap, said):
    noise = white()
    found = whiteness(noise + tap * np.roll(noise, 1, 1) + tap * np.roll(noise, 1, 0))
    expected = tap / (1 + 2 * tap**2)  # lag 1 of this moving average
    assert found.correlations["along X"] == pytest.approx(expected, abs=0.02)
    assert said in found.sentence()
    assert ("nearly white" in found.sentence()) == (tap == -0.1)


def test_planes_are_tested_together_and_each_is_centred():
    planes = white((4, 100, 100)) + np.arange(4)[:, None, None] * 50
    assert whiteness(planes).is_white


def test_pixels_that_are_not_finite_are_left_out():
    noise = white()
    noise[::7, ::5] = np.nan
    found = whiteness(noise)
    assert found.is_white
    assert found.pixels == np.isfinite(noise).sum()


@pytest.mark.parametrize(
    "nothing", [np.zeros((8, 8)), np.full((4, 4), np.nan), np.zeros((0, 5)), np.ones((1, 1))]
)
def test_nothing_taken_away_is_said_so(nothing):
    assert "nothing" in whiteness(nothing).sentence()


def test_a_single_row_has_a_correlation_along_x_only():
    assert set(whiteness(white((1, 50))).correlations) == {"along X"}
