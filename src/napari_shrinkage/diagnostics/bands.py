"""Every detail band of a noisy image, in units of its noise: what plots and fits of thresholds look at.

Convention: fields are (B, C, *spatial) in units of the noise; the bands of a channel come together, in the
order of the transform. torch is imported when work begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..estimators import estimated_noise
from ..fitting.example import example_of, part_of
from ..noise import Autocorrelation, Gaussian, NoiseModel
from ..noise.units import opponent_stds
from ..restorers import Shrinkage
from ..restorers.fitted import typical_noise
from ..rules import Soft
from ..sample import Sample
from ..stack import Float, Stack
from ..thresholds import MOST_COEFFICIENTS, redundancy
from ..transforms.base import Transform
from .band import DetailBand, Rule

if TYPE_CHECKING:
    from torch import Tensor

SOFT = Soft()
MOST_OF_A_BAND = 2**20  # coefficients that are kept of a band
MOST_OF_ALL = 2**23  # and of all of them: a risk curve holds 32 bytes for each


def bands_of(
    image: Any,
    transform: Transform,
    noise: NoiseModel | float | None = None,
    reference: Any = None,
    axes: str | None = None,
    rule: Rule = SOFT,
) -> tuple[DetailBand, ...]:
    """Return every detail band of an image and channel, the bands of a channel together.

    Parameters
    ----------
    image : array_like
        The noisy image; numpy or dask, any axes. Beyond 16 million pixels evenly spread windows of it.
    transform : Transform
        Its "auto" fields are decided from the image.
    noise : NoiseModel or float, optional
        The noise; a number is the std of Gaussian noise. None estimates it.
    reference : array_like, optional
        The clean image, of the same shape and in the same units.
    axes : str, optional
        One letter per axis. Colours ("YXC") go to luminance and chrominance, as when they are restored;
        independent channels ("CYX") do not.
    rule : Soft or Hard
        What the risk curves are of.

    Raises
    ------
    ValueError
        If the reference has another shape than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_shrinkage import Wavelet
    >>> noisy = 100 + 5 * np.random.default_rng(0).standard_normal((64, 64))
    >>> bands = bands_of(noisy, Wavelet(wavelet="haar", levels=1), noise=5)
    >>> [(band.key, band.orientation) for band in bands]
    [('1/ad', 'horizontal'), ('1/da', 'vertical'), ('1/dd', 'diagonal')]
    """
    stack = Stack(image, axes or "")
    truth = None if reference is None else Stack(reference, stack.axes)
    if truth is not None and truth.shape != stack.shape:
        raise ValueError(
            f"the reference has the shape {truth.shape}, the image {stack.shape}; expected the same."
        )
    model = estimated_noise(stack) if noise is None else noise
    model = model if isinstance(model, NoiseModel) else Gaussian(model)
    model = model.for_channels(stack.channels)
    example = example_of(stack, truth, model, Shrinkage(transform=transform), clean=True)
    shape, spacing = stack.field_shape(transform.ndim), stack.field_spacing(transform.ndim)
    sample = Sample(example.noisy.numpy(), shape, spacing, example.correlations)
    resolved = transform.resolve(sample)
    part = part_of(example, int(MOST_COEFFICIENTS / redundancy(resolved, sample)), spacing)
    stds = _stds(example.counts, model, example.color)
    return detail_bands(part.noisy, resolved, part.correlations, part.target, stds, rule)


def detail_bands(
    fields: Tensor,
    transform: Transform,
    correlations: Sequence[Autocorrelation | None] = (None,),
    reference: Tensor | None = None,
    stds: Sequence[float] = (1.0,),
    rule: Rule = SOFT,
) -> tuple[DetailBand, ...]:
    """Return every detail band of fields in units of the noise.

    Parameters
    ----------
    fields : Tensor, (B, C, *spatial)
        Noisy fields, on any device; their coefficients are pooled over B.
    transform : Transform
        Resolved: none of its fields is "auto".
    correlations : sequence of Autocorrelation or None
        Of the noise, one for all channels or one for each.
    reference : Tensor, optional
        Clean fields, as `fields`.
    stds : sequence of float
        Noise std in units of the image, one for all channels or one for each.
    rule : Soft or Hard
        What the risk curves are of.

    Notes
    -----
    Of a band with more than a million coefficients, or fewer where there are many bands (`MOST_OF_ALL`),
    every n-th is kept. A band that gets none of correlated noise is left out.
    """
    channels, pixels = fields.shape[1], fields[:, 0].numel()
    found: list[DetailBand] = []
    for channel in range(channels):
        gains = transform.noise_gain(correlations[channel if len(correlations) > 1 else 0])
        std = stds[channel if len(stds) > 1 else 0]
        cut = slice(channel, channel + 1)
        noisy, counts = _pooled(transform, fields[:, cut], channels)
        clean = None if reference is None else _pooled(transform, reference[:, cut], channels)[0]
        for subband in transform.subbands():
            key, gain = subband.key, gains[subband.key]
            if subband.detail and gain > 0:
                scaled = noisy[key] / np.float32(gain)
                target = None if clean is None else clean[key] / np.float32(gain)
                share = counts[key] / pixels
                found.append(DetailBand(subband, channel, gain * std, scaled, target, share, rule))
    return tuple(found)


def _stds(counts: Float, noise: NoiseModel, color: bool) -> tuple[float, ...]:
    """Return the noise std of each channel in units of the image, at its mean brightness."""
    stds = typical_noise(noise, counts)
    if not color:
        return stds
    whole = math.sqrt(sum(std**2 for std in stds) / len(stds))
    return tuple(whole * float(std) for std in opponent_stds(noise, 1))


def _pooled(transform: Transform, fields: Tensor, channels: int) -> tuple[dict[str, Float], dict[str, int]]:
    """Return coefficients of every detail band of fields (B, 1, *spatial), flat, and how many there are."""
    details = sum(subband.detail for subband in transform.subbands())
    most = min(MOST_OF_A_BAND, MOST_OF_ALL // (details * channels))
    pools: dict[str, list[Float]] = {}
    counts: dict[str, int] = {}
    for index in range(len(fields)):
        for band in transform.forward(fields[index : index + 1]).details():
            step = math.ceil(len(fields) * band.data.numel() / most)
            step += step % 2 == 0  # odd, so that it does not keep in step with blocks and rows
            kept = band.data.detach().flatten()[::step].cpu().numpy().astype(np.float32)
            pools.setdefault(band.key, []).append(kept)
            counts[band.key] = counts.get(band.key, 0) + band.data.numel()
    return {key: np.concatenate(values) for key, values in pools.items()}, counts
