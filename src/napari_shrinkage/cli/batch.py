"""`run`: many files, one after the other; one that cannot be used does not cost the others their turn."""

import argparse
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from tqdm import tqdm

from ..conversion import converted_result, wanted_dtype
from ..engine import Progress, Result, run
from ..files import FORMATS, FileProblem, checked_target, ending, made_folder, read_record, write
from ..methods import members
from ..noise import Gaussian, NoiseModel, NoiseWarning
from ..recipe import Recipe, Step, load_recipe
from ..restorers import NAMED, PRESETS, Restorer, named
from ..stack import Stack
from . import BAD_INPUT, say
from .inputs import image_files, read_input

A_FOLDER = "give a folder, or a pattern with {name} in it"
EXPECTED = (ValueError, TypeError, OSError, MemoryError)


def run_files(arguments: argparse.Namespace) -> int:
    """Denoise every input; return 0, or 2 if one could not be used."""
    try:
        recipe = wished_recipe(arguments)
        sources, failed = image_files(arguments.input)
        targets = planned_targets(sources, arguments.output)
    except EXPECTED as error:
        say(str(error))
        return BAD_INPUT
    for source, target in targets:
        try:
            _denoise_file(source, target, recipe, arguments)
        except EXPECTED as error:
            failed += 1
            text = str(error) or type(error).__name__
            say(text if str(source) in text or str(target) in text else f"{source}: {text}")
    return BAD_INPUT if failed else 0


def wished_recipe(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe that the arguments ask for."""
    recipe = (
        _recipe_of_file(Path(arguments.recipe))
        if arguments.recipe
        else Recipe.of(_restorer(arguments.method or "balanced"))
    )
    if arguments.noise is not None:
        noise = _noise(arguments.noise)
        recipe = replace(recipe, steps=tuple(Step(step.restorer, noise) for step in recipe.steps))
    for change in arguments.changes:
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise ValueError(f"--set {change}: expected PATH=VALUE, such as transform.size=16.")
        recipe = recipe.with_value(path.strip(), text.strip())
    device, threads = arguments.device or recipe.device, arguments.threads or recipe.threads
    return replace(recipe, device=device, threads=threads)


def planned_targets(sources: list[Path], output: str) -> list[tuple[Path, Path]]:
    """Return the file that each input is written to.

    Raises
    ------
    FileProblem
        If several inputs would be written to one file, or one over itself.
    """
    if not output.strip():
        raise FileProblem('the output has no name; give a file, a folder ("./" is this one) or a pattern.')
    known = output.lower().endswith(tuple(FORMATS))
    into_folder = output.endswith(("/", os.sep)) or (Path(output).is_dir() and not known)
    into_folder = into_folder or (not known and "{name}" not in output and not Path(output).suffix)
    pairs = []
    for source in sources:
        target = Path(output) / source.name if into_folder else Path(output.replace("{name}", _stem(source)))
        ending(target)
        pairs.append((source, target))
    _refuse_collisions(pairs, output)
    return pairs


def _refuse_collisions(pairs: list[tuple[Path, Path]], output: str) -> None:
    taken: dict[Path, Path] = {}
    for source, target in pairs:
        place = target.resolve()
        if place == source.resolve():
            raise FileProblem(
                f"{source} would be written over itself; give another folder, or a pattern such as "
                '"{name}_denoised.ome.tif".'
            )
        if place in taken:
            alike = _stem(source) == _stem(taken[place])
            advice = "denoise files of the same name in runs of their own" if alike else A_FOLDER
            raise FileProblem(f"{source} and {taken[place]} would both be written to {target}; {advice}.")
        taken[place] = source


def _stem(source: Path) -> str:
    return source.name[: -len(ending(source))]


def _denoise_file(source: Path, target: Path, recipe: Recipe, arguments: argparse.Namespace) -> None:
    started = time.perf_counter()
    stack = read_input(source, arguments.axes)
    wish = arguments.dtype or _usual_dtype(target)
    made_folder(target.parent)
    checked_target(target, arguments.compression, arguments.overwrite, _expected(stack, wish))
    with tqdm(total=1, desc=source.name, disable=None, leave=False, unit="tile") as bar:
        result = _restored(recipe, stack, bar)
        result = converted_result(result, wish, stack.array.dtype)
        write(
            target,
            result.stack,
            result.record,
            arguments.compression,
            arguments.overwrite,
            progress=lambda done, total: _show(bar, Progress(done, total, "writing")),
        )
    print(f"{source} -> {target} ({time.perf_counter() - started:.2f} s)")
    for message in result.record.messages:
        print(f"  {message}")


def _expected(stack: Stack, wish: str) -> Stack:
    """Return a stack like the output, which takes no memory: what can be known of it before the work."""
    zero = np.zeros((), wanted_dtype(wish, stack.array.dtype))
    return stack.with_array(np.broadcast_to(zero, stack.shape))


def _restored(recipe: Recipe, stack: Stack, bar: Any) -> Result:
    """Drain a run, showing its progress; verdicts on noise come with the record, not as warnings."""
    work = run(recipe, stack)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoiseWarning)
        while True:
            try:
                _show(bar, next(work))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]


def _show(bar: Any, progress: Progress) -> None:
    bar.total = progress.total
    bar.n = progress.done
    bar.set_postfix_str(progress.message)


def _usual_dtype(target: Path) -> str:
    return "same" if ending(target) == ".png" else "float32"


def _restorer(name: str) -> Restorer:
    """Return the restorer of a short name, a preset or a registered restorer."""
    found = members(Restorer).get(name)
    if name in NAMED or name in PRESETS or found is None:
        return named(name)
    return cast(Restorer, found())


def _noise(text: str) -> NoiseModel:
    try:
        sigmas = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--noise {text}: expected a number, or one per channel such as 4,5,6.") from None
    return Gaussian(sigmas[0] if len(sigmas) == 1 else sigmas)


def _recipe_of_file(path: Path) -> Recipe:
    """Read a recipe, or the one that an image file's record repeats."""
    if not path.name.lower().endswith(tuple(FORMATS)):
        try:
            return load_recipe(path)
        except OSError as error:
            raise FileProblem(f"--recipe {path} cannot be read: {error.strerror}.") from error
    record = read_record(path)
    if record is None:
        raise FileProblem(f"--recipe {path}: this image file holds no record.")
    return record.recipe()
