"""A score for when no noise model holds: how well a restorer predicts pixels that it was not shown.

Convention: hidden pixels lie on a grid and are replaced by the mean of their nearest neighbours.
"""

from __future__ import annotations

import math

import numpy as np

from ..stack import Array
from .estimate import RiskEstimate, total, variance_of_sum
from .trial import Restore


def self_consistency(
    restore: Restore, image: Array, mask: Array | None = None, step: int = 4, phases: int = 4, ndim: int = 2
) -> RiskEstimate:
    """Score a restorer by how well it predicts pixels that it was not shown; needs no noise model.

    Parameters
    ----------
    restore : callable
        Takes an image and returns it restored; its numbers are fixed.
    image : ndarray, (..., *spatial)
        The noisy image.
    mask : ndarray of bool, optional
        Pixels that take part.
    step : int
        Every `step`-th pixel of each spatial axis is hidden at a time, and replaced by the mean of its
        neighbours.
    phases : int
        Positions of that grid that are tried, evenly spread; `step ** ndim` hides every pixel once.
    ndim : int
        Number of spatial axes, the last ones.

    Returns
    -------
    RiskEstimate
        Its `mse` is the error of the prediction *plus the variance of the noise*, a constant of the image:
        good for ranking restorers, not as an error.

    Notes
    -----
    *Valid* for noise of mean zero that is independent between pixels, of any strength and law. Where
    neighbours share their noise, what predicts a pixel's noise from theirs is rewarded. The score is that of
    the restorer on an image with every `step`-th pixel interpolated, so it favours a little more smoothing
    than is best.

    References
    ----------
    Batson, Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019,
    http://proceedings.mlr.press/v97/batson19a.html.
    """
    image = np.asarray(image, np.float32)
    known = np.isfinite(image) if mask is None else np.asarray(mask, bool) & np.isfinite(image)
    spatial = image.shape[image.ndim - ndim :]
    around = neighbour_mean(image, ndim)
    errors, hidden_pixels = np.zeros(image.shape), np.zeros(image.shape, bool)
    chosen = np.unique(np.linspace(0, step**ndim, phases, endpoint=False).astype(int))
    for phase in chosen:
        hidden = np.zeros(spatial, bool)
        hidden[tuple(slice(int(o), None, step) for o in np.unravel_index(phase, (step,) * ndim))] = True
        shown = known & hidden
        prediction = restore(np.where(shown, around, image))
        errors[shown] = (prediction - image)[shown].astype(np.float64) ** 2
        hidden_pixels |= shown
    pixels = int(hidden_pixels.sum())
    if not pixels:
        raise ValueError("no pixel was left to hide; give an image larger than the step, or a wider mask.")
    spread = math.sqrt(variance_of_sum(errors, hidden_pixels))
    return RiskEstimate(total(errors, hidden_pixels) / pixels, spread / pixels, len(chosen), pixels)


def neighbour_mean(image: Array, ndim: int) -> Array:
    """Return the mean of the nearest neighbours of every pixel, itself left out."""
    from scipy.ndimage import convolve, generate_binary_structure

    footprint = generate_binary_structure(ndim, 1).astype(np.float32)
    footprint[(1,) * ndim] = 0
    kernel = footprint.reshape((1,) * (image.ndim - ndim) + footprint.shape)
    known = np.isfinite(image)
    total = convolve(np.where(known, image, 0), kernel, mode="constant")
    count = convolve(known.astype(np.float32), kernel, mode="constant")  # none beyond the border
    return np.asarray(total / np.maximum(count, 1e-6))
