"""Fine-tuning: a network that was trained elsewhere goes on learning on the user's own images.

Convention: a part of the image is held out. It says when the network was at its best, and whether that is
surely better than before; if not, the method stays as it was, and a warning says so.
"""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine import digest, resolve
from ..losses import Example, Loss, Noise2Self, Objective, PoissonGaussianSure, Restore, Supervised, Sure
from ..methods import to_record
from ..nn.inference import fastest_precision
from ..nn.models import network_of
from ..nn.tuned import check_tunable, live_file, new_file, write_tuned
from ..nn.weights import check_new_file, still_unused
from ..noise import NoiseModel, NoiseWarning
from ..recipe import Plan, Step
from ..restorers import Cnn
from ..restorers.fitted import Fitted, typical_noise
from ..stack import Stack
from .example import example_of, restoring
from .held_out import Referee, Verdict, Window, drawn_batch, split, verdict
from .progress import Fit, FitProgress
from .recorrupted import recorrupted

if TYPE_CHECKING:
    from torch import Tensor, nn

STEPS = 300
RATE, BLIND_RATE = 2e-4, 1e-4  # with a second image to learn from, and without
BATCH, SIDE = 8, 96  # crops of a step, and their side in pixels
CHECKS = 10  # looks at the held-out part at most, besides that at the start
WARM_UP = 10  # steps
LONGEST = 1.0  # norm of the gradient
STREAM = 0x7E4E  # of chance

Stopped = Callable[[], bool]


class TuningWarning(NoiseWarning):
    """Fine-tuning found no network that is surely better."""


@dataclass(frozen=True)
class Tuning(Fit):
    """A network after fine-tuning: the better one, and what the held-out part said.

    Parameters
    ----------
    verdict : Verdict
        On the best network found on the way, against the one at the start.
    best_step : int
        The step at which it was found.
    """

    verdict: Verdict
    best_step: int


class Wish(NamedTuple):
    """How a network shall learn: see `tuning`."""

    loss: Loss
    steps: int = STEPS
    path: Path | None = None
    stopped: Stopped = lambda: False
    rate: float | None = None
    seed: int = 0


def tuning(
    step: Step, stack: Stack, wish: Wish, target: Stack | None = None, device: str = "auto"
) -> Generator[FitProgress, None, Tuning]:
    """Fine-tune the network of a `Cnn`, yielding it as it gets better; closing the generator cancels.

    Parameters
    ----------
    step : Step
        A `Cnn`, and the noise; None estimates it.
    stack : Stack
        The noisy image; all its planes take part.
    wish : Wish
        `loss`: what to make small. `steps` of Adam, each on 8 crops of 96 x 96 pixels. `path`: the weight
        file to write, None for a new one in the user's folder of models. `stopped` is asked after every
        step: True ends the work, and the best network so far is kept. `rate`: of learning; None suits our
        networks. `seed`: of crops and probes.
    target : Stack, optional
        On the same grid; the loss says what it must be.
    device : str
        Where.

    Yields
    ------
    FitProgress
        With the mean loss of the held-out part and the method so far, where that was measured.

    Returns
    -------
    Tuning
        With the fine-tuned method, or where it is not surely better that of the start.

    Raises
    ------
    TypeError, ValueError
        If the network cannot learn, the image is too small, or there is a file of that name.

    Warns
    -----
    TuningWarning
        If the method stays as it was.
    """
    if wish.path is not None:
        check_new_file(wish.path)
    yield FitProgress(0, 1, "deciding from the data")
    begin = step.restorer.replace(blend=0.0, fitted=None)
    plan = resolve(Step(begin, step.noise), stack, device)
    pupil = Pupil.of(plan)
    _check_noise(wish.loss, plan.noise)
    everything = example_of(stack, target, plan.noise, plan.restorer, clean=isinstance(wish.loss, Supervised))
    learned, held_out = split(everything)
    referee = Referee.of(everything, held_out, wish.loss, plan.device)
    path = wish.path or new_file(pupil.restorer.card, digest(stack))
    check_new_file(path)
    course = Course(pupil, referee, wish.steps)
    yield from course.look(0)
    course.check(wish.loss)
    for number in _steps(pupil, everything, learned, wish):
        stopped = wish.stopped()
        if stopped or looks_at(number, wish.steps):
            yield from course.look(number)
        else:
            yield FitProgress(number, wish.steps, "learning")
        if stopped:
            break
    return _finished(course, step, plan, stack, everything, wish, path)


def looks_at(number: int, steps: int) -> bool:
    """Whether the held-out part is looked at after a step."""
    return number == steps or number % -(-steps // CHECKS) == 0


@dataclass(eq=False)
class Pupil:
    """A network while it learns.

    Parameters
    ----------
    restorer : Cnn
        The resolved method.
    network : Module
        A copy of its network.
    first : Module
        The network as it was.
    device : str
        Where it learns.
    coarse : bool
        Whether it convolves in bfloat16.
    """

    restorer: Cnn
    network: nn.Module
    first: nn.Module
    device: str
    coarse: bool

    @classmethod
    def of(cls, plan: Plan) -> Pupil:
        """Return a network that may be changed, of a resolved method."""
        import torch

        restorer = plan.restorer
        assert isinstance(restorer, Cnn)
        network: Any = copy.deepcopy(network_of(restorer.card.name, restorer.card.checksum))
        check_tunable(network, restorer.card)
        packed = network.to(plan.device, memory_format=torch.channels_last)
        learning = copy.deepcopy(packed).requires_grad_(True)
        coarse = fastest_precision(plan.device, residual=True) == "bfloat16"
        return cls(restorer, learning, packed, plan.device, coarse)

    def restoring(self, example: Example) -> Restore:
        """Return the network as a function of fields in units of the noise."""
        return self._restoring(self.network, example)

    def restoring_as_before(self, example: Example) -> Restore:
        """Return the same of the network as it was."""
        return self._restoring(self.first, example)

    def _restoring(self, network: nn.Module, example: Example) -> Restore:
        import torch

        def run(images: Tensor, sigma: Tensor) -> Tensor:
            packed = images.contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.coarse):
                restored: Tensor = network(packed, sigma)
            return restored.float()

        return restoring(self.restorer, example, lambda one, z, lags: one.apply_by(run, z, lags))

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights, float16 on the CPU."""
        found = self.network.state_dict().items()
        return {name: value.detach().half().cpu().contiguous() for name, value in found}


@dataclass(eq=False)
class Course:
    """How a network did on the held-out part, and the best one so far.

    Parameters
    ----------
    pupil : Pupil
        The network.
    referee : Referee
        The held-out part.
    steps : int
        Of the whole course.
    """

    pupil: Pupil
    referee: Referee
    steps: int
    looks: list[tuple[float, ...]] = field(default_factory=list)
    best: int = 0  # number of a look
    best_step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def risks(self) -> tuple[float, ...]:
        """The mean loss at each look."""
        return tuple(float(np.average(losses, weights=self.referee.weights)) for losses in self.looks)

    @property
    def verdict(self) -> Verdict:
        """On the best network, against the first."""
        return verdict(self.looks[0], self.looks[self.best], self.referee.weights)

    def look(self, step: int) -> Iterator[FitProgress]:
        """Measure the network after so many steps, and keep it if it is the best so far.

        The last progress has the mean loss, and a method that has the network as it is now.
        """
        losses = []
        for loss in self.referee.losses(self.pupil.restoring):
            losses.append(loss)
            yield FitProgress(step, self.steps, "looking at the part held out")
        self.looks.append(tuple(losses))
        weights = self.pupil.weights()
        if not self.weights or self.risks[-1] < self.risks[self.best]:
            self.best, self.best_step, self.weights = len(self.looks) - 1, step, weights
        live = live_file(weights, self.pupil.restorer.card)
        restorer = self.pupil.restorer.replace(model=str(live), weights=None, checksum=None)
        yield FitProgress(step, self.steps, "learning", self.risks[-1], restorer)

    def check(self, loss: Loss) -> None:
        """Raise an error if the loss has no value on the held-out part."""
        if not math.isfinite(self.risks[0]):
            raise ValueError(
                f"{loss.title} has no value on this image ({self.risks[0]}). Check the noise: by its model "
                "the pixels may have none."
            )


def _steps(pupil: Pupil, example: Example, windows: Sequence[Window], wish: Wish) -> Iterator[int]:
    """Take the steps of Adam, the rate falling to zero, and yield the number of each."""
    import torch

    rng = np.random.default_rng([STREAM, wish.seed])
    parameters = list(pupil.network.parameters())
    rate = wish.rate or (RATE if wish.loss.needs_target else BLIND_RATE)
    optimizer = torch.optim.Adam(parameters, rate, betas=(0.9, 0.99))
    for number in range(1, wish.steps + 1):
        fall = (1 + math.cos(math.pi * (number - 1) / wish.steps)) / 2
        optimizer.param_groups[0]["lr"] = rate * min(number / WARM_UP, 1) * fall
        batch = drawn_batch(example, windows, BATCH, SIDE, rng, pupil.device)
        objective = _objective(wish.loss, batch, number, pupil)
        with torch.enable_grad():
            risk = objective(pupil.restoring(batch))
            optimizer.zero_grad()
            risk.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, LONGEST)
        optimizer.step()
        yield number


def _objective(loss: Loss, batch: Example, number: int, pupil: Pupil) -> Objective:
    """Return what the network must make small in a step."""
    if not isinstance(loss, Sure | PoissonGaussianSure):
        return loss.redrawn(number).objective(batch)
    compared = recorrupted(batch, loss.seed + number, in_counts=isinstance(loss, PoissonGaussianSure))
    first = pupil.restoring_as_before(batch)
    return lambda restore: compared(restore, first)


def _finished(
    course: Course, step: Step, plan: Plan, stack: Stack, everything: Example, wish: Wish, path: Path
) -> Tuning:
    """Return the better method, the network of a fine-tuned one in a file of its own."""
    found = course.verdict
    if not found.is_better:
        warnings.warn(f"{found.sentence} The network stays as it was.", TuningWarning, stacklevel=3)
        return Tuning(Step(step.restorer, plan.noise), course.risks, found, course.best_step)
    source, card = digest(stack), course.pupil.restorer.card
    facts = {
        "tuned_on": source,
        "tuned_noise": json.dumps(to_record(plan.noise)),
        "tuned_by": f"{wish.loss.title}, {course.best_step} steps",
        "tuned_error": f"{found.before:.5g} before, {found.after:.5g} after, ± {found.uncertainty:.2g}",
    }
    path = still_unused(path)
    checksum = write_tuned(course.weights, card, path, facts)
    note = Fitted(
        loss=wish.loss.name,
        noise_std=typical_noise(plan.noise, everything.counts),
        before=found.before,
        after=found.after,
        pixels=everything.noisy[:, 0].numel(),
    )
    tuned = step.restorer.replace(model=str(path), weights=None, checksum=checksum, fitted=note)
    return Tuning(Step(tuned, plan.noise), course.risks, found, course.best_step)


def blind_loss(noise: NoiseModel) -> Loss:
    """Return the loss to learn by where there is nothing but the noisy image."""
    return Noise2Self() if _is_correlated(noise) else Sure()


def _check_noise(loss: Loss, noise: NoiseModel) -> None:
    """Raise an error if a network cannot learn by a loss under this noise."""
    if silent := [index for index, none in enumerate(noise.silent()) if none]:
        raise ValueError(f"channel {silent[0]} has no noise, so there is nothing to learn; leave it out.")
    if isinstance(loss, Sure | PoissonGaussianSure) and _is_correlated(noise):
        raise ValueError(
            f"the noise is correlated between pixels, and a network that learns by {loss.title} takes what "
            "the estimated correlation misses for signal. Use Noise2Self, which hides all pixels that share "
            "their noise, or Noise2Noise with a second image."
        )


def _is_correlated(noise: NoiseModel) -> bool:
    colors = () if noise.color is None else noise.color.correlations
    return any(one is not None for one in (noise.autocorrelation, *colors))
