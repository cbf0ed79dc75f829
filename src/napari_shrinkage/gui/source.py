"""Which image a widget works on: the layer, how its axes are read, and its content while it stays the same.

Convention: this row owns the current `Content`. It makes a new one when another layer is chosen, the layer's
pixels or scale change, or its axes are read differently, and says so by `changed`.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QLineEdit, QWidget
from superqt.utils import signals_blocked

from ..stack import Stack
from .content import Content
from .editor import narrow_combo, row_label
from .layers import METHOD_NOISE, RECORD, stack_of_layer
from .overlays import is_temporary

WORDS = {"T": "time points", "Z": "Z planes", "C": "channels", "Y": "rows", "X": "columns"}
CONTENT_EVENTS = ("data", "scale", "axis_labels", "units")


class SourceRow(QWidget):
    """A combo box of the viewer's image layers, and a line on how the axes of the chosen one are read."""

    changed = Signal()
    noise_kept = Signal()
    failed = Signal(str)

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Any = None
        self._content: Content | None = None
        self._followed: Any = None  # the layer that the user selected last
        self._axes: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # what the user typed, by layer
        self.combo = narrow_combo()
        self.combo.setToolTip("The image layer to work on")
        self.axes = QLineEdit()
        self.axes.setMaxLength(12)
        self.axes.setFixedWidth(72)
        self.axes.setToolTip(
            "<qt>One letter per axis, slowest first: T time, Z depth, C channels, Y rows, X columns. "
            "Change it where napari could not know.</qt>"
        )
        self.reading = QLabel()
        self.reading.setWordWrap(True)
        self._lay_out()
        self.combo.currentIndexChanged.connect(self._chosen)
        self.axes.editingFinished.connect(self._axes_typed)
        layers = viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            event.connect(self._refill)
        layers.selection.events.active.connect(self._follow_active)
        self._refill()
        self._follow_active()

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self._layer

    @property
    def content(self) -> Content | None:
        """What the layer holds now, or None where there is no layer or its axes do not fit."""
        if self._content is None and self._layer is not None:
            try:
                self._content = content_of(self._layer, self._axes.get(self._layer))
            except (TypeError, ValueError) as error:
                self.failed.emit(str(error))
        return self._content

    def choose(self, layer: Any) -> None:
        """Choose a layer of the viewer."""
        index = self.combo.findData(layer)
        if index >= 0:
            self.combo.setCurrentIndex(index)

    def axes_of(self, layer: Any) -> str | None:
        """Return the axes that the user gave a layer, or None."""
        return self._axes.get(layer)

    def close_source(self) -> None:
        """Stop listening to the viewer."""
        layers = self._viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            event.disconnect(self._refill)
        layers.selection.events.active.disconnect(self._follow_active)
        self._listen(None)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.addRow(row_label("Image"), self.combo)
        self._axes_row = QWidget()
        inner = QFormLayout(self._axes_row)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addRow(self.axes, self.reading)
        self._axes_label = row_label("Axes")
        form.addRow(self._axes_label, self._axes_row)

    def _refill(self, event: Any = None) -> None:
        """List the image layers; keep the choice where it is still there, else take one that is not ours."""
        images = [layer for layer in reversed(self._viewer.layers) if is_image(layer)]
        self._followed = self._followed if self._followed in self._viewer.layers else None
        given = [layer for layer in images if not is_made(layer)]
        with signals_blocked(self.combo):
            self.combo.clear()
            for layer in images:
                self.combo.addItem(layer.name, layer)
            chosen = self._layer if self._layer in images else next(iter(given or images), None)
            self.combo.setCurrentIndex(self.combo.findData(chosen))
        if self._layer not in images:
            self._chosen()

    def _follow_active(self, event: Any = None) -> None:
        """Work on the layer that the user selects, unless we made it; a disabled row stays with its own.

        When a layer of ours comes or goes, the selection is put back to what it was: nobody selected that.
        """
        active = self._viewer.layers.selection.active
        if active is None or is_temporary(active) or is_made(active) or active is self._followed:
            return
        self._followed = active
        if self.isEnabled() and is_image(active):
            self.choose(active)

    def _chosen(self, index: int = 0) -> None:
        layer = self.combo.currentData()
        if layer is not self._layer:
            self._listen(layer)
            self._renew()

    def _listen(self, layer: Any) -> None:
        old, self._layer = self._layer, layer
        for one, verb in ((old, "disconnect"), (layer, "connect")):
            if one is not None:
                for name in CONTENT_EVENTS:
                    getattr(getattr(one.events, name), verb)(self._renew)
                getattr(one.events.name, verb)(self._refill)
                getattr(one.events.metadata, verb)(self._metadata_changed)

    def _renew(self, event: Any = None) -> None:
        """Read the layer again, show how, and tell; events other than new data may change nothing."""
        old, self._content = self._content, None
        replaced = getattr(event, "type", "data") == "data"
        if not replaced and old is not None and same_grid(self.content, old):
            self._content = old
            return
        self._show_axes()
        self.changed.emit()

    def _metadata_changed(self, event: Any = None) -> None:
        self.noise_kept.emit()

    def _axes_typed(self) -> None:
        typed = self.axes.text().strip().upper()
        if self._layer is None or (self._content is not None and typed == self._content.stack.axes):
            return
        try:
            content = content_of(self._layer, typed)
        except ValueError as error:
            self.failed.emit(str(error))
            self._show_axes()
            return
        self._axes[self._layer] = typed
        self._content = content
        self._show_axes()
        self.changed.emit()

    def _show_axes(self) -> None:
        content = self.content
        flat = content is None or len(content.stack.axes) == 2 + content.stack.is_color
        self._axes_row.setVisible(not flat)
        self._axes_label.setVisible(not flat)
        if content is not None:
            self.axes.setText(content.stack.axes)
            self.reading.setText(read_axes(content.stack))


def same_grid(new: Content | None, old: Content) -> bool:
    """Whether a layer is still read as it was: same axes, spacing and units."""
    read = [(one.stack.axes, one.stack.spacing, one.stack.units) for one in (new, old) if one is not None]
    return len(read) == 2 and read[0] == read[1]


def content_of(layer: Any, axes: str | None = None) -> Content:
    """Return the content of an image layer, whose data are there."""
    return Content(stack_of_layer(layer, axes))


def itself(viewer: Any) -> Any:
    """Return the viewer itself; a plugin may get a proxy, which never gives the same layer object twice."""
    return getattr(viewer, "__wrapped__", viewer)


def is_image(layer: Any) -> bool:
    """Whether a layer is an image that a user could want to restore."""
    from napari.layers import Image

    return isinstance(layer, Image) and not is_temporary(layer)


def is_made(layer: Any) -> bool:
    """Whether a layer came from one of our widgets: a result, or a map of what was removed."""
    return bool({RECORD, METHOD_NOISE} & set(layer.metadata))


def read_axes(stack: Stack) -> str:
    """Say in words how the axes beyond a plane are read."""
    counted = [
        f"{n} {WORDS.get(letter, f'along {letter}')}"
        for letter, n in zip(stack.axes, stack.shape, strict=True)
        if letter not in "YX"
    ]
    if stack.is_color:
        counted[-1] = "colour"
    return ", ".join(counted)
