"""The dialog that calibrates a camera from layers: which hold dark frames, which flats, and what comes out.

Convention: the first axis of a layer counts frames. The frames are read in a worker; closing the dialog stops
it at the next frame.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..calibration import Calibration, calibrate
from ..engine import Progress
from ..estimators.survey import number
from ..noise import NoiseModel
from .frame_choice import FrameChoice
from .jobs import Job, Work
from .layers import layer_array
from .messages import WARNING, MessageLine
from .noise_curves import calibration_curve
from .profile_list import asked_name
from .progress import ProgressRow
from .source import is_image
from .transfer_plot import TransferView

EXPLANATION = (
    "Check one layer with dark frames (no light, the exposure time of your images; 10 frames or more) and "
    "layers with evenly lit frames, one for each brightness, from dim to almost saturated."
)


class CalibrationDialog(QDialog):
    """Choose frames, calibrate, look at the photon transfer, save a profile.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    save : callable
        Takes a name and a noise model; raises ValueError or OSError where it cannot save them.
    """

    def __init__(
        self, viewer: Any, save: Callable[[str, NoiseModel], object], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Calibrate a camera")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._save = save
        self._stop = Event()
        self.found: Calibration | None = None
        self.choice = FrameChoice([one for one in reversed(viewer.layers) if is_image(one)])
        self.view = TransferView(viewer)
        self.sentence = QLabel()
        self.maps = QCheckBox("Correct every pixel (sCMOS, whole frames)")
        self.calibrate_button, self.save_button = QPushButton("Calibrate"), QPushButton("Save as profile…")
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Calibration")
        self.messages = MessageLine()
        self._lay_out()
        self.calibrate_button.clicked.connect(self.calibrate)
        self.save_button.clicked.connect(self.ask_save)
        self.job.succeeded.connect(self._calibrated)
        self.job.failed.connect(self.messages.warn)
        self.job.cancelled.connect(lambda: self.messages.say("Cancelled."))
        self.progress.cancel_button.clicked.connect(lambda: self._stop.set())
        self.job.running_changed.connect(lambda running: self.calibrate_button.setDisabled(running))
        self._show()

    def calibrate(self) -> None:
        """Calibrate from the layers that are checked."""
        dark = [layer_array(layer) for layer in self.choice.dark]
        flats = [layer_array(layer) for layer in self.choice.flats]
        if not dark and not flats:
            self.messages.warn("Check a layer with dark frames, layers with flats, or both.")
            return
        self.found = None
        self.messages.say("")
        self._show()
        stop = self._stop = Event()
        self.job.start(lambda: calibrated(dark[0] if dark else None, flats, stop))

    def ask_save(self) -> None:
        """Ask for a name and save what was found."""
        if name := asked_name(self):
            self.save(name)

    def save(self, name: str) -> None:
        """Save what was found as a profile; its maps are copied to where the profiles are."""
        assert self.found is not None
        try:
            if not self.maps.isChecked():
                self._save(name, self.found.model())
            else:
                with tempfile.TemporaryDirectory() as folder:
                    self._save(name, self.found.camera(Path(folder) / "maps.npz"))
        except (ValueError, OSError) as error:
            self.messages.warn(str(error))
        else:
            self.messages.say(f"Saved. “{name}” is in the menu Profiles, and wherever noise is chosen.")

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop the work, and let go of the viewer."""
        self._stop.set()
        self.job.abandon()
        self.progress.close_activity()
        self.view.plot.close_plot()
        super().closeEvent(event)

    def _lay_out(self) -> None:
        explanation = QLabel(EXPLANATION)
        for label in (explanation, self.sentence):
            label.setWordWrap(True)
        self.view.setMinimumHeight(220)
        buttons = QHBoxLayout()
        for button in (self.calibrate_button, self.save_button):
            button.setAutoDefault(False)
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        for widget in (explanation, self.choice, self.view, self.sentence, self.maps):
            layout.addWidget(widget, {self.choice: 1, self.view: 3}.get(widget, 0))
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.messages)
        self.resize(420, 600)
        if not self.choice.rows:
            self.messages.warn("No layer here holds frames: open a stack (frames, rows, columns) first.")

    def _calibrated(self, found: Calibration) -> None:
        self.found = found
        self._show()

    def _show(self) -> None:
        found = self.found
        self.view.setVisible(found is not None)
        self.view.show_curves([] if found is None else [calibration_curve(found)])
        doubted = found is not None and not found.trusted
        self.sentence.setText("" if found is None else WARNING * doubted + told(found))
        self.save_button.setEnabled(found is not None and found.gain is not None)
        self.maps.setVisible(found is not None and found.maps is not None and found.maps.gain is not None)


def told(found: Calibration) -> str:
    """Return what was found in words, with the reasons why light levels were left out."""
    out = [f" At {number(level.mean)} counts {level.left_out}." for level in found.levels if level.left_out]
    return found.sentence() + "".join(out)


def calibrated(dark: Any, flats: Sequence[Any], stop: Event) -> Work:
    """Calibrate; the only way out in the middle is an error, which `stop` raises at the next frame."""

    def seen(done: int, total: int) -> None:
        if stop.is_set():
            raise RuntimeError(f"stopped at frame {done} of {total}")

    yield Progress(0, 1, "reading frames")
    return calibrate(dark, flats, progress=seen)
