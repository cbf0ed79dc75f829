"""One detail band of a noisy image, in one channel: what a threshold does to it, and what it costs.

Convention: coefficients and thresholds are in units of the coefficients' own noise, so 1 is one standard
deviation in every band, and a threshold is a multiple as in `thresholds`. A risk is a mean squared error per
coefficient in units of its noise variance: 1 is what the noisy band has. torch is imported when work begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..risk_curves import RiskCurve, hard_risk, soft_risk, soft_stein_risk
from ..rules import Hard, Soft
from ..stack import SPATIAL, Float
from ..thresholds import Bayes, FixedThreshold, per_channel
from ..transforms.base import Filter, Subband

Values = npt.NDArray[np.float64]
Rule = Soft | Hard  # those whose risk curve is known in closed form
BINS = 61  # odd, so that zero is the middle of a bin
FLAT = 1e-3  # of a filter's sum of sizes: the sum of its taps where it sees no constant
ORIENTATIONS = {"X": "horizontal", "Y": "vertical", "YX": "diagonal"}


@dataclass(frozen=True)
class BandHistogram:
    """How often coefficients have each size, before and after a threshold.

    Parameters
    ----------
    edges : ndarray, (N + 1,)
        Borders of the bins, in units of the noise.
    before, after : ndarray, (N,)
        Coefficients in each bin. Those that the threshold sets to zero are left out of `after`, where they
        would hide all others.
    share_at_zero : float
        Part of the coefficients that the threshold sets to zero, 0 to 1.
    """

    edges: Values
    before: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]
    share_at_zero: float


@dataclass(frozen=True, eq=False)
class DetailBand:
    """One channel of a detail band of a noisy image.

    Parameters
    ----------
    subband : Subband
        Its key, level and filters.
    channel : int
        Of the field: a colour picture has luminance and two chrominances.
    std : float
        Noise std of a coefficient in units of the image; where the noise depends on the brightness, that at
        the mean of the channel.
    noisy : ndarray, (n,)
        Coefficients in units of their noise, float32.
    clean : ndarray or None, (n,)
        The same coefficients of the reference.
    per_pixel : float
        How many coefficients the band has for each pixel: 1/4 on the finest level of a decimated wavelet.
    rule : Soft or Hard
        What the risk curve is of.
    """

    subband: Subband
    channel: int
    std: float
    noisy: Float
    clean: Float | None
    per_pixel: float
    rule: Rule = Soft()

    @property
    def key(self) -> str:
        """Name of the band within its transform."""
        return self.subband.key

    @property
    def level(self) -> int:
        """Scale, 1 is the finest."""
        return self.subband.level

    @property
    def orientation(self) -> str:
        """Where the detail lies: see `orientation_of`."""
        return orientation_of(self.subband)

    @cached_property
    def curve(self) -> RiskCurve:
        """The squared error against the reference, summed over `noisy`, for every threshold.

        Raises
        ------
        ValueError
            If there is no reference.
        """
        if self.clean is None:
            raise ValueError(
                f"band {self.key!r} has no reference to measure an error against. Give a reference, or use "
                "estimated_curve, which needs none."
            )
        return (soft_risk if isinstance(self.rule, Soft) else hard_risk)(self.noisy, self.clean)

    @cached_property
    def estimated_curve(self) -> RiskCurve:
        """Stein's estimate of the soft rule's squared error, summed over `noisy`, without a reference.

        Raises
        ------
        ValueError
            For the hard rule, which jumps: Stein's estimate needs a rule that does not.
        """
        if not isinstance(self.rule, Soft):
            raise ValueError("Stein's estimate needs a continuous rule; use Soft() for estimated_curve.")
        return soft_stein_risk(self.noisy)

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """Thresholds by name: "bayes"; "sure" for the soft rule; "oracle" where there is a reference."""
        import torch

        found = {"bayes": Bayes().multiple(torch.from_numpy(self.noisy))}
        if isinstance(self.rule, Soft):
            found["sure"] = self.estimated_curve.minimum()[0]
        if self.clean is not None:
            found["oracle"] = self.curve.minimum()[0]
        return found

    def risk_at(self, t: npt.ArrayLike) -> Values:
        """Return the mean squared error per coefficient at thresholds of any shape.

        Against the reference where there is one, else Stein's estimate, which may fall below zero.
        """
        curve = self.estimated_curve if self.clean is None else self.curve
        return curve(t) / max(self.noisy.size, 1)

    def image_error_at(self, t: npt.ArrayLike) -> Values:
        """Return what the band adds to the mean squared error of its channel, in units of the image squared.

        Notes
        -----
        True of orthonormal transforms, where the errors of bands add up (`additivity`). A band holds
        coefficients of the image's continuation too where that reaches over the border.
        """
        return self.risk_at(t) * (self.per_pixel * self.std**2)

    def grid(self, points: int = 20) -> Values:
        """Return thresholds from 0 to three times that of Bayes, at most 1.2 times the largest coefficient.

        The grid of the notes that this began with (000_acfeeb3eb12c2365.txt), evenly spaced.
        """
        largest = float(np.abs(self.noisy).max(initial=0.0))
        return np.linspace(0, 3 * min(self.thresholds["bayes"], 0.4 * largest), points)

    def histogram(self, threshold: float, bins: int = BINS) -> BandHistogram:
        """Return how the coefficients are distributed before and after a threshold.

        Parameters
        ----------
        threshold : float
            In units of the noise.
        bins : int
            Bins from minus to plus the size that one coefficient in 200 exceeds, at least 3. What lies
            beyond is not counted.
        """
        import torch

        shrunk = self.rule(torch.from_numpy(self.noisy), threshold).numpy()
        kept = shrunk[shrunk != 0]
        edges = np.linspace(-self._reach, self._reach, bins + 1)
        counts = [np.histogram(values, edges)[0] for values in (self.noisy, kept)]
        return BandHistogram(edges, counts[0], counts[1], 1 - kept.size / max(self.noisy.size, 1))

    @cached_property
    def _reach(self) -> float:
        return max(3.0, float(np.quantile(np.abs(self.noisy), 0.995))) if self.noisy.size else 3.0


def orientation_of(subband: Subband) -> str:
    """Say along which axes a band has detail.

    Returns
    -------
    str
        "horizontal" for what changes along X (an upright edge; PyWavelets calls that band cV), "vertical" for
        what changes along Y, "diagonal" for both; of volumes the axes by name, such as "along Z and X".
    """
    letters = SPATIAL[-len(subband.filters) :]
    axes = [axis for axis, taps in zip(letters, subband.filters, strict=True) if _is_detail(taps)]
    if len(letters) == 2:
        return ORIENTATIONS["".join(axes)]
    return "along " + " and ".join(axes)


def gain_per_level(
    bands: Sequence[DetailBand], threshold: str | FixedThreshold = "oracle"
) -> dict[int, float]:
    """Return by how much the bands of each level lower the image's mean squared error.

    Parameters
    ----------
    bands : sequence of DetailBand
        All of an image, with a reference or without.
    threshold : str or FixedThreshold
        A name of `DetailBand.thresholds`, or the thresholds themselves.

    Returns
    -------
    dict of int to float
        By level, the finest is 1; in units of the image squared. Their sum is the whole gain where the
        transform is orthonormal.

    Raises
    ------
    ValueError
        If a band has no threshold of this name: "oracle" needs a reference.
    """
    channels = 1 + max((band.channel for band in bands), default=0)
    gains: dict[int, float] = {}
    for band in bands:
        t = _threshold_of(band, threshold, channels)
        gain = float(band.image_error_at(0.0) - band.image_error_at(t)) / channels
        gains[band.level] = gains.get(band.level, 0.0) + gain
    return gains


def _threshold_of(band: DetailBand, threshold: str | FixedThreshold, channels: int) -> float:
    if isinstance(threshold, str):
        return _named(band, threshold)
    return per_channel(threshold.multiple(band.subband), channels, band.key)[band.channel]


def _named(band: DetailBand, name: str) -> float:
    if name not in band.thresholds:
        raise ValueError(
            f"band {band.key!r} has no threshold {name!r}; expected {', '.join(band.thresholds)}. "
            'For "oracle" give bands_of a reference.'
        )
    return band.thresholds[name]


def _is_detail(taps: Filter) -> bool:
    """Whether a filter sees no constant."""
    return bool(abs(taps.sum()) < FLAT * np.abs(taps).sum())
