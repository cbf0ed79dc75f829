"""The plots of a report: proportion of brightness, intensity of small spots, and resolution.

Convention: a plot is shown where the report has something to draw in it; the limit that a check holds its
numbers against is drawn as a dashed line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from ..checking import TrustReport
from ..trust import Linearity, RingCorrelation, SpotBias
from ..trust.resolution import SEVENTH
from ..trust.spots import SPOT_LIMIT
from .plots import Plot

Found = list[tuple[str, Any]]
TITLES: dict[type, str] = {
    Linearity: "Linearity",
    SpotBias: "Small spots",
    RingCorrelation: "Resolution of the noisy image",
}


class FindingPlot(Plot):
    """One kind of finding, a curve for each channel."""

    def __init__(self, viewer: Any, bottom: str, left: str, parent: QWidget | None = None) -> None:
        super().__init__(viewer, bottom, left, parent)
        self._found: Found = []

    def show_found(self, found: Found) -> None:
        """Draw findings, each with its channel."""
        self._found = found
        self.setVisible(bool(found))
        self._draw()

    def legend(self) -> str:
        """Return the channels in their colours, in HTML; nothing where there is only one."""
        names = [
            f"<span style='color: {self._channel_color(i, len(self._found))}'>{channel}</span>"
            for i, (channel, _) in enumerate(self._found)
        ]
        return f": {', '.join(names)}" if len(names) > 1 else ""

    def _draw(self) -> None:
        self._plot.clear()
        for i, (channel, one) in enumerate(self._found):
            self._draw_one(one, channel, self._channel_color(i, len(self._found)))
        self._plot.autoRange()

    def _draw_one(self, one: Any, channel: str, color: str) -> None:
        raise NotImplementedError

    def _curve(self, x: Any, y: Any, color: str, points: bool) -> None:
        line = {"symbol": "o", "symbolSize": 6, "symbolBrush": color, "symbolPen": color} if points else {}
        pen = None if points else {"color": color, "width": 1.5}
        self._plot.plot(np.asarray(x), np.asarray(y), pen=pen, **line)

    def _dashed(self, x: Any, y: Any) -> None:
        pen = {"color": self._text, "width": 1, "style": Qt.PenStyle.DashLine}
        self._plot.plot(np.asarray(x), np.asarray(y), pen=pen)

    def _level(self, y: float, text: str = "") -> None:
        pen = {"color": self._text, "width": 1, "style": Qt.PenStyle.DashLine}
        options = {"position": 0.85, "color": self._text}
        self._plot.addLine(y=y, pen=pen, label=text or None, labelOpts=options)


class LinearityPlot(FindingPlot):
    """Result against image in classes of brightness, and the line on which both are equal."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "image / counts", "result / counts", parent)

    def _draw_one(self, one: Linearity, channel: str, color: str) -> None:
        ends = np.array([one.before.min(), one.before.max()])
        self._dashed(ends, ends)
        self._curve(one.before, one.after, color, points=True)


class SpotPlot(FindingPlot):
    """What is left of a spot's intensity against its SNR, with the limits."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "SNR of a spot", "intensity kept", parent)
        self._plot.getPlotItem().setLogMode(x=True)

    def _draw(self) -> None:
        super()._draw()
        for level in (1 - SPOT_LIMIT, 1 + SPOT_LIMIT):
            self._level(level)

    def _draw_one(self, one: SpotBias, channel: str, color: str) -> None:
        import pyqtgraph

        x = np.log10(one.snrs)  # error bars do not follow the axis' logarithm
        bars = pyqtgraph.ErrorBarItem(x=x, y=one.ratios, height=2 * one.errors, beam=0.02, pen=color)
        self._plot.addItem(bars)
        self._curve(one.snrs, one.ratios, color, points=True)


class ResolutionPlot(FindingPlot):
    """Fourier ring correlation against spatial frequency, with the threshold 1/7."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "cycles per pixel", "correlation", parent)

    def _draw(self) -> None:
        super()._draw()
        self._level(SEVENTH, "1/7")

    def _draw_one(self, one: RingCorrelation, channel: str, color: str) -> None:
        self._curve(one.frequencies, one.smoothed, color, points=False)


class TrustPlots(QScrollArea):
    """The three plots below each other, as far as there is something to draw."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.plots: dict[type, tuple[QLabel, FindingPlot]] = {
            Linearity: (QLabel(), LinearityPlot(viewer)),
            SpotBias: (QLabel(), SpotPlot(viewer)),
            RingCorrelation: (QLabel(), ResolutionPlot(viewer)),
        }
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        for title, plot in self.plots.values():
            title.setWordWrap(True)  # else a long legend pushes the plots out of sight
            column.addWidget(title)
            column.addWidget(plot, 1)
        column.addStretch()
        self.setWidget(inside)

    def show_report(self, report: TrustReport | None) -> None:
        """Draw what a report found."""
        for kind, (title, plot) in self.plots.items():
            found: Found = [] if report is None else report.found(kind)
            title.setVisible(bool(found))
            plot.show_found(found)
            title.setText(f"<b>{TITLES[kind]}</b>{plot.legend()}")

    def close_plots(self) -> None:
        """Stop following the theme."""
        for _, plot in self.plots.values():
            plot.close_plot()
