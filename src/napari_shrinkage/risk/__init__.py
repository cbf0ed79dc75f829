"""How far a restored image is from the truth, told from the noisy image and its noise model alone.

Convention: everything is in the units of the image, and a risk is a mean squared error in those units
squared. `restore` is a function whose numbers are fixed (a plan that was resolved once): nothing in it may
adapt to the slightly different images that it is tried on.
"""

from __future__ import annotations

from .estimate import RiskEstimate, combined, variance_of_sum
from .fields import local_mean, noise_field
from .self_consistency import neighbour_mean, self_consistency
from .trial import PAIRS, Restore, Trial
from .unbiased import coupled_risk, coupled_work, divergence_risk, divergence_work

__all__ = [
    "PAIRS",
    "Restore",
    "RiskEstimate",
    "Trial",
    "combined",
    "coupled_risk",
    "coupled_work",
    "divergence_risk",
    "divergence_work",
    "local_mean",
    "neighbour_mean",
    "noise_field",
    "self_consistency",
    "variance_of_sum",
]
