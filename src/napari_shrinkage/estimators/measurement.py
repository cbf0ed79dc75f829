"""What an estimator found: the noise model, whether to trust it, and the numbers that plots show of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..noise import NoiseModel
from .correlation import Spectrum
from .survey import Survey
from .transfer import Line, Transfer


@dataclass(frozen=True)
class Channel:
    """What was read from one channel.

    Parameters
    ----------
    survey : Survey
        What its values give away: range, saturation, grey-level step.
    transfer : Transfer or None
        Noise variance against brightness, with the share that correlated noise hides put back.
    line : Line or None
        The straight line through it.
    spectrum : Spectrum or None
        The noise's energy at each frequency.
    """

    survey: Survey
    transfer: Transfer | None = None
    line: Line | None = None
    spectrum: Spectrum | None = None


@dataclass(frozen=True)
class Measurement:
    """The noise of a stack, and what it was read from.

    Parameters
    ----------
    model : NoiseModel
        With its verdict.
    trusted : bool
        Whether nothing speaks against it.
    channels : tuple of Channel
        One for each channel of the stack.
    """

    model: NoiseModel
    trusted: bool
    channels: tuple[Channel, ...]
