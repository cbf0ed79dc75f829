"""What a measurement of noise is worth, in a sentence or two.

Convention: the first sentence says what the noise is; every further one is a doubt, and a verdict with doubts
is not trusted. What holds for all channels is said once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..noise import Gaussian, NoiseCurve, NoiseModel, PoissonGaussian
from .base import Reading, told_by_channel
from .measurement import Channel
from .survey import SATURATED_SHARE, Survey, number

LARGEST_ERROR = 0.15  # of the gain
SUPERSEDED = "correlat"  # what a sigma estimator says of correlated noise, once that has been measured


def verdict_of(
    model: NoiseModel, channels: Sequence[Channel], readings: Sequence[Reading], is_color: bool = False
) -> tuple[str, bool]:
    """Return the verdict on a model, and whether it can be trusted.

    Parameters
    ----------
    model : NoiseModel
        The noise.
    channels : sequence of Channel
        What it was read from.
    readings : sequence of Reading
        The noise of each channel, taken for white and Gaussian.
    is_color : bool
        Whether the channels are red, green and blue.
    """
    pairs = list(zip(channels, readings, strict=True))
    doubts = told_by_channel([_doubts(model, channel, reading) for channel, reading in pairs], is_color)
    if doubts and isinstance(model, Gaussian) and model.autocorrelation is None:
        return doubts, False
    parts = [model.for_channels(len(channels)).channel(i) for i in range(len(channels))]
    facts = [_facts(part) for part in parts]
    lead = f"{_lead(model)}{_character(model, readings)}"
    if len(set(facts)) == 1:
        said = f"{_lead(model)}, {facts[0]}{_character(model, readings)}."
    else:
        said = f"{lead}. {told_by_channel([f'{fact}.' for fact in facts], is_color)}"
    return f"{said} {doubts}".rstrip(), not doubts


def _lead(model: NoiseModel) -> str:
    if isinstance(model, Gaussian):
        return "Gaussian noise"
    return "Shot noise and read noise" if isinstance(model, PoissonGaussian) else "Noise of a processed image"


def _facts(part: NoiseModel) -> str:
    """Return the numbers of one channel's model."""
    if isinstance(part, PoissonGaussian):
        return _line_facts(part)
    if isinstance(part, NoiseCurve):
        return _curve_facts(part)
    assert isinstance(part, Gaussian)
    return f"sigma = {number(_one(part.sigma))}"


def _line_facts(part: PoissonGaussian) -> str:
    gain, offset, read_std = _one(part.gain), _one(part.offset), _one(part.read_std)
    if gain == 0:
        return f"no shot noise, std {number(read_std)}"
    rest = f"read noise {number(read_std)} counts" if read_std else "no read noise that can be told from it"
    base = f"an offset of {number(offset)} counts" if offset else "no offset"
    return f"gain {number(gain)} counts per electron, {rest}, {base}"


def _curve_facts(part: NoiseCurve) -> str:
    means, stds = part.means[0], [variance**0.5 for variance in part.variances[0]]
    top = max(range(len(means)), key=stds.__getitem__)
    places = dict.fromkeys((0, top, len(means) - 1))
    return "std " + ", ".join(f"{number(stds[i])} at {number(means[i])}" for i in places)


def _character(model: NoiseModel, readings: Sequence[Reading]) -> str:
    if model.color is not None:
        grey = model.color.stds[0] / max(max(model.color.stds[1:]), 1e-6)
        times = "far" if grey > 10 else f"{grey:.1f} times"
        return (
            f"; shared by the colours ({times} stronger in the luminance) and correlated between neighbours, "
            "which is taken into account"
        )
    if model.autocorrelation is not None:
        window = model.autocorrelation.array
        y, x = (n // 2 for n in window.shape)
        right, below = window[y, min(x + 1, 2 * x)], window[min(y + 1, 2 * y), x]
        return (
            f"; correlated between neighbours ({right:.2f} along X, {below:.2f} along Y), which is taken "
            "into account"
        )
    if isinstance(model, Gaussian):
        words = {reading.character for reading in readings}
        return f"; {words.pop()}" if len(words) == 1 else ""
    return "; white"


def _doubts(model: NoiseModel, channel: Channel, reading: Reading) -> str:
    if isinstance(model, Gaussian):
        measured = model.autocorrelation is not None
        return " ".join(doubt for doubt in reading.doubts if not (measured and SUPERSEDED in doubt))
    doubts = list(_saturation(channel.survey))
    if isinstance(model, PoissonGaussian) and channel.line is not None and channel.line.slope > 0:
        error = channel.line.slope_error / channel.line.slope
        if error > LARGEST_ERROR:
            doubts.append(
                f"The gain is uncertain by {error:.0%}: few parts of the image are flat, or all are equally "
                "bright."
            )
    return " ".join(doubts)


def _saturation(survey: Survey) -> tuple[str, ...]:
    ends = ((survey.at_lowest, survey.lowest, "lowest"), (survey.at_highest, survey.highest, "highest"))
    return tuple(
        f"{share:.0%} of the pixels have the {end} value, {number(value)}: they are saturated or empty."
        for share, value, end in ends
        if share > SATURATED_SHARE
    )


def _one(value: float | tuple[float, ...]) -> float:
    return value[0] if isinstance(value, tuple) else value
