"""The U-Net: homogeneous, near the identity at its start, and told the noise level pixel by pixel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_shrinkage.nn.unet import Unet

SIGMA = torch.tensor([0.1, 0.3], dtype=torch.float64).reshape(2, 1, 1, 1)


def seeded(colors: int) -> Unet:
    """Return a small network in double precision, the same in every run, whose every layer matters."""
    network, generator = Unet(colors, 4, 1).double(), torch.Generator().manual_seed(0)
    for value in network.requires_grad_(False).parameters():
        value.normal_(std=(1 / value[0].numel()) ** 0.5, generator=generator)
    return network


def pictures(colors: int) -> Tensor:
    return torch.rand(2, colors, 24, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("factor", [1e-3, 0.5, 7.0, 1e4])
@pytest.mark.parametrize("colors", [1, 3])
def test_a_brighter_image_with_its_noise_gives_a_brighter_result(colors: int, factor: float) -> None:
    network, image = seeded(colors), pictures(colors)
    expected = factor * network(image, SIGMA)
    assert (expected - factor * image).std() > 0.01 * factor
    assert torch.allclose(network(factor * image, factor * SIGMA), expected, rtol=1e-9, atol=1e-9 * factor)


def test_it_is_not_homogeneous_in_the_image_alone() -> None:
    network, image = seeded(1), pictures(1)
    assert not torch.allclose(network(2 * image, SIGMA), 2 * network(image, SIGMA), rtol=1e-3)


def test_no_layer_has_a_bias() -> None:
    assert not [name for name, _ in Unet().named_parameters() if "bias" in name]


def test_at_the_start_little_is_taken_off() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Unet(1, 8, 2)
        network.start()
    image = pictures(1).float()
    with torch.no_grad():
        noise = network.noise(image, SIGMA.float())
    assert 0 < noise.square().mean().sqrt() < 0.1 * image.square().mean().sqrt()


def test_the_image_minus_its_noise_is_the_result() -> None:
    network, image = seeded(3), pictures(3)
    assert torch.equal(network(image, SIGMA), image - network.noise(image, SIGMA))


def test_a_constant_noise_map_is_the_same_as_a_number() -> None:
    network, image = seeded(1), pictures(1)
    assert torch.allclose(network(image, SIGMA), network(image, SIGMA.expand(2, 1, 24, 32)), atol=1e-12)


def test_images_and_pieces_at_multiples_of_eight_agree_beyond_the_reach() -> None:
    network = seeded(1)
    image = torch.rand(1, 1, 160, 96, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole, piece = network(image, SIGMA[:1]), network(image[..., 56:, :], SIGMA[:1])
    inner = -(-network.reach // 8) * 8
    assert torch.allclose(whole[..., 56 + inner :, :], piece[..., inner:, :], atol=1e-12)
    assert not torch.allclose(whole[..., 56 : 56 + 8, :], piece[..., :8, :], atol=1e-6)
