"""A fit as work for a job: what it looks at, how it is stopped with what it has, and what it gained in words.

Convention: everything but the words happens in a worker. Stopping takes effect at the next step and keeps the
numbers of that moment; cancelling leaves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from ..engine import Progress
from ..fitting import Fit, FitProgress, fitting
from ..losses import Loss, Supervised
from ..methods import members
from ..noise import NoiseModel
from ..recipe import Step
from ..restorers import Let, Restorer, Shrinkage
from ..restorers.fitted import Fitted, typical_noise
from ..sample import drawn_fields
from ..stack import Stack
from ..windows import Region
from .content import Content
from .jobs import Work

BELOW_ZERO = (
    "Below zero: the noise is weaker than it was taken to be, for instance where values are cut off, or the "
    "image is too small for a sure estimate."
)


@dataclass(frozen=True)
class Lesson:
    """What shall be learned from what; read on the GUI thread.

    Parameters
    ----------
    layer : napari.layers.Image
        Whose lesson it is; the worker does not touch it.
    content : Content
        Of the layer.
    stack, target : Stack
        What the fit looks at; the target is None for a loss that needs none.
    restorer : Shrinkage, Let or Cnn
        Where to begin.
    noise : NoiseModel or None
        None takes the estimate from the whole layer.
    loss : Loss
        What to make small.
    """

    layer: Any
    content: Content
    stack: Stack
    target: Stack | None
    restorer: Restorer
    noise: NoiseModel | None
    loss: Loss


@dataclass(frozen=True)
class Learned:
    """A fitted method, whose lesson it was, and whether it was stopped on the way."""

    lesson: Lesson
    fit: Fit
    stopped: bool = False


def learning(lesson: Lesson, stop: Event, device: str) -> Work:
    """Fit, until it is done or `stop` is set; return a `Learned` (in a worker)."""
    noise = yield from noise_of(lesson)
    step = Step(lesson.restorer, noise)
    work = fitting(step, lesson.stack, lesson.loss, lesson.target, device=device)
    begin: Restorer | None = None
    risks: list[float] = []
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            return Learned(lesson, end.value)
        risks += [] if progress.risk is None else [progress.risk]
        begin = begin or progress.restorer
        yield progress
        if stop.is_set() and begin is not None and progress.restorer is not None:
            work.close()
            fit = fit_so_far(lesson, noise, [begin, progress.restorer], risks)
            return Learned(lesson, fit, stopped=True)


def noise_of(lesson: Lesson) -> Generator[Progress, None, NoiseModel]:
    """Return the noise that was told, or else the estimate from the whole layer (in a worker)."""
    if lesson.noise is not None:
        return lesson.noise
    if lesson.content.known_noise is None:
        yield Progress(0, 1, "estimating the noise")
    return lesson.content.noise()


def fit_so_far(lesson: Lesson, noise: NoiseModel, methods: Sequence[Restorer], risks: list[float]) -> Fit:
    """Return what an unfinished fit has: the last method, or the first where its loss was less."""
    restorer = methods[-1]
    if risks[-1] > risks[0] and alike_in_rule(methods[0], restorer):
        restorer, risks = methods[0], [*risks, risks[0]]
    fields = drawn_fields(lesson.stack, restorer.spatial_ndim)
    model = noise.for_channels(lesson.stack.channels)
    note = Fitted(
        loss=lesson.loss.name,
        noise_std=typical_noise(model, fields),
        before=risks[0],
        after=risks[-1],
        pixels=fields[:, 0].size,
    )
    assert isinstance(restorer, Shrinkage | Let)
    return Fit(Step(restorer.replace(fitted=note), model), tuple(risks))


def alike_in_rule(one: Restorer, other: Restorer) -> bool:
    """Whether two methods have the same rule: a smooth hard one becomes hard, and may not be gone back to."""
    return getattr(one, "rule", None) == getattr(other, "rule", None)


def risk_of(progress: Progress) -> float | None:
    """Return the loss that a step of a fit tells, if it tells one."""
    return progress.risk if isinstance(progress, FitProgress) else None


def restorer_of(progress: Progress) -> Restorer | None:
    """Return the method as fitted so far, if a step of a fit tells it."""
    return progress.restorer if isinstance(progress, FitProgress) else None


def part_of_stack(stack: Stack, region: Region | None) -> Stack:
    """Return a part of a stack as a stack of its own."""
    return stack if region is None else stack.with_array(stack.array[region])


def frame_pairs(stack: Stack, region: Region | None) -> tuple[Stack, Stack]:
    """Return the time points of a region, and for each the next one (for the last the one before).

    Raises
    ------
    ValueError
        If there is one time point only.
    """
    axis = stack.axes.find("T")
    if axis < 0 or stack.shape[axis] < 2:
        raise ValueError("There is no next time point in this image; choose another image as the target.")
    last = stack.shape[axis] - 1
    window = list(region or (slice(0, n) for n in stack.shape))
    first, end = window[axis].start, window[axis].stop
    if end - first > 1:
        end = min(end, last)
    shift = 1 if first < last else -1
    window[axis] = slice(first, end)
    noisy = stack.array[tuple(window)]
    window[axis] = slice(first + shift, end + shift)
    return stack.with_array(noisy), stack.with_array(stack.array[tuple(window)])


def gain_in_words(learned: Learned) -> str:
    """Say how much of the noise is left before and after a fit, and what a number below zero means."""
    fitted = getattr(learned.fit.restorer, "fitted", None)
    assert isinstance(fitted, Fitted)
    before, after = fitted.before, fitted.after
    title = members(Loss)[fitted.loss].title
    start = "Stopped. " if learned.stopped else ""
    verb = "Error" if isinstance(learned.lesson.loss, Supervised) else "Estimated error"
    said = f"{start}{verb} {before:.3g} → {after:.3g} of the noise ({title})"
    doubt = f" {BELOW_ZERO}" if min(before, after) < 0 else ""
    if after >= before:
        return f"{said}: the numbers it began with were as good.{doubt}"
    better = f", {10 * math.log10(before / after):.2f} dB better" if after > 0 else ""
    return f"{said}{better}.{doubt}"
