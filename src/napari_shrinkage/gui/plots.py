"""Interactive plots in napari's colours.

Convention: pyqtgraph is imported when the first plot is made; a plot follows the viewer's theme while it
lives.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ..diagnostics import Histogram

CHANNELS = ("#e05050", "#40b050", "#5080f0", "#c0a030", "#a050c0", "#40b0b0")
SATURATED = 0.001  # a share of pixels at the lowest or highest value that is worth a mark
HEIGHT = 180


class HistogramPlot(QWidget):
    """Histograms of an image's channels, with a mark where many pixels are saturated."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph

        self._viewer = viewer
        self._shown: tuple[list[Histogram], bool] = ([], False)
        self._plot = pyqtgraph.PlotWidget()
        self._plot.setLabel("bottom", "value")
        self._plot.setLabel("left", "pixels")
        self._plot.getPlotItem().setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setMouseEnabled(x=True, y=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._plot.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored
        )  # it would ask for 640 x 480
        self.setMinimumHeight(HEIGHT)
        viewer.events.theme.connect(self._apply_theme)
        self._apply_theme()

    def show_histograms(self, histograms: list[Histogram], color: bool) -> None:
        """Draw one curve per channel; `color` says that they are red, green and blue."""
        self._shown = (histograms, color)
        self._draw()

    def close_plot(self) -> None:
        """Stop following the theme."""
        self._viewer.events.theme.disconnect(self._apply_theme)

    def _apply_theme(self, event: Any = None) -> None:
        from napari.utils.theme import get_theme

        theme = get_theme(self._viewer.theme)
        self._text = theme.text.as_hex()
        self._plot.setBackground(theme.background.as_hex())
        for side in ("bottom", "left"):
            axis = self._plot.getAxis(side)
            axis.setPen(self._text)
            axis.setTextPen(self._text)
        self._draw()

    def _draw(self) -> None:
        import pyqtgraph

        histograms, color = self._shown
        self._plot.clear()
        for i, one in enumerate(histograms):
            pen = CHANNELS[i % len(CHANNELS)] if color or len(histograms) > 1 else self._text
            brush = pyqtgraph.mkBrush(pen + "50")
            self._plot.plot(one.edges, one.counts, stepMode="center", fillLevel=0, pen=pen, brush=brush)
        self._mark(histograms)
        self._plot.autoRange()

    def _mark(self, histograms: list[Histogram]) -> None:
        """Mark the lowest and the highest value where more than a few pixels have exactly it."""
        for place, share, side in (("lowest", "share_lowest", 0.05), ("highest", "share_highest", 0.95)):
            found = [
                (getattr(one, share), getattr(one, place))
                for one in histograms
                if getattr(one, share) > SATURATED
            ]
            if found:
                part, value = max(found)
                self._plot.addLine(
                    x=value,
                    pen={"color": "#ffb000", "width": 2, "style": Qt.PenStyle.DashLine},
                    label=f"{part:.1%} at {value:g}",
                    labelOpts={"position": 0.9, "color": self._text, "anchors": [(side, 0), (side, 0)]},
                )
