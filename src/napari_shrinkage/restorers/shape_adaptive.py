"""The shape-adaptive DCT: each pixel's neighbourhood ends at edges, and is shrunk in a DCT of its own shape.

Convention: both stages, a hard threshold and a Wiener filter that has its result as pilot, use the same
neighbourhoods. The work is that of CPU kernels in `transforms`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import annotated_types as at
import numpy as np

from ..geometry import Border, Geometry
from ..methods import ADVANCED, method
from ..stack import Float
from ..transforms.shapes import REACH, coefficient_stds, ray_stds
from .base import TILE_PIXELS, Apply, KernelName, Restorer, refuse_gradient

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

HALO = 4 * REACH + 1  # two stages, each half a shape and one shape's pixels away; the median of its rays


@method("sa-dct", title="Shape-adaptive DCT")
class ShapeAdaptiveDct(Restorer):
    """Shrink the DCT of neighbourhoods that end at edges, in two stages: nothing rings beyond an edge.

    From each pixel eight rays go out, each as far as its pixels agree with a smooth course. The star between
    their ends, up to 11 x 11 pixels, is transformed: the DCT of each column at its own length, then of each
    row of coefficients. A hard threshold gives a pilot, by which a Wiener filter attenuates.

    Parameters
    ----------
    threshold : float
        Of N pixels a coefficient stays above threshold sqrt(2 ln N + 1) noise stds; more smooths more.
    gamma : float
        Half the width of the intervals that have to meet along a ray, in stds of its estimates; less ends
        neighbourhoods earlier.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border.

    Notes
    -----
    Correlated noise has in a coefficient about the strength that it has in a rectangle as large; it is exact
    along the rays. The channels of a colour image are restored one by one, luminance and chrominance.

    References
    ----------
    Foi, Katkovnik, Egiazarian, "Pointwise shape-adaptive DCT for high-quality denoising and deblocking of
    grayscale and color images", IEEE TIP 16, 2007, doi:10.1109/TIP.2007.891788 (003_5c1e63c404753ca9.txt,
    2.3.4.2).
    """

    threshold: Annotated[float, at.Ge(0), at.Le(5)] = 0.85
    gamma: Annotated[float, at.Gt(0), at.Le(5), ADVANCED] = 1.05
    border: Border = "symmetric"

    differentiable: ClassVar[bool] = False
    torch_serves: ClassVar[bool] = False

    @property
    def spatial_ndim(self) -> int:
        """Two: planes."""
        return 2

    @property
    def is_fused(self) -> bool:
        """True: the kernels run on the CPU, without torch."""
        return True

    @property
    def kernels(self) -> frozenset[KernelName]:
        """The kernels of the rays, and that of both stages."""
        return frozenset({("transforms.ray_kernels",), ("transforms.shape_kernels",)})

    def resolve(self, sample: Sample) -> Self:
        """Nothing depends on the data."""
        return self

    @property
    def tile_pixels(self) -> int:
        """A quarter of the usual: it takes long, and Cancel waits for a tile."""
        return TILE_PIXELS // 4

    def geometry(self) -> Geometry:
        """Return the reach of both stages as margin and halo, on any alignment."""
        return Geometry(self.border, (HALO,) * 2, (1,) * 2, (HALO,) * 2)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain) on the CPU; without a gradient.

        Raises
        ------
        TypeError
            If a gradient is wanted.
        """
        import torch

        refuse_gradient(z, "the shape-adaptive DCT")
        restored = self.build("cpu", correlation, torch.get_num_threads())
        return torch.from_numpy(np.stack([restored(field) for field in z.detach().cpu().numpy()])).to(
            z.device
        )

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return both stages as CPU kernels, whatever the device."""
        from ..transforms.ray_kernels import ray_lengths
        from ..transforms.shape_kernels import empirical_wiener, hard_threshold

        stds, widths = coefficient_stds(correlation), self.gamma * ray_stds(correlation)

        def restored(plane: Float) -> Float:
            lengths = ray_lengths(plane, widths, threads=threads)
            pilot = hard_threshold(plane, lengths, stds, self.threshold, threads=threads)
            return empirical_wiener(plane, pilot, lengths, stds, threads=threads)

        return lambda z: np.stack([restored(plane) for plane in np.ascontiguousarray(z, np.float32)])
