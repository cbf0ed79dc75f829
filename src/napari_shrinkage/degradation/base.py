"""What a degradation is: a kernel and a scale, chosen by a few numbers.

Convention: see `kernels`: a kernel stands on the coarse pixel's centre, and a shift is part of it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np
import numpy.typing as npt

from ..methods import HIDDEN, Method, method
from .kernels import (
    Kernel,
    bicubic_kernel,
    binning_kernel,
    decimation_kernel,
    gaussian_kernel,
    normalized,
    resized,
)

MOST_TAPS = 63


class Degradation(Method):
    """Base of the degradations: how a coarse pixel sees the fine grid."""

    role: ClassVar[str] = "degradation"

    @abstractmethod
    def kernel(self, scale: int) -> Kernel:
        """Return the kernel (n, n) for a scale: sum 1, n of the scale's parity."""


@method("bicubic", title="Bicubic")
class Bicubic(Degradation):
    """Antialiased bicubic reduction, as photographs are reduced, and most networks trained.

    Notes
    -----
    That of MATLAB's imresize. MATLAB rounds 8-bit images after each axis; that is not repeated here.
    """

    def kernel(self, scale: int) -> Kernel:
        """Return Keys' cubic, `scale` times as wide."""
        return bicubic_kernel(scale)


@method("decimation", title="Decimation")
class Decimation(Degradation):
    """Keep the first pixel of every `scale` x `scale`: sharp, and full of aliasing."""

    def kernel(self, scale: int) -> Kernel:
        """Return a single tap, (scale - 1) / 2 fine pixels up and to the left of the centre."""
        return decimation_kernel(scale)


@method("binning", title="Camera binning")
class Binning(Degradation):
    """The mean of every `scale` x `scale` pixels, as a camera bins them or a larger pixel sees them."""

    def kernel(self, scale: int) -> Kernel:
        """Return equal taps."""
        return binning_kernel(scale)


@method("gaussian-blur", title="Gaussian blur")
class GaussianBlur(Degradation):
    """A Gaussian blur, then decimation, centre on centre: a defocused or diffraction-limited camera.

    Parameters
    ----------
    sigma : float
        Std along the axis that `angle` names.
    ratio : float
        Of the std across it to the std along it; 1 is round.
    angle : float
        Of that axis, from the X axis towards the Y axis.
    """

    sigma: Annotated[float, at.Ge(0.2), at.Le(8), at.Unit("fine pixels")] = 1.2
    ratio: Annotated[float, at.Ge(0.1), at.Le(10)] = 1.0
    angle: Annotated[float, at.Ge(-180), at.Le(180), at.Unit("degrees")] = 0.0

    def kernel(self, scale: int) -> Kernel:
        """Return the Gaussian on 3.5 stds."""
        return gaussian_kernel(scale, self.sigma, self.ratio * self.sigma, math.radians(self.angle))


@method("kernel", title="Measured kernel")
class AnyKernel(Degradation):
    """Any blur kernel, then decimation: one that was measured, or that is known from elsewhere.

    Parameters
    ----------
    taps : tuple of tuple of float
        The kernel's rows, on the fine grid; as long as they are many, and divided by their sum. Where their
        number is odd and the scale even, or the other way round, the kernel stands half a fine pixel below
        and to the right of the coarse pixel's centre.
    """

    taps: Annotated[tuple[tuple[float, ...], ...], HIDDEN]

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths = {len(row) for row in self.taps}
        if lengths != {len(self.taps)} or len(self.taps) > MOST_TAPS or not sum(map(sum, self.taps)) > 0:
            raise ValueError(
                f"taps has {len(self.taps)} rows of {sorted(lengths)} numbers and the sum "
                f"{sum(map(sum, self.taps)):g}; expected a square kernel of at most {MOST_TAPS} rows with "
                "a sum above 0."
            )

    @classmethod
    def of(cls, kernel: npt.ArrayLike) -> AnyKernel:
        """Return the degradation of a kernel (n, n)."""
        values = np.asarray(kernel, dtype=np.float64)
        if values.ndim != 2 or not np.isfinite(values).all():
            raise ValueError(
                f"the kernel has the shape {values.shape}; expected finite numbers in n rows of n."
            )
        return cls(taps=tuple(map(tuple, values.tolist())))

    def kernel(self, scale: int) -> Kernel:
        """Return the kernel, on taps of the scale's parity, at least `scale` of them."""
        values = normalized(self.taps)
        values = values if (len(values) - scale) % 2 == 0 else np.pad(values, ((1, 0), (1, 0)))
        return resized(values, max(len(values), scale))
