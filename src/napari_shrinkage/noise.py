"""Noise models: the one place that knows counts, gains and offsets.

Convention: `forward` takes pixel values to a scale where the noise has variance 1, `inverse` takes restored values
back without bias. Every restorer works between the two.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any, ClassVar, Self

import annotated_types as at
import numpy as np
import numpy.typing as npt

from .methods import HIDDEN, Method, method


class NoiseWarning(UserWarning):
    """A noise estimate that cannot be trusted, with the reason."""


@method("autocorrelation", kw_only=False)
class Autocorrelation(Method):
    """How noise at one pixel resembles noise at its neighbours: correlation against lag.

    The values are normalised to 1 at lag 0, made symmetric, and projected onto a non-negative power spectrum, so that
    no coefficient ever gets a negative variance.

    Parameters
    ----------
    values : nested tuple of float
        Correlation on an odd-sized window of lags, lag 0 in the middle, one nesting level per spatial axis.

    Notes
    -----
    For noise sigma * (white * g) with ||g|| = 1 the values are g correlated with itself (seed 003, section 2.3.4.3).
    """

    role: ClassVar[str] = "autocorrelation"
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        window = np.asarray(self.values, dtype=np.float64)
        centre = tuple(n // 2 for n in window.shape)
        if not window.ndim or any(n % 2 == 0 for n in window.shape) or not np.isfinite(window).all() or window[centre] <= 0:
            raise ValueError(f"an autocorrelation is a window of finite numbers of odd size on every axis, positive at its "
                             f"middle (lag 0); this one has shape {window.shape}. Cut it to an odd size around lag 0.")
        object.__setattr__(self, "values", _nested_tuples(_projected(window / window[centre])))

    @classmethod
    def from_kernel(cls, kernel: npt.ArrayLike) -> Self:
        """Return the autocorrelation of white noise convolved with `kernel`."""
        from scipy.signal import correlate

        g = np.asarray(kernel, dtype=np.float64)
        return cls(_nested_tuples(correlate(g, g, mode="full")))

    @property
    def array(self) -> npt.NDArray[np.float64]:
        """The values as an array, lag 0 in the middle."""
        return np.asarray(self.values, dtype=np.float64)

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return self.array.ndim

    @property
    def density(self) -> float:
        """Noise power at the lowest frequencies, as a multiple of white noise of the same variance."""
        return float(max(self.array.sum(), 0.0))

    def variance(self, filters: Sequence[npt.NDArray[np.float64]]) -> float:
        """Return the variance of a coefficient whose basis function is the product of one filter per axis.

        v = sum over lags of r(lag) (b correlated with b)(lag), for noise of variance 1 (seed 003, section 2.3.4.3).
        """
        window = self.array
        if len(filters) == window.ndim + 1:
            window = window[None]
        if len(filters) != window.ndim:
            raise ValueError(f"the noise's autocorrelation has {self.ndim} axes, the transform {len(filters)}; "
                             "estimate the noise with the same number of spatial axes.")
        for taps, lags in zip(filters, window.shape, strict=True):
            own = _lagged(np.correlate(taps, taps, mode="full"), lags // 2)
            window = np.tensordot(own, window, axes=(0, 0))
        return float(window)


class NoiseModel(Method):
    """Base of the noise models: to unit-variance noise and back."""

    role: ClassVar[str] = "noise"
    verdict: str
    autocorrelation: Autocorrelation | None

    @abstractmethod
    def forward(self, x: Any) -> Any:
        """Return values whose noise has variance 1."""

    @abstractmethod
    def inverse(self, z: Any) -> Any:
        """Return restored values in the units of the image."""

    @abstractmethod
    def std(self, mean: Any) -> Any:
        """Return the noise std at pixels of the given mean value."""

    @abstractmethod
    def for_channels(self, channels: int) -> Self:
        """Return the model of a field (channels, *spatial): one value per channel, shaped to broadcast."""

    @property
    def is_zero(self) -> bool:
        """Whether there is no noise to remove."""
        return False


@method("gaussian", title="Gaussian", kw_only=False)
class Gaussian(NoiseModel):
    """Noise of the same strength everywhere.

    Parameters
    ----------
    sigma : float or tuple of float
        Noise standard deviation in the units of the image; one number, or one for each channel.
    autocorrelation : Autocorrelation
        Correlation between neighbouring pixels; white noise when absent.
    verdict : str
        What the estimate is worth, in one sentence; "" when the model was given.
    """

    sigma: Annotated[float | tuple[float, ...], at.Ge(0)]
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    def forward(self, x: Any) -> Any:
        """Return x / sigma (see `for_channels`)."""
        return x / self._divisor(x)

    def inverse(self, z: Any) -> Any:
        """Return z * sigma."""
        return z * self._divisor(z)

    def std(self, mean: Any) -> Any:
        """Return sigma, whatever the mean."""
        return np.zeros_like(mean) + self._divisor(mean)

    def for_channels(self, channels: int) -> Gaussian:
        """Return the model with one sigma for each channel; one number serves all."""
        values = self.sigma if isinstance(self.sigma, tuple) else (self.sigma,) * channels
        if len(values) == 1:
            values = values * channels
        if len(values) != channels:
            raise ValueError(f"sigma={self.sigma} has {len(values)} values; the image has {channels} channels. "
                             "Give one number, or one per channel.")
        return self.replace(sigma=values)

    @property
    def is_zero(self) -> bool:
        """Whether every sigma is 0."""
        return not np.any(self.sigma)

    def _divisor(self, values: Any) -> Any:
        if not isinstance(self.sigma, tuple):
            return np.float32(self.sigma or 1.0)
        if len(self.sigma) == 1 or len(set(self.sigma)) == 1:
            return np.float32(self.sigma[0] or 1.0)
        per_channel = np.asarray([s or 1.0 for s in self.sigma], dtype=np.float32)
        return per_channel.reshape(-1, *(1,) * (values.ndim - 1))


def _nested_tuples(values: npt.NDArray[np.float64]) -> tuple[Any, ...]:
    rounded = np.round(values, 6)
    return tuple(_nested_tuples(v) if v.ndim else float(v) for v in rounded)


def _projected(window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the symmetric part of `window` with its negative spectrum removed, 1 at lag 0."""
    even = (window + window[(slice(None, None, -1),) * window.ndim]) / 2
    if all(n == 1 for n in window.shape):
        return even
    padded = [4 * n for n in window.shape]
    spectrum = np.fft.fftn(np.fft.ifftshift(_embedded(even, padded))).real
    if spectrum.min() >= -1e-6 * spectrum.max():
        return even
    full = np.fft.fftshift(np.fft.ifftn(np.maximum(spectrum, 0)).real)
    cut = tuple(slice(p // 2 - n // 2, p // 2 + n // 2 + 1) for p, n in zip(padded, window.shape, strict=True))
    return full[cut] / full[tuple(p // 2 for p in padded)]


def _embedded(window: npt.NDArray[np.float64], shape: Sequence[int]) -> npt.NDArray[np.float64]:
    canvas = np.zeros(shape)
    canvas[tuple(slice(p // 2 - n // 2, p // 2 + n // 2 + 1) for p, n in zip(shape, window.shape, strict=True))] = window
    return canvas


def _lagged(own: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """Cut or pad a one-dimensional autocorrelation to lags -reach..reach."""
    middle = own.size // 2
    lags = np.arange(-reach, reach + 1)
    inside = np.abs(lags) <= middle
    return np.where(inside, own[np.clip(lags + middle, 0, own.size - 1)], 0.0)


