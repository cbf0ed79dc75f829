"""What speaks against a calibration, in sentences.

Convention: a doubt says what was seen and what to do; a calibration without any can be trusted.
"""

from __future__ import annotations

import numpy as np

from ..estimators.survey import number
from ..stack import Array
from .frames import share_at_bottom
from .result import Calibration

MOST_DEVIATION = 0.05
CLEAR = 5.0  # errors
MOST_HOT = 0.01
WIDE = 0.1
LEAST_READ = 0.5  # counts, of whole numbers
LEAST_POINTS = 3


def dark_doubts(result: Calibration, frame: Array) -> tuple[str, ...]:
    """Return what speaks against offset and read noise, given one of the dark frames."""
    read_std = result.read_std or 0.0
    doubts = []
    if read_std == 0:
        doubts.append("The dark frames are all the same: they are copies of one frame, or cut off.")
    elif cut_off := share_at_bottom(frame):
        doubts.append(
            f"{cut_off:.0%} of the dark pixels have the lowest value: the dark frames are cut off there, so "
            "the read noise is a lower bound and the offset an upper one. Raise the camera's offset."
        )
    elif read_std < LEAST_READ and np.array_equal(frame, np.round(frame)):
        doubts.append(f"The read noise, {number(read_std)} counts, is finer than the grey levels.")
    if result.hot_share > MOST_HOT:
        doubts.append(f"{result.hot_share:.1%} of the pixels are hot, which is many: was there light?")
    return tuple(doubts)


def light_doubts(result: Calibration) -> tuple[str, ...]:
    """Return what speaks against the gain."""
    if result.line is None:
        return ()
    doubts = [bent] if (bent := _bent(result)) else []
    if len(result.used) + (result.dark is not None) < LEAST_POINTS:
        doubts.append(
            "There are too few light levels to see whether the camera is linear; give three or more."
        )
    if result.line.slope_error > WIDE / 2 * abs(result.line.slope):
        doubts.append("The gain is uncertain: give more frames, or light levels that differ more.")
    return tuple(doubts)


def _bent(result: Calibration) -> str:
    """Return what to say of the level that is furthest off the line, "" where all are close to it."""
    if result.line is None or not result.used:
        return ""
    worst = max(result.used, key=lambda level: abs(level.deviation))
    away = abs(worst.variance - result.line.at(worst.mean))
    if abs(worst.deviation) < MOST_DEVIATION or away < CLEAR * worst.error(result.line.slope):
        return ""
    side = "above" if worst.deviation > 0 else "below"
    return (
        f"The camera is not linear, or the light not steady: at a mean of {number(worst.mean)} counts the "
        f"variance is {abs(worst.deviation):.0%} {side} the line. Leave out what is near saturation, or use "
        "the noise curve."
    )
