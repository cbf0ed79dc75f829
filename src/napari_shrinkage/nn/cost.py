"""What a network costs and sees: its parameters, its multiplications, and how far it really reaches.

Convention: multiplications are counted per output pixel, all colours of it together.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..geometry import rounded_up

SIDE = 64  # pixels at least, of the image that multiplications are counted on
Layer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def parameters(network: nn.Module) -> int:
    """Return how many numbers a network learned."""
    return sum(value.numel() for value in network.parameters())


def multiplications(network: nn.Module) -> float:
    """Return how many multiplications a denoiser takes for one output pixel.

    Parameters
    ----------
    network : Module
        On the CPU, with `colors` and `multiple_of` as every denoiser has them.

    Notes
    -----
    Counted in convolutions, transposed convolutions and linear layers, at the borders as elsewhere. Products
    of features with features, as in attention, are left out.
    """
    counts: list[int] = []

    def count(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append(_products(layer, inputs[0], output))

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, Layer)]
    try:
        side = rounded_up(SIDE, _of(network, "multiple_of"))
        weight = next(network.parameters())
        with torch.no_grad():
            network(weight.new_zeros(1, _of(network, "colors"), side, side), weight.new_ones(1, 1, 1, 1))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts) / side**2


def measured_reach(network: nn.Module) -> int:
    """Return how far, in pixels, an input pixel lies at most from an output pixel that depends on it.

    Parameters
    ----------
    network : Module
        A chain or U-Net of square convolutions and rectifiers, on the CPU.

    Notes
    -----
    The gradient of a copy in double precision whose weights are all positive, so that nothing cancels and no
    rectifier closes. Output pixels on the diagonal of one cell of `multiple_of` pixels stand for all: what a
    pixel depends on is a rectangle, whose rows depend on its own row only, and columns on its column.
    """
    positive = _positive(network)
    multiple, colors = _of(network, "multiple_of"), _of(network, "colors")
    middle = rounded_up(_of(network, "reach") + 2 * multiple, multiple)
    side = 2 * middle + multiple
    images = torch.ones(multiple, colors, side, side, dtype=torch.float64, requires_grad=True)
    restored = positive(images, images.new_ones(1, 1, 1, 1))
    picked = [restored[index, :, middle + index, middle + index].sum() for index in range(multiple)]
    (gradient,) = torch.autograd.grad(torch.stack(picked).sum(), images)
    return max(_extent(one, middle + index) for index, one in enumerate(gradient))


def _extent(gradient: Tensor, middle: int) -> int:
    """Return how far from (middle, middle) a gradient (C, Y, X) is not zero."""
    places = gradient.abs().sum(0).nonzero() - middle
    return int(places.abs().max())


def _positive(network: nn.Module) -> nn.Module:
    """Return a copy in double precision: weights that average what goes in, and no biases."""
    positive = copy.deepcopy(network).double().requires_grad_(False)
    for value in positive.parameters():
        value.fill_(1 / value[0].numel() if value.ndim > 1 else 0)
    return positive


def _products(layer: Layer, entering: Tensor, leaving: Tensor) -> int:
    """Return how many multiplications a layer took."""
    spread = entering if isinstance(layer, nn.ConvTranspose2d) else leaving
    return spread.numel() * layer.weight[0].numel()


def _of(network: nn.Module, name: str) -> int:
    return int(getattr(network, name))
