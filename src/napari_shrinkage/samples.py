"""Noisy images whose truth is known, made on the spot: no download, the same values every time.

Convention: noise is Gaussian with the standard deviation that the sample names, added to the truth in its
units; then the values are rounded and clipped to the camera's integers, as a camera does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .stack import Array, Stack

Float64 = npt.NDArray[np.float64]
OFFSET = 100.0  # counts of the cameras below in the dark
PARTICLE_SIDE = 32  # pixels of an image of a particle


@dataclass(frozen=True)
class NoisySample:
    """A noisy image and what it would be without noise.

    Parameters
    ----------
    name : str
        Short name, for files.
    title : str
        Name for people.
    noisy : Stack
        The image.
    truth : ndarray
        The same without noise, float32.
    sigma : float
        Standard deviation of the noise, in the units of the image.
    kinds : tuple of str
        What each plane shows, where that is known.
    """

    name: str
    title: str
    noisy: Stack
    truth: Array
    sigma: float
    kinds: tuple[str, ...] = ()


def photograph() -> NoisySample:
    """Return a colour photograph (scikit-image's cat, 300 x 451) with noise of 20 grey levels."""
    from skimage.data import chelsea

    truth = chelsea().astype(np.float32)
    noisy = _digitised(truth, 20.0, np.uint8, seed=0)
    return NoisySample(
        "photograph", "Noisy photograph", Stack(noisy, "YXC", source="skimage.data.chelsea"), truth, 20.0
    )


def fluorescence_stack() -> NoisySample:
    """Return a z-stack of a made-up cell, planes 0.3 um apart, pixels of 0.1 um."""
    shape, rng = (24, 256, 256), np.random.default_rng(1)
    image = 90 * _nucleus(shape) + _filaments(shape, 160, rng) + _vesicles(shape, 150, rng)
    truth = (OFFSET + image).astype(np.float32)
    noisy = _digitised(truth, 25.0, np.uint16, seed=2)
    stack = Stack(noisy, "ZYX", (0.3, 0.1, 0.1), ("micrometer",) * 3, "fluorescence stack")
    return NoisySample("fluorescence", "Noisy fluorescence stack", stack, truth, 25.0)


def time_series() -> NoisySample:
    """Return a time series of particles that drift on a still background, one frame every 0.5 s."""
    rng = np.random.default_rng(3)
    frames, side = 20, 192
    background = 60 * _smooth_noise((side, side), 12, rng)
    truth = (OFFSET + background + _particles(frames, side, 30, rng)).astype(np.float32)
    noisy = _digitised(truth, 20.0, np.uint16, seed=4)
    stack = Stack(noisy, "TYX", (0.5, 0.2, 0.2), ("second", "micrometer", "micrometer"), "time series")
    return NoisySample("timeseries", "Noisy time series", stack, truth, 20.0)


def particles() -> NoisySample:
    """Return 306 small images of particles: rings, pairs and rods, and 18 crosses, which are none of these.

    `clean_particles` are others, without noise and without crosses.
    """
    rng, each = np.random.default_rng(6), {**dict.fromkeys(PARTICLES, 96), "cross": 18}
    images, kinds = _drawn_particles(each, rng)
    noisy = _digitised(images, 24.0, np.uint16, seed=7)
    stack = Stack(noisy, "TYX", source="particles")
    return NoisySample("particles", "Noisy particles", stack, images, 24.0, kinds)


def clean_particles(each: int = 200) -> tuple[Stack, tuple[str, ...]]:
    """Return images of rings, pairs and rods, (3 * each, 32, 32), without noise, and what each one shows."""
    images, kinds = _drawn_particles(dict.fromkeys(PARTICLES, each), np.random.default_rng(8))
    return Stack(images, "TYX", source="clean particles"), kinds


SAMPLES: dict[str, Callable[[], NoisySample]] = {
    "photograph": photograph,
    "fluorescence": fluorescence_stack,
    "timeseries": time_series,
    "particles": particles,
}


def shown_range(sample: NoisySample) -> tuple[float, float]:
    """Return the values to show as black and white."""
    if sample.noisy.is_color:
        return 0.0, 255.0
    return float(sample.truth.min()) - sample.sigma, float(np.quantile(sample.truth, 0.999))


def _digitised(truth: Array, sigma: float, dtype: type[np.unsignedinteger[Any]], seed: int) -> Array:
    """Return truth plus noise as the integers that a camera would give."""
    noisy = truth + sigma * np.random.default_rng(seed).standard_normal(truth.shape)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(noisy), limits.min, limits.max).astype(dtype)


def _nucleus(shape: tuple[int, int, int]) -> Float64:
    """Return a soft ellipsoid with a textured inside, values around 1."""
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    inside = 1 / (1 + np.exp(25 * (np.sqrt((z / 0.8) ** 2 + (y / 0.38) ** 2 + ((x - 0.1) / 0.45) ** 2) - 1)))
    return np.asarray(inside * (1 + 0.6 * _smooth_noise(shape, 4, np.random.default_rng(5))), np.float64)


def _filaments(shape: tuple[int, int, int], count: int, rng: np.random.Generator) -> Float64:
    """Return curved bright lines that run through the volume, as a microscope blurs them."""
    from scipy.ndimage import gaussian_filter

    canvas, steps = np.zeros(shape), 900
    for _ in range(count):
        turns = np.cumsum(rng.normal(0, 0.02, steps)) + rng.uniform(0, 2 * np.pi)
        y = rng.uniform(0, shape[1]) + 0.5 * np.cumsum(np.sin(turns))
        x = rng.uniform(0, shape[2]) + 0.5 * np.cumsum(np.cos(turns))
        z = rng.uniform(0, shape[0]) + 0.5 * np.cumsum(rng.normal(0, 0.08, steps))
        points = np.rint(np.stack([z, y, x])).astype(int)
        inside = np.all((points >= 0) & (points < np.array(shape)[:, None]), axis=0)
        np.add.at(canvas, tuple(points[:, inside]), 0.5 * rng.uniform(0.5, 1.5))
    return np.asarray(600 * gaussian_filter(canvas, (0.9, 1.3, 1.3)), np.float64)


def _vesicles(shape: tuple[int, int, int], count: int, rng: np.random.Generator) -> Float64:
    """Return blurred points of different brightness."""
    from scipy.ndimage import gaussian_filter

    canvas = np.zeros(shape)
    places = tuple(rng.integers(0, n, count) for n in shape)
    np.add.at(canvas, places, rng.uniform(0.3, 1.0, count))
    return np.asarray(9000 * gaussian_filter(canvas, (1.2, 1.8, 1.8)), np.float64)


def _particles(frames: int, side: int, count: int, rng: np.random.Generator) -> Float64:
    """Return particles that drift at random and change their brightness, (frames, side, side)."""
    start, drift = rng.uniform(10, side - 10, (count, 2)), rng.normal(0, 1.5, (frames, count, 2))
    paths = start + np.cumsum(drift, axis=0)
    brightness = 220 * rng.uniform(0.3, 1, (frames, count))
    y, x = np.mgrid[:side, :side]
    movie = np.zeros((frames, side, side))
    for frame, path, bright in zip(movie, paths, brightness, strict=True):
        for (cy, cx), peak in zip(path, bright, strict=True):
            frame += peak * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 2.0**2))
    return movie


def _drawn_particles(each: dict[str, int], rng: np.random.Generator) -> tuple[Array, tuple[str, ...]]:
    """Return so many images of each kind in random order, turned, shifted and scaled, and what they show."""
    kinds = np.repeat([*each], [*each.values()])
    kinds = kinds[rng.permutation(len(kinds))]
    y, x = np.mgrid[:PARTICLE_SIDE, :PARTICLE_SIDE] - (PARTICLE_SIDE - 1) / 2
    images = []
    for kind in kinds:
        turn, size, (dy, dx) = rng.uniform(-0.5, 0.5), rng.uniform(0.85, 1.15), rng.uniform(-2, 2, 2)
        along = ((x - dx) * np.cos(turn) - (y - dy) * np.sin(turn)) / size
        across = ((y - dy) * np.cos(turn) + (x - dx) * np.sin(turn)) / size
        images.append(OFFSET + 80 * rng.uniform(0.7, 1.3) * SHAPES[kind](across, along))
    return np.asarray(images, np.float32), tuple(str(kind) for kind in kinds)


def _ring(across: Float64, along: Float64) -> Float64:
    return np.asarray(np.exp(-(((np.hypot(across / 1.25, along) - 6) / 1.6) ** 2)), np.float64)


def _pair(across: Float64, along: Float64) -> Float64:
    left, right = ((across**2 + (along + place) ** 2) / (2 * 2.6**2) for place in (5, -5))
    return np.asarray(np.exp(-left) + 0.7 * np.exp(-right), np.float64)


def _rod(across: Float64, along: Float64) -> Float64:
    ends = 1 / (1 + np.exp((np.abs(along) - 9) / 0.8))
    return np.asarray(ends * np.exp(-((across / 2.2) ** 2)), np.float64)


def _cross(across: Float64, along: Float64) -> Float64:
    return np.maximum(_rod(across, along), _rod(along, across))


SHAPES = {"ring": _ring, "pair": _pair, "rod": _rod, "cross": _cross}
PARTICLES = ("ring", "pair", "rod")  # the usual kinds


def _smooth_noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Float64:
    """Return a smooth random texture between 0 and 1."""
    from scipy.ndimage import gaussian_filter

    texture = gaussian_filter(rng.standard_normal(shape), scale)
    return np.asarray((texture - texture.min()) / np.ptp(texture), np.float64)
