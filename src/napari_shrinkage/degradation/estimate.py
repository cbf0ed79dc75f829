"""What is known of a kernel that was measured: its taps, their width, and how sure that is.

Convention: the width of a kernel is that of its squared taps, times sqrt(2): of a Gaussian, its std. Squares
keep the lobes of a bicubic kernel and the noise of far taps from deciding it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .base import AnyKernel, Bicubic, Degradation
from .kernels import Kernel, bicubic_kernel, centroid, offsets, resized

ROUND = 1.1  # ratio of widths below which an angle says nothing
USUAL = 0.9  # similarity with the bicubic kernel, from which a blur may as well be that
SURE, LIKELY = 0.97, 0.9  # expected similarity
SHIFTED = 0.1  # fine pixels
LEAST_WIDTH = 0.3  # fine pixels, that an error is compared with: decimation has no width


@dataclass(frozen=True)
class KernelEstimate:
    """A measured kernel.

    Parameters
    ----------
    kernel : ndarray, (n, n)
        Taps on the fine grid, of the scale's parity; sum 1.
    scale : int
        Fine pixels along a coarse one.
    width_errors : tuple of float
        Standard error of the two widths, in fine pixels; NaN where it is not known.
    pixels : int
        Coarse pixels that it was measured from.
    gain, offset : float
        Of brightness: the coarse image is gain times what the kernel sees, plus offset.
    shift_known : bool
        Whether the shift was measured; a coarse image alone does not tell it, and it is 0 then.
    """

    kernel: Kernel
    scale: int
    width_errors: tuple[float, float]
    pixels: int
    gain: float = 1.0
    offset: float = 0.0
    shift_known: bool = True

    @property
    def widths(self) -> tuple[float, float]:
        """The widths along the kernel's axes, the larger one first, in fine pixels."""
        return kernel_widths(self.kernel)[:2]

    @property
    def coarse_widths(self) -> tuple[float, float]:
        """The widths in coarse pixels."""
        wide, narrow = self.widths
        return wide / self.scale, narrow / self.scale

    @property
    def angle(self) -> float:
        """Of the wider axis, from the X axis towards the Y axis, in radians, 0 to pi."""
        return kernel_widths(self.kernel)[2]

    @property
    def shift(self) -> tuple[float, float]:
        """The kernel's centre of mass along Y and X from the coarse pixel's centre, in fine pixels."""
        return centroid(self.kernel)

    @property
    def confidence(self) -> float:
        """The similarity with the true kernel that the widths' standard errors let expect, 0 to 1.

        That of two Gaussians whose widths differ by one standard error. What is no Gaussian, and an angle,
        are not part of it. NaN where the errors are not known.
        """
        ratios = [
            error / max(width, error, LEAST_WIDTH)
            for error, width in zip(self.width_errors, self.widths, strict=True)
        ]
        return math.prod(1 / math.sqrt(math.cosh(ratio)) for ratio in ratios)

    @property
    def degradation(self) -> Degradation:
        """The degradation that it stands for.

        Of a coarse image alone bicubic reduction, unless it can be told from that: a Gaussian in its place,
        even the most similar one, costs a restoration more than a blur of that size can gain.
        """
        usual = bicubic_kernel(self.scale)
        if not self.shift_known and kernel_similarity(self.kernel, usual) >= USUAL:
            return Bicubic()
        return AnyKernel.of(self.kernel)

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        (wide, narrow), errors = self.widths, self.width_errors
        found = f"The blur is {_number(wide, errors[0])} fine pixels wide (std)"
        if wide > ROUND * max(narrow, LEAST_WIDTH):
            across = f"by {_number(narrow, errors[1])}, its longer axis at {math.degrees(self.angle):.0f}°"
            found = f"{found} {across}"
        if self.shift_known and math.hypot(*self.shift) > SHIFTED:
            found += f", shifted by ({self.shift[0]:.2f}, {self.shift[1]:.2f}) along Y and X"
        return found + "; " + _trust(self.confidence)


def kernel_widths(kernel: Kernel) -> tuple[float, float, float]:
    """Return a kernel's two widths in fine pixels, the larger first, and that one's angle in radians."""
    weights = np.square(kernel) / np.square(kernel).sum()
    at = np.stack(np.meshgrid(*[offsets(len(kernel))] * 2, indexing="ij")).reshape(2, -1)
    weights = weights.ravel()
    at = at - (at @ weights)[:, None]
    variances, axes = np.linalg.eigh(2 * (at * weights) @ at.T)
    narrow, wide = np.sqrt(np.maximum(variances, 0))
    return float(wide), float(narrow), float(math.atan2(axes[0, 1], axes[1, 1]) % math.pi)


def kernel_similarity(first: Kernel, second: Kernel) -> float:
    """Return the normalised correlation of two kernels of the same parity: 1 where they are proportional.

    Raises
    ------
    ValueError
        If one has an even number of taps and the other an odd one.
    """
    if (len(first) - len(second)) % 2:
        raise ValueError(
            f"the kernels have {len(first)} and {len(second)} taps; expected both even or both odd, as those "
            "of one scale are."
        )
    taps = max(len(first), len(second))
    a, b = resized(first, taps), resized(second, taps)
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def _number(width: float, error: float) -> str:
    return f"{width:.2f}" if math.isnan(error) else f"{width:.2f} ± {error:.2f}"


def _trust(confidence: float) -> str:
    if math.isnan(confidence):
        return "how sure that is, was not measured."
    if confidence >= SURE:
        return "it is told well."
    if confidence >= LIKELY:
        return "it is told roughly."
    return "it is hardly told: choose the degradation yourself if you know it."
