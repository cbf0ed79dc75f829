"""From noisy images to what a trained generator draws of them: weights, starts, search.

Convention: images come and go as (B, 1, Y, X) in counts. An image's result depends on nothing but itself and
the numbers given: the search runs in float64, where the device has it (mps has float32 only).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from .latent import Codes, Problem, best_codes
from .trained_generator import TrainedGenerator

if TYPE_CHECKING:
    from torch import Tensor

    from .generator import GeneratorNetwork

LEAST = 1e-5  # of the squared range, that a pixel's variance counts as
RIDGE = 1e-4  # of the mean variance of a code, added to each: what no training image uses has none


def drawn(
    generator: TrainedGenerator,
    counts: Tensor,
    variances: Callable[[Tensor], Tensor],
    device: str = "cpu",
    prior: float = 0.0,
    restarts: int = 0,
    seed: int = 0,
    iterations: int = 50,
    tolerance: float = 1e-4,
) -> Tensor:
    """Return the nearest images that a generator can draw.

    Parameters
    ----------
    generator : TrainedGenerator
        What draws.
    counts : Tensor, (B, 1, Y, X)
        Noisy images.
    variances : callable
        From expected to noise variances, (B, 1, Y, X) in counts and their square.
    device : str
        Where the search runs.
    prior, restarts, seed, iterations, tolerance
        As `GeneratorPrior` has them.

    Returns
    -------
    Tensor, (B, 1, Y, X)
        In counts, on the CPU.
    """
    network = _on(generator.network, device)
    with torch.no_grad(), torch.inference_mode(False):
        images = generator.scaled(counts.clone().to(network.mean))
        first = network.encode(images)
        expected = generator.counts(network.decode(first))
        noise = variances(expected).to(images) / generator.span**2
        weights = 1 / (noise + max(generator.error, LEAST)).flatten(1)
        known = known_codes(generator.network)
        precision = prior * known.precision().to(images)
        problem = Problem(network.decode, images.flatten(1), weights, network.mean, precision)
        others = known.drawn(restarts, seed).to(images)
        starts = torch.stack([first, *(code.expand_as(first) for code in others)])
        codes, _ = best_codes(problem, starts, iterations, tolerance)
        return generator.counts(network.decode(codes)).cpu().float()


def known_codes(network: GeneratorNetwork) -> Codes:
    """Return where the codes of the training images lie, in float64, with a little room in every direction.

    Fewer images than numbers, or numbers that no image needs, leave directions without any variance.
    """
    mean, covariance = network.mean.cpu().double(), network.covariance.cpu().double()
    room = RIDGE * covariance.diagonal().mean().clamp_min(RIDGE)
    return Codes(mean, covariance + room * torch.eye(network.latent).to(mean))


@lru_cache(maxsize=4)
def _on(network: GeneratorNetwork, device: str) -> GeneratorNetwork:
    kind = torch.float32 if device.startswith("mps") else torch.float64
    return copy.deepcopy(network).to(device, kind)
