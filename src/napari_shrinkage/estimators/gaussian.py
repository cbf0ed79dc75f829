"""Estimators of Gaussian noise: the median of the finest wavelet band, the high frequencies of flat blocks.

Convention: both measure what lies at the highest frequencies. Where an image was smoothed, resized,
demosaiced or compressed, that is not all of its noise: flat blocks notice, the median does not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pywt

from ..methods import method
from ..stack import Float
from .base import Reading, SigmaEstimator, median_deviation, neighbour_reading
from .blocks import Blocks
from .survey import Survey, number

WHITE_TILT = 1.05  # 0.82 in flat blocks of white noise, by the choice of the blocks
SMOOTHED_CORRELATION = 0.25
SMOOTHED_FALL = 1.4
MOST_BLANK = 0.5
LEAST_CLASSES = 4
LEAST_CHANGE = 1.5
LEAST_STEADINESS = 0.7


@method("mad", title="Median of the finest band")
class Mad(SigmaEstimator):
    """The median size of the finest diagonal wavelet coefficients.

    Parameters
    ----------
    wavelet : str
        Wavelet whose diagonal band is taken.

    Notes
    -----
    Valid for white noise on images with little fine texture: texture counts as noise, and where the noise is
    weak the estimate is far too large. sigma = median(abs(HH1)) / 0.6745 [1]_.

    References
    ----------
    .. [1] D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81
       (1994), doi:10.1093/biomet/81.3.425.
    """

    wavelet: Literal["haar", "db2", "db4", "db8", "sym4", "sym8"] = "haar"

    def read(self, planes: Float, survey: Survey) -> Reading:
        """Return the median deviation of the diagonal details of all planes."""
        diagonal = pywt.dwt(pywt.dwt(planes, self.wavelet, axis=-1)[1], self.wavelet, axis=-2)[1]
        diagonal = diagonal[np.isfinite(diagonal)]
        if not diagonal.size:
            return neighbour_reading(planes, "Too many pixels are missing")
        return Reading(median_deviation(diagonal), "texture may count as noise")


@method("flat-blocks", title="Flat blocks")
class FlatBlocks(SigmaEstimator):
    """The high frequencies of the blocks that are flat.

    Notes
    -----
    Valid for white noise of the same strength everywhere. Blocks are chosen by their low frequencies, so that
    texture is left out and the choice does not bias the result. Noise that changes with brightness is
    averaged over the image. `Blocks` has the measurement.
    """

    def read(self, planes: Float, survey: Survey) -> Reading:
        """Return the noise of the flattest blocks, averaged over brightness where it changes with it."""
        blocks = Blocks.of(planes, survey)
        if not len(blocks):
            return neighbour_reading(planes, "Too many pixels are missing")
        by_brightness = noise_by_brightness(blocks)
        if by_brightness is None:
            flat = blocks.flattest()
            sigma, character, doubts = flat.variance**0.5, "white", _not_white(flat)
        else:
            sigma, doubts = float(np.sqrt(np.mean(np.square(by_brightness)))), ()
            dark, bright = number(by_brightness[0]), number(by_brightness[-1])
            character = f"an average: {dark} in the darkest parts, {bright} in the brightest"
        blank = () if survey.is_saturated else _mostly_blank(blocks, sigma)
        return Reading(sigma, character, doubts + blank)


def noise_by_brightness(blocks: Blocks) -> tuple[float, ...] | None:
    """Return the noise standard deviation of each brightness class, or None if it does not change steadily.

    Classes are in order of brightness; those without flat blocks of white noise get the value between their
    neighbours.
    """
    flat = [part.flattest() for part in blocks.by_brightness()]
    white = [i for i, part in enumerate(flat) if part.tilt < WHITE_TILT and part.variance > 0]
    if len(white) < max(LEAST_CLASSES, len(flat) / 2):
        return None
    levels = np.log([flat[i].variance for i in white]) / 2
    if abs(levels[-1] - levels[0]) < np.log(LEAST_CHANGE):
        return None
    if abs(np.corrcoef(white, levels)[0, 1]) < LEAST_STEADINESS:
        return None
    return tuple(float(sigma) for sigma in np.interp(range(len(flat)), white, np.exp(levels)))


def _not_white(flat: Blocks) -> tuple[str, ...]:
    """Return what to say when even the flattest blocks hold more than white noise."""
    if flat.tilt < WHITE_TILT:
        return ()
    sigma = number(flat.variance**0.5)
    correlation = f"{flat.correlation:.2f} at lag 1"
    doubt = (
        f"No part of the image is flat with white noise (correlation {correlation}): fine texture, "
        f"compression or smoothing make sigma = {sigma} uncertain."
    )
    if flat.correlation > SMOOTHED_CORRELATION and flat.fall > SMOOTHED_FALL:
        doubt = (
            "The image looks already smoothed, resized or demosaiced: neighbouring noise values are "
            f"correlated ({correlation}), so sigma = {sigma} is a lower bound. Estimate it on the raw image, "
            "or give sigma."
        )
    return (doubt,)


def _mostly_blank(blocks: Blocks, sigma: float) -> tuple[str, ...]:
    if blocks.blank < MOST_BLANK:
        return ()
    doubt = (
        f"{blocks.blank:.0%} of the image holds one value or nothing but rounding (masked, filled or without "
        f"noise): sigma = {number(sigma)} is that of the rest."
    )
    return (doubt,)
