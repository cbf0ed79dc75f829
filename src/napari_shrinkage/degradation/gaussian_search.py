"""The Gaussian kernel under which blocks of a coarse image are most likely.

Convention: a Gaussian is three numbers, "logs": the logarithm of its covariance's square root, in fine
pixels, as YY, YX and XX.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from .estimate import KernelEstimate
from .kernels import TAIL, Kernel, fitting_taps, gaussian_kernel
from .likelihood import Likelihood, Values

STARTS = (0.2, 0.4, 0.65, 1.0, 1.4)  # round widths in coarse pixels, of which the likeliest is refined
NARROWEST, WIDEST = 0.2, 1.6  # widths in coarse pixels
USUAL = 0.6  # coarse pixels: the width that is expected as long as the image does not tell
PULL = 0.05  # towards that, per block, in logarithms of width squared
TRIES = 70  # kernels that a search looks at
NEAR = 0.05  # step of a logarithm of width, for slopes
CAUTION = 2.0  # times the errors that the blocks' scatter gives: noisy blocks err together
SCENE = 0.12  # std of a logarithm of width from scene to scene, with any number of blocks


def most_taps(scale: int) -> int:
    """Return how many taps the widest kernel has."""
    return fitting_taps(TAIL * WIDEST * scale + 1, scale)


@dataclass(frozen=True)
class GaussianSearch:
    """For the Gaussian of the highest likelihood at a scale."""

    likelihood: Likelihood
    scale: int

    def result(self, pixels: int) -> KernelEstimate:
        """Return the likeliest kernel; `pixels` is how many it was measured from."""
        rounds = [np.array([m, 0, m]) for m in np.log(self.scale * np.array(STARTS))]
        start = min(rounds, key=self.cost)
        simplex = start + np.array([[0, 0, 0], [0.3, 0, 0], [0, 0.3, 0], [0, 0, 0.3]])
        options = {"maxfev": TRIES, "xatol": 0.02, "fatol": 1e-4, "initial_simplex": simplex}
        logs = minimize(self.cost, start, method="Nelder-Mead", options=options).x
        errors = self.width_errors(logs)
        return KernelEstimate(self.kernel(logs), self.scale, errors, pixels, shift_known=False)

    def cost(self, logs: Values) -> float:
        """Return the mean negative log-likelihood, with the pull."""
        return self.likelihood(self.kernel(logs)) + PULL * float(_pull(logs, self.scale))

    def kernel(self, logs: Values) -> Kernel:
        """Return the Gaussian's kernel."""
        widths, axes = self.axes(logs)
        angle = math.atan2(axes[0, 1], axes[1, 1])
        return gaussian_kernel(self.scale, widths[1], widths[0], angle)

    def axes(self, logs: Values) -> tuple[Values, Values]:
        """Return the widths, and the axes as columns (Y, X)."""
        values, axes = np.linalg.eigh(np.array([[logs[0], logs[1]], [logs[1], logs[2]]]))
        widths = self.scale * np.clip(np.exp(values) / self.scale, NARROWEST, WIDEST)
        return widths, axes

    def width_errors(self, logs: Values) -> tuple[float, float]:
        """Return the standard errors of the widths by how the blocks' slopes scatter and bend."""
        steps = NEAR * np.eye(3)
        ahead, behind = (
            np.stack([self.likelihood.each(self.kernel(logs + sign * step)) for step in steps])
            for sign in (1, -1)
        )
        slopes = (ahead - behind) / (2 * NEAR)
        scatter = np.cov(slopes) / slopes.shape[1]
        bend = np.empty((3, 3))
        for i, j in zip(*np.triu_indices(3), strict=True):
            bend[i, j] = bend[j, i] = self.bend(logs, steps[i], steps[j])
        inverse = np.linalg.pinv(bend)
        spread = CAUTION**2 * inverse @ scatter @ inverse + SCENE**2 * np.diag([1, 0.5, 1])
        widths, axes = self.axes(logs)
        ways = np.stack([axes[0] ** 2, 2 * axes[0] * axes[1], axes[1] ** 2], 1)  # of log width with the logs
        stds = widths * np.sqrt(np.einsum("ai,ij,aj->a", ways, spread, ways))
        return float(stds[1]), float(stds[0])

    def bend(self, logs: Values, one: Values, other: Values) -> float:
        """Return the second derivative of the cost along two steps."""
        corners = [self.cost(logs + a * one + b * other) * a * b for a in (1, -1) for b in (1, -1)]
        return float(sum(corners)) / (4 * NEAR**2)


def _pull(logs: Values, scale: int) -> float:
    usual = math.log(USUAL * scale)
    found: float = (logs[0] - usual) ** 2 + 2 * logs[1] ** 2 + (logs[2] - usual) ** 2
    return found
