"""A combo box of the layers that fit a purpose, such as a reference of the same shape.

Convention: what fits is asked anew whenever the list of layers changes, and when the box opens; a choice that
does not fit any more is given up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget
from superqt.utils import signals_blocked

from .editor import make_narrow


class LayerCombo(QComboBox):
    """A choice of one layer, or of none.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    fits : callable
        Whether a layer fits.
    none : str
        What "no layer" is called.
    """

    changed = Signal()

    def __init__(
        self, viewer: Any, fits: Callable[[Any], bool], none: str = "None", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._fits, self._none = viewer, fits, none
        self._chosen: Any = None
        make_narrow(self)
        self.currentIndexChanged.connect(self._take)
        for event in self._events():
            event.connect(self.refill)
        self.refill()

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self._chosen

    def choose(self, layer: Any) -> None:
        """Choose a layer; None, or one that does not fit, is no layer."""
        self.refill()
        self.setCurrentIndex(max(self.findData(layer), 0))

    def refill(self, event: Any = None) -> None:
        """List the layers that fit now, the topmost first."""
        with signals_blocked(self):
            self.clear()
            self.addItem(self._none, None)
            for layer in reversed([one for one in self._viewer.layers if self._fits(one)]):
                self.addItem(layer.name, layer)
            self.setCurrentIndex(max(self.findData(self._chosen), 0))
        self._take()

    def showPopup(self) -> None:
        """Open the list, with the names that layers have now."""
        self.refill()
        super().showPopup()

    def close_combo(self) -> None:
        """Stop listening to the viewer."""
        for event in self._events():
            event.disconnect(self.refill)

    def _events(self) -> list[Any]:
        events = self._viewer.layers.events
        return [events.inserted, events.removed, events.reordered]

    def _take(self, index: int = 0) -> None:
        layer = self.currentData()
        if layer is not self._chosen:
            self._chosen = layer
            self.changed.emit()


def same_pixels(layer: Any, other: Any) -> bool:
    """Whether two image layers have as many pixels along every axis, colours alike."""
    return layer is not other and layer.rgb == other.rgb and full_shape(layer) == full_shape(other)


def full_shape(layer: Any) -> tuple[int, ...]:
    """Return the shape of a layer's data at full resolution."""
    return tuple(int(n) for n in (layer.data[0] if layer.multiscale else layer.data).shape)
