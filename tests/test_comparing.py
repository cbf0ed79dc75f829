"""Comparisons: what is picked, what a row says, and what is asked of candidates."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import napari_shrinkage as ns
from napari_shrinkage.comparing import candidate_steps, comparing, default_candidates, scaled_wiener
from napari_shrinkage.comparing.crops import Crop, representative_regions
from napari_shrinkage.noise import CalibratedCamera
from napari_shrinkage.noise.camera_maps import save_maps
from napari_shrinkage.restorers import named

SIGMA = 20.0
TRUTH = data.camera()[100:228, 150:300].astype(np.float32)
NOISY = (TRUTH + SIGMA * np.random.default_rng(5).standard_normal(TRUTH.shape)).astype(np.float32)
RATIOS = {
    "little": ns.Shrinkage(transform=ns.SlidingDCT(), rule=ns.Hard(), threshold=ns.Ratio(r=1.2)),
    "right": "dct",
    "much": ns.Shrinkage(transform=ns.SlidingDCT(), rule=ns.Hard(), threshold=ns.Ratio(r=8.0)),
}


def busy(shape: tuple[int, int]) -> np.ndarray:
    """Return an image whose left half is flat and whose right half is textured."""
    image = np.full(shape, 100.0, np.float32)
    image[:, shape[1] // 2 :] += 30 * np.sin(np.arange(shape[1] - shape[1] // 2) / 3)
    return image


def test_the_best_by_estimate_is_the_best_by_truth():
    found = ns.compare(NOISY, RATIOS, TRUTH, noise=SIGMA)
    assert [row.name for row in found.rows] == [
        row.name for row in sorted(found.rows, key=lambda row: -row.psnr)
    ]
    assert found.rows[0].name == "right"
    for row in found.rows:
        assert row.mse == pytest.approx(np.mean((restored(row) - TRUTH) ** 2), abs=3 * row.mse_error)


def restored(row: ns.comparing.Row) -> np.ndarray:
    return ns.restore(NOISY, row.restorer, noise=row.noise)


def test_a_reference_adds_what_scikit_image_says():
    row = ns.compare(NOISY, ["dct"], TRUTH, noise=SIGMA).rows[0]
    peak = float(np.subtract(*np.percentile(NOISY, (99.9, 0.1))))
    assert row.psnr == pytest.approx(peak_signal_noise_ratio(TRUTH, restored(row), data_range=peak), abs=1e-3)
    assert row.ssim == pytest.approx(structural_similarity(TRUTH, restored(row), data_range=peak), abs=1e-4)
    assert row.error_std == pytest.approx(np.std(restored(row) - TRUTH), rel=1e-3)


def test_bytes_have_a_peak_of_255_and_no_reference_no_columns():
    image = NOISY.clip(0, 255).round().astype(np.uint8)
    found = ns.compare(image, ["dct"], noise=SIGMA)
    assert found.peak == 255
    assert not found.has_reference
    assert "SSIM" not in found.table()
    assert found.rows[0].psnr_estimated == pytest.approx(10 * np.log10(255**2 / found.rows[0].mse))


def test_a_candidate_keeps_the_noise_it_is_told_of_and_the_risk_stays_that_of_the_image():
    steps = {
        "told": ns.Step(named("dct-wiener"), ns.Gaussian(1.4 * SIGMA)),
        "scaled": scaled_wiener(1.4),
        "known": "dct-wiener",
    }
    found = ns.compare(NOISY, steps, noise=SIGMA)
    assert found.row("told").noise == ns.Gaussian(1.4 * SIGMA)
    assert found.row("told").mse == pytest.approx(found.row("scaled").mse, rel=1e-3)
    assert found.best == ns.Step(named("dct-wiener"), ns.Gaussian(SIGMA))
    assert ns.restore(NOISY, ns.Recipe((found.best,))).shape == NOISY.shape


def test_correlated_noise_taken_as_white_is_found_out():
    correlation = ns.Autocorrelation.from_kernel(np.ones((3, 3)))
    noise = ns.Gaussian(SIGMA, correlation)
    field = ns.risk.noise_field(TRUTH.shape, correlation, np.random.default_rng(1))
    steps = default_candidates(noise)
    wanted = {name: steps[name] for name in ("dct-wiener", "dct-wiener, noise taken as white")}
    found = ns.compare(TRUTH + SIGMA * field, wanted, TRUTH, noise=noise)
    assert found.rows[0].name == "dct-wiener"
    assert found.rows[0].psnr > found.rows[1].psnr + 0.5


def test_noise_is_estimated_once_where_none_is_given():
    found = ns.compare(NOISY, ["dct", "wavelet"])
    assert found.rows[0].noise == found.rows[1].noise == found.noise
    assert found.noise.std(np.float32(100)) == pytest.approx(SIGMA, rel=0.15)


def test_progress_ends_at_its_total_and_names_the_candidate():
    work = comparing(ns.Stack(NOISY), ["dct", "wavelet"], noise=SIGMA)
    steps = list(work)
    assert [step.done for step in steps[1:-1]] == list(range(len(steps) - 2))
    assert steps[-1].done == steps[-1].total == len(steps) - 2
    assert {step.message for step in steps[1:-1]} == {"dct", "wavelet"}


def test_a_large_image_is_represented_by_windows_of_either_kind():
    stack, noise = ns.Stack(busy((2000, 1500))), ns.Gaussian(5.0)
    regions = representative_regions(stack, noise, 2)
    assert regions == representative_regions(stack, noise, 2)
    assert sum((a.stop - a.start) * (b.stop - b.start) for a, b in regions) <= 2**20
    share = np.mean([columns.start >= 750 for _, columns in regions])
    assert 0.25 < share < 0.75
    assert len({(rows.start, columns.start) for rows, columns in regions}) == len(regions)


def test_windows_tell_what_the_whole_image_does():
    truth = busy((1100, 1100))
    noisy = truth + 5 * np.random.default_rng(0).standard_normal(truth.shape).astype(np.float32)
    found = ns.compare(noisy, ["dct"], truth, noise=5.0)
    whole = ns.restore(noisy, "dct", noise=5.0)
    assert not found.whole
    assert found.rows[0].mse == pytest.approx(np.mean((whole - truth) ** 2), rel=0.15)
    assert found.rows[0].error_std == pytest.approx(np.std(whole - truth), rel=0.08)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("TYX", (3, 48, 40)), ("CYX", (2, 48, 40)), ("YXC", (48, 40, 3)), ("ZCYX", (2, 2, 48, 40))],
)
def test_every_kind_of_stack_is_compared(axes, shape):
    image = 100 + 5 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = ns.compare(image, ["dct"], np.full(shape, 100.0), noise=5.0, axes=axes)
    assert found.pixels == image.size
    assert found.rows[0].mse < 5
    assert found.rows[0].error_std < 2.5


def test_alpha_takes_no_part_and_volumes_are_restored_as_such():
    rgba = np.full((40, 40, 4), 200, np.uint8)
    assert ns.compare(rgba, ["dct"], noise=5.0, axes="YXC").pixels == 40 * 40 * 3
    volume = 100 + 5 * np.random.default_rng(0).standard_normal((12, 24, 24)).astype(np.float32)
    cube = ns.Shrinkage(transform=ns.SlidingDCT(size=4, ndim=3), rule=ns.Hard(), threshold=ns.Profile())
    found = ns.compare(volume, {"plane": "dct", "volume": cube}, noise=5.0, axes="ZYX")
    assert {row.name for row in found.rows} == {"plane", "volume"}
    assert all(row.mse < 5 for row in found.rows)


def test_a_lazy_image_gives_the_same_rows():
    import dask.array as da

    rows = [
        ns.compare(image, ["dct"], noise=SIGMA).rows[0] for image in (NOISY, da.from_array(NOISY, chunks=64))
    ]
    assert rows[0].mse == rows[1].mse


def test_holes_are_left_out():
    holed = NOISY.copy()
    holed[30:40, 50:60] = np.nan
    found = ns.compare(holed, ["dct"], TRUTH, noise=SIGMA)
    assert found.pixels == NOISY.size - 100
    assert np.isfinite(found.rows[0].psnr)


def test_clipped_pixels_are_left_out():
    bright = TRUTH.copy()
    bright[:, :50] = 300
    image = (
        (bright + SIGMA * np.random.default_rng(0).standard_normal(TRUTH.shape)).clip(0, 255).astype(np.uint8)
    )
    found = ns.compare(image, ["dct"], noise=SIGMA)
    assert found.pixels < NOISY.size - 128 * 45


def test_a_camera_with_maps_is_compared_on_values_that_its_maps_made_even(tmp_path):
    rng = np.random.default_rng(2)
    gain = 2 * (1 + 0.2 * rng.standard_normal(TRUTH.shape)).clip(0.5, 1.5)
    raw = gain * rng.poisson(TRUTH / 2) + 100
    save_maps(tmp_path / "maps.npz", np.full(gain.shape, 100.0), gain, np.full(gain.shape, 1e-3))
    noise = CalibratedCamera.from_file(tmp_path / "maps.npz")
    row = ns.compare(raw, ["dct"], noise.gain * TRUTH / 2 + 100, noise=noise).rows[0]
    assert row.mse == pytest.approx(row.error_std**2, abs=3 * row.mse_error)
    assert row.error_std < 0.5 * np.std((gain - noise.gain) * TRUTH / 2)


def test_a_crop_puts_a_field_back_where_it_came_from():
    values = np.random.default_rng(0).random((2, 30, 40, 3)).astype(np.float32)
    crop = Crop.of(ns.Stack(values, "TYXC"), (slice(1, 2), slice(4, 20), slice(5, 30), slice(0, 3)), 2)
    np.testing.assert_array_equal(crop.placed(crop.values).array, values[1:2, 4:20, 5:30])


def test_default_candidates_are_ten_or_more_and_span_more_than_one_decibel():
    found = ns.compare(NOISY, reference=TRUTH, noise=SIGMA)
    assert len(found.rows) >= 10
    assert max(row.psnr for row in found.rows) - min(row.psnr for row in found.rows) > 1
    assert found.rows[0].psnr > max(row.psnr for row in found.rows) - 0.15
    assert len(found.table().splitlines()) == len(found.rows) + 2
    assert all(row.name in str(found) for row in found.rows)


def test_candidates_are_named_after_what_they_are():
    steps = candidate_steps(["dct", ns.Let(), ns.Shrinkage(spins=2), ns.Shrinkage(spins=3), named("dct")])
    assert list(steps) == ["dct", "let", "Shrinkage", "Shrinkage 2", "dct 2"]
    assert candidate_steps("dct") == {"dct": ns.Step(named("dct"))}


@pytest.mark.parametrize(
    ("methods", "error", "said"),
    [
        ([], ValueError, "no method"),
        (["nonsense"], ValueError, "unknown method"),
        ([3], TypeError, "no candidate"),
        ({"deep": ns.Shrinkage(transform=ns.StationaryWavelet(levels=9))}, ValueError, "candidate 'deep'"),
        ([ns.Recipe((ns.Step(ns.Let()), ns.Step(ns.Let())))], ValueError, "2 steps"),
    ],
)
def test_candidates_that_do_not_fit_are_refused(methods, error, said):
    with pytest.raises(error, match=said):
        ns.compare(NOISY, methods, noise=SIGMA)


def test_a_reference_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="the reference has shape"):
        ns.compare(NOISY, ["dct"], TRUTH[:50], noise=SIGMA)


def test_methods_on_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="'upscale' gives an image on another grid"):
        ns.compare(np.zeros((32, 32)), ["dct", "upscale"], noise=1)
