"""The picture of the plugin in README and docs: napari with the sample, the widget and its live preview.

Run it where there is a display, or on a virtual one:

    bash .ci/with-display .venv/bin/python docs/screenshot.py

It writes docs/_static/shrinkage.png.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")  # neither read nor write the settings of whoever runs this

import imageio.v3 as iio
import napari
from qtpy.QtWidgets import QApplication

PICTURE = Path(__file__).parent / "_static" / "shrinkage.png"


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Let Qt work until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("napari did not get there in time")
        QApplication.processEvents()
        time.sleep(0.01)


def settle(seconds: float = 1.0) -> None:
    """Let Qt work for a while."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end)


def main() -> None:
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1360, 860)
    viewer.open_sample("napari-shrinkage", "fluorescence")
    layer = viewer.layers["Noisy fluorescence stack"]
    viewer.layers.selection.active = layer
    _, widget = viewer.window.add_plugin_dock_widget("napari-shrinkage", "Shrinkage")
    settle()
    viewer.reset_view()
    viewer.dims.set_current_step(0, 12)
    settle()
    widget.preview_button.setChecked(True)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    widget.wipe_button.setChecked(True)
    settle(2)
    iio.imwrite(PICTURE, viewer.screenshot(canvas_only=False, flash=False))
    viewer.close()
    print(PICTURE)


if __name__ == "__main__":
    main()
