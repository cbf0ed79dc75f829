"""The widget "Trust": whether a result can be measured in, check by check."""

from dataclasses import dataclass
from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QHBoxLayout, QLabel, QPushButton, QTabWidget, QVBoxLayout, QWidget

from ..checking import TrustReport, mapping_confidence
from .jobs import Job, Work
from .layers import METHOD_NOISE, LayerData, method_noise_layer
from .messages import MessageLine
from .progress import ProgressRow
from .source import itself
from .trust_inputs import TrustInputs, Wish, checked
from .trust_list import ReportList
from .trust_plots import TrustPlots

LEAST_HEIGHT = 240  # pixels of the findings
LIMIT = 5.0  # of the confidence map's colours, in standard deviations of chance


@dataclass(frozen=True)
class Checked:
    """A report, what it is about, and remarks on the layers."""

    wish: Wish
    report: TrustReport
    remarks: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What it is about, and how many checks passed."""
        return f"{self.wish.result_layer.name!r} against {self.wish.layer.name!r}: {self.report.summary()}"

    def markdown(self) -> str:
        """Return everything as Markdown."""
        lines = [f"# {self.summary}", "", self.report.markdown(), *(f"- {one}" for one in self.remarks)]
        return "\n".join(lines) + "\n"


class TrustWidget(QWidget):
    """Check a result against the image that it was made from.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer: Any = itself(viewer)
        self.checked: Checked | None = None
        self._running: Wish | None = None
        self.inputs = TrustInputs(self.viewer)
        self.check_button = QPushButton("Check")
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Trust")
        self.summary = QLabel()
        self.findings, self.plots = ReportList(), TrustPlots(self.viewer)
        self.notes = QLabel()
        self.tabs = QTabWidget()
        self.tabs.setMinimumHeight(LEAST_HEIGHT)
        self.map_button, self.copy_button = QPushButton("Add confidence map"), QPushButton("Copy report")
        self.messages = MessageLine()
        self._lay_out()
        self._connect()
        self._show()

    def check(self) -> None:
        """Run every check that applies, in a worker."""
        try:
            wish = self.inputs.wish()
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return
        self._start(wish, lambda: _checked(wish))

    def add_map(self) -> None:
        """Add the confidence map of the checked result as a layer; it is worked out for all its planes."""
        if self.checked is not None:
            wish, noise = self.checked.wish, self.checked.report.noise
            self._start(wish, lambda: _mapped(wish, noise))

    def copy(self) -> None:
        """Put the report on the clipboard, as Markdown."""
        clipboard = QApplication.clipboard()
        if self.checked is not None and clipboard is not None:
            clipboard.setText(self.checked.markdown())
            self.messages.say("The report is on the clipboard, as Markdown.")

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the dock is closed, which takes the widget out of its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.job.abandon()
            self.progress.close_activity()
            self.inputs.close_inputs()
            self.plots.close_plots()
            self.viewer.layers.events.removed.disconnect(self._layer_removed)
        return super().event(event)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        self.tabs.addTab(self.findings, "Findings")
        self.tabs.addTab(self.plots, "Plots")
        for label in (self.summary, self.notes):
            label.setWordWrap(True)
        buttons = QHBoxLayout()
        self.map_button.setToolTip(
            "<qt>Where the result contradicts the data, in standard deviations of chance: above 3 signal was "
            "removed, below -3 noise was left in place.</qt>"
        )
        self.copy_button.setToolTip("Copy all lines to the clipboard, as Markdown")
        buttons.addWidget(self.map_button)
        buttons.addWidget(self.copy_button)
        layout.addWidget(self.inputs)
        layout.addWidget(self.check_button)
        layout.addWidget(self.progress)
        layout.addWidget(self.summary)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.notes)
        layout.addLayout(buttons)
        layout.addWidget(self.messages)
        layout.addStretch()

    def _connect(self) -> None:
        self.inputs.source.failed.connect(self.messages.warn)
        self.inputs.source.changed.connect(self._show)
        self.inputs.result.changed.connect(self._show)
        self.check_button.clicked.connect(self.check)
        self.map_button.clicked.connect(self.add_map)
        self.copy_button.clicked.connect(self.copy)
        self.job.succeeded.connect(self._succeeded)
        self.job.failed.connect(self.messages.warn)
        self.job.cancelled.connect(lambda: self.messages.say("Cancelled."))
        self.job.running_changed.connect(self._running_changed)
        self.viewer.layers.events.removed.connect(self._layer_removed)

    def _start(self, wish: Wish, work: Any) -> None:
        if self.job.running:
            return
        self._running = wish
        self.messages.say("")
        self.job.start(work)

    def _succeeded(self, made: Any) -> None:
        if isinstance(made, Checked):
            self.checked = made
            self._show_report(made)
        else:
            self._add_map(made)

    def _show_report(self, made: Checked) -> None:
        self.summary.setText(made.summary)
        self.findings.show_report(made.report)
        self.plots.show_report(made.report)
        self.notes.setText(" ".join((*made.report.notes, *made.remarks)))

    def _add_map(self, z: Any) -> None:
        from napari.layers import Layer

        wish, layers = self._running, self.viewer.layers
        if wish is None or wish.layer not in layers:
            return
        selected, active = set(layers.selection), layers.selection.active
        layers.append(Layer.create(*confidence_layer(wish, z)))
        layers.selection = selected
        layers.selection.active = active
        self.messages.say("Orange is where signal was removed, blue where noise was left in place.")

    def _running_changed(self, running: bool) -> None:
        if not running:
            self._running = None
        self._show()

    def _layer_removed(self, event: Any) -> None:
        if self._running is not None and event.value in (self._running.layer, self._running.result_layer):
            self.job.cancel()
        self._show()

    def _show(self) -> None:
        """Enable what can be done, and show a report only where there is one."""
        ready = self.inputs.source.content is not None and self.inputs.result.layer is not None
        self.check_button.setEnabled(ready and not self.job.running)
        found = self.checked is not None
        for widget in (self.summary, self.tabs, self.notes):
            widget.setVisible(found)
        self.copy_button.setEnabled(found)
        there = self.checked is not None and self.checked.wish.layer in self.viewer.layers
        self.map_button.setEnabled(there and not self.job.running)


def confidence_layer(wish: Wish, z: Any) -> LayerData:
    """Return the layer of a confidence map, over the result's pixels."""
    data, attributes, kind = method_noise_layer(
        wish.layer, wish.result, f"{wish.result_layer.name} confidence", z
    )
    attributes.update(contrast_limits=(-LIMIT, LIMIT), metadata={METHOD_NOISE: True})
    return data, attributes, kind


def _checked(wish: Wish) -> Work:
    report, remarks = yield from checked(wish)
    return Checked(wish, report, tuple(remarks))


def _mapped(wish: Wish, noise: Any) -> Work:
    z = yield from mapping_confidence(wish.content.stack, wish.result.stack, noise, wish.result.region)
    return z
