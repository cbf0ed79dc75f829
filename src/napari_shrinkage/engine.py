"""The engine: decide every number once from the data, then restore window by window.

Conventions: the noise is estimated once for a whole stack; one plan serves all its planes, tiles and
previews, so a previewed pixel equals the final one and a tiled result the untiled. Long work is a generator
of `Progress`.
"""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from .devices import available_cores, chosen_device
from .estimators import estimated_noise
from .noise import Gaussian, NoiseModel
from .recipe import Plan, Recipe, Record, Step
from .restorers.base import Restorer
from .restorers.fitted import TransferWarning, is_fitted, transfer_doubt
from .sample import DeferredSample, drawn_fields
from .stack import Float, Stack, known
from .tiles import drawn_in_counts, drawn_in_noise_units, lazily_restored, mixes_color, restore_region
from .windows import Region, checked_region, lengths, outcome, regridded, whole, windows, within

DIGEST_BYTES = 2**28
TYPICAL_PIXELS = 2**20  # from which the mean brightness is taken
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a run is: `done` of `total` windows, and what is being done."""

    done: int
    total: int
    message: str = ""


@dataclass(frozen=True)
class Result:
    """A restored stack and the record of how it was made.

    Parameters
    ----------
    stack : Stack
        float32 values in the units of the input; covers `region` of it.
    record : Record
        Plans, input, versions, time.
    region : tuple of slice
        The part of the input that was restored, one slice per axis.
    """

    stack: Stack
    record: Record
    region: Region = field(default=(), compare=False)


def resolve(step: Step, stack: Stack, device: str = "auto", threads: int | None = None) -> Plan:
    """Return the plan of one step: noise, thresholds, levels and device become values.

    Parameters
    ----------
    step : Step
        The wish.
    stack : Stack
        The data; a lazy stack is sampled, never loaded whole.
    device : str
        "auto" takes an accelerator where the method gains from it.
    threads : int, optional
        CPU threads of the fused kernels; None uses every core this process may use.

    Returns
    -------
    Plan
        Holds no "auto" any more; every window that is restored by it agrees with every other.

    Raises
    ------
    ValueError
        If the image is empty, or a number does not fit it.
    """
    if not stack.pixels:
        raise ValueError(
            f"the image is empty (shape {stack.shape}); expected at least one pixel on every axis."
        )
    noise = (step.noise or _estimated(step.restorer, stack)).for_channels(stack.channels)
    restorer = step.restorer.resolve(_sampled(step.restorer, noise, stack))
    place, reason = chosen_device(device, restorer.is_fused)
    restorer = restorer.for_device(place)
    for doubt in _doubts(restorer, noise, stack):
        warnings.warn(doubt, TransferWarning, stacklevel=2)
    return Plan(restorer, noise, place, reason, threads or available_cores())


def run(
    recipe: Recipe | Plan, stack: Stack, region: Region | None = None
) -> Generator[Progress, None, Result]:
    """Restore a stack, yielding progress before every window; closing the generator cancels.

    Parameters
    ----------
    recipe : Recipe or Plan
        A wish is resolved first; a plan is carried out as it is.
    stack : Stack
        The data. A lazy (dask) stack gives a lazy result.
    region : tuple of slice, optional
        Restore only this part; its pixels equal those of a run on everything.

    Yields
    ------
    Progress
        Windows done and in all.

    Returns
    -------
    Result
        The value of the generator (`drain` returns it).
    """
    started = time.perf_counter()
    region = checked_region(region, stack)
    current, plans = stack, list[Plan]()
    steps: tuple[Step | Plan, ...] = (recipe,) if isinstance(recipe, Plan) else recipe.steps
    for number, step in enumerate(steps, start=1):
        name = f"step {number} of {len(steps)}: " if len(steps) > 1 else ""
        yield Progress(0, 1, f"{name}deciding from the data")
        plan = _planned(step, recipe, current)
        part = _part_of(region, plans, current) if number == len(steps) else whole(current)
        made = yield from _restored_array(plan, current, part, name)
        current = current.with_array(made, plan.magnification)
        plans.append(plan)
    region = _covered(region, plans, stack)
    return Result(current, recorded(tuple(plans), stack, region, time.perf_counter() - started), region)


def drain(work: Generator[Any, None, T]) -> T:
    """Run a generator to its end and return its value."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def restored(plan: Plan, stack: Stack) -> Any:
    """Return the restored array of a whole stack, without a record."""
    return drain(_restored_array(plan, stack, whole(stack), ""))


def recorded(
    plans: tuple[Plan, ...], stack: Stack, region: Region | None = None, seconds: float = 0.0
) -> Record:
    """Return the record of plans carried out on a stack."""
    verdicts = tuple(plan.noise.verdict for plan in plans if plan.noise.verdict)
    return Record(
        plans=plans,
        input=described(stack, region),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 4),
        messages=verdicts + _notes(plans, stack),
    )


def described(stack: Stack, region: Region | None = None) -> dict[str, Any]:
    """Return what a record says of its input: shape, type, axes, grid, source, region and a digest."""
    return {
        "shape": list(stack.shape),
        "dtype": str(stack.array.dtype),
        "axes": stack.axes,
        "spacing": list(stack.spacing),
        "units": list(stack.units),
        "source": stack.source,
        "digest": digest(stack),
        "region": [[part.start, part.stop] for part in region or whole(stack)],
    }


def digest(stack: Stack) -> str:
    """Return a BLAKE2b digest of the data: all of it up to 256 MB in memory, else evenly spread windows."""
    hasher = hashlib.blake2b(f"{stack.shape} {stack.array.dtype}".encode(), digest_size=16)
    if not stack.is_lazy and stack.pixels * stack.array.dtype.itemsize <= DIGEST_BYTES:
        hasher.update(np.ascontiguousarray(stack.array).data)
        return f"blake2b:{hasher.hexdigest()}"
    hasher.update(drawn_fields(stack, 2, DIGEST_BYTES // 64).data)
    return f"blake2b-sampled:{hasher.hexdigest()}"


def _estimated(restorer: Restorer, stack: Stack) -> NoiseModel:
    if not restorer.needs_noise:
        return Gaussian(0.0)
    return restorer.noise_seen(stack, estimated_noise(stack))


def _sampled(restorer: Restorer, noise: NoiseModel, stack: Stack) -> DeferredSample:
    """Return what a restorer may look at: pixel values or fields in units of the noise, as its domain is."""
    ndim, color = restorer.spatial_ndim, mixes_color(restorer, stack)
    counts = restorer.domain == "counts"

    def draw() -> Float:
        if counts:
            noise.check_shape(stack.field_shape(ndim))
            return np.stack(list(drawn_in_counts(stack, noise, ndim)))
        return drawn_in_noise_units(stack, noise, ndim, color, evenly=not restorer.takes_levels)

    return DeferredSample(
        draw,
        stack.field_shape(ndim),
        stack.field_spacing(ndim),
        noise.correlations(color),
        color,
        noise if counts else None,
    )


def _part_of(region: Region, before: list[Plan], stack: Stack) -> Region:
    """Return the part of an image that plans made before it, of this region of their first input."""
    for plan in before:
        region = outcome(plan, stack, region)
    return region


def _covered(region: Region, plans: list[Plan], stack: Stack) -> Region:
    """Return the pixels of the input that the result of its region shows: on a coarse grid, whole blocks."""
    covered, shown = list(region), _part_of(region, plans, stack)
    magnification = math.prod((plan.magnification for plan in plans), start=Fraction(1))
    for axis in stack.spatial_axes(2):
        (covered[axis],) = regridded((shown[axis],), 1 / magnification)
    return tuple(covered)


def _planned(step: Step | Plan, recipe: Recipe | Plan, stack: Stack) -> Plan:
    return step if isinstance(step, Plan) else resolve(step, stack, recipe.device, recipe.threads)


def _restored_array(plan: Plan, stack: Stack, region: Region, name: str) -> Generator[Progress, None, Any]:
    if stack.is_lazy:
        return lazily_restored(plan, stack)[outcome(plan, stack, region)]
    made = outcome(plan, stack, region)
    out = np.empty(lengths(made), np.float32)
    todo = list(windows(plan, stack, region))
    for done, window in enumerate(todo):
        yield Progress(done, len(todo), f"{name}restoring")
        out[within(outcome(plan, stack, window), made)] = restore_region(plan, stack, window)
    yield Progress(len(todo), len(todo), f"{name}done")
    return out


def _notes(plans: tuple[Plan, ...], stack: Stack) -> tuple[str, ...]:
    notes = [doubt for plan in plans for doubt in _doubts(plan.restorer, plan.noise, stack)]
    if any(plan.noise.silent() and plan.magnification == 1 for plan in plans):
        notes.append("Where the noise is zero the values are unchanged.")
    holes = 0 if stack.is_lazy else _not_finite(stack.array)
    if holes:
        notes.append(
            f"{holes} values that are not finite, or mark missing data, were filled from their neighbours "
            "and put back."
        )
    return tuple(notes)


def _doubts(restorer: Restorer, noise: NoiseModel, stack: Stack) -> list[str]:
    """Say if a restorer's numbers were fitted, or its network was trained, under other noise."""
    found = [restorer.doubt(noise, mixes_color(restorer, stack))]
    if is_fitted(restorer):
        fields = drawn_fields(stack, restorer.spatial_ndim, TYPICAL_PIXELS)
        found.append(transfer_doubt(restorer, noise, fields))
    return [doubt for doubt in found if doubt]


def _not_finite(array: Any) -> int:
    return 0 if array.dtype.kind != "f" else array.size - int(np.count_nonzero(known(array)))
