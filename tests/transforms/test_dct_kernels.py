"""The fused kernels of the sliding DCT against scipy's DCT, patch by patch in double precision."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba.core.dispatcher
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct, dctn, idct, idctn

from napari_shrinkage.transforms import dct_kernels, dct_kernels_1d

SHAPES = {  # one patch; one row or column of them; one tile exactly, and one more; several bands and tiles
    (8, 8): [(8, 8), (9, 8), (8, 40), (41, 8), (12, 71), (13, 72), (75, 139)],
    (16, 16): [(16, 16), (17, 16), (16, 40), (50, 16), (20, 47), (19, 48), (90, 85)],
    (3, 8, 8): [(3, 8, 8), (4, 9, 8), (5, 8, 71), (6, 10, 72), (11, 41, 75)],  # planes: until nothing is held
}
CASES = [(patch, shape) for patch, shapes in SHAPES.items() for shape in shapes]
every_case = pytest.mark.parametrize(("patch", "shape"), CASES)
every_patch = pytest.mark.parametrize("patch", SHAPES)
LARGE = {(8, 8): (200, 90), (16, 16): (200, 90), (3, 8, 8): (7, 120, 40)}


def hard_threshold(field: np.ndarray, thresholds: np.ndarray, **options: Any) -> np.ndarray:
    """Filter one channel."""
    return dct_kernels.hard_threshold(field[None], thresholds[None], **options)[0]


def empirical_wiener(field: np.ndarray, pilot: np.ndarray, variances: np.ndarray, threads: int) -> np.ndarray:
    """Filter one channel."""
    return dct_kernels.empirical_wiener(field[None], pilot[None], variances[None], threads=threads)[0]


def noisy(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return a step edge of height 20 in noise of std 1."""
    edge = 20.0 * (np.indices(shape).sum(0) > sum(shape) // 2)
    return (edge + np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def per_coefficient(patch: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Return different numbers for each coefficient, not symmetric in the frequencies."""
    return np.random.default_rng(patch[0]).uniform(low, high, patch).astype(np.float32)


def dct_of_patches(field: np.ndarray, patch: tuple[int, ...]) -> np.ndarray:
    windows = sliding_window_view(field.astype(float), patch)
    return dctn(windows, axes=range(-len(patch), 0), norm="ortho")


def average_of_patches(coefficients: np.ndarray, weights: np.ndarray) -> np.ndarray:
    ndim = weights.ndim
    size, places = coefficients.shape[ndim:], coefficients.shape[:ndim]
    patches = idctn(coefficients, axes=range(-ndim, 0), norm="ortho") * weights.reshape(*places, *[1] * ndim)
    total, weight = np.zeros((2, *(n + m - 1 for n, m in zip(places, size, strict=True))))
    for offset in np.ndindex(size):
        part = tuple(slice(i, i + n) for i, n in zip(offset, places, strict=True))
        total[part] += patches[(..., *offset)]
        weight[part] += weights
    return total / weight


def slow_hard_threshold(
    field: np.ndarray, thresholds: np.ndarray, uniform: bool = False, keep_dc: bool = True
) -> np.ndarray:
    coefficients = dct_of_patches(field, thresholds.shape)
    kept = np.abs(coefficients) > thresholds
    kept[(..., *[0] * field.ndim)] |= keep_dc
    number = np.maximum(kept.sum(tuple(range(-field.ndim, 0))), 1)
    return average_of_patches(coefficients * kept, np.ones(number.shape) if uniform else 1 / number)


def slow_wiener(field: np.ndarray, pilot: np.ndarray, variances: np.ndarray) -> np.ndarray:
    power = dct_of_patches(pilot, variances.shape) ** 2
    gains = power / (power + variances)
    gains[(..., *[0] * field.ndim)] = 1
    weights = 1 / (gains**2).sum(tuple(range(-field.ndim, 0)))
    return average_of_patches(dct_of_patches(field, variances.shape) * gains, weights)


def assert_close(result: np.ndarray, expected: np.ndarray) -> None:
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@every_case
@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (2.7, 2.7), (1.0, 4.0)])
def test_hard_threshold_equals_patch_by_patch(
    patch: tuple[int, ...], shape: tuple[int, ...], low: float, high: float
) -> None:
    field, thresholds = noisy(shape), per_coefficient(patch, low, high)
    assert_close(hard_threshold(field, thresholds, threads=1), slow_hard_threshold(field, thresholds))


@every_patch
@pytest.mark.parametrize("keep_dc", [True, False])
def test_uniform_weights_average_patches_equally(patch: tuple[int, ...], keep_dc: bool) -> None:
    field, thresholds = noisy(LARGE[patch]), per_coefficient(patch, 2, 4)
    result = hard_threshold(field, thresholds, uniform_weights=True, keep_dc=keep_dc, threads=1)
    assert_close(result, slow_hard_threshold(field, thresholds, uniform=True, keep_dc=keep_dc))


@every_patch
def test_mean_can_be_thresholded_too(patch: tuple[int, ...]) -> None:
    field, thresholds = noisy(LARGE[patch]), per_coefficient(patch, 2, 4)
    result = hard_threshold(field, thresholds, keep_dc=False, threads=1)
    assert_close(result, slow_hard_threshold(field, thresholds, keep_dc=False))
    dropped = hard_threshold(field, thresholds + 1e6, keep_dc=False, threads=1)
    np.testing.assert_array_equal(dropped, 0)


@every_case
def test_wiener_equals_patch_by_patch(patch: tuple[int, ...], shape: tuple[int, ...]) -> None:
    field, pilot, variances = noisy(shape), noisy(shape, seed=1), per_coefficient(patch, 0.2, 5)
    assert_close(empirical_wiener(field, pilot, variances, threads=1), slow_wiener(field, pilot, variances))


@every_case
def test_nothing_changes_without_noise(patch: tuple[int, ...], shape: tuple[int, ...]) -> None:
    field, none = noisy(shape), np.zeros(patch, np.float32)
    np.testing.assert_allclose(hard_threshold(field, none, threads=1), field, atol=2e-5)
    np.testing.assert_allclose(empirical_wiener(field, field, none, threads=1), field, atol=2e-5)
    flat = np.zeros_like(field)
    np.testing.assert_allclose(empirical_wiener(field, flat, none, threads=1), field, atol=2e-5)


@every_patch
@pytest.mark.parametrize("level", [0.0, -3.5, 1e4])
def test_constant_field_stays_constant(patch: tuple[int, ...], level: float) -> None:
    field, limits = np.full(LARGE[patch], level, np.float32), np.ones(patch, np.float32)
    for pilot in (field, np.zeros_like(field)):
        result = empirical_wiener(field, pilot, limits, threads=1)
        np.testing.assert_allclose(result, field, rtol=1e-6)
    np.testing.assert_allclose(hard_threshold(field, limits, threads=1), field, rtol=1e-6)


@every_patch
@pytest.mark.parametrize("threads", [2, 3, 50])
def test_result_does_not_depend_on_threads(patch: tuple[int, ...], threads: int) -> None:
    field, pilot, limits = noisy(LARGE[patch]), noisy(LARGE[patch], seed=1), per_coefficient(patch, 1, 3)
    one = hard_threshold(field, limits, threads=1)
    np.testing.assert_array_equal(hard_threshold(field, limits, threads=threads), one)
    one = empirical_wiener(field, pilot, limits, threads=1)
    np.testing.assert_array_equal(empirical_wiener(field, pilot, limits, threads=threads), one)


@every_patch
def test_channels_are_filtered_alike_each_with_its_own_limits(patch: tuple[int, ...]) -> None:
    shape = SHAPES[patch][-1]
    field, pilot = np.stack([noisy(shape), noisy(shape, seed=1)]), np.stack([noisy(shape, seed=2)] * 2)
    limits = np.stack([per_coefficient(patch, 1, 3), per_coefficient(patch, 2, 5)])
    both = dct_kernels.hard_threshold(field, limits, threads=2)
    for c in range(2):
        np.testing.assert_array_equal(both[c], hard_threshold(field[c], limits[c], threads=1))
    both = dct_kernels.empirical_wiener(field, pilot, limits, threads=2)
    for c in range(2):
        np.testing.assert_array_equal(both[c], empirical_wiener(field[c], pilot[c], limits[c], threads=1))


@pytest.mark.parametrize("n", range(1, 17))
def test_dct_across_planes_is_that_of_scipy(n: int) -> None:
    forward, backward = (as_written(f) for f in dct_kernels_1d.transform(n))
    x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    np.testing.assert_allclose(forward(tuple(x), np.float32(1)), dct(x, norm="ortho"), atol=1e-6)
    np.testing.assert_allclose(backward(tuple(x), np.float32(1)), idct(x, norm="ortho"), atol=1e-6)


def as_written(function: Any) -> Any:
    """Return a function with all the functions that it calls as Python reads them, not compiled."""
    if not hasattr(function, "py_func"):
        return function
    source = function.py_func
    cells = tuple(types.CellType(as_written(cell.cell_contents)) for cell in source.__closure__ or ())
    names = {
        name: as_written(source.__globals__[name])
        for name in source.__code__.co_names
        if name in source.__globals__
    }
    return types.FunctionType(source.__code__, source.__globals__ | names, source.__name__, None, cells)


def test_callers_in_several_threads_do_not_disturb_each_other() -> None:
    fields = [noisy((150, 120), seed) for seed in range(4)]
    limits = [per_coefficient((size, size), 1, 3) for size in dct_kernels.FUSED_SIZES]
    jobs = [(field, one) for field in fields for one in limits] * 3
    expected = [hard_threshold(*job, threads=1) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda job: hard_threshold(*job, threads=2), jobs))
    for result, alone in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, alone)


def test_read_only_and_strided_fields_are_fields_like_others() -> None:
    field, thresholds = noisy((40, 50)), per_coefficient((8, 8), 1, 3)
    expected = hard_threshold(field, thresholds, threads=1)
    for other in (np.asfortranarray(field), np.repeat(field, 2, axis=1)[:, ::2], field.copy()):
        other.flags.writeable = False
        np.testing.assert_array_equal(hard_threshold(other, thresholds, threads=1), expected)


def test_inputs_are_left_alone() -> None:
    field, pilot, limits = noisy((20, 30)), noisy((20, 30), seed=1), per_coefficient((8, 8), 1, 3)
    before = field.copy(), pilot.copy(), limits.copy()
    hard_threshold(field, limits, threads=1)
    empirical_wiener(field, pilot, limits, threads=1)
    for array, copy in zip((field, pilot, limits), before, strict=True):
        np.testing.assert_array_equal(array, copy)


FIELD, LIMITS = noisy((20, 30)), np.ones((8, 8), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: hard_threshold(FIELD.astype(float), LIMITS, threads=1), TypeError, "field: float64"),
        (lambda: hard_threshold(FIELD, LIMITS.astype(float), threads=1), TypeError, "thresholds: float64"),
        (
            lambda: hard_threshold(FIELD[None], LIMITS, threads=1),
            ValueError,
            r"\(1, 1, 20, 30\).*\(C, Y, X\)",
        ),
        (lambda: hard_threshold(FIELD[:7], LIMITS, threads=1), ValueError, r"\(1, 7, 30\).*8 x 8"),
        (lambda: hard_threshold(FIELD, LIMITS[:4], threads=1), ValueError, "4 x 8"),
        (
            lambda: hard_threshold(FIELD, LIMITS[:7, :7], threads=1),
            ValueError,
            r"7 x 7 .* squares of \(8, 16\)",
        ),
        (lambda: hard_threshold(FIELD, LIMITS, threads=0), ValueError, "threads=0"),
        (lambda: empirical_wiener(FIELD, FIELD[1:], LIMITS, threads=1), ValueError, r"19, 30\).*alike"),
        (lambda: empirical_wiener(FIELD, FIELD > 0, LIMITS, threads=1), TypeError, "pilot: bool"),
        (
            lambda: empirical_wiener(FIELD, FIELD, LIMITS.ravel(), threads=1),
            ValueError,
            "patches of 64 pixels",
        ),
        (lambda: dct_kernels.kernels_of("hard", (12, 12)), ValueError, "12 x 12"),
        (lambda: dct_kernels.kernels_of("hard", (17, 8, 8)), ValueError, "17 x 8 x 8.*up to 16 planes"),
    ],
)
def test_errors_say_what_came_and_what_is_needed(
    call: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call()


def test_kernels_work_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder(_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    field, thresholds = noisy((20, 30)), per_coefficient((8, 8), 1, 3)
    expected = hard_threshold(field, thresholds, threads=1)
    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", no_folder)
    monkeypatch.setattr(dct_kernels._average, "_compiled", None)
    np.testing.assert_array_equal(hard_threshold(field, thresholds, threads=1), expected)


STEPS = """
from ..kernels import inlined

BAND, Array = 32, object


def hard(n, step, tile):
    return None


wiener, tile_of = hard, int


def bands(n, shrink, piloted):
    @inlined
    def fill(planes, uniform, first, last):
        planes[3][0, 0, 0] = {value}

    return fill


def average(n, sums, weights, restored, first, last):
    restored[0, 0, 0, 0] = sums[0, 0, 0, 0]
"""


def test_disk_cache_notices_a_change_in_what_is_inlined(tmp_path: Path) -> None:
    package, source = tmp_path / "package", Path(dct_kernels.__file__).parents[1]
    (package / "transforms").mkdir(parents=True)
    for name in ("kernels.py", "transforms/dct_kernels.py"):
        shutil.copy(source / name, package / name)
    (package / "transforms" / "dct_kernels_1d.py").write_text("# nothing")
    (package / "transforms" / "dct_kernels_volume.py").write_text("volume_bands = None")
    for value in ("10.0", "20.0"):
        (package / "transforms" / "dct_kernels_steps.py").write_text(STEPS.format(value=value))
        assert first_pixel(tmp_path) == value


def first_pixel(folder: Path) -> str:
    """Run the kernels of a folder in a process of their own."""
    program = (
        "import numpy as np; from package.transforms.dct_kernels import hard_threshold; "
        "ones = np.ones((1, 9, 9), np.float32); "
        "print(hard_threshold(ones, ones[:, 1:, 1:], threads=1)[0, 0, 0])"
    )
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    run = subprocess.run(
        [sys.executable, "-B", "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()
