"""Whether the ratio of two channels survives, region by region (FRET, calcium and other ratiometric probes).

Convention: the ratio of a region is the summed signal of the first channel over that of the second, each
above its own offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .limits import all_of, errors_allowed, judged, percent
from .pairs import Float, same_shape
from .photometry import photometry

RATIO_LIMIT = 1.0  # per cent of the ratio


@dataclass(frozen=True, eq=False)
class ChannelRatio:
    """Ratio of two channels in each region, before and after.

    Parameters
    ----------
    labels : tuple of int
        Labels of the regions; (0,) for the whole image.
    before, after : ndarray, (N,)
        Ratio of the images and of the results; NaN where the second channel has no signal.
    errors : ndarray, (N,), or None
        Standard error of the ratio before, in per cent of it; None where the noise was not given.
    """

    labels: tuple[int, ...]
    before: Float
    after: Float
    errors: Float | None

    @property
    def changes(self) -> Float:
        """After against before, in per cent."""
        return 100 * (self.after / self.before - 1)

    @property
    def answers(self) -> tuple[bool | None, ...]:
        """Whether each region's ratio holds within 1 %; None where the noise hides it."""
        errors = np.full(len(self.labels), np.inf) if self.errors is None else self.errors
        times = errors_allowed(len(self.labels))
        return tuple(
            judged(float(c), RATIO_LIMIT, float(e), times) for c, e in zip(self.changes, errors, strict=True)
        )

    @property
    def passed(self) -> bool | None:
        """Whether the ratio holds in every region; None where the noise hides it in one."""
        return all_of(self.answers)

    def sentence(self) -> str:
        """Say what the numbers mean."""
        known = np.flatnonzero(np.isfinite(self.changes))
        if not known.size:
            return "No region has signal in both channels, so there is no ratio to compare."
        worst = known[np.argmax(np.abs(self.changes[known]))]
        most = f"the largest change is {percent(float(self.changes[worst]))} (region {self.labels[worst]})"
        failed = sum(answer is False for answer in self.answers)
        if failed:
            return f"The ratio changed in {failed} of {len(self.labels)} regions; {most}."
        if self.passed:
            return f"The ratio is kept within {RATIO_LIMIT:g} %; {most}."
        return f"No ratio changed by more than the noise may explain; {most}."


def channel_ratio(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    restored_first: npt.ArrayLike,
    restored_second: npt.ArrayLike,
    regions: npt.ArrayLike | None = None,
    offsets: tuple[float, float] = (0.0, 0.0),
    stds: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> ChannelRatio:
    """Compare the ratio of two channels before and after.

    Parameters
    ----------
    first, second : array_like, (..., Y, X)
        The two channels of the noisy image.
    restored_first, restored_second : array_like, (..., Y, X)
        Their results, in the same units.
    regions : array_like of int, optional
        Label image, 0 is background; the whole image when absent.
    offsets : tuple of float
        Value that each channel reads without light, in the units of the image.
    stds : tuple of array_like or float, optional
        Noise std of each channel's pixels, in the units of the image.

    Returns
    -------
    ChannelRatio
        Ratios by region, with their statistical error where `stds` is given.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    Valid for offsets that are right: an error of the offset changes both ratios alike and is not seen here.
    The error is that of independent channels, in first order; it holds for signals of several errors.
    """
    std = (None, None) if stds is None else stds
    a, b, after_a, after_b = same_shape(
        first=first, second=second, restored_first=restored_first, restored_second=restored_second
    )
    known = np.isfinite(a) & np.isfinite(b) & np.isfinite(after_a) & np.isfinite(after_b)
    a, b = np.where(known, a, np.nan), np.where(known, b, np.nan)  # the same pixels in both channels
    one = photometry(a, after_a, regions, std=std[0], offset=offsets[0])
    two = photometry(b, after_b, regions, std=std[1], offset=offsets[1])
    whole = [(one.whole, two.whole)]
    pairs = whole if regions is None else list(zip(one.regions, two.regions, strict=True))
    return ChannelRatio(
        tuple(a.label for a, _ in pairs),
        np.array([_over(a.before - offsets[0], b.before - offsets[1]) for a, b in pairs]),
        np.array([_over(a.after - offsets[0], b.after - offsets[1]) for a, b in pairs]),
        None if stds is None else np.array([np.hypot(a.error or 0, b.error or 0) for a, b in pairs]),
    )


def _over(signal: float, divisor: float) -> float:
    return signal / divisor if signal > 0 and divisor > 0 else np.nan
