"""How much of a coarse image is noise, if a given kernel made it.

Convention: a std in the image's units. Aliased detail looks like noise to whoever expects an image that its
grid shows in full; here it is expected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from ..noise import Gaussian, NoiseCurve, NoiseModel
from ..sample import drawn_fields
from ..stack import Stack
from .kernels import Kernel
from .likelihood import Likelihood, blocks_of
from .linear import ROUNDING

Costs = npt.NDArray[np.float64]

LOOKED_AT = 2**18  # pixels
DETAIL = 0.6  # of the estimated std: if less is likely, the rest of it is taken for detail
NEXT_TO_NONE = 0.01  # of the estimated std
BLOCKS = 600
WEAKEST = 1 / 1000  # of the highest std that is tried
TRIED = 9  # stds, before the likeliest is refined
TIED = 0.5  # of the mean negative log-likelihood: of two minima as near as this the stronger noise is meant
TOLERANCE = 0.1  # of the logarithm


def noise_less_detail(stack: Stack, estimated: NoiseModel, kernel: Kernel, scale: int) -> NoiseModel:
    """Return the noise of a coarse image, less the detail that was estimated with it.

    Parameters
    ----------
    stack : Stack
        The coarse image.
    estimated : NoiseModel
        Its noise, as it would be if the grid showed all that there is.
    kernel, scale : ndarray, int
        How it came about.

    Returns
    -------
    NoiseModel
        The estimate, unless much less noise explains the image; then white noise of that std, with a verdict.

    Notes
    -----
    Valid for white noise. A camera's correlated noise is left as it was estimated; that of a processed
    picture is what its finest detail is easily taken for.
    """
    if estimated.autocorrelation is not None and not isinstance(estimated, NoiseCurve):
        return estimated
    fields = drawn_fields(stack, 2, LOOKED_AT)
    medians = np.nanmedian(fields, axis=(0, 2, 3))[:, None, None]
    told = np.asarray(estimated.for_channels(len(medians)).std(medians)).ravel()
    if not told.all():
        return estimated
    least = ROUNDING if stack.array.dtype.kind in "iu" else 0.0
    found = [max(likely_noise(fields[:, c], kernel, scale, most), least) for c, most in enumerate(told)]
    likely = [std if std < DETAIL * most else float(most) for std, most in zip(found, told, strict=True)]
    if likely == told.tolist():
        return estimated
    verdict = (
        "Most of what looks like noise is taken for detail: give the noise if you know it. Of a std of "
        f"{_listed(told)} {_left(likely, told)}, as far as blur and edges tell what this grid cannot show."
    )
    return Gaussian(tuple(likely) if len(likely) > 1 else likely[0], verdict=verdict)


def _left(likely: list[float], told: Costs) -> str:
    if max(std / most for std, most in zip(likely, told, strict=True)) < NEXT_TO_NONE:
        return "next to no noise is left"
    return f"noise of std {_listed(likely)} is left"


def _listed(stds: Iterable[float]) -> str:
    return ", ".join(f"{std:.3g}" for std in stds)


def likely_noise(planes: npt.ArrayLike, kernel: Kernel, scale: int, highest: float) -> float:
    """Return the noise std under which coarse planes are most likely.

    Parameters
    ----------
    planes : array_like, (B, Y, X)
        Coarse pixel values.
    kernel : ndarray, (n, n)
        Of the degradation.
    scale : int
        Of the degradation.
    highest : float
        The highest std to try, above 0; also the answer where the planes are too small to tell.
    """
    blocks = blocks_of(np.asarray(planes, dtype=np.float64), BLOCKS, flattest=0.0)
    if not len(blocks):
        return highest

    def cost(logarithm: float) -> float:
        return Likelihood(blocks, scale, math.exp(logarithm), len(kernel))(kernel)

    tried = np.linspace(math.log(WEAKEST * highest), math.log(highest), TRIED)
    place = _minimum(np.array([cost(logarithm) for logarithm in tried]))
    bounds = tried[max(place - 1, 0)], tried[min(place + 1, TRIED - 1)]
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": TOLERANCE})
    return float(math.exp(found.x))


def _minimum(costs: Costs) -> int:
    """Return the place of the lowest cost, or of the last local minimum that is next to as low."""
    around = np.pad(costs, 1, constant_values=np.inf)
    local = (costs <= around[:-2]) & (costs <= around[2:]) & (costs <= costs.min() + TIED)
    return int(np.flatnonzero(local)[-1])
