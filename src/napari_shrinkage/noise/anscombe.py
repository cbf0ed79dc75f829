"""The generalised Anscombe transform of one channel, and the inverse that undoes it without bias.

Convention: electrons e = (counts - offset) / gain, read noise s in electrons. The transform is
D = 2 sqrt(max(e + 3/8 + s**2, 0)) [1]_; its exact unbiased inverse takes a value for the mean of D to the
mean of e [2]_. That relation is tabulated by quadrature up to `POISSON_MEANS` electrons; beyond, where the
Poisson law is all but Gaussian, its asymptotic series is exact to a thousandth of an electron. Where the
sensor clips, the table is that of the clipped values, so that the inverse stays right next to the ends.

References
----------
.. [1] Starck, Murtagh, Bijaoui, "Image processing and data analysis", 1998, doi:10.1017/CBO9780511564352.
.. [2] Makitalo, Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian
   noise", IEEE Trans. Image Process. 22, 2013, doi:10.1109/TIP.2012.2202675.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import poisson

from ..stack import Array
from .base import Stabiliser

Table = npt.NDArray[np.float64]

POISSON_MEANS = 200.0  # electrons
MOST_COUNT = 330  # nine standard deviations above
GRID = 400
NEAR_SATURATION = 400
NORMAL = np.linspace(-6, 6, 961)  # fine enough for the kink of the root at zero
DENSITY = np.exp(-(NORMAL**2) / 2) / np.exp(-(NORMAL**2) / 2).sum()
ROOT = math.sqrt(1.5)


@dataclass(frozen=True)
class Anscombe(Stabiliser):
    """Shot noise and read noise of one channel, all in counts.

    Parameters
    ----------
    gain : float
        Counts per electron, positive.
    offset : float
        Counts of no light.
    read_std : float
        Standard deviation of the read noise.
    low, high : float
        Where the values are cut off; infinite where they are not.
    """

    gain: float
    offset: float = 0.0
    read_std: float = 0.0
    low: float = -math.inf
    high: float = math.inf

    def forward(self, x: Array) -> Array:
        """Return D of counts."""
        z: Array = np.asarray(x * np.float32(1 / self.gain) if x.dtype == np.float32 else x / self.gain)
        z += z.dtype.type(0.375 + self._noise**2 - self.offset / self.gain)
        np.maximum(z, 0, out=z)
        np.sqrt(z, out=z)
        z *= z.dtype.type(2)
        return z

    def inverse(self, z: Array) -> Array:
        """Return the mean counts whose D has the mean `z`."""
        means, roots = self._table
        electrons = np.interp(z, roots, means)
        if math.isinf(self._high):
            series = np.maximum(z, roots[-1])
            np.copyto(electrons, self._asymptotic(series), where=z > roots[-1])
        slope = (means[1] - means[0]) / (roots[1] - roots[0])
        np.copyto(electrons, means[0] + slope * (z - roots[0]), where=z < roots[0])
        np.maximum(electrons, max(self._low, -0.375 - self._noise**2), out=electrons)
        return (electrons * self.gain + self.offset).astype(z.dtype, copy=False)

    def std(self, mean: Array) -> Array:
        """Return sqrt(gain (mean - offset) + read_std**2); below the offset the read noise."""
        signal = np.maximum(mean - self.offset, 0)
        return np.asarray(math.sqrt(self.gain) * np.sqrt(signal + self.gain * self._noise**2))

    @property
    def _noise(self) -> float:
        return self.read_std / self.gain

    @property
    def _low(self) -> float:
        return (self.low - self.offset) / self.gain

    @property
    def _high(self) -> float:
        return (self.high - self.offset) / self.gain

    @property
    def _table(self) -> tuple[Table, Table]:
        return mean_roots(self._noise, self._low, self._high)

    def _asymptotic(self, root: Array) -> Array:
        """Return the mean electrons of a large mean root (eq. 9 of [2]_)."""
        inverse = 1 / root
        tail = inverse * (ROOT / 4 - inverse * (1.375 - inverse * 0.625 * ROOT))
        return root**2 / 4 + tail - (0.125 + self._noise**2)


@lru_cache(maxsize=64)
def mean_roots(noise: float, low: float = -math.inf, high: float = math.inf) -> tuple[Table, Table]:
    """Return mean electrons and the mean of their D, both rising.

    Parameters
    ----------
    noise : float
        Read noise in electrons.
    low, high : float
        Where electrons are cut off. The table ends at a mean of `high`: nothing tells more from it.
    """
    top = min(POISSON_MEANS, max(high, 1e-3))
    means = top * np.linspace(0, 1, GRID) ** 2
    counts = np.arange(MOST_COUNT + 1, dtype=np.float64)
    weights = poisson.pmf(counts, means[:, None])
    roots = (weights / weights.sum(axis=1, keepdims=True)) @ _gaussian_means(counts, noise, low, high)
    if math.isfinite(high) and high > POISSON_MEANS:
        bright = _bright_means(noise, high)
        spread = np.sqrt(bright + noise**2)
        more = _gaussian_means(bright, spread, low, high, extra=noise)
        means, roots = np.concatenate([means, bright]), np.concatenate([roots, more])
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(roots)) > 0])
    return means[rising], roots[rising]


def _bright_means(noise: float, high: float) -> Table:
    """Return means from the end of the Poisson table to saturation, dense where clipping begins."""
    start = max(POISSON_MEANS, high - 6 * math.sqrt(high + noise**2))
    rough = np.geomspace(POISSON_MEANS, start, NEAR_SATURATION)[1:]
    return np.concatenate([rough, np.linspace(start, high, NEAR_SATURATION)[1:]])


def _gaussian_means(
    centres: Table, spread: Table | float, low: float, high: float, extra: float | None = None
) -> Table:
    """Return the mean of D around each centre, for Gaussian noise of the given spread."""
    noise = spread if extra is None else extra
    values = centres[:, None] + np.reshape(spread, (-1, 1)) * NORMAL
    roots = 2 * np.sqrt(np.maximum(np.clip(values, low, high) + 0.375 + np.square(noise), 0))
    return np.asarray(roots @ DENSITY)
