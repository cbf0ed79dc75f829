"""What a method took away, as a layer, and whether it is white.

Convention: input and result are subtracted, and tested, in a worker; the input is the one that the result was
made from, whatever its layer shows by now. The layer belongs to the user as soon as the panel is closed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ..diagnostics import Whiteness, whiteness
from ..engine import Progress, Result
from ..stack import Stack
from .jobs import Job, Work
from .layers import method_noise, method_noise_layer

TESTED = 2**24  # pixels that the whiteness test looks at, at most


@dataclass(frozen=True)
class Removed:
    """What was taken away from a source layer, and its whiteness."""

    source: Any
    result: Result
    values: Any
    white: Whiteness


class MethodNoise(QObject):
    """The layer of what a method took away.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer goes.

    Signals
    -------
    tested(str)
        The layer is shown; what its whiteness says.
    failed(str)
        Why there is none.
    """

    tested = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Any = None
        self._next: tuple[Any, Result, Stack] | None = None
        self._wanted: Result | None = None
        self._job = Job(self)
        self._job.succeeded.connect(self._show)
        self._job.failed.connect(self.failed)
        self._job.running_changed.connect(self._running_changed)

    @property
    def shown(self) -> bool:
        """Whether its layer is in the viewer."""
        return self._layer is not None and self._layer in self._viewer.layers

    @property
    def busy(self) -> bool:
        """Whether it is being worked out."""
        return self._job.running

    def show(self, source: Any, result: Result, stack: Stack) -> None:
        """Work out `stack` minus `result` and show it over the source; the newest wish wins."""
        self._next, self._wanted = (source, result, stack), result
        if self._job.running:
            self._job.cancel()
        else:
            self._start()

    def hide(self) -> None:
        """Take the layer out, and work on none."""
        self._next = self._wanted = None
        self._job.cancel()
        self._take_out()

    def close(self) -> None:
        """Stop for good, and leave the layer to the user."""
        self._next = self._wanted = self._layer = None
        self._job.abandon()

    def _start(self) -> None:
        wish, self._next = self._next, None
        if wish is not None:
            self._job.start(lambda: _removed(*wish))

    def _running_changed(self, running: bool) -> None:
        if not running:
            self._start()

    def _show(self, removed: Removed) -> None:
        from napari.layers import Layer

        layers, source = self._viewer.layers, removed.source
        if source not in layers or removed.result is not self._wanted:
            return
        self._take_out()
        made = method_noise_layer(source, removed.result, f"{source.name} method noise", removed.values)
        selected, active = set(layers.selection), layers.selection.active
        self._layer = Layer.create(*made)
        layers.append(self._layer)
        layers.selection = selected
        layers.selection.active = active
        self.tested.emit(removed.white.sentence())

    def _take_out(self) -> None:
        if self.shown:
            self._viewer.layers.remove(self._layer)
        self._layer = None


def _removed(source: Any, result: Result, stack: Stack) -> Work:
    """Subtract and test (in a worker); the source is only carried along."""
    yield Progress(0, 2, "subtracting")
    values = method_noise(stack, result)
    yield Progress(1, 2, "testing")
    return Removed(source, result, values, whiteness(_tested(values)))


def _tested(values: Any) -> Any:
    """Return at most `TESTED` pixels' worth of planes, evenly spread, in memory."""
    planes = math.prod(values.shape[:-2])
    most = max(TESTED // math.prod(values.shape[-2:]), 1)
    if planes <= most:
        return np.asarray(values)
    chosen = np.unique(np.linspace(0, planes - 1, most).round().astype(int))
    return np.stack([np.asarray(values[np.unravel_index(int(i), values.shape[:-2])]) for i in chosen])
