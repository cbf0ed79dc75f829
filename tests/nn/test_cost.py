"""What networks cost, against numbers worked out by hand, and how far they reach, against their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_shrinkage.nn.cost import measured_reach, multiplications, parameters
from napari_shrinkage.nn.dncnn import Dncnn, Fdncnn
from napari_shrinkage.nn.ffdnet import Ffdnet, ResidualFfdnet
from napari_shrinkage.nn.unet import Unet


@pytest.mark.parametrize(
    ("network", "numbers", "products"),
    [
        (Ffdnet(1), 485_316, 484_416 / 4),
        (Ffdnet(3), 852_108, 851_040 / 4),
        (Dncnn(1), 2 * 9 * 64 + 15 * 9 * 64**2 + 16 * 64 + 1, 2 * 9 * 64 + 15 * 9 * 64**2),
        (Fdncnn(3), 7 * 9 * 64 + 18 * 9 * 64**2 + 19 * 64 + 3, 7 * 9 * 64 + 18 * 9 * 64**2),
    ],
    ids=["ffdnet", "ffdnet-color", "dncnn", "fdncnn-color"],
)
def test_parameters_and_multiplications_are_those_of_the_published_sizes(
    network: nn.Module, numbers: int, products: float
) -> None:
    assert parameters(network) == numbers
    assert multiplications(network) == products


def test_a_layer_costs_by_the_pixels_that_it_works_on() -> None:
    features, blocks = 4, 1
    network = Unet(1, features, blocks)
    pair = 2 * 9 * blocks  # products of a chain, for each pair of its features
    fine = 9 * features * (5 + 4) + 2 * pair * features**2
    middle = 2 * pair * (2 * features) ** 2
    coarse = pair * (4 * features) ** 2
    to_middle, to_coarse = 4 * features * 2 * features, 4 * 2 * features * 4 * features
    expected = fine / 4 + (middle + 2 * to_middle) / 16 + (coarse + 2 * to_coarse) / 64
    assert multiplications(network) == expected


def test_nothing_is_left_hooked_to_a_network_that_was_counted() -> None:
    network = Ffdnet(1, 2, 5)
    assert multiplications(network) == multiplications(network)
    assert not any(layer._forward_hooks for layer in network.modules())


@pytest.mark.parametrize(
    "network",
    [
        Unet(1, 3, 2),
        Unet(3, 2, 1),
        Ffdnet(1, 15, 6),
        Ffdnet(3, 4, 13),
        ResidualFfdnet(1, 5, 6),
        Dncnn(1, 17, 2),
        Fdncnn(3, 20, 2),
    ],
    ids=lambda network: f"{type(network).__name__}-{network.colors}",
)
def test_a_network_reaches_as_far_as_it_says(network: nn.Module) -> None:
    measured = measured_reach(network)
    assert measured <= network.reach <= measured + network.multiple_of


def test_the_reach_of_our_networks_at_their_size() -> None:
    assert (Unet().reach, Ffdnet(1).reach, Ffdnet(3).reach) == (91, 31, 25)


def test_measuring_leaves_the_network_as_it_was() -> None:
    network = Ffdnet(1, 2, 5)
    before = [value.clone() for value in network.parameters()]
    assert measured_reach(network) == 5
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))
    assert all(value.requires_grad for value in network.parameters())
