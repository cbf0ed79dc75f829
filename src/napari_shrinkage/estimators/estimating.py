"""The noise of a stack, by any estimator, with a warning where it cannot be trusted."""

from __future__ import annotations

import warnings

from ..noise import Gaussian, NoiseModel, NoiseWarning
from ..stack import Stack
from .base import NoiseEstimator, SigmaEstimator
from .from_image import FromImage
from .gaussian import FlatBlocks
from .measurement import Measurement


def measured_noise(stack: Stack, estimator: NoiseEstimator = FromImage()) -> Measurement:  # noqa: B008
    """Measure the noise of a stack, once for all its planes.

    Parameters
    ----------
    stack : Stack
        Up to 16 million pixels are looked at; beyond that a fixed choice of windows, so that a lazy stack is
        never read whole.
    estimator : NoiseEstimator
        How it is measured.

    Returns
    -------
    Measurement
        The model with its verdict, and the numbers behind it.

    Raises
    ------
    ValueError
        If the stack is empty or a channel has no finite value.
    """
    if not stack.pixels:
        raise ValueError(f"an image of shape {stack.shape} is empty: it has no noise to estimate.")
    return estimator.measure(stack)


def estimated_noise(stack: Stack, estimator: NoiseEstimator = FromImage()) -> NoiseModel:  # noqa: B008
    """Return the noise model of a stack; see `measured_noise`.

    Warns
    -----
    NoiseWarning
        With the verdict, if the estimate cannot be trusted.
    """
    found = measured_noise(stack, estimator)
    if not found.trusted:
        warnings.warn(found.model.verdict, NoiseWarning, stacklevel=2)
    return found.model


def gaussian_noise(stack: Stack, estimator: SigmaEstimator = FlatBlocks()) -> Gaussian:  # noqa: B008
    """Return the white Gaussian noise of a stack; see `estimated_noise`."""
    model = estimated_noise(stack, estimator)
    assert isinstance(model, Gaussian)
    return model
