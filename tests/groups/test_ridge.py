"""The groups' ridge filter against its closed form in double precision, and the kernel against torch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from napari_shrinkage.groups import kernels, matching, reference, ridge
from napari_shrinkage.groups.grouping import SIZES, Grouping, first_position

WHITE = np.ones((1, 1, 1), np.float32)
STRIPED = np.array([[[0.3, 1.0, 0.3]]], np.float32)
SMOOTH = np.exp(-(np.add.outer(np.arange(-6, 7) ** 2, np.arange(-6, 7) ** 2)) / 16)[None].astype(np.float32)
LAGS = pytest.mark.parametrize("lags", [WHITE, STRIPED, SMOOTH], ids=["white", "striped", "smooth"])
FIRST, SECOND = Grouping(9, 16, 32, 0, 6), Grouping(7, 40, 24, 0, 5)


def edges(shape: tuple[int, ...] = (1, 60, 71), seed: int = 0) -> np.ndarray:
    """Return fields (1, Z, Y, X) with diagonal edges, 6 noise stds high, in noise of std 1."""
    y, x = np.mgrid[: shape[1], : shape[2]]
    return ((y + x) // 25 * 6.0 + np.random.default_rng(seed).standard_normal(shape))[None].astype(np.float32)


def closed_form(noisy: np.ndarray, pilot: np.ndarray, grouping: Grouping, lags: np.ndarray) -> np.ndarray:
    """Restore a plane as the formulas say, group by group in double precision, with a pilot."""
    size, n = grouping.size, grouping.size**2
    total, weights = np.zeros((2, *noisy.shape))
    patches = [sliding_window_view(a.astype(float), (size, size)) for a in (noisy, pilot)]
    down, across = patches[0].shape[:2]
    for top, left in itertools.product(range(0, down, grouping.stride), range(0, across, grouping.stride)):
        y, x = (first_position(p, grouping.search, n) for p, n in ((top, down), (left, across)))
        window = patches[1][y : y + grouping.search, x : x + grouping.search]
        distance = ((window - patches[1][top, left]) ** 2).sum((2, 3))
        order = np.argsort(distance, axis=None, kind="stable")[: grouping.matches]
        rows, columns = np.unravel_index(order, distance.shape)
        places = np.stack([rows + y, columns + x], 1)
        group, signal = (p[places[:, 0], places[:, 1]].reshape(-1, n).T for p in patches)
        white = lags.size == 1
        noise = n * (correlations(places, lags) + (0 if white else 0.1) * np.eye(len(places)))
        over = 1 if white else None  # the mean patch, or the mean of all pixels
        mean = group.mean(over, keepdims=True)
        signal = signal - signal.mean(over, keepdims=True)
        theta = np.linalg.solve(signal.T @ signal + noise, signal.T @ signal)
        restored = mean + (group - mean) @ theta
        left_over = (theta * (noise @ theta)).sum(0) / np.diag(noise) + 1 / len(places)
        for column, (i, j), weight in zip(restored.T, places, 1 / left_over, strict=True):
            total[i : i + size, j : j + size] += weight * column.reshape(size, size)
            weights[i : i + size, j : j + size] += weight
    return np.where(weights > 0, total / np.maximum(weights, 1e-12), pilot)


def correlations(places: np.ndarray, lags: np.ndarray) -> np.ndarray:
    lag = places[:, None] - places[None] + np.array(lags.shape[1:]) // 2
    inside = ((lag >= 0) & (lag < lags.shape[1:])).all(-1)
    clipped = lag.clip(0, np.array(lags.shape[1:]) - 1)
    return inside * lags[0][clipped[..., 0], clipped[..., 1]]


@LAGS
def test_the_second_step_is_the_closed_form(lags: np.ndarray) -> None:
    noisy = edges()
    pilot = (noisy + edges(seed=1)) / 2
    found = kernels.ridge_filtered(noisy, pilot, pilot[0], SECOND, lags, threads=1)
    np.testing.assert_allclose(found[0, 0], closed_form(noisy[0, 0], pilot[0, 0], SECOND, lags), atol=1e-3)


@LAGS
@pytest.mark.parametrize("shape", [(1, 60, 71), (1, 16, 40), (5, 30, 33)], ids=str)
@pytest.mark.parametrize(
    "grouping", [FIRST, SECOND, Grouping(5, 24, 16, 1, 3)], ids=["first", "second", "deep"]
)
def test_kernel_and_torch_agree(lags: np.ndarray, shape: tuple[int, ...], grouping: Grouping) -> None:
    noisy = np.concatenate([edges(shape), edges(shape, 2)])
    pilot = None if grouping is FIRST else np.concatenate([edges(shape, 3), edges(shape, 4)])
    guide = (noisy if pilot is None else pilot)[0]
    found = kernels.ridge_filtered(noisy, pilot, guide, grouping, lags, threads=2)
    tensors = [None if a is None else torch.from_numpy(a) for a in (noisy, pilot, guide)]
    expected = reference.ridge_filtered(*tensors, grouping, torch.from_numpy(lags))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-3)


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    noisy = edges((1, 200, 50))
    results = [kernels.ridge_filtered(noisy, None, noisy[0], FIRST, WHITE, threads=n) for n in (1, 2, 3)]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_noise_that_is_weaker_than_said_is_not_blown_up() -> None:
    weak = 0.3 * np.random.default_rng(0).standard_normal((1, 1, 60, 71)).astype(np.float32)
    found = kernels.ridge_filtered(weak, None, weak[0], FIRST, WHITE, threads=1)
    assert found[..., :54, :66].std() < 0.3


def test_a_shift_of_level_is_a_shift_of_the_result() -> None:
    noisy = edges()
    plain = kernels.ridge_filtered(noisy, None, noisy[0], FIRST, WHITE, threads=1)
    lifted = kernels.ridge_filtered(noisy + 1000, None, noisy[0], FIRST, WHITE, threads=1)
    np.testing.assert_allclose(lifted - 1000, plain, atol=0.02)


def test_enormous_contrast_keeps_its_digits() -> None:
    """Where a Gram matrix loses the noise to rounding, edges stay and nothing explodes."""
    noisy = edges()
    noisy[..., :30] += 1e5
    found = kernels.ridge_filtered(noisy, noisy, noisy[0], SECOND, WHITE, threads=1)
    assert np.abs(found - noisy).max() < 50


def test_fields_below_a_patch_are_refused() -> None:
    small = np.zeros((1, 1, 6, 40), np.float32)
    with pytest.raises(ValueError, match="6 x 40"):
        kernels.ridge_filtered(small, None, small[0], FIRST, WHITE, threads=1)


@pytest.mark.parametrize("size", SIZES)
def test_distances_are_those_of_patches(size: int) -> None:
    guide = np.random.default_rng(0).standard_normal((3, 40, 44)).astype(np.float32)
    window, distances = np.array([0, 2, 3, 25, 7, 31]), np.empty(2 * 22 * 24, np.float32)
    matching.measure(guide, size, (2, 10, 12), window, distances)
    patches = sliding_window_view(guide, (1, size, size))[0:2, 3:25, 7:31, 0]
    expected = ((patches - guide[2, 10 : 10 + size, 12 : 12 + size]) ** 2).sum((3, 4))
    np.testing.assert_allclose(distances, expected.ravel(), rtol=1e-5)


@pytest.mark.parametrize(
    "distances",
    [
        np.random.default_rng(0).chisquare(50, 700),
        np.zeros(90),
        np.repeat([3.0, 1.0, 2.0], 30),
        10.0 ** np.linspace(0, 37, 60),
    ],
    ids=["spread", "zeros", "ties", "decades"],
)
def test_the_nearest_are_those_of_a_sort(distances: np.ndarray) -> None:
    values = distances.astype(np.float32)
    chosen = np.empty(40, np.int64)
    matching.nearest(values, np.empty(matching.BINS, np.int64), chosen, np.empty(len(values), np.int64))
    assert set(chosen.tolist()) == set(np.argsort(values, kind="stable")[:40].tolist())


@pytest.mark.parametrize("k", [1, 3, 4, 7, 8, 61])
def test_the_inverse_is_numpys(k: int) -> None:
    factors = np.random.default_rng(k).standard_normal((k, 2 * k))
    matrix = (factors @ factors.T + np.eye(k)).astype(np.float32)
    inverse = np.empty_like(matrix)
    ridge.invert(matrix.copy(), np.float32(0.5), np.empty(k, np.float32), inverse)
    np.testing.assert_allclose(inverse, np.linalg.inv(matrix.astype(float)), atol=2e-5)
