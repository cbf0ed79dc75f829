"""The non-local ridge filter in torch, batch by batch of references: on any device, and to check the kernel.

Convention: as in `kernels`; a batch of references is worked on at a time, so that beyond some whole fields
little memory is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from .grouping import LEAST_ENERGY, LEAST_PIVOT, WHITE_SHARE, Grouping, first_position

if TYPE_CHECKING:
    from torch import Tensor

BATCH_BYTES = 2**26  # of the patches that a batch of references is compared with


def ridge_filtered(
    noisy: Tensor, pilot: Tensor | None, guide: Tensor, grouping: Grouping, lags: Tensor
) -> Tensor:
    """Restore fields (C, Z, Y, X) as `kernels.ridge_filtered` does."""
    corners = _corners(noisy.shape[1:], grouping, noisy.device)
    offsets = _patch_offsets(noisy.shape[1:], grouping.size, noisy.device)
    total, weight = torch.zeros_like(noisy).flatten(1), torch.zeros_like(noisy).flatten(1)
    for references in torch.split(corners, _batch(grouping)):
        places, starts = _matches(guide, references, grouping, offsets)
        noise = _noise_gram(lags, places, grouping.size**2)
        for channel in range(len(noisy)):
            patches = noisy[channel].flatten()[starts[..., None] + offsets]
            guesses = None if pilot is None else pilot[channel].flatten()[starts[..., None] + offsets]
            restored, share = _combined(patches, guesses, noise, lags.numel() == 1)
            where = (starts[..., None] + offsets).flatten()
            total[channel].index_add_(0, where, (share * restored).flatten())
            weight[channel].index_add_(0, where, share.expand_as(restored).flatten())
    untouched = noisy if pilot is None else pilot
    mean = (total / weight.clamp_min(torch.finfo(weight.dtype).tiny)).reshape(noisy.shape)
    return torch.where(weight.reshape(noisy.shape) > 0, mean, untouched)


def _corners(shape: Sequence[int], grouping: Grouping, device: torch.device) -> Tensor:
    """Return plane, row and column of every reference, (R, 3)."""
    planes, height, width = shape
    last = grouping.size - 1
    axes = (range(planes), range(0, height - last, grouping.stride), range(0, width - last, grouping.stride))
    return torch.tensor(list(itertools.product(*axes)), device=device)


def _patch_offsets(shape: Sequence[int], size: int, device: torch.device) -> Tensor:
    """Return how far each pixel of a patch lies behind its first in a flat field."""
    inside = torch.arange(size, device=device)
    return (inside[:, None] * shape[2] + inside).flatten()


def _batch(grouping: Grouping) -> int:
    searched = (2 * grouping.depth + 1) * grouping.search**2
    return max(
        BATCH_BYTES // (20 * searched * grouping.size**2), 1
    )  # pixels, their places, differences, squares


def _matches(guide: Tensor, references: Tensor, grouping: Grouping, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places (R, k, 3) of the patches most like each reference, and their first pixels."""
    candidates = _windows(guide.shape, references, grouping)
    steps = candidates.new_tensor([guide.shape[1] * guide.shape[2], guide.shape[2], 1])
    flat, starts = guide.flatten(), (candidates * steps).sum(-1)
    own = flat[(references * steps).sum(-1)[:, None] + offsets]
    distances = (flat[starts[..., None] + offsets] - own[:, None]).square().sum(-1)
    k = min(grouping.matches, distances.shape[1])
    nearest = distances.sort(stable=True).indices[:, :k]
    places = candidates.gather(1, nearest[..., None].expand(-1, -1, 3))
    return places, (places * steps).sum(-1)


def _windows(shape: Sequence[int], references: Tensor, grouping: Grouping) -> Tensor:
    """Return the place of every position of each reference's search window, (R, positions, 3)."""
    positions = (shape[0], shape[1] - grouping.size + 1, shape[2] - grouping.size + 1)
    sides = (2 * grouping.depth + 1, grouping.search, grouping.search)
    both = list(zip(sides, positions, strict=True))
    first = torch.stack([first_position(references[:, axis], *both[axis]) for axis in range(3)], 1)
    steps = torch.cartesian_prod(*(torch.arange(min(pair)) for pair in both)).to(first)
    return first[:, None] + steps


def _noise_gram(lags: Tensor, places: Tensor, pixels: int) -> Tensor:
    """Return the Gram matrices (R, k, k) of the noise of patches at these places."""
    middle = places.new_tensor([n // 2 for n in lags.shape])
    lag = places[:, :, None] - places[:, None] + middle
    limits = places.new_tensor(lags.shape)
    inside = ((lag >= 0) & (lag < limits)).all(-1)
    z, y, x = lag.clamp_min(0).minimum(limits - 1).unbind(-1)
    gram = pixels * lags[z, y, x] * inside
    return gram if lags.numel() == 1 else gram + WHITE_SHARE * pixels * torch.eye(gram.shape[-1]).to(gram)


def _combined(patches: Tensor, guesses: Tensor | None, noise: Tensor, white: bool) -> tuple[Tensor, Tensor]:
    """Return the restored patches (R, k, n) of each group, and their weights (R, k, 1)."""
    k, pixels = patches.shape[1:]
    over = 1 if guesses is not None and white else (1, 2)
    level, of_level = patches.mean(over, keepdim=True), 1 / (k * pixels if white and guesses is None else k)
    if guesses is None:
        signal = patches - level
        gram = _lifted(signal @ signal.mT, noise)
        if not white:
            gram = gram + WHITE_SHARE * pixels * torch.eye(k).to(gram)
    else:
        signal = guesses - guesses.mean(over, keepdim=True)
        gram = signal @ signal.mT + noise
    least = pixels * (1.0 if guesses is not None and white else LEAST_PIVOT)
    theta = torch.eye(k).to(noise) - _inverse(gram, least) @ noise
    kept = (theta * (noise @ theta)).sum(1) / noise.diagonal(dim1=-2, dim2=-1)
    return level + theta.mT @ (patches - level), (1 / (kept + of_level))[..., None]


def _lifted(gram: Tensor, noise: Tensor) -> Tensor:
    """Return Gram matrices with the energy that noise alone should have, or nearly, on their diagonals."""
    missing = (LEAST_ENERGY * noise - gram).diagonal(dim1=1, dim2=2).mean(1)
    return gram + missing.clamp_min(0)[:, None, None] * torch.eye(gram.shape[-1]).to(gram)


def _inverse(gram: Tensor, least: float) -> Tensor:
    """Return inverses of positive definite matrices; where rounding spoilt one, of one that is surely so."""
    root, failed = torch.linalg.cholesky_ex(gram)
    if bool(failed.any()):
        lift = torch.where(failed > 0, least, 0.0)[:, None, None] * torch.eye(gram.shape[-1]).to(gram)
        root = torch.linalg.cholesky_ex(gram + lift).L
    return torch.cholesky_inverse(root)
