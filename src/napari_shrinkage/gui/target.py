"""What a run covers: the "Run on" row.

Convention: a `Target` is read on the GUI thread when Run is pressed; its regions are plain slices, so that
the worker never sees a layer. A rectangle is taken from a Shapes layer: the shape selected last, else the
newest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSpinBox, QWidget
from superqt.utils import signals_blocked

from ..stack import Stack
from ..windows import Region
from .content import Content
from .editor import narrow_combo, row_label
from .overlays import is_temporary
from .regions import current_plane, range_region, rectangle_region, visible_region
from .source import content_of, is_image

VISIBLE, PLANE, WHOLE = "Visible region", "Current plane", "Whole layer"
RECTANGLE, RANGE, SELECTED = "Rectangle", "Range of planes", "All selected layers"
TIPS = {
    WHOLE: "Every plane and channel of the layer.",
    VISIBLE: "The part of the current plane that the canvas shows.",
    PLANE: "The plane at the sliders' position.",
    RANGE: "Some planes along one axis, the first and the last included.",
    RECTANGLE: "The bounding box of a shape in a Shapes layer, in every plane.",
    SELECTED: "Every image selected in the layer list, each with its own noise estimate and its own record.",
}


@dataclass(frozen=True)
class Target:
    """One layer's part of a run; `region` None is everything."""

    layer: Any
    content: Content
    region: Region | None


class TargetRow(QWidget):
    """The choice of what to run on, with what a choice needs beside it."""

    changed = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._stack: Stack | None = None
        self.mode = narrow_combo()
        self.axis = narrow_combo()
        self.first, self.last = QSpinBox(), QSpinBox()
        self.shapes = narrow_combo()
        self.shapes.setToolTip("The Shapes layer with the rectangle")
        self._lay_out()
        self.mode.currentTextChanged.connect(self._show_extras)
        self.axis.currentIndexChanged.connect(self._set_limits)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._refill_shapes)
        self._offer()
        self._refill_shapes()

    def show_stack(self, stack: Stack | None) -> None:
        """Offer what makes sense for an image."""
        self._stack = stack
        axes = (
            []
            if stack is None
            else [(letter, i) for i, letter in enumerate(stack.axes) if letter not in "YXC"]
        )
        with signals_blocked(self.axis):
            self.axis.clear()
            for letter, i in axes:
                self.axis.addItem(letter, i)
        self._offer()
        self._set_limits()

    def targets(self, content: Content, layer: Any, axes: dict[Any, str | None]) -> list[Target]:
        """Return what to run on now.

        Raises
        ------
        ValueError
            If there is nothing to run on; the message says what to do.
        """
        mode = self.mode.currentText()
        if mode == SELECTED:
            return self._selected(content, layer, axes)
        region = self._region(mode, content.stack, layer)
        return [Target(layer, content, region)]

    def close_target(self) -> None:
        """Stop listening to the viewer."""
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.disconnect(self._refill_shapes)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.addRow(row_label("Run on"), self.mode)
        self._range = QWidget()
        row = QHBoxLayout(self._range)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.axis, self.first, QLabel("to"), self.last):
            row.addWidget(widget)
        form.addRow(self._range)
        form.addRow(self.shapes)

    def _offer(self) -> None:
        stacked = self._stack is not None and self.axis.count() > 0
        modes = [WHOLE, VISIBLE, *([PLANE, RANGE] if stacked else []), RECTANGLE, SELECTED]
        if [self.mode.itemText(i) for i in range(self.mode.count())] != modes:
            old = self.mode.currentText()
            with signals_blocked(self.mode):
                self.mode.clear()
                for mode in modes:
                    self.mode.addItem(mode)
                    self.mode.setItemData(self.mode.count() - 1, TIPS[mode], 3)  # Qt.ToolTipRole
                self.mode.setCurrentText(old if old in modes else WHOLE)
        self._show_extras()

    def _show_extras(self) -> None:
        mode = self.mode.currentText()
        self.mode.setToolTip(TIPS.get(mode, ""))
        self._range.setVisible(mode == RANGE)
        self.shapes.setVisible(mode == RECTANGLE)
        self.changed.emit()

    def _set_limits(self) -> None:
        axis = self.axis.currentData()
        if self._stack is None or axis is None:
            return
        most = self._stack.shape[axis] - 1
        if most != self.last.maximum():
            for spin, value in ((self.first, 0), (self.last, most)):
                spin.setRange(0, most)
                spin.setValue(value)

    def _refill_shapes(self, event: Any = None) -> None:
        from napari.layers import Shapes

        old = self.shapes.currentData()
        self.shapes.clear()
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Shapes) and not is_temporary(layer):
                self.shapes.addItem(layer.name, layer)
        index = self.shapes.findData(old) if old is not None else -1
        if index >= 0:
            self.shapes.setCurrentIndex(index)

    def _region(self, mode: str, stack: Stack, layer: Any) -> Region | None:
        if mode == VISIBLE:
            region = visible_region(self._viewer, layer, stack)
            if region is None:
                raise ValueError(
                    f"Nothing of {layer.name!r} is in view. Zoom to it (Home), or run on the whole layer."
                )
            return region
        if mode == PLANE:
            return current_plane(self._viewer, layer, stack)
        if mode == RANGE:
            return self._range_region(stack)
        return self._rectangle(stack, layer) if mode == RECTANGLE else None

    def _range_region(self, stack: Stack) -> Region:
        first, last = self.first.value(), self.last.value()
        if last < first:
            raise ValueError(f"The range goes from {first} to {last}: the last plane comes before the first.")
        return range_region(stack, int(self.axis.currentData()), first, last)

    def _rectangle(self, stack: Stack, layer: Any) -> Region:
        shapes = self.shapes.currentData()
        if shapes is None or not len(shapes.data):
            raise ValueError(
                "There is no rectangle yet. Add a Shapes layer, draw one over the image, and run again."
            )
        chosen = max(shapes.selected_data, default=len(shapes.data) - 1)
        region = rectangle_region(shapes.data[chosen], shapes, layer, stack)
        if region is None:
            raise ValueError(
                f"The rectangle in {shapes.name!r} lies outside {layer.name!r}. Move it over the image."
            )
        return region

    def _selected(self, content: Content, layer: Any, axes: dict[Any, str | None]) -> list[Target]:
        chosen = [
            one for one in self._viewer.layers if one in self._viewer.layers.selection and is_image(one)
        ]
        if not chosen:
            raise ValueError(
                "No image layer is selected. Select some in the layer list (Ctrl+click adds one)."
            )
        return [
            Target(one, content if one is layer else content_of(one, axes.get(one)), None) for one in chosen
        ]
