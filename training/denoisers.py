"""Train a CNN denoiser on a folder of clean pictures: our U-Net or FFDNet, gray or colour.

Crops get white noise of a std drawn from 0 to 75 grey levels, and the network is told which. Every few
minutes the averaged weights are measured on other pictures, written to the log and kept in a checkpoint;
started again with the same `--out`, a run that was cut off goes on.
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
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_shrinkage.nn.ffdnet import Ffdnet
from napari_shrinkage.nn.unet import Unet

LUMA = np.float32([0.299, 0.587, 0.114])
PEAK = 255.0
HIGH, BEND = 75.0, 1.2  # largest std of the noise in grey levels; above 1, small ones are drawn more often
TYPICAL = 3.3  # mean squared error of a good result, in grey levels squared, per grey level of noise
EASY = 0.3  # of that: below it a crop's error no longer counts by its logarithm
VALIDATED = (15, 25, 50)
CUT = 256  # validation pictures are cut to this side
MEMORY = 0.998  # of the averaged weights, per step
WARM_UP = 100  # steps
LAST = 0.005  # of the learning rate, at the end
LONGEST = 1.0  # norm of the gradient
PATTERNS = ("*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff")
NETWORKS = {"unet": Unet, "ffdnet": Ffdnet}


@dataclass
class State:
    """Everything that a checkpoint holds."""

    model: nn.Module
    averaged: nn.Module
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
        held = torch.load(path, weights_only=True, map_location="cpu")
        self.model.load_state_dict(held["model"])
        self.averaged.load_state_dict(held["averaged"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.rng.bit_generator.state = json.loads(held["rng"])
        self.step, self.seconds = held["step"], held["seconds"]
        self.log = [tuple(row) for row in held["log"]]


def pictures(folder: Path, colors: int) -> list[Tensor]:
    """Return every picture below a folder (C, Y, X), 0 to 255."""
    paths = sorted(path for pattern in PATTERNS for path in folder.rglob(pattern))
    if not paths:
        raise SystemExit(
            f"there is no picture ({', '.join(PATTERNS)}) in {folder}; name a folder of some by --data."
        )
    return [torch.from_numpy(channels(iio.imread(path), colors)) for path in paths]


def channels(picture: np.ndarray, colors: int) -> np.ndarray:
    values = np.atleast_3d(picture).astype(np.float32)[..., :3]
    if colors == 1 and values.shape[-1] == 3:
        values = (values @ LUMA)[..., None]
    return np.broadcast_to(values, (*values.shape[:2], colors)).transpose(2, 0, 1).copy()


def batch(images: list[Tensor], count: int, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return crops (B, C, side, side), turned and mirrored, and the std (B, 1, 1, 1) of their noise."""
    crops = []
    for _ in range(count):
        image = images[rng.integers(len(images))]
        y, x = (int(rng.integers(n - side + 1)) for n in image.shape[1:])
        crop = torch.rot90(image[:, y : y + side, x : x + side], int(rng.integers(4)), (1, 2))
        crops.append(crop.flip(2) if rng.integers(2) else crop)
    sigma = HIGH * rng.random((count, 1, 1, 1), dtype=np.float32) ** np.float32(BEND)
    return torch.stack(crops), torch.from_numpy(sigma)


def loss_of(error: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean logarithm of the crops' mean squared errors, which is what a mean PSNR weighs."""
    squared = (error**2).mean((1, 2, 3))
    return torch.log(squared + EASY * TYPICAL * (sigma.ravel() + 0.1)).mean()


def restored(model: nn.Module, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Return the restored pictures, convolved in bfloat16."""
    packed = (noisy / PEAK).contiguous(memory_format=torch.channels_last)
    with torch.autocast(noisy.device.type, torch.bfloat16):
        estimate: Tensor = model(packed, sigma / PEAK)
    return estimate.float() * PEAK


def train_step(state: State, images: list[Tensor], chosen: argparse.Namespace) -> None:
    clean, sigma = batch(images, chosen.batch, chosen.crop, state.rng)
    noise = torch.from_numpy(state.rng.standard_normal(clean.shape, dtype=np.float32))
    clean, sigma, noise = (part.to(chosen.device) for part in (clean, sigma, noise))
    error = restored(state.model, clean + sigma * noise, sigma) - clean
    state.optimizer.zero_grad()
    loss_of(error, sigma).backward()
    nn.utils.clip_grad_norm_(state.model.parameters(), LONGEST)
    state.optimizer.step()
    state.step += 1
    weight = max(1 - MEMORY, 10 / (state.step + 10))
    with torch.no_grad():
        for mean, value in zip(state.averaged.parameters(), state.model.parameters(), strict=True):
            mean.lerp_(value, weight)


def validated(model: nn.Module, images: list[Tensor]) -> list[float]:
    """Return the mean PSNR in dB at each validated noise level."""
    return [float(np.mean([psnr_of(model, image, sigma) for image in images])) for sigma in VALIDATED]


@torch.no_grad()
def psnr_of(model: nn.Module, image: Tensor, sigma: float) -> float:
    white = np.random.default_rng(0).standard_normal(image.shape).astype(np.float32)
    device = next(model.parameters()).device
    noisy = (image + sigma * torch.from_numpy(white)).to(device)
    level = torch.full((1, 1, 1, 1), float(sigma), device=device)
    error = restored(model, noisy[None], level)[0].cpu() - image
    return 10 * math.log10(PEAK**2 / float((error**2).mean()))


def trained(images: list[Tensor], held_out: list[Tensor], chosen: argparse.Namespace) -> Iterator[State]:
    """Train, and yield the state whenever it was measured; the last is the trained one."""
    torch.manual_seed(chosen.seed)
    model, averaged = (
        NETWORKS[chosen.network](chosen.colors).to(chosen.device, memory_format=torch.channels_last)
        for _ in range(2)
    )
    model.start()
    if chosen.start:
        begin_from(model, load_file(chosen.start))
    averaged.load_state_dict(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), chosen.rate, betas=(0.9, 0.99))
    state = State(model, averaged, optimizer, np.random.default_rng(chosen.seed))
    if checkpoint_path(chosen.out).exists():
        state.load(checkpoint_path(chosen.out))
    whole, since = chosen.minutes * 60, time.perf_counter() - state.seconds
    due = state.seconds + chosen.every * 60
    while state.seconds < whole:
        set_rate(state, state.seconds / whole, chosen.rate)
        train_step(state, images, chosen)
        state.seconds = time.perf_counter() - since
        if state.seconds >= min(due, whole):
            due = state.seconds + chosen.every * 60
            state.log.append((state.step, state.seconds, *validated(averaged, held_out)))
            yield state


def begin_from(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Start from trained weights; those of the gray U-Net serve the colour one, for the colours' mean."""
    own = model.state_dict()
    if isinstance(model, Ffdnet) and weights["layers.0.weight"].shape != own["layers.0.weight"].shape:
        raise SystemExit("FFDNet for colour has other layers than that for gray: start it without --start.")
    for name, value in weights.items():
        if value.shape != own[name].shape:
            value = spread(value.float(), own[name])
        own[name].copy_(value)


def spread(value: Tensor, wanted: Tensor) -> Tensor:
    """Return the first or last convolution of a gray network for the mean of three colours.

    Channels of sub-images are ordered by colour, then by sub-image.
    """
    if value.shape[1] != wanted.shape[1]:
        images, level = value[:, :4], value[:, 4:]
        return torch.cat([images / math.sqrt(3)] * 3 + [level], 1)
    return torch.cat([value / math.sqrt(3)] * 3)


def set_rate(state: State, done: float, rate: float) -> None:
    """Set the learning rate: a short rise, then half a cosine down to nearly nothing."""
    factor = min(1, (state.step + 1) / WARM_UP) * (0.5 * (1 + math.cos(math.pi * min(done, 1))) + LAST)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * factor


def checkpoint_path(out: Path) -> Path:
    return out.with_suffix(".checkpoint")


def write_log(state: State, path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", *(f"validation_{sigma}" for sigma in VALIDATED)])
        writer.writerows([round(value, 4) for value in row] for row in state.log)


def write_weights(state: State, chosen: argparse.Namespace, pictures_used: int) -> None:
    """Write the averaged weights as float16; the header is the model's card."""
    from napari_shrinkage import __version__

    *_, (step, seconds, *scores) = state.log
    described = {
        "network": chosen.network,
        "colors": chosen.colors,
        "noise": f"white Gaussian, std 0 to {HIGH:g} grey levels of 255",
        "sigma_max": HIGH / PEAK,
        "trained_on": f"{pictures_used} photographs, {chosen.about}".rstrip(", "),
        "licence": "BSD-3-Clause",
        "pictures_licence": chosen.pictures_licence,
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "batch": f"{chosen.batch} crops of {chosen.crop} x {chosen.crop}",
        "validation": ", ".join(f"{s} : {score:.2f} dB" for s, score in zip(VALIDATED, scores, strict=True)),
        "curve": json.dumps([[round(s / 60, 1), *(round(v, 2) for v in row)] for _, s, *row in state.log]),
        "seed": chosen.seed,
        "learning_rate": chosen.rate,
        "start": chosen.start.name if chosen.start else "random",
        "made_by": f"napari-shrinkage {__version__}, training/denoisers.py",
    }
    tensors = {name: value.half().cpu().contiguous() for name, value in state.averaged.state_dict().items()}
    save_file(tensors, chosen.out, {key: str(value) for key, value in described.items()})


def arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("network", choices=sorted(NETWORKS))
    made.add_argument("--colors", type=int, choices=(1, 3), default=1, help="1 is gray, 3 colour")
    made.add_argument("--data", type=Path, required=True, help="folder of clean pictures")
    made.add_argument("--validation", type=Path, required=True, help="folder of other pictures to measure on")
    made.add_argument("--out", type=Path, required=True, help="weight file to write")
    made.add_argument("--start", type=Path, help="weight file to start from, gray ones for colour too")
    made.add_argument("--about", default="", help="what the pictures are, for the file's header")
    made.add_argument("--pictures-licence", default="unknown", help="terms of the pictures, for the header")
    made.add_argument("--minutes", type=float, default=60, help="how long to train")
    made.add_argument("--every", type=float, default=4, help="minutes between two measurements")
    made.add_argument("--crop", type=int, default=64, help="side of a crop in pixels")
    made.add_argument("--batch", type=int, default=16, help="crops in a step")
    made.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--device", default="cpu", help='"cuda" for a GPU with bfloat16')
    made.add_argument("--threads", type=int, default=1, help="CPU threads")
    return made.parse_args()


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    images = [image for image in pictures(chosen.data, chosen.colors) if min(image.shape[1:]) >= chosen.crop]
    held_out = [image[:, :CUT, :CUT] for image in pictures(chosen.validation, chosen.colors)]
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
