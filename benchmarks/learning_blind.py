"""Thresholds learned without a clean image: how much of what a clean image would gain.

`python benchmarks/learning_blind.py --data FOLDER` takes Set12 and the 12 Kodak pictures in gray, an
orthonormal wavelet of 3 levels and one threshold for each band. The best a soft threshold can do is the one
fitted to the clean picture (the oracle). Squared errors are summed over all pictures before anything is
divided, so a table cell of 100 % is the oracle and 0 % BayesShrink with the same knowledge of the noise.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from datasets import Picture, noisy, parser, pictures, table

import napari_shrinkage as ns

SIGMAS = (10, 25, 50)
WAVELETS = ("haar", "sym8")
GRAY = np.float32([0.299, 0.587, 0.114])  # BT.601
Errors = Mapping[str, float]


def gray_pictures(data: str, limit: int | None = None) -> list[Picture]:
    """Return Set12 and Kodak's luma."""
    return pictures(data, "set12", limit) + [picture @ GRAY for picture in pictures(data, "kodak24", limit)]


def second_shot(picture: Picture, sigma: float) -> Picture:
    """Return the same place with noise of its own."""
    return picture + sigma * np.random.default_rng(1).standard_normal(picture.shape).astype(np.float32)


def candidates(wavelet: str, image: Picture, seen: Picture, sigma: float) -> Iterator[tuple[str, Picture]]:
    """Yield the restored picture of every way to choose thresholds or weights, with the noise it was told."""
    transform = ns.Wavelet(wavelet=wavelet, levels=3, border="periodic")
    soft, let = ns.Shrinkage(transform=transform), ns.Let(transform=transform)
    estimated = ns.estimate_noise(seen)
    for knowledge, noise in (("known", ns.Gaussian(sigma)), ("estimated", estimated)):
        yield f"Bayes, {knowledge}", ns.restore(seen, soft, noise=noise)
        yield f"plain sure, {knowledge}", ns.restore(seen, soft.replace(threshold=ns.Sure()), noise=noise)
        for method in (soft, let):
            fitted = ns.fit(seen, method, "sure", noise=noise)
            yield f"{method.name} sure, {knowledge}", ns.restore(seen, fitted, noise=noise)
    for loss in ("noise2self", "poisson-gaussian-sure"):
        yield loss, ns.restore(seen, ns.fit(seen, soft, loss, noise=sigma), noise=sigma)
    for loss, target in (("supervised", image), ("noise2noise", second_shot(image, sigma))):
        fitted = ns.fit(seen, soft, loss, target, noise=sigma)
        yield loss, ns.restore(seen, fitted, noise=sigma)


def summed_errors(images: list[Picture], wavelet: str, sigma: float) -> Errors:
    """Return the mean squared errors of all pictures, added up, of every candidate."""
    errors: dict[str, float] = defaultdict(float)
    for number, image in enumerate(images, start=1):
        print(f"{wavelet}, sigma {sigma}, picture {number} of {len(images)}", file=sys.stderr, flush=True)
        for name, restored in candidates(wavelet, image, noisy(image, sigma), sigma):
            errors[name] += float(np.mean((restored - image) ** 2, dtype=np.float64))
    return errors


SHARES = {
    "SURE, sigma known": ("shrinkage sure, known", "known"),
    "SURE, sigma estimated": ("shrinkage sure, estimated", "estimated"),
    "Noise2Noise": ("noise2noise", "known"),
    "SURE not smoothed, sigma known": ("plain sure, known", "known"),
    "SURE not smoothed, sigma estimated": ("plain sure, estimated", "estimated"),
    "Poisson-Gaussian SURE, sigma known": ("poisson-gaussian-sure", "known"),
    "Noise2Self": ("noise2self", "known"),
}


def share(errors: Errors, name: str) -> str:
    """Return the share of the gap from Bayes, told the same noise, to the oracle that a loss closes."""
    method, knowledge = SHARES[name]
    bayes = errors[f"Bayes, {knowledge}"]
    return f"{100 * (bayes - errors[method]) / (bayes - errors['supervised']):.0f} %"


def shares_table(errors: Mapping[tuple[str, int], Errors]) -> str:
    """How much of the gap each loss closes, and what the gap is."""
    header = ["loss", *(f"{wavelet} {sigma}" for wavelet, sigma in errors)]
    rows = [[name, *(share(each, name) for each in errors.values())] for name in SHARES]
    gaps = [f"{100 * (each['Bayes, known'] / each['supervised'] - 1):.1f} %" for each in errors.values()]
    return table(header, [*rows, ["the gap: error of Bayes above the oracle's", *gaps]])


def let_table(errors: Mapping[tuple[str, int], Errors]) -> str:
    """The summed error of SURE-LET and of the soft rules over that of the oracle soft threshold."""
    names = {
        "BayesShrink, sigma known": "Bayes, known",
        "SURE, sigma known": "shrinkage sure, known",
        "SURE-LET, sigma known": "let sure, known",
        "SURE-LET, sigma estimated": "let sure, estimated",
    }
    rows = [
        [name, *(f"{each[key] / each['supervised']:.3f}" for each in errors.values())]
        for name, key in names.items()
    ]
    return table(["error over the oracle soft threshold's", *(f"{w} {s}" for w, s in errors)], rows)


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--limit", type=int, help="pictures of each set")
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    images = gray_pictures(chosen.data, chosen.limit)
    errors = {(w, s): summed_errors(images, w, s) for w in WAVELETS for s in SIGMAS}
    for wavelet in WAVELETS:
        each = [errors[wavelet, sigma] for sigma in SIGMAS]
        errors[wavelet, "all"] = {name: sum(one[name] for one in each) for name in each[0]}
    print("\nShare of the gap from BayesShrink to the oracle soft threshold closed, by wavelet and sigma\n")
    print(shares_table(errors))
    print("\nSURE-LET against the oracle soft threshold on the same transform\n")
    print(let_table(errors))


if __name__ == "__main__":
    main()
