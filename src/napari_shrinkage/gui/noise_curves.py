"""The numbers behind the plots of the noise lab: points and lines of a photon transfer, power at frequencies.

Convention: nothing here is measured, only brought into the form in which it is drawn; a power is a multiple
of that of white noise of the same variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..calibration import Calibration
from ..estimators import Channel, Measurement
from ..estimators.correlation import PLAIN, SIDE
from ..noise import Autocorrelation, NoiseModel
from ..transforms.block_dct import dct_matrix

Values = npt.NDArray[np.float64]

FINE = 200  # points of a line
EMPTY = np.zeros(0)
_INDICES = np.indices((SIDE, SIDE))
_RADIUS = np.hypot(*_INDICES)
_KEPT = _INDICES.sum(axis=0) > PLAIN  # slopes of the background are in the rest


@dataclass(frozen=True, eq=False)
class TransferCurve:
    """What a photon transfer plot shows of one channel.

    Parameters
    ----------
    name : str
        Of the channel; "" for the only one.
    means, variances : ndarray, (N,)
        The points, in the units of the image and those squared.
    weights : ndarray, (N,)
        How much is behind each point, 0 to 1.
    line_means, line_variances : ndarray, (M,)
        The noise model; none where it has none.
    """

    name: str
    means: Values
    variances: Values
    weights: Values
    line_means: Values = field(default_factory=lambda: EMPTY)
    line_variances: Values = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, eq=False)
class Power:
    """Noise power at rising frequencies.

    Parameters
    ----------
    frequencies : ndarray, (N,)
        In cycles per pixel.
    powers : ndarray, (N,)
        As multiples of white noise.
    """

    frequencies: Values
    powers: Values


def transfer_curves(found: Measurement, names: Sequence[str]) -> list[TransferCurve]:
    """Return points and model of every channel of a measurement."""
    model = found.model.for_channels(len(found.channels))
    return [_channel_curve(channel, model.channel(i), names[i]) for i, channel in enumerate(found.channels)]


def model_line(model: NoiseModel, curves: Sequence[TransferCurve]) -> list[TransferCurve]:
    """Return another model over the range of curves, without points."""
    each = model.for_channels(len(curves))
    lines = [
        (one.name, one.line_means, _variance(each.channel(i), one.line_means)) for i, one in enumerate(curves)
    ]
    return [TransferCurve(name, EMPTY, EMPTY, EMPTY, means, variances) for name, means, variances in lines]


def calibration_curve(found: Calibration) -> TransferCurve:
    """Return the levels of a calibration and their line; levels that were left out are faint."""
    levels = ([found.dark] if found.dark else []) + list(found.levels)
    means, variances = (np.array([getattr(level, name) for level in levels]) for name in ("mean", "variance"))
    weights = np.array([0.0 if level.left_out else 1.0 for level in levels])
    if found.line is None:
        return TransferCurve("", means, variances, weights)
    along = np.linspace(means.min(), means.max(), FINE)
    return TransferCurve(
        "", means, variances, weights, along, found.line.slope * along + found.line.intercept
    )


def measured_power(energies: Values) -> Power:
    """Return the power around each frequency, from the energies (16, 16) of block coefficients."""
    relative = energies / max(float(energies[_KEPT].mean()), float(np.finfo(np.float64).tiny))
    rings = np.rint(_RADIUS[_KEPT]).astype(int)
    counts = np.bincount(rings)
    radius, power = (np.bincount(rings, part[_KEPT]) for part in (_RADIUS, relative))
    known = counts > 0
    return Power(radius[known] / counts[known] / (2 * SIDE), power[known] / counts[known])


def model_power(correlation: Autocorrelation) -> Power:
    """Return the power that an autocorrelation of two axes gives the same coefficients."""
    rows = dct_matrix(SIDE)
    energies = [[correlation.variance((row, column)) for column in rows] for row in rows]
    return measured_power(np.asarray(energies))


def _channel_curve(channel: Channel, model: NoiseModel, name: str) -> TransferCurve:
    points = channel.transfer
    if points is None or not len(points):
        line_means = np.linspace(channel.survey.lowest, channel.survey.highest, FINE)
        return TransferCurve(name, EMPTY, EMPTY, EMPTY, line_means, _variance(model, line_means))
    line_means = np.linspace(points.means.min(), points.means.max(), FINE)
    weights = points.blocks / points.blocks.max()
    return TransferCurve(
        name, points.means, points.variances, weights, line_means, _variance(model, line_means)
    )


def _variance(model: NoiseModel, means: Values) -> Values:
    return np.square(np.asarray(model.std(means), np.float64))
