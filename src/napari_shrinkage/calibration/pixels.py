"""From calibration frames to what each pixel does: maps of offset, read noise and gain, and the hot pixels.

Convention: a map holds what the frames are sure of. Offset and gain are drawn towards their mean by the share
of their scatter that is error of measurement, so that few frames give an even map and not a noisy one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from ..noise.camera_maps import HOT_READ
from ..stack import Array, Float
from .frames import FrameStatistics
from .result import Maps

Mask = npt.NDArray[np.bool_]

HOT_OFFSET = 8.0  # robust standard deviations, and at least one read noise
FALSE_ALARM = 1e-7
NOISY = 64.0  # times the median variance of a flat, whose light need not be even
MAD = 1.4826


def hot_pixels(dark: FrameStatistics) -> Mask:
    """Return the mask (Y, X) of pixels whose offset or read noise is far outside.

    With few frames the variances scatter by themselves; the bound is such that about one in ten million good
    pixels is called hot.
    """
    spread = chi2(dark.freedom)
    usual = float(np.median(dark.variance)) * dark.freedom / spread.median()
    away = np.abs(dark.mean - np.median(dark.mean))
    far = away > max(HOT_OFFSET * MAD * float(np.median(away)), usual**0.5)
    bound = max(HOT_READ**2, spread.isf(FALSE_ALARM) / dark.freedom) * usual
    return np.asarray(far | (dark.variance > bound) if usual > 0 else far)


def noisy_pixels(flat: FrameStatistics) -> Mask:
    """Return the mask (Y, X) of pixels that are far noisier than most under the same light."""
    usual = float(np.median(flat.variance))
    return np.asarray(flat.variance > (NOISY * usual if usual > 0 else np.inf))


def pixel_maps(dark: FrameStatistics, light: list[FrameStatistics], hot: Mask, gain: float | None) -> Maps:
    """Return the maps of all pixels; the gain is the slope of each pixel's own photon transfer line."""
    variance = float(dark.variance[~hot].mean())
    offset = drawn_to_mean(dark.mean, hot, variance / dark.frames)
    if gain is None or not light:
        return Maps(offset, dark.variance, None, hot)
    power, product, dark_share = np.zeros(offset.shape), np.zeros(offset.shape), np.zeros(offset.shape)
    for flat in light:
        signal = np.asarray(flat.mean, np.float64) - offset
        weight = flat.freedom / float(flat.variance[~hot].mean()) ** 2
        power += weight * signal**2
        product += weight * signal * (flat.variance - dark.variance)
        dark_share += weight * signal
    power = np.maximum(power, np.finfo(np.float32).tiny)
    of_dark = 2 * variance**2 / dark.freedom
    uncertain = float(np.median(2 / power + (dark_share / power) ** 2 * of_dark))
    return Maps(offset, dark.variance, drawn_to_mean(product / power, hot, uncertain, gain), hot)


def drawn_to_mean(values: Array, hot: Mask, uncertain: float, centre: float | None = None) -> Float:
    """Return values drawn towards their mean; hot ones stay.

    Parameters
    ----------
    values : ndarray, (Y, X)
        Measured.
    hot : ndarray of bool, (Y, X)
        Which ones count for nothing.
    uncertain : float
        Variance of the error of measurement.
    centre : float, optional
        What stands in place of their mean afterwards.
    """
    good = np.asarray(values[~hot], np.float64)
    mean, scatter = float(good.mean()), float(good.var())
    kept = max(0.0, 1 - uncertain / scatter) if scatter > 0 else 0.0
    drawn = (mean if centre is None else centre) + kept * (values - mean)
    return np.where(hot, values, drawn).astype(np.float32)
