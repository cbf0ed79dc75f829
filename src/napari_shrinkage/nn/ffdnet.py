"""FFDNet: a plain chain of convolutions on the four half-resolution sub-images, told the noise level.

Convention: images are (B, C, Y, X), 0 black and 1 white; Y and X are even. The noise level is a std on the
same scale, one for the image or one for each pixel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pixel_shuffle, pixel_unshuffle

SMALL = 0.15  # of He's std, for what is learned on top of the identity
SIZES = {1: (15, 64), 3: (12, 96)}  # colours: convolutions and features, as published


class Ffdnet(nn.Module):
    """FFDNet [1]_ without batch normalisation, which is folded into its convolutions.

    Parameters
    ----------
    colors : int
        1 for gray, 3 for colour.
    depth, features : int
        Number of convolutions, and of their features; by default those published for the number of colours.

    Notes
    -----
    At the start some features hand the sub-images on, and the others add nothing yet: a deep plain chain then
    learns like a residual one. No more than the first weights differ from the published network.

    The four sub-images pass together, as channels, so one output pixel costs a quarter of the weights in
    multiplications: 121,104 for gray.

    References
    ----------
    .. [1] Zhang, Zuo, Zhang, "FFDNet: toward a fast and flexible solution for CNN-based image denoising",
       IEEE Transactions on Image Processing 27, 2018, doi:10.1109/TIP.2018.2839891.
    """

    multiple_of = 2
    told = True

    def __init__(self, colors: int = 1, depth: int | None = None, features: int | None = None) -> None:
        super().__init__()
        usual_depth, usual_features = SIZES.get(colors, SIZES[3])
        self.colors, self.depth = colors, depth or usual_depth
        features = features or usual_features
        widths = [4 * colors + 1, *[features] * (self.depth - 1), 4 * colors]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )

    @property
    def reach(self) -> int:
        """How far, in pixels, an input pixel may lie from an output pixel that it takes part in."""
        return 2 * self.depth + 1

    def start(self) -> None:
        """Set the first weights, from torch's random numbers."""
        handed, layers = 4 * self.colors, list[Any](self.layers)
        with torch.no_grad():
            for layer in layers:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            for layer in layers[1:]:
                layer.weight *= SMALL
            for layer in layers[1:-1]:
                nn.init.dirac_(own := torch.empty_like(layer.weight))
                layer.weight += own
            for layer in layers:
                layer.weight[:handed] = 0
                layer.weight[range(handed), range(handed), 1, 1] = 1

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma` is (B, 1, 1, 1) or (B, 1, Y, X)."""
        x = pixel_unshuffle(image, 2)
        level = sigma if sigma.shape[-1] == 1 else avg_pool2d(sigma, 2)
        x = torch.cat([x, level.expand(x.shape[0], 1, *x.shape[2:])], 1)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return pixel_shuffle(self.layers[-1](x), 2)


class ResidualFfdnet(Ffdnet):
    """FFDNet whose chain estimates the noise, as that of Tassano, Delon and Veit [1]_.

    References
    ----------
    .. [1] Tassano, Delon, Veit, "An analysis and implementation of the FFDNet image denoising method", Image
       Processing On Line 9, 2019, doi:10.5201/ipol.2019.231.
    """

    def start(self) -> None:
        """Set the first weights, from torch's random numbers: near an identity, which finds no noise."""
        layers = list[Any](self.layers)
        with torch.no_grad():
            for layer in layers:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            for layer in layers[1:]:
                layer.weight *= SMALL
            for layer in layers[1:-1]:
                layer.weight += nn.init.dirac_(torch.empty_like(layer.weight))

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma` is (B, 1, 1, 1) or (B, 1, Y, X)."""
        return image - self.noise(image, sigma)

    def noise(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise of the image."""
        return super().forward(image, sigma)
