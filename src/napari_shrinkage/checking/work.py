"""The work of a report: the noise and the plans first, then every check of every channel.

Convention: it is a generator of `Progress` that yields before every check; closing it cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from ..engine import Progress, resolve
from ..estimators import measured_noise
from ..noise import Gaussian, NoiseModel
from ..noise.base import check_even
from ..recipe import Plan, Step
from ..restorers import Restorer, named
from ..stack import Stack
from ..trust import channel_ratio
from ..windows import Region
from .checks import Case, brightness, confidence, error, strength, structure, white
from .planes import Grid, Planes, one_correlation, sampled
from .report import Line, TrustReport
from .resolution import resolution
from .spots import NO_METHOD, Bench

MOST_CHANNELS = 4
COLORS = ("red", "green", "blue")
PLAIN = {
    "Brightness": brightness,
    "Whiteness": white,
    "Noise removed": strength,
    "Structure removed": structure,
    "Confidence map": confidence,
}
Made = str | Restorer | Plan | Sequence[Plan]
Task = tuple[str, str, Callable[[], list[Line]]]  # check, channel, work


def checking(
    stack: Stack,
    restored: Stack,
    noise: NoiseModel | float | None = None,
    restorer: Made | None = None,
    regions: Any = None,
    second: Stack | None = None,
    reference: Stack | None = None,
    region: Region | None = None,
    seed: int = 0,
) -> Generator[Progress, None, TrustReport]:
    """Check a result, yielding progress before every check.

    Parameters
    ----------
    stack : Stack
        The noisy image.
    restored : Stack
        Its result, float, on the same pixels, or on those of `region`.
    noise, regions, seed
        As for `trust_report`.
    restorer : str, Restorer, Plan or sequence of Plan, optional
        How the result was made; plans, as a record holds them, repeat it number for number.
    second, reference : Stack, optional
        Another frame of the same scene, and what is known of the truth, on the grid of the image.
    region : tuple of slice, optional
        The part of the image that the result covers.

    Yields
    ------
    Progress
        Checks done and in all; the message is the check's name.

    Returns
    -------
    TrustReport
        The value of the generator (`engine.drain` returns it).
    """
    yield Progress(0, 1, "deciding from the data")
    grid = Grid.of(stack, restored, region)
    plans = () if restorer is None or isinstance(restorer, str | Restorer) else _listed(restorer)
    model, doubts = _told(stack, plans[0].noise if noise is None and plans else noise)
    if isinstance(restorer, str | Restorer):
        method = named(restorer) if isinstance(restorer, str) else restorer
        plans = (resolve(Step(method, model), stack),)
    check_even(model, "checking a result")
    model = model.for_channels(stack.channels)
    planes = sampled(grid, model, regions, second, reference)
    jobs = _jobs(grid, planes, model, plans, seed)
    lines: list[Line] = []
    for done, (check, channel, work) in enumerate(jobs):
        yield Progress(done, len(jobs), check)
        lines += _attempted(check, channel, work)
    yield Progress(len(jobs), len(jobs), "done")
    return TrustReport(tuple(lines), model, (*_scope(grid, planes), *doubts))


def _jobs(grid: Grid, planes: Planes, noise: NoiseModel, plans: tuple[Plan, ...], seed: int) -> list[Task]:
    """Return the checks that apply, each for every channel in turn."""
    cases = _cases(grid.stack, planes, noise)
    checks: dict[str, Any] = dict(PLAIN)
    if planes.reference is not None:
        checks["Error"] = error
    checks["Resolution"] = partial(resolution, seed=seed)
    jobs: list[Task] = [
        (check, case.channel, partial(work, case)) for check, work in checks.items() for case in cases
    ]
    if plans:
        bench = Bench.of(grid, plans, noise)
        for i, case in enumerate(cases):
            jobs.append(("Small spots", case.channel, partial(_spots, bench, i, case, seed)))
    else:
        jobs.append(("Small spots", "", lambda: [Line("Small spots", None, "", NO_METHOD)]))
    if grid.stack.channels == 2:
        jobs.append(("Channel ratio", "", partial(_ratio, cases)))
    return jobs


def _attempted(check: str, channel: str, work: Callable[[], list[Line]]) -> list[Line]:
    """Return the lines of a check, or one that says why the data do not allow it."""
    try:
        return work()
    except ValueError as error:
        return [Line(check, None, "", f"Not checked: {error}", channel)]


def _cases(stack: Stack, planes: Planes, noise: NoiseModel) -> list[Case]:
    names = COLORS if stack.is_color else [f"channel {i}" for i in range(stack.channels)]
    names = names if stack.channels > 1 else [""]
    y, x = stack.spatial_axes(2)
    square = (stack.spacing[y], stack.units[y]) == (stack.spacing[x], stack.units[x])
    spacing, unit = (stack.spacing[x], stack.units[x]) if square else (1.0, "pixel")
    return [
        Case(
            names[i],
            one_correlation(noise).channel(i),
            planes.image[i],
            planes.restored[i],
            planes.labels,
            None if planes.second is None else planes.second[i],
            None if planes.reference is None else planes.reference[i],
            spacing,
            unit,
        )
        for i in range(min(stack.channels, MOST_CHANNELS))
    ]


def _spots(bench: Bench, channel: int, case: Case, seed: int) -> list[Line]:
    return [bench.check(channel, case.noise, case.channel, seed)]


def _ratio(cases: list[Case]) -> list[Line]:
    one, two = cases
    found = channel_ratio(
        one.image,
        two.image,
        one.restored,
        two.restored,
        one.labels,
        (one.offset, two.offset),
        (one.crowding * one.std, two.crowding * two.std),
    )
    return [Line("Channel ratio", found.passed, "", found.sentence(), "", found)]


def _listed(made: Plan | Sequence[Plan]) -> tuple[Plan, ...]:
    return (made,) if isinstance(made, Plan) else tuple(made)


def _told(stack: Stack, noise: NoiseModel | float | None) -> tuple[NoiseModel, list[str]]:
    """Return the noise of the image, and what speaks against it where it is estimated here."""
    if noise is not None:
        return (noise, []) if isinstance(noise, NoiseModel) else (Gaussian(float(noise)), [])
    found = measured_noise(stack)
    doubt = f"The noise is not sure, and most checks rest on it: {found.model.verdict}"
    return found.model, [] if found.trusted else [doubt]


def _scope(grid: Grid, planes: Planes) -> list[str]:
    """Say which part of the data was looked at."""
    notes, total = [], len(grid.planes())
    if total > len(planes.parts):
        notes.append(f"{len(planes.parts)} of {total} planes were looked at, evenly spread.")
    if grid.stack.channels > MOST_CHANNELS:
        notes.append(f"The first {MOST_CHANNELS} of {grid.stack.channels} channels were looked at.")
    return notes
