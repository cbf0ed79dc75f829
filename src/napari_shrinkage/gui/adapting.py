"""Fine-tuning as work for a job: where its file goes, how long it takes, and what came of it in words.

Convention: everything but the words happens in a worker. Stopping keeps the best network so far; cancelling
leaves nothing, and neither does a network that is not surely better.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from ..engine import Progress
from ..fitting import FitProgress, Tuning, blind_loss, fitting
from ..fitting.tuning import CHECKS, looks_at
from ..recipe import Step
from ..restorers import Cnn
from .jobs import Work
from .learning import Lesson, noise_of
from .weight_names import new_weight_file

MEASURED = 3  # steps, from which the time of all is told
MINUTE = 60  # seconds
FEW_SECONDS = 5


@dataclass(frozen=True)
class Wish:
    """How a network shall learn.

    Parameters
    ----------
    steps : int
        At most.
    folder : Path
        Where its file goes.
    name : str
        Of the layer, for the file's name.
    automatic : bool
        Whether the noise decides the loss.
    """

    steps: int
    folder: Path
    name: str
    automatic: bool = False


@dataclass(frozen=True)
class Adapted:
    """What came of a lesson.

    Parameters
    ----------
    lesson : Lesson
        With the loss that was used.
    fit : Tuning
        The method, and the verdict on it.
    steps : int
        That were taken.
    seconds : float
        That it took.
    path : Path
        Of the network's file, which is there if the network is surely better.
    stopped : bool
        Whether the user ended it.
    """

    lesson: Lesson
    fit: Tuning
    steps: int
    seconds: float
    path: Path
    stopped: bool = False


@dataclass(frozen=True)
class Timed(FitProgress):
    """Progress with an estimate of what all steps take, in seconds; None until it is known."""

    all_seconds: float | None = None


def adapting(lesson: Lesson, wish: Wish, stop: Event, device: str) -> Work:
    """Fine-tune, until it is done or `stop` is set; return an `Adapted` (in a worker)."""
    begun = time.perf_counter()
    assert isinstance(lesson.restorer, Cnn)
    path = new_weight_file(wish.folder, Path(lesson.restorer.model).stem, wish.name)
    noise = yield from noise_of(lesson)
    chosen = lesson if not wish.automatic else replace(lesson, loss=blind_loss(noise))
    step = Step(lesson.restorer, noise)
    aim = chosen.loss, lesson.target, wish.steps
    work = fitting(step, lesson.stack, *aim, device=device, path=path, stopped=stop.is_set)
    steps, fit = yield from _timed(work)
    assert isinstance(fit, Tuning)
    made = fit.restorer
    assert isinstance(made, Cnn)
    file = Path(made.model) if fit.verdict.is_better else path
    return Adapted(chosen, fit, steps, time.perf_counter() - begun, file, stop.is_set())


@dataclass
class Pace:
    """Tells from the first steps how long all will take.

    Parameters
    ----------
    look : float
        Seconds that one look at the held-out part took.
    marks : dict of int to float
        When each step was done, in seconds on any clock.
    """

    look: float = 0.0
    marks: dict[int, float] = field(default_factory=dict)

    def note(self, progress: FitProgress, now: float, before: float) -> None:
        """Note when a step was done; `before` is when the last progress came."""
        if progress.risk is not None and not self.marks:
            self.look = now - before
        self.marks[progress.done] = now

    def seconds(self, steps: int) -> float | None:
        """Return what so many steps and the looks on the way take; None before a few are done."""
        done = max(self.marks, default=0)
        if done < MEASURED:
            return None
        first = 1 if 1 in self.marks else 0
        looks = sum(1 for step in range(first + 1, done + 1) if looks_at(step, steps))
        passed = self.marks[done] - self.marks[first] - looks * self.look
        return max(passed, 0.0) / (done - first) * steps + min(CHECKS, steps) * self.look

    def left(self, steps: int) -> float | None:
        """Return what the steps that are still to do take, in seconds."""
        everything = self.seconds(steps)
        return None if everything is None else everything * (1 - max(self.marks) / steps)


def _timed(work: Generator[FitProgress, None, object]) -> Generator[Progress, None, tuple[int, object]]:
    """Hand on the progress of a fit with the time that is left; return the steps taken, and its value."""
    pace, before, steps = Pace(), time.perf_counter(), 0
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            return steps, end.value
        now = time.perf_counter()
        if progress.message == "learning":
            pace.note(progress, now, before)
            steps, left = progress.done, pace.left(progress.total)
            words = "step" if left is None else f"{about(left)} left, step"
            shown = progress.done, progress.total, words, progress.risk, progress.restorer
            yield Timed(*shown, all_seconds=pace.seconds(progress.total))
        else:
            yield progress
        before = now


def about(seconds: float) -> str:
    """Return a time in words, such as "about 4 min"."""
    if seconds < FEW_SECONDS:
        return "a few seconds"
    if seconds < 1.5 * MINUTE:
        return f"about {5 * round(seconds / 5)} s"
    return f"about {round(seconds / MINUTE)} min"


def verdict_in_words(adapted: Adapted) -> str:
    """Say which network is better, by how much, and how sure that is."""
    found, lesson = adapted.fit.verdict, adapted.lesson
    name = lesson.layer.name
    start = "Stopped. " if adapted.stopped else ""
    error = "error" if lesson.loss.needs_target else "estimated error"
    numbers = f"{error} {found.before:.4g} → {found.after:.4g} of the noise's"
    course = f"{adapted.steps} steps in {about(adapted.seconds).removeprefix('about ')}, {lesson.loss.title}"
    if not found.is_better:
        return (
            f"{start}No network was found that is surely better on {name!r} than the one at the start: "
            f"{numbers}, ± {found.uncertainty:.2g}. That one stays in use; nothing was written. ({course})"
        )
    by = f" by {found.gain:.2f} dB" if math.isfinite(found.gain) else ""
    sure = (found.before - found.after) / found.uncertainty if found.uncertainty else math.inf
    return (
        f"{start}The adapted network is better on {name!r}{by}: {numbers}, on the fifth that it did not "
        f"learn from. The gain is {sure:.1f} times its uncertainty. ({course}; best after "
        f"{adapted.fit.best_step})"
    )
