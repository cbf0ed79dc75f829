"""Kernels that a descent can adjust: their taps directly, or a chain of linear layers whose product they are.

Convention: a kernel is a callable from fine images (B, C, s * Y, s * X) to coarse ones, divided by its sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .kernels import fitting_taps, gaussian_kernel
from .reduction import reduced_tensor

if TYPE_CHECKING:
    from torch import Tensor

CHAINED = (4, 4, 3, 2, 1)  # taps of a chain's layers at an even scale: 10 in all
FEATURES = 16  # between the layers of a chain
UNEVEN = 0.3  # of a chain's first weights
REACH = 2.5  # coarse pixels from the centre, for the taps
WIDTH = 0.5  # of the first kernel, coarse pixels


@dataclass(frozen=True)
class Taps:
    """A kernel, as it is; divided by its sum."""

    values: Tensor
    scale: int

    def parameters(self) -> list[Tensor]:
        """Return the taps."""
        return [self.values]

    def kernel(self) -> Tensor:
        """Return the kernel (n, n)."""
        return self.values / self.values.sum()

    def __call__(self, fine: Tensor, /) -> Tensor:
        """Return reduced images."""
        return reduced_tensor(fine, self.kernel(), self.scale)


@dataclass(frozen=True)
class Chain(Taps):
    """A kernel as the product of linear layers; `values` is an impulse that they are applied to."""

    layers: tuple[Tensor, ...]

    def parameters(self) -> list[Tensor]:
        """Return the layers' weights."""
        return list(self.layers)

    def kernel(self) -> Tensor:
        """Return the kernel (n, n)."""
        from torch.nn.functional import conv2d

        found = self.values
        for layer in self.layers:
            found = conv2d(found, layer)
        return found[0, 0].flip(0, 1) / found.sum()


def first_taps(taps: int | None, scale: int) -> Taps:
    """Return a round Gaussian to begin with."""
    import torch

    taps = taps or fitting_taps(REACH * scale, scale)
    first = np.float32(gaussian_kernel(scale, WIDTH * scale, taps=taps))
    return Taps(torch.from_numpy(first).requires_grad_(), scale)


def first_chain(sizes: tuple[int, ...], scale: int, seed: int) -> Chain:
    """Return random layers to begin with, whose product is smooth."""
    import torch

    taps = sum(sizes) - len(sizes) + 1
    if taps < scale or (taps - scale) % 2:
        raise ValueError(
            f"chain={sizes} makes {taps} taps; scale={scale} needs "
            f"{'an even' if scale % 2 == 0 else 'an odd'} number of at least {scale}. A layer of one "
            "more tap gives one more."
        )
    source = torch.Generator().manual_seed(seed)
    widths = [1, *[FEATURES] * (len(sizes) - 1), 1]
    shapes = [(after, before, n, n) for before, after, n in zip(widths[:-1], widths[1:], sizes, strict=True)]
    layers = [(1 + UNEVEN * torch.randn(shape, generator=source)) / math.prod(shape[1:]) for shape in shapes]
    impulse = torch.zeros(1, 1, 2 * taps - 1, 2 * taps - 1)
    impulse[0, 0, taps - 1, taps - 1] = 1
    return Chain(impulse, scale, tuple(layer.requires_grad_() for layer in layers))
