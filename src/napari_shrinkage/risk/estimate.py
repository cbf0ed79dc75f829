"""An estimated mean squared error and how certain it is.

Convention: sums run over the pixels of a mask; what varies from place to place counts as uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..stack import Array

CELL = 16  # pixels; sums over squares of this side are nearly independent


@dataclass(frozen=True)
class RiskEstimate:
    """An estimated mean squared error.

    Parameters
    ----------
    mse : float
        In the units of the image squared. Being unbiased, it may fall below zero where the error is small.
    standard_error : float
        Of `mse` as an estimate of the error on this very image.
    draws : int
        Images that were restored for it.
    pixels : int
        Pixels that took part.
    """

    mse: float
    standard_error: float
    draws: int
    pixels: int


def combined(estimates: Iterable[RiskEstimate]) -> RiskEstimate:
    """Return the estimate over several images, each counted by its pixels."""
    parts = list(estimates)
    pixels = sum(part.pixels for part in parts)
    mse = sum(part.mse * part.pixels for part in parts) / pixels
    error = math.sqrt(sum((part.standard_error * part.pixels) ** 2 for part in parts)) / pixels
    return RiskEstimate(mse, error, max(part.draws for part in parts), pixels)


def variance_of_sum(values: Array, mask: npt.NDArray[np.bool_]) -> float:
    """Return the variance of the sum of masked values, from that between the sums over square cells.

    Values that differ from place to place raise it, so it is an upper bound.
    """
    from scipy.ndimage import sum_labels

    cells = np.zeros(values.shape, np.int64)
    for axis, n in enumerate(values.shape):
        place = np.arange(n) // (CELL if axis >= values.ndim - 2 else 1)
        cells = cells * int(place[-1] + 1) + place.reshape(
            [-1 if i == axis else 1 for i in range(values.ndim)]
        )
    index = np.unique(cells[mask])
    if index.size < 2:
        return 0.0
    kept = np.where(mask, values, 0)
    sums, sizes = sum_labels(kept, cells, index), sum_labels(mask, cells, index)
    rest = sums - sizes * (sums.sum() / sizes.sum())
    return float(np.sum(rest**2))


def total(values: Array, mask: npt.NDArray[np.bool_]) -> float:
    """Return the sum of masked values."""
    return float(np.sum(values[mask], dtype=np.float64))
