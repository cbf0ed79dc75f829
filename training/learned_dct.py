"""Train the weights of the method "learned-dct" on a folder of clean pictures.

Crops of gray pictures get white noise of a std drawn from 1 to 75 grey levels and are divided by it, so
that one model serves all. Every few minutes the averaged weights are measured on other pictures, written to
the log and kept in a checkpoint; started again with the same `--out`, a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.func import functional_call

from napari_shrinkage.nn.learned_dct import LearnedDct

LUMA = np.float32([0.299, 0.587, 0.114])
LOW, HIGH, BEND = 1.0, 75.0, 1.3  # std of the noise in grey levels; above 1, small ones are drawn more often
TYPICAL = 3.3  # mean squared error of a good result, in grey levels squared, per grey level of noise
EASY = 0.3  # of that: below it a crop's error no longer counts by its logarithm
PEAK = 255.0
VALIDATED = (15, 25, 50)
CUT = 256  # validation pictures are cut to this side
MEMORY = 0.998  # of the averaged weights, per step
WARM_UP = 50  # steps
LAST = 0.005  # of the learning rate, at the end
PATTERNS = ("*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff")


@dataclass
class State:
    """Everything that a checkpoint holds."""

    model: LearnedDct
    averaged: LearnedDct
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator
    step: int = 0
    seconds: float = 0.0
    log: list[tuple[float, ...]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        held = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": json.dumps(self.rng.bit_generator.state),
            "step": self.step,
            "seconds": self.seconds,
            "log": self.log,
        }
        torch.save(held, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        held = torch.load(path, weights_only=True)
        self.model.load_state_dict(held["model"])
        self.averaged.load_state_dict(held["averaged"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.rng.bit_generator.state = json.loads(held["rng"])
        self.step, self.seconds = held["step"], held["seconds"]
        self.log = [tuple(row) for row in held["log"]]


def pictures(folder: Path) -> list[Tensor]:
    """Return every picture below a folder as gray (Y, X), 0 to 255."""
    paths = sorted(path for pattern in PATTERNS for path in folder.rglob(pattern))
    if not paths:
        raise SystemExit(
            f"there is no picture ({', '.join(PATTERNS)}) in {folder}; name a folder of some by --data."
        )
    return [torch.from_numpy(gray(iio.imread(path))) for path in paths]


def gray(picture: np.ndarray) -> np.ndarray:
    values = picture.astype(np.float32)
    return values if values.ndim == 2 else values[..., :3] @ LUMA


def batch(images: list[Tensor], count: int, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return crops (B, side, side) of pictures, turned and mirrored, and the std (B, 1, 1) of their noise."""
    crops = []
    for _ in range(count):
        image = images[rng.integers(len(images))]
        y, x = (int(rng.integers(n - side + 1)) for n in image.shape)
        crop = torch.rot90(image[y : y + side, x : x + side], int(rng.integers(4)))
        crops.append(crop.T if rng.integers(2) else crop)
    sigma = LOW + (HIGH - LOW) * rng.random((count, 1, 1), dtype=np.float32) ** np.float32(BEND)
    return torch.stack(crops), torch.from_numpy(sigma)


def loss_of(error: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean logarithm of the crops' mean squared errors, which is what a mean PSNR weighs."""
    squared = (error**2).mean((1, 2)) * sigma.ravel() ** 2
    return torch.log(squared + EASY * TYPICAL * sigma.ravel()).mean()


def noise_of(model: LearnedDct, noisy: Tensor, stride: int) -> Tensor:
    """Return the estimated noise, in bfloat16 inside: what is rounded is the noise, not the image."""
    centred = noisy - noisy.mean((1, 2), keepdim=True)
    half = {name: value.bfloat16() for name, value in model.named_parameters()}
    estimate: Tensor = functional_call(model, half, (centred.bfloat16(), stride))
    return estimate


def train_step(state: State, images: list[Tensor], chosen: argparse.Namespace) -> None:
    clean, sigma = batch(images, chosen.batch, chosen.crop, state.rng)
    noise = torch.from_numpy(state.rng.standard_normal(clean.shape, dtype=np.float32))
    error = noise - noise_of(state.model, clean / sigma + noise, chosen.stride)
    edge = chosen.side // 2
    state.optimizer.zero_grad()
    loss_of(error[:, edge:-edge, edge:-edge], sigma).backward()
    state.optimizer.step()
    state.step += 1
    with torch.no_grad():
        state.model.analysis -= state.model.analysis.mean(1, keepdim=True)
        weight = max(1 - MEMORY, 20 / (state.step + 20))
        for mean, value in zip(state.averaged.parameters(), state.model.parameters(), strict=True):
            mean.lerp_(value, weight)


def validated(model: LearnedDct, images: list[Tensor], stride: int) -> list[float]:
    """Return the mean PSNR in dB at each validated noise level."""
    return [float(np.mean([psnr_of(model, image, sigma, stride) for image in images])) for sigma in VALIDATED]


@torch.no_grad()
def psnr_of(model: LearnedDct, image: Tensor, sigma: float, stride: int) -> float:
    white = np.random.default_rng(0).standard_normal(image.shape).astype(np.float32)
    noisy = image / sigma + torch.from_numpy(white)
    margin = model.side + 1
    extended = torch.nn.functional.pad(noisy[None, None], (margin,) * 4, mode="reflect")[0]
    estimate = noise_of(model, extended, stride).float()[0, margin:-margin, margin:-margin]
    error = (noisy - estimate) * sigma - image
    return 10 * math.log10(PEAK**2 / float((error**2).mean()))


def trained(images: list[Tensor], held_out: list[Tensor], chosen: argparse.Namespace) -> Iterator[State]:
    """Train, and yield the state whenever it was measured; the last is the trained one."""
    torch.manual_seed(chosen.seed)
    model, averaged = (LearnedDct(chosen.side, chosen.extra, chosen.hidden, chosen.seed) for _ in range(2))
    optimizer = torch.optim.Adam(rate_groups(model, chosen.rate), betas=(0.9, 0.99))
    state = State(model, averaged, optimizer, np.random.default_rng(chosen.seed))
    if checkpoint_path(chosen.out).exists():
        state.load(checkpoint_path(chosen.out))
    whole, since = chosen.minutes * 60, time.perf_counter() - state.seconds
    due = state.seconds + chosen.every * 60
    while state.seconds < whole:
        set_rate(state, state.seconds / whole)
        train_step(state, images, chosen)
        state.seconds = time.perf_counter() - since
        if state.seconds >= min(due, whole):
            due = state.seconds + chosen.every * 60
            state.log.append((state.step, state.seconds, *validated(averaged, held_out, chosen.stride)))
            yield state


def rate_groups(model: LearnedDct, rate: float) -> list[dict[str, object]]:
    """Return the parameters with their learning rates: five times as much for those that are no matrices."""
    matrices = [value for value in model.parameters() if value.ndim == 2]
    vectors = [value for value in model.parameters() if value.ndim < 2]
    return [
        {"params": matrices, "lr": rate, "base": rate},
        {"params": vectors, "lr": 5 * rate, "base": 5 * rate},
    ]


def set_rate(state: State, done: float) -> None:
    """Set the learning rates: a short rise, then half a cosine down to nearly nothing."""
    factor = min(1, (state.step + 1) / WARM_UP) * (0.5 * (1 + math.cos(math.pi * min(done, 1))) + LAST)
    for group in state.optimizer.param_groups:
        group["lr"] = group["base"] * factor


def checkpoint_path(out: Path) -> Path:
    return out.with_suffix(".checkpoint")


def write_log(state: State, path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", *(f"validation_{sigma}" for sigma in VALIDATED)])
        writer.writerows([round(value, 4) for value in row] for row in state.log)


def write_weights(state: State, chosen: argparse.Namespace, pictures_used: int) -> None:
    """Write the averaged weights; the header says how they came about."""
    from napari_shrinkage import __version__

    described = {
        "method": "learned-dct",
        "side": chosen.side,
        "extra": chosen.extra,
        "hidden": chosen.hidden,
        "trained_on": f"{pictures_used} photographs, gray, {chosen.about}".rstrip(", "),
        "noise": f"white Gaussian, std {LOW:g} to {HIGH:g} grey levels of 255",
        "steps": state.step,
        "minutes": round(state.seconds / 60, 1),
        "batch": f"{chosen.batch} crops of {chosen.crop} x {chosen.crop}, stride {chosen.stride}",
        "seed": chosen.seed,
        "made_by": f"napari-shrinkage {__version__}, training/learned_dct.py",
    }
    tensors = {name: value.detach().contiguous() for name, value in state.averaged.named_parameters()}
    save_file(tensors, chosen.out, {key: str(value) for key, value in described.items()})


def arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--data", type=Path, required=True, help="folder of clean pictures")
    made.add_argument("--validation", type=Path, required=True, help="folder of other pictures to measure on")
    made.add_argument(
        "--out", type=Path, default=Path("learned-dct.safetensors"), help="weight file to write"
    )
    made.add_argument("--about", default="", help="what the pictures are, for the file's header")
    made.add_argument("--minutes", type=float, default=60, help="how long to train")
    made.add_argument("--every", type=float, default=2, help="minutes between two measurements")
    made.add_argument("--side", type=int, default=11, help="side of a patch in pixels")
    made.add_argument("--extra", type=int, default=80, help="atoms besides the cosines")
    made.add_argument("--hidden", type=int, default=96, help="hidden units of the gates")
    made.add_argument("--stride", type=int, default=2, help="step between patches in training")
    made.add_argument("--crop", type=int, default=81, help="side of a crop in pixels")
    made.add_argument("--batch", type=int, default=4, help="crops in a step")
    made.add_argument("--rate", type=float, default=6e-3, help="learning rate")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--threads", type=int, default=1, help="CPU threads")
    return made.parse_args()


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    images = [image for image in pictures(chosen.data) if min(image.shape) >= chosen.crop]
    held_out = [image[:CUT, :CUT] for image in pictures(chosen.validation)]
    for state in trained(images, held_out, chosen):
        state.save(checkpoint_path(chosen.out))
        write_log(state, chosen.out.with_suffix(".csv"))
        write_weights(state, chosen, len(images))
        step, seconds, *scores = state.log[-1]
        print(
            f"step {step}, {seconds / 60:.1f} min:", *(f"{score:.3f}" for score in scores), "dB", flush=True
        )


if __name__ == "__main__":
    main()
