"""PSNR, structural similarity and error of a result against a reference.

Convention: fields are (C, *spatial); the parts of an image are gathered and counted by their pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..sample import drawn_fields
from ..stack import Array, Stack
from .crops import MOST_PIXELS

SSIM_WINDOW = 7


@dataclass
class Scores:
    """What a reference says of a candidate, part by part."""

    errors: list[Array] = field(default_factory=list)
    similarities: list[tuple[float, int]] = field(default_factory=list)

    def add(self, restored: Array, truth: Array, known: Array, peak: float) -> None:
        """Take in the result on one part, a field (C, *spatial), where the image was known."""
        self.errors.append((restored - truth)[known])
        similarity = similarity_of(truth, restored, peak)
        if similarity is not None:
            self.similarities.append((similarity, restored.size))

    def columns(self, peak: float) -> dict[str, Any]:
        """Return the fields of a row."""
        if not self.errors:
            return {}
        errors = np.concatenate(self.errors).astype(np.float64)
        values, sizes = zip(*self.similarities, strict=True) if self.similarities else ((), ())
        return {
            "psnr": psnr_of(float(np.mean(errors**2)), peak),
            "ssim": float(np.average(values, weights=sizes)) if values else None,
            "error_std": float(np.std(errors)),
        }


def psnr_of(mse: float, peak: float) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite where the error is not above zero."""
    return 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf


def similarity_of(truth: Array, restored: Array, peak: float) -> float | None:
    """Return the mean structural similarity of the channels (C, *spatial); None for tiny images."""
    from skimage.metrics import structural_similarity

    if min(truth.shape[1:]) < SSIM_WINDOW:
        return None
    pairs = zip(truth, restored, strict=True)
    return float(np.mean([structural_similarity(a, b, data_range=peak) for a, b in pairs]))


def peak_of(stack: Stack) -> float:
    """Return 255 for 8-bit images, otherwise the range between the 0.1 and 99.9 percentiles of the values."""
    if stack.array.dtype == np.uint8:
        return 255.0
    values = drawn_fields(stack, 2, MOST_PIXELS)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (0.1, 99.9)) if values.size else (0.0, 0.0)
    return float(high - low) or 1.0
