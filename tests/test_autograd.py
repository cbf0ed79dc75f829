"""Gradients of shrinkage, in the coefficient and in the threshold, against closed forms and differences.

Convention: no coefficient lies within `CLEAR` of its threshold or of zero, where the rules have their kinks.
"""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from napari_shrinkage.rules import Firm, Garrote, Hard, ShrinkageRule, Soft, TanhHard

CLEAR = 1e-3
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]
PRECISIONS = [torch.float32, torch.float64]
SMOOTH = (Soft(), Garrote(), Firm(ratio=1.7), TanhHard(temperature=0.1), TanhHard(temperature=3.0))
THRESHOLDS = (0.4, 1.3, 2.5)  # one for each channel


def clear_of_kinks(rule: ShrinkageRule, device: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return coefficients (2, 3, 40) and one threshold per channel (1, 3, 1), both asking for gradients."""
    c = 3 * torch.randn((2, 3, 40), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.tensor(THRESHOLDS, dtype=torch.float64).reshape(1, 3, 1)
    for kink in (0 * t, t, t * getattr(rule, "ratio", 1.0)):
        near = (c.abs() - kink).abs() < CLEAR
        c = torch.where(near, c + 3 * CLEAR, c)
    return tuple(v.to(device, dtype).requires_grad_() for v in (c, t))


def gradients(rule: ShrinkageRule, c: torch.Tensor, t: torch.Tensor, above: torch.Tensor):
    """Return the gradients of the sum of rule(c, t) * above in c and in t."""
    return torch.autograd.grad((rule(c, t) * above).sum(), (c, t))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rule", SMOOTH, ids=repr)
def test_the_gradient_in_coefficient_and_threshold_is_that_of_finite_differences(
    rule: ShrinkageRule, device: str
):
    assert gradcheck(rule, clear_of_kinks(rule, device, torch.float64), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_the_soft_rule_passes_the_gradient_of_kept_coefficients_and_minus_their_signs(
    dtype: torch.dtype, device: str
):
    """The closed form of the notes 000_acfeeb3eb12c2365.txt: 1 and -sign(c) where |c| > t, else 0."""
    c, t = clear_of_kinks(Soft(), device, dtype)
    above = torch.randn(c.shape, generator=torch.Generator().manual_seed(1), dtype=dtype).to(device)
    in_c, in_t = gradients(Soft(), c, t, above)
    kept = (c.abs() > t).to(dtype)
    assert 0 < kept.mean() < 1
    torch.testing.assert_close(in_c, above * kept)
    torch.testing.assert_close(in_t, (-above * kept * c.sign()).sum((0, 2), keepdim=True))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("temperature", [0.1, 3.0])
def test_the_smooth_hard_rule_has_the_gradient_of_its_formula(
    temperature: float, dtype: torch.dtype, device: str
):
    """Beyond t, with u = (|c| - t) / T and s = t / T / cosh(u)**2: 1 + s and sign(c) (tanh(u) - 1 - s)."""
    c, t = clear_of_kinks(TanhHard(), device, dtype)
    above = torch.randn(c.shape, generator=torch.Generator().manual_seed(1), dtype=dtype).to(device)
    in_c, in_t = gradients(TanhHard(temperature=temperature), c, t, above)
    with torch.no_grad():
        u = (c.abs() - t) / temperature
        steep, kept = t / temperature * (1 - u.tanh() ** 2), c.abs() > t
        expected_c = above * kept * (1 + steep)
        expected_t = (above * kept * c.sign() * (u.tanh() - 1 - steep)).sum((0, 2), keepdim=True)
    torch.testing.assert_close(in_c, expected_c, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(in_t, expected_t, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rule", SMOOTH, ids=repr)
def test_gradients_in_single_precision_are_those_in_double(rule: ShrinkageRule):
    double = clear_of_kinks(rule, "cpu", torch.float64)
    single = tuple(v.detach().float().requires_grad_() for v in double)
    above = torch.ones(double[0].shape, dtype=torch.float64)
    for found, expected in zip(
        gradients(rule, *single, above.float()), gradients(rule, *double, above), strict=True
    ):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)


def test_the_hard_rule_says_nothing_of_its_threshold():
    c, t = clear_of_kinks(Hard(), "cpu", torch.float64)
    in_c, in_t = torch.autograd.grad(Hard()(c, t).sum(), (c, t), allow_unused=True)
    torch.testing.assert_close(in_c, (c.abs() > t).double())
    assert in_t is None


@pytest.mark.parametrize("start", [0.5, 6.0])
def test_a_smooth_hard_rule_that_gets_colder_finds_the_threshold_of_a_hard_one(start: float):
    """The toy of the report 001_84862c3c971ecd33.txt: Gaussian values of std 8, cut at 2.4; where?"""
    values = 8 * torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    target = Hard()(values, 2.4)
    t = torch.tensor(start, requires_grad=True)
    optimiser, steps = torch.optim.Adam([t], lr=0.2, betas=(0.8, 0.9)), 300
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.2 * (1 - step / steps)
        error = (TanhHard(temperature=3.0 * 0.01 ** (step / steps))(values, t) - target).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert t.item() == pytest.approx(2.4, abs=0.05)
