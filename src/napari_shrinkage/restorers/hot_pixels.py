"""Hot and dead pixels and cosmic rays: single pixels that neither noise nor an optical system makes.

Convention: everything is in counts, as the camera read them, for a pixel is replaced or left exactly as it
came. It is done before shrinkage: to a wavelet a hot pixel is a detail that stands far above the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import annotated_types as at
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..geometry import Geometry
from ..methods import method
from ..noise import Gaussian, NoiseModel
from ..noise.base import check_even
from ..sample import drawn_windows
from ..stack import Array, Float, Stack
from .base import Apply, Restorer, refuse_gradient

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

Mask = npt.NDArray[np.bool_]
Polarity = Literal["bright", "both"]
Std = Callable[[Any], Any]

THRESHOLD = 6.0
SHARE = 0.15  # of a pixel's excess that the neighbours of a focused point show at least
MOST_ADJACENT = 6  # pixels of one cosmic ray
SQUARE = np.array([(y, x) for y in range(-2, 3) for x in range(-2, 3)])
NEXT, RING = (SQUARE[np.abs(SQUARE).max(axis=1) == distance] for distance in (1, 2))
REACH = 3 + MOST_ADJACENT
UNIT = Gaussian(1.0)


@method("hot-pixels", title="Hot pixels")
class HotPixels(Restorer):
    """Replace hot pixels and cosmic rays by the median around them; every other pixel stays as it is.

    Parameters
    ----------
    threshold : float
        How far a pixel must stand out from the median of its 3 x 3 neighbourhood.
    polarity : {"bright", "both"}
        Whether pixels that are too dark (dead ones) are replaced as well.

    Notes
    -----
    Valid where a point of light covers more than a pixel: an excess that the neighbours share, as the image
    of a point does from a Gaussian width of 0.7 pixels on, is left alone, and so is anything of more than 6
    adjacent pixels. An undersampled photograph has details that are as sharp as a hot pixel. Colours are
    looked at one by one. It removes no other noise: a denoising step follows. Cosmic rays told by their
    sharpness: [1]_.

    References
    ----------
    .. [1] van Dokkum, "Cosmic-ray rejection by Laplacian edge detection", Publ. Astron. Soc. Pac. 113, 2001,
       doi:10.1086/323894.
    """

    threshold: Annotated[float, at.Ge(3), at.Le(100), at.Unit("noise std")] = THRESHOLD
    polarity: Polarity = "bright"

    domain: ClassVar[Literal["noise", "counts"]] = "counts"
    opponent_color: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False

    @property
    def spatial_ndim(self) -> int:
        """2: a camera reads planes."""
        return 2

    @property
    def is_fused(self) -> bool:
        """True: it runs on the CPU, without torch."""
        return True

    def resolve(self, sample: Sample) -> Self:
        """Nothing depends on the data."""
        return self

    def geometry(self) -> Geometry:
        """Return a halo of the neighbourhood and the largest cosmic ray; the border's pixels occur once."""
        return Geometry("reflect", (REACH, REACH), (1, 1), (REACH, REACH))

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain) with noise of variance 1; without a gradient.

        Raises
        ------
        TypeError
            If a gradient is wanted.
        """
        import torch

        refuse_gradient(z, "finding hot pixels")
        fields = z.detach().cpu().numpy()
        return torch.from_numpy(np.stack([self._replaced(one, UNIT.std) for one in fields])).to(z.device)

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return the function for fields whose noise has variance 1, whatever the device."""
        return lambda z: self._replaced(z, UNIT.std)

    def build_counts(self, noise: NoiseModel) -> Apply:
        """Return the function for pixel values with the given noise."""
        return lambda values: self._replaced(values, noise.std)

    def _replaced(self, values: Array, std: Std) -> Float:
        counts = values.astype(np.float32, copy=False)
        return np.where(outliers(counts, std, self.threshold, self.polarity), median_around(counts), counts)


def outliers(values: Array, std: Std, threshold: float = THRESHOLD, polarity: Polarity = "bright") -> Mask:
    """Return which pixels stand out as neither noise nor an optical system makes them.

    Parameters
    ----------
    values : ndarray, (..., Y, X)
        Finite pixel values.
    std : callable
        From mean values of this shape to the noise std there, such as `NoiseModel.std`.
    threshold : float
        How far a pixel must stand out from the median of its 3 x 3 neighbourhood, in noise std.
    polarity : {"bright", "both"}
        Whether pixels that are too dark count as well.

    Returns
    -------
    ndarray of bool, (..., Y, X)
        True at hot pixels and cosmic rays, of at most 6 adjacent pixels each.

    Notes
    -----
    A bright pixel is compared with the mean of the noise std at the median and at its own value: for shot
    noise that is the threshold on the difference of square roots, which keeps the rare photons of a dark
    background (median 0) from counting as hot. The neighbourhood's own excess is measured against the 16
    pixels at a distance of 2. Beside a brighter pixel that is not hot itself a pixel is taken for the skirt
    of a point.
    """
    found = _standing_out(values, std, threshold)
    if polarity == "both":
        found |= _standing_out(-values, lambda mean: std(-mean), threshold)
    return found & ~_in_crowds(found)


def median_around(values: Array) -> Array:
    """Return the median of each 3 x 3 neighbourhood (..., Y, X), the pixel itself being one vote of nine."""
    return np.asarray(ndimage.median_filter(values, (1,) * (values.ndim - 2) + (3, 3), mode="mirror"))


def hot_pixel_share(stack: Stack, noise: NoiseModel, polarity: Polarity = "bright") -> float:
    """Return the share of a stack's pixels that are hot; of a large stack, of evenly spread windows.

    Parameters
    ----------
    stack : Stack
        Raw pixel values; those that are not finite count as good.
    noise : NoiseModel
        Noise of the stack.
    polarity : {"bright", "both"}
        Whether pixels that are too dark count as well.
    """
    check_even(noise, "counting hot pixels")
    noise = noise.for_channels(stack.channels)
    count, total = 0, 0
    for field, window in drawn_windows(stack, 2):
        even = noise.corrected(field, [np.arange(part.start, part.stop) for part in window])
        known = np.isfinite(even)
        filled = np.where(known, even, np.median(even[known]) if known.any() else 0).astype(np.float32)
        count += int(np.count_nonzero(outliers(filled, noise.std, polarity=polarity) & known))
        total += field.size
    return count / max(total, 1)


def _standing_out(values: Array, std: Std, threshold: float) -> Mask:
    """Return which pixels exceed their neighbourhood by noise times threshold, and alone."""
    median = median_around(values)
    at_median = std(median)
    allowed = threshold * np.maximum(at_median, (at_median + std(values)) / 2)
    found = np.asarray((values - median > allowed) & (allowed > 0), np.bool_)
    place = np.nonzero(found)
    around = np.median(_values_at(values, place, RING), axis=-1)
    excess, shared = values[place] - around, median[place] - around
    found[place] = (excess > allowed[place]) & (shared < SHARE * excess)
    return found & ~_on_slopes(values, found)


def _on_slopes(values: Array, found: Mask) -> Mask:
    """Return the pixels that have a brighter neighbour which was not found: the skirt of something wider."""
    place = np.nonzero(found)
    others = _values_at(np.where(found, -np.inf, values), place, NEXT)
    slopes = np.zeros_like(found)
    slopes[place] = others.max(axis=-1) > values[place]
    return slopes


def _values_at(values: Array, place: tuple[npt.NDArray[np.intp], ...], steps: npt.NDArray[np.intp]) -> Array:
    """Return, for each of N places, the values that are the given steps (S, 2) away: (N, S)."""
    rows, columns = (
        _mirrored(at[:, None] + step, n)
        for at, step, n in zip(place[-2:], steps.T, values.shape[-2:], strict=True)
    )
    return np.asarray(values[(*(at[:, None] for at in place[:-2]), rows, columns)])


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    """Return the pixel that a coordinate beyond the border reflects to."""
    turn = max(2 * length - 2, 1)
    folded = index % turn
    return np.minimum(folded, turn - folded) if length > 1 else np.zeros_like(index)


def _in_crowds(found: Mask) -> Mask:
    """Return the pixels that belong to more adjacent ones, diagonal ones too, than a cosmic ray has."""
    eight = np.zeros((3,) * found.ndim, np.int8)
    eight[(1,) * (found.ndim - 2)] = 1
    labels, _ = ndimage.label(found, eight)
    crowded = np.bincount(labels.ravel()) > MOST_ADJACENT
    crowded[0] = False
    return np.asarray(crowded[labels], np.bool_)
