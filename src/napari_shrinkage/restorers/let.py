"""SURE-LET: a linear expansion of thresholds for each band, its weights solved without a target.

Convention: the weights are the exact minimiser of Stein's unbiased risk in the image domain (a small linear
system), so there is no threshold to choose. Applying them is a pointwise map between analysis and
synthesis.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Self

from ..methods import HIDDEN, method
from ..stack import Geometry
from ..transforms.base import Band, Coefficients, Transform
from ..transforms.stationary import StationaryWavelet
from .base import Restorer

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

REACH = 3.0
STEEPNESS = 8
SOLVE_PIXELS = 2**20


@method("let", title="SURE-LET")
class Let(Restorer):
    """Linear expansion of thresholds on the bands of a wavelet, with weights from Stein's unbiased risk.

    Each band's coefficients c (in units of their noise) become a1 c + a2 c (1 - exp(-(c / 3)^8)); all
    weights are solved together for the smallest unbiased estimate of the image's squared error.

    Parameters
    ----------
    transform : Transform
        A wavelet transform; stationary Haar is the measured best.
    weights : dict of tuple
        Per band and channel the two weights a1, a2, flat; None solves them from the noisy data.

    References
    ----------
    Blu, Luisier, "The SURE-LET approach to image denoising", IEEE TIP 16, 2007, doi:10.1109/TIP.2007.906002.
    """

    transform: Transform = StationaryWavelet(wavelet="haar")
    weights: Annotated[dict[str, tuple[float, ...]] | None, HIDDEN] = None

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as the transform says."""
        return self.transform.ndim

    def resolve(self, sample: Sample) -> Self:
        """Resolve the transform, then solve the weights on at most 1 million pixels per channel."""
        transform = self.transform.resolve(sample)
        if self.weights is not None:
            return self.replace(transform=transform)
        part = sample.part(SOLVE_PIXELS)
        per_channel = [
            solved_weights(transform, part.tensor()[:, [c]], sample.correlation) for c in range(part.channels)
        ]
        keys = per_channel[0]
        return self.replace(
            transform=transform, weights={key: sum((w[key] for w in per_channel), ()) for key in keys}
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
        assert self.weights is not None, "resolve before apply"
        a = band.data.new_tensor(self.weights[band.key]).reshape(-1, 2, *(1,) * self.spatial_ndim)
        linear, thresholded = expansion(band.data, gain)
        return a[:, 0] * linear + a[:, 1] * thresholded


def expansion(c: Tensor, gain: float) -> tuple[Tensor, Tensor]:
    """Return the elementary functions of coefficients with noise std `gain`: c, and c without its small values."""
    decay = (-((c / (REACH * gain)) ** STEEPNESS).clamp_max(50)).exp()
    return c, c * (1 - decay)


def expansion_slopes(c: Tensor, gain: float) -> tuple[Tensor, Tensor]:
    """Return the derivatives of `expansion` in c."""
    scaled = ((c / (REACH * gain)) ** STEEPNESS).clamp_max(50)
    decay = (-scaled).exp()
    return c.new_ones(c.shape), 1 - decay + STEEPNESS * scaled * decay


def solved_weights(
    transform: Transform, z: Tensor, correlation: Autocorrelation | None
) -> dict[str, tuple[float, ...]]:
    """Solve the weights of one channel (B, 1, *spatial) by Stein's unbiased risk in the image domain.

    With F_k the image of elementary function k, and r what the coarse band alone leaves of the image, the
    weights solve (F_k . F_l) a = F_k . r - d_k, where the divergence d_k sums the function's slopes, each
    weighted by `own_responses`.
    """
    import torch

    coefficients = transform.forward(z)
    gains, responses = transform.noise_gain(correlation), own_responses(transform, correlation)
    extension = z[0, 0].numel() / _domain_pixels(transform, coefficients.shape)
    images, divergences = [], []
    for band in coefficients.details():
        functions, slopes = (
            expansion(band.data, gains[band.key]),
            expansion_slopes(band.data, gains[band.key]),
        )
        for values, slope in zip(functions, slopes, strict=True):
            images.append(_image_of(transform, coefficients, band.key, values).flatten())
            divergences.append(responses[band.key] * extension * slope.double().sum())
    functions_matrix = torch.stack(images)
    remainder = (z - _image_of(transform, coefficients, None, None)).flatten()
    gram = (functions_matrix @ functions_matrix.T).double()
    target = (functions_matrix @ remainder).double() - torch.stack(divergences)
    solution = torch.linalg.lstsq(gram, target[:, None], driver="gelsd", rcond=1e-10).solution[:, 0].tolist()
    keys = [band.key for band in coefficients.details()]
    return {key: (solution[2 * i], solution[2 * i + 1]) for i, key in enumerate(keys)}


def own_responses(transform: Transform, correlation: Autocorrelation | None) -> dict[str, float]:
    """Return, per detail band, the covariance of a coefficient's noise with its own part of the image.

    For an orthonormal transform and white noise it is 1; in general it is <a, R s> with the analysis
    function a, the synthesis function s and the noise covariance R, read off the response to a unit
    coefficient.
    """
    import torch

    geometry = transform.geometry()
    assert geometry.halo is not None
    reach = 0 if correlation is None else max(correlation.array.shape)
    shape = tuple(
        -(-(4 * h + 4 * reach + 16) // m) * m for h, m in zip(geometry.halo, geometry.multiple, strict=True)
    )
    zero = transform.analysis(torch.zeros((1, 1, *shape)))
    return {band.key: _own_response(transform, zero, band.key, correlation) for band in zero.details()}


def _own_response(
    transform: Transform, zero: Coefficients, key: str, correlation: Autocorrelation | None
) -> float:
    import torch
    from scipy.ndimage import correlate

    unit = torch.zeros_like(zero[key])
    centre = (0, 0, *(n // 2 for n in unit.shape[2:]))
    unit[centre] = 1
    image = transform.synthesis(_with_only(zero, key, unit))
    if correlation is not None:
        window = correlation.array.reshape((1,) * (image.ndim - correlation.ndim) + correlation.array.shape)
        image = torch.from_numpy(correlate(image.numpy(), window, mode="wrap"))
    return float(transform.analysis(image)[key][centre])


def _with_only(coefficients: Coefficients, key: str, data: Tensor) -> Coefficients:
    """Return coefficients whose every band is zero but one."""
    bands = tuple(
        Band(band.subband, data if band.key == key else band.data.new_zeros(()).expand_as(band.data))
        for band in coefficients.bands
    )
    return Coefficients(bands, coefficients.shape)


def _image_of(
    transform: Transform, coefficients: Coefficients, key: str | None, data: Tensor | None
) -> Tensor:
    """Return the image of one band's new data alone, or of the coarse band when there is no key."""
    import torch

    if key is not None and data is not None:
        return transform.inverse(_with_only(coefficients, key, data))
    return transform.inverse(coefficients.map(lambda band: torch.zeros_like(band.data)))


def _domain_pixels(transform: Transform, shape: tuple[int, ...]) -> int:
    return math.prod(part.stop - part.start for part in transform.geometry().domain(shape))
