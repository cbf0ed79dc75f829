"""A volume that no worker can hold, restored by dask workers of limited memory, killed and taken up again.

`python benchmarks/scale.py /folder/with/room` makes a light-sheet-like uint16 OME-Zarr volume of 4 GB there,
chunk by chunk, restores it on two local workers of 2 GB and on one, kills a run half-way, starts it again and
compares all pixels. It prints seconds, the speed-up, and the peak memory of a worker beside what a block
accounts for. The folder needs five times the room of the volume.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dask.array as da
import numpy as np
import zarr
from datasets import table

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.api import recipe_of
from napari_shrinkage.files import ome_zarr
from napari_shrinkage.stack import Stack
from napari_shrinkage.storing import stored
from napari_shrinkage.storing.job import job_of
from napari_shrinkage.storing.unfinished import unfinished_folder

CHUNK = (8, 512, 512)
GAIN, OFFSET, READ_NOISE = 2.0, 100.0, 3.0
LIMIT = "2GB"
VOLUME = ns.Shrinkage(transform=ns.SlidingDCT(ndim=3), rule=ns.Hard(), threshold=ns.Profile())
METHODS = {"fast": "fast", "balanced": "balanced", "3-D": VOLUME}


def light_sheet(shape: tuple[int, ...], at: tuple[int, ...]) -> np.ndarray:
    """Return a chunk of cells and fibres on a background that falls off, with shot and read noise."""
    z, y, x = np.ogrid[tuple(slice(a, a + n) for a, n in zip(at, shape, strict=True))]
    cells = np.maximum(np.cos(z / 6) * np.cos(y / 11 + np.sin(x / 90)) * np.cos(x / 13), 0) ** 4
    fibres = np.exp(-((np.sin(y / 37 + x / 71 + z / 50) / 0.08) ** 2))
    light = (20 + 400 * cells + 150 * fibres) * np.exp(-x / 6000)
    noise = np.random.default_rng([7, *at]).standard_normal(shape, dtype=np.float32)
    counts = OFFSET + light + noise * np.sqrt(GAIN * light + READ_NOISE**2)
    return np.rint(counts).clip(0, 65535).astype(np.uint16)


def make_volume(path: Path, shape: tuple[int, ...]) -> None:
    """Write the volume chunk by chunk, unless it is there."""
    if path.exists():
        return
    like = Stack(da.zeros(shape, dtype=np.uint16), "ZYX", (2.0, 0.5, 0.5), ("micrometer",) * 3)
    group = zarr.open_group(path.with_suffix(".part"), mode="w", zarr_format=3)
    level = group.create_array("0", shape=shape, dtype="uint16", chunks=CHUNK)
    for at in np.ndindex(*(n // c for n, c in zip(shape, CHUNK, strict=True))):
        start = tuple(i * c for i, c in zip(at, CHUNK, strict=True))
        level[tuple(slice(s, s + c) for s, c in zip(start, CHUNK, strict=True))] = light_sheet(CHUNK, start)
    group.attrs.update(ome_zarr.attributes(like, [shape], None, False))
    path.with_suffix(".part").rename(path)


def peak_memory() -> int:
    """Return the most memory that this process ever used, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(source: Path, target: Path, method: str, workers: int) -> dict[str, float]:
    """Restore the volume on local workers, or go on with it; return seconds, load and bytes."""
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "memory_limit": LIMIT, "dashboard_address": ":0"}
    with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
        warm = [client.submit(_warmed_up, workers=[name], pure=False) for name in client.nthreads()]
        idle = max(client.gather(warm))
        busy = sum(client.run(time.process_time).values())
        started, block = time.perf_counter(), 0
        work = stored(recipe_of(METHODS[method]), files.read(source), target, dtype="same")
        for progress in work:
            if progress.message == "restoring" and not block:
                (description,) = unfinished_folder(target).glob("*.json")
                block = job_of(description.with_suffix(".zarr")).block_bytes
        seconds = time.perf_counter() - started
        busy = sum(client.run(time.process_time).values()) - busy
        peak = max(client.run(peak_memory).values())
    load = os.getloadavg()[2]
    memory = {"block": block, "idle": idle, "above": peak - idle, "peak": peak, "client": peak_memory()}
    return {"seconds": seconds, "busy": busy, "load": load, **memory}


def _warmed_up() -> int:
    """Load what a worker needs, and return the memory that it takes."""
    import torch

    ns.restore(np.zeros((64, 64), np.float32), "balanced", noise=1.0)
    torch.zeros(1)
    return peak_memory()


def killed_half_way(source: Path, target: Path, method: str, workers: int) -> float:
    """Start a run in a process of its own and kill it when half of the blocks are done; return the share."""
    words = [__file__, str(target.parent), "--method", method, "--only", str(workers), str(target)]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    share = 0.0
    while share < 0.5:
        time.sleep(0.2)
        if process.poll() is not None:
            raise RuntimeError("the run ended before it was killed")
        share = done_share(target)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return share


def done_share(target: Path) -> float:
    """Return which part of the blocks of an unfinished image are done."""
    notes = list(unfinished_folder(target).glob("*.done"))
    if not notes:
        return 0.0
    total = sum(len(level) for level in job_of(notes[0].with_suffix(".zarr")).blocks)
    return len(notes[0].read_text().splitlines()) / total


def same_pixels(first: Path, second: Path) -> bool:
    """Whether two folders hold the same values at every level, compared some planes at a time."""
    levels = sorted(path.name for path in first.iterdir() if path.is_dir())
    for level in levels:
        a, b = (zarr.open_array(path / level, mode="r") for path in (first, second))
        for z in range(0, a.shape[0], 8):
            if not np.array_equal(a[z : z + 8], b[z : z + 8]):
                return False
    return True


HEAD = [
    "method",
    "workers",
    "time",
    "CPU time",
    "input",
    "load",
    "a block",
    "idle",
    "above idle",
    "peak",
    "client",
]


def row(method: str, workers: int, found: dict[str, float], size: float) -> list[str]:
    """Return a line of the table."""
    seconds, memory = found["seconds"], list(found.values())[3:]
    speed = [
        f"{seconds:.0f} s",
        f"{found['busy']:.0f} s",
        f"{size / seconds / 1e6:.1f} MB/s",
        f"{found['load']:.0f}",
    ]
    return [method, str(workers), *speed, *(f"{value / 1e6:.0f} MB" for value in memory)]


def measured(folder: Path, method: str, gigabytes: float) -> None:
    """Print the table and what was compared, line by line as it is found."""
    planes = round(gigabytes * 1e9 / 2 / 2048**2 / CHUNK[0]) * CHUNK[0]
    source, size = folder / "in.ome.zarr", planes * 2048**2 * 2
    make_volume(source, (planes, 2048, 2048))
    say(f"{planes} x 2048 x 2048 uint16, {size / 1e9:.2f} GB, chunks of {CHUNK}; the result uint16 with its")
    say(
        f"pyramid; workers of one thread and {LIMIT}, on {os.cpu_count()} cores that other work shares (load:"
    )
    say("the mean of 15 minutes).\n")
    _warmed_up()  # kernels are compiled once, for all workers
    two, one, killed = (folder / f"{name}.ome.zarr" for name in ("two", "one", "killed"))
    by_two = run(source, two, method, 2)
    say(f"- undisturbed, on two workers: {by_two['seconds']:.0f} s")
    share = killed_half_way(source, killed, method, 2)
    say(f"- killed (SIGKILL) with {share:.0%} of the blocks done")
    again = run(source, killed, method, 2)
    same = same_pixels(two, killed)
    say(
        f"- the same call again: {again['seconds']:.0f} s; same pixels as undisturbed, on every level: {same}"
    )
    shutil.rmtree(killed)
    by_one = run(source, one, method, 1)
    say(f"- undisturbed, on one worker: {by_one['seconds']:.0f} s; same pixels: {same_pixels(two, one)}")
    say(f"- two workers are {by_one['seconds'] / by_two['seconds']:.2f} times as fast as one\n")
    say(table(HEAD, [row(method, 1, by_one, size), row(method, 2, by_two, size)]))
    for done in (one, two, source):
        shutil.rmtree(done)


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=4.3)
    parser.add_argument("--method", default="fast", choices=METHODS)
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        workers, target = asked.only
        run(asked.folder / "in.ome.zarr", Path(target), asked.method, int(workers))
    else:
        measured(asked.folder, asked.method, asked.gigabytes)


if __name__ == "__main__":
    main()
