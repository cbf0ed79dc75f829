"""What learning its thresholds gives a method, beside the notes that the project began with.

`python benchmarks/learning.py --data FOLDER [SECTION ...]` prints Markdown. Section "trinity" reproduces the
notes 000_acfeeb3eb12c2365.txt on their own picture, FOLDER/misc/trinity.jpg, with their noise: Haar, 3
levels, 27 thresholds of red, green and blue.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import torch
from datasets import parser, table

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import (
    DetailBand,
    bands_of,
    curve_shape,
    gain_per_level,
    threshold_gradients,
)

Image = npt.NDArray[np.float64]
SIGMA = 20.0
CHANNELS = "red", "green", "blue"
HAAR = ns.Wavelet(wavelet="haar", levels=3)
TRANSFORMS: dict[str, ns.Wavelet | ns.StationaryWavelet] = {
    "Haar": HAAR,
    "db4": ns.Wavelet(wavelet="db4", levels=3),
    "sym8": ns.Wavelet(wavelet="sym8", levels=3),
    "bior4.4": ns.Wavelet(wavelet="bior4.4", levels=3),
    "stationary Haar": ns.StationaryWavelet(wavelet="haar", levels=3),
    "stationary sym8": ns.StationaryWavelet(wavelet="sym8", levels=3),
}
STEPS, RATE = 250, 2.0  # of the descent in the notes
NEAR = 0.1  # of mean squared error: as good as the optimum


def trinity(data: Path) -> None:
    """Print every table of the notes' picture."""
    path = data / "misc" / "trinity.jpg"
    if not path.exists():
        sys.exit(f"{path} is not here; name the folder that holds misc/trinity.jpg by --data.")
    clean = np.moveaxis(iio.imread(path).astype(np.float64), -1, 0)
    noise = SIGMA * np.random.RandomState(100).randn(*clean.shape[1:], 3)  # the notes' own
    noisy = clean + np.moveaxis(noise, -1, 0)
    sigma = mad(noisy)
    bands = bands_of(noisy, HAAR, sigma, clean, "CYX")
    torch.set_num_threads(1)  # small tensors: a second thread costs more than it gives
    tables: dict[str, Callable[[], str]] = {
        "The notes retold": lambda: notes_table(noisy, clean, bands),
        "Thresholds of BayesShrink and Sure against the best, and the shape of the curves": lambda: (
            ratio_table(bands)
        ),
        "Gain per scale": lambda: scale_table(noisy, clean, bands),
        "A part of 208 x 208 pixels: mean squared error by transform and choice of thresholds": lambda: (
            transform_table(noisy[:, 400:608, 500:708], clean[:, 400:608, 500:708], sigma)
        ),
        "The whole picture; a descent goes from part to part": lambda: transform_table(noisy, clean, sigma),
        "Seconds for 27 thresholds on 512 x 512 pixels, one thread": lambda: speed_table(
            noisy[:, 200:712, 300:812], clean[:, 200:712, 300:812]
        ),
    }
    for title, made in tables.items():
        print(f"\n{title}\n\n{made()}", flush=True)


def mad(noisy: Image) -> ns.Gaussian:
    """Return the noise of each channel from the finest diagonal band, as in the notes."""
    finest = [band.noisy for band in bands_of(noisy, HAAR, 1.0, axes="CYX") if band.key == "1/dd"]
    return ns.Gaussian(tuple(float(np.median(np.abs(c))) / 0.6745 for c in finest))


def mse(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    return float(np.mean((np.asarray(a, np.float64) - b) ** 2))


def notes_table(noisy: Image, clean: Image, bands: Sequence[DetailBand]) -> str:
    noise = noisy - clean
    noisy32, clean32 = noisy.astype(np.float32), clean.astype(np.float32)
    start = mse(noisy, clean)
    on_grid = {}
    for band in bands:
        grid = band.grid(20)
        on_grid.setdefault(band.key, []).append(float(grid[np.argmin(band.risk_at(grid))]))
    grid_thresholds = ns.PerBand(values={key: tuple(values) for key, values in on_grid.items()})

    def left(threshold: Any) -> float:
        return start - sum(gain_per_level(bands, threshold).values())

    slopes = {t: threshold_gradients(noisy, clean, HAAR, "3/da", t, channel=1) for t in (5.0, 20.0)}
    rows: list[list[object]] = [
        ["noisy, MSE", 399.5, start],
        ["noisy, SNR in dB", 12.67, 20 * np.log10(clean.std() / noise.std())],
        ["BayesShrink, MSE", 85.43, left("bayes")],
        ["Sure (no clean picture), MSE", "-", left("sure")],
        ["best of a grid of 20, MSE", 82.94, left(grid_thresholds)],
        ["descent, 250 steps, MSE", 82.83, loop_of_the_notes(noisy32, clean32, 0.0)[0]],
        ["exact optimum, MSE", "-", f"{left('oracle'):.3f}"],
        ["slope at T = 5, finite difference", "-0.0592", f"{slopes[5.0].finite:.4f}"],
        ["slope at T = 5, by hand", "-0.0592", f"{slopes[5.0].manual:.4f}"],
        ["slope at T = 5, autograd", "-0.0592", f"{slopes[5.0].autograd:.4f}"],
        [
            "slope at T = 20, largest difference of the three",
            "-",
            f"{np.ptp([slopes[20.0].finite, slopes[20.0].manual, slopes[20.0].autograd]):.0e}",
        ],
    ]
    return table(["", "notes", "ours"], rows)


def ratio_table(bands: Sequence[DetailBand]) -> str:
    rows: list[list[object]] = []
    for channel, name in enumerate(CHANNELS):
        some = [band for band in bands if band.channel == channel]
        coarse = [curve_shape(band.curve, band.grid(20)) for band in some]
        fine = [curve_shape(band.curve, np.linspace(0, 6, 61)) for band in some]
        row: list[object] = [name]
        for choice in ("bayes", "sure"):
            ratios = [band.thresholds[choice] / band.thresholds["oracle"] for band in some]
            row.append(f"{min(ratios):.2f} to {max(ratios):.2f}")
        row.append(f"{max(s.minima for s in coarse)}, {max(s.minima for s in fine)}")
        row.append(f"{100 * min(s.concave for s in fine):.0f} to {100 * max(s.concave for s in fine):.0f} %")
        row.append(sum(s.is_convex for s in fine))
        rows.append(row)
    header = [
        "channel",
        "Bayes / best",
        "Sure / best",
        "most minima on the notes' 20 points, on 61 up to 6",
        "of these bend down",
        "convex of 9",
    ]
    return table(header, rows)


def scale_table(noisy: Image, clean: Image, bands: Sequence[DetailBand]) -> str:
    rows: list[list[object]] = []
    for choice in ("bayes", "sure", "oracle"):
        gains = gain_per_level(bands, choice)
        whole = sum(gains.values())
        shares = [f"{gain:.2f} ({100 * gain / whole:.1f} %)" for gain in gains.values()]
        rows.append([choice, *shares, mse(noisy, clean) - whole])
    return table(["thresholds", "scale 1", "scale 2", "scale 3", "MSE left"], rows)


def transform_table(noisy: Image, clean: Image, sigma: ns.Gaussian) -> str:
    """Bayes, Sure, the best of each band's own coefficients, and what `ns.fit` learns with the clean one."""
    rows: list[list[object]] = []
    for name, transform in TRANSFORMS.items():
        method = ns.Shrinkage(transform=transform)
        started = time.perf_counter()
        learned = ns.fit(noisy, method, target=clean, noise=sigma, axes="CYX")
        seconds = time.perf_counter() - started
        choices = {
            "bayes": method,
            "sure": method.replace(threshold=ns.Sure()),
            "alone": method.replace(threshold=each_alone(noisy, clean, transform, sigma)),
            "learned": learned,
        }
        found = {key: mse(ns.restore(noisy, one, sigma, "CYX"), clean) for key, one in choices.items()}
        gaps = [f"{100 * (found[key] / found['learned'] - 1):.2f} %" for key in ("bayes", "sure")]
        rows.append([name, *(f"{error:.3f}" for error in found.values()), *gaps, f"{seconds:.1f}"])
    header = [
        "transform",
        "Bayes",
        "Sure",
        "each band alone",
        "learned",
        "Bayes above",
        "Sure above",
        "s to fit",
    ]
    return table(header, rows)


def each_alone(
    noisy: Image, clean: Image, transform: ns.Wavelet | ns.StationaryWavelet, sigma: ns.Gaussian
) -> ns.PerBand:
    """Return the best threshold of each band's own coefficients, as if bands did not interfere."""
    values: dict[str, tuple[float, ...]] = {}
    for band in bands_of(noisy, transform, sigma, clean, "CYX"):
        values[band.key] = (*values.get(band.key, ()), band.thresholds["oracle"])
    return ns.PerBand(values=values)


def speed_table(noisy: Image, clean: Image) -> str:
    """The exact solver beside the loop of the notes, which ends within `NEAR` of the optimum."""
    noisy, clean = (np.ascontiguousarray(x, np.float32) for x in (noisy, clean))
    method = ns.Shrinkage(transform=HAAR)

    def solved() -> float:
        fitted = ns.fit(noisy, method, target=clean, noise=SIGMA, axes="CYX")
        return mse(ns.restore(noisy, fitted, SIGMA, "CYX"), clean)

    best, _ = timed(solved)
    _, exact = timed(lambda: ns.fit(noisy, method, target=clean, noise=SIGMA, axes="CYX"))
    rows: list[list[object]] = [["ns.fit, exact", "-", f"{best:.3f}", f"{exact:.3f}", "1"]]
    for name, enough in ((f"within {NEAR}", best + NEAR), ("all steps", 0.0)):
        (error, steps), seconds = timed(lambda end=enough: loop_of_the_notes(noisy, clean, end))
        rows.append([f"loop, {name}", steps, f"{error:.3f}", f"{seconds:.3f}", f"{seconds / exact:.0f}"])
    return table(["", "steps", "MSE", "seconds", "times the exact one's"], rows)


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """Return the result and the least time of a few runs."""
    least = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        least = min(least, time.perf_counter() - started)
    return result, least


def loop_of_the_notes(noisy: Image, clean: Image, enough: float) -> tuple[float, int]:
    """Descend as the notes do: transform, a softshrink for each band and channel, inverse, backward, step.

    Thresholds begin at random between 0 and 1 and are kept from below zero by a relu. The notes do not show
    their optimiser; Adam with their rate follows their errors (118.1, 88.1, 84.9 after 10, 20, 30 steps) on
    their picture: 118.5, 88.2, 84.9.
    """
    y, x = torch.from_numpy(noisy)[None], torch.from_numpy(clean)[None]
    keys = [band.key for band in HAAR.subbands() if band.detail]
    start = torch.from_numpy(np.random.default_rng(0).random((len(keys), 3), np.float32))
    free = start.requires_grad_()
    descent = torch.optim.Adam([free], lr=RATE)
    error, steps = np.inf, 0
    while steps < STEPS:
        steps += 1
        thresholds = dict(zip(keys, free.relu(), strict=True))
        coefficients = HAAR.forward(y)
        shrunk = coefficients.map(lambda band, ts=thresholds: softshrunk(band.data, ts[band.key]))
        loss = (HAAR.inverse(shrunk) - x).square().mean()
        error = float(loss.detach())
        if error <= enough:
            break
        descent.zero_grad()
        loss.backward()
        descent.step()
    return error, steps


def softshrunk(band: torch.Tensor, thresholds: torch.Tensor) -> torch.Tensor:
    """Shrink each channel of a band (1, C, Y, X) by its own threshold."""
    return torch.stack([SoftShrink.apply(band[:, c], thresholds[c]) for c in range(band.shape[1])], 1)


class SoftShrink(torch.autograd.Function):
    """torch's softshrink with a gradient for its threshold."""

    @staticmethod
    def forward(ctx: Any, band: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        shrunk = torch.nn.functional.softshrink(band, threshold.item())
        ctx.save_for_backward(shrunk.sign())
        return shrunk

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (signs,) = ctx.saved_tensors
        return slopes[0] * signs.abs(), -(slopes[0] * signs).sum()


SECTIONS: dict[str, Callable[[Path], None]] = {"trinity": trinity}


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument(
        "sections", nargs="*", default=list(SECTIONS), help=f"any of {', '.join(SECTIONS)}"
    )
    chosen = arguments.parse_args()
    for name in chosen.sections:
        if name not in SECTIONS:
            sys.exit(f"There is no section {name!r}; there are {', '.join(SECTIONS)}.")
        SECTIONS[name](Path(chosen.data or "."))


if __name__ == "__main__":
    main()
