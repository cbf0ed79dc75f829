"""Thresholds of the sliding DCT: the best single ratio, and one learned for each frequency.

`python benchmarks/learning_dct.py --data FOLDER` first retells the report 001_84862c3c971ecd33.txt on its
zebra: the best ratio by scan and by annealed descent. Then it learns 63 thresholds of 8 x 8 patches on
train400, with noise of 25 grey levels, and measures them on pictures that they have not seen. At last it
learns them without any clean picture, on each noisy picture alone. `--part` names one of these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import imageio.v3 as iio
import numpy as np
from datasets import Picture, noisy, parser, pictures, psnr, table

import napari_shrinkage as ns
from napari_shrinkage import losses

LUMA = np.float32([0.299, 0.587, 0.114])  # BT.601
RATIOS = tuple(np.arange(2.0, 3.6, 0.1).round(1).tolist())
SIGMA = 25
TEST_SETS = ("set12", "bsd68")
FIRST = 12  # pictures of each test set
TRAINING = 64  # pictures of train400
CROP = slice(26, 154)  # of a training picture: 64 x 128 x 128 pixels are all looked at
ALONE = 4  # pictures of each test set that are fitted one by one
START = 2.5


def dct(threshold: ns.ThresholdSelector | float, size: int = 8, **choices: object) -> ns.Shrinkage:
    """Return hard thresholding of a sliding DCT; a number is a ratio."""
    if isinstance(threshold, float):
        threshold = ns.Ratio(r=threshold)
    method = ns.Shrinkage(transform=ns.SlidingDCT(size=size), rule=ns.Hard(), threshold=threshold)
    return method.replace(**choices)


def smooth(method: ns.Shrinkage) -> ns.Shrinkage:
    """Return the method with the rule that a descent can follow."""
    return method.replace(rule=ns.TanhHard())


def scores(
    seen: Picture, truth: Picture, sigma: float, made: Callable[[float], ns.Shrinkage]
) -> dict[float, float]:
    """Return the PSNR at every ratio."""
    return {r: psnr(ns.restore(seen, made(r), noise=sigma), truth) for r in RATIOS}


def ratio_table(zebra: Picture) -> str:
    """The best ratio for each noise, patch and weighting, and what the descent finds."""
    rows = []
    for size in (8, 16):
        for weights in ("uniform", "sparsity"):
            for sigma in (10, 25, 50):
                seen = noisy(zebra, sigma)
                found = scores(seen, zebra, sigma, lambda r: dct(r, size, weights=weights))  # noqa: B023
                best = max(found, key=found.__getitem__)
                near = min(found.get(round(best + step, 1), np.inf) for step in (-0.1, 0.1))
                row = [
                    f"{size} x {size}",
                    weights,
                    sigma,
                    f"{best:.1f}",
                    found[best],
                    f"{found[best] - near:.3f}",
                ]
                rows.append([*row, *(learned_ratio(seen, zebra, sigma, weights) if size == 8 else ("", ""))])
                progress(*rows[-1])
    header = ["patch", "weights", "sigma", "best ratio", "dB", "lost 0.1 beside it", "descent finds", "dB"]
    return table(header, rows)


def learned_ratio(seen: Picture, truth: Picture, sigma: float, weights: str) -> tuple[str, float]:
    method = smooth(dct(START, weights=weights))
    fitted = ns.fit(seen, method, "supervised", truth, noise=sigma)
    return f"{fitted.threshold.r:.2f}", psnr(ns.restore(seen, fitted, noise=sigma), truth)


def stride_table(zebra: Picture) -> str:
    """What overlap brings at a ratio of 2.7."""
    seen = noisy(zebra, SIGMA)
    methods = {
        s: dct(2.7, weights="uniform", transform=ns.SlidingDCT(size=8, stride=s)) for s in (8, 4, 2, 1)
    }
    return table(
        ["stride", "dB"], [[s, psnr(ns.restore(seen, m, noise=SIGMA), zebra)] for s, m in methods.items()]
    )


def frequency_methods(data: str) -> dict[str, ns.Shrinkage]:
    """Return single ratios, the hand-set profile, and what is learned on train400."""
    every = pictures(data, "train400")
    clean = np.stack(every[:: len(every) // TRAINING][:TRAINING])[:, CROP, CROP]
    seen = noisy(clean, SIGMA)
    methods = {f"ratio {r}": dct(r) for r in (2.4, 2.5, 2.6, 2.7)}
    methods["profile 2.1 to 3.1, set by hand"] = dct(ns.Profile())
    of_each = dct(
        ns.PerBand(values={band.key: (START,) for band in ns.SlidingDCT().subbands() if band.detail})
    )
    for name, start, loss in (
        ("profile, learned", dct(ns.Profile()), losses.Supervised()),
        ("profile, learned for the mean PSNR", dct(ns.Profile()), losses.SupervisedPsnr()),
        ("63 thresholds, learned", of_each, losses.Supervised()),
        ("63 thresholds, learned for the mean PSNR", of_each, losses.SupervisedPsnr()),
    ):
        methods[name] = ns.fit(seen, smooth(start), loss, clean, noise=SIGMA, axes="TYX")
        progress("learned:", name)
    return methods


def frequency_table(data: str, methods: dict[str, ns.Shrinkage]) -> str:
    """Mean PSNR of each method on the test sets."""
    rows = []
    for name, method in methods.items():
        means = [mean_psnr(pictures(data, test, FIRST), lambda seen, truth: method) for test in TEST_SETS]  # noqa: B023
        rows.append([name, *means, float(np.mean(means))])
    return table(["thresholds", *(f"{test}[:{FIRST}]" for test in TEST_SETS), "mean"], rows)


def map_of(method: ns.Shrinkage) -> str:
    """The thresholds by frequency: down along Y, to the right along X."""
    side = range(8)
    rows = [
        [y, *(f"{method.threshold.values[f'{y},{x}'][0]:.2f}" if x or y else "kept" for x in side)]
        for y in side
    ]
    return table(["", *map(str, side)], rows)


def alone_table(data: str) -> str:
    """Mean PSNR where each noisy picture chooses its own thresholds."""
    profile = smooth(dct(ns.Profile()))
    of_each = profile.replace(
        threshold=ns.PerBand(
            values={b.key: (ns.Profile().multiple(b),) for b in ns.SlidingDCT().subbands() if b.detail}
        )
    )
    ways = {
        "profile 2.1 to 3.1, set by hand": lambda seen, truth: dct(ns.Profile()),
        "profile, SURE": lambda seen, truth: ns.fit(seen, profile, "sure", noise=SIGMA),
        "63 thresholds, SURE": lambda seen, truth: ns.fit(seen, of_each, "sure", noise=SIGMA),
        "63 thresholds, clean picture": lambda seen, truth: ns.fit(seen, of_each, target=truth, noise=SIGMA),
    }
    rows = []
    for name, way in ways.items():
        rows.append([name, *(mean_psnr(pictures(data, test, ALONE), way) for test in TEST_SETS)])
        progress(*rows[-1])
    return table(["thresholds of each picture", *(f"{test}[:{ALONE}]" for test in TEST_SETS)], rows)


def mean_psnr(images: Iterable[Picture], way: Callable[[Picture, Picture], ns.Shrinkage]) -> float:
    """Return the mean PSNR of the method that a way chooses for each noisy picture and its truth."""
    values = []
    for image in images:
        seen = noisy(image, SIGMA)
        values.append(psnr(ns.restore(seen, way(seen, image), noise=SIGMA), image))
    return float(np.mean(values))


def progress(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    parts = ("zebra", "frequencies", "alone")
    arguments.add_argument("--part", choices=parts, help="only this one")
    chosen = arguments.parse_args()
    wanted = [chosen.part] if chosen.part else parts
    if "zebra" in wanted:
        zebra = iio.imread(chosen.data / "misc" / "zebra.png").astype(np.float32) @ LUMA
        print("\nZebra in gray, hard threshold, mean of every patch kept\n")
        print(ratio_table(zebra))
        print(f"\nThe same at sigma {SIGMA}, ratio 2.7, 8 x 8, uniform weights: what overlap brings\n")
        print(stride_table(zebra))
    if "frequencies" in wanted:
        methods = frequency_methods(chosen.data)
        print(
            f"\nThresholds learned on {TRAINING} pictures of train400, sigma {SIGMA}, mean PSNR elsewhere\n"
        )
        print(frequency_table(chosen.data, methods))
        print("\nThe 63 thresholds, learned for the mean PSNR, in multiples of the noise\n")
        print(map_of(list(methods.values())[-1]))
    if "alone" in wanted:
        print(f"\nThresholds fitted to each noisy picture alone, sigma {SIGMA}, mean PSNR in dB\n")
        print(alone_table(chosen.data))


if __name__ == "__main__":
    main()
