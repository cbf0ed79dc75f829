"""The noise of a camera from a single image: strength, dependence on brightness, correlation.

Convention: one kind of model for all channels, each with its own numbers; one autocorrelation for all of
them. The model is the simplest that the image does not speak against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

import annotated_types as at
import numpy as np

from ..methods import ADVANCED, method
from ..noise import Autocorrelation, NoiseCurve, NoiseModel, PoissonGaussian
from ..noise.poisson_gaussian import FARTHEST
from ..sample import drawn_fields
from ..stack import Float, Stack
from .base import NoiseEstimator, with_gaps
from .correlation import SIDE, Spectrum
from .measurement import Channel, Measurement
from .photograph import CalmBlocks, color_noise, shares_noise
from .reader import Reader
from .survey import PILE_SHARE, Survey
from .transfer import Transfer
from .verdicts import verdict_of

Kind = Literal["auto", "gaussian", "poisson-gaussian", "curve"]
MODELS: tuple[str, ...] = get_args(Kind)


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
    is read from the flattest surroundings, and believed only where texture cannot explain it. An image below
    48 x 48 pixels tells no curve; it gets one sigma.
    """

    model: Kind = "auto"
    offset: Annotated[float | None, at.Ge(-FARTHEST), at.Le(FARTHEST), at.Unit("counts"), ADVANCED] = None
    correlation: Annotated[Literal["auto", "white", "measured"], ADVANCED] = "auto"

    def measure(self, stack: Stack) -> Measurement:
        """Measure every channel, choose one kind of model, and test whether the noise is white."""
        values = with_gaps(drawn_fields(stack, 2))
        readers = [Reader.of(values[:, c], c) for c in range(values.shape[1])]
        shot_noise = any(reader.has_shot_noise for reader in readers)
        if self.model in ("gaussian", "poisson-gaussian"):
            shot_noise = self.model == "poisson-gaussian"
        readers = [reader.with_spectrum(shot_noise) for reader in readers]
        processed = self._is_processed(values, readers, stack.is_color)
        curve = photograph(values, readers, stack.is_color) if processed else None
        found, channels = curve or self._camera(readers, shot_noise)
        verdict, trusted = verdict_of(found, channels, [reader.reading for reader in readers], stack.is_color)
        return Measurement(found.replace(verdict=verdict), trusted, channels)

    def _is_processed(self, values: Float, readers: list[Reader], is_color: bool) -> bool:
        """Whether colours share their noise, or it is correlated and on no straight line."""
        if min(values.shape[-2:]) < 3 * SIDE or any(reader.transfer is None for reader in readers):
            return False
        if self.model != "auto":
            return self.model == "curve"
        if is_color and shares_noise(values):
            return True
        return bool(self._told(readers)) and all(reader.is_bent for reader in readers)

    def _camera(self, readers: list[Reader], shot_noise: bool) -> tuple[NoiseModel, tuple[Channel, ...]]:
        """Return the model of a camera whose noise is Gaussian or Poisson-Gaussian."""
        factors, correlation = self._correlation(readers)
        each = list(zip(readers, factors, strict=True))
        model = merged([reader.model(shot_noise, factor, self.offset) for reader, factor in each])
        if isinstance(model, PoissonGaussian):
            model = with_ends(model, [reader.survey for reader in readers])
        channels = tuple(reader.channel(factor) for reader, factor in each)
        return model.replace(autocorrelation=correlation), channels

    def _told(self, readers: list[Reader]) -> list[Spectrum]:
        """Return the spectra that say that the noise is correlated; none where most say that it is white."""
        known = [reader for reader in readers if reader.spectrum is not None]
        told = [r.spectrum for r in known if self.correlation == "measured" or r.is_correlated]
        told = told if self.correlation != "white" and len(told) > len(known) / 2 else []
        return [spectrum for spectrum in told if spectrum is not None]

    def _correlation(self, readers: list[Reader]) -> tuple[list[float], Autocorrelation | None]:
        """Return each channel's variance as a multiple of what high frequencies show, and the correlation."""
        told = self._told(readers)
        if not told:
            return [1.0] * len(readers), None
        energies = np.mean([spectrum.energies for spectrum in told], axis=0)
        factor, correlation = replace(told[0], energies=energies).autocorrelation()
        spectra = [reader.spectrum for reader in readers]
        return [factor if one is None else one.autocorrelation()[0] for one in spectra], correlation


def photograph(
    values: Float, readers: list[Reader], is_color: bool
) -> tuple[NoiseModel, tuple[Channel, ...]] | None:
    """Return the noise curve of a processed image (B, C, Y, X), with what neighbours and colours share.

    None where too few blocks are whole.
    """
    planes = [values[:, c] for c in range(values.shape[1])]
    brightness = [values.mean(axis=1)] * 3 if is_color else planes
    calm = [CalmBlocks.of(plane, bright) for plane, bright in zip(planes, brightness, strict=True)]
    if not all(one.tells_noise for one in calm):
        return None
    model = merged([NoiseCurve(tuple(c.means.tolist()), tuple(c.variances.tolist())) for c in calm])
    channels = tuple(
        Channel(reader.survey, Transfer.of_curve(one.means, one.variances), None, reader.spectrum)
        for reader, one in zip(readers, calm, strict=True)
    )
    z = np.stack([model.forward(one) for one in values])
    if is_color:
        return model.replace(color=color_noise(z, brightness[0])), channels
    stabilised = np.concatenate([z[:, c] for c in range(z.shape[1])])
    _, correlation = CalmBlocks.of(stabilised, np.concatenate(planes)).covariance()
    return model.replace(autocorrelation=correlation), channels


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
