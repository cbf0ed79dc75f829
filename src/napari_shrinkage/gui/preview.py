"""The exact live preview: what is in view, restored with the numbers that a run on everything would use.

Convention: the GUI thread only writes down what is wanted (a `Request`) and shows what comes back (a
`Preview`). One request is worked on at a time; meanwhile only the newest other one is remembered, so nothing
queues up. What is being worked on is finished and shown, so that dragging a slider shows pictures all along;
only what waits for a kernel gives way at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from ..engine import Progress
from ..noise import NoiseModel
from ..recipe import Plan
from ..restorers.base import Restorer
from ..stack import Array
from ..tiles import restore_region
from ..windows import Region
from .content import Content
from .jobs import Job, Work
from .kept_analysis import AnalysisKeeper
from .kernels import KernelWait, serving
from .overlays import Follower, TemporaryLayer, appearance, moved_attributes, placement, shown_values, starts

THROTTLE_MS = 15
SLOW_MS = 300  # from here on it is said what takes so long


@dataclass(frozen=True)
class Request:
    """What shall be previewed: everything that the worker needs, nothing of Qt or napari.

    A keeper, where there is one, makes pictures quicker and changes no pixel.
    """

    content: Content
    region: Region
    restorer: Restorer
    noise: NoiseModel | None
    device: str = "auto"
    threads: int | None = None
    keeper: AnalysisKeeper | None = None

    def same(self, other: Request | None) -> bool:
        """Whether another request asks for the same pixels."""
        return other is not None and self.content is other.content and self.wish() == other.wish()

    def wish(self) -> tuple[Any, ...]:
        """Return what is asked for, apart from the content."""
        return self.region, self.restorer, self.noise, self.device, self.threads


@dataclass(frozen=True)
class Preview:
    """A previewed region.

    Parameters
    ----------
    request : Request
        What was asked for.
    plan : Plan
        The numbers that were used; those of a run.
    values : ndarray
        float32, of the region's shape on the grid of the result.
    substitute : bool
        Whether torch served because the fused kernel was still being compiled.
    """

    request: Request
    plan: Plan
    values: Array
    substitute: bool = False

    @property
    def finer(self) -> tuple[float, ...]:
        """How many of its pixels one of the source holds, per axis of the stack."""
        stack, fine = self.request.content.stack, float(self.plan.magnification)
        spatial = stack.spatial_axes(2)
        return tuple(fine if axis in spatial else 1.0 for axis in range(len(stack.axes)))


def previewed(request: Request) -> Work:
    """Carry out a request, yielding before every part that takes time."""
    content = request.content
    if request.noise is None and content.known_noise is None:
        yield Progress(0, 1, "estimating the noise")
        content.noise()
    yield Progress(0, 1, "deciding from the data")
    plan = content.plan(request.restorer, request.noise, request.device, request.threads)
    yield Progress(0, 1, "previewing")
    served = yield from serving(plan)
    quicker = served if request.keeper is None else request.keeper.served(served)
    values = restore_region(quicker, content.stack, request.region)
    return Preview(request, plan, values, substitute=served is not plan)


class Previewer(QObject):
    """Serves requests one at a time, the newest first, off the GUI thread.

    Signals
    -------
    ready(Preview)
        A picture.
    failed(str)
        Why there is none.
    busy_changed(bool)
        Whether a request is being worked on.
    slow(str)
        What is being done, where a picture takes a while.
    """

    ready = Signal(object)
    failed = Signal(str)
    busy_changed = Signal(bool)
    slow = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job = Job(self)
        self._waits = False  # for a kernel
        self._doing = ""
        self._slow_timer = QTimer(self)
        self._slow_timer.setSingleShot(True)
        self._slow_timer.setInterval(SLOW_MS)
        self._slow_timer.timeout.connect(lambda: self.slow.emit(self._doing))
        self._wanted: Request | None = None
        self._current: Request | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(THROTTLE_MS)
        self._timer.timeout.connect(self._next)
        self._job.progressed.connect(self._on_progressed)
        self._job.succeeded.connect(self._on_ready)
        self._job.failed.connect(self._on_failed)
        self._job.running_changed.connect(self._on_running_changed)

    @property
    def busy(self) -> bool:
        """Whether something is being worked on or waits to be."""
        return self._job.running or self._wanted is not None

    def ask(self, request: Request) -> None:
        """Ask for a preview; an older request that was not begun is forgotten."""
        if self._current is not None and request.same(self._current) and self._job.running:
            self._wanted = None
            return
        self._wanted = request
        if self._waits or (self._current is not None and self._current.content is not request.content):
            self._job.cancel()
        if not self._job.running and not self._timer.isActive():
            self._next()

    def forget(self) -> None:
        """Drop what is wanted, and what is being worked on."""
        self._wanted = self._current = None
        self._job.cancel()

    def close(self) -> None:
        """Stop for good."""
        self._timer.stop()
        self._slow_timer.stop()
        self._wanted = self._current = None
        self._job.abandon()

    def _next(self) -> None:
        if self._wanted is None or self._job.running:
            return
        request, self._wanted = self._wanted, None
        self._current, self._waits = request, False
        self._doing = ""
        self._slow_timer.start()
        self._job.start(lambda: previewed(request))
        self._timer.start()

    def _on_progressed(self, progress: Progress) -> None:
        self._waits = isinstance(progress, KernelWait)
        if self._doing != progress.message:
            self._doing = progress.message
            if not self._slow_timer.isActive():
                self.slow.emit(self._doing)
        if self._waits and self._wanted is not None:
            self._job.cancel()

    def _on_ready(self, preview: Preview) -> None:
        if self._current is preview.request:
            self.ready.emit(preview)

    def _on_failed(self, message: str) -> None:
        if self._current is not None:
            self.failed.emit(message)

    def _on_running_changed(self, running: bool) -> None:
        if not running:
            self._slow_timer.stop()
        if not running and not self._timer.isActive():
            self._next()
        self.busy_changed.emit(self.busy)


class PreviewLayer(QObject):
    """The temporary layer that shows a preview exactly over its source."""

    closed_by_user = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._temporary = TemporaryLayer(viewer, self._on_removed)
        self._follower = Follower()
        self._source: Any = None

    @property
    def layer(self) -> Any:
        """The layer, or None while nothing is shown."""
        return self._temporary.layer

    def show(self, source: Any, preview: Preview, result: Any = None) -> None:
        """Show a preview of a source layer, over its last result where there is one."""
        from napari.layers import Image

        values = shown_values(preview.values, source)
        place = placement(source, starts(preview.request.region), preview.finer)
        layer = self._temporary.layer
        if (
            layer is None
            or self._source is not source
            or layer.ndim != source.ndim
            or layer.rgb != source.rgb
        ):
            self.hide()
            fresh = Image(values.copy(), name=f"preview: {source.name}", **(appearance(source) | place))
            self._temporary.put(fresh, above=source if result is None else result)
            self._follower.follow(source, fresh)
            self._source = source
            return
        moved = moved_attributes(layer, place)
        if not moved and layer.data.shape == values.shape and layer.data.dtype == values.dtype:
            layer.data[...] = values  # several times faster than new data: size, place and thumbnail stay
            layer.refresh(thumbnail=False, highlight=False, extent=False)
            return
        for key in moved:
            setattr(layer, key, place[key])
        layer.data = values.copy()

    def hide(self) -> None:
        """Take the layer out."""
        self._follower.stop()
        self._temporary.remove()
        self._source = None

    def close(self) -> None:
        """Take the layer out for good."""
        self._follower.stop()
        self._temporary.close()

    def _on_removed(self) -> None:
        self._follower.stop()
        self._source = None
        self.closed_by_user.emit()
