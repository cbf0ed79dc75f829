"""The sliding block DCT: the cosine spectrum of every patch, and the mean of the patches that come back.

Convention: the extended domain is periodic, and a patch starts at every multiple of the stride from its first
pixel. Frequencies count row-major (k along Y, l along X); the first is the patch's mean.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, Self

import annotated_types as at
import numpy as np

from ..geometry import Border, Geometry, blocks
from ..methods import ADVANCED, method
from .base import Band, Coefficients, Filter, Subband, Transform, per_axis, spacing_ratio

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

    Shrink = Callable[..., tuple[Coefficients, Tensor | None]]

LARGEST = 16
USUAL = 8
LARGE_DENSITY = 4.0  # of the noise at low frequencies, times white noise's: from here on large patches pay
CPU_BYTES = 2**23  # a tile's coefficients: few enough for the cache, enough to outweigh a call for each band
GPU_BYTES = 2**26
LONG_TILE = 32  # tiles are longer by this factor along X, where memory is contiguous


def dct_matrix(n: int) -> Filter:
    """Return the orthonormal DCT-II of length n.

    Parameters
    ----------
    n : int
        Number of samples.

    Returns
    -------
    ndarray, (n, n), float64
        Its rows are the basis functions, lowest frequency first; its transpose is its inverse.
    """
    frequency, place = np.arange(n)[:, None], np.arange(n)[None, :]
    waves: Filter = np.cos(np.pi * frequency * (2 * place + 1) / (2 * n))
    return waves * np.sqrt(np.where(frequency == 0, 1, 2) / n)


@method("dct", title="Sliding DCT")
class SlidingDCT(Transform):
    """The cosine transform of every patch of the image; the patches that come back are averaged.

    Parameters
    ----------
    size : int
        Side of the square patches; large ones resolve frequencies better, small ones follow the image. By
        default 8, and 16 where the noise is correlated over several pixels.
    size_z : int
        Depth of the patches of a volume; by default as deep in space as they are wide.
    stride : int
        Step from one patch to the next, at most `size`: 1 takes every patch, `size` gives disjoint blocks.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border, so that a pixel there lies in as many patches as any other.
    ndim : {2, 3}
        Whether patches are squares of a plane or boxes of a volume.

    Notes
    -----
    The transform of a single patch is orthonormal: white noise keeps its std in every coefficient. Parseval's
    theorem holds for disjoint blocks, not for overlapping patches: averaging discards what they disagree on,
    so the energy removed from the coefficients is not the energy removed from the image.

    A patch may be larger than the image, which is then continued as often as needed (one pixel becomes a
    constant image). Its noise is continued with it, no longer independent, so less of it can be removed.

    References
    ----------
    Yu, Sapiro, "DCT image denoising: a simple and effective image denoising algorithm", IPOL 1, 2011,
    doi:10.5201/ipol.2011.ys-dct.
    """

    size: Annotated[int | None, at.Ge(4), at.Le(LARGEST), at.Unit("pixels")] = None
    size_z: Annotated[int | None, at.Ge(1), at.Le(LARGEST), at.Unit("pixels"), ADVANCED] = None
    stride: Annotated[int, at.Ge(1), at.Le(LARGEST), at.Unit("pixels"), ADVANCED] = 1
    border: Border = "symmetric"
    ndim: Literal[2, 3] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride > self.side:
            raise ValueError(
                f"stride={self.stride} skips pixels between patches of size={self.side}. "
                f"Use stride <= {self.side} or a larger size."
            )

    @property
    def side(self) -> int:
        """Side of a patch; the usual one as long as it is not decided."""
        return self.size or USUAL

    @property
    def sizes(self) -> tuple[int, ...]:
        """Size of a patch per spatial axis."""
        return per_axis(self.side, self.size_z, self.ndim)

    @property
    def strides(self) -> tuple[int, ...]:
        """Step between patches per spatial axis, nowhere longer than the patch."""
        return tuple(min(self.stride, size) for size in self.sizes)

    @property
    def orthonormal(self) -> bool:
        """Whether the transform of the whole image is orthonormal: its patches are disjoint."""
        return self.strides == self.sizes

    def resolve(self, sample: Sample) -> Self:
        """Return the transform with its size and depth: `size` in space, at most the volume's own."""
        side = self.size or fitting_side(sample.correlation)
        if self.size_z is not None:
            return self.replace(size=side)
        if self.ndim == 2:
            return self.replace(size=side, size_z=side)
        depth = round(side / spacing_ratio(sample.spacing))
        return self.replace(size=side, size_z=max(1, min(depth, LARGEST, sample.shape[0])))

    def geometry(self) -> Geometry:
        """Return the margin that gives a pixel all its patches, and its reach: the far end of a patch."""
        margin = tuple((n - 1) // step * step for n, step in zip(self.sizes, self.strides, strict=True))
        return Geometry(self.border, margin, self.strides, halo=tuple(n - 1 for n in self.sizes))

    def subbands(self) -> tuple[Subband, ...]:
        """Return one sub-band for each frequency; its radius is 1 for the highest on all axes."""
        return _frequencies(self.sizes)

    def analysis(self, x: Tensor) -> Coefficients:
        """Transform every patch of an extended image (B, C, *domain)."""
        spectra = self._spectra(_wrapped(x, self._overlaps), _bases(self, x))
        return replace(spectra, shape=tuple(x.shape[-self.ndim :]))

    def synthesis(self, coefficients: Coefficients, weight: Tensor | None = None) -> Tensor:
        """Return the mean of the patches over each pixel, by their positive `weight` (B, C, *positions)."""
        total, weights = self._sums(coefficients, weight, _bases(self, coefficients.bands[0].data))
        return _folded(total, self._overlaps) / _folded(weights, self._overlaps)

    @property
    def _overlaps(self) -> tuple[int, ...]:
        return tuple(n - step for n, step in zip(self.sizes, self.strides, strict=True))

    def _spectra(self, x: Tensor, bases: Sequence[Tensor]) -> Coefficients:
        """Transform the patches that lie inside x (B, C, *pixels), one axis after the other."""
        shape = tuple(x.shape[-self.ndim :])
        for axis in range(-1, -self.ndim - 1, -1):
            windows = x.unfold(axis, self.sizes[axis], self.strides[axis]).movedim(-1, 0)
            x = (bases[axis] @ windows.flatten(1)).reshape(windows.shape)
        spectra = x.flatten(0, self.ndim - 1)
        return Coefficients(tuple(map(Band, self.subbands(), spectra)), shape)

    def _sums(
        self, coefficients: Coefficients, weight: Tensor | None, bases: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of the patches over each pixel (B, C, *pixels), and of their weights."""
        import torch

        x = torch.stack([band.data for band in coefficients.bands])
        weights = x.new_ones((1, 1, *x.shape[3:])) if weight is None else weight
        x = (x if weight is None else x * weight).reshape(*self.sizes, *x.shape[1:])
        for axis, step, basis in zip(range(-self.ndim, 0), self.strides, bases, strict=True):
            x = _overlap_added((basis.T @ x.flatten(1)).reshape(x.shape), axis, step)
            weights = _overlap_added(weights.expand(len(basis), *weights.shape), axis, step)
        return x, weights


def shrink_patches(
    transform: SlidingDCT, x: Tensor, shrink: Shrink, *guides: Tensor, most_bytes: int | None = None
) -> Tensor:
    """Transform, shrink and transform back, tile by tile, so that few coefficients exist at a time.

    The result is `transform.synthesis(*shrink(transform.analysis(x)))`, for work that needs no gradient.

    Parameters
    ----------
    transform : SlidingDCT
        A resolved transform.
    x : Tensor, (B, C, *domain)
        An extended image.
    shrink : callable
        Takes the `Coefficients` of a tile of `x` and of each guide; returns shrunk `Coefficients` and the
        positive weight (B, C, *positions) of each patch, or None for equal weights.
    *guides : Tensor, (B, C, *domain)
        Images that direct the shrinkage, such as the pilot of a Wiener filter.
    most_bytes : int, optional
        Most bytes of coefficients that one image has at a time; a few times that is needed to work on them.

    Returns
    -------
    Tensor, (B, C, *domain)
        The restored image.

    Notes
    -----
    Of the forms that torch offers, one small matrix product for each axis was the fastest on a CPU thread
    (512 x 512 pixels, size 8): with the same tiles, a product with all 64 basis functions took 1.5 times as
    long and separable convolutions 1.3 times. The whole image at a time took 1.5 times as long as tiles.
    """
    import torch

    images = [_wrapped(image, transform._overlaps) for image in (x, *guides)]
    bases = _bases(transform, x)
    total, weights = torch.zeros_like(images[0]), torch.zeros_like(images[0])
    limit = most_bytes or (CPU_BYTES if x.device.type == "cpu" else GPU_BYTES)
    for part in _tiles(transform, x, limit):
        shrunk, weight = shrink(*(transform._spectra(image[part], bases) for image in images))
        sums, counts = transform._sums(shrunk, weight, bases)
        total[part] += sums
        weights[part] += counts
    return _folded(total, transform._overlaps) / _folded(weights, transform._overlaps)


def fitting_side(correlation: Autocorrelation | None) -> int:
    """Return the patch side that suits noise: large where it is correlated over several pixels."""
    return LARGEST if correlation is not None and correlation.density >= LARGE_DENSITY else USUAL


@cache
def _frequencies(sizes: tuple[int, ...]) -> tuple[Subband, ...]:
    bases = [dct_matrix(n) for n in sizes]
    return tuple(
        Subband(
            key=",".join(map(str, index)),
            level=1,
            radius=_radius(index, sizes),
            detail=any(index),
            filters=tuple(basis[k] for basis, k in zip(bases, index, strict=True)),
        )
        for index in itertools.product(*map(range, sizes))
    )


def _radius(index: Sequence[int], sizes: Sequence[int]) -> float:
    """Return the root mean square over the axes of each frequency as a fraction of its axis's highest."""
    fractions = [k / (n - 1) for k, n in zip(index, sizes, strict=True) if n > 1]
    return math.sqrt(math.fsum(f * f for f in fractions) / len(fractions))


def _bases(transform: SlidingDCT, like: Tensor) -> list[Tensor]:
    """Return the DCT matrix of each spatial axis in the precision and on the device of `like`."""
    return [like.new_tensor(dct_matrix(n)) for n in transform.sizes]


def _wrapped(x: Tensor, overlaps: Sequence[int]) -> Tensor:
    """Return x (B, C, *domain) with its first pixels repeated behind its last, so that no patch is cut."""
    import torch

    for axis, overlap in zip(range(-len(overlaps), 0), overlaps, strict=True):
        x = torch.cat([x, x.narrow(axis, 0, overlap)], axis)
    return x


def _folded(x: Tensor, overlaps: Sequence[int]) -> Tensor:
    """Return the transpose of `_wrapped`: what lies behind the domain is added to its first pixels."""
    import torch

    for axis, overlap in zip(range(-len(overlaps), 0), overlaps, strict=True):
        length = x.shape[axis] - overlap
        first = x.narrow(axis, 0, overlap) + x.narrow(axis, length, overlap)
        x = torch.cat([first, x.narrow(axis, overlap, length - overlap)], axis)
    return x


def _overlap_added(pieces: Tensor, axis: int, step: int) -> Tensor:
    """Add up patches along one axis (counted from the end); pieces[i] holds the i-th pixel of every patch."""
    reach = (pieces.shape[axis] - 1) * step + 1
    shape = list(pieces.shape[1:])
    shape[axis] = reach + len(pieces) - 1
    line = pieces.new_zeros(shape)
    for first, piece in enumerate(pieces):
        line.narrow(axis, first, reach).unfold(axis, 1, step).squeeze(-1).add_(piece)
    return line


def _tiles(transform: SlidingDCT, x: Tensor, limit: int) -> list[tuple[slice, ...]]:
    """Return the pixels under each tile of the patches of x, a tile's coefficients within `limit` bytes."""
    sizes, strides = transform.sizes, transform.strides
    patches = [n // step for n, step in zip(x.shape[-transform.ndim :], strides, strict=True)]
    most = limit // (x.shape[0] * x.shape[1] * math.prod(sizes) * x.element_size())
    return [
        (slice(None), slice(None), *map(_pixels, tile, sizes, strides))
        for tile in blocks(patches, _tile_shape(patches, most))
    ]


def _pixels(patches: slice, size: int, step: int) -> slice:
    return slice(patches.start * step, (patches.stop - 1) * step + size)


def _tile_shape(patches: Sequence[int], most: int) -> tuple[int, ...]:
    """Return a tile of at most `most` patches: the whole domain, its longest side halved until it fits."""
    tile = list(patches)
    while math.prod(tile) > max(most, 1):
        lengths = [*tile[:-1], tile[-1] / LONG_TILE]
        longest = max((axis for axis in range(len(tile)) if tile[axis] > 1), key=lengths.__getitem__)
        tile[longest] = -(-tile[longest] // 2)
    return tuple(tile)
