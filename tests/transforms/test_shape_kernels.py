"""Kernels of the shape-adaptive DCT: rays end at edges, shapes give back what went in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from napari_shrinkage.transforms.ray_kernels import ray_lengths
from napari_shrinkage.transforms.shape_kernels import empirical_wiener, hard_threshold
from napari_shrinkage.transforms.shapes import RAYS, REACH, SCALES, SIDE, coefficient_stds, ray_stds

WHITE = coefficient_stds(None)
INNER = (slice(2 * REACH, -2 * REACH),) * 2
RNG = np.random.default_rng(0)
FIELD = RNG.normal(20, 3, (40, 33)).astype(np.float32)
ANY_LENGTHS = RNG.integers(0, len(SCALES), (len(RAYS), *FIELD.shape)).astype(np.uint8)


def lengths(scale: int) -> np.ndarray:
    return np.full_like(ANY_LENGTHS, scale)


def test_without_a_threshold_neighbourhoods_of_any_shape_give_the_field_back() -> None:
    restored = hard_threshold(FIELD, ANY_LENGTHS, WHITE, 0.0, threads=1)
    np.testing.assert_allclose(restored[INNER], FIELD[INNER], atol=1e-4)


def test_without_noise_the_wiener_filter_gives_the_field_back() -> None:
    restored = empirical_wiener(FIELD, FIELD, ANY_LENGTHS, 1e-4 * WHITE, threads=1)
    np.testing.assert_allclose(restored[INNER], FIELD[INNER], atol=1e-4)


def test_under_a_high_threshold_squares_become_their_mean() -> None:
    restored = hard_threshold(FIELD, lengths(2), WHITE, 100.0, threads=1)
    kernel = np.convolve(np.ones(5), np.ones(5)) / 25  # the mean of 5 x 5 means
    expected = np.apply_along_axis(np.convolve, 0, FIELD, kernel, "same")
    expected = np.apply_along_axis(np.convolve, 1, expected, kernel, "same")
    np.testing.assert_allclose(restored[INNER], expected[INNER], rtol=1e-5)


def by_squares(field: np.ndarray, threshold: float) -> np.ndarray:
    """Return hard thresholding of the DCT of every square of SIDE pixels, means set aside."""
    total, weights = np.zeros_like(field, np.float64), np.zeros_like(field, np.float64)
    limit = threshold * np.sqrt(2 * np.log(SIDE**2) + 1)
    for y in range(field.shape[0] - SIDE + 1):
        for x in range(field.shape[1] - SIDE + 1):
            place = slice(y, y + SIDE), slice(x, x + SIDE)
            mean = field[place].mean()
            coefficients = dctn(field[place] - mean, norm="ortho")
            kept = np.where(np.abs(coefficients) > limit, coefficients, 0)
            weight = 1 / (1 + np.count_nonzero(kept))
            total[place] += weight * (mean + idctn(kept, norm="ortho"))
            weights[place] += weight
    return total / weights


def test_the_longest_rays_give_the_dct_of_squares() -> None:
    field = (np.outer(np.arange(40), np.arange(33)) / 60 + FIELD).astype(np.float32)
    restored = hard_threshold(field, lengths(len(SCALES) - 1), WHITE, 2.0, threads=1)
    np.testing.assert_allclose(restored[INNER], by_squares(field, 2.0)[INNER], atol=1e-3)


def test_threads_do_not_change_a_bit() -> None:
    tall = np.tile(FIELD, (3, 1))
    shapes = np.tile(ANY_LENGTHS, (1, 3, 1))
    results = [hard_threshold(tall, shapes, WHITE, 1.0, threads=n) for n in (1, 2, 5)]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_rays_go_at_most_one_pixel_beyond_an_edge() -> None:
    """Which is the median's doing: the rays of a pixel's neighbours are as long, and start farther back."""
    step = np.where(np.arange(64) < 32, 10.0, 90.0) + np.zeros((64, 1))
    seen = (step + RNG.standard_normal(step.shape)).astype(np.float32)
    found = ray_lengths(seen, 3 * ray_stds(None), threads=2)
    start = np.arange(16, 48)
    for ray, (_, dx) in enumerate(RAYS):
        end = start + dx * (np.array(SCALES) - 1)[found[ray, 16:48, 16:48]]
        beyond = np.where(start < 32, end - 31, 32 - end)
        assert np.mean(beyond > 1) < 0.01
        assert np.mean(beyond > 0) < 0.05


def test_rays_through_noise_alone_are_long() -> None:
    noise = RNG.standard_normal((96, 96)).astype(np.float32)
    found = ray_lengths(noise, 1.5 * ray_stds(None), threads=1)
    assert np.mean(found[:, 8:-8, 8:-8] == len(SCALES) - 1) > 0.8


@pytest.mark.parametrize("threads", [1, 3])
def test_rays_end_at_the_border(threads: int) -> None:
    found = ray_lengths(np.zeros((20, 20), np.float32), ray_stds(None), threads=threads)
    right = found[RAYS.index((0, 1)), 10]
    np.testing.assert_array_equal(right[-6:], [4, 3, 3, 2, 1, 1])
