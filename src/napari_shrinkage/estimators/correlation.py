"""Is the noise white, and where it is not, how much do neighbouring pixels share.

The spectrum is read from blocks whose surroundings are flat: structure goes on from block to block, noise
does not, so that choosing a block by its neighbours does not bias what is measured on it. Convention: planes
(B, Y, X) are stabilised, so that the noise has the same strength everywhere; energies are mean squares of
DCT coefficients, compared with the high frequencies of the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve

from ..noise import Autocorrelation
from ..stack import Float
from ..transforms.block_dct import dct_matrix
from .blocks import ROUNDED

Values = npt.NDArray[np.float64]

SIDE = 16
LAGS = 7
LEAST_WEIGHED = 1e-3  # of the largest energy: what is below has no more say than that
DENSE_PIXELS = 2**20
MOST_PIXELS = 2**22
FEW, SOME, MANY = 0.005, 0.03, 0.1  # shares of the blocks, flattest surroundings first
LEAST_BLOCKS = 12
LEAST_AROUND = 4  # of eight
ALIKE = 1.25  # times the tilt of the flattest: those surroundings are flat as well
FLOOR = (0.02, 1.35)  # energies of high frequencies that are noise alone, as multiples of the noise's own
LEAST_ELIGIBLE = 100
# Limits between correlated noise and white noise on texture, from simulations on BSD68 and Set12.
MOST_WHITE = 2.3  # low over high frequencies; 0.8 in the flattest surroundings of white noise
STRONG, STRONG_FALL, STRONGEST = 8.0, 1.3, 20.0
WHITEST = (1.15, 2.0)  # of weak, of strong correlation
EVEN = (1.24, 1.45)
WEAK_FALL, SHARP_FALL, STEEP_FALL = 1.13, 1.5, 3.0
MOST_DISPERSED = 1.9
STRIPES = (2, 5)  # frequencies along one axis, constant along the other
MOST_LEFT = 1.5  # times the energy that the lags explain
TINY = 1e-9
PLAIN = 1  # frequencies up to here are left to slopes of the background

FREQUENCY = np.add.outer(np.arange(SIDE), np.arange(SIDE))
LOW = (FREQUENCY > PLAIN) & (FREQUENCY <= SIDE // 2)
_HIGH = FREQUENCY >= SIDE + 2
_MIDDLE = _HIGH & (FREQUENCY < SIDE + 5)
_CORNER = FREQUENCY >= SIDE + 8


@dataclass(frozen=True)
class Spectrum:
    """The noise's energy at each frequency of a 16 x 16 block, from where the image is flat.

    Parameters
    ----------
    energies : ndarray, (16, 16)
        Mean energy of each DCT coefficient: its noise variance in the units of the planes squared.
    tilt : float
        Energy of the low frequencies over that of the high ones, in the flattest surroundings.
    unevenness : float
        How much the tilt rises towards less flat surroundings: near 1 where all are noise.
    fall : float
        How much the energy falls among the high frequencies: 1 for white noise.
    dispersion : float
        Variance of the blocks' energies as a multiple of that of Gaussian noise of this spectrum.
    blocks : int
        How many blocks were averaged.
    """

    energies: Values
    tilt: float
    unevenness: float
    fall: float
    dispersion: float
    blocks: int

    def is_white(self, whitest: float) -> bool:
        """Whether the noise is white, as far as the image can tell; texture is not taken for correlation.

        Parameters
        ----------
        whitest : float
            Tilt of the whitest class of brightness (`Transfer.whitest`).
        """
        least = WHITEST[self.tilt > STRONG]
        if self.tilt <= MOST_WHITE or whitest <= least:
            return True
        strong = self.tilt > (STRONG if self.fall > STRONG_FALL else STRONGEST) and self.unevenness < EVEN[1]
        even = EVEN[1] if self.fall < SHARP_FALL else EVEN[0]
        weak = self.fall > WEAK_FALL and self.unevenness < even and self.dispersion < MOST_DISPERSED
        return not (strong or weak or self.fall > STEEP_FALL)

    def autocorrelation(self, lags: int = LAGS) -> tuple[float, Autocorrelation]:
        """Return the noise variance in the units of the planes squared, and the autocorrelation.

        Separable transforms see no difference between the two diagonals, so neither does the estimate.
        """
        return windowed(quadrant_of(self.energies, lags))


def flat_spectrum(planes: Float, step: float = 0.0) -> Spectrum | None:
    """Return the spectrum of the noise of stabilised planes (B, Y, X), or None where there are no blocks.

    Parameters
    ----------
    planes : ndarray, (B, Y, X)
        Noise of the same strength everywhere; NaN marks what is not to be used.
    step : float
        Grey-level step: blocks with nothing but rounding are left out.
    """
    chosen = planes[: max(MOST_PIXELS // max(planes[0].size, 1), 1)]
    parts = [_measured(plane, step) for plane in chosen if min(plane.shape) >= 3 * SIDE]
    if not parts:
        return None
    energies, low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
    ratios = np.where(np.isfinite(energies[:, 0]), low / high, np.inf)
    ratios[~np.isfinite(ratios)] = np.inf
    eligible = (high > FLOOR[0]) & (high < FLOOR[1]) & np.isfinite(ratios)
    if np.count_nonzero(eligible) >= LEAST_ELIGIBLE:
        ratios[~eligible] = np.inf
    order = np.argsort(ratios, kind="stable")[: np.count_nonzero(np.isfinite(ratios))]
    if len(order) < LEAST_BLOCKS:
        return None
    few, some, many = (min(max(int(s * len(ratios)), LEAST_BLOCKS), len(order)) for s in (FEW, SOME, MANY))
    tilt = float(ratios[order[:few]].mean())
    alike = order[: max(some, int(np.count_nonzero(ratios <= ALIKE * tilt)))]
    relative = energies[alike] / high[alike, None]
    found = relative.mean(axis=0).reshape(SIDE, SIDE) * float(high[alike].mean())
    first = relative[:some]
    powers = (first / first.mean(axis=0))[:, LOW.ravel()].mean(axis=1)
    return Spectrum(
        energies=found,
        tilt=tilt,
        unevenness=float(ratios[order[many - 1]] / ratios[order[few - 1]]),
        fall=float(found[_MIDDLE].mean() / found[_CORNER].mean()),
        dispersion=float(powers.var() * np.count_nonzero(LOW) / 2),
        blocks=len(alike),
    )


def spectrum_of(fields: Float) -> Spectrum | None:
    """Return the spectrum of fields (B, Y, X) that hold noise alone; None where no block is whole."""
    energies = np.concatenate([block_energies(field, SIDE) for field in fields])
    energies = energies[np.isfinite(energies).all(axis=1)]
    if not len(energies):
        return None
    found = energies.mean(axis=0).reshape(SIDE, SIDE)
    tilt, fall = (
        float(found[LOW].mean() / found[_HIGH].mean()),
        float(found[_MIDDLE].mean() / found[_CORNER].mean()),
    )
    return Spectrum(found, tilt, 1.0, fall, 1.0, len(energies))


def _measured(plane: Float, step: float) -> tuple[Values, Values, Values]:
    """Return the energies (N, 256) of the blocks of a plane, and low and high energy of their neighbours."""
    pitch = SIDE // 2 if plane.size <= DENSE_PIXELS else SIDE
    energies = block_energies(plane, pitch)
    rows, columns = ((n - SIDE) // pitch + 1 for n in plane.shape)
    grid = energies.reshape(rows, columns, -1)
    blank = grid[..., _HIGH.ravel()].mean(axis=-1) <= ROUNDED * step**2
    grid[blank] = np.nan
    low, high = (around(grid[..., group.ravel()].mean(axis=-1), SIDE // pitch) for group in (LOW, _HIGH))
    return energies, low.ravel(), high.ravel()


def block_energies(plane: Float, pitch: int) -> Values:
    """Return the squared DCT coefficients (N, 256) of the blocks at every multiple of `pitch`."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))[::pitch, ::pitch]
    cut = windows.reshape(-1, SIDE**2)
    basis = dct_matrix(SIDE)
    coefficients = (cut - cut[:, :1]) @ np.kron(basis, basis).T.astype(np.float32)
    return np.asarray(np.square(coefficients, dtype=np.float64))


def around(values: Values, reach: int) -> Values:
    """Return the mean over the blocks around each that share no pixel with it, NaN where most are missing."""
    ring = np.zeros((2 * reach + 1,) * 2)
    ring[::reach, ::reach] = 1
    ring[reach, reach] = 0
    known = np.isfinite(values)
    number = convolve(known.astype(np.float64), ring, mode="reflect")
    total = convolve(np.where(known, values, 0), ring, mode="reflect")
    return np.where(number >= LEAST_AROUND, total / np.maximum(number, 1), np.nan)


def quadrant_of(energies: Values, lags: int = LAGS) -> Values:
    """Return the autocovariance at lags 0..`lags` along both axes that explains block energies best.

    A coefficient's variance is linear in the autocovariance (003_5c1e63c404753ca9.txt, 2.3.4.3); the lowest
    frequencies, which slopes of the background reach, take no part.
    """
    quadrant = _fitted(energies, lags)
    return quadrant if _explains(quadrant, energies) else _fitted(energies, SIDE - 1)


def _explains(quadrant: Values, energies: Values) -> bool:
    """Whether an autocovariance gives the low frequencies along each axis the energy that they have.

    It does not where stripes are longer than its lags: their energy lies in one row or column alone.
    """
    rows = _own_products(len(quadrant) - 1)
    predicted = rows @ quadrant @ rows.T
    lines = ((0, slice(*STRIPES)), (slice(*STRIPES), 0))
    return all(energies[line].mean() < MOST_LEFT * max(predicted[line].mean(), TINY) for line in lines)


def _own_products(lags: int) -> Values:
    """Return the products (16, lags + 1) of each DCT basis function with itself, moved by each lag."""
    basis = dct_matrix(SIDE)
    products = [(basis[:, : SIDE - d] * basis[:, d:]).sum(axis=1) * (2 if d else 1) for d in range(lags + 1)]
    return np.stack(products, axis=1)


def _fitted(energies: Values, lags: int) -> Values:
    rows = _own_products(lags)
    design = np.einsum("ka,lb->klab", rows, rows).reshape(SIDE**2, -1)
    weight = np.where(FREQUENCY > PLAIN, 1 / np.maximum(energies, LEAST_WEIGHED * energies.max()), 0).ravel()
    solution = np.linalg.lstsq(design * weight[:, None], energies.ravel() * weight, rcond=1e-6)[0]
    quadrant: Values = solution.reshape(lags + 1, lags + 1)
    return quadrant


def windowed(quadrant: Values) -> tuple[float, Autocorrelation]:
    """Return the variance and the autocorrelation of an autocovariance at lags from 0 on along both axes."""
    window = np.pad(quadrant, [(n - 1, 0) for n in quadrant.shape], mode="reflect")
    variance = float(quadrant[0, 0])
    if not variance > 0:  # next to nothing but the lowest frequencies was measured
        return float(np.finfo(np.float32).tiny), Autocorrelation(((1.0,),))
    return variance, Autocorrelation(tuple(map(tuple, (window / variance).tolist())))
