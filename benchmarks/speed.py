"""Speed of our methods beside their peers, in one process, interleaved, best of five.

`python benchmarks/speed.py` prints seconds, the ratio to each peer and the PSNR of each result. Machines are
shared: trust the ratios, not the seconds. What limits each method: `where_time_goes.py`.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np
import torch
from datasets import Picture, noisy, psnr, table
from skimage import data
from skimage.restoration import cycle_spin, denoise_nl_means, denoise_wavelet
from skimage.transform import resize

import napari_shrinkage as ns
from napari_shrinkage.devices import available_cores

SIGMA = 25.0
Run = Callable[[], Picture]


def test_picture(side: int) -> Picture:
    """Return the photographer, enlarged to `side` x `side` pixels."""
    return (resize(data.camera(), (side, side), order=3) * 255).astype(np.float32)


def ours(picture: Picture, method: str | ns.Shrinkage | ns.EmpiricalWiener, threads: int) -> Run:
    def run() -> Picture:
        torch.set_num_threads(threads)
        return ns.restore(picture, method, noise=SIGMA, threads=threads)

    return run


def torch_reference(picture: Picture, method: str) -> Run:
    """Return the sliding DCT's torch path, without the fused kernel."""
    from napari_shrinkage.restorers import named
    from napari_shrinkage.restorers.base import on_device

    restorer = named(method)
    geometry = restorer.geometry()

    def run() -> Picture:
        torch.set_num_threads(1)
        extended = geometry.extended(picture[None] / np.float32(SIGMA))
        return geometry.cropped(on_device(restorer, "cpu", None)(extended), picture.shape)[0] * SIGMA

    return run


def bayes_shrink(picture: Picture) -> Picture:
    return (
        denoise_wavelet(
            picture / 255, sigma=SIGMA / 255, method="BayesShrink", wavelet="db1", rescale_sigma=True
        )
        * 255
    )


def spun(picture: Picture, shifts: int) -> Run:
    options = {"sigma": SIGMA / 255, "method": "BayesShrink", "wavelet": "db1", "rescale_sigma": True}
    return lambda: (
        cycle_spin(picture / 255, func=denoise_wavelet, max_shifts=shifts, func_kw=options, workers=1) * 255
    )


def dct_denoising(picture: Picture, size: int) -> Run | None:
    """Return OpenCV's sliding DCT (single-threaded) where OpenCV's contributed modules are installed."""
    try:
        import cv2

        denoise = cv2.xphoto.dctDenoising
    except (ImportError, AttributeError):
        return None

    def run() -> Picture:
        out = np.zeros_like(picture)
        denoise(picture, out, SIGMA, size)
        return out

    return run


def contenders(picture: Picture) -> dict[str, Run]:
    cores = available_cores()
    stationary = ns.Shrinkage(transform=ns.StationaryWavelet(wavelet="haar", levels=4))
    made: dict[str, Run | None] = {
        "dct, 1 thread": ours(picture, "dct", 1),
        f"dct, {cores} threads": ours(picture, "dct", cores),
        "dct-wiener, 1 thread": ours(picture, "dct-wiener", 1),
        f"dct-wiener, {cores} threads": ours(picture, "dct-wiener", cores),
        "dct 16 x 16, 1 thread": ours(
            picture, ns.Shrinkage(transform=ns.SlidingDCT(size=16), rule=ns.Hard(), threshold=ns.Profile()), 1
        ),
        "stationary Haar BayesShrink, 1 thread": ours(picture, stationary, 1),
        f"stationary Haar BayesShrink, {cores} threads": ours(picture, stationary, cores),
        "dct, torch reference, 1 thread": torch_reference(picture, "dct"),
        "scikit-image BayesShrink": functools.partial(bayes_shrink, picture),
        "scikit-image cycle_spin, 16 shifts": spun(picture, 3),
        "scikit-image cycle_spin, 64 shifts": spun(picture, 7),
        "scikit-image NL-means 5/6": lambda: denoise_nl_means(
            picture, 5, 6, h=0.8 * SIGMA, sigma=SIGMA, fast_mode=True
        ),
        "OpenCV dctDenoising 8 x 8": dct_denoising(picture, 8),
        "OpenCV dctDenoising 16 x 16": dct_denoising(picture, 16),
    }
    return {name: run for name, run in made.items() if run is not None}


def best_seconds(runs: dict[str, Run], rounds: int) -> dict[str, float]:
    """Return the best wall time of each, all of them taking turns."""
    best = dict.fromkeys(runs, np.inf)
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--side", type=int, default=1024, help="side of the test picture in pixels")
    arguments.add_argument("--rounds", type=int, default=5, help="rounds, the best counts")
    chosen = arguments.parse_args()
    truth = test_picture(chosen.side)
    runs = contenders(noisy(truth, SIGMA))
    scores = {name: psnr(run()[8:-8, 8:-8], truth[8:-8, 8:-8]) for name, run in runs.items()}
    seconds = best_seconds(runs, chosen.rounds)
    peers = [name for name in runs if name.startswith(("scikit", "OpenCV dctDenoising 8"))]
    print(f"\n{chosen.side} x {chosen.side}, float32, sigma 25; how many times faster than each peer\n")
    rows = [
        [
            name,
            f"{1000 * seconds[name]:.0f} ms",
            scores[name],
            *(f"{seconds[p] / seconds[name]:.1f}" for p in peers),
        ]
        for name in runs
    ]
    print(table(["method", "best of turns", "dB", *peers], rows))


if __name__ == "__main__":
    main()
