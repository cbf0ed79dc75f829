"""Luminance and chrominance: an orthonormal change of colour axes, so that white noise stays white.

Convention: fields are (3, *spatial); the first opponent channel is the luminance (R + G + B) / sqrt(3).
"""

from __future__ import annotations

import numpy as np

from .stack import Float

OPPONENT: Float = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
OPPONENT /= np.linalg.norm(OPPONENT, axis=1, keepdims=True)


def to_opponent(field: Float) -> Float:
    """Return the opponent channels of an RGB field."""
    opponent: Float = np.einsum("ij,j...->i...", OPPONENT, field, optimize=True)
    return opponent


def to_rgb(field: Float) -> Float:
    """Return the RGB field of opponent channels; inverts `to_opponent`."""
    rgb: Float = np.einsum("ji,j...->i...", OPPONENT, field, optimize=True)
    return rgb
