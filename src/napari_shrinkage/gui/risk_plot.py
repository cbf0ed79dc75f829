"""The error in the course of a fit.

Convention: the error is a share of the noise's variance: 1 is the noisy image, 0 is perfect.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QWidget

from .plots import Plot

COLOR = "#f0a030"
LEAST_HEIGHT, USUAL_HEIGHT, MOST_HEIGHT = 72, 100, 130  # pixels
FEW_STEPS, WHOLE_STEPS = 5, [(1.0, 0.0)]  # of few steps no ticks in between


class RiskPlot(Plot):
    """A curve that grows while a fit goes on."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "", "error / noise", parent)
        self._plot.getAxis("bottom").showLabel(False)
        self.risks: list[float] = []
        self._places: list[int] = []
        self._steps = 1
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setMaximumHeight(MOST_HEIGHT)
        self._plot.setMouseEnabled(x=False, y=False)

    def sizeHint(self) -> QSize:
        """Ask for room for some numbers on the axis."""
        return QSize(0, USUAL_HEIGHT)

    def begin(self) -> None:
        """Forget the last fit."""
        self.risks, self._places, self._steps = [], [], 1
        self._draw()

    def add(self, risk: float, steps: int, step: int | None = None) -> None:
        """Add the error after a step of so many; None is the next one."""
        self.risks.append(risk)
        self._places.append(len(self._places) if step is None else step)
        self._steps = max(steps, self._places[-1])
        self._draw()

    def show_risks(self, risks: list[float]) -> None:
        """Draw the errors of a whole fit."""
        self.risks, self._steps = risks, max(len(risks) - 1, 1)
        self._places = list(range(len(risks)))
        self._draw()

    def _draw(self) -> None:
        import pyqtgraph

        self._plot.clear()
        few = len(self.risks) < 3
        self._plot.plot(
            self._places,
            self.risks,
            pen=pyqtgraph.mkPen(COLOR, width=2),
            symbol="o" if few else None,
            symbolBrush=COLOR,
            symbolPen=None,
            symbolSize=7,
        )
        self._plot.setXRange(0, self._steps, padding=0.03)
        self._plot.getAxis("bottom").setTickSpacing(levels=WHOLE_STEPS if self._steps < FEW_STEPS else None)
        if self.risks:
            low, high = min(self.risks), max(self.risks)
            room = max(high - low, 0.02 * abs(high), 1e-4) * 0.15
            self._plot.setYRange(low - room, high + room, padding=0)
