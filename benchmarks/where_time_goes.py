"""Where the time goes: each method's seconds per megapixel on one thread, beside what the machine can do.

`python benchmarks/where_time_goes.py` prints a row for each method: CPU time to decide from the data and to
restore, the best of a few turns; the arithmetic and the memory traffic that the method cannot do without, as
rates; and these rates as shares of the machine's peak, measured in the same run: a loop of fused
multiply-adds in registers, copies of large arrays, and for networks one usual convolution in the number
format that they run in. CPU time counts, because machines are shared; other processes still take memory
bandwidth and cache away.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from datasets import noisy, table
from numba import njit
from skimage import data
from skimage.restoration import denoise_wavelet
from skimage.transform import resize

import napari_shrinkage as ns
from napari_shrinkage.engine import resolve
from napari_shrinkage.nn.cost import multiplications
from napari_shrinkage.nn.models import network_of, weight_file
from napari_shrinkage.recipe import Step
from napari_shrinkage.restorers import Restorer, named
from napari_shrinkage.stack import Stack
from napari_shrinkage.tiles import restore_region

SIGMA = 25.0
SIDE, NETWORK_SIDE, VOLUME = 1024, 512, (16, 256, 256)
# Additions and products in the even/odd DCT of n numbers, see `dct_kernels_1d`.
DCT = {4: 14, 8: 50, 16: 133}
PATCHES = "patches: row transforms, comparisons, weighted sums"


@dataclass
class Row:
    """A method, what dominates its time, and its floating-point operations and bytes per pixel."""

    name: str
    restorer: Restorer
    dominates: str
    limit: str
    operations: float | None = None
    traffic: float | None = None
    volume: bool = False


def sliding(n: int, depth: int = 1) -> float:
    """Return the operations per pixel of a hard threshold: transforms there and back, and 3 a coefficient.

    Along Y, and in volumes for each plane, a transform is shared by the patches across it.
    """
    across = n * n * 2 * DCT[depth] if depth > 1 else 0
    return 2 * (1 + n) * DCT[n] + across + 3 * n * n * depth


def rows() -> list[Row]:
    """Return what is measured."""
    hard = named("dct")
    large = ns.SlidingDCT(size=16)
    boxes = ns.SlidingDCT(ndim=3, size=8, size_z=4)
    cube = ns.Shrinkage(transform=boxes, rule=ns.Hard(), threshold=ns.Profile())
    levels = 5
    return [
        Row("dct", hard, PATCHES, "arithmetic", sliding(8), 8),
        Row("dct-wiener", named("dct-wiener"), PATCHES, "arithmetic", 2.6 * sliding(8), 20),
        Row("dct, 16 x 16", hard.replace(transform=large), PATCHES, "arithmetic", sliding(16), 8),
        Row("dct, 4 x 8 x 8", cube, PATCHES, "L2 cache, halos of tiles", sliding(8, 4), 8, volume=True),
        Row(
            "dct-wiener, 4 x 8 x 8",
            ns.EmpiricalWiener(pilot=cube, transform=boxes),
            PATCHES,
            "L2 cache, halos of tiles",
            2.6 * sliding(8, 4),
            20,
            volume=True,
        ),
        Row("wavelet", named("wavelet"), "one pass a level down, one up", "memory", 45 * levels, 24 * levels),
        Row("let", named("let"), "exp(); deciding: 32 images and their products", "memory", None, None),
        Row("nl-means", named("nl-means"), "scikit-image: running sums", "scikit-image", None, None),
        Row("learned-dct", named("learned-dct"), "dense transforms in torch", "arithmetic", None, None),
        Row("ffdnet", named("ffdnet"), "convolutions in torch", "arithmetic", network("ffdnet")),
        Row("unet", named("unet"), "convolutions in torch", "arithmetic", network("unet")),
    ]


def network(model: str) -> float:
    """Return the operations of a network for one pixel."""
    return 2 * multiplications(network_of(weight_file(model, 1)))


def best_cpu(run: Callable[[], object], rounds: int) -> float:
    """Return the least CPU seconds of a few turns, after one that does not count."""
    run()
    best = np.inf
    for _ in range(rounds):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


@njit(fastmath={"contract"}, error_model="numpy")
def multiply_add(x: np.ndarray, a: np.float32, turns: int) -> None:
    """Multiply and add 16 times in registers for each load and store of a number."""
    for _ in range(turns):
        for i in range(len(x)):
            v = x[i]
            v = (((v * a + a) * a + a) * a + a) * a + a
            v = (((v * a + a) * a + a) * a + a) * a + a
            v = (((v * a + a) * a + a) * a + a) * a + a
            v = (((v * a + a) * a + a) * a + a) * a + a
            x[i] = v


def multiply_adds() -> float:
    """Return operations per second of multiply-adds."""
    x, turns = np.ones(1024, np.float32), 1000
    return 2 * 16 * len(x) * turns / best_cpu(lambda: multiply_add(x, np.float32(0.5), turns), 200)


def copies() -> float:
    """Return bytes per second, read and written, of copies of a large array."""
    source = np.ones(2**26, np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / best_cpu(lambda: np.copyto(target, source), 5)


@cache
def convolutions(precision: str) -> float:
    """Return operations per second of a usual convolution, 64 features to 64, in a number format."""
    options = {"dtype": getattr(torch, precision)}
    x = torch.ones(1, 64, 256, 256, **options).to(memory_format=torch.channels_last)
    weight = torch.ones(64, 64, 3, 3, **options).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        seconds = best_cpu(lambda: torch.nn.functional.conv2d(x, weight, padding=1), 10)
    return 2 * 9 * 64 * 64 * 256**2 / seconds


def pictured(row: Row) -> Stack:
    """Return the noisy picture or volume that a method is measured on."""
    side = NETWORK_SIDE if row.restorer.name in ("cnn", "nl-means") else SIDE
    if row.volume:
        planes, *plane = VOLUME
        picture = resize(data.camera(), plane, order=3)
        return Stack(noisy(np.repeat(255 * picture[None], planes, axis=0), SIGMA), "ZYX")
    return Stack(noisy(255 * resize(data.camera(), (side, side), order=3), SIGMA), "YX")


def measured(row: Row, rounds: int, peak: tuple[float, float]) -> list[object]:
    """Return the cells of a method's row."""
    stack, step = pictured(row), Step(row.restorer, ns.Gaussian(SIGMA))
    plan = resolve(step, stack, "cpu", 1)
    pixels, precision = stack.array.size, getattr(plan.restorer, "precision", None)
    deciding = best_cpu(lambda: resolve(step, stack, "cpu", 1), rounds) / pixels
    restoring = best_cpu(lambda: restore_region(plan, stack), rounds) / pixels

    def rate(amount: float | None, most: float) -> list[str]:
        if amount is None:
            return ["", ""]
        return [f"{amount / restoring / 1e9:.1f}", f"{100 * amount / restoring / most:.0f} %"]

    return [
        row.name,
        f"{1e6 * deciding:.3f}",
        f"{1e6 * restoring:.3f}",
        row.dominates,
        *rate(row.operations, convolutions(precision) if precision else peak[0]),
        *rate(row.traffic, peak[1]),
        row.limit,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns, the best counts")
    parser.add_argument("--only", help="measure the methods whose name contains this")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    peak = multiply_adds(), copies()
    header = ["method", "decide, s/MP", "restore, s/MP", "what takes the time"]
    header += ["GFLOP/s", "of peak", "GB/s", "of copies", "limit"]
    lines = [measured(row, chosen.rounds, peak) for row in rows() if (chosen.only or "") in row.name]
    print("\nOne thread, CPU seconds per megapixel (or megavoxel), noise of std 25 given\n")
    print(table(header, lines))
    print(f"\nMultiply-adds: {peak[0] / 1e9:.0f} GFLOP/s. Copies: {peak[1] / 1e9:.1f} GB/s.", end=" ")
    for precision in ("float32", "bfloat16"):
        print(f"Convolutions in {precision}: {convolutions(precision) / 1e9:.0f} GFLOP/s.", end=" ")
    print(
        "Load while measuring: "
        + ", ".join(f"{x:.1f}" for x in os.getloadavg())
        + f" on {os.cpu_count()} cores.\n"
    )
    print(table(*against_scikit_image(chosen.rounds)))


def against_scikit_image(rounds: int) -> tuple[list[str], list[list[object]]]:
    """Return a table of CPU time as a multiple of scikit-image's BayesShrink (decimated), in turns."""
    picture = noisy(255 * resize(data.camera(), (SIDE, SIDE), order=3), SIGMA)
    options = {"sigma": SIGMA / 255, "method": "BayesShrink", "wavelet": "db1", "rescale_sigma": True}
    peer = best_cpu(lambda: denoise_wavelet(picture / 255, **options), rounds)
    ratios = [
        [name, f"{best_cpu(lambda: ns.restore(picture, name, noise=SIGMA, threads=1), rounds) / peer:.1f}"]  # noqa: B023
        for name in ("dct", "dct-wiener", "wavelet", "let")
    ]
    return ["whole method, 1024 x 1024", "times scikit-image's BayesShrink"], ratios


if __name__ == "__main__":
    main()
