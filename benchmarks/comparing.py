"""Which method, from the noisy image alone: what `compare` picks beside every constant choice and the best.

`python benchmarks/comparing.py --data FOLDER` runs over Set12 and the first 12 pictures of BSD68 at sigma 25,
noise known; `--fmd` adds the real micrographs of FMD (FOLDER/micro/fmd), whose noise is estimated.
"""

from __future__ import annotations

import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from datasets import PEAK, Picture, noisy, parser, pictures, psnr, table

import napari_shrinkage as ns
from napari_shrinkage.comparing import candidate_steps, default_candidates
from napari_shrinkage.comparing.scores import psnr_of

SIGMA = 25.0
SETS = (("set12", None), ("bsd68", 12))
Scores = dict[str, float]


def synthetic(data: Path | None) -> list[tuple[Picture, Picture, ns.Gaussian]]:
    return [
        (noisy(truth, SIGMA), truth, ns.Gaussian(SIGMA))
        for name, limit in SETS
        for truth in pictures(data, name, limit)
    ]


def micrographs(
    data: Path | None,
) -> list[tuple[Picture, Picture, ns.Gaussian | ns.PoissonGaussian | ns.NoiseCurve]]:
    found = []
    for path in sorted((Path(data or "") / "micro/fmd/raw").glob("*.png")):
        image, truth = iio.imread(path), iio.imread(path.parent.parent / "gt" / path.name).astype(np.float32)
        found.append((image, truth, ns.estimate_noise(image)))
    return found


def scored(image: Picture, truth: Picture, noise: ns.Gaussian) -> tuple[Scores, Scores, float]:
    """Return the PSNR of every candidate as estimated and as it is, and the seconds of the comparison."""
    started = time.perf_counter()
    found = ns.compare(image, candidates(noise), noise=noise)
    seconds = time.perf_counter() - started
    real = {row.name: psnr(ns.restore(image, row.restorer, noise=row.noise), truth) for row in found.rows}
    return {row.name: psnr_of(row.mse, PEAK) for row in found.rows}, real, seconds


def candidates(noise: ns.Gaussian) -> dict[str, ns.Step]:
    """Return the same names for every picture, whether its noise is correlated or not."""
    steps = default_candidates(noise)
    for name in ("dct", "dct-wiener"):
        steps.setdefault(f"{name}, noise taken as white", candidate_steps([name])[name])
    return steps


def report(title: str, cases: list[tuple[Picture, Picture, ns.Gaussian]]) -> None:
    results = [scored(*case) for case in cases]
    real = [scores for _, scores, _ in results]
    picked = [scores[max(estimate, key=estimate.__getitem__)] for estimate, scores, _ in results]
    best = [max(scores.values()) for scores in real]
    constant = {name: float(np.mean([scores[name] for scores in real])) for name in real[0]}
    off = [abs(estimate[name] - scores[name]) for estimate, scores, _ in results for name in scores]
    rows = [["pick of compare", float(np.mean(picked))], ["best of each picture", float(np.mean(best))]]
    rows += [[f"always {name}", value] for name, value in sorted(constant.items(), key=lambda item: -item[1])]
    print(f"\n{title}: {len(cases)} pictures, mean PSNR in dB\n")
    print(table(["choice", "PSNR"], rows))
    print(
        f"\nfarthest from a picture's best {max(np.subtract(best, picked)):.2f} dB; the estimates differ "
        f"from the real PSNR by {np.mean(off):.2f} dB on average; "
        f"{np.mean([seconds for *_, seconds in results]):.1f} s a picture"
    )


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--fmd", action="store_true", help="also the micrographs of FMD, noise estimated")
    chosen = arguments.parse_args()
    report("Set12 and BSD68[:12], sigma 25, noise known", synthetic(chosen.data))
    if chosen.fmd:
        report("FMD, noise estimated", micrographs(chosen.data))


if __name__ == "__main__":
    main()
