"""The empirical Wiener filter: attenuate each coefficient by what a first estimate says of its signal.

Convention: the pilot is any other restorer; it sees the same extended field, so both stages share one
geometry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import annotated_types as at
import numpy as np

from ..geometry import Geometry
from ..methods import method
from ..rules import Hard
from ..stack import Float
from ..thresholds import Profile
from ..transforms.base import Coefficients, Transform
from ..transforms.block_dct import SlidingDCT
from .base import Apply, KernelName, Restorer, check_pilot, on_device, through
from .shrinkage import Shrinkage, coefficient_stds, has_kernel

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation, NoiseModel
    from ..sample import Sample


@method("wiener", title="Empirical Wiener")
class EmpiricalWiener(Restorer):
    """Two stages: a pilot estimates the signal of each coefficient, a Wiener filter attenuates by it.

    The attenuation of a coefficient is r^2 / (r^2 + mu v), with r the pilot's coefficient and v the noise
    variance (003_5c1e63c404753ca9.txt, eq. 2.10).

    Parameters
    ----------
    pilot : Restorer
        The first estimate.
    transform : Transform
        Domain of the Wiener filter.
    mu : float
        Weight of the noise variance; above 1 smooths more.

    References
    ----------
    Ghael, Sayeed, Baraniuk, "Improved wavelet denoising via empirical Wiener filtering", 1997,
    doi:10.1117/12.292799.
    """

    pilot: Restorer = Shrinkage(transform=SlidingDCT(), rule=Hard(), threshold=Profile())
    transform: Transform = SlidingDCT()
    mu: Annotated[float, at.Ge(0), at.Le(10)] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pilot(self.pilot)
        if isinstance(self.pilot, EmpiricalWiener):
            raise ValueError(
                "the pilot of a Wiener filter is a one-stage restorer; a second Wiener filter gains nothing. "
                "Use a Shrinkage, or raise mu."
            )
        if self.pilot.spatial_ndim != self.transform.ndim:
            raise ValueError(
                f"the pilot restores {self.pilot.spatial_ndim} spatial axes together, the Wiener filter "
                f"{self.transform.ndim}; set the same ndim on both."
            )

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as the transform says."""
        return self.transform.ndim

    def resolve(self, sample: Sample) -> Self:
        """Resolve the pilot and the transform."""
        return self.replace(pilot=self.pilot.resolve(sample), transform=self.transform.resolve(sample))

    def for_device(self, device: str) -> Self:
        """Let the pilot decide what depends on the device."""
        return self.replace(pilot=self.pilot.for_device(device))

    def doubt(self, noise: NoiseModel, color: bool) -> str:
        """Say why the pilot may not suit this noise, else ""."""
        return self.pilot.doubt(noise, color)

    def geometry(self) -> Geometry:
        """Return the transform's geometry on top of the pilot's."""
        return self.transform.geometry().after(self.pilot.geometry())

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Run both stages on extended fields (B, C, *domain); differentiable."""
        gains = self.transform.noise_gain(correlation)

        def shrink(noisy: Coefficients, signal: Coefficients) -> tuple[Coefficients, Tensor | None]:
            gain = signal.map(lambda band: _attenuation(band.data, self.mu * gains[band.key] ** 2))
            by_key = {band.key: band.data for band in gain.bands}
            return noisy.map(lambda band: band.data * by_key[band.key]), self._patch_weight(gain)

        return through(self.transform, shrink, z, self.pilot.apply(z, correlation))

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return both stages as fused CPU kernels where there are some, else `apply` in torch."""
        if device != "cpu" or not self.is_fused:
            return on_device(self, device, correlation)
        return _fused_wiener(self, correlation, threads)

    @property
    def is_fused(self) -> bool:
        """Whether both stages have a fused CPU kernel."""
        return has_kernel(self.transform) and getattr(self.pilot, "is_fused", False)

    @property
    def kernels(self) -> frozenset[KernelName]:
        """The kernel of the second stage."""
        if not self.is_fused:
            return frozenset()
        assert isinstance(self.transform, SlidingDCT)
        return frozenset({("transforms.dct_kernels", "wiener", self.transform.sizes)})

    def _patch_weight(self, gain: Coefficients) -> Tensor | None:
        if not isinstance(self.transform, SlidingDCT):
            return None
        power: Any = 1
        for band in gain.details():
            power = power + band.data**2
        return 1 / power  # type: ignore[no-any-return]


def _attenuation(signal: Tensor, variance: float) -> Tensor:
    power = signal**2
    return power / (power + max(variance, 1e-12))


def _fused_wiener(restorer: EmpiricalWiener, correlation: Autocorrelation | None, threads: int) -> Apply:
    from ..transforms.dct_kernels import empirical_wiener

    transform = restorer.transform
    assert isinstance(transform, SlidingDCT)
    pilot = restorer.pilot.build("cpu", correlation, threads)
    variances = np.maximum(restorer.mu * coefficient_stds(transform, correlation) ** 2, np.float32(1e-12))

    def restored(z: Float) -> Float:
        each = np.repeat(variances[None], len(z), axis=0)
        return empirical_wiener(z, pilot(z), each, threads=threads)

    return restored
