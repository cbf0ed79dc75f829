"""Collaborative restoration: similar patches are grouped, and each is made of what all of them share.

Convention: two steps. The first groups patches of the noisy field; its result, mixed with a pilot's, is what
the second groups by and takes for the signal. Colours are grouped by their luminance.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import annotated_types as at
import numpy as np

from ..geometry import Border, Geometry, rounded_up
from ..groups.grouping import Grouping
from ..methods import ADVANCED, HIDDEN, method
from ..sample import DeferredSample, Sample
from ..stack import Float
from ..transforms.block_dct import LARGE_DENSITY
from .base import Apply, KernelName, Restorer, check_pilot, refuse_gradient
from .wiener import EmpiricalWiener

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ..noise import Autocorrelation, NoiseModel

FIRST = Grouping(size=9, matches=16, search=24, depth=0, stride=6)  # the step without a pilot
MARGIN = 6  # pixels that the field goes on beyond its border: all of it is covered by patches of either step
UNGROUPED = (
    "Patches are not grouped in an image narrower than a search window, nor under noise that several "
    "neighbours share: the result is the pilot's."
)


@method("collaborative", title="Collaborative ridge")
class Collaborative(Restorer):
    """Restore groups of similar patches together, each as the best linear combination of its group.

    Parameters
    ----------
    pilot : Restorer
        Restores the image before, plane by plane if it is a method for planes; the second step's estimate of
        the signal is its result mixed with the first step's.
    pilot_share : float
        How much of that estimate is the pilot's; at 1 there is no first step.
    patch_size : {5, 7, 9}
        Side of the patches.
    matches : int
        How many patches make a group; more take longer.
    stride : int
        Step from one reference patch to the next; a smaller one takes longer.
    search : int
        Side of the square of positions among which similar patches are looked for.
    search_z : int
        Of volumes, how many planes before and after a patch's own are searched.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border.
    ndim : {2, 3}
        Whether patches are looked for in a plane, or also in the planes before and after it.
    joint : bool
        Whether channels are grouped together, by the first; by default those of a colour image are.
    grouped : bool
        Whether patches are grouped at all, or the result is the pilot's; by default not in an image narrower
        than `search`, nor under noise whose density at low frequencies is at least 4 times white noise's.

    Notes
    -----
    Valid where the image repeats itself nearby: edges, textures, cells of a kind, planes of a stack. Nothing
    was learned from other images, so nothing can come from there.

    A linear combination that is fitted to the group gives small isolated structures less than they deserve
    where few patches are like them. Noise may be correlated: its Gram matrix in a group follows from the
    autocorrelation at the distances between the patches, those within a plane where it has two axes. Noise
    that reaches over several pixels moves whole patches, which combining them cannot mend: there the pilot,
    which tells frequencies apart, does better by itself, and is left alone. Colours
    that share their noise (`ColorNoise`) are grouped each by itself.

    For a time series whose frames are to be searched too, name its time axis Z and use ndim=3.

    References
    ----------
    Herbreteau, Kervrann, "Towards a unified view of unsupervised non-local methods for image denoising: the
    NL-Ridge approach", ICIP 2022, doi:10.1109/ICIP46576.2022.9897992. Dabov, Foi, Katkovnik, Egiazarian,
    "Image denoising by sparse 3-D transform-domain collaborative filtering", IEEE Transactions on Image
    Processing 16, 2007, doi:10.1109/TIP.2007.901238 (two steps; groups of colours by luminance).
    """

    pilot: Restorer = EmpiricalWiener()
    pilot_share: Annotated[float, at.Ge(0), at.Le(1), ADVANCED] = 0.5
    patch_size: Annotated[Literal[5, 7, 9], at.Unit("pixels"), ADVANCED] = 7
    matches: Annotated[int, at.Ge(8), at.Le(128)] = 56
    stride: Annotated[int, at.Ge(1), at.Le(8), at.Unit("pixels")] = 5
    search: Annotated[int, at.Ge(8), at.Le(64), at.Unit("pixels"), ADVANCED] = 32
    search_z: Annotated[int, at.Ge(0), at.Le(8), at.Unit("planes"), ADVANCED] = 2
    border: Border = "symmetric"
    ndim: Literal[2, 3] = 2
    joint: Annotated[bool | None, HIDDEN] = None
    grouped: Annotated[bool | None, HIDDEN] = None

    differentiable: ClassVar[bool] = False
    torch_serves: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pilot(self.pilot)
        if isinstance(self.pilot, Collaborative):
            raise ValueError(
                "the pilot of a collaborative method is another one, such as EmpiricalWiener or LearnedDct; "
                "a third step gains nothing."
            )
        if self.pilot.spatial_ndim > self.ndim:
            raise ValueError("the pilot restores volumes; use ndim=3, or a pilot for planes.")
        if self.stride > self.patch_size:
            raise ValueError(
                f"stride={self.stride} skips pixels between patches of patch_size={self.patch_size}; use "
                f"stride <= {self.patch_size}."
            )

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as `ndim` says."""
        return self.ndim

    @property
    def is_fused(self) -> bool:
        """Whether all of it is fused CPU kernels, which need no torch."""
        return self.pilot.is_fused

    @property
    def kernels(self) -> frozenset[KernelName]:
        """The kernel of both steps."""
        return frozenset({("groups.kernels",)})

    def resolve(self, sample: Sample) -> Self:
        """Resolve the pilot, whether patches are grouped, and whether channels together."""
        planes = sample if self.pilot.spatial_ndim == self.ndim else _as_planes(sample)
        joint = sample.color if self.joint is None else self.joint
        grouped = _suits(sample, self.search) if self.grouped is None else self.grouped
        return self.replace(pilot=self.pilot.resolve(planes), joint=joint, grouped=grouped)

    def for_device(self, device: str) -> Self:
        """Let the pilot decide what depends on the device."""
        return self.replace(pilot=self.pilot.for_device(device))

    def doubt(self, noise: NoiseModel, color: bool) -> str:
        """Say why the pilot may not suit this noise, or why patches are not grouped, else ""."""
        found = [self.pilot.doubt(noise, color), UNGROUPED if self.grouped is False else ""]
        return " ".join(filter(None, found))

    def channel(self, index: int) -> Self:
        """Return a resolved restorer for one channel alone."""
        return self.replace(pilot=self.pilot.channel(index))

    def geometry(self) -> Geometry:
        """Return the reach of both steps beyond what the pilot needs, aligned to their references."""
        steps = zip(self._first().reach, self._grouping().reach, strict=True)
        own, margin = tuple(a + b for a, b in steps)[-self.ndim :], (0, MARGIN, MARGIN)[-self.ndim :]
        pilot = self.pilot.geometry()
        return Geometry(
            self.border,
            tuple(a + b for a, b in zip(self._cut(), margin, strict=True)),
            self._multiples(),
            None if pilot.halo is None else tuple(a + b for a, b in zip(self._cut(), own, strict=True)),
            wraps=False,
        )

    def _multiples(self) -> tuple[int, ...]:
        """Return to which multiples a domain is aligned: those of both steps' references and the pilot's."""
        pilot, step = self.pilot.geometry().multiple, math.lcm(self._first().stride, self.stride)
        both = zip((1, step, step)[-self.ndim :], (1,) * (self.ndim - len(pilot)) + pilot, strict=True)
        return tuple(math.lcm(a, b) for a, b in both)

    def _cut(self) -> tuple[int, ...]:
        """Return how far from the domain's border the pilot has all that it needs."""
        pilot = self.pilot.geometry()
        reach = tuple(max(a, b) for a, b in zip(pilot.margin, pilot.halo or pilot.margin, strict=True))
        reach = (0,) * (self.ndim - len(reach)) + reach
        return tuple(rounded_up(r, m) for r, m in zip(reach, self._multiples(), strict=True))

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain), without a gradient.

        Raises
        ------
        TypeError
            If a gradient is wanted.
        """
        import torch

        from ..groups.reference import ridge_filtered

        refuse_gradient(z, "the choice of similar patches")
        tables = torch.from_numpy(lags(correlation)).to(z.device)

        def step(noisy: Tensor, pilot: Tensor | None, guide: Tensor, grouping: Grouping) -> Tensor:
            return ridge_filtered(noisy, pilot, guide, grouping, tables)

        return torch.stack([self._restored(field, self._pilot_applied(correlation), step) for field in z])

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return both steps as the compiled kernel on a CPU, else `apply` in torch.

        The kernel is also waited for where torch would serve until it is compiled: torch takes far longer.
        """
        if device.partition(":")[0] != "cpu":
            return super().build(device, correlation, threads)
        from ..groups.kernels import ridge_filtered

        pilot, table = self.pilot.build(device, correlation, threads), lags(correlation)

        def step(noisy: Float, before: Float | None, guide: Float, grouping: Grouping) -> Float:
            return ridge_filtered(noisy, before, guide, grouping, table, threads=threads)

        return lambda z: self._restored(z, self._by_planes(pilot), step)

    def _first(self) -> Grouping:
        """Return how the first step groups, its references where the second's are unless those are dense."""
        stride = self.stride if self.stride > 4 else FIRST.stride
        return replace(FIRST, depth=self._grouping().depth, stride=stride)

    def _grouping(self) -> Grouping:
        depth = self.search_z if self.ndim == 3 else 0
        return Grouping(self.patch_size, self.matches, self.search, depth, self.stride)

    def _pilot_applied(self, correlation: Autocorrelation | None) -> Callable[[Tensor], Tensor]:
        """Return the pilot in torch, for a field (C, *domain)."""
        return self._by_planes(lambda field: self.pilot.apply(field[None], correlation)[0])

    def _by_planes(self, pilot: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a pilot for planes as one for a field of volumes (C, *domain); others as they are."""
        if self.pilot.spatial_ndim == self.ndim:
            return pilot

        def restored(field: Any) -> Any:
            out = field * 0
            for plane in range(field.shape[1]):
                out[:, plane] = pilot(field[:, plane])
            return out

        return restored

    def _restored(self, field: Any, pilot: Callable[[Any], Any], step: Callable[..., Any]) -> Any:
        """Restore a field (C, *domain), where the pilot has all that it needs; farther out is the pilot's."""
        out = field * 0
        out[...] = pilot(field)
        if not self.grouped:
            return out
        inner = tuple(slice(cut, n - cut) for cut, n in zip(self._cut(), field.shape[1:], strict=True))
        together = [slice(None)] if self.joint else [slice(i, i + 1) for i in range(len(field))]
        for channels in together:
            part = (channels, *inner)
            out[part] = self._regrouped(field[part], out[part], step)
        return out

    def _regrouped(self, field: Any, guess: Any, step: Callable[..., Any]) -> Any:
        """Restore channels that share their groups by both steps, given the pilot's guess."""
        shape = (len(field), *(1,) * (3 - self.ndim), *field.shape[1:])  # (C, Z, Y, X)
        noisy, guess = field.reshape(shape), guess.reshape(shape)
        grouping = self._grouping()
        if self.pilot_share < 1:
            first = step(noisy, None, noisy[0], self._first())
            guess = self.pilot_share * guess + (1 - self.pilot_share) * first
        return step(noisy, guess, guess[0], grouping).reshape(field.shape)


def lags(correlation: Autocorrelation | None) -> Float:
    """Return the noise's autocorrelation (Z, Y, X), lag 0 in the middle; a single 1 for white noise."""
    if correlation is None:
        return np.ones((1, 1, 1), np.float32)
    values = correlation.array.astype(np.float32)
    return values.reshape((1,) * (3 - values.ndim) + values.shape)


def _suits(sample: Sample, search: int) -> bool:
    """Whether groups help: the image is no narrower than a search window, and noise stays near its pixel."""
    wide = min(sample.shape[-2:]) >= search
    return wide and all(c is None or c.density < LARGE_DENSITY for c in sample.correlations)


def _as_planes(sample: Sample) -> Sample:
    """Return a sample of volumes as one of their planes."""

    def draw() -> Float:
        planes = np.moveaxis(sample.values, 2, 1)  # (B, Z, C, Y, X)
        return planes.reshape(-1, *planes.shape[2:])

    return DeferredSample(
        draw, sample.shape[1:], sample.spacing[1:], sample.correlations, sample.color, sample.noise
    )
