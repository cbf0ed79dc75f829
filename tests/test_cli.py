"""The command line: many files, voxel size and record kept, one clear line and exit code 2 on bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import save_file

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.cli import main
from napari_shrinkage.cli.demo import quality
from napari_shrinkage.fitting import usual_loss
from napari_shrinkage.nn.ffdnet import Ffdnet
from napari_shrinkage.restorers import NAMED, PRESETS
from napari_shrinkage.samples import photograph

FAST = ["--method", "dct", "--set", "transform.stride=4", "--threads", "1"]


def noisy(*shape: int, sigma: float = 5) -> np.ndarray:
    return (
        100 + 40 * np.sin(np.arange(shape[-1]) / 9) + sigma * np.random.default_rng(0).standard_normal(shape)
    ).astype("f4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a z-stack, a photograph and a damaged file."""
    stack = ns.Stack(noisy(3, 64, 80).astype(np.uint16), "ZYX", (0.5, 0.2, 0.1), ("micrometer",) * 3)
    files.write(tmp_path / "cells.ome.tif", stack)
    files.write(tmp_path / "cat.png", ns.Stack(noisy(48, 64, 3).astype(np.uint8), "YXC"))
    (tmp_path / "bad.tif").write_bytes((tmp_path / "cells.ome.tif").read_bytes()[:3000])
    return tmp_path


def run(*arguments: object) -> int:
    return main(["run", *map(str, arguments)])


def test_a_file_is_denoised_as_the_api_does_and_keeps_grid_and_record(folder, capsys):
    out = folder / "out.ome.tif"
    assert run(folder / "cells.ome.tif", "-o", out, *FAST) == 0
    result, source = files.read(out), files.read(folder / "cells.ome.tif")
    assert (result.axes, result.units) == (source.axes, source.units)
    assert result.spacing == pytest.approx(source.spacing)
    record = files.read_record(out)
    assert record is not None
    restorer = NAMED["dct"].replace(transform=ns.SlidingDCT(stride=4))
    expected = ns.restore(source.array, restorer, noise=record.plans[0].noise, axes="ZYX", threads=1)
    np.testing.assert_allclose(result.array, expected, atol=1e-4)
    assert result.array.dtype == np.float32
    assert f"{folder / 'cells.ome.tif'} -> {out}" in capsys.readouterr().out


def test_many_files_go_into_a_folder_and_bad_ones_do_not_stop_the_others(folder, capsys):
    names = [folder / name for name in ("bad.tif", "none.tif", "cells.ome.tif", "cat.png")]
    assert run(*names, "-o", folder / "out", *FAST) == 2
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["cat.png", "cells.ome.tif"]
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "bad.tif cannot be read: it is damaged" in lines[0]
    assert "there is no file" in lines[1]
    assert files.read(folder / "out" / "cat.png").array.dtype == np.uint8


def test_a_pattern_names_the_outputs(folder):
    pattern = str(folder / "new" / "{name}_denoised.ome.zarr")
    assert run(folder / "cells.ome.tif", folder / "cat.png", "-o", pattern, *FAST) == 0
    assert sorted(p.name for p in (folder / "new").iterdir()) == [
        "cat_denoised.ome.zarr",
        "cells_denoised.ome.zarr",
    ]
    assert files.read(folder / "new" / "cat_denoised.ome.zarr").axes == "YXC"


def test_patterns_that_the_shell_left_are_expanded(folder):
    assert run(folder / "c*", "-o", folder / "out", *FAST) == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["cat.png", "cells.ome.tif"]


def test_a_folder_stands_for_the_images_in_it(folder, capsys):
    (folder / "notes.txt").touch()
    (folder / "empty").mkdir()
    assert run(folder, folder / "notes.txt", folder / "empty", "-o", folder / "out", *FAST) == 2
    first, second, third = capsys.readouterr().err.strip().splitlines()
    assert "notes.txt: unknown ending" in first
    assert "holds no images" in second
    assert "bad.tif" in third
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["cat.png", "cells.ome.tif"]


def test_files_of_one_name_are_told_apart_before_anything_is_done(folder, capsys):
    (folder / "other").mkdir()
    files.write(folder / "other" / "cat.png", files.read(folder / "cat.png"))
    assert run(folder / "cat.png", folder / "other" / "cat.png", "-o", folder / "out") == 2
    assert "in runs of their own" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_nothing_is_computed_for_a_format_that_cannot_hold_the_result(folder, monkeypatch, capsys):
    monkeypatch.setattr("napari_shrinkage.batch.work.run", lambda *_: pytest.fail("it was computed"))
    files.write(folder / "float.tif", ns.Stack(noisy(32, 32)))
    assert run(folder / "cells.ome.tif", "-o", folder / "o.png") == 2
    assert run(folder / "float.tif", "-o", folder / "o.png") == 2
    assert "one picture" in capsys.readouterr().err


def test_no_folder_is_made_for_a_file_that_cannot_be_read(folder):
    assert run(folder / "bad.tif", "-o", folder / "new" / "deep" / "o.tif") == 2
    assert not (folder / "new").exists()


def test_a_second_run_does_what_is_left_and_reports_append(folder, capsys):
    words = ["-o", folder / "out", "--report", folder / "new" / "report.csv", *FAST]
    assert run(folder / "cells.ome.tif", folder / "bad.tif", *words) == 2
    assert "1 done, 1 failed." in capsys.readouterr().out
    assert run(folder, *words) == 2
    first, *_, last = capsys.readouterr().out.splitlines()
    assert (last, "skipped. Made before by the same recipe" in first) == (
        "1 done, 1 skipped, 1 failed.",
        False,
    )
    lines = (folder / "new" / "report.csv").read_text().splitlines()
    assert [line.split(",")[3] for line in lines] == ["status", "done", "failed", "failed", "done", "skipped"]


def test_a_report_that_cannot_be_written_is_told_before_anything_is_done(folder, capsys):
    for name in ("bad.tif", "report.txt"):
        assert run(folder / "cells.ome.tif", "-o", folder / "out", "--report", folder / name, *FAST) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert name in line
    assert not (folder / "out").exists()


def test_a_report_that_breaks_off_costs_no_file(folder, monkeypatch, capsys):
    def full(*_arguments: object) -> None:
        raise files.FileProblem("the disk is full")

    monkeypatch.setattr("napari_shrinkage.cli.batch.append_report", full)
    assert run(folder / "c*", "-o", folder / "out", "--report", folder / "report.csv", *FAST) == 2
    said = capsys.readouterr()
    assert said.out.endswith("2 done.\n")
    assert said.err.count("the disk is full") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_no_terminal_shows_are_printed_in_escapes(folder):
    (folder / "cells.ome.tif").rename(folder / os.fsdecode(b"\xff.ome.tif"))
    script = Path(sys.executable).with_name("napari-shrinkage")
    done = subprocess.run(
        [script, "run", folder, "-o", folder / "out", "--report", folder / "r.json", *FAST],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    )
    assert "\\udcff.ome.tif" in done.stdout
    assert done.stdout.endswith("2 done, 1 failed.\n"), done.stderr
    assert len(json.loads((folder / "r.json").read_text())) == 3


def test_an_interrupted_batch_leaves_what_was_done_and_its_report(folder, monkeypatch, capsys):
    import napari_shrinkage.batch.work as work

    run_one, report = work.run, folder / "report.json"

    def interrupted_at_the_second(recipe, stack):
        if "cells" in stack.source:
            raise KeyboardInterrupt
        return run_one(recipe, stack)

    monkeypatch.setattr(work, "run", interrupted_at_the_second)
    assert run(folder / "c*", "-o", folder / "out", "--report", report, *FAST) == 130
    assert [p.name for p in (folder / "out").iterdir()] == ["cat.png"]
    assert [one["source"] for one in json.loads(report.read_text())] == [str(folder / "cat.png")]


def test_what_a_reader_warns_of_stands_under_its_file(folder, capsys):
    with tifffile.TiffWriter(folder / "scenes.ome.tif", ome=True) as file:
        for seed in (3, 4):
            file.write(noisy(40, 50) + seed, metadata={"axes": "YX"})
    assert run(folder / "scenes.ome.tif", "-o", folder / "o.tif", *FAST) == 0
    _, line, *_ = capsys.readouterr().out.strip().splitlines()
    assert line.endswith("holds 2 images; only the first is read.")


def test_same_dtype_rounds_clips_and_says_so(folder, capsys):
    bright = np.clip(noisy(64, 64, sigma=40) + 120, 0, 255).astype(np.uint8)
    files.write(folder / "bright.tif", ns.Stack(bright))
    out = folder / "out.tif"
    assert (
        run(folder / "bright.tif", "-o", out, "--dtype", "same", "--noise", "40", "--method", "wavelet") == 0
    )
    assert files.read(out).array.dtype == np.uint8
    printed = capsys.readouterr().out
    record = files.read_record(out)
    assert record is not None
    clipped = [message for message in record.messages if "were clipped" in message]
    assert all(message in printed for message in clipped)


def test_a_recipe_file_and_a_results_record_repeat_the_numbers(folder):
    source = folder / "cells.ome.tif"
    restorer = ns.Shrinkage(transform=ns.Wavelet(wavelet="db2", levels=2))
    ns.save_recipe(ns.Recipe.of(restorer, ns.Gaussian(4.0), device="cpu", threads=1), folder / "recipe.json")
    assert run(source, "-o", folder / "a.ome.tif", "--recipe", folder / "recipe.json") == 0
    assert run(source, "-o", folder / "b.ome.tif", "--recipe", folder / "a.ome.tif") == 0
    np.testing.assert_array_equal(
        files.read(folder / "a.ome.tif").array, files.read(folder / "b.ome.tif").array
    )
    record = files.read_record(folder / "b.ome.tif")
    assert record is not None
    assert record.plans[0].noise == ns.Gaussian((4.0,))


def test_set_and_noise_change_the_recipe(folder):
    assert (
        run(
            folder / "cat.png",
            "-o",
            folder / "o.tif",
            *FAST,
            "--set",
            "threshold=ratio",
            "--set",
            "threshold.r=2.5",
            "--noise",
            "4,5,6",
        )
        == 0
    )
    record = files.read_record(folder / "o.tif")
    assert record is not None
    assert record.plans[0].restorer.threshold == ns.Ratio(r=2.5)
    assert record.plans[0].noise == ns.Gaussian((4.0, 5.0, 6.0))
    assert record.plans[0].threads == 1


def test_a_registered_restorer_can_be_named(folder):
    assert (
        run(folder / "cat.png", "-o", folder / "o.tif", "--method", "shrinkage", "--set", "transform=wavelet")
        == 0
    )
    record = files.read_record(folder / "o.tif")
    assert record is not None
    assert isinstance(record.plans[0].restorer.transform, ns.Wavelet)


@pytest.mark.parametrize(
    ("words", "shape", "factor"),
    [
        (["upscale", "--set", "scale=3", "--set", "model=linear"], (3, 192, 240), 1 / 3),
        (["degrade", "--set", "scale=3", "--set", "degradation=binning"], (3, 21, 26), 3),
    ],
    ids=["upscale", "degrade"],
)
def test_another_grid_is_written_with_its_voxel_size(folder, words, shape, factor):
    source, out = files.read(folder / "cells.ome.tif"), folder / "out.ome.tif"
    assert run(folder / "cells.ome.tif", "-o", out, "--noise", "5", "--threads", "1", "--method", *words) == 0
    result = files.read(out)
    assert result.shape == shape
    assert result.units == source.units
    assert result.spacing == pytest.approx((0.5, 0.2 * factor, 0.1 * factor))
    (plan,) = files.read_record(out).plans
    expected = ns.restore(source.array, plan.restorer, noise=plan.noise, axes="ZYX")
    np.testing.assert_allclose(result.array, expected, atol=1e-4)


def test_a_stored_movie_is_streamed_to_a_finer_grid(folder):
    stack = ns.Stack(noisy(3, 40, 50), "TYX", (1, 0.2, 0.1))
    files.write(folder / "movie.ome.zarr", stack)
    words = ["--method", "upscale", "--set", "model=linear", "--noise", "5"]
    assert run(folder / "movie.ome.zarr", "-o", folder / "out.ome.zarr", *words) == 0
    out = files.read(folder / "out.ome.zarr")
    expected = ns.upscale(stack.array, 2, "linear", noise=5, axes="TYX")
    np.testing.assert_allclose(np.asarray(out.array), expected, atol=1e-3)
    assert out.spacing == pytest.approx((1, 0.1, 0.05))


def test_a_scale_that_a_network_does_not_know_is_one_line(folder, capsys):
    words = ["--method", "upscale", "--set", "model=light-bicubic", "--set", "scale=3", "--noise", "5"]
    assert run(folder / "cat.png", "-o", folder / "o.tif", *words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "has weights for x2, and scale=3 was asked for" in line


def test_lazy_input_is_streamed_to_the_same_pixels(folder):
    stack = ns.Stack(noisy(3, 40, 50), "TYX")
    files.write(folder / "movie.ome.zarr", stack)
    assert run(folder / "movie.ome.zarr", "-o", folder / "out.ome.zarr", *FAST, "--noise", "5") == 0
    out = files.read(folder / "out.ome.zarr")
    expected = ns.restore(
        stack.array, NAMED["dct"].replace(transform=ns.SlidingDCT(stride=4)), noise=5, axes="TYX"
    )
    np.testing.assert_allclose(np.asarray(out.array), expected, atol=1e-3)


BAD = {
    "unknown method": (["--method", "nope"], "unknown method 'nope'"),
    "bound": (["--method", "dct", "--set", "transform.size=99"], "SlidingDCT.size=99: expected"),
    "unknown parameter": (["--set", "transform.foo=1"], "has no parameter 'foo'"),
    "malformed set": (["--set", "transform"], "expected PATH=VALUE"),
    "negative noise": (["--noise=-1"], "sigma=-1.0"),
    "noise no number": (["--noise", "much"], "expected a number"),
    "channels": (["--noise", "1,2"], "has 2 values; the image has 1 channels"),
    "axes": (["--axes", "YX"], "does not fit an array"),
    "device": (["--device", "toaster"], "expected auto, cpu"),
    "threads": (["--threads", "0"], "expected at least 1"),
    "missing recipe": (["--recipe", "none.json"], "none.json"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_line_and_exit_code_2(folder, capsys, case):
    arguments, words = BAD[case]
    assert run(folder / "cells.ome.tif", "-o", folder / "out.tif", *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert not (folder / "out.tif").exists()


@pytest.mark.parametrize(("content", "words"), [
    ("{", "not valid JSON"), ("[]", "a recipe is a JSON object"),
    ('{"steps": [{"restorer": {"method": "restorer/nope"}}]}', "restorer/nope"),
    ('{"steps": [{"restorer": {"method": "restorer/shrinkage", "spins": "many"}}]}', "spins"),
    ('{"steps": [{"restorer": {"method": "rule/soft"}}]}', "where a restorer is expected"),
])  # fmt: skip
def test_bad_recipes_are_one_line(folder, capsys, content, words):
    (folder / "recipe.json").write_text(content)
    assert run(folder / "cells.ome.tif", "-o", folder / "out.tif", "--recipe", folder / "recipe.json") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]


@pytest.mark.parametrize(("inputs", "output", "words"), [
    (["cells.ome.tif"], "cells.ome.tif", "over itself"),
    (["cells.ome.tif"], "", "over itself"),
    (["cells.ome.tif", "cat.png"], "one.tif", "both be written"),
    (["cells.ome.tif"], "out.bmp", "unknown ending"),
    (["cells.ome.tif"], "out.png", "one picture"),
    (["cells.ome.tif"], "cat.png", "exists already"),
    (["cells.ome.tif"], "bad.tif/out.tif", "there is a file of that name"),
    (["recipe.json"], "out.tif", "unknown ending"),
])  # fmt: skip
def test_outputs_that_make_no_sense_are_refused(folder, capsys, inputs, output, words):
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    (folder / "recipe.json").touch()
    before[folder / "recipe.json"] = (folder / "recipe.json").stat().st_mtime_ns
    assert run(*(folder / name for name in inputs), "-o", folder / output, "--method", "dct") == 2
    assert words in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_unfitting_images_are_errors_that_name_the_file(folder, capsys):
    files.write(folder / "tiny.tif", ns.Stack(np.ones((1, 1), np.float32)))
    np.save(folder / "empty.npy", np.ones((0, 4)))
    np.save(folder / "nan.npy", np.full((32, 32), np.nan))
    np.save(folder / "flat.npy", np.full((32, 32), 7.0))
    code = run(
        *(folder / n for n in ("tiny.tif", "empty.npy", "nan.npy", "flat.npy")), "-o", folder / "out", *FAST
    )
    said = capsys.readouterr()
    assert code == 2
    assert any("empty.npy" in line and "empty" in line for line in said.err.splitlines())
    np.testing.assert_array_equal(files.read(folder / "out" / "flat.npy").array, 7)
    for name in ("tiny.tif", "nan.npy"):
        assert (folder / "out" / name).exists() or name in said.err


def test_nothing_but_one_line_for_missing_arguments(capsys):
    for arguments in (
        ["demo", "--threads", "0"],
        ["run", "a.tif", "-o", ""],
        [],
        ["run"],
        ["run", "a.tif"],
        ["fly"],
        ["run", "a.tif", "-o", "b.tif", "--dtype", "text"],
    ):
        assert main(arguments) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0
    assert ns.__version__ in capsys.readouterr().out


def test_methods_lists_every_name_parameter_and_bound(capsys):
    assert main(["methods"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in (
        *NAMED,
        *PRESETS,
        "stationary-wavelet",
        "tanh-hard",
        "per-band",
        "size_z = auto",
        "of at least 4",
    ):
        assert name in text
    assert main(["methods", "dct"]) == 0
    assert "Sliding DCT" in capsys.readouterr().out
    assert main(["methods", "firm"]) == 0
    assert "firm" in capsys.readouterr().out
    assert main(["methods", "nope"]) == 2


def test_estimate_prints_sigma_and_verdict(folder, capsys):
    assert main(["estimate", str(folder / "cells.ome.tif"), str(folder / "bad.tif")]) == 2
    said = capsys.readouterr()
    assert "cells.ome.tif: sigma " in said.out
    sigma = float(said.out.split("sigma ")[1].split()[0].strip(".,"))
    assert sigma == pytest.approx(5, rel=0.1)
    assert "bad.tif" in said.err


def test_the_demo_improves_every_sample_and_writes_pictures(tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path / "demo"), "--no-window", "--threads", "2"]) == 0
    rows = [
        line.split()
        for line in capsys.readouterr().out.splitlines()[1:]
        if line[:1].isalpha() or line.startswith(" ")
    ]
    psnr: dict[str, list[float]] = {}
    for row in rows:
        if row[0] in ("photograph", "fluorescence"):
            values = psnr.setdefault(row[0], [])
        if row[0] in ("photograph", "fluorescence", "fast", "balanced"):
            values.append(float(row[-2]))
    assert set(psnr) == {"photograph", "fluorescence"}
    for noisy_value, *denoised in psnr.values():
        assert len(denoised) == 2
        assert min(denoised) > noisy_value + 6
    names = {p.name for p in (tmp_path / "demo").iterdir()}
    for sample in psnr:
        assert {f"{sample}-before.png", f"{sample}-fast.png", f"{sample}-balanced-method-noise.png"} <= names
    assert iio.imread(tmp_path / "demo" / "photograph-fast.png").shape == (300, 451, 3)
    removed = iio.imread(tmp_path / "demo" / "fluorescence-balanced-method-noise.png")
    assert removed.mean() == pytest.approx(128, abs=2)


def test_quality_is_that_of_scikit_image():
    from skimage.metrics import peak_signal_noise_ratio

    sample = photograph()
    expected = peak_signal_noise_ratio(sample.truth, sample.noisy.array.astype(np.float32), data_range=255)
    assert quality(sample, sample.noisy.array)[0] == pytest.approx(expected)
    assert quality(sample, sample.truth)[1] == pytest.approx(1)


def test_the_installed_command_runs_without_a_display_and_without_qt(folder):
    script = Path(sys.executable).with_name("napari-shrinkage")
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    out = folder / "out.ome.tif"
    code = "import sys; from napari_shrinkage.cli import main; code = main(sys.argv[1:]);"
    code += "assert not {'qtpy', 'napari', 'torch'} & sys.modules.keys(), sys.modules.keys(); sys.exit(code)"
    for command in ([str(script)], [sys.executable, "-c", code]):
        arguments = [
            "run",
            str(folder / "cells.ome.tif"),
            "-o",
            str(out),
            "--method",
            "dct",
            "--threads",
            "1",
            "--overwrite",
        ]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert files.read_record(out) is not None
    done = subprocess.run(
        [str(script), "run", str(folder / "bad.tif"), "-o", str(out)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_interrupting_leaves_nothing(folder, monkeypatch, capsys):
    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_shrinkage.batch.work.run", interrupted)
    before = sorted(p.name for p in folder.iterdir())
    assert run(folder / "cells.ome.tif", "-o", folder / "out.tif") == 130
    assert "interrupted" in capsys.readouterr().err
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_record_is_json_that_names_the_input_file(folder):
    assert run(folder / "cells.ome.tif", "-o", folder / "out.ome.zarr", *FAST) == 0
    attributes = json.loads((folder / "out.ome.zarr" / "zarr.json").read_text())["attributes"]
    assert attributes["napari_shrinkage"]["record"]["input"]["source"] == str(folder / "cells.ome.tif")


def fit(*arguments: object) -> int:
    return main(["fit", *map(str, arguments)])


def test_a_fit_is_the_recipe_of_what_the_api_fits(folder, capsys):
    recipe = folder / "new" / "cells.json"
    assert fit(folder / "cells.ome.tif", "-o", recipe, "--set", "transform.levels=1", "--noise", "5") == 0
    assert "sure: error from" in capsys.readouterr().out
    method = NAMED["wavelet"].replace(transform=ns.StationaryWavelet(levels=1))
    cells = files.read(folder / "cells.ome.tif")
    assert ns.load_recipe(recipe) == ns.Recipe.of(ns.fit(cells.array, method, noise=5, axes="ZYX"))
    assert run(folder / "cells.ome.tif", "-o", folder / "out.ome.tif", "--recipe", recipe) == 0


def test_a_fit_takes_the_place_of_no_image_and_of_no_recipe(folder, capsys):
    cells = folder / "cells.ome.tif"
    before = cells.read_bytes()
    assert fit(cells, "-o", cells, "--overwrite") == 2
    assert "give a name that ends in .json" in capsys.readouterr().err
    assert cells.read_bytes() == before
    recipe = folder / "kept.json"
    recipe.write_text("{}")
    assert fit(cells, "-o", recipe) == 2
    assert fit(cells, "-o", recipe, "--overwrite", "--method", "nl-means") == 2
    assert recipe.read_text() == "{}"
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A small network file, as arguments; the user's folder of models is empty."""
    monkeypatch.setenv("NAPARI_SHRINKAGE_MODELS", str(tmp_path / "models"))
    small, chance = Ffdnet(1, 4, 12), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in small.layers:
            layer.weight.normal_(std=0.02, generator=chance)
            layer.bias.zero_()
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path, {"sigma_max": "0.3"})
    return ["--method", "cnn", "--set", f"model={path}"]


def test_a_better_network_lies_in_the_file_that_is_named(folder, network, capsys):
    files.write(folder / "one.tif", ns.Stack(noisy(96, 160)))
    weights, recipe = folder / "mine.safetensors", folder / "one.json"
    arguments = ["--noise", "5", "--iterations", "3", "--device", "cpu", "--save-as", weights, *network]
    assert fit(folder / "one.tif", "-o", recipe, *arguments) == 0
    assert str(weights) in capsys.readouterr().out
    assert ns.load_recipe(recipe).steps[0].restorer.model == str(weights)


@pytest.mark.usefixtures("network")
def test_a_network_that_is_not_better_is_said_to_be_as_it_was(folder, capsys):
    files.write(folder / "one.tif", ns.Stack(noisy(96, 160)))
    arguments = ["--method", "ffdnet", "--noise", "5", "--iterations", "1", "--device", "cpu"]
    assert fit(folder / "one.tif", "-o", folder / "one.json", *arguments) == 0
    said = capsys.readouterr()
    assert "The network stays as it was" in said.err
    assert ns.load_recipe(folder / "one.json").steps[0].restorer == NAMED["ffdnet"]
    assert not list(folder.glob("models/**/*.safetensors"))


@pytest.mark.parametrize("loss", [[], ["--loss", "supervised"]])
def test_a_generator_is_trained_into_the_file_that_is_named(folder, spots, loss, capsys):
    files.write(folder / "spots.tif", ns.Stack(spots(30, seed=0), "TYX"))
    weights, recipe = folder / "mine.safetensors", folder / "spots.json"
    arguments = ["--method", "generator-prior", "--set", "latent=3", "--iterations", "3", "--device", "cpu"]
    code = fit(folder / "spots.tif", "--axes", "TYX", "-o", recipe, "--save-as", weights, *arguments, *loss)
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "held-out loss" in said.out
    assert str(weights) in said.out
    assert ns.load_recipe(recipe).steps[0].restorer.weights == str(weights)


def test_the_usual_loss_is_the_one_that_suits_method_and_noise():
    correlated = ns.Gaussian(5.0, autocorrelation=ns.Autocorrelation.from_kernel(np.ones((2, 2))))
    stack = ns.Stack(noisy(64, 64))

    def name(restorer, noise=None, target=None):
        return usual_loss(ns.Step(restorer, noise), stack, None, target)[1].name

    assert name(ns.GeneratorPrior()) == "supervised"
    assert name(ns.Cnn(), ns.Gaussian(5.0)) == name(ns.Let()) == "sure"
    assert name(ns.Cnn(), correlated) == "noise2self"
    assert name(ns.Cnn(), correlated, stack) == "supervised"
    assert usual_loss(ns.Step(ns.Cnn()), stack, None, None)[0].noise is not None


def test_a_method_with_no_parts_is_listed_without_brackets(capsys):
    assert main(["methods"]) == 0
    assert "()" not in capsys.readouterr().out
