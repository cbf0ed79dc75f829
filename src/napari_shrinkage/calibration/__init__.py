"""Camera calibration: gain, offset and read noise from frames taken for it, or from a scene taken repeatedly.

Convention: noise is what differs between frames of the same light, pixel by pixel; what stays is the pattern
of the sensor or of the scene and counts for nothing. Everything is in counts.
"""

from __future__ import annotations

from .camera import calibrate
from .frames import FrameStatistics, frame_statistics
from .line import Level, Line
from .result import Calibration, Maps
from .scene import from_frames

__all__ = [
    "Calibration",
    "FrameStatistics",
    "Level",
    "Line",
    "Maps",
    "calibrate",
    "frame_statistics",
    "from_frames",
]
