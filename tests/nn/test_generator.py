"""Encoder-decoders of small images, the search for a code, and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_shrinkage.nn.generator import NETWORKS, GeneratorNetwork
from napari_shrinkage.nn.latent import Codes, Problem, best_codes, jacobian, nearest_codes
from napari_shrinkage.nn.searching import drawn, known_codes
from napari_shrinkage.nn.trained_generator import TrainedGenerator, generator_of

PIXELS, LATENT = 300, 6
each_kind = pytest.mark.parametrize("kind", NETWORKS)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear_problem(count: int, precision: float = 0.0) -> tuple[Problem, torch.Tensor]:
    """Return images that a linear generator with these columns (n, K) shall meet."""
    columns = random(PIXELS, LATENT)
    images, weights = random(count, PIXELS, seed=1), random(count, PIXELS, seed=2).square() + 0.1

    def decode(codes: torch.Tensor) -> torch.Tensor:
        return (codes @ columns.T)[:, None, None]

    mean, cost = random(LATENT, seed=3), precision * torch.eye(LATENT, dtype=torch.float64)
    return Problem(decode, images, weights, mean, cost), columns


@each_kind
@pytest.mark.parametrize("shape", [(28, 28), (9, 17), (41, 64), (5, 3)])
def test_any_size_of_image_comes_back_in_its_shape(kind: str, shape: tuple[int, int]) -> None:
    network = NETWORKS[kind](shape, 7)
    codes = network.encode(torch.rand(3, 1, *shape))
    assert codes.shape == (3, 7)
    assert network.decode(codes).shape == (3, 1, *shape)


@each_kind
def test_a_seed_gives_the_same_weights_and_leaves_torch_s_own_chance_alone(kind: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (NETWORKS[kind]((12, 12), 4, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    images = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(first(images), again(images))
    assert not torch.allclose(first(images), other(images))


def test_the_convolutional_network_has_a_modest_size() -> None:
    for side in (28, 64, 128):
        count = sum(value.numel() for value in NETWORKS["convolutional"]((side, side), 20).parameters())
        assert 1e5 < count < 1e6


@each_kind
def test_the_jacobian_is_that_of_finite_differences(kind: str) -> None:
    network = NETWORKS[kind]((8, 10), 3).double()
    codes, step = random(2, 3), 1e-6
    with torch.no_grad():
        values, columns = jacobian(network.decode, codes)
        for number, direction in enumerate(torch.eye(3, dtype=torch.float64)):
            ahead, behind = (network.decode(codes + sign * step * direction).flatten(1) for sign in (1, -1))
            torch.testing.assert_close(columns[number], (ahead - behind) / (2 * step), atol=1e-7, rtol=1e-5)
        torch.testing.assert_close(values, network.decode(codes).flatten(1))


def test_a_linear_generator_gives_the_weighted_least_squares_solution() -> None:
    problem, columns = linear_problem(5)
    found, _ = nearest_codes(problem, torch.zeros(5, LATENT, dtype=torch.float64), 100, 1e-14)
    for image, weight, code in zip(problem.images, problem.weights, found, strict=True):
        root = weight.sqrt().numpy()
        expected = np.linalg.lstsq(columns.numpy() * root[:, None], image.numpy() * root, rcond=None)[0]
        np.testing.assert_allclose(code.numpy(), expected, atol=1e-6)


def test_a_prior_makes_it_the_ridge_solution_around_its_mean() -> None:
    problem, columns = linear_problem(3, precision=50.0)
    found, _ = nearest_codes(problem, torch.zeros(3, LATENT, dtype=torch.float64), 100, 1e-14)
    for image, weight, code in zip(problem.images, problem.weights, found, strict=True):
        weighted = columns.T * weight
        matrix = weighted @ columns + 50 * torch.eye(LATENT, dtype=torch.float64)
        expected = torch.linalg.solve(matrix, weighted @ image + 50 * problem.mean)
        torch.testing.assert_close(code, expected, atol=1e-6, rtol=1e-6)


def test_of_a_linear_generator_k_nths_of_the_noise_are_left() -> None:
    columns, count = random(PIXELS, LATENT), 2000
    noise = 0.3 * random(count, PIXELS, seed=4)
    flat = torch.ones_like(noise)
    none = torch.zeros(LATENT, LATENT, dtype=torch.float64)
    problem = Problem(lambda codes: codes @ columns.T, noise, flat, none[0], none)
    found, _ = nearest_codes(problem, torch.zeros(count, LATENT, dtype=torch.float64), 50, 1e-12)
    left = float(problem.decode(found).square().mean())
    expected = LATENT / PIXELS * 0.3**2
    assert left == pytest.approx(expected, rel=4 * np.sqrt(2 / (count * LATENT)))


def test_restarts_find_the_lower_of_two_valleys() -> None:
    def decode(codes: torch.Tensor) -> torch.Tensor:
        return torch.stack([codes[:, 0] ** 2 - 1, 0.1 * codes[:, 0]], dim=1)

    images = torch.tensor([[0.0, -0.1]])
    problem = Problem(decode, images, torch.ones(1, 2), torch.zeros(1), torch.zeros(1, 1))
    alone, high = best_codes(problem, torch.tensor([[[0.8]]]), 100, 1e-9)
    both, low = best_codes(problem, torch.tensor([[[0.8]], [[-0.8]]]), 100, 1e-9)
    assert float(alone) > 0 > float(both)
    assert float(both) == pytest.approx(-1, abs=1e-3)
    assert float(low) < float(high)


def test_drawn_codes_have_the_mean_and_covariance_of_the_known_ones() -> None:
    factor = random(3, 3)
    known = Codes(random(3, seed=1).float(), (factor @ factor.T).float())
    found = known.drawn(20_000, seed=0)
    torch.testing.assert_close(found.mean(0), known.mean, atol=0.1, rtol=0.05)
    torch.testing.assert_close(torch.cov(found.T), known.covariance, atol=0.2, rtol=0.05)
    assert torch.equal(found, known.drawn(20_000, seed=0))


def made(network: GeneratorNetwork) -> TrainedGenerator:
    return TrainedGenerator(network.eval().requires_grad_(False), 10.0, 210.0, 0.001, 0.05, {"steps": "3"})


@each_kind
def test_an_image_that_the_generator_draws_comes_back(kind: str) -> None:
    generator = made(NETWORKS[kind]((10, 12), 3))
    images = generator.counts(generator.network.decode(random(4, 3).float()))
    found = drawn(generator, images, lambda expected: torch.full_like(expected, 1e-4), tolerance=1e-9)
    assert float((found - images).square().mean().sqrt()) < 0.2  # of a range of 200


@each_kind
def test_a_file_gives_back_the_network_in_half_precision_and_what_it_knows(kind: str, tmp_path: Path) -> None:
    generator = made(NETWORKS[kind]((10, 12), 3))
    generator.network.mean += 2.0
    generator.save(tmp_path / "g.safetensors")
    again, checksum = generator_of(str(tmp_path / "g.safetensors"))
    assert (again.low, again.high, again.error, again.limit) == (10.0, 210.0, 0.001, 0.05)
    assert (again.network.kind, again.network.latent, again.network.shape) == (kind, 3, (10, 12))
    assert again.facts["steps"] == "3"
    assert len(checksum) == 64
    assert torch.equal(again.network.mean, generator.network.mean)
    images = torch.rand(2, 1, 10, 12)
    torch.testing.assert_close(again.network(images), generator.network(images), atol=5e-3, rtol=0)


def test_weights_of_another_network_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="holds no generator"):
        generator_of("unet-gray.safetensors")


def test_a_long_code_of_few_images_has_a_covariance_all_the_same() -> None:
    """12 images span 11 of 64 directions; a search from restarts, and one without, both have an end."""
    network = NETWORKS["dense"]((24, 24), 64)
    images = torch.rand(12, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        codes = network.encode(images)
        network.mean.copy_(codes.mean(0))
        network.covariance.copy_(torch.cov(codes.T))
    known = known_codes(network)
    product = known.precision() @ known.covariance
    torch.testing.assert_close(product, torch.eye(64, dtype=torch.float64), atol=1e-8, rtol=0)
    assert known.drawn(0, seed=0).shape == (0, 64)
    generator = made(network)
    for restarts in (0, 2):
        found = drawn(
            generator, generator.counts(images), torch.ones_like, prior=0.5, restarts=restarts, iterations=3
        )
        assert found.isfinite().all()


def test_rounding_does_not_choose_the_last_step_of_an_image() -> None:
    """Costs are near 576: what a stack adds to an image's rounding is not seen in its result."""
    network, chance = NETWORKS["dense"]((24, 24), 8), torch.Generator().manual_seed(1)
    generator = made(network)
    clean = generator.counts(network.decode(1.5 * torch.randn(130, 8, generator=chance)))
    images = clean + 25 * torch.randn(130, 1, 24, 24, generator=chance)
    together = drawn(generator, images, lambda mean: torch.full_like(mean, 625.0), prior=0.5)
    for number in range(0, 130, 5):
        alone = drawn(
            generator, images[number : number + 1], lambda mean: torch.full_like(mean, 625.0), prior=0.5
        )
        assert float((alone[0] - together[number]).abs().max()) < 1e-6 * generator.span
