"""Whether the threshold of every band may be chosen on its own: three properties, as numbers.

Convention: images are (C, *spatial) in units of the noise, white and of variance 1. What is measured is a
transform in use: forward, shrink, inverse, its treatment of the border included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..rules import ShrinkageRule, Soft
from ..thresholds import FixedThreshold, Ratio
from ..transforms.base import Coefficients, Transform

if TYPE_CHECKING:
    from torch import Tensor

SOFT = Soft()
ONE = Ratio(r=1.0)


@dataclass(frozen=True)
class Additivity:
    """How far a transform is from bands that can be treated one by one; 0 in all three where they can.

    Parameters
    ----------
    linearity : float
        Distance of the image of all bands from the sum of the images of single bands, relative to it. Every
        transform here comes back linearly.
    orthogonality : float
        Largest correlation (cosine) between the images of two single bands of a channel, 0 to 1.
    separate : float
        Sum over the bands of what the mean squared error falls by when that band alone is shrunk.
    together : float
        What it falls by when all are.
    """

    linearity: float
    orthogonality: float
    separate: float
    together: float

    @property
    def loss(self) -> float:
        """By how much the gains of single bands miss the gain of all, relative to it."""
        return abs(self.separate - self.together) / max(abs(self.together), np.finfo(np.float64).tiny)

    def holds(self, tolerance: float = 1e-6) -> bool:
        """Whether all three numbers are within a tolerance, so that each band has its own best threshold."""
        return max(self.linearity, self.orthogonality, self.loss) <= tolerance


def additivity(
    noisy: npt.ArrayLike,
    clean: npt.ArrayLike,
    transform: Transform,
    threshold: FixedThreshold = ONE,
    rule: ShrinkageRule = SOFT,
) -> Additivity:
    """Measure whether images of bands are orthogonal and gains of bands add up.

    Parameters
    ----------
    noisy, clean : array_like, (C, *spatial)
        The image and its truth, in units of the noise.
    transform : Transform
        Resolved. A sliding DCT makes an image for each of its frequencies: give it a small crop.
    threshold : FixedThreshold
        Of every band.
    rule : ShrinkageRule
        By which bands are shrunk.

    Notes
    -----
    With the image of band i called y_i and the rest of the error e, the squared error is |e + sum y_i|**2 =
    |e|**2 + sum(|y_i|**2 + 2 e y_i) + sum over i != j of y_i y_j. Where images of different bands are
    orthogonal the last sum is zero and the error is one function of each threshold, added up. They are for an
    orthonormal transform, up to what is continued beyond the border and cropped: zero for border="periodic"
    and a size that is a multiple of 2**levels.

    Computed in double precision. Patches of a block transform are averaged equally.
    """
    x, truth = _field(noisy), _field(clean)
    gains = transform.noise_gain()
    before = transform.forward(x)
    after = before.map(lambda band: rule(band.data, threshold(band, gains[band.key])))
    images = [transform.inverse(_only(before, band.key)) for band in before.bands]
    whole = transform.inverse(before)
    keys = [band.key for band in before.details()]

    def error(coefficients: Coefficients) -> float:
        return float((transform.inverse(coefficients) - truth).square().mean())

    start = error(before)
    separate = sum(start - error(_with_band(before, after, key)) for key in keys)
    distance = sum(images[1:], images[0]) - whole
    return Additivity(
        linearity=float(distance.norm() / whole.norm().clamp(min=1e-300)),
        orthogonality=_largest_cosine(images),
        separate=separate,
        together=start - error(after),
    )


def _field(values: npt.ArrayLike) -> Tensor:
    import torch

    return torch.from_numpy(np.array(values, np.float64))[None]


def _only(coefficients: Coefficients, key: str) -> Coefficients:
    """Return coefficients with every band but one at zero."""
    return replace(
        coefficients,
        bands=tuple(b if b.key == key else replace(b, data=b.data * 0) for b in coefficients.bands),
    )


def _with_band(before: Coefficients, after: Coefficients, key: str) -> Coefficients:
    """Return `before` with the one band of `after`."""
    return before.map(lambda band: after[key] if band.key == key else band.data)


def _largest_cosine(images: list[Tensor]) -> float:
    """Return the largest correlation between two images (1, C, *spatial), channel by channel."""
    import torch

    rows = torch.stack([image[0].flatten(1) for image in images], 1)  # (C, bands, pixels)
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=1e-300)
    cosines = (rows @ rows.mT).abs()
    return float((cosines - torch.diag_embed(cosines.diagonal(dim1=-2, dim2=-1))).max())
