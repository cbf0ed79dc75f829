"""The loss that a fit takes where none is named.

Convention: a name is looked up in `losses`; a value is taken as it is.
"""

from __future__ import annotations

from dataclasses import replace

from ..estimators import estimated_noise
from ..losses import Loss, chosen_loss
from ..recipe import Step
from ..restorers import Cnn, GeneratorPrior
from ..stack import Stack
from .tuning import blind_loss


def usual_loss(step: Step, stack: Stack, loss: str | Loss | None, target: Stack | None) -> tuple[Step, Loss]:
    """Return the loss that is meant, and the step, with its noise where that had to be known.

    Parameters
    ----------
    step : Step
        The method, and the noise or None.
    stack : Stack
        The noisy image.
    loss : str, Loss or None
        What was asked for. None is "supervised" for a generator or with a target; for a network alone what
        suits the noise (`blind_loss`), which is estimated if the step has none; else "sure".
    target : Stack or None
        What to learn from.

    Raises
    ------
    ValueError
        If there is no loss of that name.
    """
    if loss is None and isinstance(step.restorer, GeneratorPrior):
        loss = "supervised"
    elif loss is None and target is None and isinstance(step.restorer, Cnn):
        noise = step.noise or estimated_noise(stack)
        step, loss = replace(step, noise=noise), blind_loss(noise)
    return step, chosen_loss(loss, target is not None)
