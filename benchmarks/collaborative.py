"""Groups of similar patches beside the bm3d package: quality and seconds in one run, image by image in turn.

`python benchmarks/collaborative.py --data FOLDER` prints, for gray pictures, mean PSNR and the seconds of one
thread as a ratio to bm3d's; then one picture of 512 x 512 on one thread and on all; colour; real micrographs,
their noise estimated; and a volume. `--only` names a part. bm3d runs where it is installed (its licence keeps
it out of our dependencies). Seconds are CPU time, because machines are shared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
from datasets import Picture, noisy, parser, pictures, psnr, table
from micrographs import fmd
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.devices import available_cores
from napari_shrinkage.samples import fluorescence_stack

SIGMAS = (15, 25, 50)
HIGH = ns.Collaborative(stride=4, matches=80, search=40)
OURS: dict[str, str | ns.Collaborative] = {
    "dct-wiener": "dct-wiener",
    "learned-dct": "learned-dct",
    "collaborative": "collaborative",
    "collaborative, high": HIGH,
    "collaborative, learned pilot": ns.Collaborative(pilot=ns.LearnedDct()),
    "collaborative, high, learned pilot": HIGH.replace(pilot=ns.LearnedDct()),
}
# CBM3D: Dabov et al., "Color image denoising via sparse 3D collaborative filtering with grouping constraint
# in luminance-chrominance space", ICIP 2007, doi:10.1109/ICIP.2007.4378954; its figures on CBSD68 as in
# FFDNet's paper, doi:10.1109/TIP.2018.2839891.
CBM3D = {15: 33.52, 25: 30.71, 50: 27.38}
Method = Callable[[Picture, float], Picture]


def ours(method: str | ns.Collaborative, threads: int = 1) -> Method:
    def restored(picture: Picture, sigma: float) -> Picture:
        axes = "YXC" if picture.ndim == 3 else None
        return ns.restore(picture, method, noise=float(sigma), axes=axes, threads=threads, device="cpu")

    return restored


def bm3d_if_installed() -> dict[str, Method]:
    try:
        import bm3d
    except ImportError:
        return {}
    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # noqa: NPY201 - the name by which bm4d 4.2 knows it
    return {"bm3d package": lambda picture, sigma: bm3d.bm3d(picture, sigma)}


def in_turn(
    methods: dict[str, Method], images: list[Picture], sigma: float
) -> dict[str, tuple[float, float]]:
    """Return mean PSNR and CPU seconds of each method over the images, one image after the other."""
    scores: dict[str, list[float]] = {name: [] for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    for image in images:
        degraded = noisy(image, sigma)
        for name, method in methods.items():
            started = time.process_time()
            restored = method(degraded, sigma)
            seconds[name] += time.process_time() - started
            scores[name].append(psnr(restored, image))
    return {name: (float(np.mean(scores[name])), seconds[name]) for name in methods}


def gray_table(folder: os.PathLike[str]) -> str:
    methods = {name: ours(method) for name, method in OURS.items()} | bm3d_if_installed()
    warmed(methods)
    sets = {"set12": pictures(folder, "set12"), "bsd68[:12]": pictures(folder, "bsd68", 12)}
    found = {(n, s): in_turn(methods, images, s) for n, images in sets.items() for s in SIGMAS}
    spent = {m: sum(one[m][1] for one in found.values()) for m in methods}
    slowest = spent.get("bm3d package")
    rows = [
        [
            name,
            *(found[n, s][name][0] for n in sets for s in SIGMAS),
            f"{spent[name]:.0f}",
            "" if slowest is None else f"{slowest / spent[name]:.1f}",
        ]
        for name in methods
    ]
    heads = [f"{n} {s}" for n in sets for s in SIGMAS]
    return table(["method", *heads, "CPU seconds, one thread", "times faster than bm3d"], rows)


def warmed(methods: dict[str, Method]) -> None:
    for method in methods.values():
        method(noisy(np.full((64, 64), 100, np.float32), 10), 10)


def speed_table(folder: os.PathLike[str]) -> str:
    """Time one picture of 512 x 512 at sigma 25, best of five, on one thread and on all cores."""
    truth = next(p for p in pictures(folder, "set12") if p.shape == (512, 512))
    degraded, rows = noisy(truth, 25), []
    fast = ns.Collaborative(stride=7, matches=40)
    for name, method in {**OURS, "collaborative, stride=7, matches=40": fast}.items():
        cells: list[object] = [name]
        for threads in (1, available_cores()):
            run = ours(method, threads)
            restored = run(degraded, 25)
            best = [np.inf, np.inf]
            for _ in range(5):
                wall, cpu = time.perf_counter(), time.process_time()
                run(degraded, 25)
                best = [min(best[0], time.perf_counter() - wall), min(best[1], time.process_time() - cpu)]
            cells += [f"{1000 * best[0]:.0f}", f"{1000 * best[1]:.0f}"]
        rows.append([*cells, psnr(restored, truth)])
    cores = available_cores()
    heads = ["1 thread: ms", "CPU ms", f"{cores} threads: ms", "CPU ms"]
    return table(["512 x 512, sigma 25", *heads, "dB"], rows)


def color_table(folder: os.PathLike[str], step: int) -> str:
    images = pictures(folder, "cbsd68")[::step]
    names = ("dct-wiener", "collaborative", "collaborative, high")
    methods = {name: ours(OURS[name]) for name in names}
    found = {sigma: in_turn(methods, images, sigma) for sigma in SIGMAS}
    rows: list[list[object]] = [[name, *(found[s][name][0] for s in SIGMAS)] for name in methods]
    rows.append(["CBM3D, as published, all 68", *(CBM3D[s] for s in SIGMAS)])
    return table([f"CBSD68, {len(images)} pictures", *map(str, SIGMAS)], rows)


def micrograph_table(folder: os.PathLike[str]) -> str:
    names = ["balanced", "learned-dct", "unet", "collaborative", "collaborative, high"]
    pairs = fmd(folder)
    scores: dict[str, list[float]] = {name: [] for name in names}
    for pair in pairs:
        noise = ns.estimate_noise(pair.noisy)
        for name in names:
            restored = ns.restore(pair.noisy, OURS.get(name, name), noise=noise, threads=1, device="cpu")
            scores[name].append(psnr(np.clip(restored, 0, 255), pair.truth))
    scenes = list(dict.fromkeys(pair.scene for pair in pairs))
    of = {scene: [i for i, pair in enumerate(pairs) if pair.scene == scene] for scene in scenes}
    of["all"] = list(range(len(pairs)))
    rows = [
        [s, len(where), *(float(np.mean([scores[n][i] for i in where])) for n in names)]
        for s, where in of.items()
    ]
    return table(["FMD, noise estimated", "images", *names], rows)


def volume_table() -> str:
    """Restore a volume and a moving picture, plane by plane and with patches matched across planes."""
    cells = fluorescence_stack().truth[4:16] - 100
    moving = np.stack([data.camera()[100:228, 100 + 2 * t : 228 + 2 * t] for t in range(12)]).astype(
        np.float32
    )
    rows = []
    for name, truth in {
        "simulated cells, ZYX": cells * (255 / cells.max()),
        "moving picture, T as Z": moving,
    }.items():
        image = noisy(truth, 25)
        row: list[object] = [name]
        for method in ("dct-wiener", deep_dct(), "collaborative", ns.Collaborative(ndim=3)):
            row.append(psnr(ns.restore(image, method, noise=25.0, axes="ZYX", device="cpu"), truth))
        rows.append(row)
    heads = ["dct-wiener", "dct-wiener, ndim=3", "collaborative", "collaborative, ndim=3"]
    return table(["sigma 25", *heads], rows)


def deep_dct() -> ns.EmpiricalWiener:
    transform = ns.SlidingDCT(ndim=3)
    pilot = ns.Shrinkage(transform=transform, rule=ns.Hard(), threshold=ns.Profile())
    return ns.EmpiricalWiener(pilot=pilot, transform=transform)


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--only", choices=("gray", "speed", "color", "fmd", "volume"), help="one part")
    arguments.add_argument("--step", type=int, default=1, help="take every so many-th colour picture")
    chosen = arguments.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "gray": lambda: gray_table(chosen.data),
        "speed": lambda: speed_table(chosen.data),
        "color": lambda: color_table(chosen.data, chosen.step),
        "fmd": lambda: micrograph_table(chosen.data),
        "volume": volume_table,
    }
    for name, made in parts.items():
        if chosen.only in (None, name):
            print(f"\n{made()}\n", flush=True)


if __name__ == "__main__":
    main()
