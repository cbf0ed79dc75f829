"""The plot of one band: its coefficients, what a threshold costs, and the threshold to drag.

Convention: the axis is the size of a coefficient, and the threshold, in units of the noise. Counts are
logarithmic and begin at one; the risk has a scale of its own, from its least to its greatest in view.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from ..diagnostics import DetailBand
from .plots import Plot

BEFORE, AFTER = "#8a94a6", "#4f9cf5"
STEIN, TRUE, LINE = "#f0a030", "#40b050", "#ff5a5a"
LEAST_HEIGHT, LEAST_WIDTH = 84, 130
BINS = 121
REACH = 5.0  # of the axis, where the threshold lies within: the same for all bands
POINTS = 96  # of a risk curve
RISK_ROOM = (0.06, 0.94)  # of the height that a risk curve takes
Values = npt.NDArray[np.float64]


class BandPlot(Plot):
    """One channel of one band.

    Signals
    -------
    moved(float)
        The user dragged the threshold, to this multiple of the noise.
    reset()
        The user double-clicked.
    """

    moved = Signal(float)
    reset = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "", "", parent)
        import pyqtgraph

        self.band: DetailBand | None = None
        self._drawn: DetailBand | None = None
        self._has_risk = True
        self._reach, self._top = REACH, 1.0
        self.label = QLabel()
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.removeWidget(self._plot)
        layout.addWidget(self.label)
        layout.addWidget(self._plot, 1)
        layout.setSpacing(0)
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.getPlotItem().hideAxis("left")
        self._plot.getAxis("bottom").showLabel(False)
        self._plot.getPlotItem().setContentsMargins(4, 2, 8, 0)
        self.line = pyqtgraph.InfiniteLine(0.0, movable=True, pen=pyqtgraph.mkPen(LINE, width=2))
        self.line.setHoverPen(pyqtgraph.mkPen(LINE, width=4))
        self.line.setZValue(10)
        self.after = pyqtgraph.PlotCurveItem()
        self.line.sigPositionChanged.connect(self._dragged)
        self._plot.scene().sigMouseClicked.connect(self._clicked)
        self.setToolTip(
            "<qt>Drag the red line: what is smaller than the threshold is set to zero. "
            "A double click takes the threshold back.</qt>"
        )

    @property
    def threshold(self) -> float:
        """The multiple of the noise at which the line stands."""
        return float(self.line.value())

    def show_band(
        self, band: DetailBand | None, drawn: DetailBand | None, threshold: float, has_risk: bool = True
    ) -> None:
        """Show another band; `drawn` is a part of it for histograms. None: it gets no noise."""
        self.band, self._drawn, self._has_risk = band, drawn, has_risk
        self._place_line(threshold)
        self._draw()

    def show_threshold(self, threshold: float) -> None:
        """Move the line without telling anybody."""
        if threshold != self.threshold:
            reach = self._reach
            self._place_line(threshold)
            if self._reach == reach:
                self._draw_after()
            else:
                self._draw()

    def _place_line(self, threshold: float) -> None:
        self._reach = max(REACH, 1.15 * threshold)
        with signals_blocked(self.line):
            self.line.setBounds((0.0, self._reach))
            self.line.setValue(threshold)

    def _dragged(self) -> None:
        self.moved.emit(self.threshold)  # first, so that the picture is made while this is drawn
        self._draw_after()

    def _clicked(self, event: Any) -> None:
        if event.double():
            self.reset.emit()

    def _draw(self) -> None:
        import pyqtgraph

        self._plot.clear()
        if self.band is None or self._drawn is None:
            self.label.setText("<small>no noise here</small>")
            return
        counts = self._drawn.histogram(0.0, BINS)
        edges, before = folded(counts.edges, counts.before)
        heights = np.log10(1 + before)
        self._top = max(float(heights.max()), 1.0)
        brush = pyqtgraph.mkBrush(BEFORE + "80")
        self._plot.plot(edges, heights, stepMode="center", fillLevel=0, pen=None, brush=brush)
        self._plot.addItem(self.after)
        for sizes, heights, color in self._risks():
            self._plot.plot(sizes, heights, pen=pyqtgraph.mkPen(color, width=1.5))
        self._plot.addItem(self.line)
        self._plot.setXRange(0, self._reach, padding=0)
        self._plot.setYRange(0, self._top, padding=0.04)
        self._draw_after()

    def _draw_after(self) -> None:
        if self._drawn is None or self.band is None:
            return
        counts = self._drawn.histogram(self.threshold, BINS)
        edges, after = folded(counts.edges, counts.after)
        self.after.setData(edges, np.log10(1 + after), stepMode="center", pen=AFTER)
        risk = ""
        if self._has_risk and self._curves():
            risk = f", error {self._curves()[-1][0](self.threshold) / max(self.band.noisy.size, 1):.2f}"
        self.label.setText(
            f"<small>t = {self.threshold:.2f} σ, {100 * counts.share_at_zero:.0f} % to zero{risk}</small>"
        )

    def _curves(self) -> list[tuple[Any, str]]:
        """Return the risk curves that are known, the one against the reference last."""
        if self.band is None or not self._has_risk:
            return []
        estimated = [(self.band.estimated_curve, STEIN)] if "sure" in self.band.thresholds else []
        return estimated + ([] if self.band.clean is None else [(self.band.curve, TRUE)])

    def _risks(self) -> list[tuple[Values, Values, str]]:
        """Return the risk curves as lines, on one scale that fills the height."""
        curves = self._curves()
        sizes = np.linspace(0, self._reach, POINTS)
        risks = [(curve(sizes), color) for curve, color in curves]
        if not risks:
            return []
        low = min(float(risk.min()) for risk, _ in risks)
        span = max(float(risk.max()) for risk, _ in risks) - low or 1.0
        start, end = RISK_ROOM
        return [
            (sizes, self._top * (start + (end - start) * (risk - low) / span), color) for risk, color in risks
        ]


def folded(edges: Values, counts: npt.NDArray[np.int64]) -> tuple[Values, Values]:
    """Return a histogram of sizes from one of values: edges from 0, and counts per bin of full width."""
    middle = counts.size // 2
    sizes = (counts[middle + 1 :] + counts[:middle][::-1]).astype(np.float64)
    return np.concatenate([[0.0], edges[middle + 1 :]]), np.concatenate([[2.0 * counts[middle]], sizes])
