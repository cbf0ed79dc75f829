"""Thresholds that descend along the gradient of a loss, through transform, rule and inverse.

Convention: a threshold is the softplus of what moves, so it cannot become negative. A smooth hard rule gets
steeper on the way and ends as the hard rule.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..restorers import Shrinkage
from ..rules import Hard, ShrinkageRule, TanhHard
from ..thresholds import FixedThreshold
from .adjustable import Adjustable, MovingThreshold, adjustable
from .example import restoring
from .parts import Parts
from .progress import FitProgress, Work

if TYPE_CHECKING:
    from torch import Tensor

MEMORY = (0.8, 0.9)  # of Adam: short, as the first steps are the steepest
COOLED = 0.5  # of the way, after which an annealed rule gets no steeper
LEAST = 1e-3  # a threshold to start from: at zero the softplus has no way back
STEEPEST = 0.05  # noise stds over which the annealed rule jumps at the end


def descended(restorer: Shrinkage, parts: Parts, iterations: int, rate: float) -> Work:
    """Return the restorer with thresholds after `iterations` steps of Adam, its `rate` falling to zero.

    The parts take turns; the loss that is told is the mean of the last one of each.
    """
    import torch

    first = parts.examples[0].noisy
    numbers = adjustable(_fixed(restorer), restorer.transform, first.shape[1])
    free = first.new_tensor(_inverse_softplus(numbers.start)).requires_grad_()
    optimiser = torch.optim.Adam([free], rate, MEMORY)
    latest: dict[int, float] = {}
    for number in range(iterations):
        turn = number % len(parts.examples)
        optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * number / iterations)) / 2
        moving = restorer.replace(
            rule=_annealed(restorer, number / iterations),
            threshold=MovingThreshold(numbers.multiples(_softplus(free))),
        )
        with torch.enable_grad():
            risk = parts.objectives[turn](restoring(moving, parts.examples[turn]))
            optimiser.zero_grad()
            risk.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        latest[turn] = float(risk.detach())
        mean = sum(latest.values()) / len(latest)
        yield FitProgress(number + 1, iterations, "descending", mean, _settled(restorer, numbers, free))
    return _settled(restorer, numbers, free)


def _settled(restorer: Shrinkage, numbers: Adjustable, free: Tensor) -> Shrinkage:
    """Return the method with the numbers of this moment; a smooth hard rule becomes the hard rule."""
    rule = Hard() if isinstance(restorer.rule, TanhHard) else restorer.rule
    threshold = numbers.rebuild(_softplus(free.detach()).double().cpu().tolist())
    return restorer.replace(rule=rule, threshold=threshold)


def _fixed(restorer: Shrinkage) -> FixedThreshold:
    assert isinstance(restorer.threshold, FixedThreshold), "resolve before the descent"
    return restorer.threshold


def _annealed(restorer: Shrinkage, share: float) -> ShrinkageRule:
    """Return the rule at a share of the way: a smooth hard one with its temperature falling to `STEEPEST`."""
    rule = restorer.rule
    if not isinstance(rule, TanhHard):
        return rule
    end = min(STEEPEST, rule.temperature)
    return TanhHard(temperature=rule.temperature * (end / rule.temperature) ** min(share / COOLED, 1))


def _softplus(free: Tensor) -> Tensor:
    return free.clamp_min(0) + (-free.abs()).exp().log1p()  # nothing overflows, however large the threshold


def _inverse_softplus(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values = np.maximum(values, LEAST)
    return values + np.log(-np.expm1(-values))
