"""`demo`: samples whose truth is known, denoised with the presets; a table, and pictures before and after."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from ..conversion import converted
from ..engine import Result, drain, run
from ..files import FileProblem, made_folder, write
from ..noise import Gaussian
from ..recipe import Recipe
from ..restorers import PRESETS, named
from ..samples import NoisySample, fluorescence_stack, photograph, shown_range
from ..stack import Array, Stack
from . import BAD_INPUT, say

ROW = "{:<14} {:<10} {:>12} {:>8} {:>8} {:>7}"


def run_demo(output: str, threads: int | None, window: bool) -> int:
    """Denoise the samples, print the table, write the pictures, and open napari where there is a display."""
    folder = Path(output)
    try:
        made_folder(folder)
        print(ROW.format("image", "method", "noise found", "seconds", "PSNR/dB", "SSIM"))
        for sample in (photograph(), fluorescence_stack()):
            _show_sample(sample, folder, threads)
    except FileProblem as error:
        say(str(error))
        return BAD_INPUT
    print(f"\nPictures (noisy, denoised, and what was taken away) are in {folder}/")
    if window and has_display():
        from ..gui.demo_window import show_demo

        show_demo()
    return 0


def has_display() -> bool:
    """Whether a window can be opened here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show_sample(sample: NoisySample, folder: Path, threads: int | None) -> None:
    """Denoise one sample with every preset: rows of the table, and pictures."""
    psnr, ssim = quality(sample, sample.noisy.array)
    print(ROW.format(sample.name, "(noisy)", f"true {sample.sigma:g}", "", f"{psnr:.2f}", f"{ssim:.3f}"))
    _save(folder / f"{sample.name}-before.png", _picture(sample, sample.noisy.array), sample)
    for preset in _different_presets():
        _warm_up(preset, sample, threads)
        result = drain(run(Recipe.of(named(preset), threads=threads), sample.noisy))
        psnr, ssim = quality(sample, result.stack.array)
        seconds = f"{result.record.seconds:.2f}"
        print(ROW.format("", preset, _noise_words(result), seconds, f"{psnr:.2f}", f"{ssim:.3f}"))
        removed = sample.noisy.array.astype(np.float32) - result.stack.array
        _save(folder / f"{sample.name}-{preset}.png", _picture(sample, result.stack.array), sample)
        _save(folder / f"{sample.name}-{preset}-method-noise.png", _removed_picture(sample, removed), sample)


def quality(sample: NoisySample, restored: Array) -> tuple[float, float]:
    """Return PSNR in dB and SSIM of a restored sample; peak 255 for colours, else the truth's range."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    peak = 255.0 if sample.noisy.is_color else float(np.ptp(sample.truth))
    values = restored.astype(np.float32)
    psnr = peak_signal_noise_ratio(sample.truth, values, data_range=peak)
    axis = -1 if sample.noisy.is_color else None
    return float(psnr), float(structural_similarity(sample.truth, values, data_range=peak, channel_axis=axis))


def _different_presets() -> list[str]:
    """Return the presets, leaving out those that are the same method as one before."""
    methods = list(PRESETS.values())
    return [preset for i, (preset, method) in enumerate(PRESETS.items()) if method not in methods[:i]]


def _warm_up(preset: str, sample: NoisySample, threads: int | None) -> None:
    """Restore a corner, so that a kernel's compilation is not counted."""
    corner = (slice(0, 1),) * (len(sample.noisy.shape) - 2 - sample.noisy.is_color) + (slice(0, 64),) * 2
    stack = sample.noisy.with_array(sample.noisy.array[corner])
    drain(run(Recipe.of(named(preset), Gaussian(sample.sigma), threads=threads), stack))


def _noise_words(result: Result) -> str:
    sigma = getattr(result.record.plans[0].noise, "sigma", ())
    values = sigma if isinstance(sigma, tuple) else (sigma,)
    return "/".join(f"{value:.3g}" for value in values)


def _middle(sample: NoisySample, values: Array) -> Array:
    """Return the plane in the middle of a stack, or the picture itself."""
    extra = values.ndim - 2 - sample.noisy.is_color
    middle: Array = values[tuple(n // 2 for n in values.shape[:extra])]
    return middle


def _picture(sample: NoisySample, values: Array) -> Array:
    """Return the middle plane in grey levels, black and white the same for every picture of the sample."""
    low, high = shown_range(sample)
    return converted((_middle(sample, values).astype(np.float32) - low) * (255 / (high - low)), np.uint8)[0]


def _removed_picture(sample: NoisySample, removed: Array) -> Array:
    """Return what was taken away, in grey levels around 128; black and white are 4 noise stds away."""
    return converted(128 + _middle(sample, removed) * (127 / (4 * sample.sigma)), np.uint8)[0]


def _save(path: Path, picture: Array, sample: NoisySample) -> None:
    write(path, Stack(picture, "YXC" if sample.noisy.is_color else "YX"), overwrite=True)
