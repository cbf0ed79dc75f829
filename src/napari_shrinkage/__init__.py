"""Denoising and restoration by shrinkage: wavelets, sliding DCT, empirical Wiener and learned thresholds.

Names are loaded on first use, so importing the package loads neither torch, numba, Qt nor napari.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("napari-shrinkage")
except PackageNotFoundError:
    __version__ = "0+unknown"

_HOME = {
    "restore": "api",
    "restore_file": "api",
    "estimate_noise": "api",
    "compare": "api",
    "fit": "api",
    "upscale": "api",
    "degrade": "api",
    "trust_report": "api",
    "unsupported_detail": "api",
    "Comparison": "comparing",
    "Supervised": "losses",
    "SupervisedPsnr": "losses",
    "Noise2Noise": "losses",
    "Noise2Self": "losses",
    "PoissonGaussianSure": "losses",
    "TrustReport": "checking",
    "confidence_map": "trust",
    "fourier_ring_correlation": "trust",
    "injected_spots": "trust",
    "photometry": "trust",
    "split_in_two": "trust",
    "run": "engine",
    "resolve": "engine",
    "drain": "engine",
    "Progress": "engine",
    "Result": "engine",
    "Recipe": "recipe",
    "Step": "recipe",
    "Plan": "recipe",
    "Record": "recipe",
    "load_recipe": "recipe",
    "save_recipe": "recipe",
    "Stack": "stack",
    "Gaussian": "noise",
    "PoissonGaussian": "noise",
    "NoiseCurve": "noise",
    "CalibratedCamera": "noise",
    "NoiseMap": "noise",
    "Calibration": "calibration",
    "calibrate": "calibration",
    "load_profile": "camera_profiles",
    "profiles": "camera_profiles",
    "save_profile": "camera_profiles",
    "Autocorrelation": "noise",
    "NoiseWarning": "noise",
    "Fitted": "restorers.fitted",
    "TransferWarning": "restorers.fitted",
    "TuningWarning": "fitting",
    "Mad": "estimators",
    "FlatBlocks": "estimators",
    "FromImage": "estimators",
    "FrameDifferences": "estimators",
    "ColorNoise": "noise",
    "Wavelet": "transforms.wavelet",
    "StationaryWavelet": "transforms.stationary",
    "SlidingDCT": "transforms.block_dct",
    "Soft": "rules",
    "Hard": "rules",
    "Garrote": "rules",
    "Firm": "rules",
    "TanhHard": "rules",
    "Lp": "rules",
    "Universal": "thresholds",
    "Bayes": "thresholds",
    "Sure": "thresholds",
    "SmoothSure": "smooth_sure",
    "Ratio": "thresholds",
    "RatioPerLevel": "thresholds",
    "Profile": "thresholds",
    "PerBand": "thresholds",
    "Shrinkage": "restorers",
    "EmpiricalWiener": "restorers",
    "Let": "restorers",
    "Collaborative": "restorers",
    "NonLocalMeans": "restorers",
    "ScaleMixture": "restorers",
    "ShapeAdaptiveDct": "restorers",
    "Cnn": "restorers",
    "LearnedDct": "restorers",
    "HotPixels": "restorers",
    "GeneratorPrior": "restorers",
    "Upscale": "restorers",
    "Degrade": "restorers",
    "Bicubic": "degradation",
    "Decimation": "degradation",
    "Binning": "degradation",
    "GaussianBlur": "degradation",
    "AnyKernel": "degradation",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
