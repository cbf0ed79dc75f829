"""Photon transfer from calibration frames: dark frames, and flats at several light levels.

Convention: the dark frames are the darkest point of the photon transfer line; hot pixels are left out of all
numbers and are in the maps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..estimators.survey import number
from .doubts import dark_doubts, light_doubts
from .frames import FrameStatistics, Progress, checked_shape, frame_statistics, pile_at_top, share_at_bottom
from .line import Level, Line, fitted_line, interval, with_deviations, without_fallen
from .pixels import Mask, hot_pixels, noisy_pixels, pixel_maps
from .result import Calibration

MOST_SATURATED = 1e-3
LEAST_MAP_FRAMES = 10


def calibrate(
    dark: Any = None,
    flats: Sequence[Any] = (),
    saturation: float | None = None,
    progress: Progress = lambda done, total: None,
) -> Calibration:
    """Measure gain, offset and read noise of a camera from dark frames and flats.

    Parameters
    ----------
    dark : array_like, (N, Y, X), optional
        At least 2 frames without light, at the exposure time of the images; 10 or more give maps too.
        Arrays, dask arrays and lists of frames are read frame by frame.
    flats : sequence of array_like, (M, Y, X)
        One stack for each light level, from dim to almost saturated, each of at least 2 frames. The light
        need not be even over the image, but must not change its pattern.
    saturation : float, optional
        The value at which the camera saturates; None finds it where pixels pile up at the highest value.
    progress : callable
        Called with the number of frames read and the number there are.

    Returns
    -------
    Calibration
        Dark frames alone give offset and read noise, flats alone the gain and read_std^2 - gain * offset.

    Raises
    ------
    ValueError
        If there are no frames, shapes differ, every flat is saturated, or no noise rises with the light.

    Notes
    -----
    Valid for raw frames whose noise is independent from frame to frame: no temporal filter of the camera, no
    averages. The variance is temporal, so the pattern of the sensor cancels; the line is fitted by weighted
    least squares, in the way of the photon transfer method of the EMVA standard 1288.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> read = lambda: rng.normal(100, 3, (20, 64, 64))
    >>> flats = [2 * rng.poisson(electrons, (20, 64, 64)) + read() for electrons in (20, 100, 500)]
    >>> model = calibrate(read(), flats).model()
    >>> round(model.gain, 1), round(model.offset), round(model.read_std, 1)
    (2.0, 100, 3.0)
    """
    named = ([] if dark is None else [("the dark stack", dark)]) + [
        (f"flat {i}", f) for i, f in enumerate(flats)
    ]
    _check_shapes(named)
    top = _top(flats) if saturation is None else saturation
    seen = _counter(progress, sum(len(stack) for _, stack in named))
    found = [frame_statistics(stack, name, top, seen) for name, stack in named]
    first = np.asarray(named[0][1][0])
    result = Calibration(high=top if math.isfinite(top) else None)
    if dark is None:
        result, _ = _with_light(
            result, found, noisy_pixels(min(found, key=lambda one: float(one.mean.mean())))
        )
        return replace(result, doubts=light_doubts(result))
    low = float(first.min()) if share_at_bottom(first) else None
    result = _with_all(replace(result, low=low), found[0], found[1:])
    return replace(result, doubts=dark_doubts(result, first) + light_doubts(result))


def light_level(mean: Any, variance: Any, saturated: Any) -> Level:
    """Return the level of some pixels, left out where too many of their values are saturated."""
    level, share = Level.of(mean, variance), float(np.mean(saturated))
    if level.variance == 0 or share > MOST_SATURATED:
        return replace(level, left_out=f"{share:.1%} of its values are saturated")
    return level


def _with_all(result: Calibration, dark: FrameStatistics, light: list[FrameStatistics]) -> Calibration:
    hot = hot_pixels(dark)
    used: list[FrameStatistics] = []
    result = _with_dark(result, dark, hot)
    if light:
        result, used = _with_light(result, light, hot)
    if dark.frames < LEAST_MAP_FRAMES:
        return result
    return replace(result, maps=pixel_maps(dark, used, hot, result.gain))


def _with_dark(result: Calibration, dark: FrameStatistics, hot: Mask) -> Calibration:
    level = Level.of(dark.mean[~hot], dark.variance[~hot])
    low, high = interval(level.variance, level.error())
    return replace(
        result,
        dark=level,
        offset=level.mean,
        offset_interval=interval(level.mean, (level.variance / (dark.frames * level.pixels)) ** 0.5),
        read_std=level.variance**0.5,
        read_interval=(max(low, 0.0) ** 0.5, high**0.5),
        hot_share=float(hot.mean()),
    )


def _with_light(
    result: Calibration, light: list[FrameStatistics], left_out: Mask
) -> tuple[Calibration, list[FrameStatistics]]:
    """Return the result with a gain, and the flats that it was found from."""
    parts = [(one.mean[~left_out], one.variance[~left_out], one.saturated[~left_out]) for one in light]
    levels = without_fallen([light_level(*part) for part in parts])
    points = ([result.dark] if result.dark else []) + [level for level in levels if not level.left_out]
    _check_points(points, levels, result.dark)
    line = fitted_line(points)
    _check_slope(line)
    result = replace(
        result,
        gain=line.slope,
        gain_interval=line.slope_interval,
        line=line,
        levels=tuple(with_deviations(levels, line)),
    )
    return result, [one for one, level in zip(light, levels, strict=True) if not level.left_out]


def _top(flats: Sequence[Any]) -> float:
    return pile_at_top([np.asarray(flat[0]) for flat in flats]) if flats else math.inf


def _check_shapes(named: list[tuple[str, Any]]) -> None:
    if not named:
        raise ValueError("there are no frames: give dark frames, flats, or better both.")
    shapes = {name: checked_shape(stack, name) for name, stack in named}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name}: {rows} x {columns}" for name, (rows, columns) in shapes.items())
        raise ValueError(f"all frames must show the same pixels of one camera; these differ ({listed}).")


def _check_points(points: list[Level], levels: list[Level], dark: Level | None) -> None:
    dimmest = min(level.mean for level in levels)
    if dark and dimmest <= dark.mean:
        raise ValueError(
            f"a flat has a mean of {number(dimmest)} counts, the dark frames {number(dark.mean)}; check "
            "which is which, and that the camera settings were the same."
        )
    if len({level.mean for level in points}) < 2:
        reasons = "; ".join(f"{number(one.mean)} counts: {one.left_out}" for one in levels if one.left_out)
        raise ValueError(
            f"the gain needs two usable levels (dark frames count as one); there are {len(points)}. "
            + (f"Left out: {reasons}. " if reasons else "")
            + "Give flats of less light, or dark frames."
        )


def _check_slope(line: Line) -> None:
    if line.slope <= 0:
        raise ValueError(
            f"the variance does not rise with the light (slope {number(line.slope)}): these are no raw flats "
            "of one camera setting. Frames that were averaged, normalised or compressed do not tell the gain."
        )


def _counter(progress: Progress, total: int) -> Callable[[], None]:
    """Return a function to call after each frame."""
    counts = iter(range(1, total + 1))
    return lambda: progress(next(counts), total)
