"""Interactive plots in napari's colours.

Convention: pyqtgraph is imported when the first plot is made; a plot follows the viewer's theme until it is
closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ..diagnostics import Histogram

CHANNELS = ("#e05050", "#40b050", "#5080f0", "#c0a030", "#a050c0", "#40b0b0")
SATURATED = 0.001  # a share of pixels at the lowest or highest value that is worth a mark
HEIGHT = 180
MARGINS = 0, 6, 4, 6  # pixels, which labels reach over the edge of a plot
SIDES = ("bottom", "left")


class Plot(QWidget):
    """One pair of axes; a kind of plot says in `_draw` what is in them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose theme gives the colours.
    bottom, left : str
        What the axes show.
    """

    def __init__(self, viewer: Any, bottom: str, left: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph

        self._viewer = viewer
        self._plot = pyqtgraph.PlotWidget()
        self._plot.setLabel("bottom", bottom)
        self._plot.setLabel("left", left)
        for side in SIDES:
            axis = self._plot.getAxis(side)
            axis.enableAutoSIPrefix(False)  # the units are in the label
            axis.logTickStrings = log_ticks
        self._plot.getPlotItem().setContentsMargins(*MARGINS)
        self._plot.getPlotItem().setMenuEnabled(False)
        self._plot.hideButtons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._plot.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored
        )  # it would ask for 640 x 480
        self.setMinimumHeight(HEIGHT)
        viewer.events.theme.connect(self._theme_changed)
        self._take_colours()

    def close_plot(self) -> None:
        """Stop following the theme."""
        self._viewer.events.theme.disconnect(self._theme_changed)

    def _theme_changed(self, event: Any = None) -> None:
        self._take_colours()
        self._draw()

    def _take_colours(self) -> None:
        from napari.utils.theme import get_theme

        theme = get_theme(self._viewer.theme)
        self._text, self._ground = theme.text.as_hex(), theme.background.as_hex()
        self._plot.setBackground(self._ground)
        for side in SIDES:
            axis = self._plot.getAxis(side)
            axis.setPen(self._text)
            axis.setTextPen(self._text)

    def _channel_color(self, channel: int, channels: int) -> str:
        """Return the colour of a channel; a single one has that of the text."""
        return CHANNELS[channel % len(CHANNELS)] if channels > 1 else self._text

    def _draw(self) -> None:
        """Draw everything anew."""
        raise NotImplementedError


def log_ticks(exponents: Sequence[float], scale: float, spacing: float) -> list[str]:
    """Return plain numbers for a logarithmic axis, only for 1, 2 and 5 times a power of ten."""
    texts = [f"{10.0**exponent:.5g}" for exponent in exponents]
    return [text if text.strip("0.")[:1] in ("1", "2", "5") else "" for text in texts]


class HistogramPlot(Plot):
    """Histograms of an image's channels, with a mark where many pixels are saturated."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "value / counts", "pixels", parent)
        self._shown: list[Histogram] = []
        self._plot.setMouseEnabled(x=True, y=False)

    def show_histograms(self, histograms: list[Histogram]) -> None:
        """Draw one curve per channel."""
        self._shown = histograms
        self._draw()

    def _draw(self) -> None:
        import pyqtgraph

        self._plot.clear()
        for i, one in enumerate(self._shown):
            pen = self._channel_color(i, len(self._shown))
            brush = pyqtgraph.mkBrush(pen + "50")
            self._plot.plot(one.edges, one.counts, stepMode="center", fillLevel=0, pen=pen, brush=brush)
        self._mark(self._shown)
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
