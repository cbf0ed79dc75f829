"""The widget "Adapt": a network goes on learning on a layer, and is judged by a part that it does not see."""

from collections.abc import Callable
from functools import partial
from html import escape
from threading import Event

import napari.viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QWidget

from ..engine import Progress
from ..fitting import blind_loss
from ..noise import NoiseModel
from ..recipe import Plan
from ..restorers import Cnn
from .adapt_editor import AdaptEditor, InUse
from .adapting import Adapted, Timed, Wish, adapting, verdict_in_words
from .jobs import Work
from .learning import Lesson
from .learning_panel import LearningPanel
from .loss_choice import LossChoice
from .preferences import preferred_device, preferred_model_folder


class AdaptWidget(LearningPanel):
    """Fine-tune a network on a layer of a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    editor: AdaptEditor
    learned: Adapted | None
    stop_words = "Stop and keep the best", "End now and keep the best network so far, if it is surely better"
    learn_tip = "Let the network learn from this layer; the preview shows it on the way"
    unchanged_words = "Cancelled; the network at the start is in use."

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        self.in_use, self.saved = InUse(), QLabel()
        super().__init__(viewer, AdaptEditor(Cnn()), LossChoice(), parent)
        self._lay_out_adapted()
        self.in_use.chosen.connect(self._use)
        self.editor.started_anew.connect(self._forget)
        self.editor.started_anew.connect(self.curve.hide)
        self.noise.changed.connect(self._show_loss)
        self._show_loss()

    def _lay_out_adapted(self) -> None:
        self.saved.setWordWrap(True)
        self.saved.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.saved.hide()
        self.learning.addWidget(self.saved)
        self.learning.addWidget(self.in_use)
        self.make_editor_low(self.editor.sizeHint().height())

    def _work(self, lesson: Lesson, stop: Event) -> Callable[[], Work]:
        self._forget()
        self.editor.use(self.editor.wish)  # not what was learned before
        automatic = self.loss.loss.value is None
        wish = Wish(self.editor.steps.value(), preferred_model_folder(), lesson.layer.name, automatic)
        return partial(adapting, lesson, wish, stop, preferred_device())

    def _take(self, learned: Adapted) -> None:
        """Say what the network is worth, and use it if it is surely better."""
        self._say(self.gain, verdict_in_words(learned))
        self.editor.refill()
        if not learned.fit.verdict.is_better:
            return
        self._say(self.saved, f"Saved as {learned.path.name} in {learned.path.parent}; CNN denoise lists it.")
        self.in_use.show_after()
        self._use(True)

    def _say(self, label: QLabel, words: str) -> None:
        """Show some lines, and in a tooltip too: a dock that shares its side may be too low for them."""
        label.setText(words)
        label.setToolTip(f"<qt>{escape(words)}</qt>")
        label.show()

    def _use(self, adapted: bool) -> None:
        """Preview and run with the adapted network, or with the one at the start."""
        if self.learned is None:
            return
        after = self.learned.fit.restorer
        assert isinstance(after, Cnn)
        self.editor.use(after if adapted else self.editor.wish)

    def _forget(self) -> None:
        """Let go of what was learned before."""
        self.learned = None
        for widget in (self.gain, self.saved, self.in_use):
            widget.hide()

    def _fit_progressed(self, progress: Progress) -> None:
        super()._fit_progressed(progress)
        self._show_loss()
        if isinstance(progress, Timed) and progress.all_seconds is not None:
            self.editor.show_pace(progress.all_seconds / progress.total)

    def _show_risk(self, risk: float, progress: Progress) -> None:
        self.curve.add(risk, max(progress.total, 1), progress.done)

    def _source_changed(self) -> None:
        super()._source_changed()
        if self._learning_ready:
            self._show_loss()

    def _show_plan(self, plan: Plan, told: NoiseModel | None) -> None:
        super()._show_plan(plan, told)
        self._show_loss()

    def _show_loss(self) -> None:
        """Show which loss suits the noise, as far as that is known."""
        content = self.source.content
        noise = self.noise.value or (None if content is None else content.known_noise)
        self.loss.show_suitable(None if noise is None else blind_loss(noise))
