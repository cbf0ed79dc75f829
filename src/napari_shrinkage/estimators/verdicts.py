"""What a measurement of noise is worth, in a sentence or two.

Convention: the first sentence says what the noise is; every further one is a doubt, and a verdict with doubts
is not trusted. What holds for all channels is said once.
"""

from __future__ import annotations

from ..noise import Gaussian, NoiseCurve, NoiseModel, PoissonGaussian
from .base import Reading, told_by_channel
from .measurement import Channel
from .survey import number

LARGEST_ERROR = 0.15  # of the gain
SUPERSEDED = "correlat"  # what a sigma estimator says of correlated noise, once that has been measured


def verdict_of(model: NoiseModel, channels: tuple[Channel, ...], readings: list[Reading]) -> tuple[str, bool]:
    """Return the verdict on a model, and whether it can be trusted."""
    parts = [model.for_channels(len(channels)).channel(i) for i in range(len(channels))]
    if isinstance(model, Gaussian):
        facts = [f"sigma = {number(part.sigma)}" for part in parts]  # type: ignore[attr-defined]
        lead = "Gaussian noise"
    elif isinstance(model, PoissonGaussian):
        facts = [_line_facts(part) for part in parts]
        lead = "Shot noise and read noise"
    else:
        facts = [_curve_facts(part) for part in parts]
        lead = "Noise that follows no straight line"
    character = _character(model, readings)
    doubts = told_by_channel(
        [_doubts(model, channel, reading) for channel, reading in zip(channels, readings, strict=True)]
    )
    if isinstance(model, Gaussian) and model.autocorrelation is None and doubts:
        return doubts, False
    said = (
        f"{lead}, {facts[0]}{character}."
        if len(facts) == 1
        else f"{lead}{character}. {told_by_channel(facts)}."
    )
    return f"{said} {doubts}".rstrip(), not doubts


def _line_facts(part: NoiseModel) -> str:
    assert isinstance(part, PoissonGaussian)
    gain, offset, read_std = (float(value) for value in (part.gain, part.offset, part.read_std))  # type: ignore[arg-type]
    if gain == 0:
        return f"no shot noise, std {number(read_std)}"
    rest = f"read noise {number(read_std)} counts" if read_std else "no read noise that can be told from it"
    base = f"an offset of {number(offset)} counts" if offset else "no offset"
    return f"gain {number(gain)} counts per electron, {rest}, {base}"


def _curve_facts(part: NoiseModel) -> str:
    assert isinstance(part, NoiseCurve)
    means, variances = part.means[0], part.variances[0]
    top = max(range(len(means)), key=variances.__getitem__)
    return (
        f"std {number(variances[0] ** 0.5)} at {number(means[0])}, {number(variances[top] ** 0.5)} at "
        f"{number(means[top])}, {number(variances[-1] ** 0.5)} at {number(means[-1])}"
    )


def _character(model: NoiseModel, readings: list[Reading]) -> str:
    if model.autocorrelation is not None:
        window = model.autocorrelation.array
        y, x = (n // 2 for n in window.shape)
        return (
            f"; correlated between neighbours ({window[y, x + 1]:.2f} along X, {window[y + 1, x]:.2f} along "
            "Y), which is taken into account"
        )
    if isinstance(model, Gaussian):
        words = {reading.character for reading in readings}
        return f"; {words.pop()}" if len(words) == 1 else ""
    return "; white"


def _doubts(model: NoiseModel, channel: Channel, reading: Reading) -> str:
    doubts = [doubt for doubt in reading.doubts if not (model.autocorrelation and SUPERSEDED in doubt)]
    if isinstance(model, PoissonGaussian) and channel.line is not None:
        doubts = [doubt for doubt in doubts if SUPERSEDED not in doubt]
        error = channel.line.slope_error / max(channel.line.slope, 1e-30)
        if error > LARGEST_ERROR:
            doubts.append(
                f"The gain is uncertain by {error:.0%}: the image has few flat parts of different brightness."
            )
    return " ".join(doubts)
