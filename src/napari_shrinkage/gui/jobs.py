"""Long work outside the GUI thread: one place that drains a generator of progress in a worker.

Convention: work is a generator that yields `engine.Progress` and returns its result; nothing in it touches a
widget or a layer. Every signal of a `Job` is emitted on the GUI thread. Cancelling takes effect at the
generator's next yield.
"""

from __future__ import annotations

import atexit
import logging
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any

from qtpy.QtCore import QObject, Signal
from superqt.utils import GeneratorWorker, create_worker

from ..engine import Progress
from ..nn.inference import PiecesWarning
from ..noise import NoiseWarning

Work = Generator[Progress, None, Any]
# What data and machines can do to us: a message. Anything else is a defect, which napari reports in full.
EXPECTED = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    OSError,
    MemoryError,
    RuntimeError,
    ImportError,
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """What a generator returns through its worker in place of a result that it could not make."""

    message: str


class Job(QObject):
    """At most one piece of work at a time, in a worker thread.

    Attributes
    ----------
    note : str
        Something to know of the work that was started last, or "".

    Signals
    -------
    progressed(Progress), succeeded(object), failed(str), cancelled()
        What happens to the work; the last three end it.
    running_changed(bool)
        When work begins, and after it has ended.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    running_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: GeneratorWorker[Any, Any, Any] | None = None
        self.note = ""

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._worker is not None

    def start(self, work: Callable[[], Work]) -> bool:
        """Start draining `work()` in a worker; refuse (return False) while other work is under way."""
        if self._worker is not None:
            return False
        worker = create_worker(guarded, work, _start_thread=False, _ignore_errors=True)
        assert isinstance(worker, GeneratorWorker)
        self._worker, self.note = worker, ""
        _wait_at_exit()
        worker.yielded.connect(self._on_yielded)
        worker.warned.connect(self._on_warned)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.aborted.connect(self._on_aborted)
        worker.finished.connect(self._on_finished)
        self.running_changed.emit(True)
        worker.start()
        return True

    def cancel(self) -> None:
        """Stop at the next yield."""
        if self._worker is not None:
            self._worker.quit()

    def abandon(self) -> None:
        """Stop, and let nobody hear of it any more; for a widget that goes away."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.quit()
            ends = worker.returned, worker.errored, worker.aborted, worker.finished
            for signal in (worker.yielded, worker.warned, *ends):
                signal.disconnect()

    def _on_yielded(self, progress: Progress) -> None:
        if self._worker is not None and not self._worker.abort_requested:
            self.progressed.emit(progress)

    def _on_warned(self, warning: tuple[Any, ...]) -> None:
        message, category = warning[:2]
        if issubclass(category, PiecesWarning):
            self.note = str(message)

    def _on_returned(self, result: Any) -> None:
        if isinstance(result, Failure):
            self.failed.emit(result.message)
        else:
            self.succeeded.emit(result)

    def _on_errored(self, error: Exception) -> None:
        from napari.utils.notifications import notification_manager

        self.failed.emit(f"{type(error).__name__}: {error}")
        notification_manager.receive_error(type(error), error, error.__traceback__)

    def _on_aborted(self, _: None = None) -> None:
        self.cancelled.emit()

    def _on_finished(self, _: None = None) -> None:
        self._worker = None
        self.running_changed.emit(False)


@cache
def _wait_at_exit() -> None:
    """Once per process: at exit stop what still runs and wait for it, before Qt takes its signals away."""
    atexit.register(GeneratorWorker.await_workers)


def guarded(work: Callable[[], Work]) -> Work:
    """Drain `work()`; return a `Failure` for an error that the user can do something about."""
    # A verdict on the noise is shown where the noise is; the worker resets the filter when it ends.
    warnings.simplefilter("ignore", NoiseWarning)
    try:
        return (yield from work())
    except EXPECTED as error:
        log.info("the work failed", exc_info=True)
        return Failure(described(error))


def described(error: BaseException) -> str:
    """Return an error's message, with its type where the message alone says little."""
    text = str(error).strip()
    if isinstance(error, MemoryError):
        return f"Out of memory. {text} Choose a smaller region, or a lazy (dask or zarr) image."
    return text if isinstance(error, ValueError | TypeError) and text else f"{type(error).__name__}: {text}"
