"""Shrinkage: go to a domain where the image is sparse, shrink what looks like noise, come back.

Convention: thresholds are multiples of each coefficient's own noise std, which follows from the transform
and the noise's autocorrelation; the rule decides what happens around the threshold.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import annotated_types as at
import numpy as np

from ..geometry import Geometry
from ..methods import ADVANCED, HIDDEN, method
from ..rules import Hard, ShrinkageRule, Soft
from ..stack import Float
from ..thresholds import Bayes, ThresholdSelector, per_channel
from ..transforms.base import Band, Coefficients, Transform
from ..transforms.block_dct import SlidingDCT
from ..transforms.stationary import StationaryWavelet
from .base import Apply, KernelName, Restorer, on_device, through
from .fitted import Fitted

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

Weights = Literal["sparsity", "uniform"]
FUSED_SIZES = (8, 16)  # of dct_kernels, known here without importing numba
FUSED_RULES: dict[type[ShrinkageRule], str] = {Hard: "hard", Soft: "soft"}


@method("shrinkage", title="Shrinkage")
class Shrinkage(Restorer):
    """Shrink the coefficients of a transform towards zero.

    Parameters
    ----------
    transform : Transform
        Domain in which the image is sparse.
    rule : ShrinkageRule
        What happens to a coefficient around the threshold.
    threshold : ThresholdSelector
        How the threshold of each band is chosen, in multiples of the noise.
    spins : int
        Circular shifts per axis that are averaged (cycle spinning) for a decimated transform; 1 shifts
        nothing.
    weights : {"sparsity", "uniform"}
        How overlapping patches of a block transform are averaged: by 1 / (number of coefficients kept), or
        equally.
    fitted : Fitted
        What the thresholds were fitted to, if they were.

    References
    ----------
    Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994,
    doi:10.1093/biomet/81.3.425. Coifman, Donoho, "Translation-invariant de-noising", 1995,
    doi:10.1007/978-1-4612-2544-7_9 (cycle spinning). Yaroslavsky, Egiazarian, Astola, "Transform domain
    image restoration methods", 2001, doi:10.1117/12.424970 (sliding DCT).
    """

    transform: Transform = StationaryWavelet()
    rule: ShrinkageRule = Soft()
    threshold: ThresholdSelector = Bayes()
    spins: Annotated[int, at.Ge(1), at.Le(32), ADVANCED] = 1
    weights: Annotated[Weights, ADVANCED] = "sparsity"
    fitted: Annotated[Fitted | None, HIDDEN] = None

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as the transform says."""
        return self.transform.ndim

    def resolve(self, sample: Sample) -> Self:
        """Resolve the transform's levels and sizes, then the thresholds."""
        transform = self.transform.resolve(sample)
        return self.replace(transform=transform, threshold=self.threshold.resolve(sample, transform))

    def geometry(self) -> Geometry:
        """Return the transform's geometry, with the reach of the shifts added."""
        inner = self.transform.geometry()
        if not self._shifts() or inner.halo is None:
            return inner
        halo = tuple(h + m for h, m in zip(inner.halo, inner.multiple, strict=True))
        if inner.border == "periodic":
            return replace(inner, halo=halo)
        return replace(
            inner, halo=halo, margin=tuple(p + m for p, m in zip(inner.margin, inner.multiple, strict=True))
        )

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Shrink the coefficients of extended fields (B, C, *domain); differentiable."""
        gains = self.transform.noise_gain(correlation)
        shifts = self._shifts()
        if not shifts:
            return self._shrunk(z, gains)
        axes = tuple(range(-self.spatial_ndim, 0))
        total = z * 0
        for shift in shifts:
            back = tuple(-s for s in shift)
            total = total + self._shrunk(z.roll(shift, axes), gains).roll(back, axes)
        return total / len(shifts)

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return the fused CPU kernel where there is one for these choices, else `apply` in torch."""
        if device != "cpu" or not self.is_fused:
            return on_device(self, device, correlation)
        if isinstance(self.transform, StationaryWavelet):
            return _fused_haar(self, self.transform, correlation, threads)
        return fused_threshold(self, correlation, threads)

    @property
    def is_fused(self) -> bool:
        """Whether a fused CPU kernel stands beside the torch reference for these choices."""
        return bool(self.kernels)

    @property
    def kernels(self) -> frozenset[KernelName]:
        """The kernel of the sliding DCT or of the stationary Haar transform, where the rule has one."""
        rule = FUSED_RULES.get(type(self.rule))
        if rule == "hard" and isinstance(self.transform, SlidingDCT) and has_kernel(self.transform):
            return frozenset({("transforms.dct_kernels", rule, self.transform.sizes)})
        if rule and isinstance(self.transform, StationaryWavelet) and has_haar_kernel(self.transform):
            return frozenset({("transforms.haar_kernels", rule)})
        return frozenset()

    def _shifts(self) -> list[tuple[int, ...]]:
        """Return the circular shifts to average, none for a shift-invariant transform or spins=1."""
        multiple = self.transform.geometry().multiple
        if self.spins == 1 or max(multiple) == 1:
            return []
        return list(itertools.product(*(range(min(self.spins, m)) for m in multiple)))

    def _shrunk(self, z: Tensor, gains: dict[str, float]) -> Tensor:
        def shrink(coefficients: Coefficients) -> tuple[Coefficients, Tensor | None]:
            shrunk = coefficients.map(lambda band: self._shrunk_band(band, gains[band.key]))
            return shrunk, self._patch_weight(shrunk.bands)

        return through(self.transform, shrink, z)

    def _shrunk_band(self, band: Band, gain: float) -> Tensor:
        return self.rule.for_noise(gain)(band.data, self.threshold(band, gain))

    def _patch_weight(self, bands: tuple[Band, ...]) -> Tensor | None:
        if self.weights == "uniform" or not isinstance(self.transform, SlidingDCT):
            return None
        kept: Any = 1
        for band in bands:
            if band.detail:
                kept = kept + (band.data != 0)
        return 1 / kept  # type: ignore[no-any-return]


def has_kernel(transform: Transform) -> bool:
    """Whether the fused CPU kernels cover this transform: blocks of a covered size at every pixel."""
    return isinstance(transform, SlidingDCT) and transform.stride == 1 and transform.side in FUSED_SIZES


def has_haar_kernel(transform: StationaryWavelet) -> bool:
    """Whether the fused CPU kernels cover this transform: Haar, in planes."""
    return transform.ndim == 2 and transform.is_haar


def coefficient_stds(transform: SlidingDCT, correlation: Autocorrelation | None) -> Float:
    """Return the noise std of every coefficient of a block, as large as the block."""
    gains = transform.noise_gain(correlation)
    stds = np.asarray([gains[band.key] for band in transform.subbands()], np.float32)
    return stds.reshape(transform.sizes)


def fused_threshold(restorer: Shrinkage, correlation: Autocorrelation | None, threads: int) -> Apply:
    """Return hard thresholding of a sliding DCT by the fused kernel."""
    from ..transforms.dct_kernels import hard_threshold

    transform = restorer.transform
    assert isinstance(transform, SlidingDCT)
    stds = coefficient_stds(transform, correlation)
    uniform = restorer.weights == "uniform"

    def restored(z: Float) -> Float:
        limits = stds * _multiples(restorer, len(z)).reshape(len(z), *stds.shape)
        return hard_threshold(z, limits, uniform_weights=uniform, threads=threads)

    return restored


def _fused_haar(
    restorer: Shrinkage, transform: StationaryWavelet, correlation: Autocorrelation | None, threads: int
) -> Apply:
    """Return soft or hard thresholding of the stationary Haar transform by the fused kernel."""
    from ..transforms.haar_kernels import shrink_haar

    gains = transform.noise_gain(correlation)
    stds = np.asarray([gains[band.key] for band in transform.subbands()], np.float32)
    rule = FUSED_RULES[type(restorer.rule)]

    def restored(z: Float) -> Float:
        limits = (stds * _multiples(restorer, len(z)))[:, :-1]  # the last band is the approximation
        return shrink_haar(z, rule, limits.reshape(len(z), -1, 3), threads=threads)

    return restored


def _multiples(restorer: Shrinkage, channels: int) -> Float:
    """Return the threshold of every band in multiples of its noise, (C, bands); 0 for the mean."""
    multiples = [
        per_channel(restorer.threshold.select(band, 1.0), channels, band.key)
        if band.detail
        else (0.0,) * channels
        for band in restorer.transform.subbands()
    ]
    return np.asarray(multiples, np.float32).T
