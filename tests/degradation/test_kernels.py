"""Kernels: their sum, parity and place, and the curves that they are sampled from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_shrinkage as ns
from napari_shrinkage.degradation.base import MOST_TAPS
from napari_shrinkage.degradation.kernels import (
    SCALES,
    bicubic_kernel,
    binning_kernel,
    centroid,
    cubic,
    decimation_kernel,
    fitting_taps,
    gaussian_kernel,
    lanczos,
    offsets,
    resized,
    transfer,
)

ODD, EVEN = (np.random.default_rng(0).random((n, n)) for n in (5, 6))
DEGRADATIONS = [
    ns.Bicubic(),
    ns.Decimation(),
    ns.Binning(),
    ns.GaussianBlur(),
    ns.GaussianBlur(sigma=2.2, ratio=0.4, angle=30),
    ns.GaussianBlur(sigma=0.2),
    ns.AnyKernel.of(ODD),
    ns.AnyKernel.of(EVEN),
    ns.AnyKernel.of([[1.0]]),
]
CENTRED = [bicubic_kernel, binning_kernel, lambda scale: gaussian_kernel(scale, 2.2, 0.9, 0.5)]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=repr)
def test_a_kernel_has_sum_1_and_taps_of_the_scales_parity(degradation: ns.Degradation, scale: int) -> None:
    kernel = degradation.kernel(scale)
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert kernel.shape == (len(kernel),) * 2
    assert len(kernel) % 2 == scale % 2
    assert len(kernel) >= scale


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("made", CENTRED, ids=["bicubic", "binning", "gaussian"])
def test_a_centred_kernel_stands_on_the_coarse_pixels_centre(made, scale: int) -> None:
    assert centroid(made(scale)) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_decimation_keeps_the_first_pixel_of_each_square(scale: int) -> None:
    shift = -(scale - 1) / 2
    assert centroid(decimation_kernel(scale)) == pytest.approx((shift, shift))


def test_a_shift_is_part_of_the_kernel() -> None:
    assert centroid(gaussian_kernel(2, 1.5, shift=(0.4, -0.7))) == pytest.approx((0.4, -0.7), abs=5e-3)


@pytest.mark.parametrize("curve", [cubic, lanczos])
def test_an_interpolation_keeps_the_pixels_that_it_was_given(curve) -> None:
    np.testing.assert_allclose(curve(np.arange(-4.0, 5)), np.arange(-4, 5) == 0, atol=1e-15)


@given(st.floats(0, 1), *[st.floats(-2, 2)] * 3)
def test_keys_cubic_reproduces_parabolas(place: float, a: float, b: float, c: float) -> None:
    at = np.arange(-2, 4)
    found = cubic(place - at) @ (a * at**2 + b * at + c)
    assert found == pytest.approx(a * place**2 + b * place + c, abs=1e-12)


def test_bicubic_halving_has_the_weights_of_matlab() -> None:
    """Those that imresize(_, 0.5) is known to use, in units of 1/256."""
    np.testing.assert_allclose(256 * bicubic_kernel(2).sum(0), [-3, -9, 29, 111, 111, 29, -9, -3], atol=1e-12)


@given(st.floats(0, 30), st.sampled_from(SCALES))
def test_taps_are_the_fewest_that_hold_the_reach(reach: float, scale: int) -> None:
    taps = fitting_taps(reach, scale)
    assert taps % 2 == scale % 2
    assert taps >= 2 * reach
    assert taps == scale or taps - 2 < 2 * reach


def moments(kernel: np.ndarray) -> np.ndarray:
    """Return the covariance of a kernel of centroid 0 along X and Y."""
    y, x = np.meshgrid(*[offsets(len(kernel))] * 2, indexing="ij")
    return np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])


@pytest.mark.parametrize("scale", SCALES)
def test_a_turned_gaussian_has_its_covariance(scale: int) -> None:
    angle = math.radians(35)
    axes = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    expected = axes @ np.diag([2.0**2, 1.1**2]) @ axes.T
    found = moments(gaussian_kernel(scale, 2.0, 1.1, angle, taps=20 + scale % 2))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_gaussian_blur_says_its_angle_in_degrees_and_its_width_across_as_a_ratio() -> None:
    found = ns.GaussianBlur(sigma=2, ratio=0.5, angle=90).kernel(2)
    np.testing.assert_allclose(found, gaussian_kernel(2, 2.0, 1.0).T, atol=1e-15)


@pytest.mark.parametrize("scale", SCALES)
def test_the_transfer_of_a_gaussian_is_one(scale: int) -> None:
    at = np.array([[0, 0], [0.1, 0.05], [0.2, -0.15], [0.0, 0.3]])
    found = transfer(gaussian_kernel(scale, 1.3, taps=20 + scale % 2), at)
    np.testing.assert_allclose(found, np.exp(-2 * (np.pi * 1.3) ** 2 * (at**2).sum(1)), atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_the_transfer_of_binning_and_decimation_are_known(scale: int) -> None:
    at = np.array([[0.13, 0.0], [0.3, 0.21]])
    dirichlet = (scale * np.sinc(scale * at) / np.sinc(at) / scale).prod(1)
    np.testing.assert_allclose(transfer(binning_kernel(scale), at), dirichlet, atol=1e-12)
    shift = np.exp(-2j * np.pi * at.sum(1) * (scale - 1) / 2)
    np.testing.assert_allclose(transfer(decimation_kernel(scale), at), shift, atol=1e-12)


@pytest.mark.parametrize("kernel", [ODD, EVEN])
def test_more_taps_are_zeros_around_and_fewer_cut_them_off(kernel: np.ndarray) -> None:
    wide = resized(kernel, len(kernel) + 4)
    assert wide.sum() == pytest.approx(kernel.sum())
    assert centroid(wide) == pytest.approx(centroid(kernel))
    np.testing.assert_array_equal(resized(wide, len(kernel)), kernel)
    np.testing.assert_array_equal(resized(kernel, len(kernel)), kernel)


@pytest.mark.parametrize(("kernel", "scale"), [(ODD, 2), (EVEN, 3)])
def test_a_kernel_of_the_other_parity_stands_half_a_pixel_further(kernel: np.ndarray, scale: int) -> None:
    found = centroid(ns.AnyKernel.of(kernel).kernel(scale))
    assert found == pytest.approx(np.add(centroid(kernel / kernel.sum()), 0.5))


@pytest.mark.parametrize(
    "taps",
    [((1.0, 2.0),), ((1.0,), (1.0, 2.0)), ((1.0, -1.0), (1.0, -1.0)), np.ones((MOST_TAPS + 1,) * 2)],
    ids=["not square", "ragged", "no sum", "too many"],
)
def test_taps_that_are_no_kernel_are_refused(taps) -> None:
    with pytest.raises(ValueError, match="expected a square kernel"):
        ns.AnyKernel(taps=tuple(map(tuple, taps)))
