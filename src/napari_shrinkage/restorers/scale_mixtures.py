"""Gaussian scale mixtures: neighbouring wavelet coefficients share how strong they are, and their noise.

Convention: coefficients have the image's unit, in which its noise has variance 1. Covariances depend on the
lag between two coefficients alone, and are listed for `lags`: up to two steps, one of each pair of opposite
lags.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
import numpy.typing as npt

from ..geometry import Geometry
from ..methods import HIDDEN, method
from ..transforms.base import Band, Subband
from ..transforms.stationary import StationaryWavelet
from .base import TILE_PIXELS, Restorer

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

Values = npt.NDArray[np.float64]

SOLVE_PIXELS = 2**20
PART = 2**15  # neighbourhoods at a time: few enough for the cache
MULTIPLIERS = np.exp(np.arange(-8.5, 5.6, 2.0))
PRIOR = np.array([8.0, *[1.0] * (len(MULTIPLIERS) - 1)])  # the lowest stands for all below, too
LEAST_POWER = 1e-6  # of the noise's strongest direction in a neighbourhood: what it is taken to have in any


@method("gsm", title="Gaussian scale mixtures")
class ScaleMixture(Restorer):
    """Estimate each wavelet coefficient from its 3 x 3 neighbourhood, by the strength that all nine share.

    A neighbourhood of clean coefficients is taken as sqrt(z) u: u is Gaussian with one covariance for the
    whole band, and z, its strength, varies from place to place and is unknown. For each z the best estimate
    is a Wiener filter; the result is their mean, weighed by how likely each z is (Bayes least squares).

    Parameters
    ----------
    transform : StationaryWavelet
        Domain of the neighbourhoods; Haar is the measured best.
    signal : dict of tuple
        Per band and channel the covariances of u, flat; None measures them in the noisy data.

    Notes
    -----
    The noise's covariance within a neighbourhood follows from the wavelet and the noise's autocorrelation, so
    correlated noise is told from the image not by its strength in a band alone, but by its shape, too. What
    the observed covariance exceeds it by is the signal's. Its prior is uniform in log z.

    Neighbours lie a quarter of a Haar filter apart, at least a pixel. The original, on decimated bands, has
    the parent coefficient among them; here it gained nothing.

    References
    ----------
    Portilla, Strela, Wainwright, Simoncelli, "Image denoising using scale mixtures of Gaussians in the
    wavelet domain", IEEE TIP 12, 2003, doi:10.1109/TIP.2003.818640 (003_5c1e63c404753ca9.txt, 2.3.4.2).
    """

    transform: StationaryWavelet = StationaryWavelet(wavelet="haar")
    signal: Annotated[dict[str, tuple[float, ...]] | None, HIDDEN] = None

    @property
    def spatial_ndim(self) -> int:
        """Planes or volumes, as the transform says."""
        return self.transform.ndim

    def resolve(self, sample: Sample) -> Self:
        """Resolve the transform, then measure covariances on at most 1 million pixels per channel."""
        transform = self.transform.resolve(sample)
        if self.signal is not None:
            return self.replace(transform=transform)
        part = sample.part(SOLVE_PIXELS)
        fields = part.tensor()
        found: dict[str, tuple[float, ...]] = {}
        for c in range(part.channels):
            measured = signal_covariances(transform, fields[:, c : c + 1], part.correlation_of(c))
            found = {key: (*found.get(key, ()), *values) for key, values in measured.items()}
        return self.replace(transform=transform, signal=found)

    def channel(self, index: int) -> Self:
        """Return the restorer of one channel alone, with its covariances."""
        assert self.signal is not None, "resolve before channel"
        count = len(lags(self.spatial_ndim))
        own = slice(count * index, count * (index + 1))
        return self.replace(signal={key: values[own] or values for key, values in self.signal.items()})

    @property
    def tile_pixels(self) -> int:
        """A quarter of the usual: it takes long, and Cancel waits for a tile."""
        return TILE_PIXELS // 4

    def geometry(self) -> Geometry:
        """Return the transform's geometry, with the reach of the coarsest neighbourhood added."""
        inner = self.transform.geometry()
        assert inner.halo is not None
        halo = tuple(
            h + spacing_of(levels) for h, levels in zip(inner.halo, self.transform.axis_levels, strict=True)
        )
        return Geometry(inner.border, inner.margin, inner.multiple, halo)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Estimate the coefficients of extended fields (B, C, *domain); differentiable."""
        noise = noise_covariances(self.transform, correlation)
        coefficients = self.transform.analysis(z)
        return self.transform.synthesis(coefficients.map(lambda band: self._estimated(band, noise[band.key])))

    def _estimated(self, band: Band, noise: Values) -> Tensor:
        import torch

        each = [
            Mixture.of(signal, noise, self.spatial_ndim).estimate(
                neighbourhoods(band.data[:, c], band.subband, self.spatial_ndim)
            )
            for c, signal in enumerate(self._signals_of(band))
        ]
        return torch.stack(each, 1)

    def _signals_of(self, band: Band) -> list[Values]:
        """Return the covariances of each channel, one set serving all."""
        assert self.signal is not None, "resolve before apply"
        found, channels = np.asarray(self.signal.get(band.key, ())), band.data.shape[1]
        count = len(lags(self.spatial_ndim))
        if found.size not in (count, count * channels):
            raise ValueError(
                f"the scale mixture has {found.size} covariances for band {band.key!r}; the image has "
                f"{channels} channels. Give {count}, or {count} per channel, or signal=None to measure them."
            )
        return list(np.broadcast_to(found.reshape(-1, count), (channels, count)))


@dataclass(frozen=True)
class Mixture:
    """The neighbourhoods of a band, in coordinates where signal and noise are independent everywhere.

    Parameters
    ----------
    axes : ndarray, (N, N)
        From neighbours to coordinates whose noise has variance 1.
    powers : ndarray, (N,)
        Variance of the signal along each, for z = 1.
    back : ndarray, (N,)
        From the coordinates to the coefficient in the middle.
    """

    axes: Values
    powers: Values
    back: Values

    @classmethod
    def of(cls, signal: Values, noise: Values, ndim: int) -> Self:
        """Return the mixture of two lists of covariances, one for each of `lags`.

        Notes
        -----
        The noise of neighbours may depend on each other nearly linearly; directions that it hardly has are
        given a little. Directions with less energy than their noise hold no signal.
        """
        strengths, directions = np.linalg.eigh(matrix(noise, ndim))
        roots = np.sqrt(np.maximum(strengths, max(LEAST_POWER * strengths[-1], 1e-12)))
        whitening = (directions / roots).T
        powers, turn = np.linalg.eigh(whitening @ matrix(signal, ndim) @ whitening.T)
        back = (directions * roots) @ turn
        return cls(turn.T @ whitening, np.maximum(powers, 0), back[len(back) // 2])

    def estimate(self, neighbours: Tensor) -> Tensor:
        """Return the clean coefficients (...) of neighbourhoods (N, ...)."""
        import torch

        attenuations = 1 - 1 / (1 + MULTIPLIERS[:, None] * self.powers)  # (Z, N)
        evidence = np.log(PRIOR) + np.log(1 - attenuations).sum(1) / 2
        axes, back, gains, offset = (
            neighbours.new_tensor(a)
            for a in (self.axes, attenuations * self.back, attenuations / 2, evidence[:, None])
        )

        def estimated(part: Tensor) -> Tensor:
            v = axes @ part
            weights = torch.softmax(gains @ v**2 + offset, 0)
            return (weights * (back @ v)).sum(0)

        flat = neighbours.flatten(1)
        parts = [estimated(part) for part in torch.split(flat, PART, 1)]
        return torch.cat(parts).reshape(neighbours.shape[1:])


def neighbourhoods(x: Tensor, subband: Subband, ndim: int) -> Tensor:
    """Return the neighbours (N, B, *domain) of every coefficient (B, *domain), itself in the middle."""
    import torch

    axes, step = tuple(range(-ndim, 0)), spacing_of(subband.level)
    return torch.stack([x.roll(tuple(-step * n for n in place), axes) for place in places(ndim)])


def signal_covariances(
    transform: StationaryWavelet, fields: Tensor, correlation: Autocorrelation | None
) -> dict[str, tuple[float, ...]]:
    """Return what the covariances of each detail band of fields (B, 1, *spatial) exceed the noise's by."""
    noise = noise_covariances(transform, correlation)
    found = {key: -covariances for key, covariances in noise.items()}
    for field in fields:
        for band in transform.forward(field[None]).details():
            found[band.key] += observed_covariances(band, transform.ndim) / len(fields)
    return {key: tuple(covariances.tolist()) for key, covariances in found.items()}


def observed_covariances(band: Band, ndim: int) -> Values:
    """Return the mean product of a band's coefficients that are a lag apart, for each of `lags`."""
    axes, step, x = tuple(range(-ndim, 0)), spacing_of(band.subband.level), band.data
    products = [(x * x.roll(tuple(-step * n for n in lag), axes)).double().mean() for lag in lags(ndim)]
    return np.array([float(product) for product in products])


@lru_cache(maxsize=32)
def noise_covariances(transform: StationaryWavelet, correlation: Autocorrelation | None) -> dict[str, Values]:
    """Return the covariances of the noise in each detail band, computed once for all the windows of a run.

    Raises
    ------
    ValueError
        If the autocorrelation has more or fewer axes than the transform.
    """
    ndim = transform.ndim
    window = np.ones((1,) * ndim) if correlation is None else correlation.array
    window = window[None] if window.ndim == ndim - 1 else window
    if window.ndim != ndim:
        raise ValueError(
            f"the noise's autocorrelation has {window.ndim} axes, the transform {ndim}; "
            "estimate the noise with the same number of spatial axes."
        )
    return {band.key: shared_noise(band, window) for band in transform.subbands() if band.detail}


def shared_noise(subband: Subband, window: Values) -> Values:
    """Return the covariance of the noise of two coefficients, for each of `lags`, from the image's own.

    With r the correlation of two pixels and b the filter of an axis it is the sum over l of
    r(l) (b correlated with b)(l - lag), one axis after the other.
    """
    for taps in subband.filters:
        shares = _shifted_products(taps, window.shape[0], spacing_of(subband.level))
        window = np.moveaxis(np.tensordot(shares, window, axes=(1, 0)), 0, -1)
    return np.array([window[tuple(n + 2 for n in lag)] for lag in lags(window.ndim)])


def _shifted_products(taps: Values, width: int, step: int) -> Values:
    """Return the filter correlated with itself at l - step d, (d = -2 to 2, l = the window's lags)."""
    own = np.correlate(taps, taps, mode="full")
    wanted = np.arange(width) - width // 2 - step * np.arange(-2, 3)[:, None] + taps.size - 1
    known = (wanted >= 0) & (wanted < own.size)
    return np.where(known, own[np.clip(wanted, 0, own.size - 1)], 0.0)


def matrix(covariances: Sequence[float] | Values, ndim: int) -> Values:
    """Return the covariance matrix (N, N) of a neighbourhood from those at `lags`."""
    known = dict(zip(lags(ndim), covariances, strict=True))
    rows = [
        [known[max(lag, tuple(-n for n in lag))] for b in places(ndim) for lag in [_lag(a, b)]]
        for a in places(ndim)
    ]
    return np.array(rows)


def _lag(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(m - n for m, n in zip(a, b, strict=True))


@cache
def places(ndim: int) -> tuple[tuple[int, ...], ...]:
    """Return where the neighbours lie, in steps; the middle of the list is the coefficient itself."""
    return tuple(itertools.product((-1, 0, 1), repeat=ndim))


@cache
def lags(ndim: int) -> tuple[tuple[int, ...], ...]:
    """Return the lags between neighbours, in steps: 0, and one of each pair of opposite ones."""
    return tuple(lag for lag in itertools.product(range(-2, 3), repeat=ndim) if lag >= (0,) * ndim)


def spacing_of(level: int) -> int:
    """Return the step between neighbours in pixels: a quarter of the level's Haar filter, at least 1."""
    return int(max(2 ** (level - 2), 1))
