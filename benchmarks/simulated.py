"""Noise whose law is known: cameras with shot and read noise, and white noise that was filtered.

Convention: scenes are 0..1; a camera turns them into electrons by its peak, and those into whole counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from datasets import Picture, pictures
from skimage import data as samples

import napari_shrinkage as ns

Array = npt.NDArray[np.float64]
SAMPLES = ("camera", "coins", "moon", "cell", "clock", "page")
SPARED = 8  # one camera in so many has no offset, one no read noise
PINK_LAGS = 15

_BINOMIAL = np.array([1.0, 2.0, 1.0])
KERNELS: dict[str, Array] = {
    "box 3x3": np.ones((3, 3)),
    "stripes 1x7": np.ones((1, 7)),
    "stripes 7x1": np.ones((7, 1)),
    "demosaicing": np.outer(_BINOMIAL, _BINOMIAL),
}
KINDS = (*KERNELS, "pink 1/f")


@dataclass(frozen=True, eq=False)
class Exposure:
    """A frame and the camera that took it; read noise in electrons, offset in counts, gain in counts each."""

    source: str
    counts: npt.NDArray[np.uint16]
    electrons: Array
    peak: float
    gain: float
    offset: float
    read: float

    @property
    def read_counts(self) -> float:
        """Std of everything but shot noise in counts, rounding to whole counts included."""
        return float(np.hypot(self.read * self.gain, 12**-0.5))

    @property
    def shot_share(self) -> float:
        """Share of the shot noise in the variance at the peak."""
        return self.peak / (self.peak + self.read**2)

    @property
    def read_share(self) -> float:
        """Share of the read noise in the variance at the mean."""
        return float(self.read**2 / (self.electrons.mean() + self.read**2))


def scenes(data: Path | None, number: int, seed: int = 0) -> list[tuple[str, Array]]:
    """Return scenes in 0..1 with their source: drawn from BSD68 for one half, scikit-image's samples."""
    shelf = pictures(data, "bsd68")
    drawn = np.random.default_rng(seed).permutation(len(shelf))[: number // 2]
    own = [np.asarray(getattr(samples, name)(), np.float64) / 255.0 for name in SAMPLES]
    found = [("BSD68", shelf[i] / 255.0) for i in drawn]
    return found + [("scikit-image", own[i % len(own)]) for i in range(number - len(found))]


def exposures(data: Path | None, number: int, seed: int = 0) -> list[Exposure]:
    """Return frames of cameras drawn at random: peak, gain, offset and read noise log-uniform."""
    rng = np.random.default_rng(seed)

    def drawn(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    made = []
    for i, (source, scene) in enumerate(scenes(data, number, seed)):
        peak, gain, offset, read = drawn(5, 2000), drawn(0.5, 20), drawn(1, 100), drawn(0.1, 10)
        offset, read = (0.0 if i % SPARED == 3 else offset), (0.0 if i % SPARED == 5 else read)
        electrons = peak * scene
        counts = offset + gain * (rng.poisson(electrons) + read * rng.standard_normal(scene.shape))
        whole = np.clip(np.rint(counts), 0, 65535).astype(np.uint16)
        made.append(Exposure(source, whole, electrons, peak, gain, offset, read))
    return made


def correlated(kind: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Return filtered white noise of variance 1, periodic at the border."""
    white = np.random.default_rng(seed).standard_normal(shape)
    if kind in KERNELS:
        response = np.fft.fft2(KERNELS[kind] / np.linalg.norm(KERNELS[kind]), shape)
    else:
        response = np.sqrt(_pink(shape))
    return np.fft.ifft2(np.fft.fft2(white) * response).real


def autocorrelation(kind: str) -> ns.Autocorrelation:
    """Return the autocorrelation of `correlated`."""
    if kind in KERNELS:
        return ns.Autocorrelation.from_kernel(KERNELS[kind])
    lags = np.fft.fftshift(np.fft.ifft2(_pink((256, 256))).real)
    near = slice(128 - PINK_LAGS, 128 + PINK_LAGS + 1)
    return ns.Autocorrelation(tuple(map(tuple, lags[near, near])))


def with_noise(picture: Picture, kind: str, sigma: float) -> Picture:
    """Return a picture with filtered noise, drawn anew from seed 0 for each picture and not clipped."""
    return (picture + sigma * correlated(kind, picture.shape)).astype(np.float32)


def _pink(shape: tuple[int, ...]) -> Array:
    """Return a power spectrum that falls like 1 / frequency, of mean 1, without a mean of its own."""
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))
    power = np.divide(1.0, radius, out=np.zeros(shape), where=radius > 0)
    return power / power.mean()
