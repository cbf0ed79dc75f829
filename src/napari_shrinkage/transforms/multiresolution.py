"""What the decimated and the stationary wavelet transform share: fields, levels, bands, the way down and up.

Convention: a level splits every axis that has it into approximation ("a") and detail ("d"); the next goes on
with what is "a" along all axes. An axis with fewer levels than the others is left alone at the deepest levels
and keeps the letter "a".
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

import annotated_types as at

from ..geometry import Border
from ..methods import ADVANCED, Suggestions
from .base import Band, Coefficients, Subband, Transform, per_axis
from .filter_bank import FilterBank, band_letters, filter_bank, subbands
from .levels import MOST_LEVELS, resolved_levels, resolved_levels_z

if TYPE_CHECKING:
    from torch import Tensor

    from ..sample import Sample

MOST_MARGIN = 32
WaveletName = Annotated[
    str, Suggestions(("haar", "db2", "db4", "db8", "sym4", "sym8", "coif1", "coif2", "bior2.2", "bior4.4"))
]


@dataclass(frozen=True, kw_only=True)
class Multiresolution(Transform):
    """Base of the wavelet transforms.

    Parameters
    ----------
    wavelet : str
        Any orthogonal or biorthogonal wavelet of PyWavelets, such as haar, db4, sym8, coif2 or bior4.4.
    levels : int
        Number of scales; None goes as deep as the noise is noticeable and the image is large enough.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border.
    ndim : {2, 3}
        Whether planes or volumes are transformed.
    levels_z : int
        Number of scales along Z of a volume; None takes as many less as the voxel is coarser along Z.
    """

    wavelet: WaveletName = "sym8"
    levels: Annotated[int | None, at.Ge(1), at.Le(MOST_LEVELS)] = None
    border: Border = "symmetric"
    ndim: Literal[2, 3] = 2
    levels_z: Annotated[int | None, at.Ge(1), at.Le(MOST_LEVELS), ADVANCED] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        filter_bank(self.wavelet)

    def resolve(self, sample: Sample) -> Self:
        """Return the transform with its levels made numbers.

        Raises
        ------
        ValueError
            If the image is too small for the number of levels that was given.
        """
        levels = resolved_levels(self.levels, sample)
        levels_z = self.levels_z or levels
        if self.ndim == 3:
            levels_z = resolved_levels_z(self.levels_z, levels, sample)
        return self.replace(levels=levels, levels_z=levels_z)

    @property
    def axis_levels(self) -> tuple[int, ...]:
        """Number of levels along each spatial axis."""
        if self.levels is None:
            raise ValueError(
                "levels=None means that the levels follow from an image: call resolve(sample) first, "
                "or give a number such as levels=4."
            )
        return per_axis(self.levels, self.levels_z, self.ndim)

    @property
    def bank(self) -> FilterBank:
        """The filters of one level."""
        return filter_bank(self.wavelet)

    def subbands(self) -> tuple[Subband, ...]:
        """Return the description of every sub-band, the finest first and the approximation last."""
        return subbands(self.bank, self.axis_levels)

    def analysis(self, x: Tensor) -> Coefficients:
        """Transform an extended image (B, C, *domain), which is taken as periodic."""
        shape = tuple(x.shape[-self.ndim :])
        coarse = "a" * self.ndim
        data = {}
        for level in range(1, max(self.axis_levels) + 1):
            parts = self._down(x, level)
            x = parts.pop(coarse)
            data.update({f"{level}/{letters}": part for letters, part in parts.items()})
        data[f"{max(self.axis_levels)}/{coarse}"] = x
        return Coefficients(tuple(Band(band, data[band.key]) for band in self.subbands()), shape)

    def synthesis(self, coefficients: Coefficients, weight: Tensor | None = None) -> Tensor:
        """Invert `analysis`. A band that is missing counts as zero.

        Raises
        ------
        ValueError
            If there is a weight: a wavelet transform has no overlapping patches to weigh.
        """
        if weight is not None:
            raise ValueError(
                "weights belong to overlapping patches, which a wavelet transform has not; leave it out."
            )
        data: dict[str, Tensor | None] = {band.key: band.data for band in coefficients.bands}
        levels = self.axis_levels
        coarse, depth = "a" * self.ndim, max(levels)
        x = data.get(f"{depth}/{coarse}")
        for level in range(depth, 0, -1):
            details = {letters: data.get(f"{level}/{letters}") for letters in band_letters(level, levels)}
            x = self._up({**details, coarse: x}, level)
        if x is None:
            raise ValueError("there is no band to make an image from; give at least one.")
        return x

    @abstractmethod
    def split(self, x: Tensor, axis: int, level: int) -> tuple[Tensor, Tensor]:
        """Return approximation and detail along an axis (a negative index)."""

    @abstractmethod
    def merged(self, low: Tensor | None, high: Tensor | None, axis: int, level: int) -> Tensor:
        """Invert `split`; None stands for zeros, and one of the two is there."""

    def _active_axes(self, level: int) -> list[int]:
        return [axis - self.ndim for axis, most in enumerate(self.axis_levels) if level <= most]

    def _down(self, x: Tensor, level: int) -> dict[str, Tensor]:
        """Split along every axis that has this level."""
        parts = {"": x}
        for axis in range(-self.ndim, 0):
            if axis in self._active_axes(level):
                parts = {
                    letters + letter: part
                    for letters, whole in parts.items()
                    for letter, part in zip("ad", self.split(whole, axis, level), strict=True)
                }
            else:
                parts = {letters + "a": part for letters, part in parts.items()}
        return parts

    def _up(self, parts: dict[str, Tensor | None], level: int) -> Tensor | None:
        """Undo `_down`."""
        for axis in range(-1, -self.ndim - 1, -1):
            starts = dict.fromkeys(letters[:-1] for letters in parts)
            parts = {
                start: self._joined(parts[start + "a"], parts.get(start + "d"), axis, level)
                for start in starts
            }
        return parts[""]

    def _joined(self, low: Tensor | None, high: Tensor | None, axis: int, level: int) -> Tensor | None:
        if axis not in self._active_axes(level) or (low is None and high is None):
            return low
        return self.merged(low, high, axis, level)
