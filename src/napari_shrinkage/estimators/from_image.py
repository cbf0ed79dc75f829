"""The noise of a camera from a single image: strength, dependence on brightness, correlation.

Convention: one kind of model for all channels, each with its own numbers; one autocorrelation for all of
them. The model is the simplest that the image does not speak against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args

import annotated_types as at
import numpy as np

from ..methods import ADVANCED, method
from ..noise import Autocorrelation, Gaussian, NoiseCurve, NoiseModel, PoissonGaussian
from ..noise.poisson_gaussian import FARTHEST
from ..sample import drawn_fields
from ..stack import Float, Stack
from .base import NoiseEstimator, Reading
from .blocks import Blocks
from .correlation import SIDE, Spectrum, flat_spectrum
from .gaussian import FlatBlocks
from .measurement import Channel, Measurement
from .photograph import CalmBlocks, color_noise
from .survey import PILE_SHARE, Survey
from .transfer import Line, Transfer, fitted_line
from .verdicts import verdict_of

Kind = Literal["auto", "gaussian", "poisson-gaussian", "curve"]
MODELS: tuple[str, ...] = get_args(Kind)

LEAST_CHANGE = 2.0  # of the variance between the dark and the bright end, before it counts as shot noise
LEAST_CLASSES = 6
LEAST_SURE = 4.0  # standard errors of the slope
LEAST_STEADY = 0.7
MOST_DEVIATION = 0.1  # of the variances from a straight line
ENDS = (0.05, 0.95)


@dataclass(frozen=True)
class Reader:
    """One channel on its way to a model: its planes (B, Y, X), and what has been read from them."""

    planes: Float
    survey: Survey
    reading: Reading
    transfer: Transfer | None = None
    line: Line | None = None

    @classmethod
    def of(cls, planes: Float, index: int) -> Reader:
        """Read one channel."""
        if not np.isfinite(planes).all():
            planes = np.where(np.isfinite(planes), planes, np.float32(np.nan))
        reading, survey = FlatBlocks().checked(planes, index), Survey.of(planes)
        blocks = Blocks.of(planes, survey) if reading.sigma > 0 and min(planes.shape[-2:]) >= 8 else None
        if blocks is None or not len(blocks):
            return cls(planes, survey, reading)
        transfer = Transfer.of(blocks)
        return cls(planes, survey, reading, transfer, fitted_line(transfer))

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

    def model(self, kind: Kind, factor: float = 1.0, offset: float | None = None) -> NoiseModel:
        """Return the channel's model, its variances multiplied by `factor`."""
        sigma = self.reading.sigma * factor**0.5
        if kind == "gaussian":
            return Gaussian(sigma)
        if self.line is None or self.line.slope <= 0:
            return PoissonGaussian(0.0, 0.0, sigma)
        return PoissonGaussian.from_line(self.line.slope * factor, self.line.intercept * factor, offset)

    def spectrum(self, model: NoiseModel) -> Spectrum | None:
        """Return the spectrum of the channel's noise, stabilised by its model."""
        if model.silent() or self.transfer is None:
            return None
        step = self.survey.step / float(model.std(np.nanmean(self.planes)))
        return flat_spectrum(model.forward(self.planes), step)

    def channel(self, spectrum: Spectrum | None, factor: float = 1.0) -> Channel:
        """Return what plots show of the channel."""
        if self.transfer is None or self.line is None:
            return Channel(self.survey, spectrum=spectrum)
        return Channel(self.survey, self.transfer.scaled(factor), self.line.scaled(factor), spectrum)


@method("from-image", title="From the image")
class FromImage(NoiseEstimator):
    """The noise of a camera from the image alone: its strength, dependence on brightness and correlation.

    Parameters
    ----------
    model : {"auto", "gaussian", "poisson-gaussian", "curve"}
        Kind of model; "auto" takes the simplest one that the image does not speak against.
    offset : float
        Counts of no light, where known: only then can read noise be told from it.
    correlation : {"auto", "white", "measured"}
        Whether the noise of neighbouring pixels is taken for independent; "auto" tests it.

    Notes
    -----
    Valid where some of the image is flat at several brightnesses. Of the line variance = gain * mean + b, a
    single image tells gain and b = read_std^2 - gain * offset, not offset and read noise apart. Correlation
    is read from the flattest surroundings, and believed only where texture cannot explain it.
    """

    model: Kind = "auto"
    offset: Annotated[float | None, at.Ge(-FARTHEST), at.Le(FARTHEST), at.Unit("counts"), ADVANCED] = None
    correlation: Annotated[Literal["auto", "white", "measured"], ADVANCED] = "auto"

    def measure(self, stack: Stack) -> Measurement:
        """Measure every channel, choose one kind of model, and test whether the noise is white."""
        values = drawn_fields(stack, 2)
        readers = [Reader.of(values[:, c], c) for c in range(values.shape[1])]
        kind: Kind = "poisson-gaussian" if any(reader.has_shot_noise for reader in readers) else "gaussian"
        if self.model in ("gaussian", "poisson-gaussian"):
            kind = self.model
        spectra = [reader.spectrum(reader.model(kind)) for reader in readers]
        if self.model == "curve" or (self.model == "auto" and self._is_processed(readers, spectra, stack)):
            found, channels = photograph(values, readers, spectra, stack.is_color)
        else:
            found, channels = self._camera(readers, spectra, kind)
        verdict, trusted = verdict_of(found, channels, [reader.reading for reader in readers])
        return Measurement(found.replace(verdict=verdict), trusted, channels)

    def _camera(
        self, readers: list[Reader], spectra: list[Spectrum | None], kind: Kind
    ) -> tuple[NoiseModel, tuple[Channel, ...]]:
        """Return the model of a camera whose noise is Gaussian or Poisson-Gaussian."""
        factors, correlation = self._correlation(spectra)
        each = list(zip(readers, spectra, factors, strict=True))
        model = merged([reader.model(kind, factor, self.offset) for reader, _, factor in each])
        if isinstance(model, PoissonGaussian):
            model = with_ends(model, [reader.survey for reader in readers])
        channels = tuple(reader.channel(spectrum, factor) for reader, spectrum, factor in each)
        return model.replace(autocorrelation=correlation), channels

    def _is_processed(self, readers: list[Reader], spectra: list[Spectrum | None], stack: Stack) -> bool:
        """Whether the noise is correlated, and shared by colours or on no straight line."""
        if not self._told(spectra) or min(stack.field_shape(2)) < 3 * SIDE:
            return False
        return stack.is_color or all(reader.is_bent for reader in readers)

    def _told(self, spectra: list[Spectrum | None]) -> list[Spectrum]:
        """Return the spectra that say that the noise is correlated; none where most say that it is white."""
        known = [spectrum for spectrum in spectra if spectrum is not None]
        told = [spectrum for spectrum in known if self.correlation == "measured" or not spectrum.is_white]
        return told if self.correlation != "white" and len(told) > len(known) / 2 else []

    def _correlation(self, spectra: list[Spectrum | None]) -> tuple[list[float], Autocorrelation | None]:
        """Return by how much each channel's variance exceeds what high frequencies show, and the correlation."""
        told = self._told(spectra)
        if not told:
            return [1.0] * len(spectra), None
        energies = np.mean([spectrum.energies for spectrum in told], axis=0)
        factor, correlation = replace(told[0], energies=energies).autocorrelation()
        return [factor if one is None else one.autocorrelation()[0] for one in spectra], correlation


def photograph(
    values: Float, readers: list[Reader], spectra: list[Spectrum | None], is_color: bool
) -> tuple[NoiseModel, tuple[Channel, ...]]:
    """Return the noise curve of a processed image (B, C, Y, X), with what neighbours and colours share."""
    planes = [values[:, c] for c in range(values.shape[1])]
    brightness = [values.mean(axis=1)] * 3 if is_color else planes
    calm = [CalmBlocks.of(plane, bright) for plane, bright in zip(planes, brightness, strict=True)]
    model = merged([NoiseCurve(tuple(c.means.tolist()), tuple(c.variances.tolist())) for c in calm])
    channels = tuple(
        Channel(reader.survey, Transfer.of_curve(one.means, one.variances), None, spectrum)
        for reader, one, spectrum in zip(readers, calm, spectra, strict=True)
    )
    z = np.stack([model.forward(one) for one in values])
    if is_color:
        return model.replace(color=color_noise(z, brightness[0])), channels
    stabilised = np.concatenate([z[:, c] for c in range(z.shape[1])])
    return model.replace(
        autocorrelation=CalmBlocks.of(stabilised, np.concatenate(planes)).covariance()[1]
    ), channels


def merged(models: Sequence[NoiseModel]) -> NoiseModel:
    """Return one model with the numbers of every channel's own, all of the same kind."""
    first = models[0]
    if len(models) == 1:
        return first
    return first.replace(
        **{name: tuple(_plain(getattr(model, name)) for model in models) for name in first.per_channel}
    )


def _plain(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def with_ends(model: PoissonGaussian, surveys: list[Survey]) -> PoissonGaussian:
    """Return the model with the values at which pixels pile up because nothing lies beyond them."""
    highest = [survey.highest for survey in surveys if survey.at_highest > PILE_SHARE]
    lowest = [survey.lowest for survey in surveys if survey.at_lowest > PILE_SHARE]
    return model.replace(low=min(lowest, default=None), high=max(highest, default=None))
