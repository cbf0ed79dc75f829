"""Making a low-resolution image of a fine one: the other way round, to test what super-resolution is worth.

Convention: fields are pixel values. The noise that is added depends on a seed and on which plane it is, not
on how the work is cut up.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import annotated_types as at
import numpy as np

from ..degradation import Bicubic, Degradation
from ..degradation.reduction import reduced, reduced_tensor
from ..geometry import Geometry
from ..methods import HIDDEN, method
from ..stack import Array, Float
from .base import Apply, Restorer

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation, NoiseModel
    from ..sample import Sample


@method("degrade", title="Low-resolution test image")
class Degrade(Restorer):
    """Reduce an image to a coarser grid by a known kernel, and add noise.

    Parameters
    ----------
    scale : {2, 3, 4}
        Fine pixels in a coarse one along Y and X; pixels that are left over at the end are dropped.
    degradation : Degradation
        How the coarse pixels come about.
    gain : float
        Counts of a photo-electron, for shot noise; 0 adds none.
    sigma : float
        Std of the Gaussian noise that is added.
    seed : int
        Of the noise.
    plane : tuple of int
        Which plane of a stack it is, so that each has noise of its own.

    Notes
    -----
    Valid as a test where the fine image is sharp to its last pixel and free of noise: what the fine image
    lacks no super-resolution is asked for.
    """

    scale: Literal[2, 3, 4] = 2
    degradation: Degradation = Bicubic()
    gain: Annotated[float, at.Ge(0), at.Unit("counts")] = 0.0
    sigma: Annotated[float, at.Ge(0), at.Unit("counts")] = 0.0
    seed: Annotated[int, at.Ge(0)] = 0
    plane: Annotated[tuple[int, ...], HIDDEN] = ()

    domain: ClassVar[Literal["noise", "counts"]] = "counts"
    opponent_color: ClassVar[bool] = False
    denoises: ClassVar[bool] = False

    @property
    def spatial_ndim(self) -> int:
        """Two: planes."""
        return 2

    @property
    def magnification(self) -> Fraction:
        """One over the scale."""
        return Fraction(1, self.scale)

    @property
    def needs_noise(self) -> bool:
        """False: the image's own noise is reduced as the image is."""
        return False

    @property
    def is_fused(self) -> bool:
        """True: it runs on the CPU, without torch."""
        return True

    def resolve(self, sample: Sample) -> Self:
        """Nothing depends on the data; raise an error if it has no room for a coarse pixel."""
        if min(sample.shape) < self.scale:
            size = " x ".join(map(str, sample.shape))
            raise ValueError(
                f"the image is {size} pixels; scale={self.scale} needs at least {self.scale} along Y and X."
            )
        return self

    def at(self, plane: tuple[int, ...]) -> Self:
        """Return the restorer for one plane."""
        return self.replace(plane=plane)

    def geometry(self) -> Geometry:
        """Return the kernel's reach; with noise whole planes, for it is drawn plane by plane."""
        taps = len(self.degradation.kernel(self.scale))
        reach = -(-taps // (2 * self.scale)) * self.scale
        halo = None if self.gain or self.sigma else (reach, reach)
        return Geometry("symmetric", (reach,) * 2, (self.scale,) * 2, halo, wraps=False)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Return coarse fields (B, C, Y / s, X / s) without noise; differentiable."""
        return reduced_tensor(z, z.new_tensor(self.degradation.kernel(self.scale)), self.scale)

    def build_counts(self, noise: NoiseModel) -> Apply:
        """Return the function for one extended field (C, *domain) of pixel values."""
        kernel = self.degradation.kernel(self.scale)

        def made(values: Float) -> Float:
            return self.noisy(reduced(values, kernel, self.scale)).astype(np.float32)

        return made

    def build_counts_uneven(self, noise: NoiseModel, device: str, level: Float | None) -> Apply:
        """Return that function, whatever the image's own noise."""
        return self.build_counts(noise)

    def noisy(self, coarse: Array) -> Array:
        """Return coarse values with the plane's noise."""
        if not (self.gain or self.sigma):
            return coarse
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=self.plane))
        counted = self.gain * rng.poisson(np.maximum(coarse, 0) / self.gain) if self.gain else coarse
        noisy: Array = counted + self.sigma * rng.standard_normal(coarse.shape)
        return noisy
