"""The learned sliding transform: its formula pixel by pixel, its start, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import idctn

from napari_shrinkage.nn.learned_dct import LearnedDct, first_atoms, unfolded


def stirred(**sizes: int) -> LearnedDct:
    """Return a small network in double precision whose parameters are all away from their start."""
    network = LearnedDct(**sizes).double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for value in network.parameters():
            value += 0.2 * torch.randn(value.shape, generator=generator, dtype=torch.float64)
        network.analysis -= network.analysis.mean(1, keepdim=True)
    return network


def noise_patch_by_patch(network: LearnedDct, z: np.ndarray, stride: int, told: np.ndarray) -> np.ndarray:
    """Return the network's noise of a field (Y, X), computed by its formula, one patch after the other."""
    p = {name: value.detach().numpy() for name, value in network.named_parameters()}
    total, weights = np.zeros_like(z), np.zeros_like(z)
    for y in range(0, z.shape[0] - network.side + 1, stride):
        for x in range(0, z.shape[1] - network.side + 1, stride):
            place = (slice(y, y + network.side), slice(x, x + network.side))
            c = p["analysis"] @ z[place].ravel()
            energy = np.log(1 + (c * told / np.exp(p["log_scale"])) ** 2)
            shared = np.maximum(p["hidden"] @ energy + p["hidden_bias"], 0)
            gate = 1 / (1 + np.exp(-(p["gate"] @ energy + p["hidden_gate"] @ shared + p["bias"])))
            weight = 1 / (1 + np.log1p(np.exp(p["floor"])) + np.exp(p["log_kept"]) @ gate**2)
            total[place] += weight * (p["synthesis"] @ ((1 - gate) * c)).reshape(network.side, -1)
            weights[place] += weight
    return total / np.maximum(weights, 1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_noise_is_that_of_the_formula(stride: int) -> None:
    network = stirred(side=5, extra=4, hidden=3)
    rng = np.random.default_rng(0)
    z, told = 3 * rng.standard_normal((2, 13, 12)), rng.uniform(0.5, 2, 28)
    found = network(torch.from_numpy(z), stride, torch.from_numpy(told)).detach().numpy()
    for one, expected in zip(found, z, strict=True):
        np.testing.assert_allclose(one, noise_patch_by_patch(network, expected, stride, told), atol=1e-6)


def test_its_gradient_is_that_of_finite_differences() -> None:
    network = stirred(side=3, extra=2, hidden=2)
    z = torch.randn(1, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def sums(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total, weight = network.sums(z, 1)
        return total.double(), weight.double()

    assert torch.autograd.gradcheck(sums, z.requires_grad_())


def test_it_starts_with_the_cosines_and_waves_that_are_none_of_them() -> None:
    atoms, radius = first_atoms(6, extra=10)
    cosines = [idctn(np.eye(36)[k].reshape(6, 6), norm="ortho").ravel() for k in range(1, 36)]
    np.testing.assert_allclose(atoms[:35], cosines, atol=1e-6)
    np.testing.assert_allclose(atoms.sum(1), 0, atol=1e-6)
    np.testing.assert_allclose(atoms.norm(dim=1), 1, atol=1e-6)
    alike = (atoms[35:] @ atoms.T).abs() - torch.eye(45)[35:]
    assert float(alike.max()) < 0.99
    assert float(radius[34]) == pytest.approx(1)


def test_patches_are_read_row_by_row() -> None:
    field = torch.arange(35.0).reshape(1, 5, 7)
    patches, shape = unfolded(field, 3, 2)
    assert shape == (1, 2, 3)
    np.testing.assert_array_equal(patches[:, 4], field[0, 2:5, 2:5].ravel())


@torch.no_grad()
def test_a_constant_holds_no_noise() -> None:
    assert float(stirred(side=5, extra=4, hidden=3)(torch.full((1, 9, 9), 7.0).double()).abs().max()) < 1e-12


@torch.no_grad()
def test_what_stands_far_above_the_noise_is_left_as_it_is() -> None:
    z = torch.randn(1, 20, 20, generator=torch.Generator().manual_seed(1))
    network = LearnedDct(side=5, extra=4, hidden=3)
    assert float(network(1e4 * z).abs().mean()) < 0.01 * float(network(z).abs().mean())
