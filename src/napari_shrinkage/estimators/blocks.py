"""Blocks of an image: how flat they are, and how strong their noise is.

A block is flat when its low frequencies are weak; its noise is read from its high frequencies. White noise is
independent in the two, so that choosing blocks by the one does not bias the other [1]_. Convention: an energy
is a mean square per DCT coefficient, which is sigma**2 for white noise; the frequency of a coefficient is the
sum u + v of its two indices.

References
----------
.. [1] M. Colom and A. Buades, "Analysis and extension of the Ponomarenko et al. method, estimating a noise
   curve from a single image", Image Processing On Line 3 (2013), doi:10.5201/ipol.2013.45.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.fft import dct
from scipy.special import gammaincinv

from ..stack import Float
from .survey import Survey

Mask = npt.NDArray[np.bool_]

SIDE = 8
DENSE_PIXELS = 2**20  # up to here blocks overlap by half; beyond there are enough without
MOST_PILED = 4  # of the 64 pixels
ROUNDED = 0.15  # energy in steps squared; rounding alone makes 1/12, with a spread of a fifth
LEAST_FLAT = 8
LEAST_FLAT_SHARE = 0.005
MOST_ROUNDS = 20
CLASSES = 16
LEAST_IN_CLASS = 64

_FREQUENCY = np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel()
_LOW = (_FREQUENCY > 1) & (_FREQUENCY < 9)  # without the mean and the slopes, which are no texture
_HIGH = _FREQUENCY >= 9
_MIDDLE = (_FREQUENCY == 9) | (_FREQUENCY == 10)
_CORNER = _FREQUENCY >= 12
# Half of all blocks of white noise have less energy than this at low frequencies (chi-squared distribution).
_MEDIAN_LOW = float(2 * gammaincinv(_LOW.sum() / 2, 0.5) / _LOW.sum())
_LEAST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Blocks:
    """What was measured on a set of blocks, one column each.

    Parameters
    ----------
    brightness : ndarray, (N,)
        Mean value.
    energies : ndarray, (6, N)
        Low, high, the two parts of high (middle, corner), lagged product and power, in float64: the square of
        a float32 may be too small or too large for one. See the properties.
    blank : float
        Share of the blocks that hold nothing but rounding, or one value; they are not in the set.
    """

    brightness: Float
    energies: npt.NDArray[np.float64]
    blank: float = 0.0

    @classmethod
    def of(cls, planes: Float, survey: Survey) -> Blocks:
        """Measure the blocks of planes (B, Y, X), without those that hold no noise or only a part of it.

        Left out are blocks with missing pixels, with nothing but rounding, and with saturated or filled
        pixels; the last two come back when there is nothing else.
        """
        step = SIDE // 2 if planes.size <= DENSE_PIXELS else SIDE
        parts = [_measured(_cut(plane, step), survey.piles) for plane in planes]
        brightness, energies, clipped = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
        whole = np.isfinite(energies).all(axis=0)
        varied = whole & (energies[0] > ROUNDED * survey.step**2)
        choices = (varied & ~clipped, varied, whole)
        usable = next((choice for choice in choices if np.count_nonzero(choice) >= LEAST_FLAT), whole)
        blank = 1 - int(np.count_nonzero(varied)) / max(int(np.count_nonzero(whole)), 1)
        return cls(brightness[usable], energies[:, usable], blank)

    def __len__(self) -> int:
        return len(self.brightness)

    @property
    def low(self) -> npt.NDArray[np.float64]:
        """Energy of the low frequencies, without mean and slopes."""
        return self.energies[0, :]

    @property
    def high(self) -> npt.NDArray[np.float64]:
        """Energy of the high frequencies: the noise."""
        return self.energies[1, :]

    @property
    def variance(self) -> float:
        """Noise variance, from the high frequencies of all these blocks."""
        return float(self.high.mean())

    @property
    def corner(self) -> float:
        """Noise variance, from the highest frequencies alone."""
        return float(self.energies[3].mean())

    @property
    def tilt(self) -> float:
        """Energy of the low frequencies as a multiple of the high ones': below 1 for flat, white blocks."""
        return float(self.low.mean()) / max(self.variance, _LEAST)

    @property
    def fall(self) -> float:
        """How much the energy still falls among the high frequencies: 1 for white noise, on texture too."""
        middle, corner = self.energies[2:4].mean(axis=1)
        return float(middle) / max(float(corner), _LEAST)

    @property
    def correlation(self) -> float:
        """Correlation between neighbouring pixels of a block, its mean taken out."""
        lagged, power = self.energies[4:].mean(axis=1)
        return float(lagged) / max(float(power), _LEAST)

    def flattest(self) -> Blocks:
        """Return the blocks whose low frequencies are no stronger than the median of white noise.

        The noise variance that this needs is the one of the chosen blocks: the choice starts from the
        flattest few and is repeated until it agrees with itself.
        """
        order = np.argsort(self.low, kind="stable")
        low = self.low[order]
        variance = np.cumsum(self.high[order]) / np.arange(1, len(order) + 1)
        least = count = min(max(LEAST_FLAT, round(LEAST_FLAT_SHARE * len(order))), len(order))
        for _ in range(MOST_ROUNDS):
            before = count
            count = max(int(np.searchsorted(low, _MEDIAN_LOW * variance[before - 1])), least)
            if count == before:
                break
        return self._subset(order[:count])

    def by_brightness(self) -> list[Blocks]:
        """Return up to 16 classes of equally many blocks, dark to bright."""
        order = np.argsort(self.brightness, kind="stable")
        classes = max(min(CLASSES, len(self) // LEAST_IN_CLASS), 1)
        return [self._subset(part) for part in np.array_split(order, classes)]

    def by_level(self, classes: int, least: int) -> list[Blocks]:
        """Return classes of brightness, dark to bright, none smaller than `least` where there are as many.

        The borders are those of `classes` equally large classes and of half as many equally wide ones, so
        that few bright blocks have classes of their own.
        """
        ordered = np.sort(self.brightness)
        shares = np.quantile(ordered, np.linspace(0, 1, classes + 1))
        borders = np.concatenate([shares, np.linspace(ordered[0], ordered[-1], classes // 2 + 1)])
        places = np.searchsorted(ordered, np.unique(borders[1:]), side="right")
        cuts = [0]
        for place in places.tolist():
            if place - cuts[-1] >= least:
                cuts.append(place)
        cuts[-1 if len(cuts) > 1 else 1 :] = [len(self)]
        order = np.argsort(self.brightness, kind="stable")
        return [self._subset(order[a:b]) for a, b in pairwise(cuts)]

    def flatter(self, count: int) -> Blocks:
        """Return the `count` blocks with the weakest low frequencies."""
        return self._subset(np.argsort(self.low, kind="stable")[:count])

    def _subset(self, index: npt.NDArray[np.intp]) -> Blocks:
        return Blocks(self.brightness[index], self.energies[:, index], self.blank)


def _dct_basis() -> Float:
    """Return the 64 basis functions of the block DCT as columns."""
    basis = dct(np.eye(SIDE), axis=0, norm="ortho")
    return np.kron(basis, basis).T.astype(np.float32)


def _energy_weights() -> npt.NDArray[np.float64]:
    """Return the weights (6, 64) that make the energies of `Blocks` out of squared coefficients.

    The cosines are the eigenvalues of the mean over neighbours in a block that is mirrored at its border; the
    mirrored pixels, an eighth of the power, are taken out again. The block's own mean is the image's: its
    neighbours in frequency stand in for it.
    """
    groups = [group / group.sum() for group in (_LOW, _HIGH, _MIDDLE, _CORNER)]
    cosine = np.cos(np.pi * np.arange(SIDE) / SIDE)
    lagged = (SIDE * np.add.outer(cosine, cosine).ravel() / 2 - 1) / (SIDE - 1)
    power = np.ones(SIDE**2)
    for weights in (lagged, power):
        weights[[1, SIDE]] += weights[0] / 2
        weights[0] = 0
    return np.stack([*groups, lagged, power])


_BASIS = _dct_basis()
_WEIGHTS = _energy_weights()


def _cut(plane: Float, step: int) -> Float:
    """Return the blocks (N, 64) of a plane, on all grids that are shifted by multiples of `step`."""
    shifts = range(0, SIDE, step)
    return np.concatenate([_on_grid(plane[y:, x:]) for y in shifts for x in shifts])


def _on_grid(plane: Float) -> Float:
    rows, columns = (n // SIDE for n in plane.shape)
    tiled = plane[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    return tiled.swapaxes(1, 2).reshape(-1, SIDE**2)


def _measured(blocks: Float, piles: tuple[float, ...]) -> tuple[Float, npt.NDArray[np.float64], Mask]:
    """Return the brightness and the energies of blocks (N, 64), and which of them are clipped or filled."""
    piled = [np.count_nonzero(blocks == value, axis=1) for value in piles]
    clipped: Mask = np.sum(piled, axis=0) > MOST_PILED if piled else np.zeros(len(blocks), np.bool_)
    common = blocks[:, :1]  # taken out: a large common value would cost small coefficients their digits
    coefficients = (blocks - common) @ _BASIS
    return blocks.mean(axis=1), _WEIGHTS @ np.square(coefficients, dtype=np.float64).T, clipped
