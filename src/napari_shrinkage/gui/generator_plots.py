"""What the widget Generator draws: the course of a training, pairs of images, unlike images, errors.

Convention: a picture of a generator is drawn on the scale of the image above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..diagnostics.generators import LatentError
from ..restorers.generator_misfit import Misfit
from ..stack import Float
from .plots import CHANNELS, Plot

LOSS, LIKE, UNLIKE, CURRENT = "#f0a030", "#50a0f0", "#f06050", "#c0c0c0"
LEAST_HEIGHT, MOST_HEIGHT = 84, 130  # pixels, of the loss
MISFIT_HEIGHT = 120
GAP = 2  # pixels between pictures
LARGEST = 64  # pixels, of a picture's side
FAINT = "70"  # opacity of the part that noise adds, in hexadecimal
BARS = 0.8  # of the room of one strength


class LossPlot(Plot):
    """The held-out error in the course of a training, on a logarithmic scale."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "", "error", parent)
        self.setToolTip(
            "<qt>Mean squared error of the images that are held out, where the range of the stack is 1, "
            "over the steps.</qt>"
        )
        self.risks: list[float] = []
        self._places: list[int] = []
        self._steps = 1
        self._plot.setLogMode(x=False, y=True)
        self._plot.getAxis("bottom").showLabel(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setMaximumHeight(MOST_HEIGHT)

    def sizeHint(self) -> QSize:
        """Ask for room for some numbers on the axis."""
        return QSize(0, MOST_HEIGHT)

    def begin(self) -> None:
        """Forget the last training."""
        self.risks, self._places, self._steps = [], [], 1
        self._draw()

    def add(self, risk: float, step: int, steps: int) -> None:
        """Add the error after a step of so many."""
        if self._places and self._places[-1] == step:
            return
        self.risks.append(risk)
        self._places.append(step)
        self._steps = max(steps, 1)
        self._draw()

    def _draw(self) -> None:
        import pyqtgraph

        self._plot.clear()
        known = [(x, y) for x, y in zip(self._places, self.risks, strict=True) if y > 0 and math.isfinite(y)]
        if not known:
            return
        places, risks = zip(*known, strict=True)
        self._plot.plot(places, risks, pen=pyqtgraph.mkPen(LOSS, width=2), **_dots(LOSS, 5))
        self._plot.setXRange(0, self._steps, padding=0.03)
        low, high = math.log10(min(risks)), math.log10(max(risks))
        room = max(high - low, 0.1) * 0.1
        self._plot.setYRange(low - room, high + room, padding=0)


class PairStrip(QWidget):
    """Images in a row, and below each what the generator makes of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pairs: Float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Above, images that are held out; below, what the generator draws of them")
        self.hide()

    @property
    def pairs(self) -> Float | None:
        """What is shown: (2, n, Y, X), or None."""
        return self._pairs

    def show_pairs(self, pairs: Float | None) -> None:
        """Show pairs (2, n, Y, X); None hides the strip."""
        self._pairs = pairs
        self.setVisible(pairs is not None)
        self.setFixedHeight(max(self._height(), 1))
        self.update()

    def resizeEvent(self, event: Any) -> None:
        """Keep the pictures' shape."""
        super().resizeEvent(event)
        if self._pairs is not None and self.height() != self._height():
            self.setFixedHeight(self._height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw every picture as large as fits."""
        if self._pairs is None:
            return
        painter = QPainter(self)
        width, height = self._cell()
        for number in range(self._pairs.shape[1]):
            low, high = np.percentile(self._pairs[0, number], (0.5, 99.9))
            for line in range(2):
                picture = _gray(self._pairs[line, number], float(low), float(high))
                x, y = number * (width + GAP), line * (height + GAP)
                painter.drawImage(_rectangle(x, y, width, height), picture)
        painter.end()

    def _cell(self) -> tuple[int, int]:
        """Return width and height of a picture."""
        assert self._pairs is not None
        count, y, x = self._pairs.shape[1:]
        width = min(max(self.width() // count - GAP, 8), LARGEST)
        return width, max(round(width * y / x), 1)

    def _height(self) -> int:
        return 0 if self._pairs is None else 2 * self._cell()[1] + GAP


class MisfitPlot(Plot):
    """How far each image is from its result, beside how far it may be; a click goes to the image.

    Signals
    -------
    chosen(int)
        The image that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "image", "residual / limit", parent)
        self._misfit: Misfit | None = None
        self._current: int | None = None
        self._plot.setMouseEnabled(x=True, y=False)
        self.setFixedHeight(MISFIT_HEIGHT)
        self.setToolTip(
            "<qt>Root mean square of image minus result, over the most that noise and the generator's usual "
            "error explain. Above 1 (red) an image is unlike those of the training stack. The line marks the "
            "image in view; a click goes to another.</qt>"
        )
        scene: Any = self._plot.scene()
        scene.sigMouseClicked.connect(self._clicked)
        self.hide()

    @property
    def ratios(self) -> Float:
        """Residual over limit of every image."""
        assert self._misfit is not None
        return np.asarray(self._misfit.residual / self._misfit.limit, np.float32).ravel()

    def show_misfit(self, misfit: Misfit | None) -> None:
        """Draw the images of a result; None hides the plot."""
        self._misfit = misfit
        self.setVisible(misfit is not None)
        self._draw()
        if misfit is not None:
            self._plot.setXRange(-0.5, self.ratios.size - 0.5, padding=0.02)

    def show_current(self, image: int | None) -> None:
        """Mark the image in view."""
        if image != self._current:
            self._current = image
            self._draw()

    def _clicked(self, event: Any) -> None:
        if self._misfit is None or event.button() != Qt.MouseButton.LeftButton:
            return
        place = self._plot.getPlotItem().vb.mapSceneToView(event.scenePos())
        self.chosen.emit(int(np.clip(round(place.x()), 0, self.ratios.size - 1)))

    def _draw(self) -> None:
        self._plot.clear()
        if self._misfit is None:
            return
        ratios = self.ratios
        places, out = np.arange(ratios.size), ratios > 1
        for chosen, color in ((~out, LIKE), (out, UNLIKE)):
            self._plot.plot(places[chosen], ratios[chosen], pen=None, **_dots(color, 5))
        self._plot.addLine(y=1, pen={"color": self._text, "style": Qt.PenStyle.DashLine})
        if self._current is not None:
            self._plot.addLine(x=self._current, pen={"color": CURRENT, "width": 1})
        self._plot.setYRange(min(float(ratios.min()), 0.9), max(float(ratios.max()), 1.1), padding=0.08)


class LatentPlot(Plot):
    """The error of generators at every strength of the noise: what cannot be drawn, and what noise adds."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(viewer, "noise variance / mean square", "error / counts²", parent)
        self.errors: tuple[LatentError, ...] = ()
        self._plot.setMouseEnabled(x=False, y=False)

    def show_errors(self, errors: Sequence[LatentError]) -> None:
        """Draw a bar for every length of the code at every strength."""
        self.errors = tuple(errors)
        self._draw()

    def legend(self) -> str:
        """Return the lengths of the code in their colours, in HTML."""
        lengths = self._lengths()
        return ", ".join(
            f"<span style='color: {_color(i)}'>K = {latent}</span>" for i, latent in enumerate(lengths)
        )

    def _lengths(self) -> list[int]:
        return list(dict.fromkeys(one.latent for one in self.errors))

    def _draw(self) -> None:
        import pyqtgraph

        self._plot.clear()
        if not self.errors:
            return
        lengths = self._lengths()
        strengths = list(dict.fromkeys(one.strength for one in self.errors))
        width = BARS / len(lengths)
        for i, latent in enumerate(lengths):
            own = [one for one in self.errors if one.latent == latent]
            places = [strengths.index(one.strength) + (i + 0.5) * width - BARS / 2 for one in own]
            shape = {"x": places, "width": 0.9 * width, "pen": None}
            drawing = [one.drawing for one in own]
            noise = [one.noise for one in own]
            self._plot.addItem(pyqtgraph.BarGraphItem(height=drawing, y0=0, brush=_color(i), **shape))
            self._plot.addItem(
                pyqtgraph.BarGraphItem(height=noise, y0=drawing, brush=_color(i) + FAINT, **shape)
            )
        axis = self._plot.getAxis("bottom")
        axis.setTicks([[(place, f"{strength:g}") for place, strength in enumerate(strengths)]])
        self._plot.setXRange(-0.5, len(strengths) - 0.5, padding=0.02)
        most = max(one.drawing + one.noise for one in self.errors)
        self._plot.setYRange(0, (most or 1.0) * 1.05, padding=0)


def _color(number: int) -> str:
    return CHANNELS[(number + 2) % len(CHANNELS)]


def _dots(color: str, size: int) -> dict[str, Any]:
    return {"symbol": "o", "symbolSize": size, "symbolBrush": color, "symbolPen": None}


def _gray(values: Float, low: float, high: float) -> QImage:
    """Return a picture on a scale of gray."""
    scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    grays = np.ascontiguousarray(np.rint(255 * scaled).astype(np.uint8))
    y, x = grays.shape
    return QImage(grays.tobytes(), x, y, x, QImage.Format.Format_Grayscale8).copy()


def _rectangle(x: int, y: int, width: int, height: int) -> Any:
    from qtpy.QtCore import QRect

    return QRect(x, y, width, height)
