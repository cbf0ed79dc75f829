"""The learned sliding transform beside the sliding DCT, on all of BSD68, and where it was not trained.

`python benchmarks/learned_dct.py --data FOLDER` prints mean PSNR in dB with the 95 % confidence interval of
the mean, found by drawing the pictures anew. With `--speed` it prints seconds for 512 x 512 pixels instead.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from datasets import Picture, noisy, parser, pictures, psnr, table

import napari_shrinkage as ns
from napari_shrinkage.restorers import Restorer, named

SIGMAS = (15, 25, 50)
RESTORERS: dict[str, Restorer] = {
    "dct": named("dct"),
    "dct-wiener": named("dct-wiener"),
    "learned-dct": named("learned-dct"),
}
EVERY_PATCH = {"learned-dct, stride=1": ns.LearnedDct(stride=1)}
PUBLISHED = {  # of the paper's own training, one model for all noise levels (doi:10.1109/TIP.2022.3181488)
    "DCT2net, published": {"bsd68": (31.09, 28.64, 25.68)},
}
DRAWS = 4000
LINES = np.ones((1, 3)) / np.sqrt(3)
BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 6
REPEATS = 5


def scores(restorer: Restorer, images: list[Picture], sigma: float) -> list[float]:
    """Return the PSNR of each picture."""
    return [psnr(ns.restore(noisy(image, sigma), restorer, noise=sigma), image) for image in images]


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean over pictures."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (DRAWS, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def with_interval(values: list[float]) -> str:
    low, high = interval(values)
    return f"{np.mean(values):.2f} ({low:.2f} to {high:.2f})"


def gain_over(values: list[float], others: list[float]) -> str:
    """Return the mean gain picture by picture, with its interval: how pictures differ does not widen it."""
    low, high = interval([a - b for a, b in zip(values, others, strict=True)])
    return f"+{np.mean(values) - np.mean(others):.2f} ({low:.2f} to {high:.2f})"


def quality(
    images: list[Picture], restorers: dict[str, Restorer], published: dict[str, tuple[float, ...]]
) -> str:
    found = {name: [scores(restorer, images, s) for s in SIGMAS] for name, restorer in restorers.items()}
    rows = [[name, *map(with_interval, by_sigma)] for name, by_sigma in found.items()]
    rows += [[name, *(f"{value:.2f}" for value in values)] for name, values in published.items()]
    gains = map(gain_over, found["learned-dct"], found["dct-wiener"])
    rows.append(["*gain of learned-dct on dct-wiener*", *gains])
    return table(["method", *(f"sigma {s}" for s in SIGMAS)], rows)


def correlated(image: Picture, sigma: float, kernel: np.ndarray) -> Picture:
    """Return a picture with noise of std sigma that neighbours share, drawn from seed 0."""
    from scipy.ndimage import convolve

    white = np.random.default_rng(0).standard_normal(image.shape)
    return (image + sigma * convolve(white, kernel, mode="wrap")).astype(np.float32)


def elsewhere(images: list[Picture]) -> str:
    """Return the mean PSNR at the ends of the trained range, and for noise that neighbours share."""
    cases = {f"white, sigma {sigma}": (sigma, None) for sigma in (2, 5, 75)}
    cases |= {"lines of 3 pixels, sigma 25": (25, LINES), "blurred 3 x 3, sigma 25": (25, BLUR)}
    rows = []
    for name, (sigma, kernel) in cases.items():
        correlation = None if kernel is None else ns.Autocorrelation.from_kernel(kernel)
        seen = [noisy(x, sigma) if kernel is None else correlated(x, sigma, kernel) for x in images]
        told = [
            mean_psnr(restorer, seen, images, ns.Gaussian(sigma, correlation))
            for restorer in RESTORERS.values()
        ]
        untold = (
            "" if kernel is None else mean_psnr(RESTORERS["learned-dct"], seen, images, ns.Gaussian(sigma))
        )
        rows.append([name, *told, untold])
    return table(["noise", *RESTORERS, "learned-dct, told white noise"], rows)


def mean_psnr(restorer: Restorer, seen: list[Picture], images: list[Picture], noise: ns.Gaussian) -> float:
    restored = [ns.restore(picture, restorer, noise=noise) for picture in seen]
    return float(np.mean([psnr(*pair) for pair in zip(restored, images, strict=True)]))


def speed(counts: list[int]) -> str:
    """Return the median seconds for 512 x 512 pixels, for each count of CPU threads."""
    import torch

    picture = noisy(np.zeros((512, 512), np.float32), 25)
    rows = []
    for name, restorer in (RESTORERS | EVERY_PATCH).items():
        seconds = []
        for threads in counts:
            torch.set_num_threads(threads)
            ns.restore(picture, restorer, noise=25, device="cpu", threads=threads)
            seconds.append(statistics.median(timed(picture, restorer, threads) for _ in range(REPEATS)))
        rows.append([name, *seconds])
    return table(["method", *(f"{n} thread{'s' * (n > 1)}, s" for n in counts)], rows)


def timed(picture: Picture, restorer: Restorer, threads: int) -> float:
    start = time.perf_counter()
    ns.restore(picture, restorer, noise=25, device="cpu", threads=threads)
    return time.perf_counter() - start


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--speed", action="store_true", help="seconds for 512 x 512 pixels instead")
    arguments.add_argument("--threads", type=int, nargs="+", default=[1], help="CPU threads to time")
    arguments.add_argument("--limit", type=int, default=None, help="only the first pictures of each set")
    chosen = arguments.parse_args()
    if chosen.speed:
        print(f"\nOne gray picture of 512 x 512 pixels, sigma 25, median of {REPEATS} runs\n")
        print(speed(chosen.threads))
        return
    sets = {"bsd68": RESTORERS, "set12": RESTORERS | EVERY_PATCH}
    for name, restorers in sets.items():
        images = pictures(chosen.data, name, chosen.limit)
        published = {who: known[name] for who, known in PUBLISHED.items() if name in known}
        print(f"\n{name}, {len(images)} pictures, mean PSNR in dB (95 % confidence interval of the mean)\n")
        print(quality(images, restorers, published), flush=True)
    images = pictures(chosen.data, "set12", chosen.limit)
    print(f"\nset12, {len(images)} pictures, mean PSNR in dB, noise known\n\n{elsewhere(images)}")


if __name__ == "__main__":
    main()
