"""Train a CNN denoiser on a folder of clean pictures: our U-Net or FFDNet, gray or colour.

Crops get white noise of a std drawn from 0 to 75 grey levels, and the network is told which. Every few
minutes the averaged weights are measured on other pictures, written to the log and kept in a checkpoint;
started again with the same `--out`, a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from course import CUT, VALIDATED, State, checkpoint_path, course, options, report, write_log
from photographs import PEAK, crops, mean_logarithm, pictures
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_shrinkage.nn.ffdnet import ResidualFfdnet
from napari_shrinkage.nn.unet import Unet

HIGH = 75.0  # largest std of the noise in grey levels
WARM_UP = 100  # steps
YOUNG = 10  # steps in which the average forgets faster
LONGEST = 1.0  # norm of the gradient
NETWORKS = {"unet": Unet, "ffdnet": ResidualFfdnet}


def batch(
    images: list[Tensor], count: int, side: int, bend: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return crops (B, C, side, side), and the std (B, 1, 1, 1) of their noise."""
    clean = crops(images, count, side, rng)
    sigma = HIGH * rng.random((count, 1, 1, 1), dtype=np.float32) ** np.float32(bend)
    return clean, torch.from_numpy(sigma)


def restored(model: nn.Module, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Return the restored pictures, convolved in bfloat16."""
    packed = (noisy / PEAK).contiguous(memory_format=torch.channels_last)
    with torch.autocast(noisy.device.type, torch.bfloat16):
        estimate: Tensor = model(packed, sigma / PEAK)
    return estimate.float() * PEAK


def train_step(state: State[nn.Module], images: list[Tensor], chosen: argparse.Namespace) -> None:
    clean, sigma = batch(images, chosen.batch, chosen.crop, chosen.bend, state.rng)
    noise = torch.from_numpy(state.rng.standard_normal(clean.shape, dtype=np.float32))
    clean, sigma, noise = (part.to(chosen.device) for part in (clean, sigma, noise))
    error = restored(state.model, clean + sigma * noise, sigma) - clean
    state.optimizer.zero_grad()
    mean_logarithm(error.square().mean((1, 2, 3)), sigma + 0.1).backward()
    nn.utils.clip_grad_norm_(state.model.parameters(), LONGEST)
    state.optimizer.step()
    state.average(YOUNG)


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


def trained(
    images: list[Tensor], held_out: list[Tensor], chosen: argparse.Namespace
) -> Iterator[State[nn.Module]]:
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
    group = {"params": list(model.parameters()), "lr": chosen.rate, "base": chosen.rate}
    optimizer = torch.optim.Adam([group], betas=(0.9, 0.99))
    state = State(model, averaged, optimizer, np.random.default_rng(chosen.seed))
    return course(
        state, lambda: train_step(state, images, chosen), lambda: validated(averaged, held_out), chosen
    )


def begin_from(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Start from trained weights; those of the gray U-Net serve the colour one, for the colours' mean."""
    own = model.state_dict()
    if isinstance(model, ResidualFfdnet) and weights["layers.0.weight"].shape != own["layers.0.weight"].shape:
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


def write_weights(state: State[nn.Module], chosen: argparse.Namespace, pictures_used: int) -> None:
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
    made = options(__doc__.partition("\n")[0], minutes=60, every=4, rate=1e-3)
    made.set_defaults(warm_up=WARM_UP)
    made.add_argument("network", choices=sorted(NETWORKS))
    made.add_argument("--colors", type=int, choices=(1, 3), default=1, help="1 is gray, 3 colour")
    made.add_argument("--out", type=Path, required=True, help="weight file to write")
    made.add_argument("--start", type=Path, help="weight file to start from, gray ones for colour too")
    made.add_argument("--pictures-licence", default="unknown", help="terms of the pictures, for the header")
    made.add_argument("--crop", type=int, default=64, help="side of a crop in pixels")
    made.add_argument("--batch", type=int, default=16, help="crops in a step")
    made.add_argument("--bend", type=float, default=1.2, help="above 1, weak noise is drawn more often")
    made.add_argument("--device", default="cpu", help='"cuda" for a GPU with bfloat16')
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
        report(state)


if __name__ == "__main__":
    main()
