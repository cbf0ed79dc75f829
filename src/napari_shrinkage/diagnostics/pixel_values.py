"""How the values of an image are distributed, for its histogram.

Convention: values are in the units of the image; bins of integers are as wide as whole numbers of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Histogram:
    """How often each value occurs, and how much of an image is saturated.

    Parameters
    ----------
    edges : ndarray, (N + 1,)
        Borders of the bins, in the units of the image.
    counts : ndarray, (N,)
        Pixels in each bin.
    lowest, highest : float
        The smallest and the largest value.
    share_lowest, share_highest : float
        Part of the pixels that have exactly this value, 0 to 1.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    lowest: float
    highest: float
    share_lowest: float
    share_highest: float


def histogram(values: npt.ArrayLike, bins: int = 256) -> Histogram | None:
    """Return the histogram of the finite values, or None where there is none.

    Integers that span fewer values than `bins` get a bin each, so that no bin is empty by its width alone.
    """
    finite = np.asarray(values)
    finite = finite.astype(np.uint8) if finite.dtype == bool else finite
    finite = finite[np.isfinite(finite)] if finite.dtype.kind == "f" else finite.ravel()
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    whole = bool(np.all(finite == np.rint(finite)))
    step = max(math.ceil((high - low + 1) / bins), 1) if whole else ((high - low) or 1.0) / bins
    start = low - 0.5 if whole else low
    number = max(math.ceil((high - low + 1) / step), 1) if whole else bins
    edges = start + step * np.arange(number + 1, dtype=np.float64)
    edges[-1] = max(edges[-1], high)
    counts, _ = np.histogram(finite, edges)
    return Histogram(edges, counts, low, high, float(np.mean(finite == low)), float(np.mean(finite == high)))
