"""What fitted numbers come from: it travels with them, into the record and on to other images.

Convention: thresholds are multiples of the noise, so they follow its strength; how large the best multiple is
depends on how far the signal stands out of the noise, so they suit images with much the same noise.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from ..methods import Method, method, nested
from ..noise import NoiseModel, NoiseWarning
from ..stack import Float

TOLERANCE = 1.25  # of the noise std, either way


class TransferWarning(NoiseWarning):
    """Numbers fitted under one noise are used under another."""


@method("fit", title="Fit")
class Fitted(Method):
    """What numbers were fitted to, so that one can tell whether they suit another image.

    Parameters
    ----------
    loss : str
        Name of the loss that was made small.
    noise_std : tuple of float
        Noise std of each channel at its mean brightness, in the units of the image.
    before, after : float
        The loss before and after the fit, in units of the noise: 1 is what the noisy image has.
    pixels : int
        Pixels of one channel that took part.
    """

    role: ClassVar[str] = "fit"

    loss: str
    noise_std: Annotated[tuple[float, ...], at.Ge(0), at.Unit("image units")]
    before: Annotated[float, at.Ge(-1e6), at.Unit("noise variances")]
    after: Annotated[float, at.Ge(-1e6), at.Unit("noise variances")]
    pixels: Annotated[int, at.Ge(1), at.Unit("pixels")]


def typical_noise(noise: NoiseModel, fields: Float) -> tuple[float, ...]:
    """Return the noise std of each channel at its mean brightness, from fields (B, C, *spatial) in counts."""
    known, axes = np.isfinite(fields), (0, *range(2, fields.ndim))
    sums = np.where(known, fields, 0).sum(axes, dtype=np.float64)
    means = sums / np.maximum(known.sum(axes), 1)  # 0 where nothing is finite: so such planes are filled
    stds = noise.std(means.reshape(-1, *(1,) * (fields.ndim - 2)))
    return tuple(float(std) for std in np.ravel(stds))


def transfer_doubt(method: Method, noise: NoiseModel, fields: Float) -> str:
    """Say if a method's numbers were fitted under other noise than that of these fields, else ""."""
    here = typical_noise(noise, fields)
    for part in nested(method):
        if isinstance(part, Fitted) and not _alike(part.noise_std, here):
            there = part.noise_std
            return (
                f"The numbers of this method were fitted under noise of std {_listed(there)}, and here it is "
                f"{_listed(here)}. They follow the strength of the noise, but the best multiples of it "
                "change with it: fit them to this image, or to one like it."
            )
    return ""


def is_fitted(method: Method) -> bool:
    """Whether any part of a method has fitted numbers."""
    return any(isinstance(part, Fitted) for part in nested(method))


def _alike(there: tuple[float, ...], here: tuple[float, ...]) -> bool:
    """Whether the noise is as strong, channel by channel; with other channels, on the whole."""
    if len(there) != len(here):
        there, here = (float(np.mean(there)),), (float(np.mean(here)),)
    return all(1 / TOLERANCE <= a / b <= TOLERANCE for a, b in zip(there, here, strict=True) if a and b)


def _listed(stds: tuple[float, ...]) -> str:
    return ", ".join(f"{std:.3g}" for std in stds)
