"""A result made block by block is that of the whole, whoever makes them and whatever interrupts that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

import napari_shrinkage as ns
from napari_shrinkage import files, storing
from napari_shrinkage.restorers import named
from napari_shrinkage.storing import blocks
from napari_shrinkage.storing.job import Job, _converted
from napari_shrinkage.storing.unfinished import unfinished_folder

SIGMA = 10.0
NOISE = ns.Gaussian(SIGMA)
VOLUME = ns.Shrinkage(
    transform=ns.SlidingDCT(size=4, ndim=3, size_z=4), rule=ns.Hard(), threshold=ns.Ratio(r=2.7)
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CHUNK_SIDES", {2: 64, 3: 32})
    monkeypatch.setattr(blocks, "LEAST_PIXELS", 2**12)
    monkeypatch.setattr("napari_shrinkage.restorers.base.TILE_PIXELS", 2**12)


def image(shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    """Return waves and noise; the last 70 rows are dark, so that whole chunks of a result are zero."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    clean = 500 + 200 * np.sin(y / 9) * np.cos(x / 7)
    values = clean + SIGMA * np.random.default_rng(0).standard_normal(shape)
    values[..., -70:, :] = 0
    return values.astype(dtype)


def lazy(values: np.ndarray, axes: str, chunks: Any = None) -> ns.Stack:
    spacing = tuple({"Z": 0.5, "Y": 0.2, "X": 0.2}.get(letter, 1.0) for letter in axes)
    units = tuple("micrometer" if letter in "ZYX" else "pixel" for letter in axes)
    chunks = chunks or tuple(2 if letter in "TZ" else 90 if letter in "YX" else -1 for letter in axes)
    return ns.Stack(da.from_array(values, chunks=chunks), axes, spacing, units)


def recipe(method: Any = "dct", noise: Any = NOISE) -> ns.Recipe:
    return ns.Recipe.of(named(method) if isinstance(method, str) else method, noise)


SERIES = lazy(image((4, 280, 150)), "TYX")


def pixels(path: Path, level: int = 0) -> np.ndarray:
    return np.asarray(zarr.open_array(path / str(level), mode="r")[...])


def finished(
    path: Path, stack: ns.Stack = SERIES, wish: ns.Recipe | None = None, **options: Any
) -> ns.Record:
    return ns.drain(storing.stored(wish or recipe(), stack, path, **options))


def interrupted(path: Path, after: int, stack: ns.Stack = SERIES, **options: Any) -> None:
    """Close a run when so many blocks are done."""
    work = storing.stored(recipe(), stack, path, **options)
    for progress in work:
        if progress.message == "restoring" and progress.done >= after:
            break
    work.close()


@pytest.mark.parametrize(
    ("method", "axes", "shape"),
    [
        ("dct", "TYX", (5, 200, 170)),
        ("dct-wiener", "YXC", (150, 130, 3)),
        ("dct", "ZCYX", (3, 2, 100, 90)),
        ("wavelet", "YX", (200, 170)),
        (VOLUME, "TZYX", (2, 12, 110, 50)),
        (ns.Upscale(scale=3, model="bicubic"), "ZYX", (2, 100, 90)),
        (ns.Degrade(scale=2), "YX", (201, 171)),
    ],
    ids=str,
)
def test_blocks_make_up_the_result_of_the_whole(method, axes, shape, tmp_path):
    values = np.moveaxis(image((3, *shape[:2])), 0, -1) if axes == "YXC" else image(shape)
    wish = recipe(method)
    whole = ns.drain(ns.run(wish, ns.Stack(values, axes, *grid_of(lazy(values, axes)))))
    record = finished(tmp_path / "a.ome.zarr", lazy(values, axes), wish)
    found = files.read(tmp_path / "a.ome.zarr")
    order = [found.axes.index(letter) for letter in axes]
    np.testing.assert_allclose(
        np.asarray(found.array).transpose(order), whole.stack.array, atol=2e-3, rtol=1e-5
    )
    assert record.plans == whole.record.plans
    assert record.input["shape"] == list(shape)
    np.testing.assert_allclose([found.spacing[i] for i in order], whole.stack.spacing)


def grid_of(stack: ns.Stack) -> tuple[Any, Any]:
    return stack.spacing, stack.units


def test_several_steps_are_carried_out_within_a_block(tmp_path):
    values = image((4, 200, 170))
    values[1, 60, 63] = values[2, 64, 64] = 60000
    wish = ns.Recipe((ns.Step(named("hot-pixels"), NOISE), ns.Step(named("dct"), NOISE)))
    finished(tmp_path / "a.zarr", lazy(values, "TYX"), wish)
    whole = ns.drain(ns.run(wish, ns.Stack(values, "TYX"))).stack.array
    np.testing.assert_allclose(pixels(tmp_path / "a.zarr"), whole, atol=2e-3)


def test_steps_may_change_the_grid_and_go_on(tmp_path):
    values = image((200, 171))
    wish = ns.Recipe((ns.Step(ns.Degrade(scale=2), NOISE), ns.Step(named("dct"), NOISE)))
    finished(tmp_path / "a.zarr", lazy(values, "YX"), wish)
    whole = ns.drain(ns.run(wish, ns.Stack(values, "YX"))).stack.array
    np.testing.assert_allclose(pixels(tmp_path / "a.zarr"), whole, atol=2e-3)


def test_noise_is_estimated_from_what_an_earlier_step_leaves(tmp_path):
    wish = ns.Recipe((ns.Step(named("hot-pixels")), ns.Step(named("dct"))))
    values = image((2, 200, 170))[:, :120]
    record = finished(tmp_path / "a.zarr", lazy(values, "TYX"), wish)
    whole = ns.drain(ns.run(wish, ns.Stack(values, "TYX"))).record
    assert record.plans == whole.plans


def test_the_folder_is_what_writing_the_whole_result_gives(tmp_path):
    values = image((2, 601, 523))
    record = finished(tmp_path / "blocks.zarr", lazy(values, "ZYX"))
    whole = files.read(tmp_path / "blocks.zarr", lazy=False)
    files.write(tmp_path / "whole.zarr", whole, record)
    for level in range(3):
        np.testing.assert_array_equal(
            pixels(tmp_path / "blocks.zarr", level), pixels(tmp_path / "whole.zarr", level)
        )
    ours, theirs = (zarr.open_group(tmp_path / f"{name}.zarr").attrs.asdict() for name in ("blocks", "whole"))
    assert ours == theirs


def test_values_beyond_a_type_are_clipped_and_counted(tmp_path):
    values = image((200, 170)).astype("uint8")
    values[:130] = np.where(np.random.default_rng(0).random((130, 170)) < 0.5, 0, 255)
    record = finished(tmp_path / "a.zarr", lazy(values, "YX"), dtype="same")
    whole = ns.drain(ns.run(recipe(), ns.Stack(values, "YX"))).stack.array
    outside = np.count_nonzero((np.rint(whole) < 0) | (np.rint(whole) > 255))
    assert outside
    assert pixels(tmp_path / "a.zarr").dtype == np.uint8
    assert any(text.startswith(f"{outside} of {whole.size} values") for text in record.messages)


def test_a_closed_run_is_taken_up_where_it_stopped(tmp_path):
    finished(tmp_path / "once.zarr")
    interrupted(tmp_path / "twice.zarr", after=4)
    assert not (tmp_path / "twice.zarr").exists()
    work = storing.stored(recipe(), SERIES, tmp_path / "twice.zarr")
    first = [next(work), next(work)][1]
    assert first.done >= 4
    record = ns.drain(work)
    np.testing.assert_array_equal(pixels(tmp_path / "twice.zarr"), pixels(tmp_path / "once.zarr"))
    assert storing.CONTINUED in record.messages
    assert sorted(path.name for path in tmp_path.iterdir()) == ["once.zarr", "twice.zarr"]


def test_complete_blocks_are_not_read_again(tmp_path):
    read: list[tuple[int, ...]] = []
    values = image((6, 200, 170))

    def chunk(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id)
        return values[block_id[0]][None]

    array = da.map_blocks(
        chunk, chunks=((1,) * 6, (200,), (170,)), dtype=values.dtype, meta=np.empty((0, 0, 0), "uint16")
    )
    stack = ns.Stack(array, "TYX")
    interrupted(tmp_path / "a.zarr", after=6, stack=stack)
    (notes,) = unfinished_folder(tmp_path / "a.zarr").glob("*.done")
    ready = len(notes.read_text().splitlines())
    work = storing.stored(recipe(), stack, tmp_path / "a.zarr")
    assert [next(work), next(work)][1].done == ready
    read.clear()
    total = [progress.done for progress in work if progress.message == "restoring"]
    assert len(read) == total[-1] - ready


def test_plans_are_decided_once(tmp_path, monkeypatch):
    interrupted(tmp_path / "a.zarr", after=1)
    monkeypatch.setattr(storing, "resolve", None)
    finished(tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr").exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"wish": recipe("dct-wiener")}, "methods"),
        ({"wish": recipe(noise=ns.Gaussian(SIGMA + 1))}, "noise"),
        ({"stack": lazy(image((4, 280, 150)) + 1, "TYX")}, "image"),
        ({"dtype": "same"}, "data type"),
    ],
    ids=["method", "noise", "image", "dtype"],
)
def test_an_unfinished_image_is_not_mixed_with_another(tmp_path, change, name):
    interrupted(tmp_path / "a.zarr", after=1)
    with pytest.raises(files.FileProblem, match=name):
        finished(tmp_path / "a.zarr", **change)
    finished(tmp_path / "a.zarr", **change, overwrite=True)
    finished(tmp_path / "b.zarr", **change)
    np.testing.assert_array_equal(pixels(tmp_path / "a.zarr"), pixels(tmp_path / "b.zarr"))


def test_a_folder_is_made_by_one_run_at_a_time(tmp_path):
    work = storing.stored(recipe(), SERIES, tmp_path / "a.zarr")
    next(work)
    with pytest.raises(files.FileProblem, match="another process"):
        finished(tmp_path / "a.zarr")
    ns.drain(work)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr"]


def test_an_image_that_is_there_is_kept_unless_it_is_to_be_overwritten(tmp_path):
    finished(tmp_path / "a.zarr")
    with pytest.raises(files.FileProblem, match="exists already"):
        finished(tmp_path / "a.zarr")
    finished(tmp_path / "a.zarr", wish=recipe("dct-wiener"), overwrite=True)
    assert files.read_record(tmp_path / "a.zarr").plans[0].restorer.title == named("dct-wiener").title


def test_only_ome_zarr_is_made_block_by_block(tmp_path):
    with pytest.raises(files.FileProblem, match=r"\.ome\.zarr"):
        finished(tmp_path / "a.ome.tif")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_what_is_done(tmp_path, monkeypatch):
    finished(tmp_path / "once.zarr")
    write, count = zarr.storage.LocalStore.set, [0]

    async def full(self: Any, key: str, value: Any) -> None:
        count[0] += 1
        if count[0] > 12:
            raise OSError(28, "No space left on device")
        await write(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(zarr.storage.LocalStore, "set", full)
        patch.setattr(zarr.storage.LocalStore, "set_sync", None, raising=False)
        with pytest.raises(files.FileProblem, match=r"the disk is full.*goes on from there"):
            finished(tmp_path / "a.zarr")
    finished(tmp_path / "a.zarr")
    np.testing.assert_array_equal(pixels(tmp_path / "a.zarr"), pixels(tmp_path / "once.zarr"))


def test_no_more_is_read_than_the_blocks_at_work(tmp_path):
    lock, read = threading.Lock(), [0]

    def chunk(block_id: tuple[int, ...]) -> np.ndarray:
        with lock:
            read[0] += 1
        return np.full((1, 64, 64), 100 + block_id[0], np.uint16)

    array = da.map_blocks(
        chunk, chunks=((1,) * 400, (64,), (64,)), dtype="uint16", meta=np.empty((0, 0, 0), "uint16")
    )
    wish = ns.Recipe((ns.Step(named("dct"), NOISE),), threads=2)
    work = storing.stored(wish, ns.Stack(array, "TYX"), tmp_path / "a.zarr")
    while next(work).message != "restoring":
        pass
    read[0] = 0
    for number in range(1, 11):
        next(work)
        assert read[0] <= number + 3
    work.close()


@pytest.mark.parametrize("method", ["dct", "dct-wiener"])
@pytest.mark.parametrize("noise", [NOISE, ns.PoissonGaussian(2.0, 100.0, 3.0)], ids=["gaussian", "counts"])
def test_a_block_takes_no_more_memory_than_is_said(method, noise, monkeypatch):
    monkeypatch.setattr("napari_shrinkage.restorers.base.TILE_PIXELS", 2**18)
    stack = lazy(image((3, 600, 600)), "TYX")
    job = Job.of(storing._planned(recipe(method, noise), stack), stack, np.dtype("uint16"), "zstd")
    job.restored(0, np.asarray(stack.array[job.source_box(0)]), 1)  # kernels and tables are there
    tracemalloc.start()
    values = stack.array[job.source_box(0)].compute(scheduler="synchronous")
    _converted(job.restored(0, values, 1), job.dtype)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert job.block_bytes / 3 < taken < job.block_bytes


KILLED = """
import os, signal, sys
from pathlib import Path
import zarr
sys.path.insert(0, sys.argv[1])
from test_storing import SERIES, blocks, recipe, storing
blocks.CHUNK_SIDES, blocks.LEAST_PIXELS = {2: 64, 3: 32}, 2**12
import napari_shrinkage.restorers.base
napari_shrinkage.restorers.base.TILE_PIXELS = 2**12
replace, left = Path.replace, [int(sys.argv[3])]

def killed(self, target):
    left[0] -= self.suffix == ".partial" and "/c/" in str(target)
    if left[0] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = killed
for _ in storing.stored(recipe(), SERIES, Path(sys.argv[2])):
    pass
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("writes", [14, 55])
def test_a_killed_run_is_taken_up_to_the_same_bits(tmp_path, writes):
    finished(tmp_path / "once.zarr")
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path / "a.zarr"), str(writes)]
    assert subprocess.run(words, capture_output=True).returncode == -signal.SIGKILL
    assert list(unfinished_folder(tmp_path / "a.zarr").rglob("*.partial"))
    finished(tmp_path / "a.zarr")
    for level in range(len(list((tmp_path / "once.zarr").glob("[0-9]")))):
        np.testing.assert_array_equal(
            pixels(tmp_path / "a.zarr", level), pixels(tmp_path / "once.zarr", level)
        )
    assert not list((tmp_path / "a.zarr").rglob("*.partial"))


def test_a_cluster_is_not_asked_for():
    code = "import sys, napari_shrinkage.storing.pool as pool; print(pool.current_client(), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("None")
    assert "distributed" not in done.stdout


def test_a_file_is_restored_into_a_file(tmp_path):
    files.write(tmp_path / "in.ome.zarr", SERIES)
    record = ns.restore_file(tmp_path / "in.ome.zarr", tmp_path / "out.ome.zarr", "dct", SIGMA)
    whole = ns.restore(np.asarray(SERIES.array), "dct", SIGMA, axes="TYX")
    np.testing.assert_allclose(pixels(tmp_path / "out.ome.zarr"), whole, atol=2e-3)
    assert files.read_record(tmp_path / "out.ome.zarr") == record
    ns.restore_file(tmp_path / "in.ome.zarr", tmp_path / "out.ome.tif", "dct", SIGMA, dtype="same")
    written = files.read(tmp_path / "out.ome.tif")
    assert written.array.dtype == np.uint16
    np.testing.assert_allclose(np.asarray(written.array), whole.clip(0), atol=0.502)


def test_a_run_that_was_killed_while_it_cleaned_up_can_be_repeated(tmp_path, monkeypatch):
    target = tmp_path / "r.ome.zarr"
    with monkeypatch.context() as patched:
        patched.setattr(storing.Unfinished, "clear", lambda place: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            finished(target)
    first = pixels(target)
    finished(target, overwrite=True)
    np.testing.assert_array_equal(pixels(target), first)
    assert not list(tmp_path.glob(".*unfinished"))
