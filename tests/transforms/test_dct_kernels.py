"""The fused kernels of the sliding DCT against scipy's DCT, patch by patch in double precision."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba.core.dispatcher
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn, idctn

from napari_shrinkage.transforms import dct_kernels
from napari_shrinkage.transforms.dct_kernels import empirical_wiener, hard_threshold

SHAPES = {  # one patch; one row or column of them; one tile exactly, and one more; several bands and tiles
    8: [(8, 8), (9, 8), (8, 40), (41, 8), (12, 71), (13, 72), (75, 139)],
    16: [(16, 16), (17, 16), (16, 40), (50, 16), (20, 47), (19, 48), (90, 85)],
}
CASES = [(size, shape) for size, shapes in SHAPES.items() for shape in shapes]
every_case = pytest.mark.parametrize(("size", "shape"), CASES)
every_size = pytest.mark.parametrize("size", dct_kernels.FUSED_SIZES)


def noisy(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Return a step edge of height 20 in noise of std 1."""
    edge = 20.0 * (np.add.outer(np.arange(shape[0]), np.arange(shape[1])) > sum(shape) // 2)
    return (edge + np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def per_coefficient(size: int, low: float, high: float) -> np.ndarray:
    """Return different numbers for each coefficient, not symmetric in the two frequencies."""
    return np.random.default_rng(size).uniform(low, high, (size, size)).astype(np.float32)


def dct_of_patches(field: np.ndarray, size: int) -> np.ndarray:
    return dctn(sliding_window_view(field.astype(float), (size, size)), axes=(2, 3), norm="ortho")


def average_of_patches(coefficients: np.ndarray, weights: np.ndarray) -> np.ndarray:
    down, across, size, _ = coefficients.shape
    patches = idctn(coefficients, axes=(2, 3), norm="ortho") * weights[..., None, None]
    total, weight = np.zeros((2, down + size - 1, across + size - 1))
    for i in range(size):
        for j in range(size):
            total[i : i + down, j : j + across] += patches[:, :, i, j]
            weight[i : i + down, j : j + across] += weights
    return total / weight


def slow_hard_threshold(
    field: np.ndarray, size: int, thresholds: np.ndarray, uniform: bool = False, keep_dc: bool = True
) -> np.ndarray:
    coefficients = dct_of_patches(field, size)
    kept = np.abs(coefficients) > thresholds
    kept[:, :, 0, 0] |= keep_dc
    number = np.maximum(kept.sum((2, 3)), 1)
    return average_of_patches(coefficients * kept, np.ones(number.shape) if uniform else 1 / number)


def slow_wiener(field: np.ndarray, pilot: np.ndarray, size: int, variances: np.ndarray) -> np.ndarray:
    power = dct_of_patches(pilot, size) ** 2
    gains = power / (power + variances)
    gains[:, :, 0, 0] = 1
    return average_of_patches(dct_of_patches(field, size) * gains, 1 / (gains**2).sum((2, 3)))


def assert_close(result: np.ndarray, expected: np.ndarray) -> None:
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@every_case
@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (2.7, 2.7), (1.0, 4.0)])
def test_hard_threshold_equals_patch_by_patch(
    size: int, shape: tuple[int, int], low: float, high: float
) -> None:
    field, thresholds = noisy(shape), per_coefficient(size, low, high)
    assert_close(
        hard_threshold(field, size, thresholds, threads=1), slow_hard_threshold(field, size, thresholds)
    )


@every_size
@pytest.mark.parametrize("keep_dc", [True, False])
def test_uniform_weights_average_patches_equally(size: int, keep_dc: bool) -> None:
    field, thresholds = noisy((45, 83)), per_coefficient(size, 2, 4)
    result = hard_threshold(field, size, thresholds, uniform_weights=True, keep_dc=keep_dc, threads=1)
    assert_close(result, slow_hard_threshold(field, size, thresholds, uniform=True, keep_dc=keep_dc))


@every_size
def test_mean_can_be_thresholded_too(size: int) -> None:
    field, thresholds = noisy((45, 83)), per_coefficient(size, 2, 4)
    result = hard_threshold(field, size, thresholds, keep_dc=False, threads=1)
    assert_close(result, slow_hard_threshold(field, size, thresholds, keep_dc=False))
    dropped = hard_threshold(field, size, thresholds + 1e6, keep_dc=False, threads=1)
    np.testing.assert_array_equal(dropped, 0)


@every_case
def test_wiener_equals_patch_by_patch(size: int, shape: tuple[int, int]) -> None:
    field, pilot, variances = noisy(shape), noisy(shape, seed=1), per_coefficient(size, 0.2, 5)
    assert_close(
        empirical_wiener(field, pilot, size, variances, threads=1), slow_wiener(field, pilot, size, variances)
    )


@every_case
def test_nothing_changes_without_noise(size: int, shape: tuple[int, int]) -> None:
    field, none = noisy(shape), np.zeros((size, size), np.float32)
    np.testing.assert_allclose(hard_threshold(field, size, none, threads=1), field, atol=2e-5)
    np.testing.assert_allclose(empirical_wiener(field, field, size, none, threads=1), field, atol=2e-5)
    flat = np.zeros_like(field)
    np.testing.assert_allclose(empirical_wiener(field, flat, size, none, threads=1), field, atol=2e-5)


@every_size
@pytest.mark.parametrize("level", [0.0, -3.5, 1e4])
def test_constant_field_stays_constant(size: int, level: float) -> None:
    field, limits = np.full((40, 75), level, np.float32), np.ones((size, size), np.float32)
    for pilot in (field, np.zeros_like(field)):
        result = empirical_wiener(field, pilot, size, limits, threads=1)
        np.testing.assert_allclose(result, field, rtol=1e-6)
    np.testing.assert_allclose(hard_threshold(field, size, limits, threads=1), field, rtol=1e-6)


@every_size
@pytest.mark.parametrize("threads", [2, 3, 50])
def test_result_does_not_depend_on_threads(size: int, threads: int) -> None:
    field, pilot, limits = noisy((200, 90)), noisy((200, 90), seed=1), per_coefficient(size, 1, 3)
    one = hard_threshold(field, size, limits, threads=1)
    np.testing.assert_array_equal(hard_threshold(field, size, limits, threads=threads), one)
    one = empirical_wiener(field, pilot, size, limits, threads=1)
    np.testing.assert_array_equal(empirical_wiener(field, pilot, size, limits, threads=threads), one)


def test_callers_in_several_threads_do_not_disturb_each_other() -> None:
    fields = [noisy((150, 120), seed) for seed in range(4)]
    limits = {size: per_coefficient(size, 1, 3) for size in dct_kernels.FUSED_SIZES}
    jobs = [(field, size, limits[size]) for field in fields for size in limits] * 3
    expected = [hard_threshold(*job, threads=1) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda job: hard_threshold(*job, threads=2), jobs))
    for result, alone in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, alone)


def test_read_only_and_strided_fields_are_fields_like_others() -> None:
    field, thresholds = noisy((40, 50)), per_coefficient(8, 1, 3)
    expected = hard_threshold(field, 8, thresholds, threads=1)
    for other in (np.asfortranarray(field), np.repeat(field, 2, axis=1)[:, ::2], field.copy()):
        other.flags.writeable = False
        np.testing.assert_array_equal(hard_threshold(other, 8, thresholds, threads=1), expected)


def test_inputs_are_left_alone() -> None:
    field, pilot, limits = noisy((20, 30)), noisy((20, 30), seed=1), per_coefficient(8, 1, 3)
    before = field.copy(), pilot.copy(), limits.copy()
    hard_threshold(field, 8, limits, threads=1)
    empirical_wiener(field, pilot, 8, limits, threads=1)
    for array, copy in zip((field, pilot, limits), before, strict=True):
        np.testing.assert_array_equal(array, copy)


FIELD, LIMITS = noisy((20, 30)), np.ones((8, 8), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: hard_threshold(FIELD.astype(float), 8, LIMITS, threads=1), TypeError, "field is float64"),
        (
            lambda: hard_threshold(FIELD, 8, LIMITS.astype(float), threads=1),
            TypeError,
            "thresholds are float64",
        ),
        (lambda: hard_threshold(FIELD[None], 8, LIMITS, threads=1), ValueError, r"\(1, 20, 30\).*plane"),
        (lambda: hard_threshold(FIELD[:7], 8, LIMITS, threads=1), ValueError, r"\(7, 30\).*8 x 8"),
        (lambda: hard_threshold(FIELD, 8, LIMITS[:4], threads=1), ValueError, r"\(4, 8\).*\(8, 8\)"),
        (lambda: hard_threshold(FIELD, 7, LIMITS, threads=1), ValueError, r"size=7, only \(8, 16\)"),
        (lambda: hard_threshold(FIELD, 8, LIMITS, threads=0), ValueError, "threads=0"),
        (lambda: empirical_wiener(FIELD, FIELD[1:], 8, LIMITS, threads=1), ValueError, r"\(19, 30\).*alike"),
        (lambda: empirical_wiener(FIELD, FIELD > 0, 8, LIMITS, threads=1), TypeError, "pilot is bool"),
        (lambda: empirical_wiener(FIELD, FIELD, 8, LIMITS.ravel(), threads=1), ValueError, "variances are"),
        (lambda: dct_kernels.compile_kernels((12,)), ValueError, "size=12"),
    ],
)
def test_errors_say_what_came_and_what_is_needed(
    call: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call()


def test_compiled_sizes_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    dct_kernels.compile_kernels((8,))  # in numba's disk cache from here on
    for kernel in {*dct_kernels._kernels(8), *dct_kernels._kernels(16)}:
        monkeypatch.setattr(kernel, "_compiled", None)
    assert not dct_kernels.is_compiled(8)
    dct_kernels.compile_kernels((8,))
    assert dct_kernels.is_compiled(8)
    assert not dct_kernels.is_compiled(16)
    assert not dct_kernels.is_compiled(12)


def test_kernels_work_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder(_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    field, thresholds = noisy((20, 30)), per_coefficient(8, 1, 3)
    expected = hard_threshold(field, 8, thresholds, threads=1)
    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", no_folder)
    monkeypatch.setattr(dct_kernels._average, "_compiled", None)
    np.testing.assert_array_equal(hard_threshold(field, 8, thresholds, threads=1), expected)


STEPS = """
from .dct_kernels_1d import inlined

BAND, Array, Planes = 32, object, tuple


def hard(n):
    return None


wiener = hard


def bands(n, shrink, piloted):
    @inlined
    def fill(planes, uniform, first, last):
        planes[3][0, 0, 0] = {value}

    return fill


def average(n, sums, weights, restored, first, last):
    restored[0, 0] = sums[0, 0, 0]
"""


def test_disk_cache_notices_a_change_in_what_is_inlined(tmp_path: Path) -> None:
    package, source = tmp_path / "package", Path(dct_kernels.__file__).parents[1]
    (package / "transforms").mkdir(parents=True)
    for name in ("kernels.py", "transforms/dct_kernels.py", "transforms/dct_kernels_1d.py"):
        shutil.copy(source / name, package / name)
    for value in ("10.0", "20.0"):
        (package / "transforms" / "dct_kernels_steps.py").write_text(STEPS.format(value=value))
        assert first_pixel(tmp_path) == value


def first_pixel(folder: Path) -> str:
    """Run the kernels of a folder in a process of their own."""
    program = (
        "import numpy as np; from package.transforms.dct_kernels import hard_threshold; "
        "print(hard_threshold(np.ones((9, 9), np.float32), 8, np.ones((8, 8), np.float32), threads=1)[0, 0])"
    )
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    run = subprocess.run(
        [sys.executable, "-B", "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()
