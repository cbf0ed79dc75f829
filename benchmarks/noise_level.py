"""Estimates of the noise level beside their peers: mean relative error in percent on a standard test set.

`python benchmarks/noise_level.py --data FOLDER` prints one table a test set. Estimates that come with a
warning count like the others; how many they are is in the last row.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from datasets import Picture, noisy, parser, pictures, table
from skimage.restoration import estimate_sigma

import napari_shrinkage as ns
from napari_shrinkage.estimators import NoiseEstimator

SIGMAS = (1, 2, 5, 10, 25, 50, 75)
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
Estimator = Callable[[Picture], float]


def ours(estimator: NoiseEstimator) -> Estimator:
    return lambda picture: float(estimator.estimate(picture[None, None]).sigma[0])


ESTIMATORS: dict[str, Estimator] = {
    "ours: FlatBlocks (the default)": ours(ns.FlatBlocks()),
    "ours: Mad (Haar)": ours(ns.Mad()),
    "ours: Mad (db8)": ours(ns.Mad(wavelet="db8")),
    "scikit-image estimate_sigma": estimate_sigma,
}


def gray(picture: Picture) -> Picture:
    return picture @ LUMINANCE if picture.ndim == 3 else picture


def relative_error(estimator: Estimator, images: list[Picture], sigma: float) -> float:
    """Return the mean of abs(estimate / sigma - 1) in percent."""
    errors = [abs(estimator(noisy(image, sigma)) / sigma - 1) for image in images]
    return 100 * float(np.mean(errors))


def mistrusted(images: list[Picture], sigma: float) -> str:
    """Return for how many pictures the default estimator warns."""
    estimates = [ns.FlatBlocks().estimate(noisy(image, sigma)[None, None]) for image in images]
    return f"{sum(not estimate.trusted for estimate in estimates)} of {len(images)}"


def error_table(images: list[Picture]) -> str:
    rows = [[name, *(relative_error(f, images, sigma) for sigma in SIGMAS)] for name, f in ESTIMATORS.items()]
    rows.append(["FlatBlocks warns", *(mistrusted(images, sigma) for sigma in SIGMAS)])
    return table(["mean error in %", *(f"sigma {sigma}" for sigma in SIGMAS)], rows)


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument(
        "--sets", nargs="+", default=["bsd68", "set12", "kodak24"], help="test sets, by folder name"
    )
    chosen = options.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    for name in chosen.sets:
        images = [gray(picture) for picture in pictures(chosen.data, name)]
        print(f"{name}, {len(images)} pictures\n\n{error_table(images)}\n")


if __name__ == "__main__":
    main()
