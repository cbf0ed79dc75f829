"""Non-local means: every pixel becomes the mean of those whose surroundings look alike.

Convention: distances between patches are mean squared differences in units of the noise, from which what the
noise alone makes of them (2) is taken off. The work is scikit-image's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import annotated_types as at
import numpy as np

from ..geometry import Border, Geometry
from ..methods import method
from ..stack import Float
from .base import Apply, Restorer, refuse_gradient

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample


@method("nl-means", title="Non-local means")
class NonLocalMeans(Restorer):
    """Average the pixels whose surrounding patches look alike.

    A pixel counts by exp(-max(d - 2, 0) / h^2), with d the mean squared difference of the two patches in
    units of the noise.

    Parameters
    ----------
    patch_size : int
        Side of the patches that are compared; odd.
    patch_distance : int
        How far away like patches are looked for.
    h : float
        How unlike a patch may be, in multiples of the noise; above 0.8 smooths more.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border.
    ndim : {2, 3}
        Whether patches are squares of a plane or boxes of a volume.

    Notes
    -----
    The channels of a colour image are restored one by one, luminance and chrominance. Correlated noise
    leaves the mean of d at 2, but with fewer independent pixels in a patch d scatters more, by the square
    root of the sum of the squared autocorrelation; h^2 is widened by that factor. Nearby patches then share
    their noise and look more alike than they are, which is not corrected: little of a noise that reaches as
    far as the patches is removed.

    The fast algorithm computes distances from running sums: its time does not depend on `patch_size`.

    References
    ----------
    Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005,
    doi:10.1109/CVPR.2005.38; "Non-local means denoising", IPOL 1, 2011, doi:10.5201/ipol.2011.bcm_nlm.
    Darbon, Cunha, Chan, Osher, Jensen, "Fast nonlocal filtering applied to electron cryomicroscopy", ISBI
    2008, doi:10.1109/ISBI.2008.4541250.
    """

    patch_size: Annotated[int, at.Ge(3), at.Le(15), at.Unit("pixels")] = 5
    patch_distance: Annotated[int, at.Ge(1), at.Le(20), at.Unit("pixels")] = 6
    h: Annotated[float, at.Gt(0), at.Le(10)] = 0.8
    border: Border = "symmetric"
    ndim: Literal[2, 3] = 2

    differentiable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patch_size % 2 == 0:
            raise ValueError(
                f"patch_size={self.patch_size}: a patch has a pixel in its middle; "
                f"use {self.patch_size - 1} or {self.patch_size + 1}."
            )

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as `ndim` says."""
        return self.ndim

    @property
    def is_fused(self) -> bool:
        """True: scikit-image's kernel runs on the CPU, without torch."""
        return True

    def resolve(self, sample: Sample) -> Self:
        """Nothing depends on the data."""
        return self

    def geometry(self) -> Geometry:
        """Return a halo of the search distance and half a patch, on any alignment."""
        reach = (self.patch_distance + self.patch_size // 2 + 1,) * self.ndim
        return Geometry(self.border, reach, (1,) * self.ndim, reach)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain) on the CPU; without a gradient.

        Raises
        ------
        TypeError
            If a gradient is wanted.
        """
        import torch

        refuse_gradient(z, "non-local means")
        fields = z.detach().cpu().numpy()
        return torch.from_numpy(np.stack([self._restored(one, correlation) for one in fields])).to(z.device)

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return scikit-image's function, whatever the device."""
        return lambda z: self._restored(z, correlation)

    def _restored(self, z: Float, correlation: Autocorrelation | None) -> Float:
        """Restore a field (C, *domain), channel by channel; in float64, as running sums lose digits."""
        from skimage.restoration import denoise_nl_means

        h = self.h * patch_scatter(correlation) ** 0.25
        restored = [
            denoise_nl_means(
                plane.astype(np.float64), self.patch_size, self.patch_distance, h=h, sigma=1.0, fast_mode=True
            )
            for plane in z
        ]
        return np.stack(restored).astype(np.float32)


def patch_scatter(correlation: Autocorrelation | None) -> float:
    """Return by what factor correlation raises the variance of a mean of squared noise: sum of r^2."""
    return 1.0 if correlation is None else float(np.sum(correlation.array**2))
