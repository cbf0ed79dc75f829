"""Train our super-resolution network on a folder of clean pictures: for x2, x3 and x4 at once.

Crops are blurred by a random kernel, decimated and given noise; the network is told of the blur and of the
noise's std. With `--only bicubic` they are reduced bicubically, without noise. Every few minutes the averaged
weights are measured on other pictures reduced bicubically, written to the log and kept in a checkpoint;
started again with the same `--out`, a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from course import CUT, State, checkpoint_path, course, options, report, write_log
from photographs import PEAK, crops, pictures
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from napari_shrinkage.degradation.kernels import (
    Kernel,
    bicubic_kernel,
    binning_kernel,
    decimation_kernel,
    gaussian_kernel,
    resized,
)
from napari_shrinkage.degradation.linear import REACH, ROUNDING, blur_code, upscaling_filters
from napari_shrinkage.nn.upscaler import Upscaler

HIGH = 25.0  # largest std of the noise in grey levels
SHARES = (0.35, 0.1, 0.05, 0.5)  # of crops that are reduced bicubically, decimated, binned, and by Gaussians
CLEAN = 0.5  # share of crops without noise beyond that of rounding
DRAWN = 1500  # degradations of each scale that crops are drawn from
TAPS = {2: 16, 3: 23, 4: 28}  # of every kernel in training
WARM_UP = 100  # steps
YOUNG = 10  # steps in which the average forgets faster
LONGEST = 1.0  # norm of the gradient
EASY = 4.0  # mean squared error below which a crop's error no longer counts by its logarithm


@dataclass
class Degradations:
    """What crops of one scale are degraded by, one after the other along the first axis."""

    kernels: Tensor
    sigma: Tensor
    filters: Tensor
    codes: Tensor


def random_kernel(scale: int, rng: np.random.Generator) -> Kernel:
    """Return the kernel of a random degradation: bicubic, decimation, binning or a Gaussian."""
    kind = rng.choice(4, p=SHARES)
    if kind < 3:
        return (bicubic_kernel, decimation_kernel, binning_kernel)[kind](scale)
    sigma, across = 0.3 + (0.1 + scale) * rng.random(2)
    shift = tuple(rng.normal(0, 0.3, 2)) if rng.random() < 0.3 else (0.0, 0.0)
    across = sigma if rng.random() < 0.5 else across
    return gaussian_kernel(scale, sigma, across, rng.uniform(0, math.pi), shift, TAPS[scale])


def degradations(scale: int, count: int, only: str, rng: np.random.Generator) -> Degradations:
    """Return random degradations of a scale, with what the network is told of each."""
    kernels, sigma, filters, codes = [], [], [], []
    for _ in range(1 if only else count):
        kernel = bicubic_kernel(scale) if only else random_kernel(scale, rng)
        level = 0.0 if only or rng.random() < CLEAN else HIGH * rng.random() ** 1.5
        kernels.append(resized(kernel, TAPS[scale]))
        sigma.append(max(level, ROUNDING))
        filters.append(upscaling_filters(kernel, scale, sigma[-1]))
        codes.append(blur_code(kernel, scale))
    return Degradations(*(torch.from_numpy(np.float32(part)) for part in (kernels, sigma, filters, codes)))


def batch(
    images: list[Tensor],
    scale: int,
    known: Degradations,
    chosen: argparse.Namespace,
    rng: np.random.Generator,
) -> tuple[Tensor, ...]:
    """Return fine crops, and what the network is given for them."""
    which = torch.from_numpy(rng.integers(len(known.sigma), size=chosen.batch))
    side = chosen.crop + 2 * REACH
    margin = (TAPS[scale] - scale) // 2
    fine = crops(images, chosen.batch, scale * side + 2 * margin, rng)
    sigma = known.sigma[which, None, None, None]
    coarse = conv2d(fine.transpose(0, 1), known.kernels[which, None], stride=scale, groups=chosen.batch)
    white = torch.from_numpy(rng.standard_normal((chosen.batch, 1, side, side), dtype=np.float32))
    coarse = coarse.transpose(0, 1) + sigma * white
    packed = conv2d(coarse.transpose(0, 1), known.filters[which].flatten(0, 1)[:, None], groups=chosen.batch)
    packed = packed.view(chosen.batch, scale**2, chosen.crop, chosen.crop)
    edge = margin + scale * REACH
    inner = slice(REACH, -REACH)
    return fine[..., edge:-edge, edge:-edge], coarse[..., inner, inner], packed, sigma, known.codes[which]


def upscaled(model: nn.Module, coarse: Tensor, packed: Tensor, sigma: Tensor, code: Tensor) -> Tensor:
    """Return the fine pictures, convolved in bfloat16."""
    given = (part.contiguous(memory_format=torch.channels_last) / PEAK for part in (coarse, packed))
    with torch.autocast(coarse.device.type, torch.bfloat16):
        correction = model.correction(*given, sigma / PEAK, code)
    return torch.pixel_shuffle(packed + correction.float() * PEAK, model.scale_of(packed))


def train_step(
    state: State[nn.Module], images: list[Tensor], known: dict[int, Degradations], chosen: argparse.Namespace
) -> None:
    scale = int(state.rng.choice(list(known)))
    fine, *given = batch(images, scale, known[scale], chosen, state.rng)
    fine, *given = (part.to(chosen.device) for part in (fine, *given))
    error = (upscaled(state.model, *given) - fine).square().mean((1, 2, 3))
    state.optimizer.zero_grad(set_to_none=False)
    torch.log(error + EASY).mean().backward()
    nn.utils.clip_grad_norm_(state.model.parameters(), LONGEST)
    state.optimizer.step()
    state.average(YOUNG)


@torch.no_grad()
def validated(model: nn.Module, images: list[Tensor], scales: tuple[int, ...]) -> list[float]:
    """Return the mean PSNR in dB on pictures reduced bicubically, for each scale."""
    return [float(np.mean([psnr_of(model, image, scale) for image in images])) for scale in scales]


def psnr_of(model: nn.Module, image: Tensor, scale: int) -> float:
    kernel = bicubic_kernel(scale)
    margin = (len(kernel) - scale) // 2
    image = image[:, : image.shape[1] // scale * scale, : image.shape[2] // scale * scale]
    weights = torch.from_numpy(np.float32(kernel))[None, None]
    coarse = conv2d(pad(image[None], (margin,) * 4, "reflect"), weights, stride=scale).round()
    filters = torch.from_numpy(np.float32(upscaling_filters(kernel, scale, ROUNDING)))[:, None]
    packed = conv2d(pad(coarse, (REACH,) * 4, "reflect"), filters)
    code = torch.from_numpy(np.float32(blur_code(kernel, scale)))[None]
    device = next(model.parameters()).device
    given = (part.to(device) for part in (coarse, packed, torch.full((1, 1, 1, 1), ROUNDING), code))
    error = upscaled(model, *given)[0].cpu() - image
    return 10 * math.log10(PEAK**2 / float((error[:, scale:-scale, scale:-scale] ** 2).mean()))


def trained(
    images: list[Tensor], held_out: list[Tensor], chosen: argparse.Namespace
) -> Iterator[State[nn.Module]]:
    """Train, and yield the state whenever it was measured; the last is the trained one."""
    torch.manual_seed(chosen.seed)
    model, averaged = (
        Upscaler(chosen.features, chosen.blocks, chosen.scales).to(
            chosen.device, memory_format=torch.channels_last
        )
        for _ in range(2)
    )
    model.start()
    averaged.load_state_dict(model.state_dict())
    rng = np.random.default_rng(chosen.seed)
    known = {scale: degradations(scale, DRAWN, chosen.only, rng) for scale in chosen.scales}
    group = {"params": list(model.parameters()), "lr": chosen.rate, "base": chosen.rate}
    state = State(model, averaged, torch.optim.Adam([group], betas=(0.9, 0.99)), rng)
    return course(
        state,
        lambda: train_step(state, images, known, chosen),
        lambda: validated(averaged, held_out, chosen.scales),
        chosen,
    )


def write_weights(state: State[nn.Module], chosen: argparse.Namespace, pictures_used: int) -> None:
    """Write the averaged weights as float16; the header is the model's card."""
    from napari_shrinkage import __version__

    *_, (step, seconds, *scores) = state.log
    described = {
        "network": "upscaler",
        "features": chosen.features,
        "blocks": chosen.blocks,
        "scales": json.dumps(chosen.scales),
        "degradations": chosen.only
        or "bicubic, decimation, binning, Gaussians of std 0.3 to 0.4 + scale fine pixels",
        "colors": 1,
        "noise": "none" if chosen.only else f"white Gaussian, std 0 to {HIGH:g} grey levels of 255",
        "sigma_max": 0.0 if chosen.only else HIGH / PEAK,
        "trained_on": f"{pictures_used} photographs, {chosen.about}".rstrip(", "),
        "licence": "BSD-3-Clause",
        "pictures_licence": chosen.pictures_licence,
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "batch": f"{chosen.batch} crops of {chosen.crop} x {chosen.crop} coarse pixels",
        "validation": ", ".join(f"x{s} : {v:.2f} dB" for s, v in zip(chosen.scales, scores, strict=True)),
        "curve": json.dumps([[round(s / 60, 1), *(round(v, 2) for v in row)] for _, s, *row in state.log]),
        "seed": chosen.seed,
        "learning_rate": chosen.rate,
        "made_by": f"napari-shrinkage {__version__}, training/upscalers.py",
    }
    tensors = {name: value.half().cpu().contiguous() for name, value in state.averaged.state_dict().items()}
    save_file(tensors, chosen.out, {key: str(value) for key, value in described.items()})


def arguments() -> argparse.Namespace:
    made = options(__doc__.partition("\n")[0], minutes=60, every=4, rate=1.5e-3)
    made.set_defaults(warm_up=WARM_UP)
    made.add_argument("--out", type=Path, required=True, help="weight file to write")
    made.add_argument("--only", choices=("bicubic",), default="", help="reduce bicubically, without noise")
    made.add_argument("--scales", type=int, nargs="+", choices=(2, 3, 4), default=(2, 3, 4))
    made.add_argument("--features", type=int, default=64, help="of the network's blocks")
    made.add_argument("--blocks", type=int, default=8, help="residual blocks of the network")
    made.add_argument("--pictures-licence", default="unknown", help="terms of the pictures, for the header")
    made.add_argument("--crop", type=int, default=32, help="side of a crop in coarse pixels")
    made.add_argument("--batch", type=int, default=16, help="crops in a step")
    made.add_argument("--device", default="cpu", help='"cuda" for a GPU with bfloat16')
    chosen = made.parse_args()
    chosen.scales = tuple(chosen.scales)
    return chosen


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    largest = max(scale * (chosen.crop + 2 * REACH) + TAPS[scale] - scale for scale in chosen.scales)
    images = [image for image in pictures(chosen.data, 1) if min(image.shape[1:]) >= largest]
    held_out = [image[:, :CUT, :CUT] for image in pictures(chosen.validation, 1)]
    for state in trained(images, held_out, chosen):
        state.save(checkpoint_path(chosen.out))
        write_log(state, chosen.out.with_suffix(".csv"), chosen.scales)
        write_weights(state, chosen, len(images))
        report(state)


if __name__ == "__main__":
    main()
