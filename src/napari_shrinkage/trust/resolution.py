"""Up to which detail two images of the same scene agree: Fourier ring correlation.

Convention: spatial frequencies are in cycles per pixel, 0.5 at the finest that a grid holds; a resolution is
one over a frequency, in pixels, or in the unit of `spacing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.signal import windows

from .pairs import Float, same_shape

SEVENTH = 1 / 7
SMOOTHING = 3  # rings
TAPER = 0.25  # part of each axis under the window's cosine ramps


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """Correlation of two images against spatial frequency.

    Parameters
    ----------
    frequencies : ndarray, (N,)
        Middle of each ring, in cycles per pixel.
    correlations : ndarray, (N,)
        Correlation of each ring, -1 to 1.
    independent : ndarray, (N,)
        Number of independent complex Fourier coefficients of each ring, half of all that it has.
    spacing : float
        Size of a pixel.
    unit : str
        Its unit.
    """

    frequencies: Float
    correlations: Float
    independent: Float
    spacing: float = 1.0
    unit: str = "pixel"

    @property
    def spread(self) -> Float:
        """Standard deviation of each ring's correlation for white noise that shares nothing."""
        return 1 / np.sqrt(2 * self.independent)

    @property
    def smoothed(self) -> Float:
        """Mean of each ring and its neighbours, weighted by their numbers of coefficients."""
        total = ndimage.uniform_filter1d(self.correlations * self.independent, SMOOTHING, mode="constant")
        weight = ndimage.uniform_filter1d(self.independent, SMOOTHING, mode="constant")
        return np.asarray(total / weight, np.float64)

    @property
    def half_bit(self) -> Float:
        """Correlation of each ring at which a coefficient carries half a bit (van Heel & Schatz 2005)."""
        root = np.sqrt(self.independent)
        return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)

    @property
    def resolution(self) -> float | None:
        """Resolution in pixels at the threshold 1/7; None where the curve never crosses it."""
        return self._crossing(np.full_like(self.frequencies, SEVENTH))

    @property
    def resolution_half_bit(self) -> float | None:
        """Resolution in pixels at the half-bit curve; None where the curve never crosses it."""
        return self._crossing(self.half_bit)

    @property
    def shares_nothing(self) -> bool:
        """Whether the images agree at no frequency, not even the lowest."""
        return bool(self.smoothed[0] <= SEVENTH)

    def sentence(self) -> str:
        """Say what the numbers mean."""
        if self.shares_nothing:
            return "The two images share no structure, so they have no resolution in common."
        if self.resolution is None:
            return "The two images agree up to the finest detail that pixels can show (2 pixels)."
        size = f"{self.resolution:.2f} pixels"
        if self.unit != "pixel":
            size += f" ({self.resolution * self.spacing:.4g} {self.unit})"
        strict = self.resolution_half_bit
        other = "" if strict is None else f"; {strict:.2f} pixels where half a bit is asked for"
        return f"The two images agree on detail down to {size} (correlation 1/7){other}."

    def _crossing(self, threshold: Float) -> float | None:
        """Return one over the frequency where the smoothed curve first falls to the threshold."""
        above = self.smoothed - threshold
        below = np.flatnonzero(above <= 0)
        if not below.size or below[0] == 0:
            return None
        i = int(below[0])
        part = above[i - 1] / (above[i - 1] - above[i])
        step = self.frequencies[i] - self.frequencies[i - 1]
        return float(1 / (self.frequencies[i - 1] + part * step))


def fourier_ring_correlation(
    first: npt.ArrayLike, second: npt.ArrayLike, spacing: float = 1.0, unit: str = "pixel"
) -> RingCorrelation:
    """Correlate two independent images of the same scene, ring by ring in Fourier space.

    Parameters
    ----------
    first, second : array_like, (Y, X)
        Two frames, or the two halves that `split_in_two` makes of one.
    spacing : float
        Size of a pixel.
    unit : str
        Its unit.

    Returns
    -------
    RingCorrelation
        The curve, and the resolutions where it crosses 1/7 and the half-bit curve.

    Raises
    ------
    ValueError
        If the images are not two equal planes of finite values, or too small.

    Notes
    -----
    Valid for images whose noise is independent; anything else they share (a fixed pattern, hot pixels, the
    same background) counts as signal. In particular the correlation of *restored* frames measures
    consistency, not truth: a method brings its own prior into both and makes them agree on what it always
    does. Measure the resolution of the noisy frames; a result cannot hold more than they do.

    References
    ----------
    Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy", Nat. Methods 10, 2013,
    doi:10.1038/nmeth.2448 (threshold 1/7). van Heel, Schatz, "Fourier shell correlation threshold criteria",
    J. Struct. Biol. 151, 2005, doi:10.1016/j.jsb.2005.05.009 (half-bit curve).
    """
    a, b = same_shape(first=first, second=second)
    if a.ndim != 2 or min(a.shape) < 16 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(
            f"expected two planes (Y, X) of finite values, at least 16 pixels wide; got shape {a.shape}. "
            "Pass one plane of each, and fill values that are not finite."
        )
    one, two = (np.fft.fft2(_tapered(plane)) for plane in (a, b))
    ring, number = _rings(a.shape)
    shared, power_one, power_two = (
        np.bincount(ring, values.ravel(), number + 1)[1:number]
        for values in ((one * two.conj()).real, np.abs(one) ** 2, np.abs(two) ** 2)
    )
    norm = np.sqrt(power_one * power_two)
    curve = np.divide(shared, norm, out=np.zeros_like(norm), where=norm > 0)
    count = np.bincount(ring, minlength=number + 1)[1:number] / 2  # the other half mirrors it
    return RingCorrelation(np.arange(1, number) / min(a.shape), curve, count, spacing, unit)


def _tapered(plane: Float) -> Float:
    """Return the plane around its mean, falling to 0 at the borders, which do not match one another."""
    window: Float = np.multiply.outer(*(windows.tukey(n, TAPER) for n in plane.shape))
    return (plane - float(np.sum(window * plane) / np.sum(window))) * window


def _rings(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.int64], int]:
    """Return the ring of each Fourier coefficient, and the ring that holds all finer than the grid."""
    y, x = (np.fft.fftfreq(n) for n in shape)
    ring = np.rint(np.hypot(y[:, None], x[None]) * min(shape)).astype(np.int64)
    number = min(shape) // 2 + 1
    return np.minimum(ring, number).ravel(), number
