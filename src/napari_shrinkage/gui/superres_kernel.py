"""The kernel of a degradation as a small picture, with its width in words and the button that measures it.

Convention: the picture is gray, brighter is more weight; negative weights are blue. The frame is the coarse
pixel, on whose centre the kernel stands.
"""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..degradation import AnyKernel
from ..degradation.kernels import Kernel, centroid, resized
from ..degradation.measuring import KernelEstimate, kernel_widths

SIDE = 76  # pixels of the screen
LEAST_TAPS = 3  # times the scale: what is shown around a small kernel
FRAME = "#ffb000"
ROUND = 1.1  # ratio of the widths below which a kernel is called round
SHIFTED = 0.05  # fine pixels


class KernelRow(QWidget):
    """The picture, what is said of it, and the button "Measure"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture, self.text = QLabel(), QLabel()
        self.measure_button = QPushButton("Measure blur")
        self.measure_button.setToolTip(
            "<qt>Measure in the image how it was blurred before it was sampled. Takes a second or two; what "
            "is soft by itself is taken for blurred.</qt>"
        )
        self.picture.setFixedSize(SIDE, SIDE)
        self.picture.setToolTip("The kernel on the fine grid; the frame is the coarse pixel")
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        words = QVBoxLayout()
        words.addWidget(self.text)
        words.addWidget(self.measure_button)
        words.addStretch()
        row.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)

    def show_kernel(self, kernel: Kernel | None, scale: int, words: str = "") -> None:
        """Show a kernel, and words or else its width; None is one that is not known yet."""
        if kernel is None:
            self.picture.setPixmap(QPixmap())
            self.text.setText(words)
            return
        self.picture.setPixmap(QPixmap.fromImage(kernel_picture(kernel, scale, SIDE)))
        self.text.setText(words or width_in_words(kernel))


def width_in_words(kernel: Kernel) -> str:
    """Return such as "As wide as a Gaussian of std 1.2 fine pixels", as `kernel_widths` measures it."""
    long, short, _ = kernel_widths(kernel)
    shift = centroid(kernel)
    if long < SHIFTED:
        width = "A single fine pixel"
    elif long <= ROUND * short:
        width = f"As wide as a Gaussian of std {long:.2g} fine pixels"
    else:
        width = f"As wide as a Gaussian of stds {long:.2g} and {short:.2g} fine pixels"
    moved = f", shifted by ({shift[0]:.2g}, {shift[1]:.2g})" if max(map(abs, shift)) > SHIFTED else ""
    return width + moved


def estimate_in_words(estimate: KernelEstimate) -> str:
    """Return the verdict on a measured kernel, its confidence, and what it is taken for."""
    taken, said = estimate.degradation, f"{estimate.verdict} Confidence {estimate.confidence:.0%}."
    return (
        said if isinstance(taken, AnyKernel) else f"{said} It may as well be {taken.title.lower()}: taken so."
    )


def kernel_picture(kernel: Kernel, scale: int, side: int) -> QImage:
    """Return a kernel as a square picture with the coarse pixel's frame."""
    taps = max(len(kernel), LEAST_TAPS * scale)
    shown = resized(kernel, taps + (taps - len(kernel)) % 2)
    unit = shown / np.abs(shown).max()
    gray = np.maximum(unit, 0) ** 0.7
    colors = np.stack([gray, gray, np.maximum(gray, np.maximum(-unit, 0) ** 0.7)], -1)
    pixels = np.ascontiguousarray(np.rint(255 * colors).astype(np.uint8))
    count = len(pixels)
    image = QImage(pixels.tobytes(), count, count, 3 * count, QImage.Format.Format_RGB888).copy()
    image = image.scaled(side, side, Qt.AspectRatioMode.IgnoreAspectRatio)
    painter = QPainter(image)
    painter.setPen(QPen(QColor(FRAME), 1))
    tap = side / count
    first, length = tap * (count - scale) / 2, tap * scale
    painter.drawRect(round(first), round(first), round(length), round(length))
    painter.end()
    return image
