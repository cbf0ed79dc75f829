"""Before and after: a line that wipes between them.

Convention: "after" is the preview or a result layer. While the wipe is on, that layer is hidden and a
temporary layer shows the part of it on the right of the line: a cut of the same array, so nothing is copied
and nothing in the layer changes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from .guides import WipeGuide
from .overlays import Follower, TemporaryLayer, appearance, moved_attributes, placement, shines
from .regions import displayed_axes, layer_shape


class Wipe(QObject):
    """A vertical line over the canvas: before on its left, after on its right.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to draw.

    Signals
    -------
    lost()
        The layer under the wipe, or the wipe's own, was taken out of the viewer.
    """

    lost = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._after: Any = None
        self._line: Any = None  # a point of the line, in world coordinates
        self._part = TemporaryLayer(viewer, self._removed)
        self._follower = Follower()
        self.guide = WipeGuide(viewer, self)
        self.guide.moved.connect(self._cut)
        viewer.layers.events.removed.connect(self._layer_removed)
        viewer.dims.events.point.connect(self._plane_changed)
        for event in (viewer.dims.events.order, viewer.dims.events.ndisplay):
            event.connect(self._axes_changed)

    @property
    def possible(self) -> bool:
        """Whether the canvas shows a plane, which a line can divide."""
        return bool(self._viewer.dims.ndisplay == 2)

    @property
    def on(self) -> bool:
        """Whether the wipe is shown."""
        return self._after is not None

    @property
    def part(self) -> Any:
        """The temporary layer with the right part, or None."""
        return self._part.layer

    def start(self, after: Any) -> None:
        """Wipe over a layer, from the middle of the view (or from where the line was)."""
        axes = displayed_axes(self._viewer, after)
        again = self._after is after
        if not again:
            self.stop()
            self._after = after
            after.events.data.connect(self._data_changed)
        after.visible = False  # a run shows its layer
        if again:
            self._stay(axes)
        if not again or not self._inside(axes):
            self.guide.position = self._middle(axes)
        self._cut()

    def stop(self) -> None:
        """Show the layer itself again."""
        after, self._after = self._after, None
        self.guide.hide()
        self._follower.stop()
        self._part.remove()
        if after is not None:
            after.events.data.disconnect(self._data_changed)
            if after in self._viewer.layers:
                after.visible = True

    def show_before(self, before: bool) -> None:
        """Hide the right part for a while."""
        if self._part.layer is not None:
            self._part.layer.visible = not before

    def close(self) -> None:
        """Stop for good."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self._viewer.dims.events.point.disconnect(self._plane_changed)
        for event in (self._viewer.dims.events.order, self._viewer.dims.events.ndisplay):
            event.disconnect(self._axes_changed)
        self.stop()
        self._part.close()
        self.guide.close()

    def _stay(self, axes: tuple[int, ...]) -> None:
        """Keep the line where it is on the screen, though the layer may have moved under it."""
        self.guide.position = float(self._after.world_to_data(self._line)[axes[-1]])

    def _data_changed(self, event: Any = None) -> None:
        self._stay(displayed_axes(self._viewer, self._after))
        self._cut()

    def _middle(self, axes: tuple[int, ...]) -> float:
        """Return the middle of the view along the last displayed axis, inside the layer."""
        point = np.array(self._viewer.dims.point, float)
        point[list(self._viewer.dims.displayed[-2:])] = self._viewer.scene.camera.center[-2:]
        place = self._after.world_to_data(point)[axes[-1]]
        return float(np.clip(place, 0, layer_shape(self._after)[axes[-1]] - 1))

    def _inside(self, axes: tuple[int, ...]) -> bool:
        return -0.5 <= self.guide.position <= layer_shape(self._after)[axes[-1]] - 0.5

    def _cut(self, event: Any = None) -> None:
        """Show what lies on the right of the line."""
        after = self._after
        if after is None or after not in self._viewer.layers:
            self.stop()
            return
        axes = displayed_axes(self._viewer, after)
        self._show_part(after, axes[-1], self._first(axes))
        point = np.zeros(after.ndim)
        point[axes[-1]] = self.guide.position
        self._line = after.data_to_world(point)
        self._show_line(axes)

    def _first(self, axes: tuple[int, ...]) -> int:
        """Return the first pixel on the right of the line."""
        return min(max(math.ceil(self.guide.position), 0), layer_shape(self._after)[axes[-1]] - 1)

    def _show_line(self, axes: tuple[int, ...]) -> None:
        """Draw the line over the plane that the canvas shows."""
        rows = layer_shape(self._after)[axes[0]]
        self.guide.show(self._after, axes, self._first(axes) - 0.5, (-0.5, rows - 0.5))

    def _plane_changed(self, event: Any = None) -> None:
        """Bring the line to the plane; while layers come and go there is none, and the sliders may jump."""
        if self.guide.visible and self.possible and self._after in self._viewer.layers:
            self._show_line(displayed_axes(self._viewer, self._after))

    def _axes_changed(self, event: Any = None) -> None:
        """Divide the new plane in its middle; a volume cannot be divided."""
        if not self.guide.visible:
            return
        if not self.possible:
            self._removed()
        else:
            self.guide.position = self._middle(displayed_axes(self._viewer, self._after))
            self._cut()

    def _show_part(self, after: Any, axis: int, first: int) -> None:
        from napari.layers import Image

        data = after.data[0] if after.multiscale else after.data
        cut = data[(slice(None),) * axis + (slice(first, None),)]
        start = [0] * after.ndim
        start[axis] = first
        place = placement(after, start)
        layer = self._part.layer
        if layer is None:
            looks = appearance(after) | ({"blending": "translucent_no_depth"} if shines(after) else {})
            layer = Image(cut, name=f"after: {after.name}", multiscale=False, **(looks | place))
            self._part.put(layer, above=after)
            self._follower.follow(after, layer)
            return
        in_memory = isinstance(layer.data, np.ndarray) and isinstance(cut, np.ndarray)
        if in_memory and layer.data.shape == cut.shape and np.may_share_memory(layer.data, cut):
            layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            layer.data = cut
        layer.name = f"after: {after.name}"
        for key in moved_attributes(layer, place):  # a finer grid comes with the same line
            setattr(layer, key, place[key])

    def _removed(self) -> None:
        self.stop()
        self.lost.emit()

    def _layer_removed(self, event: Any) -> None:
        if event.value is self._after:
            self._removed()
