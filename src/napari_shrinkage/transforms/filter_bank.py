"""Two-channel filter banks: the taps behind every wavelet transform here, on a circular grid.

Convention: taps are correlated with the image in the order of rising coordinate. Coefficient k is the sum of
tap(n) * pixel(k + n) over n; synthesis adds tap(n) * coefficient(k) to pixel k + n. Phase and sign are as in
PyWavelets. torch is imported inside functions, when work begins.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from .base import Filter, Subband

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES = "haar, db4, sym8, coif2 or bior4.4"
EXACT = 1e-6


class Taps(NamedTuple):
    """A filter whose taps sit at the coordinates `start` to `stop`, both included."""

    start: int
    values: tuple[float, ...]

    @property
    def stop(self) -> int:
        """Coordinate of the last tap."""
        return self.start + len(self.values) - 1

    def scaled(self, factor: float) -> Taps:
        """Return the filter times a number."""
        return Taps(self.start, tuple(factor * value for value in self.values))

    def placed(self) -> Iterator[tuple[int, float]]:
        """Yield (coordinate, value) of every tap that is not zero."""
        return ((n, value) for n, value in enumerate(self.values, self.start) if value)


@dataclass(frozen=True)
class FilterBank:
    """The four filters of a wavelet.

    Parameters
    ----------
    low, high : Taps
        Analysis filters of the approximation and of the detail.
    low_back, high_back : Taps
        Synthesis filters.
    """

    low: Taps
    high: Taps
    low_back: Taps
    high_back: Taps

    @property
    def is_orthogonal(self) -> bool:
        """Whether synthesis is the adjoint of analysis."""
        return _same(self.low, self.low_back) and _same(self.high, self.high_back)

    @property
    def reach(self) -> tuple[int, int]:
        """First and last pixel that analysis reads for coefficient 0."""
        return min(self.low.start, self.high.start), max(self.low.stop, self.high.stop)

    @property
    def reach_back(self) -> tuple[int, int]:
        """First and last pixel that synthesis writes from coefficient 0."""
        return min(self.low_back.start, self.high_back.start), max(self.low_back.stop, self.high_back.stop)

    def sources(self, low: Tensor | None, high: Tensor | None) -> list[tuple[Taps, Tensor]]:
        """Return what synthesis adds up: each part that is there, with its filter."""
        return [(taps, x) for taps, x in ((self.low_back, low), (self.high_back, high)) if x is not None]

    def scaled(self, factor: float) -> FilterBank:
        """Return the bank with all four filters times a number."""
        return FilterBank(
            *(taps.scaled(factor) for taps in (self.low, self.high, self.low_back, self.high_back))
        )


@cache
def filter_bank(wavelet: str) -> FilterBank:
    """Return the filters of a wavelet of PyWavelets.

    Raises
    ------
    ValueError
        If there is no such discrete wavelet, or if its filters do not give the image back.
    """
    import pywt

    if wavelet.lower() not in pywt.wavelist(kind="discrete"):
        raise ValueError(
            f"wavelet={wavelet!r}: expected a discrete orthogonal or biorthogonal wavelet of PyWavelets, "
            f"such as {EXAMPLES}."
        )
    found = pywt.Wavelet(wavelet)
    start = 1 - found.dec_len // 2
    filters = (found.dec_lo[::-1], found.dec_hi[::-1], found.rec_lo, found.rec_hi)
    bank = FilterBank(*(_trimmed(start, taps) for taps in filters))
    error = _reconstruction_error(bank)
    if error > EXACT:
        raise ValueError(
            f"wavelet={wavelet!r}: its filters are cut short and give the image back only to within "
            f"{error:.1%}; use one that is exact, such as {EXAMPLES}."
        )
    return bank


@cache
def subbands(bank: FilterBank, levels: tuple[int, ...]) -> tuple[Subband, ...]:
    """Describe the sub-bands of a cascade with a number of levels per spatial axis, the finest first."""
    depth = max(levels)
    low, high = cascade(bank, depth)

    def subband(level: int, letters: str) -> Subband:
        filters = tuple(
            high[level - 1] if letter == "d" else low[min(level, most)]
            for letter, most in zip(letters, levels, strict=True)
        )
        radius = 2.0 ** (1 - level) * math.sqrt(letters.count("d") / len(letters))
        return Subband(f"{level}/{letters}", level, radius, "d" in letters, filters)

    coarse = "a" * len(levels)
    details = [
        subband(level, letters)
        for level in range(1, depth + 1)
        for letters in band_letters(level, levels)
        if letters != coarse
    ]
    return (*details, subband(depth, coarse))


def band_letters(level: int, levels: Sequence[int]) -> list[str]:
    """Return "aa", "ad", "da", "dd": approximation or detail per axis, "a" where an axis lacks the level."""
    choices = ("ad" if level <= most else "a" for most in levels)
    return ["".join(letters) for letters in itertools.product(*choices)]


def cascade(bank: FilterBank, levels: int) -> tuple[list[Filter], list[Filter]]:
    """Return the equivalent analysis filters: approximations of level 0, 1, ... and details from level 1."""
    approximations, details = [np.ones(1)], []
    for level in range(levels):
        details.append(_convolved_dilated(approximations[-1], bank.high, 2**level))
        approximations.append(_convolved_dilated(approximations[-1], bank.low, 2**level))
    return approximations, details


def wrapped(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Return `x` with samples added at both ends of an axis, as if it went round in a circle."""
    import torch

    n = x.shape[axis]
    if max(before, after) > n:
        return x.index_select(axis, torch.arange(-before, n + after, device=x.device) % n)
    if before == after == 0:
        return x
    return torch.cat([x.narrow(axis, n - before, before), x, x.narrow(axis, 0, after)], axis)


def weighted_sum(terms: Iterable[tuple[float, Tensor]]) -> Tensor:
    """Return the sum of factor * tensor: one pass over memory for each term."""
    (factor, x), *rest = terms
    total = x * factor
    for factor, x in rest:
        total.add_(x, alpha=factor)
    return total


def _trimmed(start: int, values: Sequence[float]) -> Taps:
    """Drop the zeros that pad the filters of a bank to one length."""
    kept = np.flatnonzero(values)
    return Taps(start + int(kept[0]), tuple(values[kept[0] : kept[-1] + 1]))


def _same(first: Taps, second: Taps) -> bool:
    same_place = first.start == second.start and first.stop == second.stop
    return same_place and bool(np.allclose(first.values, second.values, rtol=0, atol=EXACT))


def _reconstruction_error(bank: FilterBank) -> float:
    """Return the largest entry of synthesis * analysis - identity for one level on a circle."""
    length = 2 * max(len(bank.low.values), len(bank.high.values))
    there = [_decimating_matrix(taps, length) for taps in (bank.low, bank.high)]
    back = [_decimating_matrix(taps, length) for taps in (bank.low_back, bank.high_back)]
    product = sum(b.T @ a for a, b in zip(there, back, strict=True))
    return float(np.abs(product - np.eye(length)).max())


def _decimating_matrix(taps: Taps, length: int) -> npt.NDArray[np.float64]:
    matrix = np.zeros((length // 2, length))
    rows = np.arange(length // 2)
    for n, value in taps.placed():
        np.add.at(matrix, (rows, (2 * rows + n) % length), value)
    return matrix


def _convolved_dilated(x: Filter, taps: Taps, step: int) -> Filter:
    out = np.zeros(x.size + (len(taps.values) - 1) * step)
    for n, value in enumerate(taps.values):
        out[n * step : n * step + x.size] += value * x
    return out
