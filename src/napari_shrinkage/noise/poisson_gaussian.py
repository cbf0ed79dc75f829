"""Shot noise and read noise: what a camera that counts photons makes.

Convention: everything is in counts, the units of the image; a variance is gain (mean - offset) + read_std**2.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import Annotated, ClassVar

import annotated_types as at

from ..methods import HIDDEN, method
from .anscombe import Anscombe
from .autocorrelation import Autocorrelation
from .base import NoiseModel, Stabiliser, Values, together
from .color_noise import ColorNoise
from .gaussian import Scaling

FARTHEST = 1e9


@method("poisson-gaussian", title="Poisson-Gaussian", kw_only=False)
class PoissonGaussian(NoiseModel):
    """Noise whose variance rises with the signal in a straight line: gain * (mean - offset) + read_std^2.

    Parameters
    ----------
    gain : float or tuple of float
        Counts per electron (per detected photon); one number, or one for each channel. 0 is no shot noise.
    offset : float or tuple of float
        Counts of no light: the camera's pedestal.
    read_std : float or tuple of float
        Standard deviation of the read noise in counts.
    low, high : float
        Lowest and highest value that the sensor or the file can hold; None where nothing is cut off.
    autocorrelation : Autocorrelation
        Correlation between neighbouring pixels; white noise when absent.
    color : ColorNoise
        What the colours of a photograph share of their noise; nothing when absent.
    verdict : str
        What the estimate is worth, in one sentence; "" when the model was given.

    Notes
    -----
    One image alone tells the gain and read_std^2 - gain * offset, not offset and read noise apart; nothing in
    restoration needs more. Values are stabilised by the generalised Anscombe transform, to a std within 2 %
    of 1 from 5 electrons on, and come back by its exact unbiased inverse.

    References
    ----------
    Makitalo, Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise",
    IEEE Trans. Image Process. 22, 2013, doi:10.1109/TIP.2012.2202675.
    """

    gain: Annotated[Values, at.Ge(0), at.MinLen(1), at.Unit("counts/electron")]
    offset: Annotated[Values, at.Ge(-FARTHEST), at.Le(FARTHEST), at.MinLen(1), at.Unit("counts")] = 0.0
    read_std: Annotated[Values, at.Ge(0), at.MinLen(1), at.Unit("counts")] = 0.0
    low: Annotated[float | None, HIDDEN] = None
    high: Annotated[float | None, HIDDEN] = None
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    color: Annotated[ColorNoise | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    per_channel: ClassVar[tuple[str, ...]] = ("gain", "offset", "read_std")
    counts_light: ClassVar[bool] = True

    @classmethod
    def from_line(cls, slope: float, intercept: float, offset: float | None = None) -> PoissonGaussian:
        """Return the model of a line variance = slope * mean + intercept.

        Where the offset is not known, an intercept of at least 0 is taken for read noise without offset, a
        negative one for an offset without read noise.
        """
        if offset is not None:
            return cls(slope, offset, math.sqrt(max(intercept + slope * offset, 0.0)))
        if intercept >= 0:
            return cls(slope, 0.0, math.sqrt(intercept))
        return cls(slope, -intercept / slope, 0.0)

    def stabilisers(self) -> tuple[Stabiliser, ...]:
        """Return the Anscombe transform of each channel; a division where there is no shot noise."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        rows = together(gain=self.gain, offset=self.offset, read_std=self.read_std)
        return tuple(
            Anscombe(**row, low=low, high=high) if row["gain"] > 0 else Scaling(row["read_std"])
            for row in rows
        )
