"""Fitting the numbers of a method to an image, with a target or without: thresholds and weights that learn.

Convention: a fit is a generator of `FitProgress`, each with the method as fitted so far; the fitted method is
an ordinary method value, whose numbers stand in the record and apply to other images.
"""

from __future__ import annotations

from .fit import fitting
from .progress import Fit, FitProgress
from .tuning import Tuning, TuningWarning, blind_loss
from .usual import usual_loss

__all__ = ["Fit", "FitProgress", "Tuning", "TuningWarning", "blind_loss", "fitting", "usual_loss"]
