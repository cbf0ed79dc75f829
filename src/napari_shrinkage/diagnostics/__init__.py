"""Numbers behind what is shown of an image, of its bands and of a result.

Convention: nothing here changes an image; each function returns a value that a plot or a table shows.
"""

from .band import BandHistogram, DetailBand, gain_per_level
from .bands import bands_of, detail_bands
from .curve_shapes import CurveShape, curve_shape
from .generators import LatentError, generator_misfit, latent_errors
from .method_noise import LIMIT, ORDINARY, SMALL, Whiteness, whiteness
from .pixel_values import Histogram, histogram
from .separability import Additivity, additivity
from .slopes import Gradients, threshold_gradients
from .unsupported import finding_unsupported, unsupported_detail
from .upscaling import Consistency, UpscalingCheck, consistency, upscaling_check

__all__ = [
    "LIMIT",
    "ORDINARY",
    "SMALL",
    "Additivity",
    "BandHistogram",
    "Consistency",
    "CurveShape",
    "DetailBand",
    "Gradients",
    "Histogram",
    "LatentError",
    "UpscalingCheck",
    "Whiteness",
    "additivity",
    "bands_of",
    "consistency",
    "curve_shape",
    "detail_bands",
    "finding_unsupported",
    "gain_per_level",
    "generator_misfit",
    "histogram",
    "latent_errors",
    "threshold_gradients",
    "unsupported_detail",
    "upscaling_check",
    "whiteness",
]
