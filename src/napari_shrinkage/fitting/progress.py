"""What a fit says of itself while it works, and what it leaves."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from ..engine import Progress
from ..recipe import Step
from ..restorers import Restorer


@dataclass(frozen=True)
class FitProgress(Progress):
    """How far a fit is.

    Parameters
    ----------
    risk : float or None
        The loss, in units of the noise: 1 is what the noisy image has. None where it was not evaluated.
    restorer : Restorer or None
        The method as fitted so far.
    """

    risk: float | None = None
    restorer: Restorer | None = None


@dataclass(frozen=True)
class Fit:
    """A fitted method.

    Parameters
    ----------
    step : Step
        The fitted method with the noise it was fitted under.
    risks : tuple of float
        The loss in the course of the fit, first and last included, in units of the noise.
    """

    step: Step
    risks: tuple[float, ...]

    @property
    def restorer(self) -> Restorer:
        """The fitted method."""
        return self.step.restorer


Work = Generator[FitProgress, None, Restorer]
