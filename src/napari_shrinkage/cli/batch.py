"""`run`: many files, one after the other; one that cannot be used does not cost the others their turn."""

import argparse
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from ..batch import (
    BatchProgress,
    FileReport,
    append_report,
    check_report,
    counted,
    planned_targets,
    restoring_files,
)
from ..files import FORMATS, FileProblem, made_folder, read_record
from ..methods import members
from ..noise import Gaussian, NoiseModel
from ..recipe import Recipe, Step, load_recipe
from ..restorers import NAMED, PRESETS, Restorer, named
from . import BAD_INPUT, say
from .inputs import image_files

EXPECTED = (ValueError, TypeError, OSError, MemoryError)


def run_files(arguments: argparse.Namespace) -> int:
    """Denoise every input; return 0, or 2 if one could not be used."""
    try:
        recipe = wished_recipe(arguments)
        if arguments.report:
            made_folder(Path(arguments.report).parent)
            check_report(Path(arguments.report))
        sources, refused = image_files(arguments.input)
        pairs = planned_targets(sources, arguments.output)
    except EXPECTED as error:
        say(str(error) or type(error).__name__)
        return BAD_INPUT
    reports, lost = _reported(pairs, recipe, arguments)
    if len(reports) > 1:
        _print(f"{counted(reports)}.")
    failed = refused or lost or any(report.status == "failed" for report in reports)
    return BAD_INPUT if failed else 0


def _reported(
    pairs: list[tuple[Path, Path]], recipe: Recipe, arguments: argparse.Namespace
) -> tuple[list[FileReport], int]:
    """Restore the files; tell of each, and append it to the report, as soon as it has come to its end.

    Returns
    -------
    reports : list of FileReport
        One for each file.
    lost : int
        How many could not be appended.
    """
    reports, lost = [], 0
    work = restoring_files(
        pairs, recipe, arguments.axes, arguments.dtype, arguments.compression, arguments.overwrite
    )
    with closing(work), tqdm(total=1, disable=None, leave=False, unit="tile") as bar:
        for progress in work:
            _show(bar, progress)
            if progress.report is not None:
                bar.clear()
                TELLING[progress.report.status](progress.report)
                lost += bool(arguments.report) and not _appended(Path(arguments.report), progress.report)
                reports.append(progress.report)
    return reports, lost


def _appended(path: Path, report: FileReport) -> bool:
    """Append to the report; where that fails, say so, and let the files go on."""
    try:
        append_report(path, report)
    except FileProblem as problem:
        say(str(problem))
        return False
    return True


def _tell_done(report: FileReport) -> None:
    """Print where the result is, and what a reader should know."""
    lines = [f"{report.source} -> {report.target} ({report.seconds:.2f} s)"]
    lines += [f"  {message}" for message in report.messages]
    if report.brightness is not None and report.brightness.passed is False:
        lines.append(f"  Brightness: {report.brightness.sentence}")
    _print("\n".join(lines))


def _tell_skipped(report: FileReport) -> None:
    _print(f"{report.source} -> {report.target} skipped. {report.messages[-1]}")


def _tell_failed(report: FileReport) -> None:
    say(report.error)


def _print(text: str) -> None:
    """Print at once, with what the terminal cannot show (such as names that are no UTF-8) in escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


TELLING = {"done": _tell_done, "skipped": _tell_skipped, "failed": _tell_failed}


def _show(bar: Any, progress: BatchProgress) -> None:
    place = f"{progress.place + 1}/{progress.files} " if progress.files > 1 else ""
    bar.set_description(f"{place}{progress.source.name}", refresh=False)
    bar.total, bar.n = progress.total, progress.done
    bar.set_postfix_str(progress.message)


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
