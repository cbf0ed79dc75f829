"""Whether noise is white: its autocorrelation as a picture, its power spectrum as a curve.

Convention: lag 0 is in the middle of the picture and zero correlation has the colour of the background;
powers are multiples of that of white noise, which is a level line at 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from ..noise import Autocorrelation, NoiseModel
from .editor import narrow_combo
from .noise_curves import Power, Values, measured_power, model_power
from .plots import Plot

LEAST_LIMIT = 0.1  # correlation at full colour
LEAST_HEIGHT = 110
ENDS = ("#3b82f6", "#f97316")  # negative, positive
SHARED = ("Luminance", "Red minus blue", "Green minus red and blue")


class LagPicture(Plot):
    """The autocorrelation of noise; `hovered` tells the number under the mouse, "" where there is none."""

    hovered = Signal(str)

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "lag X / pixels", "lag Y / pixels", parent)
        import pyqtgraph

        self.lags: Values | None = None
        self.image = pyqtgraph.ImageItem(axisOrder="row-major")
        self._plot.addItem(self.image)
        self._plot.setAspectLocked(True)
        self._plot.invertY(True)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.scene().sigMouseMoved.connect(self._moved)

    @property
    def limit(self) -> float:
        """The correlation at full colour: the largest besides lag 0."""
        assert self.lags is not None
        around = np.abs(self.lags)
        around[tuple(n // 2 for n in around.shape)] = 0
        return max(float(around.max()), LEAST_LIMIT)

    def show_window(self, window: Values | None) -> None:
        """Draw correlations (rows of lags along Y), or nothing."""
        self.lags = window
        self._draw()

    def correlation_at(self, x: float, y: float) -> str:
        """Return the lag and the correlation at a place of the picture, in words."""
        if self.lags is None:
            return ""
        rows, columns = (n // 2 for n in self.lags.shape)
        lag_y, lag_x = round(y), round(x)
        if abs(lag_y) > rows or abs(lag_x) > columns:
            return ""
        return f"r = {self.lags[rows + lag_y, columns + lag_x]:.3f} at lag ({lag_x:+d}, {lag_y:+d})"

    def _draw(self) -> None:
        import pyqtgraph

        if self.lags is None:
            self.image.clear()
            return
        rows, columns = self.lags.shape
        colors = pyqtgraph.ColorMap([0.0, 0.5, 1.0], [ENDS[0], self._ground, ENDS[1]])
        self.image.setImage(self.lags, levels=(-self.limit, self.limit), lut=colors.getLookupTable(nPts=255))
        self.image.setRect(QRectF(-columns / 2, -rows / 2, columns, rows))
        self._plot.autoRange(padding=0)

    def _moved(self, place: QPointF) -> None:
        point = self._plot.getPlotItem().vb.mapSceneToView(place)
        self.hovered.emit(self.correlation_at(point.x(), point.y()))


class PowerPlot(Plot):
    """Noise power against frequency: measured in each channel, and the model's."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "frequency / (cycles/pixel)", "power / white", parent)
        self.measured: list[Power | None] = []
        self.model: Power | None = None
        self._plot.setMouseEnabled(x=False, y=True)

    def show_powers(self, measured: list[Power | None], model: Power | None) -> None:
        """Draw the measured power of each channel (None: not known) and the model's (None: white)."""
        self.measured, self.model = measured, model
        self._draw()

    def _draw(self) -> None:
        import pyqtgraph

        self._plot.clear()
        for i, power in enumerate(self.measured):
            if power is not None:
                color = self._channel_color(i, len(self.measured))
                self._plot.plot(
                    power.frequencies,
                    power.powers,
                    pen=None,
                    symbol="o",
                    symbolSize=5,
                    symbolPen=None,
                    symbolBrush=color,
                )
        dashed = pyqtgraph.mkPen(self._text, style=Qt.PenStyle.DashLine)
        if self.model is None:
            self._plot.addLine(y=1, pen=dashed)
        else:
            self._plot.plot(self.model.frequencies, self.model.powers, pen=dashed)
        shown = [power for power in (*self.measured, self.model) if power is not None]
        self._plot.setXRange(0, 0.75)
        self._plot.setYRange(0, max([2.0, *(1.1 * float(power.powers.max()) for power in shown)]))


class CorrelationView(QWidget):
    """Picture and spectrum of the noise of a measurement, and a sentence on them."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture, self.power = LagPicture(viewer), PowerPlot(viewer)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.shared: QComboBox = narrow_combo()
        self.shared.addItems(SHARED)
        self.shared.setToolTip("The colours share their noise: which mixture of them to show")
        self._correlations: Sequence[Autocorrelation | None] = ()
        self._energies: list[Values | None] = []
        self._said = ""
        self.shared.currentIndexChanged.connect(self._show)
        self.picture.hovered.connect(lambda text: self.sentence.setText(text or self._said))
        self._lay_out()
        self.show_noise(None, [])

    def show_noise(self, model: NoiseModel | None, energies: list[Values | None]) -> None:
        """Show a model's correlation, and the energies (16, 16) that were measured in each channel."""
        color = model is not None and model.color is not None
        self._correlations = () if model is None else model.correlations(color)
        self._energies = energies
        self.shared.setVisible(color)
        self._show()

    def close_plots(self) -> None:
        """Stop following the theme."""
        self.picture.close_plot()
        self.power.close_plot()

    def _lay_out(self) -> None:
        self.picture.setMinimumHeight(LEAST_HEIGHT)
        self.power.setMinimumHeight(LEAST_HEIGHT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.shared)
        layout.addWidget(self.sentence)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.power, 1)

    def _show(self) -> None:
        place = self.shared.currentIndex() if len(self._correlations) > 1 else 0
        correlation = self._correlations[place] if self._correlations else None
        window = None if correlation is None else plane_of(correlation)
        measured = [None if one is None else measured_power(one) for one in self._energies]
        flat = correlation is not None and correlation.ndim == 2
        self.picture.setVisible(window is not None)
        self.picture.show_window(window)
        self.power.show_powers(
            measured, model_power(correlation) if flat and correlation is not None else None
        )
        known = any(one is not None for one in measured)
        self._said = "" if not self._correlations else sentence_of(window, known)
        self.sentence.setText(self._said)


def plane_of(correlation: Autocorrelation) -> Values:
    """Return the correlations within a plane, rows along Y."""
    window = np.atleast_2d(correlation.array)
    return np.asarray(window[tuple(n // 2 for n in window.shape[:-2])])


def sentence_of(window: Values | None, measured: bool) -> str:
    """Say whether noise is white, and how far neighbours are alike where it is not."""
    if window is None:
        return "White: neighbouring pixels have independent noise." + (
            "" if measured else " No spectrum was measured."
        )
    y, x = (n // 2 for n in window.shape)
    across = f"{window[y, x + 1]:.2f} along X" if x else ""
    down = f"{window[y + 1, x]:.2f} along Y" if y else ""
    return f"Correlated between neighbours: {', '.join(part for part in (across, down) if part)}."
