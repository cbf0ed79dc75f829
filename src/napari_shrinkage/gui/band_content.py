"""What the band explorer knows of an image: its detail bands and the thresholds that a method gives them.

Convention: thresholds are multiples of the noise, one for each band and channel of the field; everything that
takes time happens in a worker (`loading`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from ..diagnostics import DetailBand, bands_of
from ..engine import Progress
from ..noise import NoiseModel
from ..recipe import Plan
from ..restorers import Shrinkage
from ..restorers.base import Restorer
from ..rules import Hard, Soft
from ..stack import Stack
from ..thresholds import PerBand
from ..transforms.base import Subband
from .content import Content
from .correlation_plot import SHARED
from .jobs import Work
from .kept_analysis import Multiples, thresholds_of

MOST_DRAWN = 2**15  # coefficients behind a histogram


@dataclass(frozen=True)
class BandWish:
    """Whose bands shall be shown; read on the GUI thread."""

    content: Content
    restorer: Restorer
    noise: NoiseModel | None
    reference: Stack | None
    device: str = "auto"
    threads: int | None = None

    def same_bands(self, other: BandWish) -> bool:
        """Whether another wish is for the same coefficients and risk curves."""
        mine, theirs = self.restorer, other.restorer
        return (
            self.content is other.content
            and self.reference is other.reference
            and self.noise == other.noise
            and isinstance(mine, Shrinkage)
            and isinstance(theirs, Shrinkage)
            and (mine.transform, mine.rule) == (theirs.transform, theirs.rule)
        )


@dataclass(frozen=True, eq=False)
class Bands:
    """The bands of an image with the thresholds that they were opened with.

    Parameters
    ----------
    wish : BandWish
        What they were made for.
    plan : Plan
        Its restorer is a resolved `Shrinkage`.
    found : dict
        Each band by key and channel; those that get no noise are missing.
    """

    wish: BandWish
    plan: Plan
    found: dict[tuple[str, int], DetailBand]

    @property
    def restorer(self) -> Shrinkage:
        """The resolved method."""
        assert isinstance(self.plan.restorer, Shrinkage)
        return self.plan.restorer

    @property
    def channels(self) -> int:
        """Channels of the field."""
        return self.wish.content.stack.channels

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What to call the channels; a single one has no name."""
        if self.channels == 1:
            return ("",)
        if self.wish.content.stack.is_color:
            return SHARED
        return tuple(f"Channel {number}" for number in range(self.channels))

    @property
    def knows_risk(self) -> bool:
        """Whether the error as a function of the threshold is known for the rule."""
        return isinstance(self.restorer.rule, Soft | Hard)

    @cached_property
    def subbands(self) -> list[Subband]:
        """The detail bands of the transform."""
        return [band for band in self.restorer.transform.subbands() if band.detail]

    @cached_property
    def starting(self) -> Multiples:
        """The thresholds that the method gives."""
        return thresholds_of(self.restorer, self.subbands, self.channels)

    def chosen(self, name: str) -> Multiples:
        """Return the thresholds of every band by a name of `DetailBand.thresholds`; bands without it stay."""
        chosen = {key: list(values) for key, values in self.starting.items()}
        for (key, channel), band in self.found.items():
            chosen[key][channel] = band.thresholds[name]
        return {key: tuple(values) for key, values in chosen.items()}

    def offers(self, name: str) -> bool:
        """Whether thresholds of this name are known."""
        usable = name == "bayes" or self.knows_risk
        return usable and all(name in band.thresholds for band in self.found.values())

    def with_thresholds(self, multiples: Multiples) -> Shrinkage:
        """Return the method with thresholds that are nobody's fit any more."""
        return self.restorer.replace(threshold=PerBand(values=multiples), fitted=None)

    def drawn(self, key: str, channel: int) -> DetailBand | None:
        """Return a band with few enough coefficients for a histogram while a threshold is dragged."""
        band = self.found.get((key, channel))
        if band is None:
            return None
        step = -(-band.noisy.size // MOST_DRAWN)
        return replace(band, noisy=band.noisy[::step], clean=None)


def loading(wish: BandWish, known: Bands | None) -> Work:
    """Return the `Bands` of a wish (in a worker); known ones are taken over where they are the same.

    Raises
    ------
    ValueError
        If the method has no thresholds.
    """
    if not isinstance(wish.restorer, Shrinkage):
        raise ValueError(
            f"{type(wish.restorer).title} has weights in place of thresholds. The bands are those of "
            "Shrinkage: choose it as the method."
        )
    yield Progress(0, 1, "deciding from the data")
    content = wish.content
    plan = content.plan(wish.restorer, wish.noise, wish.device, wish.threads)
    made = Bands(wish, plan, {})
    made.starting  # noqa: B018, fails here where the thresholds are those of other bands or channels
    if known is not None and _alike(known, made):
        return replace(made, found=known.found)
    yield Progress(0, 1, "analysing the image")
    stack, restorer = content.stack, made.restorer
    truth = None if wish.reference is None else wish.reference.array
    rule: Any = restorer.rule
    bands = bands_of(stack.array, restorer.transform, plan.noise, truth, stack.axes, cast(Soft, rule))
    yield from _prepared(bands)
    return replace(made, found={(band.key, band.channel): band for band in bands})


def _alike(known: Bands, made: Bands) -> bool:
    """Whether the coefficients and curves of known bands are those of new ones."""
    ours, theirs = known.restorer, made.restorer
    return (
        known.wish.content is made.wish.content
        and known.wish.reference is made.wish.reference
        and (ours.transform, ours.rule, known.plan.noise) == (theirs.transform, theirs.rule, made.plan.noise)
    )


def _prepared(bands: tuple[DetailBand, ...]) -> Iterator[Progress]:
    """Work out what the plots will ask for, so that the GUI thread need not."""
    for done, band in enumerate(bands):
        yield Progress(done, len(bands), "analysing the image")
        band.thresholds  # noqa: B018, cached from here on, as are the curves behind it
