"""The list of a viewer's stacks of frames, from which the user picks dark frames and flats.

Convention: the first axis of a layer counts frames. A layer is dark, flat or neither; at most one is dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QScrollArea, QWidget

from .layers import layer_array


@dataclass(frozen=True, eq=False)
class Row:
    """A layer with its two boxes."""

    layer: Any
    dark: QCheckBox
    flat: QCheckBox


class FrameChoice(QScrollArea):
    """Layers that can be series of frames, each with a box for "dark" and one for "flat".

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Those of one channel with three axes are listed.
    """

    def __init__(self, layers: Sequence[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        inside = QWidget()
        self._grid = QGridLayout(inside)
        self._grid.setColumnStretch(0, 1)
        for column, title in enumerate(("Frames", "Dark", "Flat")):
            self._grid.addWidget(QLabel(f"<small>{title}</small>"), 0, column)
        self.rows = [self._row(layer) for layer in layers if is_series(layer)]
        self._grid.setRowStretch(len(self.rows) + 1, 1)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(150)

    @property
    def dark(self) -> list[Any]:
        """The layer of dark frames, if one is checked."""
        return [row.layer for row in self.rows if row.dark.isChecked()]

    @property
    def flats(self) -> list[Any]:
        """The layers of flats."""
        return [row.layer for row in self.rows if row.flat.isChecked()]

    def row_of(self, layer: Any) -> Row:
        """Return the row of a layer."""
        return next(row for row in self.rows if row.layer is layer)

    def _row(self, layer: Any) -> Row:
        place, shape = self._grid.rowCount(), layer_array(layer).shape
        label = QLabel(f"{escape(layer.name)}  <small>({shape[0]} × {shape[1]} × {shape[2]})</small>")
        label.setMinimumWidth(60)
        tip = f"{escape(layer.name)}: {shape[0]} frames of {shape[1]} × {shape[2]} pixels"
        label.setToolTip(f"<qt>{tip}</qt>")
        row = Row(layer, QCheckBox(), QCheckBox())
        for column, widget in enumerate((label, row.dark, row.flat)):
            self._grid.addWidget(widget, place, column)
        row.dark.toggled.connect(partial(self._dark_toggled, row))
        row.flat.toggled.connect(partial(self._flat_toggled, row))
        return row

    def _dark_toggled(self, row: Row, on: bool) -> None:
        """Keep dark frames from being flats, and from being in two layers."""
        if on:
            row.flat.setChecked(False)
            for other in self.rows:
                if other is not row:
                    other.dark.setChecked(False)

    def _flat_toggled(self, row: Row, on: bool) -> None:
        if on:
            row.dark.setChecked(False)


def is_series(layer: Any) -> bool:
    """Whether a layer can be a series of frames of one channel."""
    return not layer.rgb and len(layer_array(layer).shape) == 3
