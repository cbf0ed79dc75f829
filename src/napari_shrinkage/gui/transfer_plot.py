"""The photon transfer plot: noise variance against mean, the points that were measured and the model's line.

Convention: the fainter a point, the fewer blocks are behind it; the line is dashed where it is another model
than the measured one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .noise_curves import TransferCurve
from .plots import Plot

SIZES = (4.0, 8.0)  # pixels, of points with little and with much behind them
FAINTEST = 60  # of 255


class TransferPlot(Plot):
    """Variance against mean of each channel."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "mean / counts", "variance / counts²", parent)
        self.curves: Sequence[TransferCurve] = ()
        self.others: Sequence[TransferCurve] = ()
        self._logarithmic = False

    def show_curves(self, curves: Sequence[TransferCurve], others: Sequence[TransferCurve] = ()) -> None:
        """Draw the points and the line of each channel, and the lines of another model."""
        self.curves, self.others = curves, others
        self._draw()

    def set_logarithmic(self, on: bool) -> None:
        """Make both axes logarithmic, or linear again."""
        self._logarithmic = on
        self._draw()

    def _draw(self) -> None:
        self._plot.clear()
        self._plot.setLogMode(x=self._logarithmic, y=self._logarithmic)
        for i, curve in enumerate(self.curves):
            self._draw_points(curve, self._channel_color(i, len(self.curves)))
        for curves, style in ((self.curves, Qt.PenStyle.SolidLine), (self.others, Qt.PenStyle.DashLine)):
            for i, curve in enumerate(curves):
                self._draw_line(curve, self._channel_color(i, len(curves)), style)
        self._plot.autoRange()

    def _draw_points(self, curve: TransferCurve, color: str) -> None:
        import pyqtgraph

        seen = self._drawable(curve.means, curve.variances)
        if not seen.any():
            return
        weights = curve.weights[seen]
        brushes = []
        for weight in weights:
            brush = pyqtgraph.mkColor(color)
            brush.setAlpha(round(FAINTEST + (255 - FAINTEST) * float(weight)))
            brushes.append(brush)
        small, large = SIZES
        self._plot.plot(
            curve.means[seen],
            curve.variances[seen],
            pen=None,
            symbol="o",
            symbolPen=None,
            symbolBrush=brushes,
            symbolSize=small + (large - small) * weights,
        )

    def _draw_line(self, curve: TransferCurve, color: str, style: Qt.PenStyle) -> None:
        import pyqtgraph

        seen = self._drawable(curve.line_means, curve.line_variances)
        if seen.any():
            pen = pyqtgraph.mkPen(color, width=2, style=style)
            self._plot.plot(curve.line_means[seen], curve.line_variances[seen], pen=pen)

    def _drawable(self, means: Any, variances: Any) -> Any:
        """Return which points there is a place for: on logarithmic axes only positive ones."""
        return (means > 0) & (variances > 0) if self._logarithmic else means == means


class TransferView(QWidget):
    """The photon transfer plot with a legend and the choice of its axes."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = TransferPlot(viewer)
        self.legend = QLabel()
        self.logarithmic = QCheckBox("log axes")
        self.logarithmic.toggled.connect(self.plot.set_logarithmic)
        above = QHBoxLayout()
        above.addWidget(self.legend, 1)
        above.addWidget(self.logarithmic)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(above)
        layout.addWidget(self.plot, 1)

    def show_curves(self, curves: Sequence[TransferCurve], others: Sequence[TransferCurve] = ()) -> None:
        """Draw the points and the line of each channel, and those of the model kept with the layer."""
        self.plot.show_curves(curves, others)
        points = any(len(curve.means) for curve in curves)
        words = [] if not curves else ["● measured" if points else "no points: the method gives one number"]
        words += ["─ model"] * bool(curves) + ["╌ kept with the layer"] * bool(others)
        self.legend.setText(f"<small>{'&nbsp; '.join(words)}</small>")
