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
RAISED = 4.0  # an image of range 0 to 1 with any noise stays above the negative of it
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

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma` is (B, 1, 1, 1) or (B, 1, Y, X)."""
        x = pixel_unshuffle(image, 2)
        level = sigma if sigma.shape[-1] == 1 else avg_pool2d(sigma, 2)
        x = torch.cat([x, level.expand(x.shape[0], 1, *x.shape[2:])], 1)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return pixel_shuffle(self.layers[-1](x), 2)


class ResidualFfdnet(Ffdnet):
    """FFDNet whose chain estimates the noise, as that of Tassano, Delon and Veit [1]_; ours is of this kind.

    Notes
    -----
    It learns far faster: after 30 minutes it was about as good as the plain chain after 105. What it rounds
    in a coarse number format is the noise, not the image.

    References
    ----------
    .. [1] Tassano, Delon, Veit, "An analysis and implementation of the FFDNet image denoising method", Image
       Processing On Line 9, 2019, doi:10.5201/ipol.2019.231.
    """

    def start(self) -> None:
        """Set the first weights, from torch's random numbers: hidden layers near the identity."""
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

    def plain(self) -> Ffdnet:
        """Return the plain network that does the same, for programs that know no other.

        It has `4 * colors` more features, which hand the sub-images on past all layers, raised by `RAISED` so
        that no rectifier cuts them; they must be above its negative.
        """
        layers, handed = list[Any](self.layers), 4 * self.colors
        features = layers[0].out_channels
        made = Ffdnet(self.colors, self.depth, features + handed).requires_grad_(False)
        chain, past, images = list[Any](made.layers), range(features, features + handed), range(handed)
        for layer, found in zip(chain, layers, strict=True):
            leaving, entering = found.weight.shape[:2]
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            layer.weight[:leaving, :entering] = found.weight
            layer.bias[:leaving] = found.bias
        chain[-1].weight.neg_()
        chain[-1].bias.neg_().sub_(RAISED)
        chain[0].bias[past] = RAISED
        for layer in chain:
            layer.weight[
                images if layer is chain[-1] else past, images if layer is chain[0] else past, 1, 1
            ] = 1
        return made
