"""Whether a batch grows: memory of the process over a thousand files, of differing sizes and noise.

`python benchmarks/batch.py [--files 1000] [--method balanced]` makes small noisy TIFF files in a folder of
its own, restores them in one batch with a report, runs the batch again, and prints the resident memory after
every tenth of them.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from datasets import table

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.batch import append_report, counted, images_in, planned_targets, restoring_files
from napari_shrinkage.restorers import named

LEAST, MOST = 96, 192  # pixels of a side
MEGABYTE = 2**20


def make_files(folder: Path, count: int) -> None:
    """Write photon counts of a wavy scene; every file has its own size, brightness and gain."""
    rng = np.random.default_rng(0)
    for number in range(count):
        rows, columns = rng.integers(LEAST, MOST, 2)
        light = rng.uniform(20, 200) * (1 + 0.5 * np.sin(np.arange(columns) / rng.uniform(4, 12)))
        electrons = rng.poisson(np.broadcast_to(light, (rows, columns)))
        image = 100 + rng.uniform(0.5, 4) * electrons + rng.normal(0, 3, (rows, columns))
        files.write(folder / f"{number:05d}.tif", ns.Stack(np.clip(image, 0, 65535).astype(np.uint16)))


def grown(folder: Path, recipe: ns.Recipe) -> list[list[object]]:
    """Run the batch; return files done, megabytes and seconds after every tenth, in rows."""
    pairs = planned_targets(images_in(folder), str(folder / "out") + "/")
    process, started, reports, rows = psutil.Process(), time.perf_counter(), [], list[list[object]]()
    for progress in restoring_files(pairs, recipe):
        if progress.report is None:
            continue
        reports.append(progress.report)
        append_report(folder / "report.csv", progress.report)
        if len(reports) % (len(pairs) // 10) == 0:
            gc.collect()
            rss = process.memory_info().rss / MEGABYTE
            rows.append([len(reports), f"{rss:.1f}", f"{time.perf_counter() - started:.1f}"])
    print(f"{counted(reports)}.\n")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--method", default="balanced")
    chosen = parser.parse_args()
    recipe = ns.Recipe.of(named(chosen.method), threads=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder, chosen.files)
        for title in ("first run", "second run"):
            print(f"\n{chosen.method}, {title}:", end=" ")
            print(table(["files", "resident MB", "seconds"], grown(folder, recipe)))


if __name__ == "__main__":
    main()
