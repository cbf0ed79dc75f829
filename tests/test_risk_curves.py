"""The error of a band as a function of its threshold, against plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from napari_shrinkage.risk_curves import RiskCurve, hard_risk, soft_risk, soft_stein_risk

RNG = np.random.default_rng(0)
CLEAN = RNG.laplace(size=400) * (RNG.random(400) < 0.4) * 4
NOISY = CLEAN + RNG.standard_normal(400)
PLACES = np.concatenate([np.linspace(0, 6, 601), np.sort(np.abs(NOISY))[::20]])


def soft(c, t):
    return np.sign(c) * np.maximum(np.abs(c) - t, 0)


def plain(kind: str, t: float) -> float:
    if kind == "soft":
        return float(((soft(NOISY, t) - CLEAN) ** 2).sum())
    if kind == "hard":
        return float(((NOISY * (np.abs(NOISY) > t) - CLEAN) ** 2).sum())
    return float(NOISY.size - 2 * (np.abs(NOISY) <= t).sum() + np.minimum(NOISY**2, t * t).sum())


CURVES = {
    "soft": soft_risk(NOISY, CLEAN),
    "hard": hard_risk(NOISY, CLEAN),
    "stein": soft_stein_risk(NOISY),
}
every_curve = pytest.mark.parametrize(("kind", "curve"), CURVES.items(), ids=CURVES)


@every_curve
def test_it_is_the_sum_of_squared_errors(kind: str, curve: RiskCurve):
    assert curve(PLACES) == pytest.approx(np.array([plain(kind, t) for t in PLACES]), rel=1e-12)


@every_curve
def test_no_threshold_has_a_smaller_error_than_its_minimum(kind: str, curve: RiskCurve):
    place, risk = curve.minimum()
    fine = np.concatenate([np.linspace(0, 8, 40001), np.sort(np.abs(NOISY))])
    assert risk <= curve(fine).min() + 1e-9
    assert risk == pytest.approx(plain(kind, place), rel=1e-9)


def test_the_slope_is_that_of_finite_differences_and_the_closed_form():
    t, step = 1.2345, 1e-6
    curve = CURVES["soft"]
    assert curve.slope(t) == pytest.approx(
        (plain("soft", t + step) - plain("soft", t - step)) / (2 * step), rel=1e-6
    )
    closed = -2 * np.sum(np.sign(soft(NOISY, t)) * (soft(NOISY, t) - CLEAN))  # dw/dt = -sign(w)
    assert curve.slope(t) == pytest.approx(closed, rel=1e-12)


def test_stein_is_unbiased():
    rng, t = np.random.default_rng(1), 1.5
    clean = np.repeat(CLEAN, 500)
    noisy = clean + rng.standard_normal(clean.size)
    assert soft_stein_risk(noisy)(t) == pytest.approx(soft_risk(noisy, clean)(t), rel=0.01)


def test_a_second_noisy_target_moves_no_minimum_on_average():
    rng = np.random.default_rng(2)
    clean = np.repeat(CLEAN, 200)
    noisy, second = (clean + rng.standard_normal(clean.size) for _ in range(2))
    assert soft_risk(noisy, second).minimum()[0] == pytest.approx(
        soft_risk(noisy, clean).minimum()[0], abs=0.05
    )


def test_a_band_without_signal_is_dropped_and_one_without_noise_kept():
    noise = np.random.default_rng(3).standard_normal(200)
    assert soft_risk(noise, np.zeros(200)).minimum()[0] == pytest.approx(np.abs(noise).max())
    assert soft_risk(CLEAN, CLEAN).minimum() == (0.0, 0.0)
    assert CURVES["soft"].share_at_zero(np.inf) == 1
    assert CURVES["soft"].share_at_zero(0) == 0


def test_no_coefficients_have_no_error():
    assert soft_risk([], []).minimum() == (0.0, 0.0)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="expected the same shape"):
        soft_risk(np.zeros(3), np.zeros(4))
