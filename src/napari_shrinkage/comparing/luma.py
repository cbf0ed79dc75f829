"""PSNR and structural similarity on the luma, as papers on super-resolution give them.

Convention: planes are (..., Y, X), colours (..., Y, X, C) with red, green and blue first; `peak` is the value
of white, black is 0. Pixels near the border, which no method can know well, are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..stack import Array
from .scores import psnr_of

BLACK, WEIGHTS = 16.0, (65.481, 128.553, 24.966)  # in steps of 255, for colours of 0 to 1
STEPS = 255.0
SSIM_STD, SSIM_REACH = 1.5, 5  # pixels


@dataclass(frozen=True)
class LumaScores:
    """How near an image is to the truth.

    Parameters
    ----------
    psnr : float
        Peak signal-to-noise ratio in dB; infinite where they are equal.
    ssim : float or None
        Mean structural similarity; None where the planes are smaller than its window.
    """

    psnr: float
    ssim: float | None


def luma(colors: Any, peak: float) -> Array:
    """Return the luma (..., Y, X) of colours (..., Y, X, C), float64, not rounded.

    Parameters
    ----------
    colors : array_like, (..., Y, X, C)
        What follows red, green and blue is left out.
    peak : float
        Value of white.

    Notes
    -----
    That of ITU-R BT.601, from 16 / 255 of the peak for black to 235 / 255 for white. MATLAB's rgb2ycbcr gives
    the same, rounded for 8-bit images.

    References
    ----------
    Recommendation ITU-R BT.601-7, 2011, https://www.itu.int/rec/R-REC-BT.601
    """
    values = np.asarray(colors)[..., :3].astype(np.float64)
    return np.asarray(BLACK / STEPS * peak + values @ (np.array(WEIGHTS) / STEPS))


def luma_scores(made: Any, truth: Any, border: int, peak: float) -> LumaScores:
    """Return the scores of planes against the truth.

    Parameters
    ----------
    made, truth : array_like, (..., Y, X)
        Planes on the same grid; pixels that are not finite in one of them count for neither PSNR nor SSIM.
    border : int
        Pixels that are left out on every side; the scale, by custom.
    peak : float
        Of the PSNR and of the structural similarity.

    Raises
    ------
    ValueError
        If the shapes differ, or nothing is left inside the border.

    Notes
    -----
    The structural similarity is that of Wang et al. [1]_: Gaussian windows of std 1.5 on 11 x 11 pixels.

    References
    ----------
    .. [1] Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
       similarity", IEEE Transactions on Image Processing 13, 2004, doi:10.1109/TIP.2003.819861.
    """
    a, b = (np.asarray(one, dtype=np.float64) for one in (made, truth))
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(
            f"the planes have the shapes {a.shape} and {b.shape}; expected the same (..., Y, X)."
        )
    rows, columns = (slice(border, n - border) for n in a.shape[-2:])
    a, b = a[..., rows, columns], b[..., rows, columns]
    if not a.size:
        raise ValueError(f"nothing is left of planes whose border of {border} pixels is left out.")
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        raise ValueError("no pixel is finite in both the image and the truth.")
    errors = np.where(known, a - b, 0.0)
    mse = float((errors**2).sum() / known.sum())
    return LumaScores(psnr_of(mse, peak), _similarity(a, b, known, peak))


def _similarity(made: Array, truth: Array, known: Array, peak: float) -> float | None:
    """Return the mean over the planes, and within them over the pixels whose window is all known."""
    from scipy.ndimage import binary_erosion
    from skimage.metrics import structural_similarity

    if min(made.shape[-2:]) <= 2 * SSIM_REACH:
        return None
    maps, counted = [], []
    window = np.ones((2 * SSIM_REACH + 1,) * 2, dtype=bool)
    for plane in np.ndindex(made.shape[:-2]):
        a, b = (np.where(known[plane], one[plane], 0.0) for one in (made, truth))
        _, found = structural_similarity(
            a,
            b,
            data_range=peak,
            gaussian_weights=True,
            sigma=SSIM_STD,
            use_sample_covariance=False,
            full=True,
        )
        maps.append(found)
        counted.append(binary_erosion(known[plane], window))
    values = np.stack(maps)[np.stack(counted)]
    return float(values.mean()) if values.size and math.isfinite(values.mean()) else None
