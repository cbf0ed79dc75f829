"""Kernels measured from pairs of pictures, and from the low-resolution picture alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import data

from napari_shrinkage.degradation.estimate import KernelEstimate
from napari_shrinkage.degradation.kernels import (
    bicubic_kernel,
    decimation_kernel,
    gaussian_kernel,
    normalized,
)
from napari_shrinkage.degradation.measuring import (
    kernel_from_image,
    kernel_from_pair,
    kernel_similarity,
    kernel_widths,
)
from napari_shrinkage.degradation.reduction import reduced

FINE = data.camera().astype(float)
BLOCKS = 200  # enough for this picture, and quick
TURNED = gaussian_kernel(2, 2.0, 0.8, math.radians(30))


def noisy(kernel, scale=2, std=0.0):
    coarse = reduced(FINE, kernel, scale)
    return coarse + std * np.random.default_rng(0).standard_normal(coarse.shape)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_gaussian_has_its_own_stds_and_angle(scale):
    wide, narrow, angle = kernel_widths(gaussian_kernel(scale, 2.0, 1.2, math.radians(150)))
    np.testing.assert_allclose((wide, narrow, math.degrees(angle)), (2.0, 1.2, 150), rtol=1e-3)


def test_two_round_gaussians_are_as_similar_as_their_product_says():
    """The integral of the product of two Gaussians over their norms: 2 a b / (a^2 + b^2)."""
    first, second = (gaussian_kernel(2, std) for std in (1.2, 2.0))
    assert kernel_similarity(first, second) == pytest.approx(2 * 1.2 * 2 / (1.2**2 + 2**2), rel=1e-3)
    assert kernel_similarity(np.pad(TURNED, 3), 5 * TURNED) == pytest.approx(1)
    with pytest.raises(ValueError, match="both even or both odd"):
        kernel_similarity(TURNED, TURNED[1:, 1:])


@pytest.mark.parametrize("kernel", [TURNED, bicubic_kernel(2), decimation_kernel(2)])
def test_a_pair_gives_the_kernel_with_its_shift_the_gain_and_the_offset(kernel):
    found = kernel_from_pair(FINE, 0.5 * reduced(FINE, kernel, 2) + 10, 2, taps=14)
    assert kernel_similarity(found.kernel, kernel) > 0.995
    assert found.gain == pytest.approx(0.5, rel=1e-3)
    assert found.offset == pytest.approx(10, abs=0.1)
    expected = (-0.5, -0.5) if np.count_nonzero(kernel) == 1 else (0, 0)
    assert found.shift == pytest.approx(expected, abs=0.05)


def test_a_noisy_pair_gives_the_kernel_with_errors_that_hold():
    found = kernel_from_pair(FINE, noisy(TURNED, std=5), 2, taps=14)
    assert kernel_similarity(found.kernel, TURNED) > 0.97
    errors = np.subtract(found.widths, kernel_widths(TURNED)[:2]) / found.width_errors
    assert np.all(np.abs(errors) < 5)


@pytest.mark.parametrize(("kernel", "std"), [(TURNED, 0.3), (TURNED, 5.0), (gaussian_kernel(2, 1.2), 0.3)])
def test_the_coarse_image_alone_gives_the_kernel(kernel, std):
    found = kernel_from_image(noisy(kernel, std=std), 2, sigma=std, blocks=BLOCKS)
    middle = gaussian_kernel(2, 1.5)
    assert kernel_similarity(found.kernel, kernel) > max(kernel_similarity(middle, kernel), 0.95)


def test_brightness_does_not_matter():
    coarse = noisy(TURNED, std=2)
    first, second = (
        kernel_from_image(gain * coarse + 7, 2, sigma=2 * gain, blocks=BLOCKS) for gain in (1, 1 / 255)
    )
    np.testing.assert_allclose(first.kernel, second.kernel, atol=1e-3)


def test_noise_makes_the_width_less_sure():
    clean, poor = (
        kernel_from_image(noisy(TURNED, std=std), 2, sigma=std, blocks=BLOCKS) for std in (0.3, 25)
    )
    assert poor.width_errors[1] > clean.width_errors[1]
    assert poor.confidence < clean.confidence


def test_an_estimate_says_what_it_is():
    found = KernelEstimate(normalized(TURNED), 2, (0.2, 0.1), 100, shift_known=False)
    assert found.coarse_widths == pytest.approx(np.divide(found.widths, 2))
    np.testing.assert_allclose(found.degradation.kernel(2), TURNED)
    assert "2.00 ± 0.20" in found.verdict
    assert "30°" in found.verdict


@pytest.mark.parametrize(
    ("image", "words"), [(np.ones((5, 5)), "too small"), (np.ones((64, 64)), "any contrast")]
)
def test_images_without_an_answer_are_refused(image, words):
    with pytest.raises(ValueError, match=words):
        kernel_from_image(image, 2)


def test_pairs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="should be"):
        kernel_from_pair(FINE, FINE, 2)
    with pytest.raises(ValueError, match="opposite ways"):
        kernel_from_pair(FINE, -noisy(TURNED), 2, taps=10)
