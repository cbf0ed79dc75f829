"""The panel of a widget that learns from a layer: what from, Learn, Stop, error and picture on the way.

Convention: a subclass says what work a lesson is (`_work`) and what happens with what came of it (`_take`).
While it learns everything else is out of reach, and the preview shows the method of that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any, ClassVar

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..engine import Progress
from .editor import Editor
from .jobs import Job, Work
from .learning import Lesson, restorer_of, risk_of
from .loss_row import LossRow
from .menu import RecipeMenu
from .panel import Panel
from .preview import Preview
from .progress import ProgressRow
from .risk_plot import RiskPlot


class LearningPanel(Panel):
    """The common panel around an editor of a method that learns.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer that the panel is docked in.
    editor : QWidget
        As `Panel` wants it, and `wish`: where to begin.
    loss : Editor, optional
        Chooses the loss; None offers every loss with its fields.
    """

    stop_words: ClassVar[tuple[str, str]] = (
        "Stop and keep",
        "End the fit now and keep the numbers that it has",
    )
    learn_tip: ClassVar[str] = "Fit the numbers of the method; the preview shows them on the way"
    unchanged_words: ClassVar[str] = "Cancelled; the method is as it was."

    def __init__(
        self, viewer: Any, editor: Any, loss: Editor | None = None, parent: QWidget | None = None
    ) -> None:
        self.fit = Job()
        self.lesson: Lesson | None = None
        self.learned: Any = None
        self._stop = Event()
        self._trouble = ""  # why the last fit failed
        self._learning_ready = False
        super().__init__(viewer, editor, parent)
        self.fit.setParent(self)
        self.loss = LossRow(self.viewer, self.source, loss)
        self.learn_button, self.stop_button = QPushButton("Learn"), QPushButton(self.stop_words[0])
        self.curve = RiskPlot(self.viewer)
        self.gain = QLabel()
        self.fit.progressed.connect(self._fit_progressed)  # before a bar, which lets later events overtake
        self.fit_progress = ProgressRow(self.fit, "Learning")
        self.menu = RecipeMenu(self)
        self._lay_out_learning()
        self._connect_learning()
        self._learning_ready = True
        self._source_changed()

    def learn(self) -> None:
        """Learn from the chosen layer, in a worker; the preview shows the method on the way."""
        if self.fit.running or self.job.running:
            return
        lesson = self._next_lesson()
        if lesson is None:
            return
        self.lesson, self._stop, self._trouble = lesson, Event(), ""
        self.messages.say("")
        self.gain.hide()
        self.curve.begin()
        self.curve.show()
        self.preview_button.setChecked(True)
        self.fit.start(self._work(lesson, self._stop))

    def stop(self) -> None:
        """End the fit at its next step and keep what it has."""
        self._stop.set()
        self.stop_button.setEnabled(False)

    def run(self) -> None:
        """Restore what "Run on" says with the numbers in use, unless a fit is under way."""
        if not self.fit.running:
            super().run()

    def cancel(self) -> None:
        """Stop a fit or a run; nothing of it is left."""
        self.fit.cancel()
        super().cancel()

    def close_panel(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.fit.abandon()
        self.fit_progress.close_activity()
        self.loss.close_row()
        self.curve.close_plot()
        super().close_panel()

    def _work(self, lesson: Lesson, stop: Event) -> Callable[[], Work]:
        """Return the work of a lesson, which ends early when `stop` is set; its value goes to `_take`."""
        raise NotImplementedError

    def _take(self, learned: Any) -> None:
        """Take what was learned into use, and say what it is worth."""
        raise NotImplementedError

    def _fit_ended(self, lesson: Lesson) -> None:
        """Go on after a fit, whatever came of it."""

    def _next_lesson(self) -> Lesson | None:
        """Return what shall be learned now, or say what is missing and return None."""
        layer, content = self.source.layer, self.source.content
        if layer is None or content is None:
            self.messages.warn("Open an image, or choose one above, and learn again.")
            return None
        try:
            stack, target = self.loss.pair(content, layer)
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return None
        return Lesson(layer, content, stack, target, self.editor.wish, self.noise.value, self.loss.value)

    def _lay_out_learning(self) -> None:
        self.top.addWidget(self.loss)
        section = QWidget()
        self.learning = inside = QVBoxLayout(section)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(4)
        self.learn_row = row = QHBoxLayout()
        self.learn_button.setToolTip(self.learn_tip)
        self.stop_button.setToolTip(self.stop_words[1])
        for button in (self.learn_button, self.stop_button, self.menu):
            row.addWidget(button)
        inside.addLayout(row)
        inside.addWidget(self.fit_progress)
        inside.addWidget(self.curve)
        inside.addWidget(self.gain)
        self.gain.setWordWrap(True)
        self.gain.hide()
        self.curve.hide()
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(layout.indexOf(self.target), section)

    def _connect_learning(self) -> None:
        self.learn_button.clicked.connect(self.learn)
        self.stop_button.clicked.connect(self.stop)
        self.fit.succeeded.connect(self._fit_done)
        self.fit.failed.connect(self._fit_failed)
        self.fit.cancelled.connect(self._fit_cancelled)
        self.fit.running_changed.connect(self._fit_running)

    def _source_changed(self) -> None:
        self._trouble = ""
        super()._source_changed()
        if self._learning_ready:
            content = self.source.content
            self.loss.show_stack(None if content is None else content.stack)
            self._fit_running(self.fit.running)

    def _wish_changed(self) -> None:
        if not self.fit.running:
            super()._wish_changed()

    def _previewed(self, preview: Preview) -> None:
        """Show a picture; why a fit failed stays to be read."""
        super()._previewed(preview)
        if self._trouble:
            self.messages.warn(self._trouble)

    def _fit_progressed(self, progress: Progress) -> None:
        risk, restorer = risk_of(progress), restorer_of(progress)
        if risk is not None:
            self._show_risk(risk, progress)
        if restorer is not None and self.lesson is not None:
            self.live.set_wish(restorer, self.noise.value)

    def _show_risk(self, risk: float, progress: Progress) -> None:
        self.curve.add(risk, max(progress.total, 1))

    def _fit_done(self, learned: Any) -> None:
        if learned.lesson.layer in self.viewer.layers:
            self.learned = learned
            self._take(learned)

    def _fit_failed(self, message: str) -> None:
        self._trouble = message
        self.messages.warn(message)
        self.curve.hide()

    def _fit_cancelled(self) -> None:
        self.messages.say(self.unchanged_words)
        self.curve.hide()

    def _fit_running(self, running: bool) -> None:
        self._show_learn_button()
        self.stop_button.setEnabled(running)
        for part in (self.editor, self.loss, self.noise, self.source, self.menu):
            part.setEnabled(not running)
        self.run_button.setEnabled(not running and not self.job.running and self.source.content is not None)
        if running or self.lesson is None:
            return
        lesson, self.lesson = self.lesson, None
        self._wish_changed()
        self._fit_ended(lesson)

    def _running_changed(self, running: bool) -> None:
        super()._running_changed(running)
        self._show_learn_button()

    def _show_learn_button(self) -> None:
        idle = not (self.fit.running or self.job.running)
        self.learn_button.setEnabled(idle and self.source.content is not None)

    def _layer_removed(self, event: Any) -> None:
        if self.lesson is not None and self.lesson.layer is event.value:
            self.fit.cancel()
        super()._layer_removed(event)
