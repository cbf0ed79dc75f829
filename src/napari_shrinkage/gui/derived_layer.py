"""A layer that is worked out from a result, such as the method noise, beside the result itself.

Convention: it is worked out in a worker, from the pixels that the result was made from, whatever its source
layer shows by now. The layer belongs to the user as soon as the panel is closed.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from qtpy.QtCore import QObject, Signal

from ..engine import Result
from ..stack import Stack
from .jobs import Job, Work
from .layers import LayerData


class DerivedLayer(QObject):
    """Base of such layers: a subclass says what is worked out, how it looks, and what is said of it.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer goes.

    Signals
    -------
    tested(str)
        The layer is shown; what is said of it.
    failed(str)
        Why there is none.
    lost()
        Somebody else took the layer out.
    """

    tested = Signal(str)
    failed = Signal(str)
    lost = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Any = None
        self._next: tuple[Any, Result, Stack] | None = None
        self._wanted: tuple[Any, Result] | None = None
        self.job = Job(self)
        self.job.succeeded.connect(self._show)
        self.job.failed.connect(self.failed)
        self.job.running_changed.connect(self._running_changed)
        viewer.layers.events.removed.connect(self._removed)

    @property
    def busy(self) -> bool:
        """Whether it is being worked out."""
        return self.job.running

    @property
    def waiting(self) -> bool:
        """Whether a newer wish waits for the work under way to stop."""
        return self._next is not None

    def show(self, source: Any, result: Result, stack: Stack) -> None:
        """Work it out for a source layer's `result` of `stack`, and show it; the newest wish wins."""
        self._next, self._wanted = (source, result, stack), (source, result)
        if self.job.running:
            self.job.cancel()
        else:
            self._start()

    def hide(self) -> None:
        """Take the layer out, and work on none."""
        self._next = self._wanted = None
        self.job.cancel()
        self._take_out()

    def close(self) -> None:
        """Stop for good, and leave the layer to the user."""
        self._next = self._wanted = self._layer = None
        self._viewer.layers.events.removed.disconnect(self._removed)
        self.job.abandon()

    @abstractmethod
    def work(self, result: Result, stack: Stack) -> Work:
        """Work it out (in a worker)."""

    @abstractmethod
    def made(self, source: Any, result: Result, found: Any) -> LayerData:
        """Return the layer of what `work` returned."""

    @abstractmethod
    def sentence(self, found: Any) -> str:
        """Say what is seen in it."""

    def _start(self) -> None:
        wish, self._next = self._next, None
        if wish is not None:
            _, result, stack = wish
            self.job.start(lambda: self.work(result, stack))

    def _running_changed(self, running: bool) -> None:
        if not running:
            self._start()

    def _show(self, found: Any) -> None:
        from napari.layers import Layer

        wanted, layers = self._wanted, self._viewer.layers
        if wanted is None or self._next is not None or wanted[0] not in layers:
            return
        self._take_out()
        selected, active = set(layers.selection), layers.selection.active
        self._layer = Layer.create(*self.made(*wanted, found))
        layers.append(self._layer)
        layers.selection = selected
        layers.selection.active = active
        self.tested.emit(self.sentence(found))

    def _take_out(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self._layer = None
            self.lost.emit()
