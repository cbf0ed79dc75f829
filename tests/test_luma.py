"""Luma, PSNR and structural similarity as papers on super-resolution give them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from skimage.color import rgb2ycbcr
from skimage.metrics import structural_similarity

from napari_shrinkage.comparing.luma import luma, luma_scores


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 255, (40, 50))
    return truth + rng.standard_normal(truth.shape), truth


def test_luma_is_that_of_scikit_image():
    colors = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    np.testing.assert_allclose(luma(colors, 255), rgb2ycbcr(colors)[..., 0], rtol=1e-6)


@pytest.mark.parametrize("peak", [1.0, 255.0, 65535.0])
def test_black_and_white_have_the_luma_of_the_recommendation_at_every_peak(peak):
    ends = luma(np.array([[[0.0] * 3, [peak] * 3]]), peak)[0] / peak
    np.testing.assert_allclose(ends, [16 / 255, 235 / 255], rtol=1e-12)


def test_alpha_is_no_part_of_the_luma():
    colors = np.random.default_rng(0).uniform(0, 1, (4, 5, 4))
    np.testing.assert_array_equal(luma(colors, 1), luma(colors[..., :3], 1))


def test_psnr_of_a_constant_error_is_its_closed_form(pair):
    _, truth = pair
    assert luma_scores(truth + 5, truth, 2, 255).psnr == pytest.approx(20 * np.log10(255 / 5))


def test_what_lies_within_the_border_does_not_count(pair):
    made, truth = pair
    spoiled = made.copy()
    spoiled[:3], spoiled[:, -3:] = 1e4, -1e4
    assert luma_scores(spoiled, truth, 3, 255) == luma_scores(made, truth, 3, 255)


def test_equal_images_have_an_infinite_psnr_and_a_similarity_of_one(pair):
    scores = luma_scores(pair[1], pair[1], 2, 255)
    assert scores.psnr == np.inf
    assert scores.ssim == pytest.approx(1)


def test_structural_similarity_is_the_published_formula_on_windows_of_11_x_11(pair):
    made, truth = pair
    at = np.arange(-5, 6)
    weights = np.exp(-np.add.outer(at**2, at**2) / (2 * 1.5**2))
    weights /= weights.sum()

    def mean(values):
        return (sliding_window_view(values, (11, 11)) * weights).sum((-1, -2))

    a, b, c1, c2 = made, truth, (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    found = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert luma_scores(made, truth, 0, 255).ssim == pytest.approx(found.mean(), abs=1e-9)
    library = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert luma_scores(made, truth, 0, 255).ssim == pytest.approx(library, abs=1e-9)


def test_several_planes_are_pooled(pair):
    made, truth = pair
    both = luma_scores(np.stack([made, truth]), np.stack([truth, truth]), 0, 255)
    assert both.psnr == pytest.approx(luma_scores(made, truth, 0, 255).psnr + 10 * np.log10(2))


def test_pixels_that_are_not_finite_do_not_count(pair):
    made, truth = pair
    holed = made.copy()
    holed[5, 5] = np.nan
    scores = luma_scores(holed, truth, 0, 255)
    known = np.isfinite(holed)
    assert scores.psnr == pytest.approx(10 * np.log10(255**2 / np.mean((made - truth)[known] ** 2)))
    assert scores.ssim == pytest.approx(luma_scores(made, truth, 0, 255).ssim, abs=1e-3)


def test_images_too_small_for_a_window_have_no_similarity_and_tiny_ones_an_error():
    small = np.ones((9, 9))
    assert luma_scores(small, small, 0, 1).ssim is None
    with pytest.raises(ValueError, match="nothing is left"):
        luma_scores(small, small, 5, 1)
    with pytest.raises(ValueError, match=r"\(9, 9\) and \(3, 3\)"):
        luma_scores(small, small[:3, :3], 0, 1)
