"""Threshold selectors: how large a coefficient of each band must be before it counts as signal.

Convention: a selector gives *multiples* of the coefficient's noise std (`gain`, for image noise of variance
1), one for all channels or one for each. A fixed selector knows them from the band's place alone; an adaptive
one reads coefficients, and `resolve` turns it into numbers, once for a run. torch is imported when work
begins.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import annotated_types as at
import numpy as np
import numpy.typing as npt

from .methods import ADVANCED, Method, method
from .transforms.base import Band, Subband

if TYPE_CHECKING:
    from torch import Tensor

    from .sample import Sample
    from .transforms.base import Transform

Multiple = float | tuple[float, ...]
MOST_COEFFICIENTS = 2**25  # of all bands of one channel, from which adaptive thresholds are chosen


class ThresholdSelector(Method):
    """Base of the threshold selectors."""

    role: ClassVar[str] = "threshold"
    needs_data: ClassVar[bool] = False

    @abstractmethod
    def select(self, band: Band | Subband, gain: float) -> Multiple:
        """Return the threshold of a band in multiples of its coefficients' noise std.

        Parameters
        ----------
        band : Band or Subband
            The band; a `Subband`, which has no coefficients, is enough for a fixed selector.
        gain : float
            Noise std of its coefficients.

        Returns
        -------
        float or tuple of float
            One number for all channels, or one for each.
        """

    @abstractmethod
    def resolve(self, sample: Sample, transform: Transform) -> FixedThreshold:
        """Return a selector that needs no data, for one run with a resolved transform."""

    def channel(self, index: int) -> Self:
        """Return the selector for one channel alone."""
        return self

    def __call__(self, band: Band, gain: float) -> Tensor | float:
        """Return the threshold in the units of `band.data` (B, C, *positions), broadcastable to it."""
        multiple = self.select(band, gain)
        if not isinstance(multiple, tuple):
            return gain * multiple
        channels, positions = band.data.shape[1], band.data.ndim - 2
        multiple = per_channel(multiple, channels, band.key)
        return band.data.new_tensor([gain * m for m in multiple]).reshape(1, -1, *(1,) * positions)


class FixedThreshold(ThresholdSelector):
    """Base of the selectors that look at no coefficient."""

    @abstractmethod
    def multiple(self, subband: Subband) -> Multiple:
        """Return the threshold of a band in multiples of its coefficients' noise std."""

    def select(self, band: Band | Subband, gain: float) -> Multiple:
        """Return `multiple` of the band, whatever its coefficients and gain."""
        return self.multiple(band.subband if isinstance(band, Band) else band)

    def resolve(self, sample: Sample, transform: Transform) -> FixedThreshold:
        """Return the selector itself."""
        return self


class AdaptiveThreshold(ThresholdSelector):
    """Base of the selectors that choose from the coefficients of each band and channel."""

    needs_data: ClassVar[bool] = True

    @abstractmethod
    def multiple(self, coefficients: Tensor) -> float:
        """Return the threshold of coefficients (any shape) whose noise has variance 1."""

    def select(self, band: Band | Subband, gain: float) -> tuple[float, ...]:
        """Return one multiple per channel, from the band's own coefficients."""
        if not isinstance(band, Band):
            raise TypeError(
                f"{type(self).__name__} chooses thresholds from coefficients, and a Subband has none. "
                "Give a Band, or call resolve(sample, transform) first."
            )
        values = band.data.detach()
        return tuple(self._multiple(values[:, channel], gain) for channel in range(values.shape[1]))

    def resolve(self, sample: Sample, transform: Transform) -> PerBand:
        """Return the thresholds of every detail band as numbers, chosen from the sample's coefficients.

        Notes
        -----
        Where a redundant transform would make more than `MOST_COEFFICIENTS` of a channel, they are chosen
        from an evenly spread part of the sample.
        """
        fields = sample.part(int(MOST_COEFFICIENTS / redundancy(transform, sample))).tensor()
        found: dict[str, tuple[float, ...]] = {}
        for channel in range(sample.channels):
            gains = transform.noise_gain(sample.correlation_of(channel))
            for key, values in pooled(transform, fields[:, channel : channel + 1]).items():
                found[key] = (*found.get(key, ()), self._multiple(values, gains[key]))
        return PerBand(values=found)

    def _multiple(self, coefficients: Tensor, gain: float) -> float:
        return self.multiple(coefficients / gain) if gain else 0.0  # a band may get none of correlated noise


@method("universal")
class Universal(FixedThreshold):
    """The universal threshold sqrt(2 ln N), above nearly all of the noise: smooth, but small details go.

    Parameters
    ----------
    size : int
        Number of coefficients N; by default the number of pixels of a plane or volume.

    Notes
    -----
    sqrt(2 ln N) bounds the expected maximum of N white Gaussian values from above. Correlated values have a
    smaller maximum, so under correlated noise it is an upper bound of an upper bound. The threshold of least
    risk is lower.

    References
    ----------
    Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994,
    doi:10.1093/biomet/81.3.425.
    """

    size: Annotated[int | None, at.Ge(1), at.Unit("coefficients"), ADVANCED] = None

    def multiple(self, subband: Subband) -> float:
        """Return sqrt(2 ln N)."""
        if self.size is None:
            raise ValueError(
                "Universal(size=None) does not know its number of coefficients yet. Give size, or call "
                "resolve(sample, transform) first."
            )
        return math.sqrt(2 * math.log(self.size))

    def resolve(self, sample: Sample, transform: Transform) -> Universal:
        """Return the threshold for the number of pixels of a whole field."""
        return self if self.size is not None else self.replace(size=math.prod(sample.shape))


@method("bayes", title="BayesShrink")
class Bayes(AdaptiveThreshold):
    """Noise variance over signal std of each band, from its own coefficients; made for the soft rule.

    Notes
    -----
    sigma**2 / sigma_x is close to the threshold of least risk for generalised Gaussian coefficients (eq. 12),
    with sigma_x**2 = mean(c**2) - sigma**2. A band with no more energy than its noise gets the largest
    coefficient as its threshold, which leaves nothing of it.

    References
    ----------
    Chang, Yu, Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE Trans.
    Image Process. 9, 2000, doi:10.1109/83.862633.
    """

    def multiple(self, coefficients: Tensor) -> float:
        """Return 1 / sigma_x, or the size of the largest coefficient where sigma_x is zero."""
        import torch

        energy = float(torch.linalg.vector_norm(coefficients, dtype=torch.float64)) ** 2
        variance = energy / coefficients.numel() - 1
        if variance > 0:
            return 1 / math.sqrt(variance)
        return float(coefficients.abs().max()) * (1 + 1e-6)  # so that rounding lets none of them through


@method("sure", title="SURE")
class Sure(AdaptiveThreshold):
    """The threshold of least estimated risk (Stein) for each band, from its coefficients; for the soft rule.

    Notes
    -----
    The estimate is unbiased for soft thresholding only; another rule needs another threshold. Noise may be
    correlated, since the rule takes each coefficient alone. The risk is that of the coefficients: for
    redundant transforms not quite that of the image. On a band with very few large coefficients its minimum
    is uncertain.

    References
    ----------
    Donoho, Johnstone, "Adapting to unknown smoothness via wavelet shrinkage", J. Am. Stat. Assoc. 90, 1995,
    doi:10.1080/01621459.1995.10476626.
    """

    def multiple(self, coefficients: Tensor) -> float:
        """Return the exact minimiser: the estimate rises with t between two neighbouring sizes."""
        sizes = np.sort(coefficients.abs().flatten().cpu().numpy())
        best = int(np.argmin(soft_risks(sizes)))
        return float(sizes[best - 1]) if best else 0.0


@method("ratio")
class Ratio(FixedThreshold):
    """The same multiple of the noise everywhere.

    Parameters
    ----------
    r : float
        Threshold as a multiple of the coefficient's noise; 2.5 to 2.9 suits a DCT with the hard rule.
    """

    r: Annotated[float, at.Ge(0), at.Le(10), at.Unit("noise std")] = 2.7

    def multiple(self, subband: Subband) -> float:
        """Return r."""
        return self.r


@method("ratio-per-level", title="Ratio per level", advanced=True)
class RatioPerLevel(FixedThreshold):
    """One multiple of the noise for each scale; the default suits the hard rule on an undecimated wavelet.

    Parameters
    ----------
    r : tuple of float
        Threshold as a multiple of the coefficient's noise, the finest level first; coarser levels use the
        last.
    """

    r: Annotated[tuple[float, ...], at.MinLen(1), at.Ge(0), at.Le(10), at.Unit("noise std")] = (
        3.3,
        2.8,
        2.4,
        2.0,
    )

    def multiple(self, subband: Subband) -> float:
        """Return the number of the band's level."""
        return self.r[min(subband.level, len(self.r)) - 1]


@method("profile")
class Profile(FixedThreshold):
    """A multiple of the noise that rises with frequency, where there is less signal to lose.

    Parameters
    ----------
    low : float
        Threshold of the lowest frequency as a multiple of the coefficient's noise.
    high : float
        Threshold of the highest frequency as a multiple of the coefficient's noise.
    """

    low: Annotated[float, at.Ge(0), at.Le(10), at.Unit("noise std")] = 2.1
    high: Annotated[float, at.Ge(0), at.Le(10), at.Unit("noise std")] = 3.1

    def multiple(self, subband: Subband) -> float:
        """Return the number at the band's radius, on the line from `low` to `high`."""
        return self.low + (self.high - self.low) * subband.radius


@method("per-band", title="Per band", advanced=True)
class PerBand(FixedThreshold):
    """A multiple of the noise for each band and channel; what an adaptive selector resolves to.

    Parameters
    ----------
    values : dict of str to tuple of float
        Threshold of each band as multiples of the coefficient's noise, by band key: one number, or one per
        channel.
    """

    values: Annotated[dict[str, tuple[float, ...]], at.Ge(0), at.Unit("noise std")]

    def channel(self, index: int) -> Self:
        """Return the thresholds of one channel alone."""
        return self.replace(values={key: v[index : index + 1] or v for key, v in self.values.items()})

    def multiple(self, subband: Subband) -> tuple[float, ...]:
        """Return the numbers of the band's key."""
        if subband.key not in self.values:
            raise ValueError(
                f"PerBand has no threshold for band {subband.key!r}; it has {', '.join(self.values)}. "
                "Give one for each detail band of the transform, or resolve an adaptive threshold again."
            )
        return self.values[subband.key]


def per_channel(multiple: Multiple, channels: int, key: str) -> tuple[float, ...]:
    """Return one threshold for each channel; a single one serves all.

    Raises
    ------
    ValueError
        If there are several thresholds, but not one per channel.
    """
    multiples = multiple if isinstance(multiple, tuple) else (multiple,)
    if len(multiples) not in (1, channels):
        raise ValueError(
            f"band {key!r} has {len(multiples)} thresholds; the image has {channels} channels. "
            "Give one, or one per channel, or resolve the threshold again on this image."
        )
    return multiples * (channels // len(multiples))


def pooled(transform: Transform, fields: Tensor) -> dict[str, Tensor]:
    """Return the coefficients of every detail band of fields (B, 1, *spatial), flat, all fields together.

    One field is transformed at a time; where all would make more than `MOST_COEFFICIENTS`, every n-th stays.
    """
    import torch

    pools: dict[str, list[Tensor]] = {}
    for index in range(len(fields)):
        bands = tuple(transform.forward(fields[index : index + 1]).details())
        step = math.ceil(len(fields) * sum(band.data.numel() for band in bands) / MOST_COEFFICIENTS)
        step += step % 2 == 0  # odd, so that it does not keep in step with blocks and rows
        for band in bands:
            values = band.data.flatten()
            pools.setdefault(band.key, []).append(values if step == 1 else values[::step].clone())
    return {key: one[0] if len(one) == 1 else torch.cat(one) for key, one in pools.items()}


def redundancy(transform: Transform, sample: Sample) -> float:
    """Return how many coefficients a resolved transform makes of one pixel of its domain."""
    probe = sample.part(1).tensor()[:1, :1]
    domain = transform.geometry().domain(probe.shape[2:])
    coefficients = sum(band.data.numel() for band in transform.forward(probe).bands)
    pixels: int = math.prod(part.stop - part.start for part in domain)
    return coefficients / pixels


def soft_risks(sizes: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return Stein's unbiased estimate of the soft rule's summed squared error at t = 0 and at t = each size.

    Parameters
    ----------
    sizes : ndarray, (n,)
        Absolute values of coefficients whose noise has variance 1, in rising order.

    Returns
    -------
    ndarray, (n + 1,)
        n - 2 #{size <= t} + sum(min(size, t)**2). Of equal sizes the last has the right count, and the lowest
        value.
    """
    squares = np.concatenate([np.zeros(1), np.square(sizes, dtype=np.float64)])
    dropped = np.arange(squares.size)
    kept = sizes.size - dropped
    risks: npt.NDArray[np.float64] = kept - dropped + np.cumsum(squares) + kept * squares
    return risks
