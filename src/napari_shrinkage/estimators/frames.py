"""The noise of a camera from repeated frames: what differs from one to the next of a still scene.

Convention: the difference of two frames over sqrt(2) has the noise of one; brightness is that of their mean.
"""

from __future__ import annotations

from typing import Annotated

import annotated_types as at

from ..methods import ADVANCED, method
from ..noise.poisson_gaussian import FARTHEST
from ..stack import Stack
from .base import NoiseEstimator
from .measurement import Measurement


@method("frame-differences", title="From repeated frames")
class FrameDifferences(NoiseEstimator):
    """The noise of a camera from the differences of consecutive frames, in which a still scene cancels.

    Parameters
    ----------
    offset : float
        Counts of no light, where known: only then can read noise be told from it.

    Notes
    -----
    Valid where little moves and bleaches between two frames: what changes counts as noise.
    """

    offset: Annotated[float | None, at.Ge(-FARTHEST), at.Le(FARTHEST), at.Unit("counts"), ADVANCED] = None

    def measure(self, stack: Stack) -> Measurement:
        """Measure the differences along T."""
        raise NotImplementedError
