"""What the widget Generator does in a worker: train on the images of a stack, and compare codes.

Convention: nothing here touches a widget or a layer. Stopping keeps the best generator so far; cancelling
leaves no file.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import numpy as np

from ..diagnostics.generators import LatentError, generator_misfit, latent_errors
from ..engine import Progress, Result, digest
from ..fitting import Fit, FitProgress, fitting
from ..losses import Supervised
from ..nn.trained_generator import NETWORK, TrainedGenerator
from ..nn.weights import metadata, passing_folder, unused_path
from ..recipe import Step
from ..restorers import GeneratorPrior
from ..restorers.generator_misfit import Misfit
from ..stack import Float, Stack
from .adapting import about
from .jobs import Work
from .learning import part_of_stack
from .weight_names import new_weight_file

FOLDER = "generators"  # in the folder of models
KNOWN_AFTER = 20  # steps, from which the time of all is told
TESTED = 5  # one image in so many is not trained on, and tells the errors
MOST_TESTED = 48
FEWEST = 20  # images to compare on
DRAWS = 3  # of the noise, for each image
DARK = 0.1  # percentile of the pixels, above which the mean square is taken


@dataclass(frozen=True)
class Training:
    """What a generator shall be trained on; read on the GUI thread.

    Parameters
    ----------
    stack : Stack
        Small images.
    chosen : tuple of int or None
        Which images along the axis that counts them; None is all.
    restorer : GeneratorPrior
        Not yet trained.
    steps : int
        At most.
    name : str
        For the file.
    folder : Path
        Where it goes.
    """

    stack: Stack
    chosen: tuple[int, ...] | None
    restorer: GeneratorPrior
    steps: int
    name: str
    folder: Path


@dataclass(frozen=True)
class Trained:
    """What came of a training, and whether the user ended it."""

    fit: Fit
    path: Path
    stopped: bool
    seconds: float

    @property
    def restorer(self) -> GeneratorPrior:
        """The trained generator."""
        assert isinstance(self.fit.restorer, GeneratorPrior)
        return self.fit.restorer


def training(wish: Training, stop: Event, device: str) -> Work:
    """Train, until it is done or `stop` is set; return a `Trained` (in a worker)."""
    begun = time.perf_counter()
    kind = f"K{wish.restorer.latent}-{wish.restorer.network}"
    path = new_weight_file(wish.folder, wish.name, kind)
    step, stack = Step(wish.restorer, None), images_of(wish.stack, wish.chosen)
    work = fitting(
        step, stack, Supervised(), iterations=wish.steps, device=device, path=path, stopped=stop.is_set
    )
    fit: Fit = yield from _timed(work)
    made = fit.restorer
    assert isinstance(made, GeneratorPrior)
    return Trained(fit, Path(made.weights or path), stop.is_set(), time.perf_counter() - begun)


def images_of(stack: Stack, chosen: Sequence[int] | None) -> Stack:
    """Return the chosen images of a stack along the axis that counts them."""
    if chosen is None:
        return stack
    axis = counting_axis(stack)
    assert axis is not None
    return stack.with_array(np.take(np.asarray(stack.array), chosen, axis))


def counting_axis(stack: Stack) -> int | None:
    """Return the axis that counts images, where there is exactly one beside rows and columns, else None."""
    others = [axis for axis, letter in enumerate(stack.axes) if letter not in "YX"]
    return others[0] if len(others) == 1 and not stack.is_color else None


def generator_folder(models: Path) -> Path:
    """Return where trained generators lie in a folder of models."""
    return models / FOLDER


def trained_in_words(trained: Trained) -> str:
    """Say what was trained, how well it draws, and where it lies."""
    generator = trained.restorer.generator
    start = "Stopped. " if trained.stopped else ""
    return (
        f"{start}{trained.path.name}: {described(generator)}. Images that it did not learn from are drawn "
        f"with an error of {error_of(generator):.3g} counts (rms), {relative(generator):.1%} of their range. "
        f"({generator.facts['steps']} steps in {about(trained.seconds).removeprefix('about ')})"
    )


def error_of(generator: TrainedGenerator) -> float:
    """Return the root mean squared error of held-out images, in counts."""
    return float(np.sqrt(generator.error)) * generator.span


def relative(generator: TrainedGenerator) -> float:
    """Return the root mean squared error of held-out images, as a share of the range of the stack."""
    return float(np.sqrt(generator.error))


def described(generator: TrainedGenerator) -> str:
    """Return size, length of the code, kind and number of training images."""
    y, x = generator.network.shape
    images = generator.facts.get("images", "?")
    return f"{y} × {x}, K = {generator.network.latent}, {generator.network.kind}, {images} images"


@dataclass(frozen=True)
class Known:
    """A file of a trained generator, and what its header says in two lines."""

    path: Path
    title: str
    details: str
    shape: tuple[int, int]
    latent: int
    network: str


def known_generators(folder: Path) -> list[Known]:
    """Return the generators in a folder, the newest first; what cannot be read is left out."""
    files = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = (known(path) for path in files)
    return [one for one in found if one is not None]


def known(path: Path) -> Known | None:
    """Return what the header of a file says, or None where it holds no generator."""
    try:
        told = metadata(path)
        if told.get("network") != NETWORK:
            return None
        y, x = (int(n) for n in told["shape"].split(","))
        latent, kind = int(told["latent"]), told["kind"]
        error = float(told["error"]) ** 0.5 * (float(told["high"]) - float(told["low"]))
    except (ValueError, KeyError, OSError):
        return None
    size = f"{y} × {x}, K = {latent}, {kind}"
    details = f"{size}\n{told.get('images', '?')} images, error {error:.3g} counts"
    return Known(path, path.stem, details, (y, x), latent, kind)


def misfit_of_result(result: Result, stack: Stack) -> Work:
    """Say for every image of a result whether it is like the training stack; return a `Misfit`."""
    yield Progress(0, 1, "looking for unlike images")
    plan = result.record.plans[-1]
    restorer = plan.restorer
    assert isinstance(restorer, GeneratorPrior)
    part = part_of_stack(stack, result.region)
    found: Misfit = generator_misfit(part, result.stack, plan.noise, restorer)
    return found


@dataclass(frozen=True)
class LatentWish:
    """Which lengths of the code shall be compared, on what.

    Parameters
    ----------
    stack : Stack
        Clean images.
    chosen : tuple of int or None
        Which of them; None is all.
    restorer : GeneratorPrior
        Its network and prior.
    lengths : tuple of int
        Of the code.
    strengths : tuple of float
        Variance of the noise over the mean square of the image.
    steps : int
        Of every training.
    """

    stack: Stack
    chosen: tuple[int, ...] | None
    restorer: GeneratorPrior
    lengths: tuple[int, ...]
    strengths: tuple[float, ...]
    steps: int


@dataclass
class Workshop:
    """Generators that were trained to be compared, in a folder that goes when the program ends."""

    folder: Path = field(default_factory=passing_folder)
    made: dict[tuple[object, ...], GeneratorPrior] = field(default_factory=dict)


def comparing_lengths(wish: LatentWish, workshop: Workshop, device: str) -> Work:
    """Train a generator for each length of the code, and split its error; return a tuple of `LatentError`.

    One image in five is held back, is seen by no generator, and tells the errors. Brightness is counted
    from the darkest pixels, so that an offset of the camera is no signal.
    """
    yield Progress(0, 1, "reading the images")
    learned, tested = split_images(images_of(wish.stack, wish.chosen))
    key = digest(learned)
    errors: list[LatentError] = []
    for latent in wish.lengths:
        prefix = f"K = {latent}: "
        restorer = wish.restorer.replace(latent=latent)
        place = (key, restorer, wish.steps)
        if place not in workshop.made:
            work = _trained(restorer, learned, wish.steps, workshop, prefix, device)
            workshop.made[place] = yield from work
        for done, strength in enumerate(wish.strengths):
            yield Progress(done, len(wish.strengths), f"{prefix}noise {strength:g}, ")
            errors += latent_errors(tested, [workshop.made[place]], [strength], DRAWS)
    return tuple(errors)


def split_images(stack: Stack) -> tuple[Stack, Float]:
    """Return images to train on and images (N, Y, X) to test with, above the darkest pixels.

    Raises
    ------
    ValueError
        If there are too few images, or they are not counted by one axis.
    """
    if counting_axis(stack) is None:
        raise ValueError(
            "a comparison needs a stack of images that are counted by one axis (such as TYX); this one has "
            f"the axes {stack.axes}."
        )
    images = np.concatenate(list(stack.fields(2)))
    images = images[np.isfinite(images).all((1, 2))]
    if len(images) < FEWEST:
        raise ValueError(
            f"a comparison needs at least {FEWEST} images whose pixels are all finite, better hundreds; this "
            f"stack has {len(images)}."
        )
    images = images - np.percentile(images, DARK)
    order = np.random.default_rng(0).permutation(len(images))
    held = len(images) // TESTED
    return Stack(images[order[held:]], "TYX", source=stack.source), images[order[:held][:MOST_TESTED]]


def _trained(
    restorer: GeneratorPrior, stack: Stack, steps: int, workshop: Workshop, prefix: str, device: str
) -> Generator[Progress, None, GeneratorPrior]:
    path = unused_path(f"K{restorer.latent}", workshop.folder)
    work = fitting(Step(restorer, None), stack, Supervised(), iterations=steps, device=device, path=path)
    fit: Fit = yield from _timed(work, prefix)
    assert isinstance(fit.restorer, GeneratorPrior)
    return fit.restorer


def _timed(work: Generator[FitProgress, None, Fit], prefix: str = "") -> Generator[Progress, None, Fit]:
    """Hand on the progress of a training, with the time that is left or what it is for."""
    begun: float | None = None
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            fit: Fit = end.value
            return fit
        begun = time.perf_counter() if begun is None or not progress.done else begun
        left = ""
        if prefix and progress.done:
            left = "step"
        elif KNOWN_AFTER <= progress.done < progress.total:
            seconds = (time.perf_counter() - begun) / progress.done * (progress.total - progress.done)
            left = f"{about(seconds)} left, step"
        yield replace(progress, message=f"{prefix}{left or progress.message}")
