"""Noise models: the one place that knows counts, gains and offsets.

Convention: `forward` takes pixel values to a scale where the noise has variance 1, `inverse` takes restored
values back without bias. Every restorer works between the two.
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

DIGITS = 6  # of an autocorrelation in a record
PROJECTIONS = 20


class NoiseWarning(UserWarning):
    """A noise estimate that cannot be trusted, with the reason."""


@method("autocorrelation", kw_only=False)
class Autocorrelation(Method):
    """How noise at one pixel resembles noise at its neighbours: correlation against lag.

    The values are normalised to 1 at lag 0, made symmetric, and projected onto a non-negative power spectrum,
    so that no coefficient ever gets a negative variance.

    Parameters
    ----------
    values : nested tuple of float
        Correlation on an odd-sized window of lags, lag 0 in the middle, one nesting level per spatial axis.

    Notes
    -----
    For noise sigma * (white * g) with ||g|| = 1 the values are g correlated with itself
    (003_5c1e63c404753ca9.txt, 2.3.4.3).
    """

    role: ClassVar[str] = "autocorrelation"
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        window = np.asarray(self.values, dtype=np.float64)
        centre = tuple(n // 2 for n in window.shape)
        if (
            not window.ndim
            or any(n % 2 == 0 for n in window.shape)
            or not np.isfinite(window).all()
            or window[centre] <= 0
        ):
            raise ValueError(
                "an autocorrelation is a window of finite numbers of odd size on every axis, positive at its "
                f"middle (lag 0); this one has shape {window.shape}. Cut it to an odd size around lag 0."
            )
        object.__setattr__(self, "values", _nested_tuples(_projected(window / window[centre])))

    @classmethod
    def from_kernel(cls, kernel: npt.ArrayLike) -> Self:
        """Return the autocorrelation of white noise convolved with `kernel`."""
        from scipy.signal import correlate

        g = np.asarray(kernel, dtype=np.float64)
        return cls(_nested_tuples(correlate(g, g, mode="full") / np.sum(g**2)))

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

        v = sum over lags of r(lag) (b correlated with b)(lag), for noise of variance 1
        (003_5c1e63c404753ca9.txt, 2.3.4.3).
        """
        window = self.array
        if len(filters) == window.ndim + 1:
            window = window[None]
        if len(filters) != window.ndim:
            raise ValueError(
                f"the noise's autocorrelation has {self.ndim} axes, the transform {len(filters)}; "
                "estimate the noise with the same number of spatial axes."
            )
        for taps, lags in zip(filters, window.shape, strict=True):
            own = np.correlate(np.pad(taps, lags // 2), taps, mode="valid")
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

    def silent(self) -> tuple[bool, ...]:
        """Say for each channel whether it has no noise at all and is left as it is; () when none is."""
        return ()


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

    sigma: Annotated[float | tuple[float, ...], at.Ge(0), at.MinLen(1)]
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    def forward(self, x: Any) -> Any:
        """Return x / sigma (see `for_channels`)."""
        return x / self._divisor(x.ndim)

    def inverse(self, z: Any) -> Any:
        """Return z * sigma."""
        return z * self._divisor(z.ndim)

    def std(self, mean: Any) -> Any:
        """Return sigma, whatever the mean."""
        return np.zeros(np.shape(mean), np.float32) + self._shaped(np.ndim(mean))

    def for_channels(self, channels: int) -> Gaussian:
        """Return the model with one sigma for each channel; one number serves all."""
        values = self.sigma if isinstance(self.sigma, tuple) else (self.sigma,) * channels
        if len(values) == 1:
            values = values * channels
        if len(values) != channels:
            raise ValueError(
                f"sigma={self.sigma} has {len(values)} values; the image has {channels} channels. "
                "Give one number, or one per channel."
            )
        return self.replace(sigma=values)

    def silent(self) -> tuple[bool, ...]:
        """Say for each channel whether its sigma is 0, or too small for float32."""
        silent = np.asarray(self.sigma, np.float32).ravel() == 0
        return tuple(silent.tolist()) if silent.any() else ()

    def _divisor(self, ndim: int) -> Any:
        """Return sigma, with 1 in place of 0: a channel without noise stays as it is."""
        sigma = self._shaped(ndim)
        return sigma + (sigma == 0)

    def _shaped(self, ndim: int) -> Any:
        """Return sigma as one number, or shaped to broadcast along the channels of a field of `ndim` axes."""
        sigma = np.asarray(self.sigma, np.float32)
        return sigma.flat[0] if np.ptp(sigma) == 0 else sigma.reshape(-1, *(1,) * (ndim - 1))


def _nested_tuples(values: npt.NDArray[np.float64]) -> tuple[Any, ...]:
    return tuple(_nested_tuples(v) if v.ndim else round(float(v), DIGITS) for v in values)


def _projected(window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the symmetric part of `window` without its negative spectrum, 1 at lag 0.

    Clipping the spectrum and cutting to the window alternate until both hold, or nearly; then the rest is
    made up for by white noise. A window that is right up to the rounding of its digits stays as it is.
    """
    window = (window + np.flip(window)) / 2
    if _spectrum(window).min() >= -(10.0**-DIGITS) * window.size:
        return window
    centre = tuple(n // 2 for n in window.shape)
    for _ in range(PROJECTIONS):
        wide = np.fft.fftshift(np.fft.ifftn(np.maximum(_spectrum(window), 0)).real)
        window = wide[_middle(wide.shape, window.shape)]
    window[centre] -= min(_spectrum(window).min(), 0)
    window /= window[centre]
    return window


def _spectrum(window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the power spectrum of an autocorrelation window on a grid four times as wide."""
    canvas = np.zeros([4 * n for n in window.shape])
    canvas[_middle(canvas.shape, window.shape)] = window
    spectrum: npt.NDArray[np.float64] = np.fft.fftn(np.fft.ifftshift(canvas)).real
    return spectrum


def _middle(wide: Sequence[int], narrow: Sequence[int]) -> tuple[slice, ...]:
    """Return the window of shape `narrow` around the middle of an array of shape `wide`."""
    return tuple(slice(w // 2 - n // 2, w // 2 + n // 2 + 1) for w, n in zip(wide, narrow, strict=True))
