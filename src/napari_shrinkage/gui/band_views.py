"""All bands at a glance: a grid of plots, or for a DCT a map of the thresholds over frequency.

Convention: a view shows one channel; it says which band the user moved (`moved`) or double-clicked (`reset`),
and moves nothing on its own but the line that is dragged.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from ..diagnostics import DetailBand
from ..diagnostics.band import orientation_of
from .band_content import Bands
from .band_plot import BandPlot
from .kept_analysis import Multiples
from .plots import Plot

MAP_COLORS = "viridis"


class BandView(QWidget):
    """Base of the views."""

    moved = Signal(str, float)
    reset = Signal(str)

    def show_channel(self, bands: Bands, channel: int, values: Multiples) -> None:
        """Show the bands of one channel."""
        raise NotImplementedError

    def show_values(self, values: Multiples) -> None:
        """Show other thresholds."""
        raise NotImplementedError

    def close_view(self) -> None:
        """Stop following the theme."""
        raise NotImplementedError


class BandGrid(BandView):
    """A row for each level, a column for each orientation."""

    def __init__(self, viewer: Any, bands: Bands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plots: dict[str, BandPlot] = {}
        self._channel = 0
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 4, 0)
        grid.setSpacing(4)
        columns = list(dict.fromkeys(orientation_of(band) for band in bands.subbands))
        rows = sorted({band.level for band in bands.subbands})
        for number, title in enumerate(columns, start=1):
            grid.addWidget(_heading(title.capitalize()), 0, number)
            grid.setColumnStretch(number, 1)
        for number, level in enumerate(rows, start=1):
            grid.addWidget(_heading(f"Level {level}"), number, 0)
            grid.setRowStretch(number, 1)
        for band in bands.subbands:
            plot = BandPlot(viewer)
            self.plots[band.key] = plot
            grid.addWidget(plot, 1 + rows.index(band.level), 1 + columns.index(orientation_of(band)))
            plot.moved.connect(partial(self.moved.emit, band.key))
            plot.reset.connect(partial(self.reset.emit, band.key))

    def show_channel(self, bands: Bands, channel: int, values: Multiples) -> None:
        """Show the bands of one channel."""
        self._channel = channel
        for key, plot in self.plots.items():
            band = bands.found.get((key, channel))
            plot.show_band(band, bands.drawn(key, channel), values[key][channel], bands.knows_risk)

    def show_values(self, values: Multiples) -> None:
        """Show other thresholds."""
        for key, plot in self.plots.items():
            plot.show_threshold(values[key][self._channel])

    def close_view(self) -> None:
        """Stop following the theme."""
        for plot in self.plots.values():
            plot.close_plot()


class FrequencyMap(Plot):
    """Thresholds over frequency: l along X to the right, k along Y (and Z) downwards."""

    picked = Signal(int, int)

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "frequency along X", "frequency along Y", parent)
        import pyqtgraph

        self.image = pyqtgraph.ImageItem(axisOrder="row-major")
        self.image.setColorMap(pyqtgraph.colormap.get(MAP_COLORS))
        self.mark = pyqtgraph.PlotCurveItem(pen=pyqtgraph.mkPen("w", width=2))
        for item in (self.image, self.mark):
            self._plot.addItem(item)
        self.bar = pyqtgraph.ColorBarItem(interactive=False, colorMap=MAP_COLORS, width=12)
        self.bar.setImageItem(self.image, insert_in=self._plot.getPlotItem())
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.invertY(True)
        self._plot.scene().sigMouseClicked.connect(self._clicked)
        self.values: npt.NDArray[np.float64] | None = None
        self._place = 0, 0

    def show_map(self, values: npt.NDArray[np.float64], place: tuple[int, int]) -> None:
        """Show thresholds (rows, columns), NaN where there is none, and mark one."""
        self.values, self._place = values, place
        self._draw()

    def _draw(self) -> None:
        if self.values is None:
            return
        rows, columns = self.values.shape
        low, high = float(np.nanmin(self.values)), float(np.nanmax(self.values))
        high = max(high, low + 0.1)
        self.image.setImage(self.values, autoLevels=False)
        self.bar.setLevels((low, high))
        self.image.setRect(QRectF(-0.5, -0.5, columns, rows))
        y, x = self._place
        sides = np.array([-0.5, 0.5, 0.5, -0.5, -0.5])
        self.mark.setData(x + sides, y + np.roll(sides, 1))
        self._plot.setRange(xRange=(-0.5, columns - 0.5), yRange=(-0.5, rows - 0.5), padding=0.01)

    def _clicked(self, event: Any) -> None:
        place = self._plot.getPlotItem().vb.mapSceneToView(event.scenePos())
        if self.values is None:
            return
        y, x = round(place.y()), round(place.x())
        rows, columns = self.values.shape
        if 0 <= y < rows and 0 <= x < columns and np.isfinite(self.values[y, x]):
            self.picked.emit(y, x)


class FrequencyView(BandView):
    """The map of a DCT's thresholds, and the plot of the frequency that was picked."""

    def __init__(self, viewer: Any, bands: Bands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.map, self.plot = FrequencyMap(viewer), BandPlot(viewer)
        self.title = _heading("")
        self._bands, self._channel, self._values = bands, 0, bands.starting
        frequencies = {band.key: tuple(map(int, band.key.split(","))) for band in bands.subbands}
        self._width = 1 + max(place[-1] for place in frequencies.values())
        depth = 1 + max(place[-2] for place in frequencies.values())
        self._places = {
            key: ((place[0] * depth + place[1] if len(place) == 3 else place[0]), place[-1])
            for key, place in frequencies.items()
        }
        self._keys = {place: key for key, place in self._places.items()}
        self.key = self._keys.get((0, 1)) or bands.subbands[0].key
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 4, 0)
        right = QVBoxLayout()
        right.addWidget(self.title)
        right.addWidget(self.plot, 1)
        grid.addWidget(self.map, 0, 0)
        grid.addLayout(right, 0, 1)
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 3)
        self.map.picked.connect(lambda y, x: self.pick(self._keys[y, x]))
        self.plot.moved.connect(lambda t: self.moved.emit(self.key, t))
        self.plot.reset.connect(lambda: self.reset.emit(self.key))

    def pick(self, key: str) -> None:
        """Show the plot of another frequency."""
        self.key = key
        self.show_channel(self._bands, self._channel, self._values)

    def show_channel(self, bands: Bands, channel: int, values: Multiples) -> None:
        """Show the frequencies of one channel."""
        self._bands, self._channel, self._values = bands, channel, values
        band: DetailBand | None = bands.found.get((self.key, channel))
        drawn = bands.drawn(self.key, channel)
        self.plot.show_band(band, drawn, values[self.key][channel], bands.knows_risk)
        self.title.setText(f"Frequency {self.key.replace(',', ', ')}")
        self._draw_map()

    def show_values(self, values: Multiples) -> None:
        """Show other thresholds."""
        self._values = values
        self.plot.show_threshold(values[self.key][self._channel])
        self._draw_map()

    def close_view(self) -> None:
        """Stop following the theme."""
        self.map.close_plot()
        self.plot.close_plot()

    def _draw_map(self) -> None:
        rows = 1 + max(place[0] for place in self._places.values())
        values = np.full((rows, self._width), np.nan)
        for key, place in self._places.items():
            values[place] = self._values[key][self._channel]
        self.map.show_map(values, self._places[self.key])


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label
