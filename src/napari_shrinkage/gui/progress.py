"""The row that shows a job's progress in its panel and, for napari's activity dock, what napari shows itself.

Convention: a bar in the activity dock is made on the GUI thread before the worker starts. (A bar that
napari's own `thread_worker(progress=...)` makes for a very short job breaks the dock for the rest of the
session.)
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from ..engine import Progress
from .jobs import Job

GRAIN = 1000  # steps of the bar, so that it can show any number of windows
DELAY_MS = 150  # quick work shows no bar


class ProgressRow(QWidget):
    """A progress bar and a Cancel button, visible while a job runs."""

    def __init__(self, job: Job, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job, self._title = job, title
        self._activity: Any = None
        self._done = 0
        self.bar = QProgressBar()
        self.bar.setRange(0, GRAIN)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop within one tile (Esc)")
        self.cancel_button.clicked.connect(self._cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(DELAY_MS)
        self._late.timeout.connect(self.show)
        self.hide()
        job.running_changed.connect(self._running_changed)
        job.progressed.connect(self._progressed)

    def _running_changed(self, running: bool) -> None:
        if running:
            self.cancel_button.setEnabled(True)
            self.bar.setValue(0)
            self.bar.setFormat("starting")
            self._open_activity()
            self._late.start()
        else:
            self._late.stop()
            self.hide()
            self.close_activity()

    def _progressed(self, progress: Progress) -> None:
        part = round(GRAIN * progress.done / max(progress.total, 1))
        self.bar.setValue(part)
        count = f" {progress.done}/{progress.total}" if progress.total > 1 else ""
        self.bar.setFormat(f"{progress.message}{count}")
        if self._activity is not None and part > self._done:
            self._activity.update(part - self._done)
            self._done = part

    def _cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self.bar.setFormat("stopping")
        self._job.cancel()

    def _open_activity(self) -> None:
        from napari.utils import progress

        self._done = 0
        self._activity = progress(total=GRAIN, desc=self._title)

    def close_activity(self) -> None:
        """Take the bar out of the activity dock."""
        if self._activity is not None:
            self._activity.close()
            self._activity = None
