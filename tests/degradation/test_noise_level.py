"""The noise of a coarse image, told from aliased detail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.degradation.kernels import bicubic_kernel, decimation_kernel
from napari_shrinkage.degradation.noise_level import DETAIL, likely_noise, noise_less_detail
from napari_shrinkage.degradation.reduction import reduced
from napari_shrinkage.noise import Autocorrelation

BICUBIC, DECIMATION = bicubic_kernel(2), decimation_kernel(2)


def edges(side: int) -> np.ndarray:
    """Return a picture of sharp rectangles at all angles."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    picture = np.full((side, side), 100.0)
    for _ in range(60):
        angle, (row, column) = rng.uniform(0, math.pi), rng.uniform(0, side, 2)
        width, height = rng.uniform(0.03, 0.2, 2) * side
        along = (x - column) * math.cos(angle) + (y - row) * math.sin(angle)
        across = (y - row) * math.cos(angle) - (x - column) * math.sin(angle)
        picture[(np.abs(along) < width) & (np.abs(across) < height)] = rng.uniform(20, 230)
    return picture


EDGES = edges(384)


def noisy(values: np.ndarray, std: float) -> np.ndarray:
    return values + std * np.random.default_rng(1).standard_normal(values.shape)


def stds(noise: ns.NoiseModel) -> np.ndarray:
    return np.asarray(noise.std(np.full((1, 1, 1), 100, np.float32))).ravel()


@pytest.mark.parametrize("std", [5.0, 20.0])
def test_noise_is_found_beside_detail(std: float) -> None:
    coarse = noisy(reduced(EDGES, BICUBIC, 2), std)
    assert likely_noise(coarse[None], BICUBIC, 2, 3 * std) == pytest.approx(std, rel=0.15)


def test_where_all_is_noise_it_is_found() -> None:
    flat = noisy(np.full((128, 128), 100.0), 5)
    assert likely_noise(flat[None], BICUBIC, 2, 15) == pytest.approx(5, rel=0.15)


def test_planes_too_small_to_tell_keep_what_is_thought() -> None:
    few = np.full((1, 7, 7), np.nan)
    assert likely_noise(few, BICUBIC, 2, 3.0) == 3.0


def test_aliased_edges_are_not_noise() -> None:
    stack = ns.Stack(reduced(EDGES, DECIMATION, 2))
    found = noise_less_detail(stack, ns.Gaussian(5.0), DECIMATION, 2)
    assert isinstance(found, ns.Gaussian)
    assert found.sigma < 0.1
    assert "taken for detail" in found.verdict


def test_super_resolution_sees_far_less_noise_than_is_estimated_in_a_clean_picture() -> None:
    stack = ns.Stack(reduced(EDGES, DECIMATION, 2))
    estimated = ns.estimate_noise(stack.array)
    sharp = ns.Upscale(model="linear", degradation=ns.Decimation())
    assert stds(sharp.noise_seen(stack, estimated)) < 0.1 * stds(estimated)
    assert not ns.Upscale(model="bicubic").needs_noise


@pytest.mark.parametrize("std", [5.0, 20.0])
def test_noise_that_is_there_stays_as_it_was_estimated(std: float) -> None:
    stack = ns.Stack(noisy(reduced(EDGES, BICUBIC, 2), std))
    estimated = ns.estimate_noise(stack.array)
    assert noise_less_detail(stack, estimated, BICUBIC, 2) is estimated


@pytest.mark.parametrize("kernel", [BICUBIC, DECIMATION], ids=["bicubic", "decimation"])
def test_the_noise_of_a_flat_scene_stays(kernel: np.ndarray) -> None:
    stack = ns.Stack(noisy(np.full((128, 128), 100.0), 5))
    estimated = ns.Gaussian(5.0)
    assert noise_less_detail(stack, estimated, kernel, 2) is estimated


def test_channels_have_noise_of_their_own() -> None:
    coarse = reduced(EDGES, DECIMATION, 2)
    stack = ns.Stack(np.stack([coarse, 2 * coarse]), "CYX")
    found = noise_less_detail(stack, ns.Gaussian((5.0, 10.0)), DECIMATION, 2)
    assert isinstance(found, ns.Gaussian)
    assert len(found.sigma) == 2
    assert max(found.sigma) < DETAIL * 5


def test_correlated_camera_noise_is_left_alone() -> None:
    smooth = Autocorrelation.from_kernel(np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]))
    estimated = ns.Gaussian(5.0, autocorrelation=smooth)
    stack = ns.Stack(reduced(EDGES, DECIMATION, 2))
    assert noise_less_detail(stack, estimated, DECIMATION, 2) is estimated


def test_no_noise_stays_none() -> None:
    stack, none = ns.Stack(reduced(EDGES, DECIMATION, 2)), ns.Gaussian(0.0)
    assert noise_less_detail(stack, none, DECIMATION, 2) is none


@pytest.mark.parametrize("picture", [data.camera, data.coins], ids=["camera", "coins"])
def test_noise_is_found_beside_aliased_texture(picture) -> None:
    coarse = noisy(reduced(picture().astype(float), DECIMATION, 2), 5)
    assert likely_noise(coarse[None], DECIMATION, 2, 15) == pytest.approx(5, rel=0.15)
