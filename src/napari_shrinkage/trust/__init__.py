"""The numbers behind "can I trust this result as a measurement?".

Convention: every test returns a frozen value with its numbers, `passed` (True, False, or None where the data
cannot tell) where there is a limit, and `sentence()` that says in plain words what was found.
"""

from .confidence import ConfidenceMap, confidence_map
from .linearity import Linearity
from .photometry import Means, Photometry, photometry
from .ratio import ChannelRatio, channel_ratio
from .removed import RemovedVariance, StructureLeft, mean_variance_of, structure_left
from .resolution import RingCorrelation, fourier_ring_correlation
from .splitting import split_in_two
from .spots import SpotBias, injected_spots

__all__ = [
    "ChannelRatio",
    "ConfidenceMap",
    "Linearity",
    "Means",
    "Photometry",
    "RemovedVariance",
    "RingCorrelation",
    "SpotBias",
    "StructureLeft",
    "channel_ratio",
    "confidence_map",
    "fourier_ring_correlation",
    "injected_spots",
    "mean_variance_of",
    "photometry",
    "split_in_two",
    "structure_left",
]
