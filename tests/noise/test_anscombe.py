"""The generalised Anscombe transform against exact expectations, computed another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, poisson

import napari_shrinkage as ns
from napari_shrinkage.noise.anscombe import Anscombe


def mean_root(mean: float, noise: float, low: float = -math.inf, high: float = math.inf) -> float:
    """Return E[D] of `mean` electrons and read noise `noise`, by adaptive quadrature over each count."""

    def root(electrons: float) -> float:
        return 2 * math.sqrt(max(min(max(electrons, low), high) + 0.375 + noise**2, 0))

    total = 0.0
    for count in range(int(poisson.ppf(1e-12, mean)), int(poisson.ppf(1 - 1e-12, mean)) + 2):
        weight = float(poisson.pmf(count, mean))
        if noise == 0:
            total += weight * root(count)
            continue
        kinks = [p for p in (-0.375 - noise**2, low, high) if abs(p - count) < 8 * noise]
        ends = (count - 8 * noise, count + 8 * noise)
        total += (
            weight * quad(lambda e, c=count: root(e) * norm.pdf(e, c, noise), *ends, points=kinks or None)[0]
        )
    return total


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("mean", [0.2, 1.0, 3.0, 10.0, 60.0])
def test_the_inverse_is_exact(mean: float, noise: float):
    model = ns.PoissonGaussian(2.0, 100.0, 2.0 * noise)
    back = (float(model.inverse(np.array([mean_root(mean, noise)]))[0]) - 100) / 2
    assert back == pytest.approx(mean, rel=1e-3, abs=2e-4)


@pytest.mark.parametrize("noise", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("mean", [150.0, 199.0, 201.0, 300.0, 1000.0])
def test_the_asymptotic_branch_goes_on_where_the_table_ends(mean: float, noise: float):
    counts = np.arange(int(mean - 12 * mean**0.5), int(mean + 12 * mean**0.5))
    draws = counts[:, None] + noise * np.linspace(-7, 7, 401)
    density = norm.pdf(np.linspace(-7, 7, 401))
    roots = 2 * np.sqrt(np.maximum(draws + 0.375 + noise**2, 0)) @ density / density.sum()
    expected = float(poisson.pmf(counts, mean) @ roots)
    assert float(Anscombe(1.0, 0.0, noise).inverse(np.array([expected]))[0]) == pytest.approx(mean, rel=1e-4)


def test_the_algebraic_inverse_would_be_biased():
    root = mean_root(1.0, 0.0)
    assert root**2 / 4 - 0.375 < 0.85
    assert float(Anscombe(1.0).inverse(np.array([root]))[0]) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("mean", [0.5, 3.0])
def test_values_cut_off_at_no_light_come_back_unbiased(mean: float):
    model = Anscombe(1.0, 0.0, 1.5, low=0.0)
    assert float(model.inverse(np.array([mean_root(mean, 1.5, low=0.0)]))[0]) == pytest.approx(mean, rel=2e-3)


def test_next_to_saturation_the_mean_before_clipping_comes_back():
    rng = np.random.default_rng(0)
    model = ns.PoissonGaussian(2.0, 100.0, 4.0, high=2000.0)
    for mean in (1900.0, 1960.0):
        counts = np.minimum(
            2 * rng.poisson((mean - 100) / 2, 10**6) + 100 + 4 * rng.standard_normal(10**6), 2000
        )
        assert counts.mean() < mean - 0.5
        assert float(model.inverse(model.forward(counts).mean(keepdims=True))[0]) == pytest.approx(
            mean, abs=0.3
        )


def test_what_is_saturated_stays_at_saturation_and_never_beyond():
    model = ns.PoissonGaussian(2.0, 100.0, 4.0, low=0.0, high=2000.0)
    z = model.forward(np.array([0.0, 100.0, 1999.0, 2000.0, 3000.0]))
    back = model.inverse(z)
    assert back[-2:].tolist() == [2000.0, 2000.0]
    assert back.min() >= 0


def test_a_mean_below_no_light_is_not_cut_off():
    """A black background must average to black: estimates that fall below it have to stay below."""
    rng = np.random.default_rng(1)
    model = ns.PoissonGaussian(1.0, 10.0, 2.0)
    dark = 10 + 2 * rng.standard_normal((10_000, 16))
    estimates = model.inverse(model.forward(dark).mean(axis=1))
    assert estimates.min() < 9
    assert estimates.mean() == pytest.approx(10, abs=0.05)


@pytest.mark.parametrize("unit", [1e-22, 1e22])
def test_the_unit_of_an_image_does_not_matter(unit: float):
    counts = np.linspace(100, 1000, 50, dtype=np.float32)
    usual = Anscombe(2.0, 100.0, 3.0)
    scaled = Anscombe(2 * unit, 100 * unit, 3 * unit)
    values = counts * np.float32(unit)
    np.testing.assert_allclose(scaled.forward(values), usual.forward(counts), rtol=1e-5)
    np.testing.assert_allclose(scaled.std(values) / unit, usual.std(counts), rtol=1e-5)


def test_a_single_number_is_stabilised_too():
    assert Anscombe(2.0, 100.0, 3.0).forward(np.asarray(120.0)) == pytest.approx(
        2 * (10 + 3 / 8 + 2.25) ** 0.5
    )
