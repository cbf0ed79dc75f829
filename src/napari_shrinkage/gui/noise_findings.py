"""What a noise measurement found, to look at: numbers, verdict, and the plots behind them.

Convention: this view only shows; what is drawn comes from `noise_curves`, what is said from the model.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget

from ..diagnostics import Histogram
from ..estimators import Measurement
from ..noise import NoiseModel
from .correlation_plot import CorrelationView
from .messages import WARNING
from .noise_curves import model_line, transfer_curves
from .noise_words import channel_names, numbers_table
from .plots import HistogramPlot
from .transfer_plot import TransferView

DOUBTED = "border-left: 3px solid #e3b617; padding-left: 6px;"


class Findings(QWidget):
    """Numbers per channel, the verdict, and tabs of plots."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.numbers, self.verdict = QLabel(), QLabel()
        self.numbers.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict.setWordWrap(True)
        self.transfer, self.correlation = TransferView(viewer), CorrelationView(viewer)
        self.histogram = HistogramPlot(viewer)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.transfer, "Photon transfer")
        self.tabs.addTab(self.correlation, "Correlation")
        self.tabs.addTab(self.histogram, "Histogram")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.numbers)
        layout.addWidget(self.verdict)
        layout.addWidget(self.tabs, 1)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.numbers.setText("")
        self.verdict.setText("")
        self.verdict.setStyleSheet("")
        self.transfer.show_curves([])
        self.correlation.show_noise(None, [])
        self.histogram.show_histograms([])

    def show_found(
        self, found: Measurement, histograms: list[Histogram], color: bool, kept: NoiseModel | None
    ) -> None:
        """Show a measurement, and in the photon transfer the line of another model kept with the layer."""
        names = channel_names(len(found.channels), color)
        self.numbers.setText(numbers_table(found.model, names))
        self.verdict.setText(WARNING * (not found.trusted) + found.model.verdict)
        self.verdict.setStyleSheet("" if found.trusted else DOUBTED)
        curves = transfer_curves(found, names)
        differs = kept is not None and kept != found.model
        self.transfer.show_curves(curves, model_line(kept, curves) if kept is not None and differs else [])
        energies = [None if one.spectrum is None else one.spectrum.energies for one in found.channels]
        self.correlation.show_noise(found.model, energies)
        self.histogram.show_histograms(histograms)

    def close_plots(self) -> None:
        """Stop following the theme."""
        self.transfer.plot.close_plot()
        self.correlation.close_plots()
        self.histogram.close_plot()
