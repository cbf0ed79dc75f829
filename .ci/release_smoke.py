# ruff: noqa: T201
"""Open napari with a sample and the Shrinkage widget, run it once, and look at the result."""

from __future__ import annotations

import sys
import time

import napari
import numpy as np
from qtpy import API_NAME
from qtpy.QtWidgets import QApplication

PLUGIN, SECONDS = "napari-shrinkage", 120


def main() -> None:
    """Leave with a message unless a result is there in time, and smoother than the image."""
    viewer = napari.Viewer()
    layer = viewer.open_sample(PLUGIN, "photograph")[0]
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Shrinkage")
    widget.run_button.click()
    end = time.monotonic() + SECONDS
    while len(viewer.layers) < 2 or widget.job.running:
        QApplication.processEvents()
        time.sleep(0.01)  # for the thread that works
        if time.monotonic() > end:
            sys.exit("no result in time")
    result = viewer.layers[-1]
    rough, smooth = (
        np.abs(np.diff(np.asarray(one.data, np.float32), axis=0)).mean() for one in (layer, result)
    )
    picture = viewer.screenshot(canvas_only=False, flash=False)
    print(f"{API_NAME}, napari {napari.__version__}: {result.name!r}, mean step {rough:.1f} -> {smooth:.1f}")
    if not smooth < 0.8 * rough or picture.std() < 1:
        sys.exit("the result is not smoother than the image, or the window is blank")
    viewer.close()


if __name__ == "__main__":
    main()
