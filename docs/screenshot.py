"""The pictures of the plugin in README and docs: napari with the sample, a widget and its live preview.

Run it where there is a display, or on a virtual one:

    bash .ci/with-display .venv/bin/python docs/screenshot.py [shrinkage] [adapt]

It writes docs/_static/shrinkage.png, and adapt.png, for which a network learns for some minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NAPARI_CONFIG", "")  # neither read nor write the settings of whoever runs this

import imageio.v3 as iio
import napari
from qtpy.QtWidgets import QApplication

FOLDER = Path(__file__).parent / "_static"
STEPS = 60  # of a network that is to be seen learning


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


def shrinkage(widget: Any) -> None:
    """Show the preview beside the image."""
    widget.preview_button.setChecked(True)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    widget.wipe_button.setChecked(True)


def adapt(widget: Any) -> None:
    """Let a network learn to the end."""
    widget.editor.steps.setValue(STEPS)
    widget.learn()
    wait_for(lambda: not widget.fit.running, seconds=1800)
    wait_for(lambda: not widget.live.busy)


WIDGETS = {"Shrinkage": shrinkage, "Adapt": adapt}


def picture(title: str) -> None:
    """Open a widget on the sample, and write what is to be seen."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1360, 860)
    viewer.open_sample("napari-shrinkage", "fluorescence")
    layer = viewer.layers["Noisy fluorescence stack"]
    viewer.layers.selection.active = layer
    _, widget = viewer.window.add_plugin_dock_widget("napari-shrinkage", title)
    settle()
    viewer.reset_view()
    viewer.dims.set_current_step(0, 12)
    settle()
    WIDGETS[title](widget)
    settle(2)
    path = FOLDER / f"{title.lower()}.png"
    iio.imwrite(path, viewer.screenshot(canvas_only=False, flash=False))
    viewer.close()
    print(path)


def main() -> None:
    os.environ["NAPARI_SHRINKAGE_MODELS"] = str(Path(tempfile.mkdtemp()) / "models")
    wanted = sys.argv[1:] or [title.lower() for title in WIDGETS]
    for title in WIDGETS:
        if title.lower() in wanted:
            picture(title)


if __name__ == "__main__":
    main()
