"""Where in the image noise is measured: everywhere, or inside the shapes of a Shapes layer.

Convention: `changed` comes once the user has stopped drawing, not at every move of the mouse.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget
from superqt.utils import signals_blocked

from ..stack import Stack
from .editor import narrow_combo
from .noise_regions import Mask, region_mask
from .overlays import is_temporary

WHOLE = "Whole image"
STILL_MS = 300
DRAWN = ("data", "scale", "translate", "rotate", "shear", "affine")


class RegionRow(QWidget):
    """A combo box of the viewer's Shapes layers."""

    changed = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._shapes: Any = None
        self.combo = narrow_combo()
        self.combo.setToolTip(
            "<qt>Measure only inside the shapes of a Shapes layer, in every plane: draw a rectangle over a "
            "flat background, 50 pixels wide or more, to see the noise without the picture.</qt>"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.combo, 1)
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(STILL_MS)
        self._still.timeout.connect(self.changed)
        self.combo.currentIndexChanged.connect(self._chosen)
        for event in self._layer_events():
            event.connect(self._refill)
        self._refill()

    def drawn(self, layer: Any, stack: Stack) -> Mask | None:
        """Return which pixels (Y, X) of an image to measure, or None for all of them.

        Raises
        ------
        ValueError
            If nothing is drawn, or it lies outside the image.
        """
        return None if self._shapes is None else region_mask(self._shapes, layer, stack)

    def choose(self, shapes: Any) -> None:
        """Choose a Shapes layer of the viewer; None is the whole image."""
        self.combo.setCurrentIndex(max(self.combo.findData(shapes), 0))

    def close_region(self) -> None:
        """Stop listening to the viewer."""
        self._still.stop()
        for event in self._layer_events():
            event.disconnect(self._refill)
        self._listen(None)

    def _layer_events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered

    def _refill(self, event: Any = None) -> None:
        """List the Shapes layers; keep the choice where it is still there."""
        from napari.layers import Shapes

        found = [one for one in self._viewer.layers if isinstance(one, Shapes) and not is_temporary(one)]
        with signals_blocked(self.combo):
            self.combo.clear()
            self.combo.addItem(WHOLE, None)
            for layer in reversed(found):
                self.combo.addItem(layer.name, layer)
            self.combo.setCurrentIndex(self.combo.findData(self._shapes) if self._shapes in found else 0)
        self._chosen()

    def _chosen(self, index: int = 0) -> None:
        shapes = self.combo.currentData()
        if shapes is not self._shapes:
            self._listen(shapes)
            self.changed.emit()

    def _listen(self, shapes: Any) -> None:
        old, self._shapes = self._shapes, shapes
        for one, verb in ((old, "disconnect"), (shapes, "connect")):
            if one is not None:
                for name in DRAWN:
                    getattr(getattr(one.events, name), verb)(self._moved)
                getattr(one.events.name, verb)(self._refill)

    def _moved(self, event: Any = None) -> None:
        self._still.start()
