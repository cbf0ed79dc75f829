"""What a transform is: linear maps to sub-bands and back, and the noise that each sub-band receives.

Every transform here is separable, so a basis function is one filter per axis and the noise variance of its
coefficient follows from those filters and the noise's autocorrelation (003_5c1e63c404753ca9.txt, 2.3.4.3).
`analysis` and `synthesis` work on an extended domain (`geometry.Geometry`); `forward` and `inverse` extend
and crop on their own. Tensors are (B, C, *spatial). torch is imported inside functions, when work begins.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..geometry import Geometry
from ..methods import Method

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

Filter = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Subband:
    """What is known of a sub-band before any image is seen.

    Parameters
    ----------
    key : str
        Unique name: "1/ad" (level 1, approximation along Y, detail along X) for wavelets, "3,5"
        (frequencies) for a DCT.
    level : int
        Scale, 1 is the finest; 1 for every DCT coefficient.
    radius : float
        How high its frequency is, from 0 (constant) to 1 (highest).
    detail : bool
        Whether it is shrunk; False for the coarse approximation and the DCT's mean.
    filters : tuple of ndarray
        The analysis basis function, one filter per spatial axis (its norm is the white noise gain).
    """

    key: str
    level: int
    radius: float
    detail: bool
    filters: tuple[Filter, ...]

    def noise_std(self, autocorrelation: Autocorrelation | None = None) -> float:
        """Return the noise std of a coefficient when the image noise has variance 1."""
        if autocorrelation is None:
            return math.prod(float(np.linalg.norm(f)) for f in self.filters)
        return math.sqrt(max(autocorrelation.variance(self.filters), 0.0))


@dataclass(frozen=True)
class Band:
    """A sub-band with its coefficients, a tensor (B, C, *positions)."""

    subband: Subband
    data: Tensor

    @property
    def key(self) -> str:
        """Unique name within its transform."""
        return self.subband.key

    @property
    def detail(self) -> bool:
        """Whether the band is shrunk."""
        return self.subband.detail


@dataclass(frozen=True)
class Coefficients:
    """The coefficients of an image: a flat tuple of bands, and the spatial shape of that image."""

    bands: tuple[Band, ...]
    shape: tuple[int, ...]

    def details(self) -> Iterator[Band]:
        """Yield the bands that are shrunk."""
        return (band for band in self.bands if band.detail)

    def __getitem__(self, key: str) -> Tensor:
        """Return the coefficients of the band with this key."""
        for band in self.bands:
            if band.key == key:
                return band.data
        raise KeyError(f"no band {key!r}; there are {', '.join(b.key for b in self.bands)}")

    def map(self, shrink: Callable[[Band], Any]) -> Coefficients:
        """Return the coefficients with `shrink(band)` in place of each detail band's data."""
        bands = tuple(replace(band, data=shrink(band)) if band.detail else band for band in self.bands)
        return replace(self, bands=bands)


class Transform(Method):
    """Base of the transforms: `forward`, `inverse` and the noise gain of every sub-band."""

    role: ClassVar[str] = "transform"
    ndim: int

    @property
    def orthonormal(self) -> bool:
        """Whether the coefficients are those of an orthonormal basis."""
        return False

    def resolve(self, sample: Sample) -> Self:
        """Return the transform with every "auto" field (levels, size along Z) made a number."""
        return self

    @abstractmethod
    def geometry(self) -> Geometry:
        """Return border, margin, alignment and halo of analysis followed by synthesis."""

    @abstractmethod
    def subbands(self) -> tuple[Subband, ...]:
        """Return the description of every sub-band, in the order of the coefficients."""

    @abstractmethod
    def analysis(self, x: Tensor) -> Coefficients:
        """Transform an extended image (B, C, *domain)."""

    @abstractmethod
    def synthesis(self, coefficients: Coefficients, weight: Tensor | None = None) -> Tensor:
        """Invert `analysis`; `weight` (B, C, *positions) weighs each patch of an overlapping transform."""

    def forward(self, x: Tensor) -> Coefficients:
        """Transform an image of any size, extending it at its border.

        Parameters
        ----------
        x : Tensor, (B, C, *spatial)
            The image.

        Returns
        -------
        Coefficients
            Its bands; `inverse` returns the image exactly.
        """
        shape = tuple(x.shape[-self.ndim :])
        return replace(self.analysis(extended(x, self.geometry())), shape=shape)

    def inverse(self, coefficients: Coefficients, weight: Tensor | None = None) -> Tensor:
        """Return the image of coefficients made by `forward`."""
        return self.geometry().cropped(self.synthesis(coefficients, weight), coefficients.shape)  # type: ignore[no-any-return]

    def noise_gain(self, autocorrelation: Autocorrelation | None = None) -> dict[str, float]:
        """Return the noise std of a coefficient of each band, by key, for image noise of variance 1."""
        return dict(_noise_gains(self, autocorrelation))


@lru_cache(maxsize=32)
def _noise_gains(transform: Transform, autocorrelation: Autocorrelation | None) -> dict[str, float]:
    """Return the noise gains, computed once for all the windows of a run."""
    return {band.key: band.noise_std(autocorrelation) for band in transform.subbands()}


def extended(x: Tensor, geometry: Geometry) -> Tensor:
    """Return a tensor (..., *spatial) on the whole domain of `geometry` (differentiable)."""
    import torch

    shape = x.shape[-len(geometry.margin) :]
    for axis, index in enumerate(geometry.indices(geometry.domain(shape), shape), start=x.ndim - len(shape)):
        if not np.array_equal(index, np.arange(x.shape[axis])):
            x = x.index_select(axis, torch.from_numpy(index).to(x.device))
    return x


def per_axis(value: int, first: int | None, ndim: int) -> tuple[int, ...]:
    """Return one number per spatial axis: `value`, with `first` in place of it along Z of a volume."""
    return (value,) * ndim if first is None or ndim == 2 else (first,) + (value,) * (ndim - 1)


def spacing_ratio(spacing: Sequence[float]) -> float:
    """Return the spacing along Z in units of the pixel size in the plane."""
    return spacing[0] / math.sqrt(spacing[-1] * spacing[-2])
