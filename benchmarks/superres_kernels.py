"""Kernels that made low-resolution pictures: by asking a network, from a pair, from a picture alone.

`python benchmarks/superres_kernels.py --data FOLDER` trains small x2 networks on bsd400_color, each for one
known kernel, and prints how similar the kernels are that interrogating them finds; then it reduces the
pictures of set14 by random kernels and prints how similar the measured ones are, beside a constant guess: a
round Gaussian of the middle width.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import torch
from datasets import parser, table
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from photographs import channels, crops, pictures

from napari_shrinkage.degradation.interrogating import CHAINED, DIRECT, interrogated, interrogated_by
from napari_shrinkage.degradation.kernels import (
    Kernel,
    bicubic_kernel,
    binning_kernel,
    decimation_kernel,
    gaussian_kernel,
    normalized,
)
from napari_shrinkage.degradation.linear import ROUNDING
from napari_shrinkage.degradation.measuring import kernel_from_image, kernel_from_pair, kernel_similarity
from napari_shrinkage.degradation.reduction import reduced, reduced_tensor
from napari_shrinkage.degradation.searched_kernel import first_taps

PEAK = 255.0
SCALE = 2
# The rule that chooses between two answers was found on the first three networks; the others came after it.
KNOWN = {
    "bicubic": (bicubic_kernel(SCALE), "rule found on"),
    "Gaussian 1.8 x 0.8, 30 degrees": (gaussian_kernel(SCALE, 1.8, 0.8, math.radians(30)), "rule found on"),
    "decimation": (decimation_kernel(SCALE), "rule found on"),
    "binning": (binning_kernel(SCALE), "held out"),
    "Gaussian 1.2, shifted": (gaussian_kernel(SCALE, 1.2, shift=(0.4, -0.3)), "held out"),
}
FEATURES, LAYERS = 32, 5
BATCH, CROP = 16, 64
RATE = 2e-3
WIDTHS = (0.6, 2.5)  # fine pixels, of the random kernels
MIDDLE = sum(WIDTHS) / 2
SETS = (("any", WIDTHS, 0.0), ("narrow", (0.6, 1.2), 0.0), ("wide", (1.6, 2.5), 0.0), ("any", WIDTHS, 5.0))


class Small(nn.Module):
    """A few convolutions at the coarse resolution, added to the enlarged picture."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [1, *[FEATURES] * (LAYERS - 1), SCALE**2]
        layers = [nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(sizes)]
        parts = [part for layer in layers[:-1] for part in (layer, nn.ReLU())]
        self.chain = nn.Sequential(*parts, layers[-1])

    def forward(self, coarse: Tensor) -> Tensor:
        gray = coarse.flatten(0, 1)[:, None]
        fine = torch.pixel_shuffle(gray + self.chain(gray - 0.5), SCALE)
        return fine.reshape(*coarse.shape[:2], *fine.shape[2:])


def trained(images: list[Tensor], kernel: Kernel, steps: int) -> nn.Module:
    """Return a small network, trained for one kernel."""
    torch.manual_seed(0)
    model, rng = Small(), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    weights = torch.from_numpy(np.float32(kernel))
    for _ in range(steps):
        fine = crops(images, BATCH, CROP, rng) / PEAK
        loss = (model(reduced_tensor(fine, weights, SCALE)) - fine).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval().requires_grad_(False)


def asked(network: nn.Module, images: list[Tensor], chain: tuple[int, ...], steps: int) -> Kernel:
    """Return the kernel that interrogating a network finds."""
    asking = interrogated(
        network, [image.numpy() / PEAK for image in images], SCALE, chain=chain, steps=steps
    )
    while True:
        try:
            next(asking)
        except StopIteration as end:
            return end.value.kernel


def descended(network: nn.Module, images: list[Tensor], steps: int) -> Kernel:
    """Return the kernel of the smallest error alone, without the choice that follows it."""
    searched = first_taps(None, SCALE)
    for _ in interrogated_by(searched, network, [image.numpy() / PEAK for image in images], SCALE, steps):
        pass
    return normalized(searched.kernel().detach().double().numpy())


def interrogation(data: Path, training: int, steps: int) -> str:
    """Train a network for every known kernel, and return how similar what asking them finds is."""
    seen, others = (pictures(data / "bsd400_color" / part, 1) for part in ("train", "test"))
    guess, rows = gaussian_kernel(SCALE, MIDDLE), []
    for name, (kernel, use) in KNOWN.items():
        start = time.perf_counter()
        network = trained(seen, kernel, training)
        middle = time.perf_counter()
        found = asked(network, others, DIRECT, steps)
        end = time.perf_counter()
        kernels = (descended(network, others, steps), found, asked(network, others, CHAINED, steps), guess)
        numbers = [f"{kernel_similarity(one, kernel):.3f}" for one in kernels]
        rows.append([name, use, *numbers, f"{middle - start:.0f}", f"{end - middle:.0f}"])
        print(*rows[-1], file=sys.stderr, flush=True)
    header = [
        "trained for",
        "networks",
        "error alone",
        "direct",
        "chain",
        "constant guess",
        "training, s",
        "asking, s",
    ]
    return table(header, rows)


def gray(picture: np.ndarray) -> npt.NDArray[np.float64]:
    return np.float64(channels(picture, 1)[0])


@dataclass(frozen=True)
class Row:
    """How similar kernels are to the true one, and what was told of it."""

    pair: float
    alone: float
    guess: float
    confidence: float
    seconds: float


def measured(fine: npt.NDArray[np.float64], kernel: Kernel, sigma: float, seed: int) -> Row:
    coarse = reduced(fine, kernel, SCALE)
    coarse = np.round(coarse + sigma * np.random.default_rng(seed).standard_normal(coarse.shape))
    start = time.perf_counter()
    alone = kernel_from_image(coarse, SCALE, max(sigma, ROUNDING))
    seconds = time.perf_counter() - start
    height, width = (SCALE * n for n in coarse.shape)
    pair = kernel_from_pair(fine[:height, :width], coarse, SCALE)
    kernels = pair.kernel, alone.kernel, gaussian_kernel(SCALE, MIDDLE)
    return Row(*(kernel_similarity(one, kernel) for one in kernels), alone.confidence, seconds)


def measuring(data: Path, count: int, seed: int) -> str:
    """Return how similar measured kernels are to the true ones, by set of widths and noise."""
    images = [gray(iio.imread(path)) for path in sorted((data / "set14" / "x2_hr").glob("*.png"))]
    rows = []
    for name, (low, high), sigma in SETS:
        rng, found = np.random.default_rng(seed), []
        for number in range(count):
            along, across = rng.uniform(low, high, 2)
            kernel = gaussian_kernel(SCALE, along, across, rng.uniform(0, math.pi))
            found.append(measured(images[number % len(images)], kernel, sigma, number))
        cells = [spread([getattr(row, part) for row in found]) for part in ("pair", "alone", "guess")]
        better = sum(row.alone > row.guess for row in found)
        told = f"{np.mean([row.confidence for row in found]):.3f}"
        seconds = f"{np.median([row.seconds for row in found]):.1f}"
        title = f"{name}: {low} to {high}"
        rows.append([title, f"{sigma:g}", *cells, f"{better} of {count}", told, seconds])
        print(*rows[-1], file=sys.stderr, flush=True)
    header = [
        "widths",
        "noise",
        "pair",
        "image alone",
        "constant guess",
        "alone beats guess",
        "confidence",
        "alone, s",
    ]
    return table(header, rows)


def spread(values: list[float]) -> str:
    """Return the median, and the least in brackets."""
    return f"{np.median(values):.3f} ({min(values):.3f})"


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--training", type=int, default=1500, help="steps of each network's training")
    arguments.add_argument("--steps", type=int, default=500, help="steps of an interrogation")
    arguments.add_argument("--count", type=int, default=20, help="random kernels of each set")
    arguments.add_argument("--seed", type=int, default=0, help="of the random kernels")
    arguments.add_argument("--only", choices=("measuring", "interrogation"), help="one of the two tables")
    chosen = arguments.parse_args()
    folder(chosen)
    if chosen.only != "interrogation":
        print("\nKernels measured on set14, x2: similarity with the true one, median (least)\n")
        print(measuring(chosen.data, chosen.count, chosen.seed), flush=True)
    if chosen.only != "measuring":
        print("\nKernels found by interrogating x2 networks: similarity with the one of their training\n")
        print(interrogation(chosen.data, chosen.training, chosen.steps), flush=True)


def folder(chosen: argparse.Namespace) -> None:
    if chosen.data is None or not (chosen.data / "set14" / "x2_hr").is_dir():
        sys.exit("set14 is not here; name the folder that holds set14/ and bsd400_color/ by --data.")


if __name__ == "__main__":
    main()
