"""FFDNet: its start, its noise map, and the form that estimates the noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_shrinkage.nn.ffdnet import Ffdnet, ResidualFfdnet


def seeded(network: Ffdnet) -> Ffdnet:
    """Return the network with first weights that are the same in every run."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(std=0.1, generator=generator)
    return network.eval().requires_grad_(False)


def pictures(colors: int) -> Tensor:
    return torch.rand(2, colors, 12, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("colors", [1, 3])
def test_the_plain_form_of_a_residual_network_gives_the_same_image(colors: int) -> None:
    network = seeded(ResidualFfdnet(colors, 5, 16))
    plain, image, level = network.plain(), pictures(colors) - 0.5, torch.full((2, 1, 1, 1), 0.2)
    assert network.noise(image, level).std() > 0.01
    assert type(plain) is Ffdnet
    with torch.no_grad():
        assert torch.allclose(plain(image, level), network(image, level), rtol=0, atol=1e-5)


def test_at_the_start_every_weight_that_is_learned_gets_a_gradient_soon() -> None:
    network = ResidualFfdnet(1, depth=4, features=16)
    network.start()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    image = pictures(1)
    for _ in range(2):
        optimizer.zero_grad()
        (network(image, torch.full((2, 1, 1, 1), 0.2)) - image.flip(-1)).square().mean().backward()
        optimizer.step()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in network.layers)


@pytest.mark.parametrize("kind", [Ffdnet, ResidualFfdnet])
def test_a_constant_noise_map_is_the_same_as_a_number(kind: type[Ffdnet]) -> None:
    network, image = seeded(kind(1, 4, 8)), pictures(1)
    level = torch.tensor([0.1, 0.3]).reshape(2, 1, 1, 1)
    assert torch.allclose(network(image, level), network(image, level.expand(2, 1, 12, 16)), atol=1e-6)


def test_the_residual_form_takes_off_what_the_plain_one_gives() -> None:
    plain, residual = seeded(Ffdnet(3, 3, 16)), seeded(ResidualFfdnet(3, 3, 16))
    image, level = pictures(3), torch.full((2, 1, 1, 1), 0.2)
    noise = plain(image, level)
    assert noise.std() > 0.01
    assert torch.equal(residual.noise(image, level), noise)
    assert torch.equal(residual(image, level), image - noise)
    assert plain.state_dict().keys() == residual.state_dict().keys()
    assert not hasattr(plain, "noise")
