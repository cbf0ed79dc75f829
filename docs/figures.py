"""Pictures for these pages: one look, so that a page needs few lines for a figure."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

Picture = npt.NDArray[np.floating]
PEAK = 255.0

warnings.filterwarnings("ignore", message="IProgress not found")  # of tqdm in a notebook without widgets

plt.rcParams.update(
    {
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": "medium",
        "font.size": 9,
        "image.cmap": "gray",
        "image.interpolation": "nearest",
        "legend.frameon": False,
        "lines.linewidth": 1.6,
    }
)


def noisy(picture: Picture, sigma: float, seed: int = 0) -> Picture:
    """Return a picture with white Gaussian noise, not clipped."""
    noise = np.random.default_rng(seed).standard_normal(picture.shape)
    return (picture + sigma * noise).astype(np.float32)


def psnr(restored: Picture, truth: Picture) -> float:
    """Return the PSNR in dB for a peak of 255: 10 dB more is a tenth of the squared error."""
    return float(10 * np.log10(PEAK**2 / np.mean((np.asarray(restored, np.float64) - truth) ** 2)))


def row(
    pictures: dict[str, Picture], cut: tuple[slice, ...] = (), limits: tuple[float, float] = (0, PEAK)
) -> None:
    """Show pictures side by side, all on the same scale of gray, optionally only a part of each."""
    shown = {title: picture[cut] for title, picture in pictures.items()}
    height, width = next(iter(shown.values())).shape[:2]
    inches = 8.4 / len(shown)
    _, axes = plt.subplots(1, len(shown), figsize=(8.4, inches * height / width + 0.3), squeeze=False)
    for axis, (title, picture) in zip(axes[0], shown.items(), strict=True):
        scaled = np.clip((picture - limits[0]) / (limits[1] - limits[0]), 0, 1)
        axis.imshow(scaled, vmin=0, vmax=1)
        axis.set_title(title)
        axis.set_axis_off()
    plt.show()


def panels(count: int, height: float = 2.7, **options: object) -> Sequence[Axes]:
    """Return the axes of a row of plots."""
    _, axes = plt.subplots(1, count, figsize=(8.4, height), squeeze=False, **options)
    return list(axes[0])


def band_panels(
    places: Iterable[tuple[int, str]], height: float = 5.4
) -> Iterator[tuple[tuple[int, str], Axes]]:
    """Yield a plot for each band: a row for each level, a column for each orientation."""
    places = list(places)
    levels, orientations = (list(dict.fromkeys(part)) for part in zip(*places, strict=True))
    _, axes = plt.subplots(len(levels), len(orientations), figsize=(8.4, height), squeeze=False)
    for level, orientation in places:
        yield (level, orientation), axes[levels.index(level), orientations.index(orientation)]
