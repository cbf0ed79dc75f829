"""What fine-tuning gains on real micrographs, and whether its verdict is right.

On each scene of FMD the network learns from shots 1 to 3 and is scored on shot 4: from the noisy shots alone,
and from pairs of them. All shots of a scene show the same place.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from datasets import parser, psnr, table
from micrographs import Pair, fmd

import napari_shrinkage as ns
from napari_shrinkage.engine import drain
from napari_shrinkage.fitting import Tuning, blind_loss, fitting
from napari_shrinkage.fitting.tuning import STEPS
from napari_shrinkage.losses import Noise2Noise
from napari_shrinkage.recipe import Step
from napari_shrinkage.stack import Stack

WAYS = ("noisy alone", "pairs")
HEADER = ("scene", "learned from", "loss", "shipped", "tuned", "gain", "verdict", "best step", "seconds")


def learned(
    shots: list[Pair], way: str, chosen: argparse.Namespace, folder: Path
) -> tuple[Tuning, str, float]:
    """Fine-tune on shots 1 to 3; return what came of it, the loss and the seconds."""
    stack = Stack(np.stack([shot.noisy for shot in shots]), "TYX")
    noise = ns.estimate_noise(stack.array, axes="TYX")
    loss = blind_loss(noise) if way == "noisy alone" else Noise2Noise()
    target = stack.with_array(np.roll(stack.array, -1, axis=0)) if loss.needs_target else None
    path = folder / f"{shots[0].scene}-{loss.name}.safetensors"
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ns.NoiseWarning)
        fit = drain(
            fitting(Step(ns.Cnn(model=chosen.model), noise), stack, loss, target, chosen.steps, path=path)
        )
    assert isinstance(fit, Tuning)
    return fit, loss.title, time.perf_counter() - begun


def rows(pairs: list[Pair], chosen: argparse.Namespace) -> Iterator[tuple[object, ...]]:
    """Yield a row for each scene and way, and the mean gain of each way."""
    gains: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for scene, group in groupby(pairs, lambda pair: pair.scene):
            *shots, test = group
            shipped = psnr(ns.restore(test.noisy, ns.Cnn(model=chosen.model)), test.truth)
            for way in WAYS:
                fit, loss, seconds = learned(shots, way, chosen, Path(folder))
                tuned = psnr(ns.restore(test.noisy, fit.restorer), test.truth)
                gains[way].append(tuned - shipped)
                verdict = "better" if fit.verdict.is_better else "as it was"
                yield (
                    scene,
                    way,
                    loss,
                    shipped,
                    tuned,
                    tuned - shipped,
                    verdict,
                    fit.best_step,
                    f"{seconds:.0f}",
                )
    for way, each in gains.items():
        yield "mean", way, "", "", "", float(np.mean(each)), "", "", ""


def main() -> None:
    made = parser(__doc__.partition("\n")[0])
    made.add_argument("--model", default="unet", help="the network to begin with")
    made.add_argument("--steps", type=int, help="of learning; the usual number if not given")
    made.add_argument("--scenes", nargs="*", default=(), help="only scenes whose name has one of these")
    made.add_argument("--threads", type=int, default=2, help="CPU threads")
    made.add_argument("--out", type=Path, help="Markdown file to write the table to, as well")
    chosen = made.parse_args()
    torch.set_num_threads(chosen.threads)
    pairs = [
        p for p in fmd(chosen.data) if not chosen.scenes or any(part in p.scene for part in chosen.scenes)
    ]
    how = f"{chosen.threads} CPU threads, {chosen.steps or STEPS} steps, beginning with `{chosen.model}`"
    title = f"\n{how}; PSNR in dB of shot 4, learned from shots 1 to 3\n\n"
    text = title + table(HEADER, rows(pairs, chosen))
    print(text)
    if chosen.out:
        chosen.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
