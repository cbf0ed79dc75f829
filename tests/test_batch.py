"""A batch: real files of every format, bad ones among them, runs again, interrupted, reported."""

from __future__ import annotations

import csv
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.batch import (
    FileReport,
    append_report,
    check_report,
    counted,
    images_in,
    planned_targets,
    restoring_files,
    save_report,
)
from napari_shrinkage.batch import work as batch_work
from napari_shrinkage.batch.brightness import brightness
from napari_shrinkage.files import FileProblem

WAVELET = ns.Shrinkage(transform=ns.Wavelet(levels=2))
RECIPE = ns.Recipe.of(WAVELET, threads=1)
SIGMA = 5.0


def noisy(*shape: int, seed: int = 0) -> np.ndarray:
    smooth = 100 + 40 * np.sin(np.arange(shape[-1]) / 9)
    return (smooth + SIGMA * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of images of several formats, some of which cannot be used."""
    place = tmp_path / "in"
    place.mkdir()
    files.write(place / "a.tif", ns.Stack(noisy(96, 128)))
    files.write(place / "b.png", ns.Stack(noisy(96, 128, 3).astype(np.uint8), "YXC"))
    stack = ns.Stack(noisy(3, 96, 128).astype(np.uint16), "ZYX", (0.5, 0.1, 0.1), ("micrometer",) * 3)
    files.write(place / "c.ome.zarr", stack)
    (place / "d.tif").write_bytes((place / "a.tif").read_bytes()[:2000])
    (place / "e.png").touch()
    np.save(place / "f.npy", noisy(2, 3, 40, 50))  # whose axes nobody named
    files.write(place / "g.ome.tif", stack)
    return place


def restored(pairs, recipe=RECIPE, **options) -> tuple[FileReport, ...]:
    return ns.drain(restoring_files(pairs, recipe, **options))


def in_folder(folder: Path, pattern: str = "*") -> list[tuple[Path, Path]]:
    return planned_targets(images_in(folder, pattern), str(folder.parent / "out") + "/")


def states(reports) -> dict[str, str]:
    return {report.source.name: report.status for report in reports}


def one_pair(folder: Path, name: str = "a.tif") -> list[tuple[Path, Path]]:
    return [(folder / name, folder.parent / "out" / name)]


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_bad_files_cost_the_others_nothing(folder):
    reports = restored(in_folder(folder))
    good = {"a.tif": "done", "b.png": "done", "c.ome.zarr": "done", "g.ome.tif": "done"}
    bad = {"d.tif": "failed", "e.png": "failed", "f.npy": "failed"}
    assert states(reports) == good | bad
    assert counted(reports) == "4 done, 3 failed"
    for report in reports:
        assert report.target.exists() == (report.status == "done")
        assert (report.error == "") == (report.status == "done")
        assert report.status == "done" or str(report.source) in report.error
    assert sorted(p.name for p in (folder.parent / "out").iterdir()) == sorted(good)


def test_results_are_those_of_the_api_with_their_grid(folder):
    (report,) = restored(one_pair(folder, "g.ome.tif"))
    source, result = files.read(report.source), files.read(report.target)
    record = files.read_record(report.target)
    expected = ns.restore(source.array, WAVELET, noise=record.plans[0].noise, axes="ZYX")
    np.testing.assert_allclose(result.array, expected, atol=1e-4)
    assert result.spacing == pytest.approx(source.spacing)
    assert result.units == source.units


def test_a_report_tells_noise_seconds_and_brightness(folder):
    (report,) = restored(one_pair(folder))
    assert report.noise == "Gaussian"
    assert report.noise_std == pytest.approx((SIGMA,), rel=0.1)
    assert 0 < report.seconds < 60
    image, result = (files.read(path).array.astype(float) for path in (report.source, report.target))
    assert report.brightness.change == pytest.approx(100 * (result.mean() / image.mean() - 1), abs=1e-3)
    assert report.brightness.passed is True
    assert "sigma" in report.messages[0]


def test_the_noise_of_counted_light_is_that_at_the_mean_brightness(folder):
    noise = ns.PoissonGaussian(gain=2.0, read_std=3.0, offset=10.0)
    (report,) = restored(one_pair(folder), ns.Recipe.of(WAVELET, noise))
    mean = files.read(folder / "a.tif").array.mean()
    assert report.noise_std == pytest.approx(((2 * (mean - 10) + 9) ** 0.5,), rel=1e-3)


def test_what_is_done_is_skipped_and_left_alone(folder):
    first = restored(in_folder(folder))
    before = times(folder.parent / "out")
    again = restored(in_folder(folder))
    assert states(again) == {
        name: "skipped" if state == "done" else state for name, state in states(first).items()
    }
    assert times(folder.parent / "out") == before
    assert [report.noise_std for report in again] == [report.noise_std for report in first]
    assert all("Made before" in report.messages[-1] for report in again if report.status == "skipped")


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        (ns.Recipe.of(WAVELET.replace(rule=ns.Hard())), {}),
        (ns.Recipe.of(WAVELET, ns.Gaussian(SIGMA)), {}),
        (ns.Recipe((ns.Step(ns.HotPixels()), *RECIPE.steps)), {}),
        (RECIPE, {"dtype": "uint16"}),
    ],
    ids=["rule", "noise", "a step more", "dtype"],
)
def test_other_wishes_are_neither_skipped_nor_written_over(folder, recipe, options):
    restored(one_pair(folder))
    before = times(folder.parent / "out")
    (report,) = restored(one_pair(folder), recipe, **options)
    assert report.status == "failed"
    assert "exists already" in report.error
    assert "other settings" in report.error
    assert times(folder.parent / "out") == before
    (report,) = restored(one_pair(folder), recipe, overwrite=True, **options)
    assert report.status == "done"
    assert times(folder.parent / "out") != before
    (report,) = restored(one_pair(folder), recipe, **options)
    assert report.status == "skipped"


def test_threads_and_device_are_no_other_wish(folder):
    restored(one_pair(folder))
    (report,) = restored(one_pair(folder), ns.Recipe.of(WAVELET, threads=2, device="cpu"))
    assert report.status == "skipped"


def test_an_image_that_changed_is_not_skipped(folder):
    restored(one_pair(folder))
    files.write(folder / "a.tif", ns.Stack(noisy(96, 128, seed=1)), overwrite=True)
    (report,) = restored(one_pair(folder))
    assert "from another image" in report.error


def test_axes_that_are_read_otherwise_are_another_image(folder):
    pair = [(folder / "f.npy", folder.parent / "f.ome.tif")]
    assert restored(pair, axes="TZYX")[0].status == "done"
    assert restored(pair, axes="TZYX")[0].status == "skipped"
    assert "from another image" in restored(pair, axes="TCYX")[0].error


def test_a_file_that_a_recipe_names_counts_with_its_content(folder, tmp_path):
    def recipe(level: float) -> ns.Recipe:
        (tmp_path / "map.npy").unlink(missing_ok=True)
        noise = ns.NoiseMap.from_array(np.full((96, 128), level, np.float32), tmp_path / "map.npy")
        return ns.Recipe.of(WAVELET, noise.replace(checksum="", sigma=SIGMA))

    first, second = recipe(1.0), None
    before = batch_work.wish_of(first, np.dtype("f4"))
    assert batch_work.wish_of(first, np.dtype("f4")) == before
    second = recipe(2.0)
    assert second == first
    assert batch_work.wish_of(second, np.dtype("f4")) != before


def test_what_others_made_is_not_taken_for_ours(folder):
    (_, target), *_ = one_pair(folder)
    target.parent.mkdir()
    target.write_bytes((folder / "a.tif").read_bytes())
    (report,) = restored(one_pair(folder))
    assert "holds no record" in report.error
    result = ns.drain(ns.run(RECIPE, files.read(folder / "a.tif")))
    files.write(target, result.stack, result.record, overwrite=True)
    (report,) = restored(one_pair(folder))
    assert "not made by a batch" in report.error


def test_a_damaged_target_is_not_taken_for_ours(folder):
    (report,) = restored(one_pair(folder))
    report.target.write_bytes(report.target.read_bytes()[:1000])
    assert restored(one_pair(folder))[0].status == "failed"
    assert restored(one_pair(folder), overwrite=True)[0].status == "done"


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_nobody_may_write_to_is_told(folder):
    place = folder.parent / "out"
    place.mkdir(mode=0o555)
    (report,) = restored(one_pair(folder))
    assert "may not write" in report.error


def test_a_target_whose_folder_is_a_file_is_told(folder):
    (folder.parent / "out").touch()
    assert all(report.status == "failed" for report in restored(in_folder(folder)))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("no room"), KeyError("x"), OSError(28, "full")]
)
def test_whatever_befalls_one_file_the_next_is_restored(folder, monkeypatch, error):
    run, calls = batch_work.run, []

    def failing_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise error
        return run(*arguments)

    monkeypatch.setattr(batch_work, "run", failing_once)
    first, second = restored([*one_pair(folder), *one_pair(folder, "g.ome.tif")])
    assert (first.status, second.status) == ("failed", "done")
    assert str(folder / "a.tif") in first.error
    assert not first.target.exists()


def test_interrupting_leaves_whole_files_only(folder):
    work = restoring_files(in_folder(folder, "[ag]*"), RECIPE)
    for progress in work:
        if progress.place == 1 and progress.message == "writing":
            break
    with pytest.raises(KeyboardInterrupt):
        work.throw(KeyboardInterrupt)
    there = {path.name for path in (folder.parent / "out").iterdir()}
    assert {"a.tif"} <= there <= {"a.tif", "g.ome.tif"}
    again = states(restored(in_folder(folder, "[ag]*")))
    assert again == {name: "skipped" if name in there else "done" for name in ("a.tif", "g.ome.tif")}


def test_a_lazy_image_is_worked_out_while_it_is_written_and_can_be_stopped(folder):
    pair = [(folder / "c.ome.zarr", folder.parent / "out" / "c.ome.tif")]
    work = restoring_files(pair, RECIPE)
    seen = [next(work)]
    while seen[-1].message != "writing":
        seen.append(next(work))
    work.close()
    assert list((folder.parent / "out").iterdir()) == []
    seen = list(restoring_files(pair, RECIPE))
    assert [p.done for p in seen if p.message == "writing"] == [0, 1, 2, 3]
    assert seen[-1].report.brightness.passed is True
    (plan,) = files.read_record(pair[0][1]).plans
    expected = ns.restore(noisy(3, 96, 128).astype(np.uint16), plan.restorer, noise=plan.noise, axes="ZYX")
    np.testing.assert_allclose(files.read(pair[0][1]).array, expected, atol=1e-3)


def test_a_lazy_image_is_stored_block_by_block_and_goes_on_where_it_was_interrupted(folder):
    pair = [(folder / "c.ome.zarr", folder.parent / "out" / "c.ome.zarr")]
    work = restoring_files(pair, RECIPE)
    while (progress := next(work)).message != "restoring" or not progress.done:
        pass
    work.close()
    assert not pair[0][1].exists()
    seen = [progress.done for progress in restoring_files(pair, RECIPE) if progress.message == "restoring"]
    assert seen[0] > 0
    (report,) = restored(pair)
    assert report.status == "skipped"
    (plan,) = files.read_record(report.target).plans
    expected = ns.restore(noisy(3, 96, 128).astype(np.uint16), plan.restorer, noise=plan.noise, axes="ZYX")
    np.testing.assert_allclose(np.asarray(files.read(report.target).array), expected, atol=1e-3)
    assert "other settings" in restored(pair, dtype="same")[0].error


def test_what_reading_warns_of_is_in_the_report_and_nothing_is_warned(folder):
    with tifffile.TiffWriter(folder / "scenes.ome.tif", ome=True) as file:
        for seed in (3, 4):
            file.write(noisy(40, 50 + seed), metadata={"axes": "YX"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (report,) = restored(one_pair(folder, "scenes.ome.tif"))
    assert "only the first is read" in report.messages[0]


def test_progress_counts_the_files(folder):
    seen = list(restoring_files(in_folder(folder, "[abd]*"), RECIPE))
    assert [(p.place, p.files, p.report.status) for p in seen if p.report] == [
        (0, 3, "done"),
        (1, 3, "done"),
        (2, 3, "failed"),
    ]
    assert {p.source.name for p in seen} == {"a.tif", "b.png", "d.tif"}


def test_a_folder_is_its_images_alone(folder):
    (folder / "notes.txt").touch()
    (folder / ".a.tif.12345678.part").touch()
    (folder / ".hidden.tif").touch()
    (folder / "deeper.tif").mkdir()
    names = [path.name for path in images_in(folder)]
    assert names == ["a.tif", "b.png", "c.ome.zarr", "d.tif", "e.png", "f.npy", "g.ome.tif"]
    assert [path.name for path in images_in(folder, "?.tif")] == ["a.tif", "d.tif"]
    with pytest.raises(FileProblem, match="no folder"):
        images_in(folder / "none")
    with pytest.raises(FileProblem, match="no pattern"):
        images_in(folder, "")


def test_results_of_an_earlier_run_beside_their_sources_are_no_input(folder):
    pattern = str(folder / "{name}_denoised.tif")
    sources = images_in(folder, "*.tif")
    pairs = planned_targets(sources, pattern)
    restored(pairs)
    assert len(images_in(folder, "*.tif")) > len(sources)
    assert planned_targets(images_in(folder, "*.tif"), pattern) == pairs


@pytest.mark.parametrize("pattern", ["{name}.tif", "{name}_denoised.tif"])
def test_no_image_is_written_over_another_of_the_run(folder, pattern):
    files.write(folder / "b.tif", ns.Stack(noisy(64, 64)))
    files.write(folder / "b_denoised.tif", ns.Stack(noisy(64, 64)))
    with pytest.raises(FileProblem, match="over"):
        planned_targets(images_in(folder, "b*"), str(folder / pattern))


def brightness_of(stack, values, noise=None):
    return brightness(stack, stack.with_array(values), noise or ns.Gaussian(SIGMA))


def test_brightness_that_changed_is_told():
    stack = ns.Stack(noisy(128, 128))
    smooth = np.broadcast_to(100 + 40 * np.sin(np.arange(128) / 9), (128, 128)).astype(np.float32)
    assert brightness_of(stack, smooth).passed is True
    brighter = brightness_of(stack, 1.02 * smooth)
    assert brighter.passed is False
    assert brighter.change == pytest.approx(2, abs=0.2)
    flatter = brightness_of(stack, 100 + 0.8 * (smooth - 100))
    assert flatter.slope == pytest.approx(0.8, abs=0.02)
    assert flatter.passed is False
    assert "changed" in flatter.sentence


def test_the_channel_that_changed_most_is_named():
    stack = ns.Stack(np.stack([noisy(64, 64, seed=i) for i in range(3)]), "CYX")
    values = stack.array.copy()
    values[1] *= 1.1
    found = brightness_of(stack, values)
    assert found.sentence.startswith("Channel 1: ")
    assert found.change == pytest.approx(10, abs=0.01)


def test_brightness_is_compared_in_any_order_of_axes_and_leaves_unknown_pixels_out():
    stack = ns.Stack(np.stack([noisy(64, 80, seed=i) for i in range(6)]).reshape(2, 3, 64, 80), "ZCYX")
    moved = ns.Stack(stack.array.transpose(1, 0, 2, 3), "CZYX")
    assert brightness(stack, moved, ns.Gaussian(SIGMA)).change == pytest.approx(0, abs=1e-6)
    holed = stack.array.copy()
    holed[:, 0] = np.nan
    assert brightness_of(stack.with_array(holed), holed).change == pytest.approx(0, abs=1e-6)
    assert brightness_of(stack, np.full_like(holed, np.nan)) is None


def test_brightness_on_another_grid_is_that_of_the_means():
    stack = ns.Stack(noisy(64, 80))
    finer = stack.with_array(np.kron(stack.array, np.ones((2, 2), np.float32)), 2)
    assert brightness(stack, finer, ns.Gaussian(SIGMA)).change == pytest.approx(0, abs=1e-4)
    brighter = finer.with_array(finer.array * 1.01)
    assert brightness(stack, brighter, ns.Gaussian(SIGMA)).passed is False


def test_a_finer_grid_is_reported_on(folder):
    (report,) = restored(one_pair(folder), ns.Recipe.of(ns.Upscale(model="linear"), ns.Gaussian(SIGMA)))
    assert report.status == "done", report.error
    assert report.brightness.passed is True
    assert files.read(report.target).shape == (192, 256)


REPORTS = (
    FileReport(Path("a, 1.tif"), Path("out/a.tif"), "done", "Gaussian", (4.0, 5.5), 1.5, messages=("x", "y")),
    FileReport(Path("\udcff.tif"), Path("out/b.tif"), "failed", error='he said "no"\nand left'),
)


def test_a_table_grows_line_by_line_and_is_read_back(tmp_path):
    path = tmp_path / "report.csv"
    for report in REPORTS:
        check_report(path)
        append_report(path, report)
    with path.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["source"] == "a, 1.tif"
    assert first["noise_std"] == "4.0 | 5.5"
    assert first["messages"] == "x | y"
    assert second["error"] == 'he said "no"\nand left'


def test_a_line_that_a_crash_tore_costs_no_other(tmp_path):
    path = tmp_path / "report.csv"
    append_report(path, REPORTS[0])
    with path.open("a") as file:
        file.write("2026-11-28,half")
    append_report(path, REPORTS[0])
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["status"] for line in lines] == ["done", None, "done"]


def test_a_list_is_complete_json_after_each_file(tmp_path):
    path = tmp_path / "report.json"
    for count, report in enumerate(REPORTS, start=1):
        check_report(path)
        append_report(path, report)
        assert [one["status"] for one in json.loads(path.read_text())] == ["done", "failed"][:count]
    save_report(path, REPORTS[:1])
    assert json.loads(path.read_text())[0]["noise_std"] == [4.0, 5.5]


@pytest.mark.parametrize("name", ["report.csv", "report.json"])
def test_no_report_is_appended_to_what_is_none(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileProblem, match="no report of a batch"):
        check_report(tmp_path / name)
    (tmp_path / name).write_text("")
    check_report(tmp_path / name)
    with pytest.raises(FileProblem, match="no folder"):
        check_report(tmp_path / "none" / name)
    with pytest.raises(FileProblem, match=r"\.csv or \.json"):
        check_report(tmp_path / "report.txt")


def test_a_record_without_a_wish_is_written_as_before():
    record = ns.drain(ns.run(RECIPE, ns.Stack(noisy(64, 64)))).record
    assert "wish" not in record.to_json()
    assert ns.Record.from_json(record.to_json()) == record
