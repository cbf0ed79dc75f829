"""The layers that the widget Super-resolution adds beside its result, and when their buttons are down.

Convention: each lies exactly over the image it belongs to, on its own grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from ..engine import Result
from ..restorers import Degrade, Upscale
from ..stack import Stack
from ..windows import Region, whole
from .content import Content
from .derived_layer import DerivedLayer
from .jobs import Job, Work
from .layers import LayerData, method_noise_layer, noise_luminance, record_of_layer, result_layer
from .overlays import placement, starts
from .results import Results
from .superres_work import bicubic_like, upscaling

if TYPE_CHECKING:
    from ..diagnostics.upscaling import Consistency


def is_test_layer(layer: Any) -> bool:
    """Whether a layer is a low-resolution image that we made."""
    try:
        record = record_of_layer(layer)
    except (TypeError, ValueError):
        return False
    return record is not None and isinstance(record.plans[-1].restorer, Degrade)


class ReducedAgain(DerivedLayer):
    """The layer of a result, reduced again, minus the image that it was made from."""

    def work(self, result: Result, stack: Stack) -> Work:
        """Reduce and compare."""
        from ..diagnostics.upscaling import consistency

        return (yield from consistency(stack, result))

    def made(self, source: Any, result: Result, found: Consistency) -> LayerData:
        """Return the layer, on the grid of the source."""
        values = noise_luminance(found.difference) if source.rgb else found.difference
        data, attributes, kind = method_noise_layer(source, result, f"{source.name} reduced again", values)
        attributes.update(placement(source, starts(result.region)))
        return data, attributes, kind

    def sentence(self, found: Consistency) -> str:
        """Say how strong it is."""
        return found.verdict


class BicubicButton(QPushButton):
    """A button that is down while the bicubic image of the panel's source is shown beside its result.

    The layer lies below the result, so that holding B, or the wipe, shows the one against the other.

    Parameters
    ----------
    panel : Panel
        Gives the image, the scale and the part of it that a run restored.

    Signals
    -------
    changed()
        The layer was shown or taken out.
    failed(str)
        Why there is none.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, panel: Any, parent: QWidget | None = None) -> None:
        super().__init__("Bicubic", parent)
        self.setCheckable(True)
        self.setToolTip(
            "<qt>Add the bicubic image as a layer below the result: hold B, or wipe, to see one against the "
            "other</qt>"
        )
        self._panel = panel
        self._layers = Results(panel.viewer)
        self._wish: tuple[Any, Content, Upscale, Region] | None = None
        self.job = Job(self)
        self.toggled.connect(self._toggled)
        self.job.succeeded.connect(self._show)
        self.job.failed.connect(self._fail)
        self.job.cancelled.connect(self._cancelled)
        self.job.running_changed.connect(self._running_changed)
        panel.viewer.layers.events.removed.connect(self._removed)

    @property
    def layer(self) -> Any:
        """The layer, or None while there is none."""
        return None if self._wish is None else self._layers.layer_of(self._wish[0])

    def refresh(self) -> None:
        """Bring the layer to the panel's image, grid and region."""
        if self.isChecked() and self._wish is not None and self._wanted() != self._wish:
            self._take_out()
            self._start()

    def close_button(self) -> None:
        """Let go of the viewer; the layer stays with the user."""
        self._panel.viewer.layers.events.removed.disconnect(self._removed)
        self.job.abandon()

    def _toggled(self, on: bool) -> None:
        if on:
            self._start()
        else:
            self.job.cancel()
            self._take_out()

    def _wanted(self) -> tuple[Any, Content, Upscale, Region] | None:
        source, content = self._panel.source.layer, self._panel.source.content
        if source is None or content is None:
            return None
        result = self._panel.results.result_of(source)
        method = bicubic_like(self._panel.editor.value)
        return source, content, method, whole(content.stack) if result is None else result.region

    def _start(self) -> None:
        if self.job.running:
            self.job.cancel()
            return
        self._wish = wish = self._wanted()
        if wish is None:
            self._fail("Open an image, or choose one above.")
            return
        _, content, method, region = wish
        self.job.start(lambda: upscaling(content.stack, method, region))

    def _running_changed(self, running: bool) -> None:
        if not running and self.isChecked() and self._wanted() != self._wish:
            self._start()

    def _cancelled(self) -> None:
        """Go up where the user stopped the work; a newer wish goes on."""
        if self._wanted() == self._wish:
            self.setChecked(False)

    def _show(self, result: Result) -> None:
        wish = self._wish
        if wish is None or not self.isChecked() or wish != self._wanted():
            return
        source, content, method, _ = wish
        if source not in self._panel.viewer.layers:
            return
        made = result_layer(source, result, f"{source.name} bicubic x{method.scale}")
        self._layers.put(source, made, result, content.stack)
        self.changed.emit()

    def _fail(self, message: str) -> None:
        self.setChecked(False)
        self.failed.emit(message)

    def _take_out(self) -> None:
        layer, self._wish = self.layer, None
        if layer is not None:
            self._panel.viewer.layers.remove(layer)
        self._layers.let_go()
        self.changed.emit()

    def _removed(self, event: Any) -> None:
        if self._wish is not None and event.value is self._wish[0]:
            return  # `refresh` follows, and takes its layer out
        self._layers.let_go()
        gone = self._wish is not None and self._layers.result_of(self._wish[0]) is None
        if gone and not self.job.running and self.isChecked():
            self.setChecked(False)
