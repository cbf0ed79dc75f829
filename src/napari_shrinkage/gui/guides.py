"""Lines over the image that the user can drag: the outline of the preview's box, and the wipe's line.

Convention: guides live in the data coordinates of the layer that they belong to, where pixel i covers i - 1/2
to i + 1/2. They are drawn in temporary Shapes layers; a drag that starts within a few screen pixels of a
guide moves it, any other one pans as usual.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ..stack import Array
from ..windows import Region
from .overlays import TemporaryLayer, moved_attributes, placement
from .regions import current_index

COLOR = "#ffb000"  # amber, seen on dark and on light pictures
GRIP = 8  # screen pixels around a guide that take hold of it
LINE = 2  # screen pixels


class Guide(QObject):
    """A draggable outline over a layer."""

    moved = Signal()
    dropped = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._temporary = TemporaryLayer(viewer, self._forget)
        self._layer: Any = None
        self._axes: tuple[int, ...] = ()
        viewer.mouse_drag_callbacks.append(self._drag)
        viewer.scene.camera.events.zoom.connect(self._thin)

    @property
    def visible(self) -> bool:
        """Whether the guide is drawn."""
        return self._temporary.layer is not None

    def hide(self) -> None:
        """Take the guide out of the viewer."""
        self._temporary.remove()
        self._forget()

    def close(self) -> None:
        """Take the guide out for good."""
        self._viewer.scene.camera.events.zoom.disconnect(self._thin)
        self._temporary.close()
        self._forget()
        if self._drag in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._drag)

    def grips(self, at: Array, reach: Array) -> bool:
        """Whether a point (data coordinates, displayed axes) is near enough to take hold of the guide."""
        raise NotImplementedError

    def drag_to(self, start: Array, now: Array) -> None:
        """Follow the mouse from where the drag began to where it is."""
        raise NotImplementedError

    def begin(self) -> None:
        """Remember where the guide is when a drag begins."""

    def _forget(self) -> None:
        self._layer = None

    def _draw(self, layer: Any, axes: tuple[int, ...], corners: Array, kind: str) -> None:
        """Draw a shape with corners (N, 2) along the displayed axes, on the current plane of a layer."""
        from napari.layers import Shapes

        self._layer, self._axes = layer, axes
        points = np.tile(np.asarray(current_index(self._viewer, layer), float), (len(corners), 1))
        points[:, list(axes)] = corners
        width = self._width()
        if self._temporary.layer is None:
            shapes = Shapes(
                [points],
                shape_type=kind,
                edge_color=COLOR,
                face_color="transparent",
                edge_width=width,
                name=type(self).__doc__.split(":")[0].lower(),  # type: ignore[union-attr]
                ndim=layer.ndim,
                **placement(layer, (0,) * layer.ndim),
            )
            shapes.editable = False
            self._temporary.put(shapes)
            return
        shapes = self._temporary.layer
        place = placement(layer, (0,) * layer.ndim)
        for key in moved_attributes(shapes, place):
            setattr(shapes, key, place[key])
        if not np.array_equal(shapes.data[0], points):
            shapes.data = [points]
        self._thin()

    def _width(self) -> float:
        """Return the width of the line in data coordinates."""
        return LINE * float(self._pixel(self._layer, self._axes).mean())

    def _thin(self, event: Any = None) -> None:
        """Keep the line as thin on the screen as it was, however far the user zooms."""
        shapes = self._temporary.layer
        if shapes is not None and shapes.edge_width[0] != self._width():
            shapes.edge_width = [self._width()]

    def _pixel(self, layer: Any, axes: tuple[int, ...]) -> Array:
        """Return the size of a screen pixel in data coordinates along the displayed axes."""
        scale = np.abs(np.asarray(layer.scale, float))[list(axes)]
        return np.asarray(1 / (self._viewer.scene.camera.zoom * scale))

    def _place(self, event: Any) -> Array:
        return np.asarray(self._layer.world_to_data(event.position))[list(self._axes)]

    def _drag(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        if self._layer is None or not self.visible or event.button != 1:
            return
        start = self._place(event)
        if not self.grips(start, GRIP * self._pixel(self._layer, self._axes)):
            return
        camera = self._viewer.scene.camera
        panned, camera.mouse_pan = camera.mouse_pan, False
        self.begin()
        yield
        while event.type == "mouse_move" and self._layer is not None:
            self.drag_to(start, self._place(event))
            yield
        camera.mouse_pan = panned
        self.dropped.emit()


class BoxGuide(Guide):
    """Preview box: what the preview covers when more is in view."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(viewer, parent)
        self._box: Array = np.zeros((2, 2))  # low and high corner
        self._held: Array = np.zeros(2)
        self._center: tuple[Any, Array] | None = None  # by layer: where the user put it

    def center(self, layer: Any) -> tuple[float, ...] | None:
        """Return where the user put the box over a layer, or None to have it in the middle of the view."""
        if self._center is None or self._center[0] is not layer:
            return None
        return tuple(float(c) for c in self._center[1])

    def show(self, layer: Any, box: Region, axes: tuple[int, ...]) -> None:
        """Draw the outline of a region."""
        low = np.array([box[axis].start - 0.5 for axis in axes])
        high = np.array([box[axis].stop - 0.5 for axis in axes])
        self._box = np.array([low, high])
        corners = np.array([low, [low[0], high[1]], high, [high[0], low[1]]])
        self._draw(layer, axes, corners, "rectangle")

    def grips(self, at: Array, reach: Array) -> bool:
        """Take hold near the outline, inside or outside."""
        low, high = self._box
        outside = np.any(at < low - reach) or np.any(at > high + reach)
        inside = np.all(at > low + reach) and np.all(at < high - reach)
        return bool(not outside and not inside)

    def begin(self) -> None:
        """Remember the middle."""
        self._held = self._box.mean(axis=0) + 0.5

    def drag_to(self, start: Array, now: Array) -> None:
        """Move the box; its size stays."""
        self._center = (self._layer, self._held + now - start)
        self.moved.emit()


class WipeGuide(Guide):
    """Wipe line: before on its left, after on its right."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(viewer, parent)
        self.position = 0.0  # data coordinate along the last displayed axis

    def show(self, layer: Any, axes: tuple[int, ...], position: float, extent: tuple[float, float]) -> None:
        """Draw the line at a position, over an extent along the first displayed axis."""
        self.position = position
        self._draw(layer, axes, np.array([[extent[0], position], [extent[1], position]]), "line")

    def grips(self, at: Array, reach: Array) -> bool:
        """Take hold near the line."""
        return bool(abs(at[-1] - self.position) <= reach[-1])

    def drag_to(self, start: Array, now: Array) -> None:
        """Bring the line to the mouse."""
        self.position = float(now[-1])
        self.moved.emit()
