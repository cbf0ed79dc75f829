"""How well the noise of a camera is found from one image, and what the models make of it.

`python benchmarks/noise.py --data FOLDER` prints six parts: simulated cameras, bias of the stabilising
transform and its inverse, verdicts on whiteness, restoring under filtered noise, the universal threshold
under it, and the time of an estimate. `--parts` chooses some, `--limit` takes fewer pictures.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import torch
from datasets import Picture, noisy, parser, pictures, psnr, table
from micrographs import Pair, fmd, w2s
from scipy.stats import norm, poisson
from simulated import KINDS, Exposure, autocorrelation, correlated, exposures, with_noise

import napari_shrinkage as ns

SIGMA = 25.0
WHITE = (5, 10, 25, 50)
MEANS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 300, 1000)  # electrons
READS = (0.0, 0.5, 1.0, 2.0, 5.0)  # electrons
ENOUGH = 0.2  # share of the variance from which on a parameter is judged
NODES = 4001
FIELDS, SIDE = 200, 128
Rows = list[list[object]]


def cameras(data: Path | None, limit: int | None) -> str:
    shots = exposures(data, limit or 80)
    lines = [ns.estimate_noise(shot.counts, "poisson-gaussian") for shot in shots]
    known = [ns.estimate_noise(shot.counts, "poisson-gaussian", offset=shot.offset) for shot in shots]
    gains = {
        source: [
            abs(model.gain / shot.gain - 1)
            for model, shot in zip(lines, shots, strict=True)
            if shot.shot_share >= ENOUGH and shot.source == source
        ]
        for source in dict.fromkeys(shot.source for shot in shots)
    }
    reads = [
        abs(m.read_std / s.read_counts - 1)
        for m, s in zip(known, shots, strict=True)
        if s.read_share >= ENOUGH
    ]
    title = "gain, where shot noise is 20 % of the variance at the peak"
    rows: Rows = [[f"{title}: {source}", *_spread(errors)] for source, errors in gains.items()]
    rows.append([f"{title}: all", *_spread([error for errors in gains.values() for error in errors])])
    title = "read noise, offset known, where it is 20 % of the variance at the mean"
    rows.append([title, *_spread(reads)])
    first = table(["relative error in %", "frames", "median", "90th percentile"], rows)
    return f"{first}\n\n{_kinds(shots)}"


def _spread(errors: list[float]) -> list[object]:
    return [len(errors), *(float(100 * np.quantile(errors, q)) for q in (0.5, 0.9))]


def _kinds(shots: list[Exposure]) -> str:
    """Return how often "auto" chose which kind of model."""
    chosen = [(shot.shot_share >= ENOUGH, ns.estimate_noise(shot.counts).name) for shot in shots]
    names = ("poisson-gaussian", "gaussian", "noise-curve")
    rows = []
    for title, shot_noise in (("shot noise, 20 % at the peak", True), ("less shot noise", False)):
        found = [name for has, name in chosen if has is shot_noise]
        rows.append([title, len(found), *(found.count(name) for name in names)])
    return table(["auto chose, for", "frames", *names], rows)


def inverse_bias(data: Path | None, limit: int | None) -> str:
    rows = [[f"{read:g}", *(bias(mean, read) for mean in MEANS)] for read in READS]
    worst = max(abs(value) for row in rows for value in row[1:])
    return table(["read noise", *(f"mean {mean}" for mean in MEANS)], rows) + f"\n\nlargest {worst:.3f} %"


def bias(mean: float, read: float, gain: float = 3.0, offset: float = 100.0) -> float:
    """Return the relative bias in % of inverse(expectation of forward), by quadrature."""
    model = ns.PoissonGaussian(gain, offset, gain * read)
    counts = np.arange(*(int(n) for n in poisson.interval(1 - 1e-14, mean) + np.array([0, 2])))
    steps = np.linspace(-8, 8, NODES) if read else np.zeros(1)
    weights = norm.pdf(steps) / norm.pdf(steps).sum()
    stabilised = model.forward(offset + gain * (counts[:, None] + read * steps)) @ weights
    expected = poisson.pmf(counts, mean) @ stabilised
    back = float(model.inverse(np.array([expected]))[0])
    return 100 * ((back - offset) / gain / mean - 1)


def whiteness(data: Path | None, limit: int | None) -> str:
    rows: Rows = []
    for name in ("bsd68", "set12"):
        shelf = pictures(data, name, limit)
        for sigma in WHITE:
            found = [is_white(noisy(picture, sigma)) for picture in shelf]
            rows.append([f"{name}, white, sigma {sigma}", len(found), found.count(True), found.count(False)])
    for kind in KINDS:
        found = [is_white(with_noise(picture, kind, SIGMA)) for picture in pictures(data, "set12", limit)]
        rows.append([f"set12, {kind}, sigma 25", len(found), found.count(False), found.count(True)])
    for name, pairs in (("FMD", fmd(data)), ("W2S", w2s(data))):
        rows += verdicts(name, pairs[: None if limit is None else 4 * limit])
    return table(["noise", "images", "right", "wrong"], rows)


def is_white(image: np.ndarray) -> bool:
    return ns.estimate_noise(image).autocorrelation is None


def verdicts(name: str, pairs: list[Pair]) -> Rows:
    """Return right and wrong verdicts for each scene, with the correlation that its truth shows."""
    rows: Rows = []
    for scene in dict.fromkeys(pair.scene for pair in pairs):
        chosen = [pair for pair in pairs if pair.scene == scene]
        right = sum(is_white(pair.noisy) is not pair.is_correlated for pair in chosen)
        y, x = np.mean([pair.neighbours for pair in chosen], axis=0)
        rows.append(
            [f"{name} {scene}: {y:.2f} along Y, {x:.2f} along X", len(chosen), right, len(chosen) - right]
        )
    return rows


def filtered_noise(data: Path | None, limit: int | None) -> str:
    shelf = pictures(data, "set12", limit)
    rows: Rows = []
    for kind in KINDS:
        told = ns.Gaussian(SIGMA, autocorrelation(kind))
        images = [with_noise(picture, kind, SIGMA) for picture in shelf]
        scores = [
            [
                psnr(image, truth),
                *(psnr(ns.restore(image, noise=model), truth) for model in (told, None, SIGMA)),
            ]
            for image, truth in zip(images, shelf, strict=True)
        ]
        rows.append([kind, *np.mean(scores, axis=0).tolist()])
    return table(["noise", "noisy", "balanced, told", "balanced, blind", "balanced, taken as white"], rows)


def universal_threshold(data: Path | None, limit: int | None) -> str:
    """Compare the largest coefficient of pure noise with sqrt(2 ln N) times what its band's noise is."""
    transforms = {
        "wavelet": ns.Wavelet(wavelet="sym4", levels=3),
        "stationary": ns.StationaryWavelet(wavelet="haar", levels=3),
    }
    transforms = {name: one.replace(border="periodic") for name, one in transforms.items()}
    bound = float(np.sqrt(2 * np.log(SIDE**2)))
    rows: Rows = []
    for kind in ("white", *KINDS):
        noise = np.stack([_noise(kind, seed) for seed in range(FIELDS)])
        known = None if kind == "white" else autocorrelation(kind)
        for name, transform in transforms.items():
            told, white = (_largest(transform, noise, correlation) for correlation in (known, None))
            shares = [float(100 * np.mean(largest > bound)) for largest in (told, white)]
            rows.append([kind, name, bound, float(told.mean()), *shares])
    header = [
        "noise",
        "transform",
        "sqrt(2 ln N)",
        "mean of the largest",
        "% above, told",
        "% above, as white",
    ]
    return table(header, rows)


def _noise(kind: str, seed: int) -> Picture:
    shape = (SIDE, SIDE)
    return (
        np.random.default_rng(seed).standard_normal(shape)
        if kind == "white"
        else correlated(kind, shape, seed)
    )


def _largest(
    transform: ns.Wavelet | ns.StationaryWavelet, noise: np.ndarray, correlation: ns.Autocorrelation | None
) -> np.ndarray:
    """Return the largest detail coefficient of each field, in multiples of its band's noise."""
    gains = transform.noise_gain(correlation)
    bands = transform.forward(torch.from_numpy(noise[:, None])).details()
    return np.max([band.data.abs().amax((1, 2, 3)).numpy() / gains[band.key] for band in bands], axis=0)


def seconds(data: Path | None, limit: int | None) -> str:
    rng = np.random.default_rng(0)
    frame = rng.poisson(np.linspace(20, 400, 2048), (2048, 2048)).astype(np.uint16)
    series = rng.poisson(np.linspace(20, 400, 512), (100, 512, 512)).astype(np.uint16)
    read: list[object] = []

    def chunk(block: np.ndarray, block_info: dict) -> np.ndarray:
        read.append(block_info[0]["chunk-location"])
        return block

    lazy = da.from_array(np.broadcast_to(series[0], (1000, 512, 512)), chunks=(1, 512, 512)).map_blocks(
        chunk, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16)
    )
    ns.estimate_noise(frame[:256, :256])
    rows = [["2048 x 2048", timed(lambda: ns.estimate_noise(frame))]]
    rows.append(["100 x 512 x 512", timed(lambda: ns.estimate_noise(series, axes="TYX"))])
    rows.append(["lazy 1000 x 512 x 512", timed(lambda: ns.estimate_noise(lazy, axes="TYX"))])
    assert 0 < len(set(read)) < 1000, f"{len(set(read))} of 1000 chunks of a lazy stack were computed"
    return table(["uint16 image", "seconds"], rows) + f"\n\n{len(set(read))} of 1000 chunks were computed"


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


PARTS: dict[str, tuple[str, Callable[[Path | None, int | None], str]]] = {
    "cameras": ("Simulated cameras, noise estimated from one frame", cameras),
    "inverse": ("Bias of the inverse of the mean stabilised value, in %", inverse_bias),
    "whiteness": ("Whether the noise is white", whiteness),
    "filtered": ("Set12, filtered noise of sigma 25, mean PSNR in dB", filtered_noise),
    "universal": (f"Largest detail coefficient of {FIELDS} fields of pure noise", universal_threshold),
    "seconds": ("Time of an estimate", seconds),
}


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    options.add_argument("--limit", type=int, help="so many pictures of each set instead of all")
    chosen = options.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    for name in chosen.parts:
        title, part = PARTS[name]
        print(f"\n{title}\n\n{part(chosen.data, chosen.limit)}", flush=True)


if __name__ == "__main__":
    main()
