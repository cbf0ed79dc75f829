"""A dask cluster that is there makes the same image, also when it loses a worker."""

from __future__ import annotations

from collections.abc import Iterator
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

distributed = pytest.importorskip("distributed")

RECIPE = ns.Recipe.of(named("dct"), ns.Gaussian(10.0))
VALUES = (500 + 10 * np.random.default_rng(0).standard_normal((4, 280, 150))).astype("uint16")
SERIES = ns.Stack(da.from_array(VALUES, chunks=(2, 90, 90)), "TYX")


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CHUNK_SIDES", {2: 64, 3: 32})
        patch.setattr(blocks, "LEAST_PIXELS", 2**14)
        yield


def finished(path: Path, stack: ns.Stack = SERIES) -> np.ndarray:
    """Return the pixels of a stack that was restored into a folder."""
    ns.drain(storing.stored(RECIPE, stack, path))
    return np.asarray(zarr.open_array(path / "0", mode="r")[...])


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def by_threads(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Return the series as this process restores it by itself."""
    path = tmp_path_factory.mktemp("threads") / "a.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storing.pool, "current_client", lambda: None)
        return finished(path)


@pytest.fixture
def handed_out(client, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets the client of every pool that is made."""
    found: list[Any] = []
    pool = storing.pool.Pool

    def noted(executor: Any, client: Any = None, threads: int = 1) -> storing.pool.Pool:
        found.append(client)
        return pool(executor, client, threads)

    monkeypatch.setattr(storing.pool, "Pool", noted)
    return found


def test_a_cluster_that_is_there_makes_the_same_image(tmp_path, client, handed_out, by_threads):
    files.write(tmp_path / "in.ome.zarr", SERIES)
    found = finished(tmp_path / "a.zarr", files.read(tmp_path / "in.ome.zarr"))
    assert handed_out == [client]
    np.testing.assert_array_equal(found, by_threads)


def test_a_run_that_is_closed_on_a_cluster_is_taken_up(tmp_path, client, by_threads):
    work = storing.stored(RECIPE, SERIES, tmp_path / "a.zarr")
    while next(work).done < 3:
        pass
    work.close()
    np.testing.assert_array_equal(finished(tmp_path / "a.zarr"), by_threads)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_an_array_in_memory_or_on_the_cluster_is_sent(tmp_path, client, handed_out, by_threads):
    for name, array in {"here": np.asarray(SERIES.array), "there": SERIES.array.persist()}.items():
        found = finished(tmp_path / f"{name}.zarr", SERIES.with_array(array))
        np.testing.assert_array_equal(found, by_threads)
    assert handed_out == [client] * 2


def test_what_cannot_be_sent_is_refused_at_once(tmp_path, client):
    files.write(tmp_path / "in.ome.tif", SERIES)
    with pytest.raises(files.FileProblem, match=r"in\.ome\.tif cannot be sent.*OME-Zarr"):
        finished(tmp_path / "a.zarr", files.read(tmp_path / "in.ome.tif", lazy=True))


def test_the_blocks_of_a_lost_worker_are_made_again(tmp_path, client, by_threads):
    mark = tmp_path / "died"

    def dies_once(values: np.ndarray, block_id: tuple[int, ...]) -> np.ndarray:
        import os
        import signal
        import sys

        if block_id == (1, 1, 1) and "distributed.nanny" in sys.modules and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return values

    before = set(client.scheduler_info()["workers"])
    client.wait_for_workers(2)
    stack = SERIES.with_array(
        SERIES.array.map_blocks(dies_once, dtype="uint16", meta=np.empty((0, 0, 0), "uint16"))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storing, "_wish", lambda *_: {})  # no pixel is read in this process
        patch.setattr(storing, "_planned", lambda *_: planned())
        found = finished(tmp_path / "a.zarr", stack)
    assert mark.exists()
    np.testing.assert_array_equal(found, by_threads)
    client.wait_for_workers(2)
    assert set(client.scheduler_info()["workers"]) != before


def planned() -> ns.Record:
    return storing.recorded((ns.resolve(RECIPE.steps[0], SERIES),), SERIES)
