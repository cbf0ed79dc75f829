"""Noise that the colours of a photograph share: its strength and correlation in luminance and chrominance.

Demosaicing and colour conversion mix the channels, so their noise is alike, and what remains of it in the
chrominance is coarser than in the luminance. Convention: the three entries are the channels of
`color.to_opponent`, luminance first; strengths are those of channels that were stabilised one by one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import annotated_types as at

from ..methods import Method, method
from .autocorrelation import Autocorrelation


@method("color-noise", title="Colour noise")
class ColorNoise(Method):
    """How the noise of a colour image is spread over luminance and chrominance.

    Parameters
    ----------
    stds : tuple of float
        Noise std of luminance and the two chrominances; 1 for each where colours do not share their noise.
    correlations : tuple of Autocorrelation
        Correlation between neighbouring pixels in each of them.
    """

    role: ClassVar[str] = "color-noise"
    stds: Annotated[tuple[float, float, float], at.Gt(0), at.Unit("noise std")]
    correlations: tuple[Autocorrelation, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.correlations) != 3:
            raise ValueError(
                f"ColorNoise has {len(self.correlations)} correlations; give one for luminance and one for "
                "each of the two chrominances."
            )
