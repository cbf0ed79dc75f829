"""The decimated wavelet transform: as many coefficients as pixels.

Convention: a level halves every axis it splits, so the domain is a multiple of 2**levels; sizes that are not
are continued at the border. On such a domain the coefficients are those of PyWavelets' mode "periodization".
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ..geometry import Geometry
from ..methods import method
from .filter_bank import FilterBank, Taps, weighted_sum, wrapped
from .multiresolution import MOST_MARGIN, Multiresolution, WaveletName

if TYPE_CHECKING:
    from torch import Tensor


@method("wavelet", title="Wavelet")
class Wavelet(Multiresolution):
    """Decimated wavelet transform: the fastest, and orthonormal for an orthogonal wavelet.

    Parameters
    ----------
    wavelet : str
        Any orthogonal or biorthogonal wavelet of PyWavelets, such as haar, db4, sym8, coif2 or bior4.4.

    Notes
    -----
    It is not shift-invariant: shrinkage leaves marks that follow the dyadic grid; cycle spinning averages
    them out.

    References
    ----------
    Mallat, "A theory for multiresolution signal decomposition", IEEE TPAMI 11, 1989, doi:10.1109/34.192463.
    """

    wavelet: WaveletName = "sym8"

    @property
    def orthonormal(self) -> bool:
        """Whether the coefficients are those of an orthonormal basis."""
        return self.bank.is_orthogonal

    def geometry(self) -> Geometry:
        """Return border, margin, alignment to 2**levels and the halo of analysis followed by synthesis."""
        halo = tuple(decimated_halo(self.bank, levels) for levels in self.axis_levels)
        margin = tuple(0 if self.border == "periodic" else min(h, MOST_MARGIN) for h in halo)
        return Geometry(self.border, margin, tuple(2**levels for levels in self.axis_levels), halo)

    def split(self, x: Tensor, axis: int, level: int) -> tuple[Tensor, Tensor]:
        """Return approximation and detail along an axis (a negative index), half as long."""
        first, last = self.bank.reach
        before, after = max(-(first // 2), 0), max(last // 2, 0)
        length = x.shape[axis] // 2
        phases = [wrapped(phase, axis, before, after) for phase in _phases(x, axis)]

        def correlated(taps: Taps) -> Tensor:
            return weighted_sum(
                (value, phases[n % 2].narrow(axis, before + n // 2, length)) for n, value in taps.placed()
            )

        return correlated(self.bank.low), correlated(self.bank.high)

    def merged(self, low: Tensor | None, high: Tensor | None, axis: int, level: int) -> Tensor:
        """Invert `split`; None stands for zeros."""
        first, last = self.bank.reach_back
        before, after = max(last // 2, 0), max(-(first // 2), 0)
        sources = self.bank.sources(low, high)
        length = sources[0][1].shape[axis]
        padded = [(taps, wrapped(part, axis, before, after)) for taps, part in sources]

        def phase(parity: int) -> Tensor:
            return weighted_sum(
                (value, part.narrow(axis, before - n // 2, length))
                for taps, part in padded
                for n, value in taps.placed()
                if n % 2 == parity
            )

        return _interleaved(phase(0), phase(1), axis)


@cache
def decimated_halo(bank: FilterBank, levels: int) -> int:
    """Return the smallest halo with which every window, aligned to 2**levels, gives exact pixels."""
    multiple = 2**levels
    halo = 0
    for pixel in range(multiple):
        first, last = _read(bank, pixel, pixel, levels)
        start, stop = first // multiple * multiple, -(-(last + 1) // multiple) * multiple
        halo = max(halo, pixel - start - multiple + 1, stop - multiple - pixel)
    return halo


def _read(bank: FilterBank, first: int, last: int, levels: int) -> tuple[int, int]:
    """Return the span of pixels that analysis and synthesis read to give the pixels `first` to `last`."""
    if levels == 0:
        return first, last
    spans = []
    for there, back, deeper in ((bank.low, bank.low_back, levels - 1), (bank.high, bank.high_back, 0)):
        span = _read(bank, -(-(first - back.stop) // 2), (last - back.start) // 2, deeper)
        spans.append((2 * span[0] + there.start, 2 * span[1] + there.stop))
    return min(span[0] for span in spans), max(span[1] for span in spans)


def _phases(x: Tensor, axis: int) -> list[Tensor]:
    """Return the even and the odd samples along an axis (a negative index)."""
    pairs: Tensor = x.unflatten(axis, (-1, 2))  # type: ignore[no-untyped-call]
    return [pairs.select(axis, parity).contiguous() for parity in (0, 1)]


def _interleaved(even: Tensor, odd: Tensor, axis: int) -> Tensor:
    """Undo `_phases`; along the last axis complex numbers are the fastest way to write pairs of values."""
    import torch

    if axis == -1 and even.device.type == "cpu":
        return torch.view_as_real(torch.complex(even, odd)).flatten(-2)
    return torch.stack([even, odd], axis).flatten(axis - 1, axis)
