"""How noise at one pixel resembles that at its neighbours: all that correlated noise needs.

Convention: a window of lags of odd size with lag 0 in the middle, where the value is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..methods import Method, method

DIGITS = 6  # of an autocorrelation in a record
PROJECTIONS = 20


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
