"""The live preview as a panel sees it: it follows view, sliders and method, and shows where it looks.

Convention: what is previewed is the visible part of the current plane; where the preview of it would have
more than a million pixels, a box that has so many is, which the user moves by dragging its outline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from ..noise import NoiseModel
from ..restorers.base import Restorer
from ..windows import Region
from .content import Content
from .guides import BoxGuide
from .kept_analysis import AnalysisKeeper
from .preferences import preferred_device, preferred_threads
from .preview import Preview, Previewer, PreviewLayer, Request
from .regions import MOST_PIXELS, boxed, displayed_axes, region_pixels, visible_region

VIEW_DELAY_MS = 60  # a moving camera is followed once it rests


class LivePreview(QObject):
    """Keeps a preview of what is in view up to date while it is on.

    Signals
    -------
    ready(Preview), failed(str), note(str)
        A picture was shown; why there is none; something to know.
    closed_by_user()
        The preview's layer was deleted.
    """

    ready = Signal(object)
    failed = Signal(str)
    note = Signal(str)
    closed_by_user = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._on = False
        self._layer: Any = None
        self._content: Content | None = None
        self._restorer: Restorer | None = None
        self._noise: NoiseModel | None = None
        self.last: Preview | None = None
        self.result_of: Callable[[Any], Any] = lambda layer: None  # what a picture of a layer lies over
        self.keeper: AnalysisKeeper | None = None  # for whoever moves single thresholds
        self.server = Previewer(self)
        self.picture = PreviewLayer(viewer, self)
        self.box = BoxGuide(viewer, self)
        self._view_timer = QTimer(self)
        self._view_timer.setSingleShot(True)
        self._view_timer.setInterval(VIEW_DELAY_MS)
        self._view_timer.timeout.connect(self.update)
        self.server.ready.connect(self._show)
        self.server.failed.connect(self._fail)
        self.picture.closed_by_user.connect(self.closed_by_user)
        self.box.moved.connect(self.update)
        for event in self._view_events():
            event.connect(self._view_changed)

    @property
    def on(self) -> bool:
        """Whether the preview is on."""
        return self._on

    @property
    def busy(self) -> bool:
        """Whether a picture is being made or about to be."""
        return self._on and (self.server.busy or self._view_timer.isActive())

    def set_on(self, on: bool) -> None:
        """Switch the preview on or off."""
        self._on = on
        if on:
            self.update()
        else:
            self._clear()

    def set_source(self, layer: Any, content: Content | None) -> None:
        """Preview another layer, or another content of the same."""
        if layer is not self._layer:
            self._clear()
        self._layer, self._content = layer, content

    def set_wish(self, restorer: Restorer, noise: NoiseModel | None) -> None:
        """Preview with another method or noise."""
        self._restorer, self._noise = restorer, noise
        self.update()

    def region_in_view(self) -> Region | None:
        """Return what a preview would cover now."""
        return None if self._content is None or self._layer not in self._viewer.layers else self._region()

    def show_before(self, before: bool) -> None:
        """Hide the picture for a while."""
        if self.picture.layer is not None:
            self.picture.layer.visible = not before

    def update(self) -> None:
        """Ask for a picture of what is in view now."""
        if (
            not self._on
            or self._content is None
            or self._restorer is None
            or self._layer not in self._viewer.layers
        ):
            return
        region = self._region()
        if region is None:
            return
        device, threads = preferred_device(), preferred_threads()
        wish = self._content, region, self._restorer, self._noise, device, threads
        self.server.ask(Request(*wish, self.keeper))

    def close(self) -> None:
        """Stop for good, and take everything that was drawn out of the viewer."""
        self._view_timer.stop()
        for event in self._view_events():
            event.disconnect(self._view_changed)
        self.server.close()
        self.picture.close()
        self.box.close()

    def _region(self) -> Region | None:
        """Return the region to preview, and show the box when it is not all that is in view."""
        assert self._content is not None
        stack, layer = self._content.stack, self._layer
        if self._viewer.dims.ndisplay != 2:
            self.note.emit(
                "The preview works in the 2-D view. Switch the viewer to 2-D (button at its lower left)."
            )
            return None
        view = visible_region(self._viewer, layer, stack)
        if view is None:
            return None
        most = self._most_pixels()
        if region_pixels(view, stack) <= most:
            self.box.hide()
            return view
        axes = displayed_axes(self._viewer, layer)
        box = boxed(view, axes, self.box.center(layer), most)
        self.box.show(layer, box, axes)
        return box

    def _most_pixels(self) -> int:
        """Return how many pixels of the image may be previewed; on a finer grid they become more."""
        finer = 1.0 if self._restorer is None else max(float(self._restorer.magnification), 1.0)
        return int(MOST_PIXELS / finer**2)

    def _show(self, preview: Preview) -> None:
        if self._on and preview.request.content is self._content and self._layer in self._viewer.layers:
            self.last = preview
            self.picture.show(self._layer, preview, self.result_of(self._layer))
            self.ready.emit(preview)

    def _fail(self, message: str) -> None:
        self.picture.hide()
        self.failed.emit(message)

    def _clear(self) -> None:
        self.server.forget()
        self.picture.hide()
        self.box.hide()
        self.last = None

    def _view_changed(self, event: Any = None) -> None:
        if self._on:
            self._view_timer.start()

    def _view_events(self) -> list[Any]:
        viewer = self._viewer
        camera, dims = viewer.scene.camera.events, viewer.dims.events
        return [camera.center, camera.zoom, dims.point, dims.order, dims.ndisplay, viewer.canvas.events.size]
