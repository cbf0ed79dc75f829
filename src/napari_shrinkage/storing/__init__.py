"""Images that no machine holds at once: restored block by block, straight into an OME-Zarr folder.

Convention: whatever has to be decided is decided once and kept in the unfinished folder, where whoever
restores a block reads it. So a run that was interrupted goes on to the very same pixels.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ..conversion import conversion_notes, wanted_dtype
from ..engine import Progress, described, recorded, resolve
from ..files import FORMATS, FileProblem, checked_target, ending, ome_zarr
from ..files.problems import put, writing
from ..methods import Json
from ..recipe import Plan, Recipe, Record, software_versions
from ..stack import Stack
from .blocks import Restored
from .job import Job, carried_out
from .pool import Source, at_work, check_sent, results
from .unfinished import Unfinished, unfinished_folder

CONTINUED = "The work was interrupted and taken up again; its time is that of the last part."


def stored(
    recipe: Recipe,
    stack: Stack,
    target: str | Path,
    *,
    dtype: str = "float32",
    compression: str | None = None,
    overwrite: bool = False,
    wish: str = "",
) -> Generator[Progress, None, Record]:
    """Restore a stack into an OME-Zarr folder, yielding progress after every block.

    Parameters
    ----------
    recipe : Recipe
        Its steps are carried out one after the other within each block.
    stack : Stack
        Lazy (dask) or in memory; of a lazy one only blocks at work are read.
    target : str or Path
        A folder whose name ends in .ome.zarr or .zarr.
    dtype : str
        "float32", "same" for the input's, or another of `conversion.DTYPES`.
    compression : str, optional
        "zstd", "zlib" or "none"; None takes zstd.
    overwrite : bool
        Whether an image at `target`, or an unfinished one that was begun otherwise, is thrown away.
    wish : str
        Digest of what was asked for, by which a batch knows its results again (`batch.kept.wish_of`).

    Yields
    ------
    Progress
        Blocks done and in all; those of an earlier run count.

    Returns
    -------
    Record
        The value of the generator; it stands in the folder too.

    Raises
    ------
    FileProblem
        If the folder cannot be written, another process writes it, or it was begun with another recipe,
        input, data type or version and is not finished; or if the input cannot be sent to a cluster.

    Notes
    -----
    Until all is done, the work lies beside the target in a hidden folder, ".NAME.unfinished". The same call
    goes on from there, whatever ended the one before: the plans are those of the first run, complete blocks
    are not done again, and the result is the same to the last bit. Delete the folder to start anew.

    If this process has a `distributed.Client`, its workers restore the blocks; they have to see the folders
    of input and target. Else as many threads do as the recipe says, or one where the method needs torch.
    """
    started, target = time.perf_counter(), Path(target).absolute()
    _check(recipe, stack, target, dtype, compression, overwrite)
    kept = f" What is done is kept in {unfinished_folder(target)}; the same call goes on from there."
    with writing(target, kept), Unfinished(target) as place:
        yield Progress(0, 1, "deciding from the data")
        compression = compression or ome_zarr.COMPRESSIONS[0]
        kind = wanted_dtype(dtype, stack.array.dtype)
        job = place.job(
            _wish(recipe, stack, str(kind), compression),
            overwrite,
            lambda: Job.of(_planned(recipe, stack), stack, kind, compression),
        )
        continued = bool(place.done())
        yield from _all_blocks(job, stack, place)
        record = _finished(job, place, continued, time.perf_counter() - started)
        record = replace(record, wish=wish)
        ome_zarr.describe(place.image, job.result, record)
        put(place.image, target, overwrite)
        place.clear()
    return record


def _check(
    recipe: Recipe, stack: Stack, target: Path, dtype: str, compression: str | None, overwrite: bool
) -> None:
    """Raise an error for what is known before the work."""
    if FORMATS[ending(target)] != "ome_zarr":
        raise FileProblem(
            f"{target}: only OME-Zarr is written block by block; give a name that ends in .ome.zarr."
        )
    wanted_dtype(dtype, stack.array.dtype)
    checked_target(target, compression, overwrite, stack)
    check_sent(stack)
    for step in recipe.steps:
        stack.spatial_axes(step.restorer.spatial_ndim)


def _wish(recipe: Recipe, stack: Stack, dtype: str, compression: str) -> Json:
    """Return all that decides about the pixels of a result; threads and the input's name do not."""
    return {
        "recipe": recipe.to_json()["steps"],
        "device": recipe.device,
        "input": {key: value for key, value in described(stack).items() if key != "source"},
        "dtype": dtype,
        "compression": compression,
        "versions": software_versions(),
    }


def _planned(recipe: Recipe, stack: Stack) -> Record:
    """Return the record of the plans for a stack, each resolved from the result of those before it."""
    plans: list[Plan] = []
    current = stack
    for step in recipe.steps:
        plans.append(plan := resolve(step, current, recipe.device, recipe.threads))
        current = current.with_array(Restored(plan, current), plan.magnification)
    return recorded(tuple(plans), stack)


def _all_blocks(job: Job, stack: Stack, place: Unfinished) -> Generator[Progress, None, None]:
    """Carry out what is not done yet: the image, then one coarser level after the other."""
    done = set(place.done())
    counts = [len(blocks) for blocks in job.blocks]
    with at_work(job.plans) as pool:
        source = Source(stack)
        for level, count in enumerate(counts):
            message = "coarser levels" if level else "restoring"
            yield Progress(len(done), sum(counts), message)
            calls = (
                (
                    place.image,
                    level,
                    n,
                    None if level else source.part(job.source_box(n)),
                    pool.kernel_threads,
                )
                for n in range(count)
                if (level, n) not in done
            )
            for number, clipped in results(pool, carried_out, calls):
                place.note(level, number, clipped)
                done.add((level, number))
                yield Progress(len(done), sum(counts), message)


def _finished(job: Job, place: Unfinished, continued: bool, seconds: float) -> Record:
    """Return the record of a job of which every block is done."""
    place.sweep()
    notes = conversion_notes(job.dtype, sum(place.done().values()), job.result.pixels)
    return replace(
        job.record,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 4),
        messages=(*job.record.messages, *notes, *((CONTINUED,) if continued else ())),
    )


__all__ = ["stored"]
