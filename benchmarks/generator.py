"""Digits restored as what a trained generator can draw, beside shrinkage and a network of photographs.

`python benchmarks/generator.py --data FOLDER` trains generators on 10,000 digits of mnist/train.npz, or with
`--twos` on the twos among them, adds noise to digits of mnist/test.npz and prints mean squared errors, pixels
being 0 to 1. A draw is ten digits, one for each strength: the variance of the noise is 0, 0.3 ... 2.7 times
the mean square of the digit.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from datasets import parser, table

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import latent_errors
from napari_shrinkage.diagnostics.generators import STRENGTHS
from napari_shrinkage.fitting.generator import generator_fitting
from napari_shrinkage.losses import Supervised

Images = npt.NDArray[np.float32]
Restore = Callable[[Images, Images], Images]
TRAINED_ON = 10_000
DRAWS = 100
STEPS = {"dense": 4000, "convolutional": 2000}
NETWORKS = ("dense", "convolutional")
LATENTS = (10, 20)
TWO = 2
SPLIT = 40  # digits whose error is split
SPLIT_STRENGTHS = (0.0, 0.3, 0.9, 2.7)
SEED_NOTEBOOK = {10: 0.0157, 20: 0.0127}  # of 002_291a0f1cb21f4a71.txt: one draw, its own ten digits


@dataclass(frozen=True)
class Draws:
    """Digits and their noisy ones, (draws, strengths, Y, X), and the noise std, (draws, strengths)."""

    clean: Images
    noisy: Images
    stds: Images

    @classmethod
    def of(cls, digits: Images, count: int) -> Draws:
        rng = np.random.default_rng(0)
        clean = digits[rng.integers(len(digits), size=(count, len(STRENGTHS)))]
        stds = np.sqrt(np.float32(STRENGTHS) * np.mean(clean**2, axis=(2, 3)))
        noise = rng.standard_normal(clean.shape).astype(np.float32)
        return cls(clean, clean + stds[..., None, None] * noise, stds)

    def errors(self, restore: Restore) -> npt.NDArray[np.float64]:
        """Return the mean squared error of each digit, (draws, strengths)."""
        shape = self.noisy.shape
        found = restore(self.noisy.reshape(-1, *shape[2:]), self.stds.reshape(-1)).reshape(shape)
        return np.mean((np.float64(found) - self.clean) ** 2, axis=(2, 3))


def digits(data: Path | None, part: str) -> tuple[Images, npt.NDArray[np.uint8]]:
    """Return the digits, (N, 28, 28) in 0..1, and their labels."""
    path = Path(data) / "mnist" / f"{part}.npz" if data else None
    if path is None or not path.is_file():
        sys.exit(
            "MNIST is not here; name the folder that holds mnist/train.npz and mnist/test.npz by --data."
        )
    with np.load(path) as file:
        return file["x"].astype(np.float32) / 255, file["y"]


def trained(
    images: Images, network: str, latent: int, steps: int, path: Path
) -> tuple[ns.GeneratorPrior, float]:
    """Return a generator trained on images, and the seconds that it took."""
    step = ns.Step(ns.GeneratorPrior(network=network, latent=latent))
    start = time.perf_counter()
    fit = ns.drain(generator_fitting(step, ns.Stack(images, "TYX"), Supervised(), None, steps, "cpu", path))
    return fit.restorer, time.perf_counter() - start


def drawing(restorer: ns.GeneratorPrior) -> Restore:
    """Return what restores digits by a generator that is told each one's noise; without noise it draws."""

    def restore(noisy: Images, stds: Images) -> Images:
        apply = restorer.build_counts_uneven(ns.Gaussian(1.0), "cpu", stds[:, None, None])
        return apply(noisy[None])[0]

    return restore


def one_by_one(method: str) -> Restore:
    """Return what restores digits by a named method that is told each one's noise."""

    def restore(noisy: Images, stds: Images) -> Images:
        pairs = zip(noisy, stds, strict=True)
        return np.stack([ns.restore(image, method, noise=float(std)) for image, std in pairs])

    return restore


def with_spread(errors: npt.NDArray[np.float64]) -> str:
    """Return the mean over the strengths, with how much it spreads from draw to draw."""
    each = errors.mean(axis=1)
    return f"{each.mean():.4f} ± {each.std(ddof=1):.4f}"


def split(restorers: dict[str, ns.GeneratorPrior], clean: Images) -> str:
    rows = []
    for name, restorer in restorers.items():
        for found in latent_errors(clean, [restorer], SPLIT_STRENGTHS, draws=2):
            ratio = f"{found.noise / found.expected:.2f}" if found.expected else ""
            numbers = (found.total, found.drawing, found.noise, found.expected)
            rows.append([name, f"{found.strength:g}", *(f"{number:.4f}" for number in numbers), ratio])
    return table(["generator", "strength", "error", "not drawn", "by noise", "K/n variance", "ratio"], rows)


def by_strength(errors: dict[str, npt.NDArray[np.float64]]) -> str:
    rows = [
        [f"{strength:g}", *(f"{found[:, number].mean():.4f}" for found in errors.values())]
        for number, strength in enumerate(STRENGTHS)
    ]
    return table(["strength", *errors], rows)


def report(name: str, images: Images, tests: Images, draws: int, folder: Path, share: float) -> None:
    """Train on images, restore tests, print."""
    found = Draws.of(tests, draws)
    errors = {"noisy": found.errors(lambda noisy, stds: noisy)}
    for method in ("balanced", "unet"):
        errors[method] = found.errors(one_by_one(method))
    rows = [[method, "", "", with_spread(one), ""] for method, one in errors.items()]
    restorers = {}
    for network in NETWORKS:
        for latent in LATENTS:
            title, steps = f"{network}, K = {latent}", max(int(STEPS[network] * share), 1)
            path = folder / f"{name}-{network}-{latent}.safetensors"
            restorers[title], seconds = trained(images, network, latent, steps, path)
            start = time.perf_counter()
            errors[title] = found.errors(drawing(restorers[title]))
            each = (time.perf_counter() - start) / errors[title].size
            rows.append([title, f"{seconds:.0f}", f"{1000 * each:.0f}", with_spread(errors[title]), ""])
            rows[-1][-1] = f"{SEED_NOTEBOOK[latent]:.4f}" if name == "all" else ""
            print(*rows[-1], file=sys.stderr, flush=True)
    header = ["method", "training, s", "each, ms", "error", "in the notebook"]
    print(f"\n{name}: {len(images)} training images, {draws} draws of ten digits (± spread of a draw)\n")
    print(table(header, rows), flush=True)
    print(f"\n{name}: error by strength of the noise (variance over the mean square of the digit)\n")
    print(by_strength(errors), flush=True)
    if name == "all":
        print(
            f"\nThe error in two parts, {SPLIT} test digits\n\n{split(restorers, tests[:SPLIT])}", flush=True
        )


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--draws", type=int, default=DRAWS, help="draws of ten digits")
    arguments.add_argument("--share", type=float, default=1.0, help="of the usual training steps")
    arguments.add_argument("--twos", action="store_true", help="only twos, half the training steps")
    chosen = arguments.parse_args()
    (images, labels), (tests, test_labels) = (digits(chosen.data, part) for part in ("train", "test"))
    images, labels = images[:TRAINED_ON], labels[:TRAINED_ON]
    with tempfile.TemporaryDirectory() as folder:
        if chosen.twos:
            twos = images[labels == TWO], tests[test_labels == TWO]
            report("twos", *twos, chosen.draws, Path(folder), chosen.share / 2)
        else:
            report("all", images, tests, chosen.draws, Path(folder), chosen.share)


if __name__ == "__main__":
    main()
