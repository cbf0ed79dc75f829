"""Whether an image is one that a generator can draw, told from what is left between the two.

Convention: residuals and limits are root mean squares over the pixels of an image, in counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..noise import NoiseModel
from ..stack import Float

CHANCE = 3.0  # standard deviations of the mean square of the noise

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Misfit:
    """What is left between images and those that a generator drew of them.

    Parameters
    ----------
    residual : ndarray
        Root mean square of image minus result, of each image, in counts.
    limit : ndarray
        What noise and the generator's usual error explain, in counts.
    """

    residual: Values
    limit: Values

    @property
    def out(self) -> npt.NDArray[np.bool_]:
        """Which images are unlike those that the generator was trained on."""
        return np.asarray(self.residual > self.limit)


def misfit_of(values: Float, restored: Float, stds: Float, usual: float, noise: NoiseModel) -> Misfit:
    """Return the misfit of images (..., Y, X), one for each.

    Parameters
    ----------
    values, restored : ndarray, (..., Y, X)
        Images and results, in counts.
    stds : ndarray, (..., Y, X)
        Noise std at each pixel, in counts.
    usual : float
        Root mean squared error that images of the training stack rarely exceed, in counts.
    noise : NoiseModel
        Tells whether pixels share their noise: then its mean square varies more.

    Notes
    -----
    The limit squared is usual^2 + m + 3 s, where m is the mean variance of the noise and s the standard
    deviation of the mean square of Gaussian noise. The few pixels' worth of noise that a code can follow, K
    of n, are left out: the test is that much too lenient.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum((-2, -1)), 1)
    squares = np.where(known, np.float64(values) - restored, 0) ** 2
    variances = np.where(known, np.float64(stds) ** 2, 0)
    shared = 1.0 if noise.autocorrelation is None else float(np.sum(noise.autocorrelation.array**2))
    spread = np.sqrt(2 * shared * (variances**2).sum((-2, -1))) / count
    allowed = usual**2 + variances.sum((-2, -1)) / count + CHANCE * spread
    return Misfit(np.sqrt(squares.sum((-2, -1)) / count), np.sqrt(allowed))
