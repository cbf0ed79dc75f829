"""How likely the blocks of a coarse image are if a given kernel made it.

Convention: a block is `SIDE` x `SIDE` coarse pixels less their mean, as coordinates (N, SIDE ** 2 - 1). Each
is one of several kinds of fine image: edges of some direction, or texture without one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft2, next_fast_len, rfft2

from .kernels import Kernel

Values = npt.NDArray[np.float64]

SIDE = 7  # coarse pixels of a block
DIRECTIONS = 10
ALONG = 0.15  # distance along an edge counts this much, against 1 across it
TEXTURES = (1.0, 0.5)  # exponents of distance in the variogram of what has no direction
FLATTEST = 0.75  # share of the blocks that are left out: they have the least contrast
CROWDED = 8  # times as many blocks are looked at as are kept
CONSTANT = 1e-12  # of the highest contrast: what rounding makes of a block of a single value
STEPS = 6  # of Newton's method for a block's contrast
LONGEST_STEP = 1.5
SMALL = 1e-9
LEAST_CONTRAST = 1e-3


class Likelihood:
    """The mean negative log-likelihood of blocks, as a function of the kernel.

    Parameters
    ----------
    blocks : ndarray, (N, SIDE ** 2 - 1)
        From `blocks_of`.
    scale : int
        Of the degradation.
    sigma : float
        Std of the coarse image's noise, above 0.
    taps : int
        The most that a kernel may have along an axis.

    Notes
    -----
    Each kind of fine image is Gaussian with a variogram, as in `linear.upscaling_filters`: of distance across
    an edge, nearly none along it, for edges; of plain distance for textures. A kernel makes coarse
    covariances of them. A block has the contrast, as a factor of the covariance, that fits it best, and
    may be of any kind: Gaussian scale mixtures [1]_ of several directions.

    References
    ----------
    .. [1] Portilla, Strela, Wainwright, Simoncelli, "Image denoising using scale mixtures of Gaussians in the
       wavelet domain", IEEE Transactions on Image Processing 12, 2003, doi:10.1109/TIP.2003.818640.
    """

    def __init__(self, blocks: Values, scale: int, sigma: float, taps: int) -> None:
        self.blocks, self.variance = blocks, sigma**2
        self.period = next_fast_len(2 * ((SIDE - 1) * scale + taps), real=True)
        self.spectra = rfft2(-_variograms(self.period))
        self.lags = tuple(scale * lag % self.period for lag in _lags())

    def covariances(self, kernel: Kernel) -> Values:
        """Return the covariance (K, n, n) of a block of each kind, at unit contrast and without noise."""
        power = np.abs(rfft2(kernel, (self.period,) * 2)) ** 2
        between = irfft2(self.spectra * power, (self.period,) * 2)[(slice(None), *self.lags)]
        found: Values = _BASIS.T @ between @ _BASIS
        return found

    def each(self, kernel: Kernel) -> Values:
        """Return the negative log-likelihood of every block, (N,)."""
        energies, axes = np.linalg.eigh(self.covariances(kernel))
        energies = np.maximum(energies, SMALL)[:, None]
        squares = np.square(self.blocks @ axes)
        variances = self._contrasts(energies, squares)[..., None] * energies + self.variance
        logs = -0.5 * (np.log(variances) + squares / variances).sum(2)
        most = logs.max(0)
        found: Values = -(most + np.log(np.exp(logs - most).mean(0)))
        return found

    def __call__(self, kernel: Kernel) -> float:
        """Return the mean over the blocks."""
        return float(self.each(kernel).mean())

    def _contrasts(self, energies: Values, squares: Values) -> Values:
        total = squares.sum(2)
        above = np.maximum(total - squares.shape[2] * self.variance, LEAST_CONTRAST * total)
        found: Values = above / energies.sum(2)
        for _ in range(STEPS):
            variances = found[..., None] * energies + self.variance
            share = 1 - self.variance / variances
            slope = (share * (squares / variances - 1)).sum(2)
            found *= np.exp(np.clip(slope / (share**2).sum(2), -LONGEST_STEP, LONGEST_STEP))
        return found


def blocks_of(planes: Values, most: int, seed: int = 0, flattest: float = FLATTEST) -> Values:
    """Return blocks of planes (B, Y, X), at most so many, without the share that has the least contrast.

    Blocks of a single value tell nothing and are left out in any case.
    """
    if min(planes.shape[1:]) < SIDE:
        return np.empty((0, SIDE**2 - 1))
    views = sliding_window_view(planes, (SIDE, SIDE), (1, 2))
    step = max(1, min(SIDE, math.isqrt(views[..., 0, 0].size // (CROWDED * most))))
    found = views[:, ::step, ::step].reshape(-1, SIDE**2)
    found = found[np.isfinite(found).all(1)] @ _BASIS
    if not len(found):
        return np.empty((0, SIDE**2 - 1))
    contrast = np.square(found).sum(1)
    least = max(np.quantile(contrast, flattest), CONSTANT * contrast.max())
    chosen = np.flatnonzero(contrast > least)
    kept: Values = found[np.random.default_rng(seed).permutation(chosen)[:most]]
    return kept


def _variograms(period: int) -> Values:
    at = np.fft.fftfreq(period, 1 / period)
    y, x = at[:, None], at
    textures = [np.hypot(y, x) ** exponent for exponent in TEXTURES]
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    edges = [np.hypot(x * np.cos(a) + y * np.sin(a), ALONG * (y * np.cos(a) - x * np.sin(a))) for a in angles]
    return np.stack([*textures, *edges])


def _lags() -> npt.NDArray[np.intp]:
    places = np.stack(np.meshgrid(*[np.arange(SIDE)] * 2, indexing="ij")).reshape(2, -1)
    apart: npt.NDArray[np.intp] = places[:, :, None] - places[:, None]
    return apart


def _basis() -> Values:
    """Return orthonormal columns that span the blocks of mean 0."""
    square = np.eye(SIDE**2)
    square[:, 0] = 1
    return np.linalg.qr(square)[0][:, 1:]


_BASIS = _basis()
