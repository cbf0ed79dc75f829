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
