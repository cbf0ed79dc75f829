"""The widget "Noise": how noisy an image is, channel by channel, and what that number is worth."""

from dataclasses import dataclass
from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..diagnostics import Histogram, histogram
from ..engine import Progress
from ..estimators import FromImage, NoiseEstimator, estimated_noise
from ..methods import Parameter
from ..noise import NoiseModel
from ..sample import drawn_fields
from ..stack import Stack
from .editor import row_label
from .forms import MethodEditor
from .jobs import Job, Work
from .kept_noise import keep_noise, kept_noise
from .messages import MessageLine
from .noise_row import in_short
from .plots import HistogramPlot
from .progress import ProgressRow
from .source import SourceRow, itself

PLOTTED = 2**21  # pixels that the histogram counts, at most
COLORS = ("Red", "Green", "Blue")


@dataclass(frozen=True)
class Measurement:
    """What was found in an image."""

    noise: NoiseModel
    histograms: list[Histogram]
    stack: Stack


class NoiseWidget(QWidget):
    """Estimate the noise of an image layer, and keep the model with the layer for other widgets.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer: Any = itself(viewer)
        self.measured: Measurement | None = None
        self.source = SourceRow(self.viewer)
        self.estimator = MethodEditor(Parameter(name="estimator", type=NoiseEstimator, default=FromImage()))
        self.estimator.setValue(FromImage())
        self.numbers, self.verdict = QLabel(), QLabel()
        self.verdict.setWordWrap(True)
        self.plot = HistogramPlot(self.viewer)
        self.use_button = QPushButton("Use for this layer")
        self.use_button.setToolTip("Keep this noise with the layer; the Shrinkage widget takes it over")
        self.forget_button = QPushButton("Forget")
        self.forget_button.setToolTip("Let other widgets estimate the noise of this layer again")
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Noise")
        self.messages = MessageLine()
        self._again = False
        self._lay_out()
        self._connect()
        self.measure()

    def measure(self) -> None:
        """Estimate the noise of the layer as it is now."""
        content = self.source.content
        self.measured = None
        self._show()
        if self.job.running:
            self._again = True
            self.job.cancel()
            return
        if content is None:
            return
        stack, estimator = content.stack, self.estimator.value
        self.messages.say("")
        self.job.start(lambda: _measured(stack, estimator))

    def use(self) -> None:
        """Keep the noise with the layer."""
        if self.measured is not None and self.source.layer is not None:
            keep_noise(self.source.layer, self.measured.noise)
            self.messages.say("Kept with the layer. The Shrinkage widget uses it from now on.")
            self._show()

    def forget(self) -> None:
        """Keep no noise with the layer."""
        keep_noise(self.source.layer, None)
        self.messages.say("Other widgets estimate the noise of this layer again.")
        self._show()

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the dock is closed, which takes the widget out of its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.job.abandon()
            self.progress.close_activity()
            self.source.close_source()
            self.plot.close_plot()
        return super().event(event)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.source)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(row_label("Method"), self.estimator)
        rows.addRow(self.estimator.folded)
        rows.addRow(row_label("Noise"), self.numbers)
        layout.addLayout(rows)
        layout.addWidget(self.verdict)
        layout.addWidget(self.plot, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.use_button, 1)
        buttons.addWidget(self.forget_button)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.messages)

    def _connect(self) -> None:
        self.source.changed.connect(self.measure)
        self.source.failed.connect(self.messages.warn)
        self.estimator.changed.connect(self.measure)
        self.estimator.invalid.connect(self.messages.warn)
        self.use_button.clicked.connect(self.use)
        self.forget_button.clicked.connect(self.forget)
        self.job.succeeded.connect(self._measured)
        self.job.failed.connect(self.messages.warn)
        self.job.running_changed.connect(self._running_changed)

    def _measured(self, measured: Measurement) -> None:
        if self._again:  # the image or the method changed just as the work ended
            return
        self.measured = measured
        self._show()

    def _running_changed(self, running: bool) -> None:
        if not running and self._again:
            self._again = False
            self.measure()

    def _show(self) -> None:
        found = self.measured
        self.use_button.setEnabled(found is not None)
        kept = kept_noise(self.source.layer)
        self.forget_button.setEnabled(kept is not None)
        self.numbers.setText("" if found is None else listed(found.noise, found.stack))
        self.verdict.setText("" if found is None else found.noise.verdict)
        self.plot.show_histograms(
            [] if found is None else found.histograms, found is not None and found.stack.is_color
        )


def listed(noise: NoiseModel, stack: Stack) -> str:
    """Return the noise of each channel, one a line, in the units of the image."""
    values: Any = getattr(noise, "sigma", ())
    values = values if isinstance(values, tuple) else (values,)
    if len(values) < 2:
        return in_short(noise)
    names = COLORS if stack.is_color else [f"Channel {i}" for i in range(len(values))]
    return "\n".join(f"{name}: σ = {value:.3g}" for name, value in zip(names, values, strict=True))


def _measured(stack: Stack, estimator: NoiseEstimator) -> Work:
    yield Progress(0, 2, "estimating")
    noise = estimated_noise(stack, estimator)
    yield Progress(1, 2, "counting")
    fields = drawn_fields(stack, 2, PLOTTED)
    found = [histogram(fields[:, channel]) for channel in range(fields.shape[1])]
    return Measurement(noise, [one for one in found if one is not None], stack)
