"""The standard test pictures, and the noise that every benchmark adds to them.

They are not part of this project. Name the folder that holds set12/, bsd68/, cbsd68/ and kodak24/ by
`--data` or by the environment variable NAPARI_SHRINKAGE_DATA; without it a benchmark says so and ends.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]
PEAK = 255.0


def parser(description: str) -> argparse.ArgumentParser:
    """Return a command line with the option that names the data folder."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument(
        "--data", type=Path, default=os.environ.get("NAPARI_SHRINKAGE_DATA"), help="folder of the test sets"
    )
    return made


def pictures(data: Path | None, name: str, limit: int | None = None) -> list[Picture]:
    """Return the pictures of a test set in the order of their names, as float32 in 0..255."""
    folder = Path(data) / name if data else None
    if folder is None or not folder.is_dir():
        sys.exit(f"The test set {name!r} is not here; name its folder by --data or NAPARI_SHRINKAGE_DATA.")
    return [iio.imread(path).astype(np.float32) for path in sorted(folder.glob("*.png"))[:limit]]


def noisy(picture: Picture, sigma: float) -> Picture:
    """Return a picture with white Gaussian noise, drawn anew from seed 0 for each picture and not clipped."""
    noise = np.random.default_rng(0).standard_normal(picture.shape)
    return (picture + sigma * noise).astype(np.float32)


def psnr(restored: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the peak signal-to-noise ratio in dB, peak 255."""
    error = np.asarray(restored, np.float64) - np.asarray(truth, np.float64)
    return float(10 * np.log10(PEAK**2 / np.mean(error**2)))


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    lines = [
        list(header),
        *[[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows],
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])
