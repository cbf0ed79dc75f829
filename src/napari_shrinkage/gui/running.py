"""A run over one or several layers, as work for a job.

Convention: everything here happens in a worker; layers are carried along to say whose result it is, and never
touched.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from ..conversion import converted_result
from ..engine import Progress, Result, run
from ..recipe import Recipe
from .jobs import Work
from .kernels import waiting
from .target import Target


def run_all(targets: list[Target], recipe: Recipe, dtype: str) -> Work:
    """Restore each target with its own noise; a target's plan is the one that its preview used."""
    step, made = recipe.steps[0], []
    for number, target in enumerate(targets, start=1):
        prefix = f"{number} of {len(targets)}: " if len(targets) > 1 else ""
        yield Progress(0, 1, f"{prefix}deciding from the data")
        plan = target.content.plan(step.restorer, step.noise, recipe.device, recipe.threads)
        yield from waiting(plan)
        result = yield from _named(run(plan, target.content.stack, target.region), prefix)
        made.append((target, converted_result(result, dtype, target.content.stack.array.dtype)))
    return made


def _named(work: Generator[Progress, None, Result], prefix: str) -> Generator[Progress, None, Result]:
    """Pass a run's progress on with a few words before it."""
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield replace(progress, message=f"{prefix}{progress.message}")
