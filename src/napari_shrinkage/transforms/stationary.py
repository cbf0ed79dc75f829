"""The stationary (undecimated, "a trous") wavelet transform: every band has a coefficient at every pixel.

Convention: the filters of one level are those of the decimated transform, divided by the square root of 2 on
each axis (norm=True in PyWavelets). For an orthogonal wavelet the transform is then a tight frame: the
coefficients have the energy of the image, and the inverse is the adjoint.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from ..geometry import Geometry
from ..methods import method
from .filter_bank import FilterBank, Taps, filter_bank, weighted_sum, wrapped
from .multiresolution import MOST_MARGIN, Multiresolution, WaveletName

if TYPE_CHECKING:
    from torch import Tensor


@method("stationary-wavelet", title="Stationary wavelet")
class StationaryWavelet(Multiresolution):
    """Undecimated wavelet transform: all shifts of the decimated one at once, so that nothing follows a grid.

    Parameters
    ----------
    wavelet : str
        Any orthogonal or biorthogonal wavelet of PyWavelets, such as haar, db4, sym8, coif2 or bior4.4.

    References
    ----------
    Nason, Silverman, "The stationary wavelet transform and some statistical applications", 1995,
    doi:10.1007/978-1-4612-2544-7_17.
    Coifman, Donoho, "Translation-invariant de-noising", 1995, doi:10.1007/978-1-4612-2544-7_9.
    """

    wavelet: WaveletName = "haar"

    @property
    def bank(self) -> FilterBank:
        """The filters of one level, before they are spread by 2**(level - 1)."""
        return stationary_bank(self.wavelet)

    def geometry(self) -> Geometry:
        """Return border, margin and the halo of analysis followed by synthesis; no alignment is needed."""
        halo = tuple(stationary_halo(self.bank, levels) for levels in self.axis_levels)
        margin = tuple(0 if self.border == "periodic" else min(h, MOST_MARGIN) for h in halo)
        return Geometry(self.border, margin, (1,) * self.ndim, halo)

    def split(self, x: Tensor, axis: int, level: int) -> tuple[Tensor, Tensor]:
        """Return approximation and detail along an axis (a negative index), as long as `x`."""
        step, length = 2 ** (level - 1), x.shape[axis]
        if self.is_haar:
            low = x.roll(-step, axis).lerp_(x, 0.5)
            return low, x - low
        first, last = self.bank.reach
        before = max(-first, 0) * step
        padded = wrapped(x, axis, before, max(last, 0) * step)

        def correlated(taps: Taps) -> Tensor:
            return weighted_sum(
                (value, padded.narrow(axis, before + n * step, length)) for n, value in taps.placed()
            )

        return correlated(self.bank.low), correlated(self.bank.high)

    def merged(self, low: Tensor | None, high: Tensor | None, axis: int, level: int) -> Tensor:
        """Invert `split`; None stands for zeros."""
        step = 2 ** (level - 1)
        if self.is_haar:
            return _merged_haar(low, high, axis, step)
        first, last = self.bank.reach_back
        before, after = max(last, 0) * step, max(-first, 0) * step
        sources = self.bank.sources(low, high)
        length = sources[0][1].shape[axis]
        padded = [(taps, wrapped(part, axis, before, after)) for taps, part in sources]
        return weighted_sum(
            (value, part.narrow(axis, before - n * step, length))
            for taps, part in padded
            for n, value in taps.placed()
        )

    @property
    def is_haar(self) -> bool:
        """Whether its filters are those of Haar's wavelet, by whatever name."""
        return self.bank == stationary_bank("haar")


@cache
def stationary_bank(wavelet: str) -> FilterBank:
    """Return the filters of a wavelet, scaled so that a level keeps the energy of the image."""
    return filter_bank(wavelet).scaled(math.sqrt(0.5))


def stationary_halo(bank: FilterBank, levels: int) -> int:
    """Return how far a pixel reaches through analysis and synthesis."""
    low, high = (
        max(back.stop - there.start, there.stop - back.start)
        for there, back in ((bank.low, bank.low_back), (bank.high, bank.high_back))
    )
    step = 2 ** (levels - 1)
    return int(max((2 * step - 1) * low, (step - 1) * low + step * high))


def _merged_haar(low: Tensor | None, high: Tensor | None, axis: int, step: int) -> Tensor:
    """Return the mean of low + high at a pixel and low - high at the pixel before it."""
    if low is not None and high is not None:
        return (low - high).roll(step, axis).lerp_(low + high, 0.5)
    if low is not None:
        return low.roll(step, axis).lerp_(low, 0.5)
    assert high is not None
    return (high - high.roll(step, axis)).mul_(0.5)
