"""Damaged and missing files, read-only and full folders: one clear error, and nothing half done."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.files.problems import reading

ENDINGS = [".ome.tif", ".tif", ".png", ".npy", ".ome.zarr"]
PICTURE = ns.Stack(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
SERIES = ns.Stack(np.random.default_rng(0).integers(0, 999, (5, 64, 64), np.uint16), "TYX")


class Stop(Exception):
    """Raised in the middle of writing."""


def entries(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.05, 0.2, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize(
    ("ending", "compression"),
    [
        (e, c)
        for e in (".ome.tif", ".tif", ".png", ".npy")
        for c in ("none", "zlib")
        if (e, c) != (".npy", "zlib")
    ],
)
def test_a_truncated_file_is_an_error_or_complete_never_a_part(tmp_path, ending, compression, fraction):
    stack = PICTURE if ending == ".png" else SERIES
    path = files.write(tmp_path / f"image{ending}", stack, compression=compression)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(fraction * len(whole))])
    try:
        again = files.read(path, stack.axes)
    except files.FileProblem as error:
        said = str(error)
    else:
        np.testing.assert_array_equal(again.array, stack.array)
        return
    assert said.startswith(f"{path} cannot be read: it is damaged, incomplete or not a")


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".png", ".npy"])
@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"garbage" * 100, b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\0", b"{}"]
)
def test_files_of_another_kind_are_refused(tmp_path, ending, content):
    path = tmp_path / f"image{ending}"
    path.write_bytes(content)
    for read in (files.read, files.read_record):
        if read is files.read or ending != ".npy":
            with pytest.raises(files.FileProblem, match="cannot be read"):
                read(path)


def test_damage_inside_a_tiff_is_found_when_it_is_read(tmp_path):
    path = files.write(tmp_path / "image.tif", SERIES, compression="zlib")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start = file.pages[2].dataoffsets[0]
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(files.FileProblem, match="damaged"):
        files.read(path)


def test_pickles_in_npy_files_are_never_loaded(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(files.FileProblem, match="cannot be read"):
        files.read(tmp_path / "evil.npy")


def test_a_zarr_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    zarr.open_group(tmp_path / "group.zarr", mode="w")
    with pytest.raises(files.FileProblem, match=r"empty\.zarr"):
        files.read(tmp_path / "empty.zarr")
    with pytest.raises(files.FileProblem, match="without OME metadata"):
        files.read(tmp_path / "group.zarr")


def test_missing_files_and_unknown_endings_are_named(tmp_path):
    with pytest.raises(files.FileProblem, match=r"there is no file .*none\.tif"):
        files.read(tmp_path / "none.tif")
    (tmp_path / "a.czi").write_bytes(b"")
    with pytest.raises(files.FileProblem, match=r"unknown ending; expected one of \.ome\.tiff"):
        files.read(tmp_path / "a.czi")
    with pytest.raises(files.FileProblem, match="unknown ending"):
        files.write(tmp_path / "a.jpg", PICTURE)


def test_complex_values_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4), complex))
    with pytest.raises(TypeError, match="magnitude"):
        files.read(tmp_path / "a.npy")


@pytest.mark.parametrize(("ending", "stack", "words"), [
    (".png", SERIES, "one picture"),
    (".png", ns.Stack(np.zeros((4, 4), np.float32)), "bool or uint8 or uint16"),
    (".ome.tif", ns.Stack(np.zeros((4, 4), np.int64)), "int64"),
    (".ome.tif", ns.Stack(np.zeros((2, 4, 4), np.uint8), "PYX"), "T, C, Z before YX"),
    (".ome.zarr", ns.Stack(np.zeros((2, 4, 4), np.uint8), "PYX"), "T, C, Z, Y and X"),
])  # fmt: skip
def test_what_a_format_cannot_hold_is_said_before_anything_is_written(tmp_path, ending, stack, words):
    with pytest.raises(files.FileProblem, match=words):
        files.write(tmp_path / f"image{ending}", stack)
    assert entries(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_existing_files_are_kept_unless_overwriting_is_asked_for(tmp_path, ending):
    path = files.write(tmp_path / f"image{ending}", PICTURE)
    other = ns.Stack(255 - PICTURE.array)
    with pytest.raises(files.FileProblem, match="exists already"):
        files.write(path, other)
    np.testing.assert_array_equal(np.asarray(files.read(path).array), PICTURE.array)
    files.write(path, other, overwrite=True)
    np.testing.assert_array_equal(np.asarray(files.read(path).array), other.array)
    assert entries(tmp_path) == [path.name]


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".npy", ".ome.zarr"])
def test_an_interrupted_writing_leaves_what_was_there_and_nothing_else(tmp_path, ending, error, existing):
    path = tmp_path / f"image{ending}"
    if existing:
        files.write(path, SERIES)

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise error

    lazy = ns.Stack(da.from_array(SERIES.array, chunks=(1, 64, 64)) * 0, "TYX")
    with pytest.raises(error):
        files.write(path, lazy, overwrite=True, progress=interrupt)
    assert entries(tmp_path) == ([path.name] if existing else [])
    if existing:
        np.testing.assert_array_equal(np.asarray(files.read(path, "TYX").array), SERIES.array)


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".png", ".npy", ".ome.zarr"])
def test_a_writer_that_runs_out_of_space_says_so_and_leaves_nothing(tmp_path, ending):
    code = f"""
import resource, numpy as np
import napari_shrinkage as ns
from napari_shrinkage import files
image = ns.Stack(np.random.default_rng(0).integers(0, 255, (700, 700), np.uint8))
files.ending("a.tif"), files._format(files.Path("image{ending}"))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    files.write({str(tmp_path / f"image{ending}")!r}, image)
except files.FileProblem as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"image{ending} cannot be written: " in done.stdout
    assert "limit" in done.stdout
    assert entries(tmp_path) == []


@pytest.mark.parametrize(("number", "words"), [
    (errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EDQUOT, "quota"),
    (errno.EACCES, "you may not"),
])  # fmt: skip
def test_reasons_are_in_plain_words(tmp_path, monkeypatch, number, words):
    def fail(*_args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(files.FileProblem, match=words):
        files.write(tmp_path / "image.tif", PICTURE)
    assert entries(tmp_path) == []


def test_a_read_only_folder_is_refused_before_anything_is_computed(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        folder = Path("/proc/self")  # where even root may not make files
        if not folder.is_dir() or os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
    with pytest.raises(files.FileProblem, match="cannot be written"):
        files.checked_target(folder / "image.tif")
    with pytest.raises(files.FileProblem, match="cannot be written"):
        files.write(folder / "image.tif", PICTURE)


def test_folders_that_are_none_are_named(tmp_path):
    with pytest.raises(files.FileProblem, match="there is no folder"):
        files.write(tmp_path / "none" / "image.tif", PICTURE)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(files.FileProblem, match="there is no folder"):
        files.write(tmp_path / "file" / "image.tif", PICTURE)
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(files.FileProblem, match="cannot be read"):
        files.read(tmp_path / "folder.tif")


@pytest.mark.parametrize("ending", [".tif", ".ome.zarr"])
def test_a_folder_that_is_no_image_is_never_overwritten(tmp_path, ending):
    folder = tmp_path / f"results{ending}"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(files.FileProblem, match="is a folder, not an image"):
        files.write(folder, PICTURE, overwrite=True)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    path = files.write(tmp_path / "image.ome.zarr", PICTURE)
    rename = Path.rename

    def refused(self, target):
        if self.suffix == ".part":
            raise PermissionError(errno.EACCES, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(files.FileProblem, match="cannot be written"):
        files.write(path, ns.Stack(PICTURE.array + 1), overwrite=True)
    assert entries(tmp_path) == ["image.ome.zarr"]
    np.testing.assert_array_equal(files.read(path).array, PICTURE.array)


def test_a_file_that_appeared_during_the_writing_is_kept(tmp_path):
    path = tmp_path / "image.ome.tif"

    def someone_else(_done: int, _total: int) -> None:
        path.write_text("theirs")

    with pytest.raises(files.FileProblem, match="exists already"):
        files.write(path, PICTURE, progress=someone_else)
    assert path.read_text() == "theirs"
    assert entries(tmp_path) == ["image.ome.tif"]


def test_compressions_are_checked_by_format(tmp_path):
    with pytest.raises(files.FileProblem, match="no compression 'lzw'; it has zstd, zlib, none"):
        files.write(tmp_path / "image.ome.zarr", PICTURE, compression="lzw")
    assert entries(tmp_path) == []


def test_an_image_larger_than_the_memory_is_a_file_problem(tmp_path):
    with (
        pytest.raises(files.FileProblem, match="larger than the memory"),
        reading(tmp_path / "a.tif", "TIFF file"),
    ):
        raise MemoryError


def test_a_tiff_with_an_unknown_record_says_what_is_unknown(tmp_path):
    record = '{"napari_shrinkage": {"steps": [{"restorer": {"method": "restorer/nope"}}]}}'
    tifffile.imwrite(tmp_path / "a.tif", PICTURE.array, metadata={"axes": "YX", "napari_shrinkage": record})
    with pytest.raises(ValueError, match="restorer/nope"):
        files.read_record(tmp_path / "a.tif")


@pytest.mark.parametrize("axes", ["YX", "TZYX", "XYZ1", "TT"])
def test_axes_that_do_not_fit_are_refused_with_the_choices(tmp_path, axes):
    path = files.write(tmp_path / "image.ome.tif", SERIES)
    if axes == "TZYX":
        assert files.read(path, axes).shape == (5, 1, 64, 64)
    else:
        with pytest.raises(ValueError, match="use one of TYX, ZYX, CYX"):
            files.read(path, axes)
