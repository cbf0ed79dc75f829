"""Real micrographs with a truth: FMD and W2S, in the data folder under micro/.

Sources: Zhang et al., "A Poisson-Gaussian denoising dataset with real fluorescence microscopy images", CVPR
2019, doi:10.1109/CVPR.2019.01198. Zhou et al., "W2S: microscopy data with joint denoising and
super-resolution for widefield to SIM mapping", ECCV workshops 2020, arXiv:2003.05961.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
from datasets import Picture

Array = npt.NDArray[np.float64]
CORRELATED = 0.2  # lag-1 correlation from which on it matters: taken for white, less costs under 0.1 dB


@dataclass(frozen=True, eq=False)
class Pair:
    """A noisy micrograph, 8-bit grey levels, and its truth on the same scale."""

    scene: str
    shot: int
    noisy: npt.NDArray[np.uint8]
    truth: Picture

    @property
    def neighbours(self) -> tuple[float, float]:
        """Correlation of the noise with that of the next pixel along Y and along X, 0 and 255 left out."""
        inside = (self.noisy > 0) & (self.noisy < 255)
        noise = np.where(inside, self.noisy - self.truth.astype(np.float64), np.nan)
        noise -= np.nanmean(noise)
        return _correlation(noise[1:], noise[:-1]), _correlation(noise[:, 1:], noise[:, :-1])

    @property
    def is_correlated(self) -> bool:
        """Whether neighbouring pixels share their noise, by the truth."""
        return max(map(abs, self.neighbours)) > CORRELATED


def fmd(data: Path | None, shots: int = 4) -> list[Pair]:
    """Return the pairs of FMD's mixed test set that are here: 6 scenes of up to 4 shots, not averaged."""
    found = []
    for path in _files(data, "micro/fmd/raw"):
        scene, _, shot = path.stem.rpartition("_")
        if int(shot) <= shots:
            truth = iio.imread(path.parent.parent / "gt" / path.name).astype(np.float32)
            found.append(Pair(scene, int(shot), iio.imread(path), truth))
    return found


def w2s(data: Path | None) -> list[Pair]:
    """Return single frames of W2S with the mean of 400, its scale fitted by least squares."""
    found = []
    for path in _files(data, "micro/w2s/avg1"):
        noisy, mean = iio.imread(path), iio.imread(path.parent.parent / "avg400" / path.name)
        slope, intercept = np.polyfit(mean.ravel().astype(np.float64), noisy.ravel(), 1)
        field, _, channel = path.stem.partition("_")
        found.append(Pair(f"channel {channel}", int(field), noisy, np.float32(slope * mean + intercept)))
    return found


def _files(data: Path | None, folder: str) -> list[Path]:
    files = sorted((Path(data) / folder).glob("*.png")) if data else []
    if not files:
        sys.exit(f"No pictures in {folder!r}; name the data folder by --data or NAPARI_SHRINKAGE_DATA.")
    return files


def _correlation(a: Array, b: Array) -> float:
    return float(np.nanmean(a * b) / np.sqrt(np.nanmean(a**2) * np.nanmean(b**2)))
