"""The work of a batch: read, look whether it was done already, restore, write, report; file after file.

Convention: nothing of a file outlives its report, so that a thousand files need the memory of one.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..conversion import converted_result, wanted_dtype
from ..engine import Progress, run
from ..files import FORMATS, checked_target, ending, made_folder, read
from ..noise import NoiseWarning
from ..recipe import Plan, Recipe, Record
from ..stack import Stack
from ..storing import stored
from .brightness import Brightness, brightness, mean_of
from .kept import made_before, wish_of
from .report import FileReport
from .writing import writing

# What files, data and machines can do to one file. (KeyboardInterrupt ends the batch.)
EXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
Making = Generator[Progress, None, tuple[Record, Stack]]  # how a file was made, and what is in it now
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchProgress(Progress):
    """How far a batch is; `done`, `total` and `message` are of the file at work.

    Parameters
    ----------
    source : Path
        The file at work.
    place, files : int
        Its place in the batch, from 0, and the number of files.
    report : FileReport or None
        What became of it, when it has come to its end.
    """

    source: Path = Path()
    place: int = 0
    files: int = 1
    report: FileReport | None = None


@dataclass(frozen=True)
class Task:
    """One file, and what is wished of it; see `restoring_files`."""

    source: Path
    target: Path
    recipe: Recipe
    axes: str | None
    dtype: str | None
    compression: str | None
    overwrite: bool


def restoring_files(
    pairs: Iterable[tuple[Path, Path]],
    recipe: Recipe,
    axes: str | None = None,
    dtype: str | None = None,
    compression: str | None = None,
    overwrite: bool = False,
) -> Generator[BatchProgress, None, tuple[FileReport, ...]]:
    """Restore files by one recipe, yielding progress, and a report at the end of each file.

    Parameters
    ----------
    pairs : iterable of (Path, Path)
        Images and their targets, as `planned_targets` returns them.
    recipe : Recipe
        Noise that it does not name is estimated for each file.
    axes : str, optional
        One letter per axis, where the files do not say.
    dtype : str, optional
        Number type of the results, one of `conversion.DTYPES`; None is float32, in a PNG that of the image.
    compression : str, optional
        As for `files.write`.
    overwrite : bool
        Whether targets that exist are made again. Otherwise one that was made from the same image by the
        same recipe is skipped, and any other is an error of its file.

    Yields
    ------
    BatchProgress
        At least once for each file.

    Returns
    -------
    tuple of FileReport
        The value of the generator (`engine.drain` returns it), in order.
    """
    tasks = [Task(*pair, recipe, axes, dtype, compression, overwrite) for pair in pairs]
    reports: list[FileReport] = []
    for place, task in enumerate(tasks):
        report = yield from _placed(_reported(task), task.source, place, len(tasks))
        reports.append(report)
        yield BatchProgress(1, 1, report.status, task.source, place, len(tasks), report)
    return tuple(reports)


def _placed(
    work: Generator[Progress, None, FileReport], source: Path, place: int, files: int
) -> Generator[BatchProgress, None, FileReport]:
    """Pass the progress of one file on as that of the batch."""
    with closing(work):
        while True:
            try:
                progress = next(work)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield BatchProgress(progress.done, progress.total, progress.message, source, place, files)


def _reported(task: Task) -> Generator[Progress, None, FileReport]:
    """Work on one file, and report whatever becomes of it."""
    started = time.perf_counter()
    try:
        report = yield from _outcome(task)
    except EXPECTED as error:
        log.info("%s failed", task.source, exc_info=True)
        report = FileReport(task.source, task.target, "failed", error=_in_words(error, task))
    seconds = round(time.perf_counter() - started, 3)
    return replace(report, seconds=seconds, finished=datetime.now(UTC).isoformat(timespec="seconds"))


def _outcome(task: Task) -> Generator[Progress, None, FileReport]:
    yield Progress(0, 1, "reading")
    remarks: list[str] = []
    stack = _read(task, remarks)
    dtype = task.dtype or ("same" if ending(task.target) == ".png" else "float32")
    wish = wish_of(task.recipe, wanted_dtype(dtype, stack.array.dtype))
    if task.target.exists() and not task.overwrite:
        record = made_before(task.target, stack, wish)
        remarks.append(f"Made before by the same recipe from the same image, {record.created}.")
        return _report(task, "skipped", stack, record, None, remarks)
    made_folder(task.target.parent)
    checked_target(task.target, task.compression, task.overwrite, _expected(stack, dtype))
    making = _stored if stack.is_lazy and FORMATS[ending(task.target)] == "ome_zarr" else _written
    record, made = yield from _heard(making(task, stack, dtype, wish), remarks)
    remarks += [text for text in record.messages if text not in remarks]
    return _report(task, "done", stack, record, _brightness(stack, made, record), remarks)


def _written(task: Task, stack: Stack, dtype: str, wish: str) -> Making:
    """Restore an image and write it; of a lazy one each block is worked out when it is written."""
    result = yield from run(task.recipe, stack)
    result = converted_result(result, dtype, stack.array.dtype)
    result = replace(result, record=replace(result.record, wish=wish))
    yield from writing(task.target, result, task.compression, task.overwrite)
    made = read(task.target, lazy=True) if stack.is_lazy else result.stack
    return result.record, made


def _stored(task: Task, stack: Stack, dtype: str, wish: str) -> Making:
    """Restore a lazy image straight into an OME-Zarr folder; a run that was interrupted goes on."""
    record = yield from stored(
        task.recipe,
        stack,
        task.target,
        dtype=dtype,
        compression=task.compression,
        overwrite=task.overwrite,
        wish=wish,
    )
    return record, read(task.target, lazy=True)


def _brightness(stack: Stack, made: Stack, record: Record) -> Brightness | None:
    """Compare what was made with the part of the image that it covers."""
    covered = tuple(slice(start, stop) for start, stop in record.input["region"])
    return brightness(stack.with_array(stack.array[covered]), made, record.plans[0].noise)


def _report(
    task: Task, state: str, stack: Stack, record: Record, kept: Brightness | None, remarks: list[str]
) -> FileReport:
    noise, stds = _noise_of(record.plans[0], stack)
    return FileReport(task.source, task.target, state, noise, stds, 0.0, kept, tuple(remarks))


def _read(task: Task, remarks: list[str]) -> Stack:
    """Return the image, and add what its reader warns of to the remarks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stack = read(task.source, task.axes)
    remarks += [str(warning.message) for warning in caught]
    return stack


def _expected(stack: Stack, dtype: str) -> Stack:
    """Return a stack like the output, which takes no memory: what can be known of it before the work."""
    zero = np.zeros((), wanted_dtype(dtype, stack.array.dtype))
    return stack.with_array(np.broadcast_to(zero, stack.shape))


def _heard(work: Generator[Progress, None, Any], remarks: list[str]) -> Generator[Progress, None, Any]:
    """Pass work on, and add what it warns of to the remarks; what is said of noise stands in the record."""
    with closing(work):
        while True:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    progress = next(work)
                except StopIteration as end:
                    return end.value
                finally:
                    remarks += [
                        str(one.message) for one in caught if not issubclass(one.category, NoiseWarning)
                    ]
            yield progress


def _noise_of(plan: Plan, stack: Stack) -> tuple[str, tuple[float, ...]]:
    """Return the noise in words, and its std at the image's mean brightness for each channel."""
    if not plan.restorer.needs_noise:
        return "", ()
    noise = plan.noise.for_channels(stack.channels)
    shared = noise.autocorrelation is not None or noise.color is not None
    stds = np.asarray(noise.std(mean_of(stack)), np.float64)
    return f"{noise.title}{', correlated' if shared else ''}", tuple(float(std) for std in stds)


def _in_words(error: BaseException, task: Task) -> str:
    """Return one line that names the file."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        text = f"there is not enough memory for it. {text} Store it as OME-Zarr, which is read part by part."
    elif not isinstance(error, ValueError | TypeError) or not text:
        text = f"{type(error).__name__}: {text}"
    named = str(task.source) in text or str(task.target) in text
    return text if named else f"{task.source}: {text}"
