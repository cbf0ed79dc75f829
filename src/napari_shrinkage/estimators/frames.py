"""The noise of a camera from repeated frames: what differs from one to the next of a still scene.

Convention: the difference of two frames over sqrt(2) has the noise of one; its brightness is that of their
mean. What changes between two frames counts as noise, unless it moves most of a block.
"""

from __future__ import annotations

from typing import Annotated

import annotated_types as at
import numpy as np

from ..methods import ADVANCED, method
from ..noise import Gaussian, NoiseModel, PoissonGaussian
from ..noise.poisson_gaussian import FARTHEST
from ..sample import MOST_PIXELS
from ..stack import Float, Stack
from .base import NoiseEstimator, Reading, checked_survey, with_gaps
from .correlation import spectrum_of
from .from_image import merged, with_ends
from .measurement import Channel, Measurement
from .reader import ENDS, LEAST_SURE
from .survey import Survey, number
from .transfer import Transfer, Values, fitted_line
from .verdicts import verdict_of

SIDE = 8
CLASSES = 24
LEAST_RISE = 1.15  # of the variance from dark to bright: no texture can be the reason
LEAST_WHITE = 1.15  # tilt of the differences' spectrum: they hold no texture that could be taken for it
MOST_PAIRS = 32


@method("frame-differences", title="From repeated frames")
class FrameDifferences(NoiseEstimator):
    """The noise of a camera from the differences of consecutive frames, in which a still scene cancels.

    Parameters
    ----------
    offset : float
        Counts of no light, where known: only then can read noise be told from it.

    Notes
    -----
    Valid where little moves and bleaches between two frames: what changes counts as noise. Needs an axis T,
    or Z of a stack of the same plane.
    """

    offset: Annotated[float | None, at.Ge(-FARTHEST), at.Le(FARTHEST), at.Unit("counts"), ADVANCED] = None

    def measure(self, stack: Stack) -> Measurement:
        """Measure the differences of consecutive frames along T, else along Z."""
        first, second = frame_pairs(stack)
        found = [_read(first[:, c], second[:, c], c, self.offset) for c in range(first.shape[1])]
        shot = any(isinstance(model, PoissonGaussian) for model, *_ in found)
        models = [model if not shot else _as_camera(model) for model, *_ in found]
        channels = tuple(channel for _, channel, _ in found)
        told = [c.spectrum for c in channels if c.spectrum is not None and c.spectrum.tilt > LEAST_WHITE]
        model = merged(models)
        if len(told) > len(channels) / 2:
            model = model.replace(autocorrelation=told[0].autocorrelation()[1])
        if isinstance(model, PoissonGaussian):
            model = with_ends(model, [channel.survey for channel in channels])
        readings = [Reading(1.0, "white" if not told else "", doubts) for *_, doubts in found]
        verdict, trusted = verdict_of(model, channels, readings, stack.is_color)
        return Measurement(model.replace(verdict=verdict), trusted, channels)


def frame_pairs(stack: Stack) -> tuple[Float, Float]:
    """Return consecutive frames (N, C, Y, X) of a stack, at most 32 pairs, evenly spread.

    Raises
    ------
    ValueError
        If the stack has no axis of frames, or a single one.
    """
    letter = next((a for a in "TZ" if a in stack.axes and stack.shape[stack.axes.index(a)] > 1), None)
    if letter is None:
        raise ValueError(
            f"FrameDifferences compares frames along T (or Z); this image has axes {stack.axes}, shape "
            f"{stack.shape}. Give a series of at least two frames, or estimate from the image alone."
        )
    axis = stack.axes.index(letter)
    planes = list(stack.planes(2))
    place = stack.plane_axes(2).index(axis)
    starts = [plane for plane in planes if plane[place] + 1 < stack.shape[axis]]
    most = max(min(MOST_PAIRS, MOST_PIXELS // (2 * stack.pixels // len(planes))), 1)
    chosen = [starts[i] for i in np.unique(np.linspace(0, len(starts) - 1, most).round().astype(int))]
    window = [slice(0, n) for n in stack.field_shape(2)]

    def field(plane: tuple[int, ...]) -> Float:
        return stack.to_field(np.asarray(stack.array[stack.selection(2, plane, window)]), 2)

    after = [tuple(n + (i == place) for i, n in enumerate(plane)) for plane in chosen]
    return with_gaps(np.stack([field(p) for p in chosen])), with_gaps(np.stack([field(p) for p in after]))


def _read(
    first: Float, second: Float, index: int, offset: float | None
) -> tuple[NoiseModel, Channel, tuple[str, ...]]:
    """Return the model of one channel (N, Y, X), what it was read from, and what speaks against it."""
    survey = checked_survey(first, index)
    difference, mean = (first - second) * np.float32(0.5**0.5), (first + second) * np.float32(0.5)
    transfer = _transfer(difference, mean, survey)
    if not transfer.variances.any():
        return _guessed(difference, survey)
    line = fitted_line(transfer)
    rises = line.at(np.quantile(transfer.means, ENDS[1])) > LEAST_RISE * max(
        float(line.at(np.quantile(transfer.means, ENDS[0]))), 0.0
    )
    if len(transfer) > 2 and rises and line.slope > LEAST_SURE * line.slope_error:
        model: NoiseModel = PoissonGaussian.from_line(line.slope, line.intercept, offset)
    else:
        model = Gaussian(float(np.sqrt(np.average(transfer.variances, weights=transfer.blocks))))
    spectrum = None
    if not model.silent() and min(first.shape[-2:]) >= 2 * SIDE:
        std = model.std(np.maximum(mean, np.nanmedian(mean))).astype(np.float32)
        spectrum = spectrum_of(difference / np.maximum(std, np.float32(1e-30)))
    return model, Channel(survey, transfer, line, spectrum), ()


def _guessed(difference: Float, survey: Survey) -> tuple[NoiseModel, Channel, tuple[str, ...]]:
    """Return what `_read` does where no block of 8 x 8 pixels shows noise: one sigma, of all pixels."""
    squares = np.square(difference[np.isfinite(difference)], dtype=np.float64)
    sigma = float(np.sqrt(squares.mean())) if squares.size else 0.0
    doubt = "The frames are all alike: there is no noise to see, sigma = 0."
    if sigma:
        doubt = (
            f"No block of {SIDE} x {SIDE} pixels can be used (too small, saturated or missing): sigma = "
            f"{number(sigma)} is that of all pixels."
        )
    return Gaussian(sigma), Channel(survey), (doubt,)


def _transfer(difference: Float, mean: Float, survey: Survey) -> Transfer:
    """Return the variance of the differences in classes of brightness, from blocks of 8 x 8 pixels."""
    variances = _in_blocks(np.square(difference, dtype=np.float64))
    means = _in_blocks(mean.astype(np.float64))
    top = survey.highest if survey.is_saturated else np.inf
    known = np.isfinite(variances) & np.isfinite(means) & (means < top)
    order = np.flatnonzero(known)[np.argsort(means[known], kind="stable")]
    parts = [part for part in np.array_split(order, CLASSES) if len(part)]
    rows = [(means[p].mean(), _robust_mean(variances[p]), len(p), 1.0) for p in parts]
    return Transfer(*np.array(rows).reshape(-1, 4).T)


def _robust_mean(variances: Values) -> float:
    """Return the mean without blocks in which something moved: far above what chance does to a variance."""
    middle = float(np.median(variances))
    usual = variances[variances <= 3 * middle] if middle > 0 else variances
    return float(usual.mean())


def _in_blocks(values: Values) -> Values:
    """Return the mean of every whole block of 8 x 8 pixels of planes (N, Y, X), flat."""
    count, rows, columns = values.shape[0], *(n // SIDE for n in values.shape[1:])
    cut = values[:, : rows * SIDE, : columns * SIDE].reshape(count, rows, SIDE, columns, SIDE)
    return np.asarray(cut.mean(axis=(2, 4)).ravel())


def _as_camera(model: NoiseModel) -> PoissonGaussian:
    if isinstance(model, PoissonGaussian):
        return model
    assert isinstance(model, Gaussian)
    assert isinstance(model.sigma, float)
    return PoissonGaussian(0.0, 0.0, model.sigma)
