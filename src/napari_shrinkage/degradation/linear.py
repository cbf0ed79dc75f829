"""The best linear upscaling for a degradation: each fine pixel from the coarse ones around it.

Convention: a filter bank (s * s, m, m) gives the fine pixels of a coarse one, row by row, from the m x m
coarse pixels around it; it is applied as a correlation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from .kernels import Kernel, normalized, offsets, transfer

Filters = npt.NDArray[np.float64]
Interpolant = Callable[[Kernel], Kernel]
Shift = tuple[float, float]

ROUNDING = 12**-0.5  # std, in grey levels, of the error that rounding makes
RADII = np.array([0.25, 0.5, 0.75, 1.0])[:, None]  # cycles per coarse pixel
ANGLES = np.pi * np.arange(4) / 4  # from the X axis towards the Y axis
CODED = np.stack([RADII * np.sin(ANGLES), RADII * np.cos(ANGLES)], axis=-1)  # (4, 4, 2)
REACH = 4  # coarse pixels that a filter sees on each side
EXPONENT = 1.0  # of distance, in the mean squared difference of two pixels of a photograph
CONTRAST = 178.0  # half of that difference at a distance of one fine pixel, in grey levels of 255 squared


def upscaling_filters(kernel: Kernel, scale: int, sigma: float) -> Filters:
    """Return the filters (s * s, m, m) that predict the fine pixels with the least mean squared error.

    Parameters
    ----------
    kernel : ndarray, (n, n)
        Of the degradation.
    scale : int
        Of the degradation.
    sigma : float
        Std of the white noise of the coarse image, in grey levels of 255.

    Notes
    -----
    The prediction is ordinary kriging [1]_: the best linear one whose weights sum to 1, for images whose
    mean squared difference grows in proportion to distance (a variogram), as that of photographs nearly does.

    References
    ----------
    .. [1] Matheron, "Principles of geostatistics", Economic Geology 58, 1963,
       doi:10.2113/gsecongeo.58.8.1246.
    """
    side, far = 2 * REACH + 1, 2 * REACH * scale + len(kernel)
    between = -_variogram(far)  # covariance of two fine pixels, less a constant that the weights' sum cancels
    seen = fftconvolve(between, kernel)  # of a coarse pixel and a fine one
    measured = fftconvolve(seen, kernel[::-1, ::-1])  # of two coarse pixels
    places = np.stack(np.meshgrid(*[scale * np.arange(-REACH, REACH + 1)] * 2, indexing="ij")).reshape(2, -1)
    apart = places[:, :, None] - places[:, None] + far + len(kernel) - 1
    wanted = np.stack(np.meshgrid(*[np.arange(scale)] * 2, indexing="ij")).reshape(2, -1)
    toward = wanted[:, None] - places[:, :, None] + far + (len(kernel) - scale) // 2
    matrix = np.ones((side**2 + 1,) * 2)
    matrix[:-1, :-1] = measured[tuple(apart)] + sigma**2 * np.eye(side**2)
    matrix[-1, -1] = 0
    right = np.vstack([seen[tuple(toward)], np.ones(scale**2)])
    return np.linalg.solve(matrix, right)[:-1].T.reshape(scale**2, side, side)


def blur_code(kernel: Kernel, scale: int) -> npt.NDArray[np.float64]:
    """Return what a network is told of a kernel, (16,): its contrast at some frequencies, nearest first.

    The frequencies are those of `CODED` in cycles per coarse pixel.
    """
    code: npt.NDArray[np.float64] = np.abs(transfer(kernel, CODED / scale)).ravel()
    return code


def interpolation_filters(weight: Interpolant, reach: int, scale: int, shift: Shift = (0.0, 0.0)) -> Filters:
    """Return the filters (s * s, m, m) of a separable interpolation, which knows no blur and no noise.

    Parameters
    ----------
    weight : callable
        From distances in coarse pixels to weights, such as `kernels.cubic`; they are divided by their sum.
    reach : int
        Coarse pixels beyond which it is 0; m = 2 * reach + 1.
    scale : int
        Fine pixels in a coarse one along each axis.
    shift : tuple of float
        Where a coarse pixel's weight lies along Y and X from its centre, in fine pixels.
    """
    at = np.arange(-reach, reach + 1)
    rows, columns = (
        np.array([normalized(weight((fine - moved) / scale - at)) for fine in offsets(scale)])
        for moved in shift
    )
    filters: Filters = np.einsum("ay,bx->abyx", rows, columns).reshape(scale**2, len(at), len(at))
    return filters


@lru_cache(maxsize=16)
def _variogram(far: int) -> Kernel:
    at = np.arange(-far, far + 1)
    return CONTRAST * np.hypot(at[:, None], at) ** EXPONENT
