"""DnCNN and FDnCNN: plain chains of convolutions at full resolution, for weights that others trained.

Convention: images are (B, C, Y, X), 0 black and 1 white. Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Chain(nn.Module):
    """Convolutions of 3 x 3 pixels with rectified features between them.

    Parameters
    ----------
    entering, colors : int
        Channels that go in, and colours that come out: 1 for gray, 3 for colour.
    depth, features : int
        Number of convolutions, and of their features.
    """

    multiple_of = 1

    def __init__(self, entering: int, colors: int, depth: int, features: int) -> None:
        super().__init__()
        self.colors, self.depth = colors, depth
        widths = [entering, *[features] * (depth - 1), colors]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )

    @property
    def reach(self) -> int:
        """How far, in pixels, an input pixel may lie from an output pixel that it takes part in."""
        return self.depth

    def passed(self, x: Tensor) -> Tensor:
        """Return what the chain makes of (B, entering, Y, X): (B, C, Y, X)."""
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        last: Tensor = self.layers[-1](x)
        return last


class Dncnn(Chain):
    """DnCNN [1]_: estimates the noise, whose level it is not told.

    Parameters
    ----------
    colors : int
        1 for gray, 3 for colour.
    depth, features : int
        Number of convolutions, and of their features. 17 were published for one noise level, 20 for any.

    Notes
    -----
    Valid for the noise levels of its training only.

    References
    ----------
    .. [1] Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian denoiser: residual learning of deep CNN for image
       denoising", IEEE Transactions on Image Processing 26, 2017, doi:10.1109/TIP.2017.2662206.
    """

    told = False

    def __init__(self, colors: int = 1, depth: int = 17, features: int = 64) -> None:
        super().__init__(colors, colors, depth, features)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma` is not used."""
        return image - self.noise(image, sigma)

    def noise(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise of the image; `sigma` is not used."""
        return self.passed(image)


class Fdncnn(Chain):
    """DnCNN that is told the noise level, as one more channel, and gives the image.

    Parameters
    ----------
    colors : int
        1 for gray, 3 for colour.
    depth, features : int
        Number of convolutions, and of their features.
    """

    told = True

    def __init__(self, colors: int = 1, depth: int = 20, features: int = 64) -> None:
        super().__init__(colors + 1, colors, depth, features)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma` is (B, 1, 1, 1) or (B, 1, Y, X)."""
        level = sigma.expand(image.shape[0], 1, *image.shape[2:])
        return self.passed(torch.cat([image, level], 1))
