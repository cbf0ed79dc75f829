"""Real photographs of PolyU beside the peers: the noise of the camera and its processing, not known to any.

`python benchmarks/photographs.py --data FOLDER` prints mean PSNR (peak 255) and SSIM over the 50 pairs, and
what each method does to the pair that it serves worst. `--bm3d` adds the bm3d package where it is installed.

Source: Xu, Li, Liang, Zhang, Zhang, "Real-world noisy image denoising: a new benchmark", arXiv:1804.02603.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from datasets import Picture, parser, psnr, table
from quality import bayes_shrink, nl_means
from skimage.metrics import structural_similarity
from skimage.restoration import estimate_sigma

import napari_shrinkage as ns

Method = Callable[[np.ndarray], Picture]


def pairs(data: Path | None, limit: int | None) -> Iterator[tuple[np.ndarray, Picture]]:
    """Yield noisy photographs (Y, X, 3), 8-bit, each with the mean of many shots."""
    files = sorted((Path(data) / "polyu/noisy").glob("*.jpg")) if data else []
    if not files:
        sys.exit("PolyU is not here; name the folder that holds polyu/ by --data or NAPARI_SHRINKAGE_DATA.")
    for path in files[:: max(len(files) // limit, 1)][:limit] if limit else files:
        yield iio.imread(path), iio.imread(path.parent.parent / "mean" / path.name).astype(np.float32)


def ours(name: str) -> Method:
    return lambda image: ns.restore(image, name, axes="YXC")


def blind(method: Callable[[Picture, float], Picture]) -> Method:
    """Return a method that is told scikit-image's estimate of sigma."""

    def restored(image: np.ndarray) -> Picture:
        sigma = estimate_sigma(image, channel_axis=-1, average_sigmas=True)
        return method(image.astype(np.float32), sigma)

    return restored


METHODS: dict[str, Method] = {
    "noisy": lambda image: image.astype(np.float32),
    "ours: balanced": ours("balanced"),
    "ours: wavelet": ours("wavelet"),
    "scikit-image BayesShrink": blind(bayes_shrink),
    "scikit-image NL-means 5/6": blind(nl_means),
}


def bm3d_if_wanted(wanted: bool) -> dict[str, Method]:
    """Return the bm3d package's method; its licence keeps it out of our dependencies."""
    if not wanted:
        return {}
    import bm3d

    return {"bm3d_rgb, as white": blind(bm3d.bm3d_rgb)}


def scores(method: Method, image: np.ndarray, truth: Picture) -> tuple[float, float, float]:
    """Return PSNR, SSIM and seconds of a method on one pair, clipped to 0..255."""
    started = time.perf_counter()
    restored = method(image)
    seconds = time.perf_counter() - started
    clipped = np.clip(restored, 0, 255).astype(np.float32)
    likeness = structural_similarity(clipped, truth, channel_axis=-1, data_range=255)
    return psnr(clipped, truth), float(likeness), seconds


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--limit", type=int, help="so many pairs, evenly spread, instead of all")
    options.add_argument("--bm3d", action="store_true", help="also the bm3d package, where installed (slow)")
    chosen = options.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    methods = METHODS | bm3d_if_wanted(chosen.bm3d)
    found = np.array(
        [
            [scores(f, image, truth) for f in methods.values()]
            for image, truth in pairs(chosen.data, chosen.limit)
        ]
    )
    gains = found[:, :, 0] - found[:, :1, 0]
    rows = [
        [
            name,
            float(found[:, i, 0].mean()),
            f"{found[:, i, 1].mean():.4f}",
            f"{gains[:, i].min():+.2f}",
            float(found[:, i, 2].mean()),
        ]
        for i, name in enumerate(methods)
    ]
    print(f"\nPolyU, {len(found)} pairs, noise estimated from each image\n")
    print(table(["method", "PSNR", "SSIM", "worst pair, dB to noisy", "seconds"], rows))


if __name__ == "__main__":
    main()
