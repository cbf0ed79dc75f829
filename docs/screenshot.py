"""The pictures of the plugin in README and docs: napari with the sample, a widget and its live preview.

Run it where there is a display, or on a virtual one:

    bash .ci/with-display .venv/bin/python docs/screenshot.py [shrinkage] [adapt] [superres] [batch]

It writes docs/_static/shrinkage.png, superres.png, batch.png, and adapt.png, for which a network learns for
some minutes.
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
import numpy as np
from qtpy.QtWidgets import QApplication
from skimage.data import chelsea

from napari_shrinkage import Stack
from napari_shrinkage.files import write
from napari_shrinkage.samples import fluorescence_stack

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


def superres(widget: Any) -> None:
    """Upscale a test layer of a photograph beside its bicubic image, with the photograph as reference."""
    wait_for(lambda: bool(widget.editor.entries) and not widget.editor.job.running)
    widget.test_button.click()
    wait_for(lambda: not widget.side_job.running)
    widget.run()
    wait_for(lambda: not widget.job.running and not widget.reference.job.running)
    widget.bicubic.setChecked(True)
    wait_for(lambda: not widget.bicubic.job.running)
    widget.viewer.scene.camera.zoom = 5
    widget.viewer.scene.camera.center = (125, 190)
    widget.wipe_button.setChecked(True)


def batch(widget: Any) -> None:
    """Restore a folder of cells, one file of which is damaged, and open the first."""
    folder = Path(tempfile.mkdtemp()) / "cells"
    folder.mkdir()
    stack = fluorescence_stack().noisy
    for number in range(7):
        plane = Stack(
            np.roll(stack.array[8 + number], 40 * number, 1), "YX", stack.spacing[1:], stack.units[1:]
        )
        write(folder / f"cell_{number:02d}.ome.tif", plane)
    damaged = folder / "cell_03.ome.tif"
    damaged.write_bytes(damaged.read_bytes()[:5000])
    widget.inputs.choose_folder(folder)
    widget.start_button.click()
    wait_for(lambda: not widget.job.running)
    widget.open_pair(0)
    wait_for(lambda: not widget.opening.running)
    widget.viewer.reset_view()


def nothing(viewer: Any) -> None:
    """Leave the viewer empty."""


def cell(viewer: Any) -> None:
    """Open the noisy cell."""
    viewer.open_sample("napari-shrinkage", "fluorescence")
    viewer.layers.selection.active = viewer.layers["Noisy fluorescence stack"]


def cat(viewer: Any) -> None:
    """Open a photograph."""
    viewer.add_image(chelsea(), name="cat")


WIDGETS = {  # by the name of the picture: the widget, what it works on, and what is done with it
    "shrinkage": ("Shrinkage", cell, shrinkage),
    "adapt": ("Adapt", cell, adapt),
    "superres": ("Super-resolution", cat, superres),
    "batch": ("Batch", nothing, batch),
}


def picture(name: str) -> None:
    """Open a widget on an image, and write what is to be seen."""
    title, opened, used = WIDGETS[name]
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1360, 860)
    opened(viewer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-shrinkage", title)
    settle()
    viewer.reset_view()
    if viewer.dims.ndim > 2:
        viewer.dims.set_current_step(0, 12)
    settle()
    used(widget)
    settle(2)
    path = FOLDER / f"{name}.png"
    iio.imwrite(path, viewer.screenshot(canvas_only=False, flash=False))
    viewer.close()
    print(path)


def main() -> None:
    os.environ["NAPARI_SHRINKAGE_MODELS"] = str(Path(tempfile.mkdtemp()) / "models")
    wanted = sys.argv[1:] or list(WIDGETS)
    for name in WIDGETS:
        if name in wanted:
            picture(name)


if __name__ == "__main__":
    main()
