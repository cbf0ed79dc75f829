"""The course of a training: its state in a checkpoint, its rate, its log, and the loop that ties them.

Convention: a training lasts so many minutes. Every few of them the averaged weights are measured; started
again with the same `--out`, one that was cut off goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import nn

VALIDATED = (15, 25, 50)  # std of the noise, in grey levels
CUT = 256  # validation pictures are cut to this side
MEMORY = 0.998  # of the averaged weights, per step
LAST = 0.005  # of the learning rate, at the end
M = TypeVar("M", bound=nn.Module)


@dataclass
class State(Generic[M]):
    """Everything that a checkpoint holds."""

    model: M
    averaged: M
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
        rates = [group["base"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(held["optimizer"])
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["base"] = rate  # the one asked for now
        self.rng.bit_generator.state = json.loads(held["rng"])
        self.step, self.seconds = held["step"], held["seconds"]
        self.log = [tuple(row) for row in held["log"]]

    @torch.no_grad()
    def average(self, young: int) -> None:
        """Count a step, and let the averaged weights follow; they forget faster in the first steps."""
        self.step += 1
        weight = max(1 - MEMORY, young / (self.step + young))
        for mean, value in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, weight)


def course(
    state: State[M], step: Callable[[], None], measured: Callable[[], list[float]], chosen: argparse.Namespace
) -> Iterator[State[M]]:
    """Take steps until the minutes are over, and yield the state whenever it was measured."""
    if checkpoint_path(chosen.out).exists():
        state.load(checkpoint_path(chosen.out))
    whole, since = chosen.minutes * 60, time.perf_counter() - state.seconds
    due = state.seconds + chosen.every * 60
    while state.seconds < whole:
        set_rates(state, state.seconds / whole, chosen.warm_up)
        step()
        state.seconds = time.perf_counter() - since
        if state.seconds >= min(due, whole):
            due = state.seconds + chosen.every * 60
            state.log.append((state.step, state.seconds, *measured()))
            yield state


def set_rates(state: State[M], done: float, warm_up: int) -> None:
    """Set the learning rates: a short rise, then half a cosine down to nearly nothing."""
    factor = min(1, (state.step + 1) / warm_up) * (0.5 * (1 + math.cos(math.pi * min(done, 1))) + LAST)
    for group in state.optimizer.param_groups:
        group["lr"] = group["base"] * factor


def checkpoint_path(out: Path) -> Path:
    return out.with_suffix(".checkpoint")


def write_log(state: State[M], path: Path, validated: Sequence[int] = VALIDATED) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", *(f"validation_{sigma}" for sigma in validated)])
        writer.writerows([round(value, 4) for value in row] for row in state.log)


def report(state: State[M]) -> None:
    """Print the last measurement."""
    step, seconds, *scores = state.log[-1]
    print(f"step {step}, {seconds / 60:.1f} min:", *(f"{score:.3f}" for score in scores), "dB", flush=True)


def options(description: str, minutes: float, every: float, rate: float) -> argparse.ArgumentParser:
    """Return a command line with what every training asks for."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--data", type=Path, required=True, help="folder of clean pictures")
    made.add_argument("--validation", type=Path, required=True, help="folder of other pictures to measure on")
    made.add_argument("--about", default="", help="what the pictures are, for the file's header")
    made.add_argument("--minutes", type=float, default=minutes, help="how long to train")
    made.add_argument("--every", type=float, default=every, help="minutes between two measurements")
    made.add_argument("--rate", type=float, default=rate, help="learning rate")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--threads", type=int, default=1, help="CPU threads")
    return made
