"""Encoder-decoders of small images: what a stack of them has in common, as a few numbers for each image.

Convention: images are (B, 1, Y, X) of the one shape that the network was made for, on a scale where the range
of the stack it was trained on is 0 to 1; a latent code z is (B, K).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

Kind = Literal["dense", "convolutional"]
HIDDEN_UNITS = 400
GRID = 8  # pixels per side, about, of the coarsest features
WIDTH = 16  # features of the finest; twice as many on each coarser level, up to `WIDEST`
WIDEST = 32
FEATURES = 128  # between the code and the coarsest features
LEAK = 0.02  # slope of the output far beyond the range


class GeneratorNetwork(nn.Module):
    """Base of the encoder-decoders: `encode` and `decode`.

    Its buffers `mean`, (K,), and `covariance`, (K, K), say where the codes of the training images lie.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of an image.
    latent : int
        Length K of a code.
    seed : int
        Of the first weights; torch's own random numbers are left alone.
    """

    kind: ClassVar[Kind]

    def __init__(self, shape: tuple[int, int], latent: int, seed: int = 0) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        with torch.device("meta"):
            self.encoder, self.decoder = self._halves()
        self.to_empty(device="cpu")
        self.mean: Tensor
        self.covariance: Tensor
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("covariance", torch.eye(latent))
        _start(self, torch.Generator().manual_seed(seed))

    @abstractmethod
    def _halves(self) -> tuple[nn.Module, nn.Module]:
        """Return encoder and decoder, with whatever weights."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Return the codes (B, K) of images (B, 1, Y, X)."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Return the images (B, 1, Y, X) of codes (B, K)."""

    def forward(self, images: Tensor) -> Tensor:
        """Return what is left of images (B, 1, Y, X) after they were codes."""
        return self.decode(self.encode(images))


class DenseGenerator(GeneratorNetwork):
    """Fully connected: Y * X pixels, 400 units, K numbers, and back.

    Notes
    -----
    The code is linear in the layer before, and the image passes `within_range`. A ReLU in either place gives
    no gradient to numbers and pixels that it holds at zero.
    """

    kind = "dense"

    def _halves(self) -> tuple[nn.Module, nn.Module]:
        pixels = math.prod(self.shape)
        encoder = nn.Sequential(
            nn.Linear(pixels, HIDDEN_UNITS), nn.SiLU(), nn.Linear(HIDDEN_UNITS, self.latent)
        )
        decoder = nn.Sequential(
            nn.Linear(self.latent, HIDDEN_UNITS), nn.SiLU(), nn.Linear(HIDDEN_UNITS, pixels)
        )
        return encoder, decoder

    def encode(self, images: Tensor) -> Tensor:
        """Return the codes (B, K) of images (B, 1, Y, X)."""
        codes: Tensor = self.encoder(images.flatten(1))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return the images (B, 1, Y, X) of codes (B, K)."""
        return within_range(self.decoder(codes).unflatten(1, (1, *self.shape)))


class ConvolutionalGenerator(GeneratorNetwork):
    """Strided convolutions down to about 8 x 8 features, a code, and transposed ones back.

    Notes
    -----
    Images whose sides are no multiple of the coarsest step are continued by their border pixels to the
    encoder, and cut off after the decoder.
    """

    kind = "convolutional"

    @property
    def levels(self) -> int:
        """How often the resolution is halved."""
        return max(round(math.log2(max(self.shape) / GRID)), 1)

    @property
    def _grid(self) -> tuple[int, int]:
        y, x = (-(-n // 2**self.levels) for n in self.shape)
        return y, x

    def _halves(self) -> tuple[nn.Module, nn.Module]:
        widths = [min(WIDTH * 2**level, WIDEST) for level in range(self.levels)]
        coarsest = widths[-1] * math.prod(self._grid)
        down: list[nn.Module] = []
        for before, after in pairwise([1, *widths]):
            down += [nn.Conv2d(before, after, 4, 2, 1), nn.SiLU()]
        up: list[nn.Module] = []
        for before, after in pairwise(widths[::-1]):
            up += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.SiLU()]
        up += [nn.ConvTranspose2d(WIDTH, WIDTH, 4, 2, 1), nn.SiLU(), nn.Conv2d(WIDTH, 1, 3, 1, 1)]
        encoder = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(coarsest, FEATURES), nn.SiLU(), nn.Linear(FEATURES, self.latent)
        )
        decoder = nn.Sequential(
            nn.Linear(self.latent, FEATURES),
            nn.SiLU(),
            nn.Linear(FEATURES, coarsest),
            nn.SiLU(),
            nn.Unflatten(1, (widths[-1], *self._grid)),
            *up,
        )
        return encoder, decoder

    def encode(self, images: Tensor) -> Tensor:
        """Return the codes (B, K) of images (B, 1, Y, X)."""
        bottom, right = (g * 2**self.levels - n for g, n in zip(self._grid, self.shape, strict=True))
        codes: Tensor = self.encoder(nn.functional.pad(images, (0, right, 0, bottom), mode="replicate"))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return the images (B, 1, Y, X) of codes (B, K)."""
        return within_range(self.decoder(codes)[..., : self.shape[0], : self.shape[1]])


def within_range(values: Tensor) -> Tensor:
    """Return values drawn smoothly towards the range 0 to 1; beyond it they go on slowly."""
    return torch.sigmoid(4 * values - 2) + LEAK * values


NETWORKS: dict[str, type[GeneratorNetwork]] = {
    cls.kind: cls for cls in (DenseGenerator, ConvolutionalGenerator)
}


def _start(network: nn.Module, chance: torch.Generator) -> None:
    """Set the first weights: normal ones that keep the size of what passes, and no bias."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                _draw(layer.weight, _inputs(layer), chance)
                nn.init.zeros_(_bias(layer))


def _draw(weight: Tensor, inputs: float, chance: torch.Generator) -> None:
    weight.normal_(0, math.sqrt(1.5 / inputs), generator=chance)


def _inputs(layer: Any) -> float:
    """Return how many values one output of a layer is a sum of."""
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return float(layer.weight[0].numel())


def _bias(layer: Any) -> Tensor:
    bias: Tensor = layer.bias
    return bias
