"""Train the weights of the method "learned-dct" on a folder of clean pictures.

Crops of gray pictures get white noise of a std drawn from 1 to 75 grey levels and are divided by it, so
that one model serves all. Every few minutes the averaged weights are measured on other pictures, written to
the log and kept in a checkpoint; started again with the same `--out`, a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from course import CUT, VALIDATED, State, checkpoint_path, course, options, report, write_log
from photographs import PEAK, crops, mean_logarithm, pictures
from safetensors.torch import save_file
from torch import Tensor
from torch.func import functional_call

from napari_shrinkage.nn.learned_dct import LearnedDct

LOW, HIGH, BEND = 1.0, 75.0, 1.3  # std of the noise in grey levels; above 1, small ones are drawn more often
WARM_UP = 50  # steps
YOUNG = 20  # steps in which the average forgets faster


def batch(images: list[Tensor], count: int, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return crops (B, side, side), and the std (B, 1, 1) of their noise."""
    clean = crops(images, count, side, rng)[:, 0]
    sigma = LOW + (HIGH - LOW) * rng.random((count, 1, 1), dtype=np.float32) ** np.float32(BEND)
    return clean, torch.from_numpy(sigma)


def noise_of(model: LearnedDct, noisy: Tensor, stride: int) -> Tensor:
    """Return the estimated noise, in bfloat16 inside: what is rounded is the noise, not the image."""
    centred = noisy - noisy.mean((1, 2), keepdim=True)
    half = {name: value.bfloat16() for name, value in model.named_parameters()}
    estimate: Tensor = functional_call(model, half, (centred.bfloat16(), stride))
    return estimate


def train_step(state: State[LearnedDct], images: list[Tensor], chosen: argparse.Namespace) -> None:
    clean, sigma = batch(images, chosen.batch, chosen.crop, state.rng)
    noise = torch.from_numpy(state.rng.standard_normal(clean.shape, dtype=np.float32))
    error = noise - noise_of(state.model, clean / sigma + noise, chosen.stride)
    edge = chosen.side // 2
    state.optimizer.zero_grad()
    squared = error[:, edge:-edge, edge:-edge].square().mean((1, 2)) * sigma.ravel() ** 2
    mean_logarithm(squared, sigma).backward()
    state.optimizer.step()
    with torch.no_grad():
        state.model.analysis -= state.model.analysis.mean(1, keepdim=True)
    state.average(YOUNG)


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


def trained(
    images: list[Tensor], held_out: list[Tensor], chosen: argparse.Namespace
) -> Iterator[State[LearnedDct]]:
    """Train, and yield the state whenever it was measured; the last is the trained one."""
    torch.manual_seed(chosen.seed)
    model, averaged = (LearnedDct(chosen.side, chosen.extra, chosen.hidden, chosen.seed) for _ in range(2))
    optimizer = torch.optim.Adam(rate_groups(model, chosen.rate), betas=(0.9, 0.99))
    state = State(model, averaged, optimizer, np.random.default_rng(chosen.seed))
    return course(
        state,
        lambda: train_step(state, images, chosen),
        lambda: validated(averaged, held_out, chosen.stride),
        chosen,
    )


def rate_groups(model: LearnedDct, rate: float) -> list[dict[str, object]]:
    """Return the parameters with their learning rates: five times as much for those that are no matrices."""
    matrices = [value for value in model.parameters() if value.ndim == 2]
    vectors = [value for value in model.parameters() if value.ndim < 2]
    return [
        {"params": matrices, "lr": rate, "base": rate},
        {"params": vectors, "lr": 5 * rate, "base": 5 * rate},
    ]


def write_weights(state: State[LearnedDct], chosen: argparse.Namespace, pictures_used: int) -> None:
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
    made = options(__doc__.partition("\n")[0], minutes=60, every=2, rate=6e-3)
    made.set_defaults(warm_up=WARM_UP)
    made.add_argument(
        "--out", type=Path, default=Path("learned-dct.safetensors"), help="weight file to write"
    )
    made.add_argument("--side", type=int, default=11, help="side of a patch in pixels")
    made.add_argument("--extra", type=int, default=80, help="atoms besides the cosines")
    made.add_argument("--hidden", type=int, default=96, help="hidden units of the gates")
    made.add_argument("--stride", type=int, default=2, help="step between patches in training")
    made.add_argument("--crop", type=int, default=81, help="side of a crop in pixels")
    made.add_argument("--batch", type=int, default=4, help="crops in a step")
    return made.parse_args()


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    images = [image for image in pictures(chosen.data, 1) if min(image.shape[1:]) >= chosen.crop]
    held_out = [image[0, :CUT, :CUT] for image in pictures(chosen.validation, 1)]
    for state in trained(images, held_out, chosen):
        state.save(checkpoint_path(chosen.out))
        write_log(state, chosen.out.with_suffix(".csv"))
        write_weights(state, chosen, len(images))
        report(state)


if __name__ == "__main__":
    main()
