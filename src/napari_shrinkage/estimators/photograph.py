"""The noise of processed photographs: a curve over brightness, and what the colours share of it.

Cameras smooth, convert and compress: little is left at high frequencies, and the strength follows no line. So
in each class of brightness the blocks with the calmest surroundings are taken, and all frequencies above the
slopes of the scene count. Convention: a plane is (Y, X); its blocks are those of `correlation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..color import to_opponent
from ..noise import Autocorrelation, ColorNoise
from ..stack import Float
from .blocks import Blocks
from .correlation import FREQUENCY, LOW, PLAIN, SIDE, Values, around, block_energies, quadrant_of, windowed
from .survey import Survey

CLASSES = 16
CALM = 0.2  # of the blocks of a class
CALMEST = 0.02
LEAST_CALM = 12
LEAST_CLASSES = 2
MOST_UNEVEN = 1.4  # energy around the calm blocks over that around the calmest: more is structure
QUARTILE = 0.25
MOST_ABOVE = 1.3  # times the lower quartile of the classes' variances: more is texture that looks like noise
BLANK = 1e-4  # of the largest variance: saturated, or filled
CAUTION = 1.2  # times the variance: the calmest blocks show less than the others, and too little costs more
TINY = 1e-6
MOST_GREY = 2.0  # std of luminance over chrominance; 1.4 at most for sensor noise of std 5 on photographs


@dataclass(frozen=True)
class CalmBlocks:
    """The calmest blocks of each class of brightness, dark to bright.

    Parameters
    ----------
    means : ndarray, (N,)
        Mean brightness of each class.
    energies : ndarray, (N, 256)
        Mean squared DCT coefficients of its calm blocks.
    unevenness : ndarray, (N,)
        How much the energy around its calm blocks exceeds that around its calmest.
    """

    means: Values
    energies: Values
    unevenness: Values

    @classmethod
    def of(cls, planes: Float, brightness: Float) -> CalmBlocks:
        """Choose and measure the blocks of planes (B, Y, X), sorted by the brightness of theirs."""
        parts = [_measured(plane, bright) for plane, bright in zip(planes, brightness, strict=True)]
        means, energies, around = (np.concatenate(part) for part in zip(*parts, strict=True))
        known = np.flatnonzero(np.isfinite(around) & np.isfinite(energies[:, 0]))
        classes = np.array_split(known[np.argsort(means[known], kind="stable")], CLASSES)
        rows: list[tuple[float, Values, float]] = []
        for part in classes:
            if len(part) and not (rows and means[part].mean() <= rows[-1][0]):  # masked or saturated: once
                order = part[np.argsort(around[part], kind="stable")]
                calm = order[: max(int(CALM * len(part)), LEAST_CALM)]
                calmest = order[min(int(CALMEST * len(part)), len(order) - 1)]
                unevenness = around[calm[-1]] / max(around[calmest], TINY)
                rows.append((means[part].mean(), energies[calm].mean(axis=0), unevenness))
        return cls(*(np.array([row[i] for row in rows]) for i in range(3)))

    @property
    def tells_noise(self) -> bool:
        """Whether there are enough classes for a curve, and any noise in them."""
        return len(self.means) >= LEAST_CLASSES and bool(self.energies.any())

    @property
    def variances(self) -> Values:
        """Noise variance of each class, without the lowest frequencies; from its like where it is uneven."""
        raw = self.energies[:, FREQUENCY.ravel() > PLAIN].mean(axis=1)
        even = self._even(raw)
        quartile = np.quantile(raw[even], QUARTILE)
        known = np.log(np.clip(raw[even], TINY, MOST_ABOVE * quartile))
        curve = np.pad(np.interp(self.means, self.means[even], known), 1, mode="edge")
        return CAUTION * np.exp(np.convolve(curve, [0.25, 0.5, 0.25], mode="valid"))

    def covariance(self) -> tuple[float, Autocorrelation]:
        """Return the noise variance over the classes that are noise alone, and the autocorrelation."""
        raw = self.energies[:, FREQUENCY.ravel() > PLAIN].mean(axis=1)
        even = self._even(raw)
        like = even & (raw <= MOST_ABOVE * np.quantile(raw[even], QUARTILE))
        return windowed(quadrant_of(self.energies[like].mean(axis=0).reshape(SIDE, SIDE)))

    def _even(self, raw: Values) -> npt.NDArray[np.bool_]:
        """Return which classes hold noise alone; where none does, the one with the least of everything."""
        noisy = raw > BLANK * raw.max()
        even = noisy & (self.unevenness <= MOST_UNEVEN)
        return np.asarray(even if even.any() else raw == raw[noisy].min())


def shares_noise(values: Float) -> bool:
    """Whether the colours of an image (B, 3, Y, X) share their noise: its high frequencies are grey.

    Sensor noise is independent in the three colours, so that luminance and chrominance have equally much.
    """
    opponent = np.stack([to_opponent(field) for field in values])
    variances = []
    for channel in range(3):
        planes = opponent[:, channel]
        blocks = Blocks.of(planes, Survey.of(planes))
        variances.append(blocks.flattest().variance if len(blocks) else 0.0)
    return variances[0] > MOST_GREY**2 * max(variances[1:])


def color_noise(planes: Float, brightness: Float) -> ColorNoise:
    """Return the noise of luminance and chrominance of stabilised colours (B, 3, Y, X)."""
    opponent = np.stack([to_opponent(field) for field in planes])
    found = [CalmBlocks.of(opponent[:, channel], brightness).covariance() for channel in range(3)]
    return ColorNoise(
        stds=tuple(max(variance, TINY) ** 0.5 for variance, _ in found),
        correlations=tuple(correlation for _, correlation in found),
    )


def _measured(plane: Float, brightness: Float) -> tuple[Values, Values, Values]:
    """Return brightness, energies (N, 256) and the low energy around it of every block."""
    pitch = SIDE // 2
    energies = block_energies(plane, pitch)
    rows, columns = ((n - SIDE) // pitch + 1 for n in plane.shape)
    low = around(energies[:, LOW.ravel()].mean(axis=1).reshape(rows, columns), SIDE // pitch)
    cut = np.lib.stride_tricks.sliding_window_view(brightness, (SIDE, SIDE))[::pitch, ::pitch]
    return cut.mean(axis=(-1, -2), dtype=np.float64).ravel(), energies, low.ravel()
