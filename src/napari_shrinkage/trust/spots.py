"""Whether small bright spots keep their intensity: spots of known intensity are added and measured again.

Convention: the intensity of a spot is its sum over all pixels, in the units of the image; its SNR is that of
a matched filter in white noise, intensity * sqrt(sum(shape**2)) / std.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from ..noise import NoiseModel
from .limits import all_of, judged
from .pairs import Float, std_at

SPOT_LIMIT = 0.1
BRIGHT = 10.0  # SNR from which on a spot should keep its intensity
SNRS = (2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0)
REACH = 4.0  # half width of a spot's window, in sigma


@dataclass(frozen=True, eq=False)
class SpotBias:
    """Intensity of added spots, as measured in the result.

    Parameters
    ----------
    snrs : ndarray, (N,)
        Signal-to-noise ratios of the spots.
    ratios : ndarray, (N,)
        Mean of measured over true intensity; 1 where nothing is lost.
    errors : ndarray, (N,)
        Standard errors of those means.
    spots : int
        Number of spots for each SNR.
    sigma : float
        Width of the spots, in pixels.
    """

    snrs: Float
    ratios: Float
    errors: Float
    spots: int
    sigma: float

    @property
    def answers(self) -> tuple[bool | None, ...]:
        """Whether spots of each SNR keep their intensity within 10 %; None where too few were measured."""
        return tuple(
            judged(float(r) - 1, SPOT_LIMIT, float(e)) for r, e in zip(self.ratios, self.errors, strict=True)
        )

    @property
    def passed(self) -> bool | None:
        """Whether spots of SNR 10 and brighter keep their intensity; None if there were none."""
        return all_of(a for a, snr in zip(self.answers, self.snrs, strict=True) if snr >= BRIGHT)

    @property
    def faintest_kept(self) -> float | None:
        """The SNR from which on every tested spot keeps its intensity; None where the brightest do not."""
        order = np.argsort(self.snrs)[::-1]
        kept = [float(self.snrs[i]) for i in order]
        lost = [n for n, i in enumerate(order) if self.answers[i] is not True]
        kept = kept[: lost[0]] if lost else kept
        return kept[-1] if kept else None

    def sentence(self) -> str:
        """Say what the numbers mean."""
        dim = int(np.argmin(self.snrs))
        at_the_dim_end = (
            f"at SNR {self.snrs[dim]:g} the result shows {100 * self.ratios[dim]:.0f} ± "
            f"{100 * self.errors[dim]:.0f} % of it"
        )
        limit = f"within {100 * SPOT_LIMIT:g} %"
        if self.faintest_kept is None:
            top = f"SNR {self.snrs.max():g}"
            return f"Even spots of {top} do not surely keep their intensity {limit}; {at_the_dim_end}."
        if self.faintest_kept == self.snrs.min():
            return f"Spots of every SNR tested keep their intensity {limit}; {at_the_dim_end}."
        return f"Spots of SNR {self.faintest_kept:g} and more keep their intensity {limit}; {at_the_dim_end}."


def injected_spots(
    image: npt.ArrayLike,
    restore: Callable[[Float], npt.ArrayLike],
    noise: NoiseModel,
    *,
    sigma: float = 1.3,
    snrs: Sequence[float] = SNRS,
    spots: int = 12,
    separation: int = 32,
    seed: int = 0,
) -> SpotBias:
    """Add spots to an image, restore it with and without them, and measure what came through.

    Parameters
    ----------
    image : array_like, (Y, X)
        One noisy plane.
    restore : callable
        From an image (Y, X) to its result, in the same units. It is called once without spots and once for
        every set of spots that fits at a time.
    noise : NoiseModel
        Noise of the image. Where it grows with brightness, a spot brings the noise of its own light along.
    sigma : float
        Standard deviation of a spot's Gaussian shape, in pixels; 1.3 is a well sampled microscope's.
    snrs : sequence of float
        Signal-to-noise ratios to test.
    spots : int
        Spots for each SNR, at least 2.
    separation : int
        Distance between spots, in pixels; more than what the method mixes.
    seed : int
        Seed of places and noise.

    Returns
    -------
    SpotBias
        Measured over true intensity against SNR.

    Raises
    ------
    ValueError
        If the image is not one plane with room for a spot, or a number is out of range.

    Notes
    -----
    The measured intensity is a least-squares fit of the known shape to the difference of the two results, so
    a spot that was spread out counts as partly lost. Places are drawn where the image has little structure;
    spots that touch others or sit on texture may fare worse. Valid for white noise: the SNR of correlated
    noise is another. Low-SNR spots are *expected* to shrink: shrinkage trades that bias for less noise.
    """
    plane = np.asarray(image, np.float64)
    _check(plane, sigma, snrs, spots, separation)
    rng = np.random.default_rng(seed)
    wanted = rng.permutation(np.repeat(np.asarray(snrs, np.float64), spots))
    mean = ndimage.gaussian_filter(plane, 2 * sigma)
    std = std_at(noise, mean)
    quiet = _quiet(plane, std, sigma)
    without = np.asarray(restore(plane), np.float64)
    ratios: list[float] = []
    while len(ratios) < len(wanted):
        places = _places(quiet, separation, len(wanted) - len(ratios), rng)
        shapes = [_shape(plane.shape, place + rng.uniform(-0.5, 0.5, 2), sigma) for place in places]
        norms = [float(np.sum(shape**2)) for _, shape in shapes]
        truth = [
            snr * float(std[tuple(p)]) / np.sqrt(norm)
            for snr, p, norm in zip(wanted[len(ratios) :], places, norms, strict=False)
        ]
        light = np.zeros_like(plane)
        for (window, shape), amplitude in zip(shapes, truth, strict=True):
            light[window] += amplitude * shape
        own = np.sqrt(np.maximum(std_at(noise, mean + light) ** 2 - std**2, 0))
        change = (
            np.asarray(restore(plane + light + own * rng.standard_normal(plane.shape)), np.float64) - without
        )
        ratios += [
            float(np.sum(change[window] * shape)) / norm / amplitude
            for (window, shape), norm, amplitude in zip(shapes, norms, truth, strict=True)
        ]
    return _summary(wanted, np.asarray(ratios), sigma)


def _summary(wanted: Float, ratios: Float, sigma: float) -> SpotBias:
    levels = np.unique(wanted)
    groups = [ratios[wanted == level] for level in levels]
    errors = [float(stats.sem(group)) for group in groups]
    return SpotBias(levels, np.array([g.mean() for g in groups]), np.array(errors), len(groups[0]), sigma)


def _quiet(plane: Float, std: Float, sigma: float) -> npt.NDArray[np.bool_]:
    """Return where a spot fits and the image has less structure than at half of such places."""
    steep = ndimage.gaussian_gradient_magnitude(plane, 2 * sigma)
    structure = ndimage.uniform_filter(steep, 2 * _reach(sigma) + 1)
    fits = np.isfinite(structure) & (std > 0)
    border = np.zeros_like(fits)
    margin = _reach(sigma) + 1
    border[margin:-margin, margin:-margin] = True
    fits &= border
    if not fits.any():
        raise ValueError(
            "no place is left for a spot: the image is not finite, or the noise has a std of 0 everywhere."
        )
    return np.asarray(fits & (structure <= np.median(structure[fits])), np.bool_)


def _places(
    quiet: npt.NDArray[np.bool_], separation: int, number: int, rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Draw up to `number` places that keep their distance."""
    free = quiet.copy()
    found: list[npt.NDArray[np.int64]] = []
    for y, x in rng.permutation(np.argwhere(quiet)):
        if len(found) == number:
            break
        if free[y, x]:
            found.append(np.array([y, x]))
            free[max(y - separation + 1, 0) : y + separation, max(x - separation + 1, 0) : x + separation] = (
                False
            )
    return found


def _shape(shape: tuple[int, ...], centre: Float, sigma: float) -> tuple[tuple[slice, ...], Float]:
    """Return a spot of intensity 1, integrated over each pixel, and its window."""
    reach = _reach(sigma)
    starts = np.rint(centre).astype(int) - reach
    window = tuple(slice(max(s, 0), s + 2 * reach + 1) for s in starts)
    profiles = [
        np.diff(stats.norm.cdf(np.arange(w.start, min(w.stop, n) + 1) - 0.5, c, sigma))
        for w, n, c in zip(window, shape, centre, strict=True)
    ]
    return window, np.multiply.outer(profiles[0], profiles[1])


def _reach(sigma: float) -> int:
    return int(np.ceil(REACH * sigma))


def _check(plane: Any, sigma: float, snrs: Sequence[float], spots: int, separation: int) -> None:
    if plane.ndim != 2 or not sigma > 0 or min(plane.shape) < 2 * _reach(sigma) + 4:
        raise ValueError(
            f"an image of shape {plane.shape} and a sigma of {sigma}: expected one plane (Y, X), at least "
            "eleven times a positive sigma wide. Pass one plane, or a smaller sigma."
        )
    if not len(snrs) or min(snrs) <= 0 or spots < 2 or separation < 1:
        raise ValueError(
            f"snrs={tuple(snrs)}, spots={spots}, separation={separation}: expected positive SNRs, at least 2 "
            "spots for each and a separation of at least 1 pixel."
        )
