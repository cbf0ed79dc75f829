"""SURE-LET: a linear expansion of thresholds for each band, its weights solved without a target.

Convention: the weights minimise Stein's unbiased risk in the image domain (a small quadratic problem) among
sensible attenuations, so there is no threshold to choose. Applying them is a pointwise map between analysis
and synthesis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
import numpy.typing as npt

from ..geometry import Geometry
from ..methods import HIDDEN, method
from ..transforms.base import Band, Coefficients
from ..transforms.multiresolution import Multiresolution
from ..transforms.stationary import StationaryWavelet
from .base import Restorer
from .fitted import Fitted

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

Values = npt.NDArray[np.float64]

REACH = 3.0
STEEPNESS = 8
SOLVE_PIXELS = 2**20
PART_PIXELS = 2**13  # a part of all images stays in the cache
LEAST_POWER = 1e-10  # of the largest: directions that the data do not tell
ATTENUATIONS = (-0.5, 1.3)  # of a coefficient; photographs in white noise use nearly all of it


@method("let", title="SURE-LET")
class Let(Restorer):
    """Linear expansion of thresholds on the bands of a wavelet, with weights from Stein's unbiased risk.

    Each band's coefficients c (in units of their noise) become a1 c + a2 c (1 - exp(-(c / 3)^8)); all
    weights are solved together for the smallest unbiased estimate of the image's squared error.

    Parameters
    ----------
    transform : Multiresolution
        A transform with an orthogonal wavelet; stationary Haar is the measured best.
    weights : dict of tuple
        Per band and channel the two weights a1, a2, flat; None solves them from the noisy data.
    fitted : Fitted
        What the weights were fitted to, if they were.

    References
    ----------
    Blu, Luisier, "The SURE-LET approach to image denoising", IEEE TIP 16, 2007, doi:10.1109/TIP.2007.906002.
    """

    transform: Multiresolution = StationaryWavelet(wavelet="haar")
    weights: Annotated[dict[str, tuple[float, ...]] | None, HIDDEN] = None
    fitted: Annotated[Fitted | None, HIDDEN] = None

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as the transform says."""
        return self.transform.ndim

    def resolve(self, sample: Sample) -> Self:
        """Resolve the transform, then solve the weights on at most 1 million pixels per channel."""
        if not self.transform.bank.is_orthogonal:
            raise ValueError(
                f"SURE-LET needs an orthogonal wavelet, and {self.transform.wavelet!r} is biorthogonal. "
                "Use haar, db4, sym8 or coif2."
            )
        transform = self.transform.resolve(sample)
        if self.weights is not None:
            return self.replace(transform=transform)
        part = sample.part(SOLVE_PIXELS)
        resolved = self.replace(transform=transform)
        return resolved.solved(part.tensor(), [part.correlation_of(c) for c in range(part.channels)])

    def solved(
        self,
        noisy: Tensor,
        correlations: Sequence[Autocorrelation | None],
        target: Tensor | None = None,
    ) -> Self:
        """Return the method, its transform resolved, with the weights of least error for every channel.

        Parameters
        ----------
        noisy, target : Tensor, (B, C, *spatial)
            Fields in units of the noise. The target is clean, or has noise of its own; without one Stein's
            unbiased estimate of the error is made small.
        correlations : sequence of Autocorrelation or None
            Of the noise of each channel.
        """
        each = [
            solved_weights(self.transform, noisy[:, [c]], one, None if target is None else target[:, [c]])
            for c, one in enumerate(correlations)
        ]
        return self.replace(weights={key: sum((w[key] for w in each), ()) for key in each[0]})

    def channel(self, index: int) -> Self:
        """Return the restorer of one channel alone, with its weights."""
        assert self.weights is not None, "resolve before channel"
        return self.replace(
            weights={key: a[2 * index : 2 * index + 2] or a for key, a in self.weights.items()}
        )

    def geometry(self) -> Geometry:
        """Return the transform's geometry."""
        return self.transform.geometry()

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Map the coefficients of extended fields (B, C, *domain); differentiable."""
        gains = self.transform.noise_gain(correlation)
        return self.transform.synthesis(
            self.transform.analysis(z).map(lambda band: self._mapped(band, gains[band.key]))
        )

    def _mapped(self, band: Band, gain: float) -> Tensor:
        a = band.data.new_tensor(self._weights_of(band)).reshape(-1, 2, *(1,) * self.spatial_ndim)
        linear, thresholded = expansion(band.data, gain)
        return a[:, 0] * linear + a[:, 1] * thresholded

    def _weights_of(self, band: Band) -> tuple[float, ...]:
        assert self.weights is not None, "resolve before apply"
        found, channels = self.weights.get(band.key, ()), band.data.shape[1]
        if len(found) not in (2, 2 * channels):
            raise ValueError(
                f"Let has {len(found)} weights for band {band.key!r}; the image has {channels} channels. "
                "Give two, or two per channel, or weights=None to solve them again on this image."
            )
        return found


def expansion(c: Tensor, gain: float) -> tuple[Tensor, Tensor]:
    """Return the elementary functions of coefficients with noise std `gain`: c, and c without small ones."""
    return c, c * (1 - (-_steep(c, gain)).exp())


def expansion_slopes(c: Tensor, gain: float) -> tuple[Tensor, Tensor]:
    """Return the derivatives of `expansion` in c."""
    scaled = _steep(c, gain)
    decay = (-scaled).exp()
    return c.new_ones(c.shape), 1 - decay + STEEPNESS * scaled * decay


def _steep(c: Tensor, gain: float) -> Tensor:
    """Return (c / (3 gain))**8, at most 50: squares of squares take a third of the time of a power."""
    return (c / (REACH * gain)).square().square().square().clamp_max(50)


def solved_weights(
    transform: Multiresolution,
    z: Tensor,
    correlation: Autocorrelation | None,
    target: Tensor | None = None,
) -> dict[str, tuple[float, ...]]:
    """Solve the weights of one channel (B, 1, *spatial) in the image domain: for a target, or without one.

    With F_k the image of elementary function k, and r what the coarse band alone leaves of the image, the
    weights solve (F_k . F_l) a = F_k . r - d_k. The divergence d_k is the sum of the function's slopes times
    the noise variance of its coefficients: synthesis is the adjoint of analysis, so a coefficient and its own
    part of the image share their noise. With a target, r is what the coarse band leaves of it, and there is
    no d_k.
    """
    import torch

    coefficients, gains = transform.forward(z), transform.noise_gain(correlation)
    inside = z[0, 0].numel() / _domain_pixels(transform, coefficients.shape)
    images, divergences = [], []
    for band in coefficients.details():
        gain = gains[band.key]
        for values in expansion(band.data, gain):
            images.append(_image_of(transform, band, values, coefficients.shape).flatten())
        slopes = expansion_slopes(band.data, gain) if target is None else ()
        divergences += [inside * gain**2 * slope.double().sum() for slope in slopes]
    coarse = coefficients.bands[-1]
    smooth = _image_of(transform, coarse, coarse.data, coefficients.shape)
    remainder = (z if target is None else target) - smooth
    products = _inner_products(torch.stack([*images, remainder.flatten()]))
    gram, aim = products[:-1, :-1], products[:-1, -1]
    if target is None:
        aim = aim - torch.stack(divergences)
    solution = _least_risk(gram.numpy(), aim.numpy())
    keys = [band.key for band in coefficients.details()]
    return {key: (solution[2 * i], solution[2 * i + 1]) for i, key in enumerate(keys)}


def _least_risk(gram: Values, target: Values) -> list[float]:
    """Return the weights a of least risk a' G a - 2 a' t whose attenuations lie within sensible bounds.

    A small coefficient is multiplied by a1, a large one by a1 + a2. Where the noise is not quite what it was
    said to be, the risk misleads, and without these bounds a band could come out reversed or amplified.
    """
    from scipy.optimize import lsq_linear

    pairs = np.kron(np.eye(len(gram) // 2), [[1.0, 0.0], [-1.0, 1.0]])  # from attenuations to weights
    powers, axes = np.linalg.eigh(pairs.T @ gram @ pairs)
    kept = powers > LEAST_POWER * powers[-1]
    root = np.sqrt(powers[kept])
    design, aim = root[:, None] * axes[:, kept].T, (axes[:, kept].T @ (pairs.T @ target)) / root
    attenuations = lsq_linear(design, aim, bounds=ATTENUATIONS).x
    weights: list[float] = (pairs @ attenuations).tolist()
    return weights


def _inner_products(rows: Tensor) -> Tensor:
    """Return the products of all rows (K, N) with one another, summed in double precision, part by part.

    Where the noise is weak the two functions of a band differ on few small coefficients only, and single
    precision would not see the difference.
    """
    products = rows.new_zeros((len(rows), len(rows))).double()
    for start in range(0, rows.shape[1], PART_PIXELS):
        part = rows[:, start : start + PART_PIXELS].double()
        products.addmm_(part, part.T)
    return products


def _image_of(transform: Multiresolution, band: Band, data: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the image of one band with new coefficients, all other bands zero."""
    return transform.inverse(Coefficients((Band(band.subband, data),), shape))


def _domain_pixels(transform: Multiresolution, shape: tuple[int, ...]) -> int:
    return math.prod(part.stop - part.start for part in transform.geometry().domain(shape))
