"""Whether a degradation lies within those that a network was trained for.

Convention: noise is a std as a share of the image's range, widths are stds in fine pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .estimate import kernel_similarity, kernel_widths
from .kernels import Kernel, bicubic_kernel, centroid

ALIKE = 0.95  # similarity with the training's only kernel; binning, at 0.93, costs about 1 dB
BEYOND = 1.1  # times the largest width or noise in training
WIDEST = 0.4  # fine pixels, above the scale: largest std of the Gaussians that our network was trained on
FAINT = 0.01  # noise std that no network needs to have been trained on
ONLY_BICUBIC = "bicubic"


@dataclass(frozen=True)
class Limits:
    """What a network was trained for.

    Parameters
    ----------
    any_kernel : bool
        Whether on many kernels, and told which; else on bicubic reduction alone.
    sigma_max : float
        Largest noise std; 0 is none beyond that of rounding.
    stated : bool
        Whether its file says so; else it is what is usual.
    """

    any_kernel: bool
    sigma_max: float
    stated: bool = True

    def objections(self, kernel: Kernel, scale: int, sigma: float) -> tuple[str, ...]:
        """Return in what a degradation is outside, a sentence each, with what to do; () is inside.

        Parameters
        ----------
        kernel : ndarray, (n, n)
            Of the degradation.
        scale : int
            Of the degradation.
        sigma : float
            Noise std.
        """
        return tuple(filter(None, (self._of_kernel(kernel, scale), self._of_noise(sigma))))

    def _of_kernel(self, kernel: Kernel, scale: int) -> str:
        if not self.any_kernel:
            return self._of_other_kernel(kernel, scale)
        widest, shift = kernel_widths(kernel)[0], math.hypot(*centroid(kernel))
        if widest > BEYOND * (WIDEST + scale):
            return (
                f"The blur is {widest:.2g} fine pixels wide (std), and the network was trained up to "
                f"{WIDEST + scale:.2g}: a smaller scale shows as much."
            )
        if shift > scale / 2 + 1:
            return (
                f"The kernel lies {shift:.2g} fine pixels from its pixel's centre, farther than any in "
                "training: centre it, and move the result."
            )
        return ""

    def _of_other_kernel(self, kernel: Kernel, scale: int) -> str:
        alike = kernel_similarity(kernel, bicubic_kernel(scale))
        if alike >= ALIKE:
            return ""
        trained = "was trained on" if self.stated else "was probably trained on"
        return (
            f"The image was not reduced bicubically (similarity of the kernels {alike:.2f}), which is all "
            f'that the network {trained}. Use "light", which is told the kernel, or back-projection.'
        )

    def _of_noise(self, sigma: float) -> str:
        if sigma <= max(BEYOND * self.sigma_max, FAINT):
            return ""
        most = f"up to {self.sigma_max:.2g}" if self.sigma_max else "without noise"
        return (
            f"The noise is {sigma:.2g} of the image's range, and the network was trained {most}: denoise "
            "first."
        )
