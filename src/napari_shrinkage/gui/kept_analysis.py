"""Previews that follow a dragged threshold: analyses are kept, and only what changed is redone.

Convention: synthesis is linear, so the image with one band's threshold moved is the image before plus the
synthesis of the difference in that band. A kept analysis belongs to the very values that it was made from;
other values get a new one. One thread at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..recipe import Plan
from ..restorers import Shrinkage
from ..restorers.base import Apply
from ..stack import Float
from ..thresholds import FixedThreshold, per_channel
from ..transforms.base import Band, Coefficients, Subband
from ..transforms.multiresolution import Multiresolution

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation

MOST_KEPT = 4  # windows: one, or one for each channel that has its own correlation
MOST_COEFFICIENTS = 2**26  # of a kept window; larger ones are restored as a whole each time

Multiples = dict[str, tuple[float, ...]]


class AnalysisKeeper:
    """Restores windows by wavelet shrinkage, and remembers the coefficients of the last ones."""

    def __init__(self) -> None:
        self._kept: list[KeptWindow] = []

    def served(self, plan: Plan) -> Plan:
        """Return a plan that gives the same pixels and remembers; the plan itself where that is no gain."""
        if not has_steady_bands(plan.restorer):
            return plan
        assert isinstance(plan.restorer, Shrinkage)
        return replace(plan, restorer=KeptShrinkage.of(plan.restorer, self))

    def forget(self) -> None:
        """Free what is remembered."""
        self._kept = []

    def restored(
        self, restorer: Shrinkage, z: Float, device: str, correlation: Autocorrelation | None
    ) -> Float:
        """Restore an extended field (C, *domain) in units of the noise."""
        import torch

        with torch.inference_mode():
            window = next((one for one in self._kept if one.fits(restorer, z, device, correlation)), None)
            if window is None:
                window = KeptWindow.of(restorer, z, device, correlation)
                kept = window.coefficients_count <= MOST_COEFFICIENTS
                self._kept = [*([window] if kept else []), *self._kept][:MOST_KEPT]
            result: Float = window.restored(restorer).cpu().numpy()
            return result


class KeptShrinkage(Shrinkage):
    """Shrinkage of wavelet bands whose windows a keeper remembers; never in a record.

    Notes
    -----
    No method of its own: the fields are those of `Shrinkage`.
    """

    _keeper: AnalysisKeeper

    @classmethod
    def of(cls, restorer: Shrinkage, keeper: AnalysisKeeper) -> Self:
        """Return a restorer that `keeper` serves."""
        made = cls(**{one.name: getattr(restorer, one.name) for one in fields(restorer)})
        object.__setattr__(made, "_keeper", keeper)
        return made

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, served by the same keeper."""
        return self.of(super().replace(**changes), self._keeper)

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return the function that restores one extended field (C, *domain)."""
        return lambda z: self._keeper.restored(self, z, device, correlation)


@dataclass(eq=False)
class KeptWindow:
    """The coefficients of one window, and its image under the thresholds that were asked for last."""

    restorer: Shrinkage
    device: str
    correlation: Autocorrelation | None
    values: Float  # (C, *domain)
    coefficients: Coefficients
    multiples: Multiples | None = None
    image: Tensor | None = None  # (C, *domain)

    @classmethod
    def of(cls, restorer: Shrinkage, z: Float, device: str, correlation: Autocorrelation | None) -> Self:
        """Analyse a window."""
        import torch

        field = torch.from_numpy(z.copy()).to(device)[None]
        return cls(restorer, device, correlation, z.copy(), restorer.transform.analysis(field))

    @property
    def coefficients_count(self) -> int:
        """How many numbers are kept."""
        return sum(band.data.numel() for band in self.coefficients.bands)

    def fits(self, restorer: Shrinkage, z: Float, device: str, correlation: Autocorrelation | None) -> bool:
        """Whether this is the analysis of these values for this transform and rule."""
        ours, theirs = self.restorer, restorer
        return (
            (ours.transform, ours.rule) == (theirs.transform, theirs.rule)
            and (self.device, self.correlation) == (device, correlation)
            and np.array_equal(self.values, z)
        )

    def restored(self, restorer: Shrinkage) -> Tensor:
        """Return the image (C, *domain): only the band that has another threshold than before is redone."""
        wanted = multiples_of(restorer, self.coefficients, len(self.values))
        changed = self._changed(wanted)
        if self.image is None or len(changed) > 1:
            self.image, self.multiples = self._whole(wanted), wanted
            changed = []
        image: Tensor = self.image.clone()
        for key, channel in changed:
            image[channel] += self._difference(key, channel, wanted[key][channel])
        return image

    def _changed(self, wanted: Multiples) -> list[tuple[str, int]]:
        """Return the bands and channels whose thresholds are not those of the image."""
        if self.multiples is None:
            return []
        pairs = ((key, channel) for key, values in wanted.items() for channel in range(len(values)))
        return [(key, c) for key, c in pairs if wanted[key][c] != self.multiples[key][c]]

    def _whole(self, multiples: Multiples) -> Tensor:
        def shrink(band: Band) -> Tensor:
            gain = self._gain(band.key)
            t = band.data.new_tensor([gain * m for m in multiples[band.key]])
            shrunk: Tensor = self._rule(gain)(band.data, t.reshape(1, -1, *(1,) * (band.data.ndim - 2)))
            return shrunk

        image: Tensor = self.restorer.transform.synthesis(self.coefficients.map(shrink))[0]
        return image

    def _difference(self, key: str, channel: int, multiple: float) -> Tensor:
        """Return what another threshold of one band adds to the image of its channel."""
        assert self.multiples is not None
        band = next(band for band in self.coefficients.bands if band.key == key)
        values, gain = band.data[:, channel : channel + 1], self._gain(key)
        rule = self._rule(gain)
        moved = rule(values, gain * multiple) - rule(values, gain * self.multiples[key][channel])
        alone = Coefficients((Band(band.subband, moved),), self.coefficients.shape)
        image: Tensor = self.restorer.transform.synthesis(alone)[0, 0]
        return image

    def _gain(self, key: str) -> float:
        return self.restorer.transform.noise_gain(self.correlation)[key]

    def _rule(self, gain: float) -> Any:
        return self.restorer.rule.for_noise(gain)


def has_steady_bands(restorer: Any) -> bool:
    """Whether a restorer shrinks wavelet bands by given thresholds, in one place each: no cycle spinning."""
    return (
        isinstance(restorer, Shrinkage)
        and isinstance(restorer.transform, Multiresolution)
        and isinstance(restorer.threshold, FixedThreshold)
        and (restorer.spins == 1 or max(restorer.transform.geometry().multiple) == 1)
    )


def multiples_of(restorer: Shrinkage, coefficients: Coefficients, channels: int) -> Multiples:
    """Return the threshold of every detail band and channel, in multiples of the noise."""
    return thresholds_of(restorer, [band.subband for band in coefficients.details()], channels)


def thresholds_of(restorer: Shrinkage, subbands: list[Subband], channels: int) -> Multiples:
    """Return the thresholds of detail bands, by key: one number for each channel.

    Raises
    ------
    ValueError
        If the threshold has none for a band, or is not given as numbers.
    """
    threshold = restorer.threshold
    if not isinstance(threshold, FixedThreshold):
        raise ValueError(
            f"{type(threshold).__name__} chooses thresholds from an image, so it holds no numbers; expected "
            "thresholds per band, such as a fit or the band explorer saves."
        )
    return {band.key: per_channel(threshold.multiple(band), channels, band.key) for band in subbands}
