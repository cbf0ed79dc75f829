"""Upscaling with filter banks and networks: the arithmetic between a coarse grid and a fine one.

Convention: images are (B, C, Y, X), a range of 0 to 1; a filter bank (C, s * s, m, m) has filters for each
channel, whose outputs are the fine pixels of a coarse one, row by row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle

from .inference import Precision, placed
from .upscaler_models import upscaler_network

if TYPE_CHECKING:
    from .upscaler import Upscaler

Reduce = Callable[[Tensor], Tensor]


@lru_cache(maxsize=4)
def ready_upscaler(name: str, checksum: str, device: str, precision: Precision) -> nn.Module:
    """Return the network of a weight file in a number format on a device; do not change it."""
    return placed(upscaler_network(name, checksum), device, precision)


def packed_upscaling(images: Tensor, filters: Tensor) -> Tensor:
    """Return the fine pixels (B, C, s * s, Y, X) that filters make of images; the border is repeated."""
    channels, count, side = filters.shape[:3]
    wide = pad(images, (side // 2,) * 4, "replicate")
    packed = conv2d(wide, filters.flatten(0, 1)[:, None], groups=channels)
    return packed.view(-1, channels, count, *packed.shape[2:])


def unpacked(packed: Tensor) -> Tensor:
    """Return the fine images (B, C, s * Y, s * X) of packed pixels."""
    return pixel_shuffle(packed.flatten(1, 2), math.isqrt(packed.shape[2]))


def corrected(network: Upscaler, images: Tensor, packed: Tensor, sigma: Tensor, code: Tensor) -> Tensor:
    """Return packed pixels that our network corrected, each channel by itself.

    Parameters
    ----------
    network : Upscaler
        In any number format, on the images' device.
    images : Tensor, (B, C, Y, X)
        Coarse.
    packed : Tensor, (B, C, s * s, Y, X)
        Their linear upscaling.
    sigma : Tensor
        Noise std, broadcast to the images.
    code : Tensor, (16,)
        What the network is told of the blur.
    """
    count = images.shape[0] * images.shape[1]
    coarse, level = (part.flatten(0, 1)[:, None] for part in (images, sigma.expand_as(images)))
    planes = packed.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    correction = network.correction(coarse, planes, level, code.expand(count, -1))
    return packed + correction.float().view_as(packed)


def back_projected(fine: Tensor, coarse: Tensor, reduce: Reduce, filters: Tensor, times: int) -> Tensor:
    """Return fine images that `reduce` turns into the coarse ones, the better the more `times`.

    Parameters
    ----------
    fine : Tensor, (B, C, s * Y, s * X)
        What to correct.
    coarse : Tensor, (B, C, Y, X)
        What it shall become.
    reduce : callable
        From fine images to coarse ones.
    filters : Tensor, (C, s * s, m, m)
        That upscale the difference.
    times : int
        How often.
    """
    for _ in range(times):
        fine = fine + unpacked(packed_upscaling(coarse - reduce(fine), filters))
    return fine
