"""Learning from one noisy image: noise is added for the input, and taken away in proportion for the target.

Convention: with a probe n that has the covariance of the noise, the input y + sqrt(a) n and the target
y - n / sqrt(a) are uncorrelated, so the one judges what is made of the other as a second exposure would. That
holds where the noise is near enough Gaussian; elsewhere a network is held to what it made before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..losses import Example, Objective, Restore, to_counts
from ..noise import NoiseModel
from ..noise.units import to_noise_units
from ..risk import Trial, local_mean, noise_field
from ..stack import Float

if TYPE_CHECKING:
    from torch import Tensor

ALPHA = 0.5  # of a probe's variance in the noise's: the smaller, the more chance is in the target
JUDGED = 0.05  # the same, where the error at the image's own noise is asked for
ELECTRONS = 3.0  # below it shot noise is too skewed to be taken for Gaussian
CLIPPED = 2.0  # noise stds from where the camera cuts values off
STREAM = 0x2C0  # of chance
TINY = 1e-12

Comparison = Callable[[Restore, Restore], "Tensor"]


def recorrupted(example: Example, number: int, in_counts: bool) -> Comparison:
    """Return what a network must make small, given the network that it was before.

    Parameters
    ----------
    example : Example
        A batch of noisy crops.
    number : int
        Of the draw.
    in_counts : bool
        Whether errors count in the units of the image, where bright pixels, whose noise is strong, weigh as
        they do; otherwise in units of the noise.

    Notes
    -----
    Recorrupted-to-recorrupted learning [1]_. The input has 1 + a times the variance of the noise, and is
    handed over in units of that.

    References
    ----------
    .. [1] Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image
       denoising", CVPR 2021, doi:10.1109/CVPR46437.2021.00208.
    """
    import torch

    valid = example.noisy.new_tensor(gaussian_pixels(example)) > 0
    shown, target, back, weight = (_in_counts if in_counts else _in_noise_units)(example, number)
    scale = math.sqrt(1 + ALPHA)

    def made_by(restore: Restore) -> Tensor:
        return back(restore(shown / scale) * scale)

    def risk(restore: Restore, first: Restore) -> Tensor:
        with torch.no_grad():
            before = made_by(first)
        return (made_by(restore) - torch.where(valid, target, before)).square().mean() * weight

    return risk


def judged(example: Example, number: int) -> Objective:
    """Return the unbiased estimate of the error in units of the noise, of the pixels where it holds.

    Where there are none it is zero.
    """
    probe = _probe(example, number)
    valid = example.noisy.new_tensor(gaussian_pixels(example))
    step, noisy = math.sqrt(JUDGED), example.noisy

    def risk(restore: Restore) -> Tensor:
        plus, minus = restore(noisy + step * probe), restore(noisy - step * probe)
        squares = ((plus - noisy).square() + (minus - noisy).square()) / 2
        terms = squares + probe * (plus - minus) / step - 1
        return (terms * valid).sum() / valid.sum().clamp_min(1)

    return risk


def gaussian_pixels(example: Example) -> Float:
    """Return 1 at each pixel (B, C, *spatial) where the noise is near enough Gaussian, else 0.

    Shot noise of few electrons is skewed, and a camera cuts values off; a network would tell there what was
    added from what was noise. Colours share what they are.
    """
    valid = np.stack([_is_gaussian(local_mean(field), example.noise) for field in example.counts])
    if example.color:
        valid = np.broadcast_to(valid.all(axis=1, keepdims=True), valid.shape)
    return valid.astype(np.float32)


def _is_gaussian(mean: Float, noise: NoiseModel) -> Float:
    """Return whether pixels of these means have noise that is skewed and cut off little enough."""
    std = noise.std(mean)
    slope = (noise.std(mean + std) ** 2 - noise.std(mean - std) ** 2) / np.maximum(2 * std, TINY)
    electrons = std**2 / np.maximum(slope**2, TINY)  # their shot noise is as skewed
    low, high = getattr(noise, "low", None), getattr(noise, "high", None)
    inside = np.ones(mean.shape, bool)
    if low is not None:
        inside &= mean > low + CLIPPED * std
    if high is not None:
        inside &= mean < high - CLIPPED * std
    return np.asarray(inside & (electrons >= ELECTRONS))


def _in_noise_units(
    example: Example, number: int
) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor], float]:
    """Return input, target, the way to the target's units, and the weight of a squared error there."""
    probe, step = _probe(example, number), math.sqrt(ALPHA)
    shown, target = example.noisy + step * probe, example.noisy - probe / step
    return shown, target, lambda z: z, ALPHA / (1 + ALPHA)


def _in_counts(example: Example, number: int) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor], float]:
    """Return the same where errors count in the units of the image."""
    new, noise, step = example.noisy.new_tensor, example.noise, np.float32(math.sqrt(ALPHA))
    trials = [
        Trial.of(field, noise, alpha=ALPHA, pairs=1, seed=number * len(example.counts) + index)
        for index, field in enumerate(example.counts)
    ]
    probe = np.stack([trial.probes[0] for trial in trials])
    noisier = example.counts + step * probe
    shown = new(np.stack([to_noise_units(field, noise, example.color) for field in noisier]))
    variance = float(np.mean([np.square(trial.std).mean() for trial in trials]))
    return shown, new(example.counts - probe / step), to_counts(example), ALPHA / (1 + ALPHA) / variance


def _probe(example: Example, number: int) -> Tensor:
    """Return noise (B, C, *spatial) like that of the example."""
    rng = np.random.default_rng([STREAM, number])
    single = (len(example.noisy), 1, *example.shape)
    channels = range(example.noisy.shape[1])
    each = [noise_field(single, example.correlation_of(channel), rng) for channel in channels]
    return example.noisy.new_tensor(np.concatenate(each, axis=1))
