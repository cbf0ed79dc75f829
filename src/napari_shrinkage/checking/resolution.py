"""Which detail the noisy image holds: ring correlation with a second frame, or of two halves of one.

Convention: it is measured on the noisy image, not on the result, and on the middle one of the planes; a
resolution has no limit to pass.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..trust import RingCorrelation, fourier_ring_correlation, split_in_two
from ..trust.pairs import Float
from .checks import Case
from .report import Line

DOMINATES = 0.1  # read noise variance over that of the photons, at most, for halves of photons
TELLS = "Detail beyond that in a result rests on the method, not on this frame."
HALF_THE_LIGHT = "The electrons of one frame were dealt out to two images of half the light."
BETTER = "A second frame of the same scene would tell better."


def resolution(case: Case, seed: int = 0) -> list[Line]:
    """Measure the resolution of the noisy image."""
    middle = len(case.image) // 2
    frame = case.image[middle]
    if case.second is not None:
        return [_compared(case, frame, case.second[middle], "Two frames were compared.", TELLS)]
    if case.noise.autocorrelation is not None:
        text = (
            "The noise is correlated, so two halves of one frame would share it. "
            "Choose a second frame of the same scene."
        )
        return [Line("Resolution", None, "", text, case.channel)]
    gain = _usable_gain(case, frame)
    if gain is not None:
        halves = split_in_two(frame, seed, gain, case.offset)
        return [_compared(case, *halves, HALF_THE_LIGHT, f"{TELLS} {BETTER}")]
    found = fourier_ring_correlation(*split_in_two(frame, seed), case.spacing, case.unit)
    return [_line(case, replace(found, frequencies=found.frequencies / 2), _of_pixels(found))]


def _compared(case: Case, first: Float, second: Float, before: str, after: str) -> Line:
    found = fourier_ring_correlation(first, second, case.spacing, case.unit)
    return _line(case, found, f"{before} {found.sentence()} {after}")


def _usable_gain(case: Case, frame: Float) -> float | None:
    """Return counts per electron where photon noise dominates, else None."""
    gain = float(np.mean(getattr(case.noise, "gain", 0.0)))
    light = gain * (float(np.nanmean(frame)) - case.offset)
    read = float(np.mean(getattr(case.noise, "read_std", 0.0)))
    return gain if gain > 0 and read**2 <= DOMINATES * light else None


def _of_pixels(halves: RingCorrelation) -> str:
    """Say what two halves of the pixels tell, whose pixels are twice as large."""
    how = "Every other pixel was compared with those between, which shows no detail below 4 pixels."
    if halves.shares_nothing:
        said = "They share no structure."
    elif halves.resolution is None:
        said = "They agree on all of it."
    else:
        said = f"They agree down to {2 * halves.resolution:.2f} pixels (correlation 1/7)."
    return f"{how} {said} {BETTER}"


def _line(case: Case, found: RingCorrelation, sentence: str) -> Line:
    size = found.resolution
    if size is None:
        number = ""
    elif case.unit == "pixel":
        number = f"{size:.2f} pixels"
    else:
        number = f"{size * case.spacing:.4g} {case.unit}"
    return Line("Resolution", None, number, sentence, case.channel, found)
