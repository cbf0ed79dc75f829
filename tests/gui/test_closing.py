"""napari is closed while a job runs: it ends at once, in order, and the process with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECONDS = 100
CLOSED = """
import sys, threading
import numpy as np
import napari
from qtpy.QtCore import QTimer
from napari_shrinkage.gui.shrinkage_widget import ShrinkageWidget
from napari_shrinkage.gui.cnn_widget import CnnWidget

viewer = napari.Viewer()
viewer.add_image(np.random.default_rng(0).normal(100, 5, (6, 1500, 1500)).astype(np.float32))
widget = {widget}(viewer)
viewer.window.add_dock_widget(widget, name="job")
running = []

def close():
    if not widget.job.running:  # not yet
        return QTimer.singleShot(20, close)
    running.append(True)
    {way}

widget.run_button.click()
QTimer.singleShot(20, close)
napari.run()
print("closed while running:", running)
"""
WAYS = {
    "window": "viewer.close()",
    "dock": "viewer.window.remove_dock_widget('all'); QTimer.singleShot(200, viewer.close)",
    "exit": "napari._qt.qt_event_loop.quit_app()",
}


@pytest.mark.parametrize(
    ("widget", "way"), [("ShrinkageWidget", "window"), ("ShrinkageWidget", "dock"), ("CnnWidget", "exit")]
)
def test_closing_during_a_run_neither_crashes_nor_hangs(widget, way):
    code = CLOSED.format(widget=widget, way=WAYS[way])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("closed while running: [True]"), done.stdout + done.stderr
    for word in ("Traceback", "QThread", "Fatal", "deleted", "Segmentation"):
        assert word not in done.stderr, done.stderr
