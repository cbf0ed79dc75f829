"""Thresholds that descend along the gradient of a loss, through transform, rule and inverse.

Convention: a threshold is the softplus of what moves, so it cannot become negative. A smooth hard rule gets
steeper on the way and ends as the hard rule.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..losses import Example, Objective, Restore
from ..restorers import Restorer, Shrinkage
from ..rules import Hard, ShrinkageRule, TanhHard
from ..thresholds import FixedThreshold
from ..transforms.base import extended
from .adjustable import Adjustable, MovingThreshold, adjustable
from .progress import FitProgress, Work

if TYPE_CHECKING:
    from torch import Tensor

RATE = 0.3
LEAST = 1e-3  # a threshold to start from: at zero the softplus has no way back
STEEPEST = 0.05  # noise stds over which the annealed rule jumps at the end


def descended(restorer: Shrinkage, example: Example, objective: Objective, iterations: int) -> Work:
    """Return the restorer with thresholds after `iterations` steps of Adam, its rate falling to zero."""
    import torch

    numbers = adjustable(_fixed(restorer), restorer.transform, example.noisy.shape[1])
    free = example.noisy.new_tensor(_inverse_softplus(numbers.start)).requires_grad_()
    optimiser = torch.optim.Adam([free], RATE)
    for number in range(iterations):
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * number / iterations)) / 2
        moving = restorer.replace(
            rule=_annealed(restorer, number / iterations),
            threshold=MovingThreshold(numbers.multiples(_softplus(free))),
        )
        with torch.enable_grad():
            risk = objective(restoring(moving, example))
            optimiser.zero_grad()
            risk.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        so_far = _settled(restorer, numbers, free)
        yield FitProgress(number + 1, iterations, "descending", float(risk.detach()), so_far)
    return _settled(restorer, numbers, free)


def restoring(restorer: Restorer, example: Example) -> Restore:
    """Return a restorer as a function of fields (B, C, *spatial) in units of the noise."""
    import torch

    geometry, correlations = restorer.geometry(), example.correlations

    def restored(z: Tensor) -> Tensor:
        whole = extended(z, geometry)
        if len(correlations) == 1:
            result = restorer.apply(whole, correlations[0])
        else:
            each = enumerate(correlations)
            result = torch.cat([restorer.channel(i).apply(whole[:, i : i + 1], one) for i, one in each], 1)
        cropped: Tensor = geometry.cropped(result, tuple(z.shape[2:]))
        return cropped

    return restored


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
    return TanhHard(temperature=rule.temperature * (end / rule.temperature) ** share)


def _softplus(free: Tensor) -> Tensor:
    return free.exp().log1p()


def _inverse_softplus(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.log(np.expm1(np.maximum(values, LEAST)))
