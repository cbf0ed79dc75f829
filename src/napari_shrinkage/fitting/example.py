"""What a fit looks at: the same pixels of a noisy stack and of its target, in units of the noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..color import to_opponent
from ..losses import Example, Restore
from ..noise import Autocorrelation, Gaussian, NoiseModel
from ..noise.base import check_even
from ..noise.units import inverse_table, opponent_stds, to_noise_units
from ..restorers.base import Restorer
from ..sample import Sample
from ..stack import Float, Stack
from ..tiles import drawn_in_counts, mixes_color
from ..transforms.base import extended

if TYPE_CHECKING:
    from torch import Tensor

Application = Callable[
    [Any, "Tensor", Any], "Tensor"
]  # of a restorer, on extended fields, with a correlation


def example_of(
    stack: Stack, target: Stack | None, noise: NoiseModel, restorer: Restorer, clean: bool
) -> Example:
    """Return the fields of a stack, at most 16 million pixels per channel, with those of its target.

    Parameters
    ----------
    stack : Stack
        The noisy image.
    target : Stack or None
        On the same grid.
    noise : NoiseModel
        One value per channel.
    restorer : Restorer
        Says which axes are restored together, and whether colours are.
    clean : bool
        Whether the target has no noise: then it stands for means, which a curved scale takes elsewhere than
        noisy values.
    """
    import torch

    check_even(noise, "fitting or showing bands")
    ndim, color = restorer.spatial_ndim, mixes_color(restorer, stack)
    counts = np.stack(list(drawn_in_counts(stack, noise, ndim)))
    noisy = np.stack([to_noise_units(field, noise, color) for field in counts])
    aim = None
    if target is not None:
        scaled = means_to_noise_units if clean else to_noise_units
        fields = drawn_in_counts(target, noise, ndim)
        aim = torch.from_numpy(np.stack([scaled(field, noise, color) for field in fields]))
    return Example(torch.from_numpy(noisy), aim, noise, noise.correlations(color), color, counts)


def part_of(example: Example, pixels: int, spacing: tuple[float, ...]) -> Example:
    """Return about `pixels` per channel of an example at most, the windows of `Sample.part`."""

    def part(values: Float) -> Sample:
        return Sample(values, example.shape, spacing).part(pixels)

    return replace(
        example,
        noisy=part(example.noisy.numpy()).tensor(),
        target=None if example.target is None else part(example.target.numpy()).tensor(),
        counts=part(example.counts).values,
    )


def means_to_noise_units(field: Float, noise: NoiseModel, color: bool) -> Float:
    """Return the field that `from_noise_units` takes to these mean values."""
    if isinstance(noise, Gaussian):
        return to_noise_units(field, noise, color)
    knots, table = inverse_table(noise, noise.forward(field))
    each = [np.interp(x, means, knots) for x, means in zip(field, table, strict=True)]
    z = np.stack(each).astype(np.float32)
    return to_opponent(z) / opponent_stds(noise, z.ndim) if color else z


def applied(restorer: Restorer, z: Tensor, correlation: Autocorrelation | None) -> Tensor:
    """Apply a restorer to extended fields (B, C, *domain)."""
    return restorer.apply(z, correlation)


def restoring(restorer: Restorer, example: Example, apply: Application = applied) -> Restore:
    """Return a restorer, applied in this way, as a function of fields (B, C, *spatial) in noise units."""
    import torch

    geometry, correlations = restorer.geometry(), example.correlations

    def restored(z: Tensor) -> Tensor:
        whole = extended(z, geometry)
        if len(correlations) == 1:
            result = apply(restorer, whole, correlations[0])
        else:
            each = enumerate(correlations)
            result = torch.cat([apply(restorer.channel(i), whole[:, i : i + 1], one) for i, one in each], 1)
        cropped: Tensor = geometry.cropped(result, tuple(z.shape[2:]))
        return cropped

    return restored
