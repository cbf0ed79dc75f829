"""What every shrinkage rule promises."""

from __future__ import annotations

import pytest
import torch

from napari_shrinkage.methods import Method, members
from napari_shrinkage.rules import Firm, Lp, ProximalRule, ShrinkageRule, TanhHard

FAR_SETTINGS: tuple[ShrinkageRule, ...] = (
    Firm(ratio=1.01),
    Firm(ratio=100),
    TanhHard(temperature=0.01),
    TanhHard(temperature=10),
    Lp(p=0.05),
    Lp(p=0.95),
)
RULES: list[ShrinkageRule] = [cls() for cls in members(ShrinkageRule).values()]
RULES += FAR_SETTINGS
THRESHOLDS = (0.05, 1.0, 2.7)
C = torch.linspace(-9, 9, 3601, dtype=torch.float64)
BETWEEN = torch.tensor([-7.3, -2.93, -1.37, -0.61, 0.013, 0.43, 1.51, 2.23, 3.17, 8.9], dtype=torch.float64)


def identity(rule: Method) -> str:
    return repr(rule)


every_rule = pytest.mark.parametrize("rule", RULES, ids=identity)
every_penalty = pytest.mark.parametrize(
    "rule", [r for r in RULES if isinstance(r, ProximalRule)], ids=identity
)
every_threshold = pytest.mark.parametrize("t", THRESHOLDS)


@every_rule
@every_threshold
def test_it_is_odd(rule: ShrinkageRule, t: float):
    assert torch.equal(rule(-C, t), -rule(C, t))


@every_rule
@every_threshold
def test_it_shrinks_and_never_flips_a_sign(rule: ShrinkageRule, t: float):
    shrunk = rule(C, t)
    assert (shrunk.abs() <= C.abs()).all()
    assert (shrunk * C >= 0).all()


@every_rule
@every_threshold
def test_a_coefficient_up_to_the_threshold_becomes_zero_and_a_larger_one_does_not(
    rule: ShrinkageRule, t: float
):
    shrunk = rule(torch.cat([C, torch.tensor([t, -t], dtype=C.dtype)]), t)
    assert not shrunk[-2:].any()
    assert torch.equal(shrunk[:-2] != 0, C.abs() > t)


@every_rule
def test_a_threshold_of_zero_changes_nothing(rule: ShrinkageRule):
    assert torch.equal(rule(C, 0.0), C)
    assert torch.equal(rule(C, torch.zeros(1, dtype=C.dtype)), C)


@every_rule
@every_threshold
def test_it_is_non_decreasing(rule: ShrinkageRule, t: float):
    assert (rule(C, t).diff() > -1e-12).all()


@every_penalty
@pytest.mark.parametrize("t", [0.0, *THRESHOLDS])
def test_it_is_the_brute_force_minimum_of_its_penalty(rule: ProximalRule, t: float):
    x = torch.arange(-18000, 18001, dtype=torch.float64) / 2000  # holds 0 itself

    penalty = rule.penalty(x, t)
    c = C[::30]
    best = ((c[:, None] - x) ** 2 / 2 + penalty).amin(dim=1)
    shrunk = rule(c, t)
    found = (c - shrunk) ** 2 / 2 + rule.penalty(shrunk, t)
    assert (found <= best + 1e-12).all()
    assert (found >= best - 1e-6).all()  # the grid is 0.0005 wide


@every_rule
@pytest.mark.parametrize("t", [0.5, 2.0])
def test_its_gradient_in_c_is_that_of_finite_differences(rule: ShrinkageRule, t: float):
    c = BETWEEN.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda c: rule(c, t), c)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.differentiable], ids=identity)
@pytest.mark.parametrize("t", [0.5, 2.0])
def test_its_gradient_in_t_is_that_of_finite_differences_where_it_is_differentiable(
    rule: ShrinkageRule, t: float
):
    threshold = torch.full((1,), t, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda threshold: rule(BETWEEN, threshold), threshold)
    assert torch.autograd.grad(rule(C, threshold).abs().sum(), threshold)[0].item() < 0


@every_rule
def test_a_rule_that_is_differentiable_in_t_has_no_jump_and_the_others_have_one(rule: ShrinkageRule):
    """Where a rule jumps, the loss changes with t though no single coefficient's derivative says so."""
    just_beyond = rule(torch.tensor([1 + 1e-9], dtype=torch.float64), 1.0).item()
    assert (just_beyond < 1e-6) == rule.differentiable


@every_rule
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_at_zero_and_at_extremes(rule: ShrinkageRule, dtype: torch.dtype):
    c = torch.tensor([0.0, 1e-38, 1e-20, 1.0, 1e15], dtype=dtype, requires_grad=True)
    for t in (0.0, 1e-20, 1.0, 1e15):
        threshold = torch.tensor(t, dtype=dtype, requires_grad=True)
        shrunk = rule(c, threshold)
        assert shrunk.dtype == dtype
        inputs = (c, threshold) if rule.differentiable else (c,)
        gradients = torch.autograd.grad(shrunk.sum(), inputs)
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert shrunk.isfinite().all()


@every_rule
def test_a_threshold_per_channel_does_what_each_alone_does(rule: ShrinkageRule):
    c = C.reshape(1, 1, 13, 277).expand(2, 3, 13, 277)
    t = torch.tensor(THRESHOLDS, dtype=torch.float64).reshape(1, 3, 1, 1)
    shrunk = rule(c, t)
    for channel, one in enumerate(THRESHOLDS):
        torch.testing.assert_close(shrunk[:, channel], rule(c[:, channel], one), rtol=1e-12, atol=1e-12)


@every_rule
def test_for_other_noise_it_is_the_same_rule_in_units_of_that_noise(rule: ShrinkageRule):
    torch.testing.assert_close(rule.for_noise(0.1)(C / 10, 0.17), rule(C, 1.7) / 10, rtol=1e-9, atol=1e-12)
    assert not rule.for_noise(0.0)(torch.zeros(3), 0.0).any()
