"""The widget "Noise": how noisy an image is, channel by channel, and what that number is worth."""

from dataclasses import dataclass
from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ..diagnostics import Histogram, histogram
from ..engine import Progress
from ..estimators import FromImage, Measurement, NoiseEstimator, measured_noise
from ..methods import Parameter
from ..noise import NoiseModel
from ..sample import drawn_fields
from ..stack import Stack
from .editor import row_label
from .forms import MethodEditor
from .jobs import Job, Work
from .kept_noise import keep_noise, kept_noise
from .messages import MessageLine
from .noise_findings import Findings
from .noise_regions import Mask, within
from .profiles_menu import ProfilesMenu
from .progress import ProgressRow
from .region_row import RegionRow
from .source import SourceRow, itself

PLOTTED = 2**21  # pixels that the histogram counts, at most


@dataclass(frozen=True)
class Found:
    """What was found in an image, or in a region of it."""

    measurement: Measurement
    histograms: list[Histogram]
    stack: Stack

    @property
    def noise(self) -> NoiseModel:
        """The noise model."""
        return self.measurement.model


class NoiseWidget(QWidget):
    """Measure the noise of an image layer, and keep the model with the layer, or as a camera's profile.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer: Any = itself(viewer)
        self.measured: Found | None = None
        self.source = SourceRow(self.viewer)
        self.estimator = MethodEditor(Parameter(name="estimator", type=NoiseEstimator, default=FromImage()))
        self.estimator.setValue(FromImage())
        self.region = RegionRow(self.viewer)
        self.findings = Findings(self.viewer)
        self.use_button = QPushButton("Use for this layer")
        self.use_button.setToolTip("Keep this noise with the layer; the Shrinkage widget takes it over")
        self.forget_button = QPushButton("Forget")
        self.forget_button.setToolTip("Let other widgets estimate the noise of this layer again")
        self.profiles = ProfilesMenu(self)
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Noise")
        self.messages = MessageLine()
        self._again = False
        self._lay_out()
        self._connect()
        self.measure()

    @property
    def model(self) -> NoiseModel | None:
        """The noise model that is shown."""
        return None if self.measured is None else self.measured.noise

    def measure(self) -> None:
        """Measure the noise of the layer as it is now."""
        self.measured = None
        self._show()
        if self.job.running:
            self._again = True
            self.job.cancel()
            return
        content = self.source.content
        if content is None:
            return
        self.messages.say("")
        stack, estimator = content.stack, self.estimator.value
        try:
            mask = self.region.drawn(self.source.layer, stack)
        except ValueError as error:
            self.messages.warn(str(error))
            return
        self.job.start(lambda: found_in(stack, mask, estimator))

    def use(self) -> None:
        """Keep the noise with the layer."""
        if self.model is not None:
            self.keep(self.model, "Kept with the layer. The Shrinkage widget uses it from now on.")

    def keep(self, model: NoiseModel, said: str) -> None:
        """Keep a noise model with the layer, if it fits its channels, and say so."""
        layer, content = self.source.layer, self.source.content
        if layer is None or content is None:
            return
        try:
            model.for_channels(content.stack.channels)
        except ValueError as error:
            self.messages.warn(str(error))
            return
        keep_noise(layer, model)
        self.messages.say(said)

    def forget(self) -> None:
        """Keep no noise with the layer."""
        keep_noise(self.source.layer, None)
        self.messages.say("Other widgets estimate the noise of this layer again.")

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the dock is closed, which takes the widget out of its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.job.abandon()
            self.progress.close_activity()
            self.profiles.close_calibration()
            self.source.close_source()
            self.region.close_region()
            self.findings.close_plots()
        return super().event(event)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.source)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(4)
        rows.addRow(row_label("Method"), self.estimator)
        rows.addRow(self.estimator.folded)
        rows.addRow(row_label("Region"), self.region)
        layout.addLayout(rows)
        layout.addWidget(self.findings, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.use_button, 1)
        buttons.addWidget(self.forget_button)
        buttons.addWidget(self.profiles)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.messages)

    def _connect(self) -> None:
        self.source.changed.connect(self.measure)
        self.source.noise_kept.connect(self._show)
        self.source.failed.connect(self.messages.warn)
        self.estimator.changed.connect(self.measure)
        self.estimator.invalid.connect(self.messages.warn)
        self.region.changed.connect(self.measure)
        self.use_button.clicked.connect(self.use)
        self.forget_button.clicked.connect(self.forget)
        self.job.succeeded.connect(self._measured)
        self.job.failed.connect(self.messages.warn)
        self.job.running_changed.connect(self._running_changed)

    def _measured(self, measured: Found) -> None:
        if self._again:  # the image or the method changed just as the work ended
            return
        self.measured = measured
        self._show()

    def _running_changed(self, running: bool) -> None:
        if not running and self._again:
            self._again = False
            self.measure()

    def _show(self) -> None:
        found, kept = self.measured, kept_noise(self.source.layer)
        self.use_button.setEnabled(found is not None)
        self.forget_button.setEnabled(kept is not None)
        if found is None:
            self.findings.clear()
        else:
            self.findings.show_found(found.measurement, found.histograms, found.stack.is_color, kept)


def found_in(stack: Stack, mask: Mask | None, estimator: NoiseEstimator) -> Work:
    """Measure the noise of a stack, inside a mask (Y, X) where there is one, and count its values."""
    yield Progress(0, 2, "measuring")
    part = stack if mask is None else within(stack, mask)
    measurement = measured_noise(part, estimator)
    yield Progress(1, 2, "counting")
    fields = drawn_fields(part, 2, PLOTTED)
    found = [histogram(fields[:, channel]) for channel in range(fields.shape[1])]
    return Found(measurement, [one for one in found if one is not None], stack)
