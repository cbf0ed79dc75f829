"""A field in units of its noise, and back: what every restorer sees, and what it gives.

Convention: fields are (C, *spatial); colour that is restored together goes over as luminance and
chrominance, each with noise of variance 1.
"""

from __future__ import annotations

import numpy as np

from ..color import to_opponent, to_rgb
from ..stack import Float
from .base import NoiseModel

KNOTS = 4096
REACH = 2.0  # noise stds


def to_noise_units(values: Float, noise: NoiseModel, color: bool) -> Float:
    """Return a field (C, *spatial) scaled to noise of variance 1, colour as opponent channels."""
    z = noise.forward(values).astype(np.float32, copy=False)
    return to_opponent(z) / opponent_stds(noise, z.ndim) if color else z


def from_noise_units(z: Float, noise: NoiseModel, color: bool) -> Float:
    """Return restored values in the units of the image; inverts `to_noise_units`, unbiased."""
    rgb = to_rgb(z * opponent_stds(noise, z.ndim)) if color else z
    restored: Float = noise.inverse(rgb).astype(np.float32, copy=False)
    return restored


def opponent_stds(noise: NoiseModel, ndim: int) -> Float:
    """Return the noise std of the opponent channels of a stabilised colour field of `ndim` axes."""
    stds = (1.0, 1.0, 1.0) if noise.color is None else noise.color.stds
    return np.asarray(stds, np.float32).reshape(-1, *(1,) * (ndim - 1))


def inverse_table(noise: NoiseModel, stabilised: Float) -> tuple[Float, Float]:
    """Return the noise model's inverse as a table, for interpolation either way.

    Parameters
    ----------
    noise : NoiseModel
        One value per channel.
    stabilised : ndarray, (..., C, *spatial)
        Values of `noise.forward`, whose range the table covers with `REACH` to spare.

    Returns
    -------
    ndarray, (K,)
        Evenly spaced stabilised values.
    ndarray, (C, K)
        The mean pixel value of each, per channel.
    """
    channels = len(noise.stabilisers())
    low, high = float(stabilised.min()), float(stabilised.max())
    knots = np.linspace(low - REACH, high + REACH, KNOTS, dtype=np.float32)
    means = noise.inverse(np.broadcast_to(knots, (channels, 1, KNOTS)).copy())
    return knots, means.reshape(channels, KNOTS)
