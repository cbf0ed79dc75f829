"""A generator trained on the images of a stack, for `GeneratorPrior`.

Convention: every finite plane of every channel is an image; a tenth of them is held out, tells the loss, and
decides which weights are kept. The loss is a mean squared error where the range of the stack is 1.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..engine import digest
from ..losses import Loss
from ..nn.trained_generator import TrainedGenerator, generator_of
from ..nn.weights import model_folder, short, still_unused, unused_path
from ..recipe import Step
from ..restorers.generator_prior import GeneratorPrior
from ..stack import Float, Stack
from .progress import Fit, FitProgress

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..nn.generator import GeneratorNetwork

ITERATIONS = 3000
BATCH = 64
RATES = {"dense": 2e-3, "convolutional": 3e-3}
DECAY = 0.05  # of the weights, times the rate
HELD_OUT = 0.1  # of the images
FEWEST = 10  # images
SHOWN = 8  # held-out images that a progress brings along
MEASURED = 256  # held-out images that tell the error
STRONGEST = 0.5  # std of the noise that is added to inputs, where the range is 1
LIKE = 0.99  # of held-out images stay below the limit
PERCENTILES = (0.1, 99.9)  # of the stack's pixels, that become 0 and 1
SECOND = 1.0
STREAM = 0x6E17  # of chance


@dataclass(frozen=True)
class GeneratorProgress(FitProgress):
    """How far the training of a generator is; `risk` is the held-out loss, where the range is 1.

    Parameters
    ----------
    pairs : ndarray or None, (2, n, Y, X)
        Held-out images and what the generator makes of them, in the units of the stack.
    """

    pairs: Float | None = None


@dataclass(frozen=True, eq=False)
class _Images:
    """Inputs and what is to become of them, (N, 1, Y, X), where the range is 1."""

    inputs: Tensor
    targets: Tensor

    def of(self, chosen: Tensor) -> _Images:
        return _Images(self.inputs[chosen], self.targets[chosen])


@dataclass(frozen=True, eq=False)
class _Work:
    """What a training goes through."""

    network: GeneratorNetwork
    trained: _Images
    held: _Images
    low: float
    high: float
    denoises: bool
    seed: int


def generator_fitting(
    step: Step,
    stack: Stack,
    loss: Loss,
    target: Stack | None,
    iterations: int | None,
    device: str,
    path: Path,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[FitProgress, None, Fit]:
    """Train a generator, telling the held-out loss about every second; closing the generator cancels.

    Parameters
    ----------
    step : Step
        A `GeneratorPrior`, and the noise that its results shall be restored under, or None.
    stack : Stack
        Small images: clean ones, or, with a target, noisy ones.
    loss : Loss
        Its name is written down. What is made small is the squared difference from the target.
    target : Stack or None
        On the same grid: what the images of the stack shall become, clean or with noise of its own. None
        takes the stack itself; then inputs get noise of random strength, so that the encoder knows noise.
    iterations : int or None
        Steps of 64 images; None is 3000.
    device : str
        Where it is trained.
    path : Path
        The file to write; where another one takes the name meanwhile, one with a number.
    stopped : callable
        Asked after every step: True ends the training, and the best weights so far are kept.

    Yields
    ------
    GeneratorProgress
        With the held-out loss, and pairs of images to show; the first before any step.

    Returns
    -------
    Fit
        Its restorer is trained; `risks` are held-out losses, where the range of the stack is 1.

    Raises
    ------
    TypeError, ValueError
        If the method is another one, or the stack has too few finite images or a single brightness.

    Notes
    -----
    Valid for stacks of one kind of image. The limit that tells unlike images is measured on the held-out
    tenth: of images with noise it includes their noise.
    """
    restorer = step.restorer
    if not isinstance(restorer, GeneratorPrior):
        raise TypeError(f"{type(restorer).__name__} has no generator to train; give a GeneratorPrior.")
    started, steps = time.perf_counter(), ITERATIONS if iterations is None else iterations
    yield GeneratorProgress(0, steps, "reading the images")
    work = _prepared(restorer, stack, target, device)
    risks, taken = yield from _trained(work, restorer, steps, stopped)
    yield GeneratorProgress(taken, taken, "measuring what it can draw", risks[-1])
    facts = {
        "loss": loss.name,
        "source": digest(stack),
        "images": str(len(work.trained.inputs)),
        "steps": str(taken),
        "seconds": f"{time.perf_counter() - started:.1f}",
        "held_out": repr(min(risks)),
        "licence": "that of the training images",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    file = still_unused(path)
    _measured(work, facts).save(file)
    name = str(file.resolve())
    trained = restorer.replace(weights=name, checksum=generator_of(name)[1], looked=None, unlike=None)
    return Fit(replace(step, restorer=trained), tuple(risks))


def new_generator_file(restorer: GeneratorPrior, stack: Stack) -> Path:
    """Return a path in the user's folder of generators where no file is, named by network and data."""
    stem = f"{restorer.network}-{restorer.latent}-{short(digest(stack))}"
    return unused_path(stem, model_folder() / "generators")


def _prepared(restorer: GeneratorPrior, stack: Stack, target: Stack | None, device: str) -> _Work:
    """Return the images, a tenth held out, on a scale where their range is 1, and a fresh network."""
    import torch

    from ..devices import chosen_device
    from ..nn.generator import NETWORKS

    place = chosen_device(device, has_kernel=False)[0]
    pair = (stack, stack if target is None else target)
    images = _finite([np.concatenate(list(one.fields(2))) for one in pair])
    low, high = (float(value) for value in np.percentile(images[1], PERCENTILES))
    if not high > low:
        raise ValueError(
            f"all pixels have the value {low:g}, so there is nothing to learn; give other images."
        )
    scaled = [torch.from_numpy((one - low) / (high - low))[:, None].to(place) for one in images]
    order = torch.from_numpy(np.random.default_rng([STREAM, restorer.seed]).permutation(len(scaled[0])))
    held = max(round(HELD_OUT * len(order)), 1)
    everything = _Images(*scaled)
    y, x = images[0].shape[1:]
    network = NETWORKS[restorer.network]((y, x), restorer.latent, restorer.seed).to(place)
    parts = everything.of(order[held:].to(place)), everything.of(order[:held].to(place))
    return _Work(network, *parts, low, high, target is None, restorer.seed)


def _finite(images: list[Float]) -> list[Float]:
    """Return the images that are finite in input and target."""
    known = np.all([np.isfinite(one).all((1, 2)) for one in images], axis=0)
    if np.count_nonzero(known) < FEWEST:
        raise ValueError(
            f"there are {np.count_nonzero(known)} images whose pixels are all finite; a generator needs at "
            f"least {FEWEST} of one kind, better thousands. Give a stack (axes such as TYX) of more images."
        )
    return [one[known] for one in images]


def _trained(
    work: _Work, restorer: GeneratorPrior, steps: int, stopped: Callable[[], bool]
) -> Generator[FitProgress, None, tuple[list[float], int]]:
    """Train the network and keep its weights of least held-out loss; return all losses, and the steps."""
    import torch

    network, risks = work.network, [_held_out(work)]
    best, kept = risks[0], copy.deepcopy(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    yield GeneratorProgress(0, steps, "starting", risks[0], None, _pairs(work))
    told, number = time.perf_counter(), 0
    for number, batch in enumerate(_batches(work, steps), start=1):
        optimiser.param_groups[0]["lr"] = RATES[restorer.network] * _share(number, steps)
        _step(network, optimiser, batch)
        ended = number == steps or stopped()
        if time.perf_counter() - told < SECOND and not ended:
            continue
        risks.append(_held_out(work))
        if risks[-1] < best:
            best, kept = risks[-1], copy.deepcopy(network.state_dict())
        yield GeneratorProgress(number, steps, "training", risks[-1], None, _pairs(work))
        told = time.perf_counter()
        if ended:
            break
    network.load_state_dict(kept)
    return risks, number


def _share(number: int, steps: int) -> float:
    """Return what is left of the rate at a step, the first being 1: half a cosine, above 0 to the last."""
    return (1 + math.cos(math.pi * (number - 1) / steps)) / 2


def _step(network: GeneratorNetwork, optimiser: torch.optim.Optimizer, batch: _Images) -> None:
    import torch

    with torch.enable_grad():
        risk = (network(batch.inputs) - batch.targets).square().mean()
        optimiser.zero_grad()
        risk.backward()
    optimiser.step()


def _batches(work: _Work, steps: int) -> Iterator[_Images]:
    """Yield batches, image after image in random order; those that shall learn to denoise with noise."""
    import torch

    chance = torch.Generator().manual_seed(work.seed)
    count = len(work.trained.inputs)
    place = work.trained.inputs.device
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(order) < min(BATCH, count):
            order = torch.cat([order, torch.randperm(count, generator=chance)])
        chosen, order = order[:BATCH], order[BATCH:]
        batch = work.trained.of(chosen.to(place))
        yield replace(batch, inputs=_with_noise(batch.inputs, chance)) if work.denoises else batch


def _with_noise(images: Tensor, chance: torch.Generator) -> Tensor:
    """Return images with white noise, mostly weak: heavy noise keeps the decoder from learning detail."""
    import torch

    strength = STRONGEST * torch.rand(len(images), 1, 1, 1, generator=chance) ** 3
    return images + (strength * torch.randn(images.shape, generator=chance)).to(images.device)


def _held_out(work: _Work) -> float:
    import torch

    with torch.no_grad():
        each = [
            (work.network(inputs) - targets).square().sum()
            for inputs, targets in zip(_split(work.held.inputs), _split(work.held.targets), strict=True)
        ]
    return float(sum(each)) / work.held.targets.numel()


def _split(images: Tensor) -> tuple[Tensor, ...]:
    import torch

    return torch.split(images, MEASURED)


def _pairs(work: _Work) -> Float:
    import torch

    with torch.no_grad():
        shown = work.held.inputs[:SHOWN]
        pairs = torch.stack([shown, work.network(shown)])[:, :, 0].cpu().numpy()
    return np.asarray(pairs * (work.high - work.low) + work.low, np.float32)


def _measured(work: _Work, facts: dict[str, str]) -> TrainedGenerator:
    """Return the generator with what it knows of codes, and the error of held-out images at the best code."""
    import torch

    from ..nn.searching import drawn

    network = work.network.cpu().eval().requires_grad_(False)
    with torch.no_grad():
        codes = torch.cat([network.encode(part.cpu()) for part in _split(work.trained.inputs)])
        network.mean.copy_(codes.mean(0))
        network.covariance.copy_(torch.cov(codes.T).reshape(network.covariance.shape))
        made = TrainedGenerator(network, work.low, work.high, 0.0, 0.0, facts)
        images = work.held.targets[:MEASURED].cpu()
        found = made.scaled(drawn(made, made.counts(images), torch.zeros_like))
        errors = (found - images).square().mean((1, 2, 3))
    limit = math.sqrt(float(errors.quantile(LIKE)))
    return replace(made, error=float(errors.mean()), limit=limit)
