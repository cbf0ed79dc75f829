"""Which method for this image: every candidate's error, told from the noisy image alone.

Convention: the error of all candidates is measured under one noise model, that of the image; the noise that a
candidate is told of (too weak, too strong, taken as white) belongs to the candidate.
"""

from __future__ import annotations

from .candidates import Candidate, candidate_steps, default_candidates, scaled_wiener
from .comparison import Comparison, Row
from .measuring import comparing

__all__ = [
    "Candidate",
    "Comparison",
    "Row",
    "candidate_steps",
    "comparing",
    "default_candidates",
    "scaled_wiener",
]
