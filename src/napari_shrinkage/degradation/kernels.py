"""Kernels: the weights with which a coarse pixel sees the fine grid.

Convention: a kernel of n x n taps for a scale s has n of the same parity as s and stands on the coarse
pixel's centre: coarse pixel i is the sum over j of k[j] * fine[s * i + j - (n - s) / 2]. Widths are in fine
pixels.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Kernel = npt.NDArray[np.float64]

SCALES = (2, 3, 4)
CUBIC = -0.5  # Keys' parameter, with which cubic interpolation is exact for parabolas
LOBES = 3  # of Lanczos' interpolation on each side
TAIL = 3.5  # stds of a Gaussian that its kernel holds


def offsets(taps: int) -> Kernel:
    """Return where the taps along an axis lie, from the coarse pixel's centre, in fine pixels."""
    return np.arange(taps, dtype=np.float64) - (taps - 1) / 2


def fitting_taps(reach: float, scale: int) -> int:
    """Return the smallest number of taps of the scale's parity that holds everything within `reach`."""
    taps = max(scale, math.ceil(2 * reach))
    return taps + (taps - scale) % 2


def bicubic_kernel(scale: int) -> Kernel:
    """Return the kernel of antialiased bicubic reduction: Keys' cubic, `scale` times as wide.

    References
    ----------
    Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics,
    Speech, and Signal Processing 29, 1981, doi:10.1109/TASSP.1981.1163711; equation 15.
    """
    return _separable(cubic(offsets(fitting_taps(2 * scale - 0.5, scale)) / scale))


def decimation_kernel(scale: int) -> Kernel:
    """Return the kernel of plain decimation, which keeps the first pixel of every `scale` x `scale`.

    The kept pixel lies (scale - 1) / 2 pixels up and to the left of the coarse pixel's centre.
    """
    return _separable(np.arange(scale) == 0)


def binning_kernel(scale: int) -> Kernel:
    """Return the kernel of camera binning: the mean of `scale` x `scale` pixels."""
    return _separable(np.ones(scale))


def gaussian_kernel(
    scale: int,
    sigma: float,
    across: float | None = None,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    taps: int | None = None,
) -> Kernel:
    """Return the kernel of a Gaussian blur that is followed by decimation, centre on centre.

    Parameters
    ----------
    scale : int
        Of the decimation.
    sigma, across : float
        Std in fine pixels along the axis that `angle` names, and across it; `across` None is round.
    angle : float
        Of that axis from the X axis towards the Y axis, in radians.
    shift : tuple of float
        Of the centre along Y and X, in fine pixels.
    taps : int, optional
        Of each axis, of the scale's parity; None holds 3.5 std.
    """
    across = sigma if across is None else across
    taps = taps or fitting_taps(TAIL * max(sigma, across) + max(map(abs, shift)) + 0.5, scale)
    y, x = np.meshgrid(offsets(taps) - shift[0], offsets(taps) - shift[1], indexing="ij")
    along, beside = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    return normalized(np.exp(-0.5 * ((along / sigma) ** 2 + (beside / across) ** 2)))


def cubic(x: Kernel) -> Kernel:
    """Return Keys' cubic convolution kernel at distances in units of the coarser grid."""
    x = np.abs(x)
    near = ((CUBIC + 2) * x - (CUBIC + 3)) * x**2 + 1
    far = CUBIC * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def lanczos(x: Kernel) -> Kernel:
    """Return Lanczos' window of three lobes times the sinc, at distances in units of the coarser grid.

    References
    ----------
    Duchon, "Lanczos filtering in one and two dimensions", Journal of Applied Meteorology 18, 1979,
    doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.
    """
    return np.where(np.abs(x) < LOBES, np.sinc(x) * np.sinc(x / LOBES), 0.0)


def centroid(kernel: Kernel) -> tuple[float, float]:
    """Return where a kernel's weight lies along Y and X from the coarse pixel's centre, in fine pixels."""
    at = offsets(len(kernel))
    return float(kernel.sum(1) @ at), float(kernel.sum(0) @ at)


def normalized(kernel: npt.ArrayLike) -> Kernel:
    """Return a kernel of sum 1."""
    values: Kernel = np.asarray(kernel, dtype=np.float64)
    unit: Kernel = values / values.sum()
    return unit


def resized(kernel: Kernel, taps: int) -> Kernel:
    """Return a kernel on more or fewer taps of the same parity, centre on centre; zeros beyond."""
    change = (taps - len(kernel)) // 2
    if change >= 0:
        return np.pad(kernel, change)
    return kernel[-change:change, -change:change]


def transfer(kernel: Kernel, frequencies: Kernel) -> npt.NDArray[np.complex128]:
    """Return the kernel's transfer function at frequencies (..., 2) along Y and X, in cycles per fine pixel.

    Its phase is that of the shift from the coarse pixel's centre.
    """
    at = offsets(len(kernel))
    waves = [np.exp(2j * np.pi * frequencies[..., axis, None] * at) for axis in (0, 1)]
    found: npt.NDArray[np.complex128] = np.einsum("...y,yx,...x->...", waves[0], kernel, waves[1])
    return found


def _separable(weights: npt.ArrayLike) -> Kernel:
    along = normalized(weights)
    return np.outer(along, along)
