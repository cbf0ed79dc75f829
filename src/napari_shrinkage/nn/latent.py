"""The code whose image is nearest to a noisy one: nonlinear least squares on a few unknowns for each image.

Convention: pixels count by a weight, 1 / variance of their noise, so that the squared difference is about 1 a
pixel; a code counts by its Mahalanobis distance from those of the training images. Images are solved side by
side, and none knows of the others. It takes float64: costs of some hundreds are compared, and in float32
their rounding, another one in another stack, would decide which step is the last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    Decode = Callable[[Tensor], Tensor]

FIRST_DAMPING = 1e-2  # of the curvature, which is added to it
EASIER, HARDER = 0.2, 5.0  # what damping becomes after a step that helped, and after one that did not
LEAST_DAMPING = 1e-9  # an unknown that changes nothing still has one solution
MOST_DAMPING = 1e4  # no step helps any more
_ONE_AT_A_TIME = threading.Lock()  # torch differentiates forward in one thread of a process only
VALUES = 2**19  # of the Jacobian at a time: what the layers before need is many times as much


@dataclass(frozen=True, eq=False)
class Codes:
    """Where the codes of the training images lie.

    Parameters
    ----------
    mean : Tensor, (K,)
        Their mean.
    covariance : Tensor, (K, K)
        Their covariance.
    """

    mean: Tensor
    covariance: Tensor

    def drawn(self, count: int, seed: int) -> Tensor:
        """Return codes (count, K) that are as likely as those of training images."""
        if not count:
            return self.mean.new_empty(0, len(self.mean))
        chance = torch.Generator().manual_seed(seed)
        normal = torch.randn(count, len(self.mean), generator=chance).to(self.mean)
        factor: Tensor = torch.linalg.cholesky(self.covariance)
        return self.mean + normal @ factor.T

    def precision(self) -> Tensor:
        """Return the inverse of the covariance, (K, K)."""
        precision: Tensor = torch.linalg.inv(self.covariance)
        return precision


@dataclass(eq=False)
class Problem:
    """Images to be met by codes.

    Parameters
    ----------
    decode : callable
        From codes (B, K) to images (B, 1, Y, X).
    images, weights : Tensor, (B, n)
        Pixels, and what the square of each one's difference counts.
    mean, precision : Tensor, (K,) and (K, K)
        What a code costs: the square of its distance from the mean.
    """

    decode: Decode
    images: Tensor
    weights: Tensor
    mean: Tensor
    precision: Tensor

    def of(self, chosen: Tensor) -> Problem:
        """Return the problem of some of the images."""
        return Problem(self.decode, self.images[chosen], self.weights[chosen], self.mean, self.precision)

    def cost(self, codes: Tensor) -> Tensor:
        """Return the weighted squared difference of each image, with what its code costs, (B,)."""
        away = codes - self.mean
        difference = self.images - self.decode(codes).flatten(1)
        return (self.weights * difference.square()).sum(1) + ((away @ self.precision) * away).sum(1)

    def curvature(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Gauss-Newton matrix (B, K, K), and half the slope downhill (B, K)."""
        values, columns = jacobian(self.decode, codes)
        weighted = columns * self.weights
        matrix = torch.einsum("kbn,lbn->bkl", weighted, columns) + self.precision
        pull = torch.einsum("kbn,bn->bk", weighted, self.images - values)
        return matrix, pull - (codes - self.mean) @ self.precision


def jacobian(decode: Decode, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the images (B, n) of codes (B, K), and how they change with each number, (K, B, n)."""
    basis = torch.eye(codes.shape[1]).to(codes)[:, None].expand(-1, *codes.shape)

    def change(direction: Tensor) -> Tensor:
        moved: Tensor = torch.func.jvp(decode, (codes,), (direction,))[1]
        return moved.flatten(1)

    with _ONE_AT_A_TIME:
        return decode(codes).flatten(1), torch.func.vmap(change)(basis)


def nearest_codes(
    problem: Problem, start: Tensor, iterations: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Return codes (B, K) of least cost near where they start, and the costs, (B,).

    Parameters
    ----------
    problem : Problem
        The images.
    start : Tensor, (B, K)
        First codes.
    iterations : int
        Most steps.
    tolerance : float
        An image is done when a step lowers its cost by less than this share.

    Notes
    -----
    Levenberg-Marquardt, damped by the diagonal of the curvature [1]_.

    References
    ----------
    .. [1] Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. Soc. Indust.
       Appl. Math. 11, 1963, doi:10.1137/0111030.
    """
    codes, costs = start.clone(), problem.cost(start)
    damping = torch.full_like(costs, FIRST_DAMPING)
    active = torch.arange(len(start), device=start.device)
    for _ in range(iterations):
        part = problem.of(active)
        moved = codes[active] + _step(*part.curvature(codes[active]), damping[active])
        reached, before = part.cost(moved), costs[active]
        better = reached < before
        codes[active[better]], costs[active[better]] = moved[better], reached[better]
        changed = damping[active] * torch.where(better, EASIER, HARDER)
        damping[active] = changed.clamp_min(LEAST_DAMPING)
        settled = better & (before - reached < tolerance * before)
        active = active[~settled & (damping[active] < MOST_DAMPING)]
        if not len(active):
            break
    return codes, costs


def _step(matrix: Tensor, pull: Tensor, damping: Tensor) -> Tensor:
    damped = matrix + torch.diag_embed(damping[:, None] * matrix.diagonal(dim1=1, dim2=2))
    step: Tensor = torch.linalg.solve(damped, pull)
    return step


def best_codes(problem: Problem, starts: Tensor, iterations: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """Return the codes of least cost from several starts (S, B, K) for each image, and the costs.

    Of starts that lead to the same cost, within the tolerance, the first counts: rounding does not choose.
    """
    count, images, latent = starts.shape
    everywhere = torch.arange(images, device=starts.device).repeat(count)
    step = max(VALUES // (latent * problem.images.shape[1]), 1)
    parts = zip(torch.split(everywhere, step), torch.split(starts.flatten(0, 1), step), strict=True)
    found = [nearest_codes(problem.of(some), first, iterations, tolerance) for some, first in parts]
    codes = torch.cat([one for one, _ in found]).reshape(starts.shape)
    costs = torch.cat([one for _, one in found]).reshape(count, images)
    number = torch.arange(count, device=costs.device)[:, None]
    as_good = costs <= costs.amin(0) * (1 + tolerance)
    best = torch.where(as_good, number, count).amin(0)
    chosen = (best, torch.arange(images, device=codes.device))
    return codes[chosen], costs[chosen]
