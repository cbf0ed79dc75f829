"""`fit`: thresholds, weights or a network that suit one image, as a recipe for `run` on many like it."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Generator
from pathlib import Path

from tqdm import tqdm

from ..files import FileProblem, made_folder
from ..files.problems import whole_or_nothing
from ..fitting import Fit, FitProgress, Tuning, TuningWarning, fitting, usual_loss
from ..noise import NoiseWarning
from ..recipe import Recipe, Step, save_recipe
from ..restorers import Cnn, GeneratorPrior
from ..restorers.fitted import Fitted
from . import BAD_INPUT, say
from .batch import EXPECTED, wished_recipe
from .inputs import read_input


def fit_file(arguments: argparse.Namespace) -> int:
    """Fit a method to an image and write it as a recipe; return 0, or 2 if something could not be used."""
    try:
        target = Path(arguments.output)
        if target.suffix != ".json":
            raise FileProblem(
                f"a recipe is a JSON file, and {target} is none; give a name that ends in .json."
            )
        made_folder(target.parent)
        with whole_or_nothing(target, arguments.overwrite) as part:
            found = _fitted(arguments)
            save_recipe(Recipe.of(found.restorer, device=arguments.device or "auto"), part)
    except EXPECTED as error:
        say(str(error) or type(error).__name__)
        return BAD_INPUT
    print(f"{arguments.input} -> {target}\n  {gain_sentence(found)}")
    return 0


def gain_sentence(fit: Fit) -> str:
    """Say what a fit gained, and where weights that it wrote lie."""
    restorer = fit.restorer
    if isinstance(restorer, GeneratorPrior):
        return f"held-out loss {min(fit.risks):.4g}, where the range of the images is 1. {restorer.weights}"
    if isinstance(fit, Tuning) and isinstance(restorer, Cnn):
        return f"{fit.verdict.sentence} {restorer.model if fit.verdict.is_better else ''}".rstrip()
    note = getattr(restorer, "fitted", None)
    return (
        _change(note) if isinstance(note, Fitted) else f"loss from {fit.risks[0]:.4g} to {fit.risks[-1]:.4g}."
    )


def _change(note: Fitted) -> str:
    text = f"{note.loss}: error from {note.before:.4f} to {note.after:.4f} of the noise's variance"
    if min(note.before, note.after) <= 0:
        return f"{text}."
    return f"{text}, {10 * math.log10(note.before / note.after):.2f} dB."


def _fitted(arguments: argparse.Namespace) -> Fit:
    step: Step = wished_recipe(arguments).steps[0]
    stack = read_input(Path(arguments.input), arguments.axes)
    aim = read_input(Path(arguments.target), arguments.axes) if arguments.target else None
    path = Path(arguments.save_as) if arguments.save_as else None
    with warnings.catch_warnings(record=True) as said, tqdm(disable=None, leave=False, unit="step") as bar:
        warnings.simplefilter("always")
        step, loss = usual_loss(step, stack, arguments.loss, aim)
        work = fitting(step, stack, loss, aim, arguments.iterations, arguments.device or "auto", path)
        fit = _watched(work, bar)
    for warning in said:
        if _is_news(warning.category):
            say(str(warning.message))
    return fit


def _is_news(category: type[Warning]) -> bool:
    """Whether a warning is worth a line: not that an estimate of the noise is uncertain."""
    return issubclass(category, TuningWarning) or not issubclass(category, NoiseWarning)


def _watched(work: Generator[FitProgress, None, Fit], bar: tqdm[None]) -> Fit:
    """Return what the work comes to, showing how far it is."""
    while True:
        try:
            _show(bar, next(work))
        except StopIteration as end:
            fit: Fit = end.value
            return fit


def _show(bar: tqdm[None], progress: FitProgress) -> None:
    bar.total, bar.n = progress.total, progress.done
    bar.set_postfix_str(progress.message)
