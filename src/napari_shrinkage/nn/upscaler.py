"""Our light super-resolution network: it refines the best linear upscaling, told the blur and the noise.

Convention: a coarse image is (B, 1, Y, X) of any brightness and scale; "packed" fine pixels are
(B, s * s, Y, X), row by row of a coarse pixel. What the network is told of the blur is its contrast at
16 frequencies (`degradation.blur_code`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pixel_shuffle

SCALES = (2, 3, 4)
SMALL = 0.1  # of torch's first weights: a block starts near the identity, and the network near its input
CODE = 16  # numbers that a blur is told by
LARGE = 8.0  # of torch's first weights, for features of about 1
HIDDEN = 64
AROUND = 5  # coarse pixels on each side, over which the mean is taken off


class Upscaler(nn.Module):
    """Correct the best linear upscaling, at the coarse resolution; one chain of blocks for every scale.

    Parameters
    ----------
    features : int
        Of a block.
    blocks : int
        Residual blocks.
    scales : tuple of int
        That it has weights for.

    Notes
    -----
    The linear upscaling knows kernel, shift and noise exactly (`degradation.upscaling_filters`); what is left
    for the network is what no linear filter can do. The blocks have no bias and their gains follow from the
    blur: an image and a noise level twice as large give a result twice as large. Blur and noise as inputs:
    [1]_; fine pixels as channels of coarse ones: [2]_.

    References
    ----------
    .. [1] Zhang, Zuo, Zhang, "Learning a single convolutional super-resolution network for multiple
       degradations", CVPR 2018, doi:10.1109/CVPR.2018.00344.
    .. [2] Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
       convolutional neural network", CVPR 2016, doi:10.1109/CVPR.2016.207.
    """

    def __init__(self, features: int = 64, blocks: int = 8, scales: tuple[int, ...] = SCALES) -> None:
        super().__init__()
        self.features, self.scales = features, scales
        self.heads = nn.ModuleDict({str(s): _convolution(s * s + 2, features) for s in scales})
        self.blocks = nn.ModuleList(Block(features) for _ in range(blocks))
        self.tails = nn.ModuleDict({str(s): _convolution(features, s * s) for s in scales})
        self.told = nn.Sequential(
            nn.Linear(CODE + 1, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, features * blocks)
        )

    @property
    def reach(self) -> int:
        """How far, in coarse pixels, an input pixel may lie from a coarse pixel that it takes part in."""
        return 2 * len(self.blocks) + 2 + AROUND

    def start(self) -> None:
        """Set the first weights, from torch's random numbers."""
        last: Any = self.told[-1]
        blocks: Any = self.blocks
        with torch.no_grad():
            for head, tail in zip(
                list[Any](self.heads.values()), list[Any](self.tails.values()), strict=True
            ):
                head.weight *= LARGE
                tail.weight *= SMALL / LARGE
            for block in blocks:
                block.second.weight *= SMALL
            last.weight *= SMALL
            nn.init.ones_(last.bias)

    def forward(self, image: Tensor, packed: Tensor, sigma: Tensor, code: Tensor) -> Tensor:
        """Return the fine image (B, 1, s * Y, s * X).

        Parameters
        ----------
        image : Tensor, (B, 1, Y, X)
            Coarse.
        packed : Tensor, (B, s * s, Y, X)
            Its linear upscaling.
        sigma : Tensor, (B, 1, 1, 1) or (B, 1, Y, X)
            Noise std of the coarse image, on its scale.
        code : Tensor, (B, 16)
            The blur's contrast.
        """
        return pixel_shuffle(packed + self.correction(image, packed, sigma, code), self.scale_of(packed))

    def correction(self, image: Tensor, packed: Tensor, sigma: Tensor, code: Tensor) -> Tensor:
        """Return what is added to the linear upscaling, packed."""
        scale = self.scale_of(packed)
        level = sigma.expand(len(image), 1, *image.shape[2:])
        mean = local_mean(image)
        given = torch.cat([packed - mean, image - mean, level], 1)
        told = torch.cat([code, torch.full_like(code[:, :1], scale / 4)], 1)
        first = self.heads[str(scale)](given.to(next(self.parameters()).dtype))
        gains = self.told(told.to(first.dtype))
        x = first
        for block, gain in zip(self.blocks, gains.split(self.features, 1), strict=True):
            x = block(x, gain[..., None, None])
        found: Tensor = self.tails[str(scale)](x + first)
        return found

    def scale_of(self, packed: Tensor) -> int:
        """Return the scale of packed fine pixels."""
        return math.isqrt(packed.shape[1])


def local_mean(image: Tensor) -> Tensor:
    """Return the mean of each pixel's surroundings, as far as the image goes; linear, and 1 for ones."""
    return avg_pool2d(image, 2 * AROUND + 1, 1, AROUND, count_include_pad=False)


class Block(nn.Module):
    """Two convolutions with a gain between them, added to what went in."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(features, features), _convolution(features, features)

    def forward(self, x: Tensor, gain: Tensor) -> Tensor:
        """Return features (B, K, Y, X) of the same shape; `gain` is (B, K, 1, 1)."""
        more: Tensor = self.second(torch.relu(self.first(x)) * gain)
        return x + more


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)
