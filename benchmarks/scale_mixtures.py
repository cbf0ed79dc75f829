"""Gaussian scale mixtures and the shape-adaptive DCT beside the other methods: where each of them wins.

`python benchmarks/scale_mixtures.py --data FOLDER` prints mean PSNR and SSIM for white noise, mean PSNR for
noise that neighbours share, PSNR and SSIM for kinds of images (made here or from scikit-image), the error
beside edges, and the seconds of one CPU as a multiple of those of "dct-wiener" in the same run. `--fmd`
prints the mean PSNR of real micrographs instead, noise estimated from each image.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable

import numpy as np
from datasets import Picture, noisy, parser, pictures, psnr, table
from learned_dct import BLUR, LINES, correlated
from micrographs import fmd
from microscopy import Scored, ours, psnr_table
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage import data
from skimage.draw import disk, polygon
from skimage.metrics import structural_similarity

import napari_shrinkage as ns

METHODS = ("dct-wiener", "sa-dct", "gsm", "learned-dct", "let", "wavelet")
REFERENCE = METHODS[0]
SIGMAS = (15, 25, 50)
SIDE = 256
REPEATS = 5
DRAWS = 16
NEAR = (2, 8)  # pixels from an edge


def smooth_kernel() -> Picture:
    """Return a Gaussian kernel of std 1 pixel and norm 1."""
    point = np.zeros((9, 9), np.float32)
    point[4, 4] = 1
    blurred = gaussian_filter(point, 1.0)
    return blurred / np.linalg.norm(blurred)


KERNELS = {"lines of 3 pixels": LINES, "binomial 3 x 3": BLUR, "Gaussian, std 1 pixel": smooth_kernel()}


def ssim(restored: Picture, truth: Picture) -> float:
    return float(structural_similarity(restored, truth, data_range=255))


def means(
    images: Iterable[Picture],
    seen: Callable[[Picture], Picture],
    noise: float | ns.Gaussian,
) -> dict[str, tuple[float, float]]:
    """Return mean PSNR and SSIM of each method."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for image in images:
        picture = seen(image)
        for method in METHODS:
            restored = ns.restore(picture, method, noise=noise)
            found[method].append((psnr(restored, image), ssim(restored, image)))
    return {method: tuple(np.mean(scores, axis=0).tolist()) for method, scores in found.items()}


def white(sets: dict[str, list[Picture]]) -> tuple[str, str]:
    """Return the tables of PSNR and of SSIM under white noise."""
    columns = {
        f"{name} {sigma}": means(images, lambda x, s=sigma: noisy(x, s), sigma)
        for name, images in sets.items()
        for sigma in SIGMAS
    }
    return by_method(columns, 0), by_method(columns, 1, digits=3)


def shared(sets: dict[str, list[Picture]]) -> str:
    """Return the table of PSNR under noise of std 25 that neighbours share."""
    columns = {
        f"{name}, {title}": means(
            images,
            lambda x, k=kernel: correlated(x, 25, k),
            ns.Gaussian(25, ns.Autocorrelation.from_kernel(kernel)),
        )
        for name, images in sets.items()
        for title, kernel in KERNELS.items()
    }
    return by_method(columns, 0)


def by_method(columns: dict[str, dict[str, tuple[float, float]]], which: int, digits: int = 2) -> str:
    rows = [[name, *(f"{found[name][which]:.{digits}f}" for found in columns.values())] for name in METHODS]
    return table(["method", *columns], rows)


def cartoon() -> Picture:
    """Return flat polygons and discs."""
    rng, image = np.random.default_rng(0), np.full((SIDE, SIDE), 120, np.float32)
    for _ in range(25):
        centre, level = rng.integers(0, SIDE, 2), rng.integers(20, 236)
        corners = centre + rng.normal(0, 40, (4, 2))
        image[polygon(*corners.T, shape=image.shape)] = level
        image[disk(rng.integers(0, SIDE, 2), rng.integers(5, 30), shape=image.shape)] = rng.integers(20, 236)
    return image


def step_edges() -> Picture:
    """Return stripes of 32 pixels that lean a little, of two grey levels."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.where((x + 0.2 * y) // 32 % 2, 180, 80).astype(np.float32)


def kinds() -> dict[str, Picture]:
    """Return an image of each kind, in 0..255."""
    return {
        "cartoon": cartoon(),
        "step edges": step_edges(),
        "printed text": data.text()[:, :SIDE].astype(np.float32),
        "a page": data.page()[:, :SIDE].astype(np.float32),
        "brick": data.brick()[:SIDE, :SIDE].astype(np.float32),
        "gravel": data.gravel()[:SIDE, :SIDE].astype(np.float32),
        "grass": data.grass()[:SIDE, :SIDE].astype(np.float32),
    }


def by_kind() -> str:
    """Return PSNR and SSIM at sigma 25 for each kind of image."""
    rows = []
    for title, image in kinds().items():
        found = means([image], lambda x: noisy(x, 25), 25)
        rows.append([title, *(f"{found[m][0]:.2f} / {found[m][1]:.3f}" for m in METHODS)])
    return table(["image", *METHODS], rows)


def ringing() -> str:
    """Return the error near step edges, and far from them, of the mean over noises: what is not noise."""
    image = step_edges()
    edges = np.zeros(image.shape, bool)
    edges[:, 1:] = np.diff(image, axis=1) != 0
    distance = distance_transform_edt(~edges)
    near, far = (distance >= NEAR[0]) & (distance <= NEAR[1]), distance > NEAR[1]
    rows = []
    for method in METHODS:
        rng, total = np.random.default_rng(0), 0.0
        for _ in range(DRAWS):
            seen = (image + 25 * rng.standard_normal(image.shape)).astype(np.float32)
            total = total + ns.restore(seen, method, noise=25, threads=1)
        error = total / DRAWS - image
        rows.append([method, *(float(np.sqrt(np.mean(error[where] ** 2))) for where in (near, far))])
    return table(["method", f"{NEAR[0]} to {NEAR[1]} pixels from an edge", "farther"], rows)


def speed() -> str:
    """Return the CPU seconds of each method as multiples of the reference's, medians of interleaved runs."""
    picture = noisy(data.camera().astype(np.float32), 25)
    seconds: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(1 + REPEATS):
        for method in METHODS:
            start = time.process_time()
            ns.restore(picture, method, noise=25, threads=1)
            seconds[method].append(time.process_time() - start)
    medians = {method: statistics.median(runs[1:]) for method, runs in seconds.items()}  # the first compiles
    rows = [[method, f"{median / medians[REFERENCE]:.1f}"] for method, median in medians.items()]
    return table(["method", f"seconds, {REFERENCE} = 1"], rows)


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--fmd", action="store_true", help="real micrographs instead")
    options.add_argument("--limit", type=int, default=None, help="only the first pictures of each set")
    chosen = options.parse_args()
    if chosen.fmd:
        warnings.simplefilter("ignore", ns.NoiseWarning)
        scored = [Scored.of(pair, {name: ours(name) for name in METHODS}) for pair in fmd(chosen.data)]
        print(f"\nFMD, mean PSNR in dB, noise estimated from each image\n\n{psnr_table(scored)}")
        return
    sets = {
        "set12": pictures(chosen.data, "set12", chosen.limit),
        "bsd68[:12]": pictures(chosen.data, "bsd68", chosen.limit or 12),
    }
    for title, found in zip(("PSNR in dB", "SSIM"), white(sets), strict=True):
        print(f"\nWhite noise, level known, mean {title}\n\n{found}", flush=True)
    print(f"\nNoise that neighbours share, std 25, known, mean PSNR in dB\n\n{shared(sets)}", flush=True)
    print(f"\nKinds of images, sigma 25, PSNR in dB / SSIM\n\n{by_kind()}", flush=True)
    print(
        f"\nStep edges, sigma 25, error of the mean of {DRAWS} results, grey levels\n\n{ringing()}",
        flush=True,
    )
    print(f"\n512 x 512 pixels, one thread, median of {REPEATS} runs\n\n{speed()}")


if __name__ == "__main__":
    main()
