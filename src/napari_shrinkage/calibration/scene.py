"""The noise of a repeated scene: frames of what stands still show its brightness and its noise.

Convention: pixels are sorted into classes by the mean of their eight neighbours. The noise of those is not
the pixel's own, so the averages of a class, of means and of variances, lie on the photon transfer line
without bias, however few frames there are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter
from scipy.stats import chi2, theilslopes

from ..estimators.survey import number
from .camera import light_level
from .doubts import light_doubts
from .frames import FrameStatistics, Progress, checked_shape, frame_statistics, pile_at_top
from .line import Level, Line, fitted_line, with_deviations
from .result import Calibration

CLASSES = 24
LEAST_CLASS = 256  # pixels
FALSE_ALARM = 1e-9
MOST_MOVING = 0.02
ROUNDS = 3


def from_frames(
    frames: Any,
    offset: float | None = None,
    saturation: float | None = None,
    progress: Progress = lambda done, total: None,
) -> Calibration:
    """Measure the noise on repeated frames of one static scene.

    Parameters
    ----------
    frames : array_like, (T, Y, X)
        At least two raw frames, read one at a time.
    offset : float, optional
        Counts of no light, where known: it tells the read noise.
    saturation : float, optional
        The value at which the camera saturates; None finds it where pixels pile up at the highest value.
    progress : callable
        Called with the number of frames read and the number there are.

    Returns
    -------
    Calibration
        With `levels` the brightness classes. The gain is 0 where the noise does not rise with brightness.

    Raises
    ------
    ValueError
        If there are fewer than two frames, or they are saturated or all the same.

    Notes
    -----
    Valid for a scene that stands still and noise that is white in time and in space. Bleaching and lamp
    flicker are taken out as far as they change the whole image by one factor and one summand; pixels that
    move or blink are left out where they stand out from their class.
    """
    checked_shape(frames, "the series")
    if saturation is None:
        saturation = pile_at_top([np.asarray(frames[0]), np.asarray(frames[len(frames) - 1])])
    done = iter(range(1, len(frames) + 1))
    found = frame_statistics(frames, "the series", saturation, lambda: progress(next(done), len(frames)))
    levels = _levels(found)
    used = [level for level in levels if not level.left_out]
    if not used:
        raise ValueError(
            "the frames show no noise to measure: they are saturated, or copies of one frame. Give raw "
            "frames that were taken one after the other."
        )
    result = _told(levels, used, offset)
    moving = 1 - sum(level.pixels for level in levels) / _around(found.mean).size
    if moving > MOST_MOVING:
        doubt = f"{moving:.0%} of the pixels change more than noise does: the scene moves or blinks."
        result = replace(result, doubts=(*result.doubts, doubt))
    return replace(result, high=saturation if math.isfinite(saturation) else None)


def _told(levels: list[Level], used: list[Level], offset: float | None) -> Calibration:
    line = fitted_line(used) if len({level.mean for level in used}) > 1 else None
    if line is None or line.slope_interval[0] <= 0:
        return _without_gain(levels, used)
    known = {}
    if offset is not None:
        known = {"offset": offset, "read_std": max(line.at(offset), 0.0) ** 0.5}
    result = Calibration(
        gain=line.slope,
        gain_interval=line.slope_interval,
        line=line,
        levels=tuple(with_deviations(levels, line)),
        **known,
    )
    doubts = list(light_doubts(result))
    if offset is not None and line.at(offset) + 2 * line.intercept_error < 0:
        doubts.append(f"The offset does not fit: at {number(offset)} counts the variance would be negative.")
    return replace(result, doubts=tuple(doubts))


def _without_gain(levels: list[Level], used: list[Level]) -> Calibration:
    """Return the noise of a scene in which it does not rise with brightness: that of all pixels together."""
    pixels = [level.pixels for level in used]
    variance = float(np.average([level.variance for level in used], weights=pixels))
    error = float(np.sqrt(np.sum([(level.error() * level.pixels) ** 2 for level in used]))) / sum(pixels)
    line = Line(0.0, variance, 0.0, error, math.nan, 0.0)
    doubt = (
        "The noise does not rise with brightness, or the scene has too little contrast to show that it does: "
        "the gain was not found."
    )
    return Calibration(
        gain=0.0,
        gain_interval=(0.0, 0.0),
        line=line,
        levels=tuple(with_deviations(levels, line)),
        doubts=(doubt,),
    )


def _levels(found: FrameStatistics) -> list[Level]:
    """Return the brightness classes in order, of the pixels that vary no more than noise does.

    What is too much is told by a line through the classes that a few of them cannot tilt, at the brightness
    of the class or of the pixel itself: where photons are rare, one of them makes both mean and variance.
    """
    inner = (slice(1, -1), slice(1, -1))
    order = np.argsort(_around(found.mean), axis=None)
    mean, variance, saturated = (
        part[inner].ravel()[order] for part in (found.mean, found.variance, found.saturated)
    )
    classes = max(2, min(CLASSES, order.size // LEAST_CLASS))
    parts = np.array_split(np.arange(order.size), classes)
    limit = chi2(found.freedom).isf(FALSE_ALARM) / found.freedom
    for _ in range(ROUNDS):
        averages = [float(variance[part].mean(dtype=np.float64)) for part in parts]
        centres = [float(mean[part].mean(dtype=np.float64)) for part in parts]
        if min(centres) == max(centres):
            break
        slope, intercept, *_ = theilslopes(averages, centres)
        kept = []
        for part in parts:
            brightest = np.maximum(mean[part], mean[part].mean())
            usual = np.maximum(max(slope, 0.0) * brightest + intercept, min(averages))
            kept.append(part[variance[part] <= limit * usual])
        parts = [part for part in kept if part.size]
    return [light_level(mean[part], variance[part], saturated[part]) for part in parts]


def _around(mean: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the mean of the eight neighbours of each inner pixel."""
    values = mean.astype(np.float64)
    around: npt.NDArray[np.float64] = ((9 * uniform_filter(values, 3) - values) / 8)[1:-1, 1:-1]
    return around
