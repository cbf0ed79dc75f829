"""The work of a comparison: plans for the whole image, then every candidate on every part of it.

Convention: it is a generator of `Progress` that yields before every restoration; closing it cancels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..engine import Progress, resolve
from ..noise import CalibratedCamera, Gaussian, NoiseModel, PoissonGaussian
from ..noise.base import check_even
from ..recipe import Plan, Step
from ..restorers import NAMED
from ..risk import PAIRS, RiskEstimate, Trial, combined, coupled_work
from ..sample import drawn_fields
from ..stack import Array, Stack
from .candidates import Candidate, candidate_steps, default_candidates
from .comparison import Comparison, Row
from .crops import MOST_PIXELS, Crop, representative_regions
from .scores import Scores, peak_of, psnr_of

CLIPPING = 2.0  # noise stds from the end of the range within which pixels are left out
PILED_UP = 1e-3  # of pixels at an end of the range: there it cuts values off
LEAST_SHARE = 0.1  # of pixels that must stay


def comparing(
    stack: Stack,
    methods: Sequence[Candidate] | Mapping[str, Candidate] | None = None,
    reference: Stack | None = None,
    noise: NoiseModel | float | None = None,
    device: str = "auto",
    threads: int | None = None,
    seed: int = 0,
) -> Generator[Progress, None, Comparison]:
    """Compare methods on a stack, yielding progress before every restoration.

    Parameters
    ----------
    stack : Stack
        The noisy image.
    methods, noise, device, threads, seed
        As for `compare`.
    reference : Stack, optional
        What is known of the truth, on the same grid.

    Yields
    ------
    Progress
        Restorations done and in all; the message is the candidate's name.

    Returns
    -------
    Comparison
        The value of the generator (`engine.drain` returns it).
    """
    if reference is not None and (reference.shape, reference.axes) != (stack.shape, stack.axes):
        raise ValueError(
            f"the reference has shape {reference.shape} (axes {reference.axes}), the image {stack.shape} "
            f"(axes {stack.axes}); give one that covers the same pixels."
        )
    yield Progress(0, 1, "deciding from the data")
    known = Gaussian(noise) if isinstance(noise, int | float) else noise
    pilot = resolve(Step(NAMED["dct"], known), stack, "cpu", threads)
    steps = default_candidates(known or pilot.noise) if methods is None else candidate_steps(methods)
    steps = {name: replace(step, noise=step.noise or known or pilot.noise) for name, step in steps.items()}
    plans = {name: _planned(name, step, stack, device, threads) for name, step in steps.items()}
    ndim = max(plan.restorer.spatial_ndim for plan in plans.values())
    bench = Bench.of(stack, reference, pilot, ndim, seed)
    total = len(plans) * len(bench.parts) * (2 * PAIRS + (reference is not None))
    rows, done = [], 0
    for name, plan in plans.items():
        work = bench.measured(name, steps[name], plan)
        while True:
            try:
                next(work)
            except StopIteration as end:
                rows.append(end.value)
                break
            yield Progress(done, total, name)
            done += 1
    yield Progress(total, total, "done")
    rows.sort(key=lambda row: row.mse)
    return Comparison(tuple(rows), known or pilot.noise, bench.peak, bench.pixels, bench.share == 1)


@dataclass(frozen=True, eq=False)
class Part:
    """A crop with its trial and, where there is a reference, the truth."""

    crop: Crop
    trial: Trial
    truth: Array | None


@dataclass(frozen=True, eq=False)
class Bench:
    """The parts of an image on which every candidate is tried.

    Parameters
    ----------
    parts : tuple of Part
        Each with probes of its own, the same for all candidates.
    peak : float
        Of the PSNR.
    share : float
        Pixels in the parts over pixels in the image.
    """

    parts: tuple[Part, ...]
    peak: float
    share: float

    @classmethod
    def of(cls, stack: Stack, reference: Stack | None, pilot: Plan, ndim: int, seed: int) -> Bench:
        """Cut a stack into the parts that represent it."""
        noise, ends = evened(pilot.noise), _range_ends(stack, pilot.noise)
        parts, pixels = [], 0
        for number, region in enumerate(representative_regions(stack, pilot.noise, ndim)):
            crop = Crop.of(stack, region, ndim, pilot.noise)
            mean = crop.restored(replace(pilot, noise=noise), crop.values)
            mask = crop.known & _unclipped(mean, noise, ends)
            trial = Trial.of(
                crop.values, noise, mean, mask if mask.any() else None, seed=seed + 1000 * number
            )
            truth = None if reference is None else Crop.of(reference, region, ndim).values
            parts.append(Part(crop, trial, truth))
            pixels += crop.stack.pixels
        return cls(tuple(parts), peak_of(stack), pixels / stack.pixels)

    @property
    def pixels(self) -> int:
        """Number of pixels that take part."""
        return sum(int(part.trial.mask.sum()) for part in self.parts)

    def measured(self, name: str, step: Step, plan: Plan) -> Generator[None, None, Row]:
        """Try a candidate on every part."""
        estimates, seconds, scores = [], 0.0, Scores()
        for part in self.parts:
            restore = _Timed(part.crop, replace(plan, noise=evened(plan.noise)))
            estimates.append((yield from coupled_work(restore, part.trial)))
            if part.truth is not None:
                yield
                scores.add(restore(part.crop.values), part.truth, part.crop.known, self.peak)
            seconds += min(restore.times)
        assert step.noise is not None
        risk: RiskEstimate = combined(estimates)
        return Row(
            name,
            step.restorer,
            step.noise,
            risk.mse,
            risk.standard_error,
            psnr_of(risk.mse, self.peak),
            seconds / self.share,
            **scores.columns(self.peak),
        )


class _Timed:
    """Restore fields of a crop by a plan, and note how long each took."""

    def __init__(self, crop: Crop, plan: Plan) -> None:
        self.crop, self.plan, self.times = crop, plan, list[float]()

    def __call__(self, values: Array) -> Array:
        started = time.perf_counter()
        restored = self.crop.restored(self.plan, values)
        self.times.append(time.perf_counter() - started)
        return restored


def evened(noise: NoiseModel) -> NoiseModel:
    """Return the noise of values whose camera's pixels were made alike, as those of a crop are.

    Raises
    ------
    ValueError
        If pixels still differ in their noise: a crop does not know which ones it shows.
    """
    check_even(noise, "comparing methods or adding spots")
    if not isinstance(noise, CalibratedCamera):
        return noise
    return PoissonGaussian(
        noise.gain,
        noise.offset,
        noise.read_std,
        low=noise.low,
        high=noise.high,
        autocorrelation=noise.autocorrelation,
        color=noise.color,
    )


def _planned(name: str, step: Step, stack: Stack, device: str, threads: int | None) -> Plan:
    try:
        return resolve(step, stack, device, threads)
    except ValueError as error:
        raise ValueError(f"candidate {name!r}: {error}") from error


def _range_ends(stack: Stack, noise: NoiseModel) -> tuple[float, float]:
    """Return where the image is cut off: ends of the noise model or of the type at which values pile up."""
    kind = stack.array.dtype
    low, high = (0.0, float(np.iinfo(kind).max)) if kind.kind == "u" else (-math.inf, math.inf)
    if isinstance(noise, PoissonGaussian | CalibratedCamera):
        low, high = low if noise.low is None else noise.low, high if noise.high is None else noise.high
    values = drawn_fields(stack, 2, MOST_PIXELS)
    low = low if np.mean(values <= low) > PILED_UP else -math.inf
    return low, high if np.mean(values >= high) > PILED_UP else math.inf


def _unclipped(mean: Array, noise: NoiseModel, ends: tuple[float, float]) -> Array:
    """Return where the noise keeps clear of the ends of the range; everywhere when that leaves too little."""
    reach = CLIPPING * noise.std(mean)
    clear: Array = (mean - reach > ends[0]) & (mean + reach < ends[1])
    return clear if clear.mean() >= LEAST_SHARE else np.ones(mean.shape, bool)
