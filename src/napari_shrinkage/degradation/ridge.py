"""Least squares for many unknowns that are drawn towards zero, by as much as predicts best.

Convention: rows (N, n) times taps (n,) are the target (N,), all of mean 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

PENALTIES = np.logspace(-9, 1, 41)  # of the largest eigenvalue


@dataclass(frozen=True)
class Ridge:
    """Taps, and the shape of their errors."""

    taps: Values
    root: Values  # (n, n): times white noise, an error of the taps

    def draws(self, count: int) -> Values:
        """Return taps (count, n) as other noise would have given them."""
        white = np.random.default_rng(0).standard_normal((count, len(self.taps)))
        found: Values = self.taps + white @ self.root.T
        return found


def fitted_ridge(rows: Values, target: Values) -> Ridge:
    """Return the taps that generalised cross-validation finds best."""
    values, axes = np.linalg.eigh(rows.T @ rows)
    values = np.maximum(values, 0)
    seen = axes.T @ (rows.T @ target)
    total = float(target @ target)
    if not values[-1] > 0 or not total > 0:
        raise ValueError("the images are flat; measuring a kernel needs edges or texture.")
    penalties = PENALTIES[:, None] * values[-1]
    along = seen / (values + penalties)
    residual = np.maximum(total - 2 * along @ seen + along**2 @ values, 0)
    free = len(target) - (values / (values + penalties)).sum(1)
    best = int(np.argmin(residual / np.maximum(free, 1) ** 2))
    std = math.sqrt(residual[best] / max(free[best], 1))
    return Ridge(axes @ along[best], axes * (std / np.sqrt(values + penalties[best])))
