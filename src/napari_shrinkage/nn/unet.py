"""Our compact denoiser: a residual U-Net without biases, told the noise level.

Convention: images are (B, C, Y, X) of any brightness and scale; Y and X are multiples of 8. The noise level
is a std on the scale of the image, one for the image or one for each pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pixel_shuffle, pixel_unshuffle

SMALL = 0.1  # of torch's first weights: a block starts near the identity, and the network near its input


class Unet(nn.Module):
    """Estimate the noise at three scales, and take it off.

    Sub-images of half the resolution go in, as in FFDNet [1]_; features double where the resolution halves.

    Parameters
    ----------
    colors : int
        1 for gray, 3 for colour.
    features : int
        Features at the finest scale.
    blocks : int
        Residual blocks at a scale, each way.

    Notes
    -----
    No layer has a bias, so the network is homogeneous: an image and a noise level twice as large give a
    result twice as large [2]_. What was learned at one exposure therefore holds at any other. A U-Net of this
    kind that is told the noise level: [3]_.

    References
    ----------
    .. [1] Zhang, Zuo, Zhang, "FFDNet: toward a fast and flexible solution for CNN-based image denoising",
       IEEE Transactions on Image Processing 27, 2018, doi:10.1109/TIP.2018.2839891.
    .. [2] Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda, "Robust and interpretable blind image denoising
       via bias-free convolutional neural networks", ICLR 2020, arXiv:1906.05478.
    .. [3] Zhang, Li, Zuo, Zhang, Van Gool, Timofte, "Plug-and-play image restoration with deep denoiser
       prior", IEEE Transactions on Pattern Analysis and Machine Intelligence 44, 2022,
       doi:10.1109/TPAMI.2021.3088914.
    """

    multiple_of = 8
    told = True

    def __init__(self, colors: int = 1, features: int = 48, blocks: int = 2) -> None:
        super().__init__()
        fine, middle, coarse = features, 2 * features, 4 * features
        self.colors, self.blocks = colors, blocks
        self.head = _convolution(4 * colors + 1, fine)
        self.down_fine, self.down_middle = _chain(fine, blocks), _chain(middle, blocks)
        self.coarse = _chain(coarse, blocks)
        self.up_middle, self.up_fine = _chain(middle, blocks), _chain(fine, blocks)
        self.to_middle = nn.Conv2d(fine, middle, 2, 2, bias=False)
        self.to_coarse = nn.Conv2d(middle, coarse, 2, 2, bias=False)
        self.from_coarse = nn.ConvTranspose2d(coarse, middle, 2, 2, bias=False)
        self.from_middle = nn.ConvTranspose2d(middle, fine, 2, 2, bias=False)
        self.tail = _convolution(fine, 4 * colors)

    @property
    def reach(self) -> int:
        """How far, in pixels, an input pixel may lie from an output pixel that it takes part in."""
        each = 2 * self.blocks  # convolutions of a chain
        return 2 * (1 + each) + 4 * each + 8 * each + 4 * each + 2 * (each + 1) + 7

    def start(self) -> None:
        """Set the first weights, from torch's random numbers."""
        with torch.no_grad():
            self.tail.weight *= SMALL

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma` is (B, 1, 1, 1) or (B, 1, Y, X)."""
        return image - self.noise(image, sigma)

    def noise(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise of the image, as far as it can be told."""
        x = pixel_unshuffle(image, 2)
        level = sigma if sigma.shape[-1] == 1 else avg_pool2d(sigma, 2)
        first = self.head(torch.cat([x, level.expand(x.shape[0], 1, *x.shape[2:])], 1))
        fine = self.down_fine(first)
        middle = self.down_middle(self.to_middle(fine))
        coarse = self.coarse(self.to_coarse(middle))
        middle = self.up_middle(self.from_coarse(coarse) + middle)
        fine = self.up_fine(self.from_middle(middle) + fine)
        found: Tensor = self.tail(fine + first)
        return pixel_shuffle(found, 2)


class Block(nn.Module):
    """Two convolutions, added to what went in."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(features, features), _convolution(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, K, Y, X) of the same shape."""
        more: Tensor = self.second(torch.relu(self.first(x)))
        return x + more


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)


def _chain(features: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(Block(features) for _ in range(blocks)))
