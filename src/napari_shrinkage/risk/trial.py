"""An image made ready to try restorers on: its noise std, the pixels that count, and the probes.

Convention: a probe has the covariance of the noise; it is used with both signs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..color import to_rgb
from ..noise import Autocorrelation, NoiseModel, PoissonGaussian
from ..noise.base import check_even
from ..stack import Array
from .estimate import RiskEstimate, total, variance_of_sum
from .fields import local_mean, noise_field

Restore = Callable[[Array], Array]

ALPHA = 0.02  # the probe has this share of the noise's variance
PAIRS = 2
STREAM = 0x5FA1E  # of chance, so that no probe repeats noise that was simulated from the same seed


@dataclass(frozen=True, eq=False)
class Trial:
    """An image made ready for risk estimates, and the probes that all candidates share.

    Sharing them lets the differences between candidates be far more certain than each value.

    Parameters
    ----------
    image : ndarray, (*spatial) or (C, *spatial)
        Noisy values.
    std : ndarray
        Noise std of every pixel.
    mask : ndarray of bool
        Pixels that take part.
    probes : tuple of ndarray
        Fields with the covariance of the noise.
    alpha : float
        Variance of what is added to the image, as a share of the noise's.
    power : float
        Sum of the squared autocorrelation: how many pixels say the same.
    """

    image: Array
    std: Array
    mask: npt.NDArray[np.bool_]
    probes: tuple[Array, ...]
    alpha: float
    power: float

    @classmethod
    def of(
        cls,
        image: Array,
        noise: NoiseModel,
        mean: Array | None = None,
        mask: Array | None = None,
        alpha: float = ALPHA,
        pairs: int = PAIRS,
        seed: int = 0,
    ) -> Trial:
        """Return the trial of an image; the parameters are those of `divergence_risk`."""
        if not alpha > 0 or pairs < 1:
            raise ValueError(f"alpha={alpha}, pairs={pairs}: expected alpha > 0 and at least one pair.")
        check_even(noise, "estimating an error")
        image = np.asarray(image, np.float32)
        known = np.isfinite(image) if mask is None else np.asarray(mask, bool) & np.isfinite(image)
        if known.shape != image.shape or not known.any():
            raise ValueError(
                f"the mask of shape {known.shape} keeps {int(known.sum())} pixels of an image of shape "
                f"{image.shape}; give one of the image's shape that keeps some."
            )
        mean = local_mean(image) if mean is None else np.asarray(mean, np.float32)
        std, strength = _finite(noise.std(mean)), _finite(noise.std(probed_mean(image, mean, noise)))
        rng = np.random.default_rng([STREAM, seed])
        probes = tuple(strength * unit_noise(image.shape, noise, rng) for _ in range(pairs))
        return cls(image, std, known, probes, alpha, _power(noise.correlations(noise.color is not None)))

    def shaken(self, restore: Restore) -> Generator[None, None, list[tuple[Array, Array]]]:
        """Restore the image with every probe added and taken away."""
        pairs, size = [], np.float32(math.sqrt(self.alpha))
        for probe in self.probes:
            yield
            plus = restore(self.image + size * probe)
            yield
            pairs.append((plus, restore(self.image - size * probe)))
        return pairs

    def coupling(self, pairs: Sequence[tuple[Array, Array]]) -> Array:
        """Return what each pixel adds to twice the covariance of noise and result."""
        terms = [probe * (plus - minus) for probe, (plus, minus) in zip(self.probes, pairs, strict=True)]
        return np.asarray(sum(terms) / np.float32(len(terms) * math.sqrt(self.alpha)))

    def estimate(self, squares: Array, coupling: Array, draws: int) -> RiskEstimate:
        """Return mean(squares + coupling - std^2) over the pixels that take part, with its uncertainty."""
        pixels = int(self.mask.sum())
        variance = self.std.astype(np.float64) ** 2
        terms = squares + coupling - variance
        chance = 2 * self.power * variance * (terms + squares)
        spread = max(total(chance, self.mask), 0.0) + variance_of_sum(coupling, self.mask)
        return RiskEstimate(total(terms, self.mask) / pixels, math.sqrt(spread) / pixels, draws, pixels)


def unit_noise(shape: Sequence[int], noise: NoiseModel, rng: np.random.Generator) -> Array:
    """Return noise of variance 1 with the correlations of a model, those that colours share among them."""
    if noise.color is None or len(shape) < 3 or shape[0] != 3:
        return noise_field(shape, noise.autocorrelation, rng)
    channels = [
        std * noise_field(shape[1:], lags, rng)
        for std, lags in zip(noise.color.stds, noise.color.correlations, strict=True)
    ]
    return to_rgb(np.stack(channels).astype(np.float32))


def probed_mean(image: Array, mean: Array, noise: NoiseModel) -> Array:
    """Return the pixel values from which the strength of the probes follows.

    Notes
    -----
    It would be the mean, if the noise were Gaussian; the noisy pixels themselves would add the covariance of
    their variance with what the restorer does there. Shot noise is skewed, and half of just that covariance
    makes up for its third cumulant: E (y - x) f(y) = v E f'(y) + gain v E f''(y) / 2 + ... for a variance v,
    while v taken at x + w (y - x) gives v E f' + w gain v E f''. So the way from the mean to the pixel is w =
    1/2 for pure shot noise, less by the share of the read noise in the variance. At 20 electrons in the
    brightest pixels this takes an error of 6 % out of the estimate.
    """
    if not isinstance(noise, PoissonGaussian):
        return mean
    read = noise.std(np.full_like(mean, -np.inf)) ** 2
    shot_share = 1 - read / np.maximum(noise.std(mean) ** 2, np.finfo(np.float32).tiny)
    return np.asarray(mean + shot_share / 2 * (image - mean))


def _power(correlations: Sequence[Autocorrelation | None]) -> float:
    """Return the mean over channels of the sum of the squared autocorrelation."""
    return float(np.mean([1.0 if one is None else np.sum(one.array**2) for one in correlations]))


def _finite(std: Array) -> Array:
    return np.where(np.isfinite(std), std, 0).astype(np.float32)
