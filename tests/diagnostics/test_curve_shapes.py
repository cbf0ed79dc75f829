"""Minima and curvature of curves that are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_shrinkage.diagnostics import curve_shape
from napari_shrinkage.risk_curves import RiskCurve, hard_risk, soft_risk


def parabola(vertex):
    """(t - vertex)**2, whatever the coefficients."""
    return RiskCurve(np.zeros(0), np.array([vertex**2]), np.array([-2.0 * vertex]), np.ones(1))


def steps(heights):
    """A constant between whole numbers."""
    heights = np.asarray(heights, np.float64)
    return RiskCurve(np.arange(1.0, heights.size), heights, heights * 0, heights * 0)


@pytest.mark.parametrize("vertex", [-1.0, 0.0, 1.3, 3.0, 9.0])
def test_a_parabola_is_convex_and_has_one_minimum_be_it_at_an_end(vertex):
    found = curve_shape(parabola(vertex), np.linspace(0, 3, 20))
    assert (found.minima, found.concave, found.is_convex) == (1, 0.0, True)


@pytest.mark.parametrize(
    ("heights", "minima"), [([3, 1, 2, 0, 3], 2), ([0, 1, 0], 2), ([1, 1, 1], 1), ([2, 1, 1, 2], 1)]
)
def test_every_valley_counts_once(heights, minima):
    grid = np.arange(len(heights)) + 0.5
    assert curve_shape(steps(heights), grid).minima == minima


def test_dips_that_nobody_sees_do_not_count():
    assert curve_shape(steps([1000, 0, 0.01, 0.005, 500]), np.arange(5) + 0.5).minima == 1


def test_the_share_of_the_grid_that_bends_down_is_that_of_its_second_differences():
    assert curve_shape(steps([0, 3, 4, 4, 8]), np.arange(5) + 0.5).concave == pytest.approx(2 / 3)


def test_a_sparse_band_has_one_minimum_and_is_not_convex():
    rng = np.random.default_rng(0)
    clean = rng.laplace(0, 0.5, 200_000)
    noisy = clean + rng.standard_normal(clean.size)
    found = curve_shape(soft_risk(noisy, clean), np.linspace(0, 6, 60))
    assert found.minima == 1
    assert 0 < found.concave < 1
    assert not found.is_convex


def test_the_hard_rule_has_a_minimum_that_is_not_at_its_ends():
    rng = np.random.default_rng(1)
    clean = np.where(rng.random(100_000) < 0.05, 6.0, 0.0)
    curve = hard_risk(clean + rng.standard_normal(clean.size), clean)
    assert curve_shape(curve, np.linspace(0, 9, 40)).minima == 1


@pytest.mark.parametrize("grid", [[0.0, 1.0], [0.0, 1.0, 3.0], [2.0, 1.0, 0.0]])
def test_a_grid_that_is_not_even_is_refused(grid):
    with pytest.raises(ValueError, match="grid"):
        curve_shape(parabola(1.0), grid)
