"""What goes wrong around a run: it is killed, the disk is full or read-only, the source vanishes.

Convention: real processes, signals and file systems. A small disk is a tmpfs, which only root can mount.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.batch import images_in
from napari_shrinkage.cli import main

COMMAND = [sys.executable, "-c", "from napari_shrinkage.cli import main; raise SystemExit(main())"]
FAST = ["--method", "dct", "--noise", "5", "--threads", "1"]
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 5, (16, 200, 200)).astype(np.float32)


@pytest.fixture
def lazy_source(tmp_path: Path, series: np.ndarray) -> Path:
    """A chunked image, so that a run works while it writes."""
    return files.write(tmp_path / "source.ome.zarr", ns.Stack(series, "TYX"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_until(true, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.002)


def bytes_in(path: Path) -> int:
    parts = path.rglob("*") if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts if part.is_file())


@pytest.mark.parametrize("name", ["out.ome.tif", "out.ome.zarr"])
def test_a_run_that_is_killed_while_it_writes_leaves_no_half_image_and_can_be_repeated(
    tmp_path, lazy_source, series, name
):
    out = tmp_path / "out"
    out.mkdir()
    words = ["run", str(lazy_source), "-o", str(out / name), *FAST]
    process = subprocess.Popen([*COMMAND, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_until(lambda: sum(map(bytes_in, out.iterdir())) > 150_000, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / name).exists()
    left = names(out)
    assert left
    assert all(entry.startswith(".") for entry in left)
    assert images_in(out) == []
    assert main(words) == 0
    assert images_in(out) == [out / name]
    made = np.asarray(files.read(out / name, "TYX").array)
    np.testing.assert_array_equal(made, ns.restore(series, "dct", 5.0, "TYX", threads=1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    yield from mounted(tmp_path / "disk", "size=1m")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that nobody can write to, root neither."""
    yield from mounted(tmp_path / "disk", "ro")


def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user cannot mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".npy", ".ome.zarr"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_is_said_in_a_line_and_what_was_there_is_whole(
    tmp_path, small_disk, lazy_source, capsys, ending, existing
):
    target = small_disk / f"out{ending}"
    before = ns.Stack(np.full((16, 16), 3, np.float32))
    if existing:
        files.write(target, before)
    words = ["run", str(lazy_source), "-o", str(target), *FAST, "--overwrite"]
    assert main(words) == 2
    assert "cannot be written: the disk is full" in capsys.readouterr().err
    going_on = (
        [f".{target.name}.unfinished"] if ending == ".ome.zarr" else []
    )  # blocks that need no second run
    assert names(small_disk) == going_on + ([target.name] if existing else [])
    if existing:
        np.testing.assert_array_equal(np.asarray(files.read(target).array), before.array)


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
def test_a_read_only_disk_is_said_before_anything_is_computed(read_only_disk, lazy_source, capsys, ending):
    started = time.monotonic()
    assert main(["run", str(lazy_source), "-o", str(read_only_disk / f"out{ending}"), *FAST]) == 2
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert len(said.strip().splitlines()) == 1
    assert time.monotonic() - started < PATIENCE


def test_a_zarr_source_that_is_deleted_while_it_is_read_is_an_error_and_no_zeros(
    lazy_source, series, tmp_path
):
    stack = files.read(lazy_source)
    np.testing.assert_array_equal(np.asarray(stack.array[0]), series[0])
    shutil.rmtree(lazy_source)
    with pytest.raises(files.FileProblem, match=r"source\.ome\.zarr cannot be read: there is no such file"):
        np.asarray(stack.array[1])
    with pytest.raises(files.FileProblem, match="no such file"):
        files.write(tmp_path / "out.ome.tif", stack)
    assert names(tmp_path) == []


def test_a_tiff_source_that_is_deleted_while_it_is_read_gives_its_pixels_or_an_error(tmp_path, series):
    path = files.write(tmp_path / "source.ome.tif", ns.Stack(series, "TYX"))
    stack = files.read(path, lazy=True)
    path.unlink()
    try:
        found = np.asarray(stack.array[1])
    except files.FileProblem as error:
        found = str(error)
    assert "no such file" in found if isinstance(found, str) else np.array_equal(found, series[1])


def test_a_tiff_source_that_is_cut_off_while_it_is_read_is_damaged(tmp_path, series):
    path = files.write(tmp_path / "source.ome.tif", ns.Stack(series, "TYX"))
    stack = files.read(path, lazy=True)
    with path.open("r+b") as file:
        file.truncate(200_000)
    with pytest.raises(files.FileProblem, match="it is damaged, incomplete"):
        np.asarray(stack.array)


@pytest.mark.parametrize("name", ["source.ome.tif", "source.ome.zarr", "source.npy"])
def test_an_image_can_be_written_over_the_file_that_it_is_read_from(tmp_path, series, name):
    path = files.write(tmp_path / name, ns.Stack(series, "TYX"))
    stack = files.read(path, "TYX", lazy=True)
    files.write(path, stack.with_array(stack.array * 2), overwrite=True)
    np.testing.assert_array_equal(np.asarray(files.read(path, "TYX").array), series * 2)
    assert names(tmp_path) == [name]
