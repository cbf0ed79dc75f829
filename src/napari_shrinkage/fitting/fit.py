"""The fit: from a method and an image to the method with its numbers made to suit the image.

Convention: the noise is known or estimated once, everything else happens in its units. Thresholds of an
orthonormal transform with the soft rule are solved band by band, exactly; other thresholds descend along the
gradient; linear weights have a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

from ..devices import chosen_device
from ..engine import resolve
from ..losses import Example, Loss, Noise2Noise, Supervised
from ..nn.weights import check_new_file
from ..recipe import Step
from ..restorers import Cnn, GeneratorPrior, Let, Restorer, Shrinkage
from ..restorers.fitted import Fitted, typical_noise
from ..rules import TanhHard
from ..stack import Stack
from .descent import descended
from .exact import exact_thresholds, has_curves
from .example import example_of, part_of
from .generator import generator_fitting, new_generator_file
from .parts import Parts
from .progress import Fit, FitProgress, Work
from .tuning import STEPS, Wish, tuning

ITERATIONS = 32
FAR, NEAR = 0.3, 0.1  # rates of a descent: from anywhere, and from thresholds that suit each band alone
FITTED = (Shrinkage, Let, Cnn, GeneratorPrior)
WEIGHT_PIXELS = 2**20  # per channel, on which linear weights are solved


def fitting(
    step: Step,
    stack: Stack,
    loss: Loss,
    target: Stack | None = None,
    iterations: int | None = None,
    device: str = "auto",
    path: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[FitProgress, None, Fit]:
    """Fit a method's numbers or its network, yielding them as they get better; closing the generator cancels.

    Parameters
    ----------
    step : Step
        A `Shrinkage`, a `Let`, a `Cnn` or a `GeneratorPrior`, and the noise; None estimates it.
    stack : Stack
        The noisy image; all its planes take part.
    loss : Loss
        What to make small.
    target : Stack, optional
        On the same grid; the loss says what it must be.
    iterations : int, optional
        Steps of a descent; None takes as many as usual. A solution in closed form takes one for each channel.
    device : str
        Where a descent runs.
    path : Path, optional
        The weight file of a network; None is a new one in the user's folder of models.
    stopped : callable
        Asked at every step of a network: True ends the work, and the best so far is kept.

    Yields
    ------
    FitProgress
        With the loss and the method so far.

    Returns
    -------
    Fit
        The value of the generator (`engine.drain` returns it).

    Raises
    ------
    TypeError, ValueError
        If the method has nothing to fit, or the target does not suit the image or the loss.
    """
    count = ITERATIONS if iterations is None else iterations
    _check(step.restorer, loss, count)
    if isinstance(step.restorer, GeneratorPrior):
        _check_drawn(loss, target)
        _check_cover(stack, target)
        file = path or new_generator_file(step.restorer, stack)
        check_new_file(file)
        wanted = step, stack, loss, target, iterations, device, file, stopped
        return (yield from generator_fitting(*wanted))
    _check_target(stack, loss, target)
    if isinstance(step.restorer, Cnn):
        wish = Wish(loss, iterations or STEPS, path, stopped)
        return (yield from tuning(step, stack, wish, target, device))
    return (yield from _numbers(step, stack, loss, target, count, device))


def _numbers(
    step: Step, stack: Stack, loss: Loss, target: Stack | None, iterations: int, device: str
) -> Generator[FitProgress, None, Fit]:
    """Fit thresholds or linear weights."""
    yield FitProgress(0, 1, "deciding from the data")
    fresh = replace(step, restorer=step.restorer.replace(fitted=None))  # an earlier fit is no cause to warn
    plan = resolve(fresh, stack, "cpu")
    if plan.noise.silent():
        raise ValueError("a channel has no noise, so there is nothing to fit; leave that channel out.")
    everything = example_of(stack, target, plan.noise, plan.restorer, clean=isinstance(loss, Supervised))
    parts = Parts.of(everything, loss, chosen_device(device, has_kernel=False)[0])
    before = parts.risk(plan.restorer)
    if not math.isfinite(before):
        raise ValueError(
            f"{loss.title} has no value on this image ({before}). Check the noise: by its model the pixels "
            "may have none."
        )
    yield FitProgress(0, 1, "starting", before, plan.restorer)
    risks = [before]
    fitted = yield from _watched(_work(plan.restorer, loss, everything, parts, iterations), risks)
    after = parts.risk(fitted)
    if not after <= before and _may_keep(plan.restorer, loss):
        fitted, after = plan.restorer, before
    note = Fitted(
        loss=loss.name,
        noise_std=typical_noise(plan.noise, everything.counts),
        before=before,
        after=after,
        pixels=everything.noisy[:, 0].numel(),
    )
    return Fit(Step(fitted.replace(fitted=note), plan.noise), (*risks, after))


def _work(restorer: Restorer, loss: Loss, everything: Example, parts: Parts, iterations: int) -> Work:
    """Fit a method in the way that suits it: in closed form, band by band, by descent."""
    if isinstance(restorer, Let):
        return (yield from _weights(restorer, everything))
    assert isinstance(restorer, Shrinkage)
    if not has_curves(restorer, loss):
        return (yield from descended(restorer, parts, iterations, FAR))
    solved = yield from exact_thresholds(restorer, everything, loss)
    if _is_exact(solved, loss):
        return solved
    return (yield from descended(solved, parts, iterations, NEAR))


def _is_exact(restorer: Shrinkage, loss: Loss) -> bool:
    """Whether thresholds solved band by band are the best for the image too."""
    return loss.separable and restorer.transform.orthonormal and restorer.spins == 1


def _may_keep(restorer: Restorer, loss: Loss) -> bool:
    """Whether a fit that ends worse may leave the method as it was: a descent that keeps the rule."""
    if not isinstance(restorer, Shrinkage) or isinstance(restorer.rule, TanhHard):
        return False
    return not (has_curves(restorer, loss) and _is_exact(restorer, loss))


def _weights(restorer: Let, example: Example) -> Work:
    part = part_of(example, WEIGHT_PIXELS, (1.0,) * len(example.shape))
    yield FitProgress(0, 1, "solving for the weights")
    correlations = [part.correlation_of(channel) for channel in range(part.noisy.shape[1])]
    return restorer.solved(part.noisy, correlations, part.target)


def _watched(work: Work, risks: list[float]) -> Work:
    """Hand on the progress of a fit, and keep its losses."""
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            fitted: Restorer = end.value
            return fitted
        if progress.risk is not None:
            risks.append(progress.risk)
        yield progress


def _check(restorer: Restorer, loss: Loss, iterations: int) -> None:
    if iterations < 1 or iterations % 1:
        raise ValueError(f"iterations={iterations}: expected a whole number of at least 1.")
    if not isinstance(restorer, FITTED):
        raise TypeError(
            f"{type(restorer).__name__} has no numbers to fit; give a Shrinkage, whose thresholds are "
            "fitted, a Let, whose weights are, a Cnn, whose network is fine-tuned, or a GeneratorPrior, "
            "which is trained."
        )
    if isinstance(restorer, Let) and not loss.separable:
        raise ValueError(
            f"the weights of SURE-LET are solved for Sure, Supervised or Noise2Noise, not for {loss.title}; "
            "use one of these."
        )
    if isinstance(restorer, Shrinkage) and not restorer.rule.differentiable:
        raise ValueError(
            f"the rule {type(restorer.rule).__name__} jumps at its threshold, so no gradient leads to a "
            "better one. Fit with TanhHard: it gets steeper on the way and ends as the Hard rule."
        )


def _check_target(stack: Stack, loss: Loss, target: Stack | None) -> None:
    if target is None and loss.needs_target:
        raise ValueError(
            f"the loss {loss.title} needs a target, {loss.target_words}; give target=..., or use a "
            "loss that needs none (Sure, PoissonGaussianSure, Noise2Self)."
        )
    if target is not None and not loss.needs_target:
        raise ValueError(
            f"the loss {loss.title} looks at the noisy image alone, and a target was given. Leave it "
            "out, or use Supervised (a clean target) or Noise2Noise (a second noisy image)."
        )
    _check_cover(stack, target)


def _check_drawn(loss: Loss, target: Stack | None) -> None:
    if type(loss) is Supervised or (type(loss) is Noise2Noise and target is not None):
        return
    raise ValueError(
        f"a generator learns to draw images, and {loss.title} does not say which. Use Supervised: without a "
        "target it learns to draw the images of the stack, with one those of the target; or Noise2Noise with "
        "a second noisy stack as the target."
    )


def _check_cover(stack: Stack, target: Stack | None) -> None:
    if target is not None and (target.shape, target.axes) != (stack.shape, stack.axes):
        raise ValueError(
            f"the target has shape {target.shape} (axes {target.axes}), the image {stack.shape} (axes "
            f"{stack.axes}); give one that covers the same pixels."
        )
