"""Noise to try a restorer with, and the mean that tells how strong it is.

Convention: spatial axes come last; axes before them hold independent fields.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..noise import Autocorrelation
from ..stack import Array

SMOOTHING = 2.0  # pixels


def noise_field(
    shape: Sequence[int], autocorrelation: Autocorrelation | None, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return Gaussian noise of variance 1 with the given autocorrelation along the last axes.

    Parameters
    ----------
    shape : sequence of int
        Of the field; axes before those of the autocorrelation hold independent fields.
    autocorrelation : Autocorrelation or None
        None is white noise.
    rng : numpy.random.Generator
        Where the chance comes from.
    """
    if autocorrelation is None:
        return rng.standard_normal(shape, dtype=np.float32)
    from scipy.fft import irfftn, next_fast_len, rfftn

    lags = autocorrelation.array
    axes = tuple(range(-lags.ndim, 0))
    if len(shape) < lags.ndim:
        raise ValueError(
            f"the noise's autocorrelation has {lags.ndim} axes, the image {len(shape)}; "
            "estimate the noise with the same number of spatial axes."
        )
    spatial = tuple(shape)[len(shape) - lags.ndim :]
    canvas = tuple(
        next_fast_len(max(n + m // 2, m), real=True) for n, m in zip(spatial, lags.shape, strict=True)
    )
    centred = np.zeros(canvas)
    centred[tuple(slice(0, m) for m in lags.shape)] = lags
    power = rfftn(np.roll(centred, [-(m // 2) for m in lags.shape], range(lags.ndim))).real
    white = rng.standard_normal((*tuple(shape)[: len(shape) - lags.ndim], *canvas), dtype=np.float32)
    amplitude = np.sqrt(np.maximum(power, 0)).astype(np.float32)
    field = irfftn(rfftn(white, axes=axes) * amplitude, s=canvas, axes=axes)
    return np.ascontiguousarray(field[(..., *(slice(0, n) for n in spatial))], np.float32)


def local_mean(image: Array, ndim: int = 2) -> Array:
    """Return a smoothed image; values that are not finite are left out of it."""
    from scipy.ndimage import gaussian_filter

    known = np.isfinite(image)
    sigma = [0.0] * (image.ndim - ndim) + [SMOOTHING] * ndim
    total = gaussian_filter(np.where(known, image, 0).astype(np.float32), sigma)
    if known.all():
        return np.asarray(total)
    return np.asarray(total / np.maximum(gaussian_filter(known.astype(np.float32), sigma), 1e-6))
