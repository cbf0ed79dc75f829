"""The networks beside shrinkage: quality on photographs and micrographs, speed, and a whole slide.

`python benchmarks/cnn.py --data FOLDER` prints the tables of `docs/measured/networks-*.md`, one after the
other; `--only` chooses some of quality, microscopy, speed and large. Each is the text of one file. The last
restores 16384 x 16384 pixels in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from datasets import Picture, noisy, parser, pictures, table
from micrographs import fmd
from microscopy import Scored, psnr_table
from microscopy import ours as blind
from quality import SIGMAS, mean_psnr, ours
from skimage import data
from speed import best_seconds, test_picture

import napari_shrinkage as ns
from napari_shrinkage.devices import available_cores
from napari_shrinkage.nn.cost import multiplications, parameters
from napari_shrinkage.nn.inference import denoised, fastest_precision
from napari_shrinkage.nn.models import OWN, card_of, has_own, network_of, weight_file
from napari_shrinkage.tiles import restore_region
from napari_shrinkage.windows import Region, whole, windows

SHRINKAGE = ("balanced", "learned-dct")
SETS = {1: ("set12", "bsd68"), 3: ("cbsd68", "kodak24")}
RUN, PUBLISHED = "FFDNet, the authors' weights, not run here", "FFDNet, as published"
AUTHORS = {  # who says it, of how many pictures, at sigma 15, 25, 50; none of these is measured here
    "set12": (RUN, 12, (32.76, 30.45, 27.37)),
    "bsd68": (RUN, 68, (31.64, 29.19, 26.30)),
    "cbsd68": (PUBLISHED, 68, (33.87, 31.21, 27.96)),
    "kodak24": (PUBLISHED, 24, (34.63, 32.13, 28.98)),
}
SIGMA = 25.0  # grey levels, where the noise does not matter
ROUNDS = 5
SLIDE = ns.PoissonGaussian(gain=4.0, offset=100.0, read_std=6.0)  # the camera of the large image, in counts
BRIGHT = 400.0  # photons in its brightest pixels
STRIP = 1024  # rows of it that are drawn at a time
AROUND = 96  # pixels on each side of a seam that are restored anew
MEGA = 1e6
SCALE = {"kB": 1024, "B": 1}


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="tables to print")
    options.add_argument("--quick", action="store_true", help="two pictures of each set, and small images")
    options.add_argument("--slide", choices=OWN, help=argparse.SUPPRESS)  # the process that is measured
    chosen = options.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    warnings.simplefilter("ignore", ns.TransferWarning)
    if chosen.slide:
        print(json.dumps(slide_restored(chosen.slide, slide_side(chosen.quick))))
        return
    for part in chosen.only:
        print(PARTS[part](chosen.data, chosen.quick), flush=True)


# quality


def quality(folder: Path | None, quick: bool) -> str:
    """Return a table for each test set, noise level known."""
    limit = 2 if quick else None
    return "".join(
        set_table(name, colors, pictures(folder, name, limit)) for colors in SETS for name in SETS[colors]
    )


def set_table(name: str, colors: int, images: list[Picture]) -> str:
    there = [model for model in OWN if has_own(model, colors)]
    found = {
        method: [mean_psnr(ours(method), images, sigma) for sigma in SIGMAS]
        for method in (*SHRINKAGE, *reversed(there))
    }
    rows: list[list[object]] = [[method, *values] for method, values in found.items()]
    who, count, values = AUTHORS[name]
    rows.append([f"{who}, {count} pictures", *values])
    if len(images) == count:
        rows += [[f"*{model} minus that*", *gains(found[model], values)] for model in reversed(there)]
    kind = "gray" if colors == 1 else "colour"
    missing = [model for model in OWN if model not in there]
    note = f"\nNo {kind} weights of {' and '.join(missing)} yet, so no row.\n" if missing else ""
    title = f"\n{name}, {len(images)} {kind} pictures, mean PSNR in dB, noise level known\n\n"
    return title + table(["method", *(f"sigma {sigma}" for sigma in SIGMAS)], rows) + "\n" + note


def gains(values: Iterable[float], others: Iterable[float]) -> list[str]:
    return [f"{a - b:+.2f}" for a, b in zip(values, others, strict=True)]


# microscopy


def microscopy(folder: Path | None, quick: bool) -> str:
    """Return the table of FMD, noise estimated from each image."""
    methods = {name: blind(name) for name in (*SHRINKAGE, *reversed(OWN))}
    pairs = fmd(folder, 1 if quick else 4)
    scored = [Scored.of(pair, methods) for pair in (pairs[:2] if quick else pairs)]
    return f"\nFMD, mean PSNR in dB, noise estimated from each image\n\n{psnr_table(scored)}\n"


# speed


def speed(folder: Path | None, quick: bool) -> str:
    """Return what the networks cost, how fast they run, and what the number format loses."""
    torch.set_num_threads(available_cores())
    side = 256 if quick else 1024
    return (
        f"\nCost of a network (gray)\n\n{cost_table()}\n"
        f"\n{side} x {side} pixels, {machine()}; best of {ROUNDS} turns, all in one run\n\n"
        f"{time_table(test_picture(side))}\n"
        f"\nSet12, mean PSNR in dB by number format\n\n"
        f"{format_table(pictures(folder, 'set12', 2 if quick else None))}\n"
    )


def machine() -> str:
    precision = fastest_precision("cpu", residual=True)
    return f"{available_cores()} CPU cores, torch {torch.__version__}, {precision} for ours"


def cost_table() -> str:
    rows = []
    for model in reversed(OWN):
        name = weight_file(model, 1)
        network = network_of(name)
        numbers = (parameters(network), multiplications(network))
        rows.append([model, *(f"{number:,.0f}" for number in numbers), card_of(name).reach])
    return table(["network", "parameters", "multiplications per pixel", "reach, pixels"], rows)


def time_table(truth: Picture) -> str:
    """Compare our runner with plain PyTorch, and whole restorations with shrinkage."""
    picture = noisy(truth, SIGMA)
    runs: dict[str, Callable[[], object]] = {name: whole_run(picture, name) for name in (*SHRINKAGE, *OWN)}
    for model in OWN:
        runs[f"{model}, runner"] = runner(picture, model)
        runs[f"{model}, plain"] = plain(picture, model)
    for run in runs.values():
        run()
    seconds = best_seconds(runs, ROUNDS)
    rows = []
    for name in (*SHRINKAGE, *reversed(OWN)):
        both = (f"{name}, runner", f"{name}, plain")
        parts = [seconds[part] for part in both] if name in OWN else []
        rows.append(
            [
                name,
                f"{1000 * seconds[name]:.0f} ms",
                f"{picture.size / seconds[name] / MEGA:.1f}",
                f"{seconds[name] / seconds['balanced']:.1f}",
                *([f"{1000 * part:.0f} ms" for part in parts] or ["", ""]),
                f"{parts[1] / parts[0]:.1f}" if parts else "",
            ]
        )
    header = ["method", "ns.restore", "megapixels/s", "times balanced", "network alone, ours"]
    return table([*header, "plain float32 PyTorch", "times faster"], rows)


def whole_run(picture: Picture, method: str) -> Callable[[], object]:
    return lambda: ns.restore(picture, method, noise=SIGMA, device="cpu", threads=available_cores())


def runner(picture: Picture, model: str) -> Callable[[], object]:
    """Return our runner on a picture, in the number format of a plan for this CPU."""
    card = card_of(weight_file(model, 1))
    images, level = inputs(picture)
    precision = fastest_precision("cpu", card.residual)

    def run() -> object:
        with torch.inference_mode():
            return denoised(card.path.name, card.checksum, images, level, "cpu", precision)

    return run


def plain(picture: Picture, model: str) -> Callable[[], object]:
    """Return the same network as anybody would call it: float32, channels first."""
    network = network_of(weight_file(model, 1))
    images, level = inputs(picture)

    def run() -> object:
        with torch.inference_mode():
            return network(images, level)

    return run


def inputs(picture: Picture) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(picture / np.float32(255))[None, None], torch.full((1, 1, 1, 1), SIGMA / 255)


def format_table(images: list[Picture]) -> str:
    """Compare the number formats; the loss is float32 minus the other."""
    rows = []
    for model in reversed(OWN):
        exact, fast = (
            [mean_psnr(ours(ns.Cnn(model=model, precision=kind)), images, sigma) for sigma in SIGMAS]
            for kind in ("float32", "bfloat16")
        )
        lost = (f"{a - b:.3f}" for a, b in zip(exact, fast, strict=True))
        rows += [[model, "float32", *exact], [model, "bfloat16", *fast], [model, "*lost*", *lost]]
    return table(["network", "format", *(f"sigma {sigma}" for sigma in SIGMAS)], rows)


# large


def large(folder: Path | None, quick: bool) -> str:
    """Return time, memory and seams of a slide, each network in a process of its own."""
    side = slide_side(quick)
    rows = []
    for model in reversed(OWN):
        command = [sys.executable, __file__, "--slide", model, *(["--quick"] if quick else [])]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(said.splitlines()[-1])
        rows.append(
            [
                model,
                found["windows"],
                f"{found['seconds']:.0f} s",
                f"{side**2 / found['seconds'] / MEGA:.1f}",
                f"{found['peak'] / 2**30:.2f} GB",
                f"{found['given'] / 2**30:.2f} GB",
                f"{found['seams']:.1e}",
            ]
        )
    header = ["network", "windows", "time", "megapixels/s", "peak memory", "of it image and result"]
    return (
        f"\n{side} x {side} pixels, uint16, {machine()}\n\n"
        f"{table([*header, 'largest difference at a seam / range'], rows)}\n"
    )


def slide_side(quick: bool) -> int:
    return 3072 if quick else 16384


def slide_restored(model: str, side: int) -> dict[str, float]:
    """Restore a slide and return windows, seconds, peak memory and the largest difference at a seam."""
    stack = ns.Stack(slide(side), "YX")
    started = time.perf_counter()
    result = ns.drain(ns.run(ns.Recipe.of(ns.Cnn(model=model), SLIDE, device="cpu"), stack))
    seconds, peak = time.perf_counter() - started, peak_memory()
    (plan,) = result.record.plans
    restored = result.stack.array
    low, high = np.percentile(restored[::16, ::16], (0.1, 99.9))
    differences = [
        float(np.abs(restored[part] - restore_region(plan, stack, part)).max())
        for part in around_seams(list(windows(plan, stack, whole(stack))), side)
    ]
    return {
        "windows": len(list(windows(plan, stack, whole(stack)))),
        "seconds": seconds,
        "peak": peak,
        "given": stack.array.nbytes + restored.nbytes,
        "seams": max(differences) / float(high - low),
    }


def slide(side: int) -> np.ndarray:
    """Return a mosaic of scikit-image's pictures as a camera would count it, uint16 (side, side)."""
    rng = np.random.default_rng(0)
    tile = np.block([[data.camera(), data.brick()], [data.grass(), data.moon()]]) / np.float32(255)
    counted = np.empty((side, side), np.uint16)
    columns = np.arange(side) % tile.shape[1]
    for start in range(0, side, STRIP):
        rows = np.arange(start, min(start + STRIP, side)) % tile.shape[0]
        electrons = rng.poisson(BRIGHT * tile[np.ix_(rows, columns)])
        read = SLIDE.read_std * rng.standard_normal(electrons.shape, np.float32)
        counts = SLIDE.gain * electrons + SLIDE.offset + read
        counted[start : start + STRIP] = np.clip(np.rint(counts), 0, 65535)
    return counted


def around_seams(parts: list[Region], side: int) -> Iterable[Region]:
    """Yield the surroundings of corners where four windows meet: of the first, the middle and the last."""
    corners = [
        (rows.stop, columns.stop) for rows, columns in parts if rows.stop < side and columns.stop < side
    ]
    for number in sorted({0, len(corners) // 2, len(corners) - 1} if corners else ()):
        yield tuple(slice(max(at - AROUND, 0), min(at + AROUND, side)) for at in corners[number])


def peak_memory() -> int:
    """Return the most bytes that this process has held in memory."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * SCALE[line.split()[2]]
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


PARTS = {"quality": quality, "microscopy": microscopy, "speed": speed, "large": large}

if __name__ == "__main__":
    main()
