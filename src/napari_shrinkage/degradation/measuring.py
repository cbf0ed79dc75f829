"""Measure the kernel that made a coarse image: from the fine image that it was made of, or from itself alone.

Convention: planes are (..., Y, X), in any unit of brightness. A coarse image alone does not tell a shift.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from .estimate import KernelEstimate, kernel_similarity, kernel_widths
from .gaussian_search import GaussianSearch, most_taps
from .kernels import fitting_taps, normalized, offsets
from .likelihood import SIDE, Likelihood, Values, blocks_of
from .ridge import fitted_ridge

__all__ = ["KernelEstimate", "kernel_from_image", "kernel_from_pair", "kernel_similarity", "kernel_widths"]

FARTHEST = 4.5  # coarse pixels from the centre, for taps that are fitted
PER_TAP = 8  # coarse pixels for each unknown tap, at the most
MOST_ROWS = 20_000  # unless the taps ask for more
SPREAD = 1.5  # fine pixels per scale: of a Gaussian, how large taps are expected to be
DRAWS = 24  # of taps, for the error of their width
BLOCKS = 600
LEAST_BLOCKS = 60
QUIETEST = 0.005  # std of noise that is always reckoned with, as a share of the planes' own std


def kernel_from_pair(
    fine: npt.ArrayLike, coarse: npt.ArrayLike, scale: int, taps: int | None = None
) -> KernelEstimate:
    """Return the kernel that makes a coarse image of a fine one, by least squares.

    Parameters
    ----------
    fine : array_like, (..., s * Y, s * X)
        The fine image.
    coarse : array_like, (..., Y, X)
        The coarse one; its pixels are means around the centres of s x s fine ones, or beside them.
    scale : int
        Fine pixels along a coarse one.
    taps : int, optional
        Of each axis, of the scale's parity; None reaches 4.5 coarse pixels.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the image is too small for so many taps, or flat.

    Notes
    -----
    A gain and an offset of brightness are fitted too. The taps are drawn a little towards zero, more so far
    from the centre, by as much as predicts pixels best that were left out (generalised cross-validation
    [1]_). Valid for noise that is the same everywhere; it may be of any strength.

    References
    ----------
    .. [1] Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge
       parameter", Technometrics 21, 1979, doi:10.1080/00401706.1979.10489751.
    """
    taps = taps or fitting_taps(FARTHEST * scale, scale)
    windows, values = _pairs(*_fitting_planes(fine, coarse, scale), scale, taps)
    means = windows.mean(0)
    weights = np.exp(
        -0.25 * np.add.outer(offsets(taps) ** 2, offsets(taps) ** 2) / (SPREAD * scale) ** 2
    ).ravel()
    rows, target = (windows - means) * weights, values - values.mean()
    ridge = fitted_ridge(rows, target)
    found = ridge.taps * weights
    gain = float(found.sum())
    if not gain > 0:
        raise ValueError(
            "the coarse image does not follow the fine one (their brightness goes opposite ways or is "
            "unrelated); check that they show the same scene, and the scale."
        )
    draws = ridge.draws(DRAWS) * weights
    widths = np.array([kernel_widths(draw.reshape(taps, taps))[:2] for draw in draws])
    return KernelEstimate(
        kernel=normalized(found.reshape(taps, taps)),
        scale=scale,
        width_errors=(float(widths[:, 0].std()), float(widths[:, 1].std())),
        pixels=len(values),
        gain=gain,
        offset=float(values.mean() - means @ found),
    )


def _fitting_planes(fine: npt.ArrayLike, coarse: npt.ArrayLike, scale: int) -> tuple[Values, Values]:
    large, small = (np.asarray(image, dtype=np.float64) for image in (fine, coarse))
    expected = (*large.shape[:-2], *(n // scale for n in large.shape[-2:]))
    if large.ndim < 2 or small.shape != expected:
        raise ValueError(
            f"the coarse image is {small.shape} and the fine one {large.shape}; for scale={scale} the coarse "
            f"one should be {expected}. Crop them to the same field."
        )
    return large.reshape(-1, *large.shape[-2:]), small.reshape(-1, *small.shape[-2:])


def _pairs(fine: Values, coarse: Values, scale: int, taps: int) -> tuple[Values, Values]:
    """Return windows (N, n * n) of the fine planes, and the coarse pixels (N,) in whose place they are."""
    before = (taps - scale) // 2
    margin = -(-before // scale)
    height, width = (n - 2 * margin for n in coarse.shape[-2:])
    if before < 0 or (taps - scale) % 2 or min(height, width) < 1:
        raise ValueError(
            f"taps={taps} with scale={scale} for a coarse image of {coarse.shape[-2]} x {coarse.shape[-1]} "
            f"pixels: expected taps >= {scale}, {'even' if scale % 2 == 0 else 'odd'}, and more than "
            f"{2 * margin} pixels along Y and X."
        )
    windows = sliding_window_view(fine, (taps, taps), (1, 2))
    start = scale * margin - before
    windows = windows[:, start::scale, start::scale][:, :height, :width]
    values = coarse[:, margin : margin + height, margin : margin + width]
    known = np.flatnonzero(np.isfinite(values))
    most = max(MOST_ROWS, PER_TAP * taps**2)
    chosen = known[:: -(-len(known) // most)] if len(known) > most else known
    places = np.unravel_index(chosen, values.shape)
    found = windows[places].reshape(len(chosen), -1)
    whole = np.isfinite(found).all(1)
    if whole.sum() < taps**2 / 2:
        raise ValueError(
            f"{whole.sum()} coarse pixels are too few for {taps} x {taps} taps; use fewer taps or a larger "
            "image."
        )
    return found[whole], values[places][whole]


def kernel_from_image(
    coarse: npt.ArrayLike, scale: int, sigma: float = 0.0, blocks: int = BLOCKS, seed: int = 0
) -> KernelEstimate:
    """Return the Gaussian kernel that explains a coarse image best, from that image alone.

    Parameters
    ----------
    coarse : array_like, (..., Y, X)
        One plane or several, as of windows of a stack.
    scale : int
        Of the fine grid that the kernel is wanted on.
    sigma : float
        Std of the image's noise, in its unit; rounding to whole numbers is 0.29. A noise that is told too low
        is taken for detail, and the blur comes out too narrow.
    blocks : int
        Of 7 x 7 pixels, that are looked at.
    seed : int
        Of the choice of blocks.

    Raises
    ------
    ValueError
        If the image has fewer than 60 blocks with any contrast.

    Notes
    -----
    Blind: it relies on that edges and textures of photographs look alike at every scale. The likelihood
    of blocks under mixtures of edges and textures (`likelihood.Likelihood`), blurred by the kernel, is
    maximised over the widths and the angle of a Gaussian, with a slight pull towards a usual width. Valid for
    pictures with edges that are sharp before the blur: what is soft by itself is taken for blurred. Noise is
    told by its std alone: of noise that grows with brightness, give that of the middle.

    100 x 100 pixels with edges are enough for most photographs, and more help little. It takes about one
    second of one core, whatever the image's size. The errors hold the blocks' scatter, and that from scene
    to scene, which is 12 % of a width. They do not tell a good estimate from a bad one where there is little
    noise: of 20 kernels of 0.6 to 1.2 fine pixels at x2, all were expected at a similarity of 0.99 and the
    worst was 0.91.

    No network is asked. Of three losses through our own (half trained then), none found the width much
    better than a constant guess: what it restores, reduced again, against the image; the image reduced and
    restored, against itself; hidden pixels, predicted (21 round blurs of set14).
    """
    planes = np.asarray(coarse, dtype=np.float64)
    if planes.ndim < 2 or min(planes.shape[-2:]) < SIDE:
        raise ValueError(
            f"an image of shape {planes.shape} is too small; expected planes (..., Y, X) of {SIDE} x {SIDE} "
            "pixels at least, of colours the luma."
        )
    planes = planes.reshape(-1, *planes.shape[-2:])
    found = blocks_of(planes, blocks, seed)
    if len(found) < LEAST_BLOCKS:
        raise ValueError(
            f"the image has {len(found)} blocks of {SIDE} x {SIDE} pixels with any contrast; measuring a "
            f"blur needs {LEAST_BLOCKS}. Use a larger part of it, or name the degradation."
        )
    sigma = max(sigma, QUIETEST * float(np.nanstd(planes)))
    return GaussianSearch(Likelihood(found, scale, sigma, most_taps(scale)), scale).result(planes.size)
