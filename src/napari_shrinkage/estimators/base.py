"""What an estimator is: it reads the noise of every channel, and says when its number is not to be trusted.

Convention: an estimator gets planes (B, C, Y, X) in the units of the image and pools what it measures over
all of them; a value that is not finite counts for nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..methods import Method
from ..noise import Gaussian
from ..sample import drawn_fields
from ..stack import Float, Stack
from .measurement import Channel, Measurement
from .survey import Survey, number

LEAST_PIXELS = 1024  # fewer measure sigma to no better than a twentieth
LEAST_SIDE = 8
COLORS = ("Red", "Green", "Blue")
LEAST_SIGMA = 1e-6  # of the range of the values: what float32 arithmetic leaves behind


@dataclass(frozen=True)
class Estimate:
    """The noise of an image, channel by channel.

    Parameters
    ----------
    sigma : tuple of float
        Noise standard deviation of each channel in the units of the image.
    verdict : str
        What the numbers are worth, in words.
    trusted : bool
        Whether nothing speaks against them.
    """

    sigma: tuple[float, ...]
    verdict: str
    trusted: bool


@dataclass(frozen=True)
class Reading:
    """What was found in one channel.

    Parameters
    ----------
    sigma : float
        Noise standard deviation.
    character : str
        What kind of noise it is, in a few words.
    doubts : tuple of str
        Sentences that say why sigma cannot be trusted; none when it can.
    """

    sigma: float
    character: str = ""
    doubts: tuple[str, ...] = ()


class NoiseEstimator(Method):
    """Base of the estimators: from a stack alone to a noise model, with what it was read from."""

    role: ClassVar[str] = "estimator"

    @abstractmethod
    def measure(self, stack: Stack) -> Measurement:
        """Measure the noise of a stack, once for all its planes.

        Parameters
        ----------
        stack : Stack
            Up to 16 million pixels are looked at; beyond that a fixed choice of windows, so that a lazy stack
            is never read whole.

        Raises
        ------
        ValueError
            If a channel has no finite value.
        """


class SigmaEstimator(NoiseEstimator):
    """Base of the estimators of white Gaussian noise: one number for each channel."""

    @abstractmethod
    def read(self, planes: Float, survey: Survey) -> Reading:
        """Return the noise of one channel.

        Parameters
        ----------
        planes : ndarray, (B, Y, X)
            At least 8 x 8 pixels with different values; NaN marks what is missing.
        survey : Survey
            What their values give away.
        """

    def measure(self, stack: Stack) -> Measurement:
        """Measure sigma of every channel; see `NoiseEstimator`."""
        values = drawn_fields(stack, 2)
        found = self.estimate(values)
        sigma = found.sigma if len(found.sigma) > 1 else found.sigma[0]
        channels = tuple(Channel(Survey.of(values[:, c])) for c in range(values.shape[1]))
        return Measurement(Gaussian(sigma, verdict=found.verdict), found.trusted, channels)

    def estimate(self, values: Float) -> Estimate:
        """Return the noise of each channel of `values`.

        Parameters
        ----------
        values : ndarray, (B, C, Y, X)
            Planes of an image in its own units; NaN and infinite values are left out.

        Raises
        ------
        ValueError
            If a channel has no finite value.
        """
        readings = [self.checked(values[:, channel], channel) for channel in range(values.shape[1])]
        doubts = told_by_channel([" ".join(reading.doubts) for reading in readings])
        sigma = tuple(reading.sigma for reading in readings)
        return Estimate(sigma, doubts or _trusted_verdict(readings), not doubts)

    def checked(self, planes: Float, channel: int) -> Reading:
        """Return the noise of one channel (B, Y, X), with all that speaks against it."""
        planes = with_gaps(planes)
        survey = checked_survey(planes, channel)
        if survey.lowest == survey.highest:
            doubt = f"Every pixel is {number(survey.lowest)}: there is no noise to see, sigma = 0."
            return Reading(0.0, doubts=(doubt,))
        if min(planes.shape[-2:]) < LEAST_SIDE:
            return neighbour_reading(planes, f"The image is too small ({_size(planes)})")
        return _doubted(self.read(planes, survey), planes, survey)


def with_gaps(values: Float) -> Float:
    """Return values with NaN for all that is not finite."""
    known = np.isfinite(values)
    return values if known.all() else np.where(known, values, np.float32(np.nan))


def checked_survey(planes: Float, channel: int) -> Survey:
    """Return the survey of a channel (B, Y, X), or raise an error where it has no finite value."""
    survey = Survey.of(planes)
    if not survey.count:
        raise ValueError(
            f"channel {channel} has no finite value in its {planes.size} pixels: its noise cannot be "
            "estimated. Give the noise, or leave this channel out."
        )
    return survey


def neighbour_reading(planes: Float, reason: str) -> Reading:
    """Return a guess from the differences of neighbouring pixels, where nothing better can be measured."""
    steps = np.concatenate([np.diff(planes, axis=axis).ravel() for axis in (-1, -2)])
    steps = steps[np.isfinite(steps)]
    sigma = median_deviation(steps) / 2**0.5 if steps.size else 0.0
    doubt = (
        f"{reason} to tell noise from structure: sigma = {number(sigma)} is a guess from neighbouring pixels."
    )
    return Reading(sigma, doubts=(doubt,))


def median_deviation(values: Float) -> float:
    """Return the standard deviation of zero-mean Gaussian values, from the median of their sizes."""
    return float(np.median(np.abs(values))) / 0.6744897501960817


def _doubted(reading: Reading, planes: Float, survey: Survey) -> Reading:
    """Add what the survey and the size of the image say against a reading."""
    sigma = reading.sigma
    if sigma <= LEAST_SIGMA * (survey.highest - survey.lowest):
        values = f"values from {number(survey.lowest)} to {number(survey.highest)}"
        return Reading(sigma, doubts=(f"No noise was found: sigma = {number(sigma)}, with {values}.",))
    doubts = reading.doubts
    if survey.count < LEAST_PIXELS:
        doubts = (f"The image is small ({_size(planes)}): sigma may be off by a tenth or more.",)
    return Reading(sigma, reading.character, doubts + survey.doubts(sigma))


def _size(planes: Float) -> str:
    return f"{planes.shape[-2]} x {planes.shape[-1]} pixels"


def told_by_channel(texts: list[str], is_color: bool = False) -> str:
    """Join what there is to say of each channel; what holds for all of them is said once."""
    if len(set(texts)) == 1:
        return texts[0]
    names = COLORS if is_color else [f"Channel {channel}" for channel in range(len(texts))]
    return " ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True) if text)


def _trusted_verdict(readings: list[Reading]) -> str:
    texts = [f"sigma = {number(reading.sigma)}; {reading.character}." for reading in readings]
    return f"Gaussian noise, {texts[0]}" if len(texts) == 1 else f"Gaussian noise. {told_by_channel(texts)}"
