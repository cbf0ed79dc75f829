"""One channel on the way from pixels to a noise model: what is read from it, and what that speaks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..noise import Gaussian, NoiseModel, PoissonGaussian
from ..stack import Float
from .base import Reading
from .blocks import Blocks
from .correlation import Spectrum, flat_spectrum
from .gaussian import FlatBlocks
from .measurement import Channel
from .survey import Survey
from .transfer import Line, Transfer, fitted_line

LEAST_CHANGE = 1.6  # of the variance between the dark and the bright end, before it counts as shot noise
LEAST_CLASSES = 6
LEAST_SURE = 4.0  # standard errors of the slope
LEAST_STEADY = 0.7
MOST_DEVIATION = 0.1  # of the variances from a straight line
ENDS = (0.05, 0.95)


@dataclass(frozen=True)
class Reader:
    """What has been read from one channel.

    Parameters
    ----------
    planes : ndarray, (B, Y, X)
        Its pixels; NaN marks what is missing.
    survey : Survey
        What their values give away.
    reading : Reading
        Their noise, taken for white and Gaussian.
    transfer : Transfer or None
        Noise variance against brightness; None where there are no blocks to measure.
    line : Line or None
        The straight line through it.
    spectrum : Spectrum or None
        Spectrum of the noise; see `with_spectrum`.
    """

    planes: Float
    survey: Survey
    reading: Reading
    transfer: Transfer | None = None
    line: Line | None = None
    spectrum: Spectrum | None = None

    @classmethod
    def of(cls, planes: Float, index: int) -> Reader:
        """Read one channel, but for its spectrum."""
        reading, survey = FlatBlocks().checked(planes, index), Survey.of(planes)
        blocks = Blocks.of(planes, survey) if reading.sigma > 0 and min(planes.shape[-2:]) >= 8 else None
        if blocks is None or not len(blocks):
            return cls(planes, survey, reading)
        transfer = Transfer.of(blocks, survey)
        return cls(planes, survey, reading, transfer, fitted_line(transfer))

    def with_spectrum(self, shot_noise: bool) -> Reader:
        """Return the reader with the spectrum of its noise, stabilised by its own model."""
        model = self.model(shot_noise)
        if model.silent() or self.transfer is None:
            return self
        usual = float(model.std(np.nanmean(self.planes))) or float(model.std(self.survey.highest))
        step = self.survey.step / usual if usual else 0.0
        return replace(self, spectrum=flat_spectrum(model.forward(self.planes), step))

    @property
    def has_shot_noise(self) -> bool:
        """Whether the variance rises steadily and on a line from dark to bright."""
        if self.transfer is None or self.line is None or len(self.transfer) < LEAST_CLASSES:
            return False
        dark, bright = self.line.at(np.quantile(self.transfer.means, ENDS))
        steady = np.corrcoef(self.transfer.means, self.transfer.variances)[0, 1]
        rises = bright > LEAST_CHANGE * max(dark, 0) and self.line.slope > LEAST_SURE * self.line.slope_error
        return bool(rises and steady > LEAST_STEADY and self.line.deviation < MOST_DEVIATION)

    @property
    def is_bent(self) -> bool:
        """Whether the variances lie on no straight line."""
        return self.line is not None and self.line.deviation > MOST_DEVIATION

    @property
    def is_correlated(self) -> bool:
        """Whether the noise of neighbouring pixels is alike, and texture is not the reason."""
        if self.spectrum is None or self.transfer is None:
            return False
        return not self.spectrum.is_white(self.transfer.whitest)

    def model(self, shot_noise: bool, factor: float = 1.0, offset: float | None = None) -> NoiseModel:
        """Return the channel's model with or without shot noise, its variances multiplied by `factor`."""
        sigma = self.reading.sigma * factor**0.5
        if not shot_noise:
            return Gaussian(sigma)
        if self.line is None or self.line.slope <= 0:
            return PoissonGaussian(0.0, 0.0, sigma)
        return PoissonGaussian.from_line(self.line.slope * factor, self.line.intercept * factor, offset)

    def channel(self, factor: float = 1.0) -> Channel:
        """Return what plots show of the channel."""
        if self.transfer is None or self.line is None:
            return Channel(self.survey, spectrum=self.spectrum)
        return Channel(self.survey, self.transfer.scaled(factor), self.line.scaled(factor), self.spectrum)
