"""Tables of the shape-adaptive DCT: rays, triangles between them, DCTs of every length."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.path import Path
from scipy.fft import dct

import napari_shrinkage as ns
from napari_shrinkage.transforms.shapes import (
    RAYS,
    REACH,
    SCALES,
    SIDE,
    coefficient_stds,
    dct_table,
    ray_stds,
    ray_weights,
    sectors,
)

BLUR = ns.Autocorrelation.from_kernel(np.outer([1, 2, 1], [1, 2, 1]))


def pixels_of(rows: np.ndarray) -> np.ndarray:
    """Return the pixels (SIDE, SIDE) whose bits are set."""
    return (rows[:, None] >> np.arange(SIDE, dtype=np.uint32)) & 1 == 1


def covariance(places: np.ndarray, correlation: ns.Autocorrelation) -> np.ndarray:
    """Return the covariance of the noise of pixels, (N, N), from their places (N, 2)."""
    window = correlation.array
    middle = np.array(window.shape) // 2
    lags = places[:, None] - places + middle
    inside = np.all((lags >= 0) & (lags < window.shape), axis=-1)
    return np.where(inside, window[tuple(np.where(inside[..., None], lags, 0).transpose(2, 0, 1))], 0)


def test_the_estimates_of_a_ray_keep_constants() -> None:
    np.testing.assert_allclose(ray_weights().sum(1), 1, atol=1e-6)


def test_rays_of_white_noise_have_the_norm_of_their_weights() -> None:
    norms = np.linalg.norm(ray_weights(), axis=1)
    np.testing.assert_allclose(ray_stds(None), np.tile(norms, (len(RAYS), 1)), rtol=1e-5)


def test_rays_have_the_std_that_the_noise_of_their_pixels_has() -> None:
    for (ray, step), (scale, h) in itertools.product(enumerate(RAYS), enumerate(SCALES)):
        weights = ray_weights()[scale, :h].astype(np.float64)
        shared = covariance(np.arange(h)[:, None] * np.array(step), BLUR)
        assert ray_stds(BLUR)[ray, scale] == pytest.approx(np.sqrt(weights @ shared @ weights), rel=1e-5)


def test_triangles_hold_the_pixels_inside_and_on_their_sides() -> None:
    y, x = (part.ravel() for part in np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1])
    for sector, first, second in itertools.product(range(8), range(1, len(SCALES)), range(1, len(SCALES))):
        ends = [
            (SCALES[scale] - 1) * np.array(RAYS[ray % 8])
            for ray, scale in ((sector, first), (sector + 1, second))
        ]
        path = Path(np.array([(0, 0), *ends, (0, 0)]))
        clockwise = np.linalg.det(ends) < 0
        expected = path.contains_points(np.stack([y, x], 1), radius=-1e-6 if clockwise else 1e-6)
        np.testing.assert_array_equal(pixels_of(sectors()[sector, first, second]).ravel(), expected)


def test_rays_of_one_length_enclose_a_square() -> None:
    for scale, h in enumerate(SCALES):
        star = np.bitwise_or.reduce(sectors()[:, scale, scale])
        y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
        np.testing.assert_array_equal(pixels_of(star), np.maximum(abs(y), abs(x)) < h)


def test_the_table_holds_the_orthonormal_dct_of_every_length() -> None:
    for n in range(1, SIDE + 1):
        expected = dct(np.eye(n), norm="ortho", axis=0)
        np.testing.assert_allclose(dct_table()[n, :n, :n], expected, atol=1e-6)
        assert not dct_table()[n, n:].any()
        assert not dct_table()[n, :, n:].any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (5, 3), (11, 11)])
def test_coefficients_of_a_rectangle_have_the_std_of_their_noise(height: int, width: int) -> None:
    places = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2)
    shared = covariance(places, BLUR)
    basis = np.kron(dct(np.eye(height), norm="ortho", axis=0), dct(np.eye(width), norm="ortho", axis=0))
    variances = np.einsum("ki,ij,kj->k", basis, shared, basis).reshape(height, width)
    found = coefficient_stds(BLUR)[height, :height, width, :width]
    np.testing.assert_allclose(found, np.sqrt(np.maximum(variances, 1e-6)), atol=2e-3)


def test_a_noise_of_more_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="3 axes, the shape-adaptive DCT 2"):
        coefficient_stds(ns.Autocorrelation.from_kernel(np.ones((3, 3, 3))))
