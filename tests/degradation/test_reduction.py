"""Reducing images: equal to scipy, Pillow and MATLAB, and the same in torch, with its derivative."""

from __future__ import annotations

import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import correlate, correlate1d
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.degradation.kernels import SCALES, bicubic_kernel
from napari_shrinkage.degradation.reduction import reduced, reduced_tensor

FINE = data.camera()[100:141, 200:253].astype(float)
DEGRADATIONS = [
    ns.Bicubic(),
    ns.Decimation(),
    ns.Binning(),
    ns.GaussianBlur(sigma=1.7, ratio=0.6, angle=20),
    ns.AnyKernel.of(np.random.default_rng(0).random((5, 5))),
    ns.AnyKernel.of([[1.0]]),
]
BORDER = 5  # of the coarse picture, where others mirror in another way
ROUNDED_TWICE = (2 / 12) ** 0.5 * 1.1  # std of the error that rounding makes, and a little
DATA = os.environ.get("NAPARI_SHRINKAGE_DATA")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=repr)
def test_reducing_is_a_correlation_of_which_every_few_pixels_are_kept(
    degradation: ns.Degradation, scale: int
) -> None:
    kernel = degradation.kernel(scale)
    height, width = (n // scale for n in FINE.shape)
    cut = FINE[: height * scale, : width * scale]
    expected = correlate(cut, kernel, mode="reflect")[scale // 2 :: scale, scale // 2 :: scale]
    np.testing.assert_allclose(reduced(FINE, kernel, scale), expected[:height, :width], atol=1e-10)


def test_a_kernel_of_fewer_taps_than_the_scale_sees_the_middle() -> None:
    np.testing.assert_array_equal(reduced(FINE, np.ones((1, 1)), 3), FINE[1:39:3, 1:51:3])


@pytest.mark.parametrize("scale", SCALES)
def test_binning_is_the_mean_of_squares(scale: int) -> None:
    cut = FINE[:36, :48]
    expected = cut.reshape(36 // scale, scale, 48 // scale, scale).mean((1, 3))
    np.testing.assert_allclose(reduced(cut, ns.Binning().kernel(scale), scale), expected)


@pytest.mark.parametrize("scale", SCALES)
def test_decimation_is_slicing(scale: int) -> None:
    expected = FINE[:36:scale, :48:scale]
    np.testing.assert_array_equal(reduced(FINE[:36, :48], ns.Decimation().kernel(scale), scale), expected)


@pytest.mark.parametrize("scale", SCALES)
def test_bicubic_is_that_of_pillow_inside(scale: int) -> None:
    cut = data.camera()[:120, :144].astype(np.float32)
    theirs = Image.fromarray(cut).resize((144 // scale, 120 // scale), Image.Resampling.BICUBIC)
    inner = (slice(BORDER, -BORDER),) * 2
    found = reduced(cut, bicubic_kernel(scale), scale)
    np.testing.assert_allclose(found[inner], np.asarray(theirs)[inner], atol=1e-3)


@pytest.mark.skipif(not DATA, reason="set NAPARI_SHRINKAGE_DATA to the folder of the test sets")
@pytest.mark.parametrize("scale", SCALES)
def test_bicubic_is_that_of_matlab_inside(scale: int) -> None:
    """MATLAB rounds after each axis: exactly so its numbers, and without it as near as that lets them be."""
    kernel = bicubic_kernel(scale)
    weights, inner = kernel.sum(0), (slice(BORDER, -BORDER),) * 2
    start = slice(scale // 2, None, scale)
    folder = Path(DATA or "") / "set5"
    for path in sorted((folder / f"x{scale}_hr").glob("*.png")):
        fine = iio.imread(path).astype(float)
        theirs = iio.imread(folder / f"x{scale}_lr" / path.name).astype(float)
        rows = correlate1d(fine, weights, 0, mode="reflect")[start]
        rounded = np.floor(np.clip(rows, 0, 255) + 0.5)
        both = correlate1d(rounded, weights, 1, mode="reflect")[:, start]
        ours = np.floor(np.clip(both, 0, 255) + 0.5)
        assert np.mean(ours[inner] != theirs[inner]) < 1e-4
        assert np.abs(ours - theirs)[inner].max() <= 1
        straight = np.moveaxis(reduced(np.moveaxis(fine, -1, 0), kernel, scale), 0, -1)
        assert np.sqrt(np.mean((np.clip(straight, 0, 255) - theirs)[inner] ** 2)) < ROUNDED_TWICE


def test_planes_are_reduced_each_by_itself() -> None:
    planes = np.random.default_rng(0).random((2, 3, 12, 10))
    kernel = bicubic_kernel(2)
    found = reduced(planes, kernel, 2)
    assert found.shape == (2, 3, 6, 5)
    np.testing.assert_array_equal(found[1, 2], reduced(planes[1, 2], kernel, 2))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=repr)
def test_torch_reduces_to_the_same(degradation: ns.Degradation, scale: int) -> None:
    kernel = degradation.kernel(scale)
    planes = np.random.default_rng(0).random((2, 3, 5 * scale, 7 * scale))
    found = reduced_tensor(torch.from_numpy(planes), torch.from_numpy(kernel), scale)
    np.testing.assert_allclose(found.numpy(), reduced(planes, kernel, scale), atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3])
def test_reducing_has_its_derivative_in_image_and_kernel(scale: int) -> None:
    torch.manual_seed(0)
    fine = torch.rand(1, 2, 3 * scale, 2 * scale, dtype=torch.float64, requires_grad=True)
    kernel = torch.rand(scale + 2, scale + 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda image, taps: reduced_tensor(image, taps, scale), (fine, kernel))
