"""The pictures that networks learn from: read from a folder, cut into crops, and measured on.

Convention: a picture is (C, Y, X), 0 to 255.
"""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from torch import Tensor

LUMA = np.float32([0.299, 0.587, 0.114])
PATTERNS = ("*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff")
PEAK = 255.0
TYPICAL = 3.3  # mean squared error of a good result, in grey levels squared, per grey level of noise
EASY = 0.3  # of that: below it a crop's error no longer counts by its logarithm


def pictures(folder: Path, colors: int) -> list[Tensor]:
    """Return every picture below a folder, gray (`colors` 1) or RGB (3)."""
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


def crops(images: list[Tensor], count: int, side: int, rng: np.random.Generator) -> Tensor:
    """Return crops (B, C, side, side) of pictures, turned and mirrored."""
    found = []
    for _ in range(count):
        image = images[rng.integers(len(images))]
        y, x = (int(rng.integers(n - side + 1)) for n in image.shape[1:])
        crop = torch.rot90(image[:, y : y + side, x : x + side], int(rng.integers(4)), (1, 2))
        found.append(crop.flip(2) if rng.integers(2) else crop)
    return torch.stack(found)


def mean_logarithm(squared: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean logarithm of the crops' mean squared errors (B,), which is what a mean PSNR weighs."""
    return torch.log(squared + EASY * TYPICAL * sigma.ravel()).mean()
