"""Two independent images out of one, for tests that need two.

Convention: the halves of a frame of photons have half its light each; the halves of a checkerboard have half
its pixels along each axis.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .pairs import Float


def split_in_two(
    image: npt.ArrayLike, seed: int = 0, gain: float | None = None, offset: float = 0.0
) -> tuple[Float, Float]:
    """Split one frame into two of the same scene with independent noise.

    Parameters
    ----------
    image : array_like, (Y, X) or with `gain` (..., Y, X)
        The noisy frame, not a result.
    seed : int
        Seed of the thinning.
    gain : float, optional
        Counts per electron. With it, electrons are dealt out to the halves; without it, pixels are.
    offset : float
        Value that the camera reads without light, in the units of the image.

    Returns
    -------
    tuple of ndarray
        With a gain two images in electrons, of the image's shape; else two of half its size along each axis,
        in its units, whose pixels are twice as large: give `fourier_ring_correlation` twice the spacing.

    Raises
    ------
    ValueError
        If the gain is not positive, or the image does not fit.

    Notes
    -----
    *Electrons*: each electron goes to either half with probability 1/2. The halves of Poisson counts are then
    exactly independent, each Poisson of half the mean. Read noise is no count: values are rounded to whole
    electrons, negative ones become 0, and what read noise there is correlates the halves, so this is valid
    where photon noise dominates.

    *Pixels*: the pixels of even rows and columns, and those of odd rows and columns. They are disjoint, so
    their noise is independent if it is white. Frequencies beyond 0.25 cycles per pixel of the original fold
    back: resolutions below 4 of its pixels cannot be shown, and such detail disturbs the coarser ones.
    Calibrate against frame pairs of the same microscope before the numbers are published (Koho et al. fit a
    correction). The second half, which lies one pixel further along both axes, is moved back by its phase.

    References
    ----------
    Koho et al., "Fourier ring correlation simplifies image restoration in fluorescence microscopy", Nat.
    Commun. 10, 2019, doi:10.1038/s41467-019-11024-z (one-image ring correlation).
    """
    frame = np.asarray(image, np.float64)
    if gain is None:
        return _checkerboard(frame)
    if not gain > 0 or not np.isfinite(frame).all():
        raise ValueError(
            f"gain={gain}: expected counts per electron, more than 0, and an image of finite values. "
            "Leave the gain out to split by pixels."
        )
    electrons = np.rint(np.maximum(frame - offset, 0) / gain).astype(np.int64)
    half = np.random.default_rng(seed).binomial(electrons, 0.5)
    return half.astype(np.float64), (electrons - half).astype(np.float64)


def _checkerboard(frame: Float) -> tuple[Float, Float]:
    if frame.ndim != 2 or min(frame.shape) < 4:
        raise ValueError(
            f"an image of shape {frame.shape}: expected one plane (Y, X) of at least 4 x 4 pixels. "
            "Pass one plane, or the gain to split by electrons."
        )
    rows, columns = (n // 2 * 2 for n in frame.shape)
    even, odd = frame[0:rows:2, 0:columns:2], frame[1:rows:2, 1:columns:2]
    return even.copy(), _moved(odd, 0.5)


def _moved(plane: Float, distance: float) -> Float:
    """Move a plane by part of a pixel along both axes by its phase, mirrored so that its borders match."""
    mirrored = np.pad(plane, [(0, n) for n in plane.shape], mode="symmetric")
    spectrum = ndimage.fourier_shift(np.fft.fft2(mirrored), distance)
    moved: Float = np.fft.ifft2(spectrum).real[: plane.shape[0], : plane.shape[1]]
    return moved
