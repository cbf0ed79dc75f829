"""The slope of the error over a threshold, in three ways that must agree.

Convention: images are (C, *spatial) in any units, and the threshold is in those of the coefficients; one band
of one channel is shrunk by the soft rule, all others stay as they are. The error is the mean over all pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..rules import Soft
from ..transforms.base import Band, Transform


@dataclass(frozen=True)
class Gradients:
    """The derivative of the mean squared error with respect to a threshold.

    Parameters
    ----------
    finite : float
        From the error at two neighbouring thresholds.
    manual : float
        From the closed form of the soft rule's derivative, -sign(w).
    autograd : float
        By automatic differentiation through transform, rule and inverse.
    """

    finite: float
    manual: float
    autograd: float


def threshold_gradients(
    noisy: npt.ArrayLike,
    clean: npt.ArrayLike,
    transform: Transform,
    key: str,
    threshold: float,
    channel: int = 0,
    step: float = 1e-3,
) -> Gradients:
    """Return the slope of the error over the threshold of one band, in three ways.

    Parameters
    ----------
    noisy, clean : array_like, (C, *spatial)
        The image and its truth, in the same units.
    transform : Transform
        Resolved.
    key : str
        Of the band.
    threshold : float
        Where, in the units of the coefficients.
    channel : int
        The channel whose band is shrunk.
    step : float
        Half the distance between the two thresholds of the finite difference.

    Raises
    ------
    ValueError
        If the transform has no such detail band.

    Notes
    -----
    The result x' is linear in the shrunk coefficients w, and dw/dt = -sign(w), which is zero where w is. So
    dx'/dt is the image of -sign(w) in that band alone, for any transform, and the slope of the mean squared
    error is twice the mean of (x' - x) dx'/dt. Computed in double precision.
    """
    import torch

    if key not in {subband.key for subband in transform.subbands() if subband.detail}:
        raise ValueError(f"{type(transform).__name__} has no detail band {key!r}; subbands() lists them.")
    x, truth = (torch.from_numpy(np.array(values, np.float64))[None] for values in (noisy, clean))
    coefficients = transform.forward(x)
    place = torch.zeros(x.shape[1], dtype=x.dtype)
    place[channel] = 1
    place = place.reshape(1, -1, *(1,) * (coefficients[key].ndim - 2))

    def shrunk(band: Band, t: torch.Tensor) -> torch.Tensor:
        return Soft()(band.data, t * place) if band.key == key else band.data

    def difference(t: torch.Tensor) -> torch.Tensor:
        return transform.inverse(coefficients.map(lambda band: shrunk(band, t))) - truth

    def error(t: float) -> float:
        return float(difference(x.new_tensor(t)).square().mean())

    t = x.new_tensor(threshold, requires_grad=True)
    loss = difference(t).square().mean()
    (slope,) = torch.autograd.grad(loss, t)
    signs = -Soft()(coefficients[key], threshold).sign() * place
    bands = tuple(replace(b, data=signs if b.key == key else b.data * 0) for b in coefficients.bands)
    direction = transform.inverse(replace(coefficients, bands=bands))
    manual = 2 * (difference(x.new_tensor(threshold)) * direction).mean()
    finite = (error(threshold + step) - error(threshold - step)) / (2 * step)
    return Gradients(finite, float(manual), float(slope))
