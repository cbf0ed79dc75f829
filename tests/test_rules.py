"""The rules against PyWavelets, closed forms and each other."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from scipy.stats import norm

from napari_shrinkage.rules import Firm, Garrote, Hard, Lp, ShrinkageRule, Soft, TanhHard

C = torch.from_numpy(np.random.default_rng(0).normal(0, 4, 5000))
SCALED = (Soft(), Hard(), Garrote(), Firm(ratio=1.7), Lp(p=0.3))


def equal(
    found: torch.Tensor, expected: torch.Tensor | np.ndarray | list[float], atol: float = 1e-12
) -> None:
    torch.testing.assert_close(found, torch.as_tensor(expected, dtype=found.dtype), rtol=1e-12, atol=atol)


@pytest.mark.parametrize("t", [0.3, 1.0, 5.0])
@pytest.mark.parametrize(
    ("rule", "mode"), [(Soft(), "soft"), (Hard(), "hard"), (Garrote(), "garrote")], ids=str
)
def test_soft_hard_and_garrote_are_those_of_pywavelets(rule: ShrinkageRule, mode: str, t: float):
    equal(rule(C, t), pywt.threshold(C.numpy(), t, mode))


@pytest.mark.parametrize("ratio", [1.2, 2.0, 7.0])
def test_firm_is_that_of_pywavelets(ratio: float):
    equal(Firm(ratio=ratio)(C, 1.3), pywt.threshold_firm(C.numpy(), 1.3, 1.3 * ratio))


def test_soft_is_a_difference_of_two_rectified_lines():
    equal(Soft()(C, 1.7), (C - 1.7).relu() - (-C - 1.7).relu())


def test_tanh_hard_is_the_odd_part_of_a_rectified_curve():
    t, temperature = 1.7, 0.4

    def half(x: torch.Tensor) -> torch.Tensor:
        return (x - t + t * torch.tanh((x - t) / temperature)).relu()

    equal(TanhHard(temperature=temperature)(C, t), half(C) - half(-C))


def test_tanh_hard_tends_to_hard_when_cold_and_to_soft_when_hot():
    equal(TanhHard(temperature=1e-6)(C, 1.7), Hard()(C, 1.7))
    equal(TanhHard(temperature=1000)(C, 1.7), Soft()(C, 1.7), atol=0.05)


def test_firm_tends_to_hard_and_to_soft():
    equal(Firm(ratio=1 + 1e-9)(C, 1.7), Hard()(C, 1.7))
    equal(Firm(ratio=1000)(C, 1.7), Soft()(C, 1.7), atol=0.02)


def test_lp_tends_to_hard_and_to_soft():
    equal(Lp(p=1e-9)(C, 1.7), Hard()(C, 1.7), atol=1e-6)
    equal(Lp(p=1 - 1e-9)(C, 1.7), Soft()(C, 1.7), atol=1e-6)


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5, 0.8, 0.99])
def test_lp_jumps_at_its_threshold_to_the_known_height(p: float):
    t = 1.7
    around = torch.tensor([t * (1 - 1e-12), t * (1 + 1e-12)], dtype=torch.float64)
    equal(Lp(p=p)(around, t), [0.0, t * 2 * (1 - p) / (2 - p)], atol=1e-9)


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5, 0.8, 0.99, 0.9999])
def test_lp_is_a_stationary_point_to_rounding(p: float):
    t = 1.7
    x = Lp(p=p)(C.abs(), t)
    slope = p * t ** (2 - p) * (2 * (1 - p)) ** (1 - p) / (2 - p) ** (2 - p)
    kept = x > 0
    equal((x + slope * x ** (p - 1))[kept], C.abs()[kept])


def test_lp_of_one_half_is_the_closed_form_of_xu():
    """(x - c)**2 + k |x|**0.5 has the threshold (54 k**2)**(1/3) / 4 (doi:10.1109/TNNLS.2012.2197412)."""
    k = 2.3
    t = 54 ** (1 / 3) / 4 * k ** (2 / 3)
    phase = torch.arccos(k / 8 * (C.abs() / 3) ** -1.5)
    expected = 2 / 3 * C * (1 + torch.cos(2 * torch.pi / 3 - 2 * phase / 3))
    equal(Lp(p=0.5)(C, t), expected.where(C.abs() > t, 0.0))


@pytest.mark.parametrize("rule", SCALED, ids=repr)
def test_rules_without_a_scale_of_their_own_scale_with_coefficient_and_threshold(rule: ShrinkageRule):
    equal(rule(1000 * C, 1700.0), 1000 * rule(C, 1.7), atol=1e-8)


@pytest.mark.parametrize("rule", SCALED, ids=repr)
def test_large_coefficients_keep_a_bias_under_the_soft_rule_alone(rule: ShrinkageRule):
    loss = 1e4 - rule(torch.tensor([1e4], dtype=torch.float64), 1.0).item()
    assert loss == pytest.approx(1.0 if isinstance(rule, Soft) else 0.0, abs=2e-3)


@pytest.mark.parametrize("signal", [0.0, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("t", [0.5, 1.5, 3.0])
def test_the_risk_of_soft_and_hard_is_the_closed_form(signal: float, t: float):
    noisy = signal + torch.from_numpy(np.random.default_rng(1).normal(size=400_000))
    for rule, risk in ((Soft(), soft_risk(signal, t)), (Hard(), hard_risk(signal, t))):
        errors = (rule(noisy, t) - signal) ** 2
        assert errors.mean().item() == pytest.approx(
            risk, abs=4 * errors.std().item() / errors.numel() ** 0.5
        )


def soft_risk(signal: float, t: float) -> float:
    """Return the mean squared error of the soft rule for unit Gaussian noise (Donoho, Johnstone 1994)."""
    inside = norm.cdf(t - signal) - norm.cdf(-t - signal)
    ends = (t - signal) * norm.pdf(t + signal) + (t + signal) * norm.pdf(t - signal)
    return 1 + t**2 + (signal**2 - t**2 - 1) * inside - ends


def hard_risk(signal: float, t: float) -> float:
    """Return the mean squared error of the hard rule for unit Gaussian noise."""
    low, high = -t - signal, t - signal
    inside = norm.cdf(high) - norm.cdf(low)
    dropped_noise = inside - high * norm.pdf(high) + low * norm.pdf(low)
    return signal**2 * inside + 1 - dropped_noise
