"""Super-resolution: inside and outside of what a network was trained for, its verdicts, speed, a large image.

`python benchmarks/superres.py --data FOLDER` prints the tables of `docs/measured/superres-*.md`, one after
the other; `--only` chooses some of quality, degradations, outside, verdicts, speed and large. PSNR is that of
the luma, `scale` pixels at the border left out. The last restores 4096 x 4096 pixels in a process of its own,
whose memory is measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from cnn import around_seams
from datasets import PEAK, Picture, parser, pictures, table
from scipy.ndimage import gaussian_filter
from speed import best_seconds, test_picture

import napari_shrinkage as ns
from napari_shrinkage.comparing.luma import luma, luma_scores
from napari_shrinkage.degradation import Degradation
from napari_shrinkage.devices import available_cores
from napari_shrinkage.diagnostics import upscaling_check
from napari_shrinkage.nn.cost import parameters
from napari_shrinkage.nn.upscaler_models import upscaler_network
from napari_shrinkage.tiles import restore_region
from napari_shrinkage.windows import outcome, whole, windows

SETS = (("set5", (2, 3, 4)), ("set14", (2, 4)))
METHODS = ("bicubic", "lanczos", "linear", "light", "light-bicubic")
KERNELS: dict[str, Degradation] = {
    "bicubic": ns.Bicubic(),
    "Gaussian 0.8": ns.GaussianBlur(sigma=0.8),
    "Gaussian 1.4": ns.GaussianBlur(sigma=1.4),
    "Gaussian 2.0": ns.GaussianBlur(sigma=2.0),
    "Gaussian 2.4 x 0.8, 30°": ns.GaussianBlur(sigma=2.4, ratio=1 / 3, angle=30),
    "binning": ns.Binning(),
    "decimation": ns.Decimation(),
}
PUBLISHED = {  # Set5 x2, x3, x4, bicubic reduction; none of these is measured here
    "SRCNN, as published": (36.66, 32.75, 30.48),
    "VDSR, as published": (37.53, 33.66, 31.35),
    "RDN, as published": (38.24, 34.71, 32.47),
}
MIXED = (  # a degradation, its noise in grey levels, and whether it is inside of "light-bicubic"
    (ns.Bicubic(), 0.0, True),
    (ns.GaussianBlur(sigma=0.9), 0.0, True),
    (ns.Bicubic(), 15.0, False),
    (ns.Decimation(), 0.0, False),
    (ns.GaussianBlur(sigma=2.0), 0.0, False),
    (ns.GaussianBlur(sigma=2.4, ratio=1 / 3, angle=30), 0.0, False),
)
LOW = 8.0  # fine pixels: std of the Gaussian that leaves the low frequencies
ROUNDS = 3
SIDE = 4096
MEGA = 1e6


@dataclass(frozen=True)
class Pair:
    """The luma of a picture and of what it was reduced to."""

    fine: Picture
    coarse: Picture
    scale: int

    def psnr(self, made: Picture) -> float:
        return luma_scores(np.clip(made, 16, 235), self.fine, self.scale, PEAK).psnr


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="tables to print")
    options.add_argument("--quick", action="store_true", help="two pictures of each set, and small images")
    options.add_argument("--slide", action="store_true", help=argparse.SUPPRESS)  # the measured process
    chosen = options.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    warnings.simplefilter("ignore", ns.TransferWarning)
    if chosen.slide:
        print(json.dumps(slide_upscaled(slide_side(chosen.quick))))
        return
    for part in chosen.only:
        print(PARTS[part](chosen.data, chosen.quick), flush=True)


def given(folder: Path | None, name: str, scale: int, quick: bool) -> list[Pair]:
    """Return the pairs that come with a test set, reduced by MATLAB."""
    fine, coarse = (
        [gray(one) for one in pictures(folder, f"{name}/x{scale}_{kind}", 2 if quick else None)]
        for kind in ("hr", "lr")
    )
    return [Pair(a, b, scale) for a, b in zip(fine, coarse, strict=True)]


def reduced(
    folder: Path | None, name: str, degradation: Degradation, sigma: float, quick: bool
) -> Iterator[Pair]:
    """Yield pairs at x2 whose coarse picture has noise, in whole grey levels."""
    for seed, pair in enumerate(given(folder, name, 2, quick)):
        coarse = ns.degrade(pair.fine, 2, degradation, sigma=sigma, seed=seed)
        yield Pair(pair.fine, np.round(coarse), 2)


def gray(picture: Picture) -> Picture:
    return np.float32(picture if picture.ndim == 2 else luma(picture, PEAK))


def mean_psnr(pairs: Iterable[Pair], upscale: Callable[[Pair], Picture]) -> float:
    return float(np.mean([pair.psnr(upscale(pair)) for pair in pairs]))


def by(model: str, degradation: Degradation | None, noise: float | None = None) -> Callable[[Pair], Picture]:
    return lambda pair: ns.upscale(pair.coarse, pair.scale, model, degradation, noise)


# quality


def quality(folder: Path | None, quick: bool) -> str:
    """Return the table of bicubic reduction: the given files, noise estimated."""
    columns = [(name, scale) for name, scales in SETS for scale in scales]
    pairs = {column: given(folder, *column, quick) for column in columns}
    rows: list[list[object]] = []
    for model in METHODS:
        known = 2 if model == "light-bicubic" else None
        rows.append(
            [
                model,
                *(
                    mean_psnr(pairs[column], by(model, ns.Bicubic())) if known in (None, column[1]) else ""
                    for column in columns
                ),
            ]
        )
    rows += [[who, *values, *[""] * (len(columns) - len(values))] for who, values in PUBLISHED.items()]
    header = ["method", *(f"{name} x{scale}" for name, scale in columns)]
    title = "Bicubic reduction (the sets' own files), PSNR of the luma in dB, noise estimated"
    return f"\n{title}\n\n{table(header, rows)}\n"


# degradations


def degradations(folder: Path | None, quick: bool) -> str:
    """Return the table of other reductions at x2: told, measured, and taken for bicubic."""
    rows = []
    for name, kernel in KERNELS.items():
        pairs = [pair for one in ("set5", "set14") for pair in reduced(folder, one, kernel, 0.0, quick)]
        rows.append(
            [
                name,
                mean_psnr(pairs, by("bicubic", ns.Bicubic(), 0.0)),
                mean_psnr(pairs, by("light-bicubic", ns.Bicubic(), 0.0)),
                mean_psnr(pairs, by("linear", kernel, 0.0)),
                mean_psnr(pairs, by("light", None, 0.0)),
                mean_psnr(pairs, by("light", kernel, 0.0)),
            ]
        )
    header = ["reduced by", "bicubic", "light-bicubic", "linear, told", "light, measured", "light, told"]
    noisy = []
    for sigma in (5.0, 15.0, 25.0):
        pairs = [
            pair for one in ("set5", "set14") for pair in reduced(folder, one, ns.Bicubic(), sigma, quick)
        ]
        upscaled = [
            by(model, ns.Bicubic(), sigma) for model in ("bicubic", "light-bicubic", "linear", "light")
        ]
        noisy.append(
            [f"sigma {sigma:g}", *(mean_psnr(pairs, one) for one in upscaled), denoised_first(pairs, sigma)]
        )
    columns = ["noise", "bicubic", "light-bicubic", "linear", "light", "unet, then light-bicubic"]
    return (
        "\nx2 without noise, Set5 and Set14 together, PSNR of the luma in dB\n\n"
        f"{table(header, rows)}\n\nx2, bicubic reduction, then white noise\n\n{table(columns, noisy)}\n"
    )


def denoised_first(pairs: list[Pair], sigma: float) -> float:
    def upscale(pair: Pair) -> Picture:
        clean = ns.restore(pair.coarse, "unet", noise=sigma)
        return ns.upscale(clean, 2, "light-bicubic", ns.Bicubic(), 0.0)

    return mean_psnr(pairs, upscale)


# outside


def outside(folder: Path | None, quick: bool) -> str:
    """Return what the network for bicubic reduction makes of decimated pictures."""
    rows = []
    for name in ("set5", "set14"):
        for kernel in (ns.Bicubic(), ns.Decimation()):
            pairs = list(reduced(folder, name, kernel, 0.0, quick))
            made = [by("light-bicubic", ns.Bicubic(), 0.0)(pair) for pair in pairs]
            plain = mean_psnr(pairs, by("bicubic", ns.Bicubic(), 0.0))
            errors = [one - pair.fine for one, pair in zip(made, pairs, strict=True)]
            found = float(np.mean([pair.psnr(one) for one, pair in zip(made, pairs, strict=True)]))
            means = [float(error.mean()) for error in errors]
            rows.append(
                [
                    name,
                    kernel.title.lower(),
                    plain,
                    found,
                    found - plain,
                    float(np.abs(means).mean()),
                    float(np.mean([gaussian_filter(error, LOW).std() for error in errors])),
                    float(
                        np.mean(
                            [alias_share(error, pair.fine) for error, pair in zip(errors, pairs, strict=True)]
                        )
                    ),
                ]
            )
    header = [
        "set",
        "reduced by",
        "bicubic, dB",
        "light-bicubic, dB",
        "gain",
        "mean off by",
        "low frequencies off by",
    ]
    return (
        "\nA network for bicubic reduction on what was reduced otherwise (x2; offsets in grey levels)\n\n"
        f"{table([*header, 'error beyond the coarse grid / detail there'], rows)}\n"
    )


def alias_share(error: Picture, fine: Picture) -> float:
    """Return the error's energy at frequencies that the coarse grid cannot hold, over the picture's there."""
    spectra = [np.abs(np.fft.fft2(one)) ** 2 for one in (error, fine)]
    y, x = (np.abs(np.fft.fftfreq(n)) for n in fine.shape)
    beyond = np.maximum(y[:, None], x) > 0.25
    return float(spectra[0][beyond].sum() / spectra[1][beyond].sum())


# verdicts


def verdicts(folder: Path | None, quick: bool) -> str:
    """Return how often the verdict of "light-bicubic" is right, the image alone being known."""
    rows, right, total = [], 0, 0
    for kernel, sigma, inside in MIXED:
        found = []
        for pair in reduced(folder, "set14", kernel, sigma, quick):
            stack = ns.Stack(pair.coarse)
            plan = ns.resolve(ns.Step(ns.Upscale(model="light-bicubic")), stack)
            found.append(upscaling_check(stack, plan).inside)
        count = sum(one == inside for one in found)
        right, total = right + count, total + len(found)
        width = (
            f" {kernel.sigma:g} x {kernel.sigma * kernel.ratio:.2g}"
            if isinstance(kernel, ns.GaussianBlur)
            else ""
        )
        rows.append(
            [
                f"{kernel.title.lower()}{width}",
                sigma,
                "inside" if inside else "outside",
                f"{count} of {len(found)}",
            ]
        )
    rows.append(["all", "", "", f"{right} of {total} ({right / total:.0%})"])
    return (
        '\nThe verdict of "light-bicubic" on Set14, x2, blur and noise measured in the image alone\n\n'
        f"{table(['reduced by', 'noise', 'is', 'said so'], rows)}\n"
    )


# speed


def speed(folder: Path | None, quick: bool) -> str:
    """Return times beside the same network as anybody would call it."""
    torch.set_num_threads(available_cores())
    side = 256 if quick else 1024
    picture = test_picture(side)
    rows = []
    for scale in (2, 3, 4):
        runs: dict[str, Callable[[], object]] = {
            model: (
                lambda model=model, scale=scale: ns.upscale(
                    picture, scale, model, ns.Bicubic(), 0.0, device="cpu"
                )
            )
            for model in ("bicubic", "linear", "light")
        }
        runs["plain"] = plain(picture, scale)
        for run in runs.values():
            run()
        seconds = best_seconds(runs, ROUNDS)
        rows.append(
            [
                f"x{scale}",
                *(f"{1000 * seconds[model]:.0f} ms" for model in ("bicubic", "linear", "light", "plain")),
                f"{seconds['plain'] / seconds['light']:.1f}",
                f"{(side * scale) ** 2 / seconds['light'] / MEGA:.1f}",
            ]
        )
    weights = parameters(upscaler_network("light"))
    header = ["scale", "bicubic", "linear", "light", "network alone in plain float32 PyTorch", "times faster"]
    return (
        f"\n{side} x {side} coarse pixels, {available_cores()} CPU cores, torch {torch.__version__}, all of "
        f"`ns.upscale` but the noise's estimate; {weights:,} parameters; best of {ROUNDS}\n\n"
        f"{table([*header, 'fine megapixels/s of light'], rows)}\n"
    )


def plain(picture: Picture, scale: int) -> Callable[[], object]:
    network = upscaler_network("light")
    image = torch.from_numpy(picture / np.float32(PEAK))[None, None]
    packed = image.expand(-1, scale**2, -1, -1).contiguous()
    sigma, code = torch.full((1, 1, 1, 1), 1e-3), torch.ones(1, 16)

    def run() -> object:
        with torch.inference_mode():
            return network(image, packed, sigma, code)

    return run


# large


def large(folder: Path | None, quick: bool) -> str:
    """Return time, memory and seams of a large image, in a process of its own."""
    side = slide_side(quick)
    command = [sys.executable, __file__, "--slide", *(["--quick"] if quick else [])]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(said.splitlines()[-1])
    row = [
        f"{found['seconds']:.0f} s",
        f"{4 * side**2 / found['seconds'] / MEGA:.1f}",
        found["windows"],
        f"{found['peak'] / 2**30:.2f} GB",
        f"{5 * side**2 * 4 / 2**30:.2f} GB",
        f"{found['seams']:.1e}",
    ]
    header = ["time", "fine megapixels/s", "windows", "peak memory", "of it image and result as float32"]
    return (
        f"\n{side} x {side} pixels to {2 * side} x {2 * side} by light, {available_cores()} CPU cores\n\n"
        f"{table([*header, 'largest difference at a seam / range'], [row])}\n"
    )


def slide_side(quick: bool) -> int:
    return 1024 if quick else SIDE


def slide_upscaled(side: int) -> dict[str, float]:
    """Upscale a large picture; return windows, seconds, peak memory and the largest difference at a seam."""
    stack = ns.Stack(np.tile(test_picture(1024), (side // 1024,) * 2))
    started = time.perf_counter()
    recipe = ns.Recipe.of(ns.Upscale(), ns.Gaussian(0.0), device="cpu")
    result = ns.drain(ns.run(recipe, stack))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (plan,), made = result.record.plans, result.stack.array
    parts = around_seams(list(windows(plan, stack, whole(stack))), side)
    differences = [
        float(np.abs(made[outcome(plan, stack, part)] - restore_region(plan, stack, part)).max())
        for part in list(parts)[:4]
    ]
    count = len(list(windows(plan, stack, whole(stack))))
    return {
        "seconds": seconds,
        "peak": peak,
        "windows": count,
        "seams": max(differences, default=0.0) / PEAK,
    }


PARTS = {
    "quality": quality,
    "degradations": degradations,
    "outside": outside,
    "verdicts": verdicts,
    "speed": speed,
    "large": large,
}


if __name__ == "__main__":
    main()
