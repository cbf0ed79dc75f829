"""The row that says whether an image is within what the chosen model was trained for, and what to do.

Convention: a verdict is shown for the wish that it was made for, and taken away when that changes. It is made
by itself while the preview is on, as long as it takes less than a second for the image; else on the button,
and at the begin of a run.
"""

from __future__ import annotations

import time
import weakref
from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from .content import Content, method_key
from .jobs import Job, Work
from .messages import WARNING
from .superres_models import needs_reading
from .superres_work import Checked, checking

if TYPE_CHECKING:
    from ..diagnostics.upscaling import UpscalingCheck

SOON_MS = 250  # that a wish stands before it is checked by itself
QUICK = 1.0  # second
ASKED = "Is the image within what the model was trained for?"
ASKED_LINEAR = "Does the image look as this degradation leaves it?"
ENTER = ("model", "weights", "scale", "degradation", "ranges", "levels")  # of a restorer, into a verdict
Wish = tuple[Content, Any, Any]
Key = tuple[weakref.ref[Content], str]  # of a wish; it does not keep an image that was taken away


class CheckRow(QWidget):
    """The button "Check" and the verdict.

    Parameters
    ----------
    panel : Panel
        Gives the image, the restorer and the noise.
    """

    def __init__(self, panel: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self.verdict: UpscalingCheck | None = None
        self._asked: Key | None = None  # of the job
        self._asked_by_run: Key | None = None
        self._known: Key | None = None  # of what the verdict, or the trouble, is about
        self._declined: Key | None = None  # of what the user wants no verdict
        self._seconds = weakref.WeakKeyDictionary[Content, float]()  # that a check took
        self._began = 0.0
        self.button = QPushButton("Check")
        self.button.setToolTip(
            "<qt>Measure the image's blur and noise, and say whether the model was trained for such images. "
            "It never keeps a run from starting.</qt>"
        )
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.job = Job(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.button.clicked.connect(self.check)
        self._soon.timeout.connect(self._by_itself)
        self.job.succeeded.connect(lambda verdict: self._checked(verdict, ""))
        self.job.failed.connect(lambda message: self._checked(None, message))
        self.job.running_changed.connect(self._running_changed)
        self._say("")

    @property
    def known(self) -> bool:
        """Whether there is a verdict on the present wish."""
        return self._known is not None and self._known == _key(self._wish())

    def check(self) -> None:
        """Check the present wish, in a worker."""
        wish = self._wish()
        if wish is None:
            self._panel.messages.warn("Open an image, or choose one above, and check again.")
        elif self.job.running:
            self.job.cancel()  # of an older wish: it is asked by itself, and the new one is next
        else:
            self._asked, self._began, self._declined = _key(wish), time.perf_counter(), None
            self.job.start(lambda: checking(*wish))

    def cancel(self) -> None:
        """Stop a check, and begin none of the same wish by itself."""
        if self.job.running:
            self._declined = self._asked
            self.job.cancel()

    def work(self) -> Work:
        """Return the check as a part of a run; its verdict comes to `take_progress`."""
        wish = self._wish()
        assert wish is not None
        self._asked_by_run = _key(wish)
        return checking(*wish)

    def take_progress(self, progress: Any) -> None:
        """Take the verdict of a run's own check."""
        if isinstance(progress, Checked):
            self._take(self._asked_by_run, progress.check, progress.trouble)

    def wish_changed(self) -> None:
        """Take an old verdict away, and make a new one if that is quick."""
        if self.known:
            return
        if not (self.job.running and self._asked == _key(self._wish())):
            self._known = self.verdict = None
            self._say("")
            self._soon.start()

    def close_row(self) -> None:
        """Stop what runs."""
        self._soon.stop()
        self.job.abandon()

    def _by_itself(self) -> None:
        wish = self._wish()
        if wish is None or self.known or _key(wish) == self._declined:
            return
        quick = self._seconds.get(wish[0], 0.0) < QUICK
        if quick and self._panel.live.on and not self._panel.job.running:
            self.check()

    def _wish(self) -> Wish | None:
        content = self._panel.source.content
        return None if content is None else (content, self._panel.editor.value, self._panel.noise.value)

    def _checked(self, verdict: UpscalingCheck | None, trouble: str) -> None:
        content = None if self._asked is None else self._asked[0]()
        if content is not None:
            self._seconds[content] = time.perf_counter() - self._began
        self._take(self._asked, verdict, trouble)

    def _take(self, asked: Key | None, verdict: UpscalingCheck | None, trouble: str) -> None:
        if asked is None or asked != _key(self._wish()):
            return
        self._known, self.verdict = asked, verdict
        if verdict is None:
            self._say(f"{WARNING}{trouble}")
            return
        self._say(_in_short(verdict), verdict.verdict)
        self._panel.verdict_came(verdict)

    def _running_changed(self, running: bool) -> None:
        self.button.setEnabled(not running)
        if running and self.text.text() == self._question:
            self.text.setText("Checking …")
        elif not running and not self.known:
            self._say("")
            self._soon.start()

    @property
    def _question(self) -> str:
        return ASKED if needs_reading(self._panel.editor.value.model) else ASKED_LINEAR

    def _say(self, text: str, details: str = "") -> None:
        self.text.setText(text or self._question)
        self.text.setToolTip(f"<qt>{escape(details)}</qt>" if details else "")


def _in_short(verdict: UpscalingCheck) -> str:
    """Return a verdict in its own words, without the numbers of the blur where there are some."""
    if not verdict.inside:
        return f"{WARNING}{verdict.head}"
    return verdict.verdict if verdict.measured is None else f"✓ {verdict.head}"


def _key(wish: Wish | None) -> Key | None:
    if wish is None:
        return None
    content, restorer, noise = wish
    return weakref.ref(content), method_key(([getattr(restorer, name) for name in ENTER], noise))
