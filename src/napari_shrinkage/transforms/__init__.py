"""Transforms, one file each; importing any of them registers all, so forms and recipes know every one."""

from __future__ import annotations

from .block_dct import SlidingDCT
from .stationary import StationaryWavelet
from .wavelet import Wavelet

__all__ = ["SlidingDCT", "StationaryWavelet", "Wavelet"]
