"""The widget "Learn": fit a method's thresholds to an image, watch them learn, and move them by hand."""

from threading import Event
from typing import Any

import napari.viewer
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..engine import Progress
from ..recipe import Recipe, Step
from ..restorers import Restorer, Shrinkage, named
from ..stack import Stack
from .band_content import BandWish
from .band_explorer import BandExplorer
from .jobs import Job
from .kept_analysis import AnalysisKeeper
from .layer_combo import same_pixels
from .layers import stack_of_layer
from .learn_editor import LearnEditor
from .learning import Learned, Lesson, gain_in_words, learning, restorer_of, risk_of
from .loss_row import LossRow
from .menu import RecipeMenu
from .panel import Panel
from .preferences import preferred_device, preferred_threads
from .progress import ProgressRow
from .risk_plot import RiskPlot
from .source import is_image

START = "wavelet"  # the method that the form begins with


class LearnWidget(Panel):
    """Learn the thresholds of a method from a layer of a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        self.fit = Job()
        self.lesson: Lesson | None = None
        self.learned: Learned | None = None
        self.explorer: BandExplorer | None = None
        self._truth: tuple[Any, Stack] | None = None
        self._stop = Event()
        self._learning_ready = False
        super().__init__(viewer, LearnEditor(named(START)), parent)
        self.fit.setParent(self)
        self.loss = LossRow(self.viewer, self.source)
        self.learn_button, self.stop_button = QPushButton("Learn"), QPushButton("Stop and keep")
        self.bands_button = QPushButton("Bands…")
        self.curve = RiskPlot(self.viewer)
        self.gain = QLabel()
        self.fit.progressed.connect(self._fit_progressed)  # before a bar, which lets later events overtake
        self.fit_progress = ProgressRow(self.fit, "Learning")
        self.menu = RecipeMenu(self)
        self._lay_out_learning()
        self._connect_learning()
        self._learning_ready = True
        self._source_changed()

    @property
    def recipe(self) -> Recipe:
        """What a run would do now: with the numbers in use."""
        return self._recipe_of(self.editor.value)

    def learn(self) -> None:
        """Fit the method of the form, in a worker; the preview shows it on the way."""
        layer, content = self.source.layer, self.source.content
        if self.fit.running or self.job.running:
            return
        if layer is None or content is None:
            self.messages.warn("Open an image, or choose one above, and learn again.")
            return
        try:
            stack, target = self.loss.pair(content, layer)
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return
        wish, noise = self.editor.wish, self.noise.value
        self.lesson = lesson = Lesson(layer, content, stack, target, wish, noise, self.loss.value)
        self._stop = stop = Event()
        self.messages.say("")
        self.gain.hide()
        self.curve.begin()
        self.curve.show()
        self.preview_button.setChecked(True)
        device = preferred_device()
        self.fit.start(lambda: learning(lesson, stop, device))

    def stop(self) -> None:
        """End the fit at its next step and keep the numbers of that moment."""
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

    def open_bands(self) -> None:
        """Open the band explorer below the canvas, or bring it to the front."""
        if self.source.content is None:
            self.messages.warn("Open an image, or choose one above: the bands are those of an image.")
            return
        if self.explorer is None:
            self.explorer = explorer = BandExplorer(self.viewer, self._may_be_truth, self._recipe_of)
            explorer.truth.choose(self.loss.reference)
            explorer.changed.connect(self._thresholds_set)
            explorer.truth_changed.connect(self._follow_bands)
            explorer.closed.connect(self._explorer_closed)
            self.live.keeper = AnalysisKeeper()
            explorer.show_learned(None if self.learned is None else self.learned.fit.restorer)
            explorer.setEnabled(not self.fit.running)
            self.viewer.window.add_dock_widget(explorer, name="Bands", area="bottom")
            explorer.loaded.connect(self._bands_loaded)
        dock = dock_of(self.explorer)
        if dock is not None:
            dock.show()
            dock.raise_()
        self._follow_bands()

    def close_panel(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.fit.abandon()
        self.fit_progress.close_activity()
        self.loss.close_row()
        self.curve.close_plot()
        explorer, self.explorer = self.explorer, None
        if explorer is not None:
            explorer.close_explorer()
            self.viewer.window.remove_dock_widget(explorer)
        super().close_panel()

    def _recipe_of(self, restorer: Restorer) -> Recipe:
        return Recipe((Step(restorer, self.noise.value),), preferred_device(), preferred_threads())

    def _lay_out_learning(self) -> None:
        self.top.addWidget(self.loss)
        section = QWidget()
        inside = QVBoxLayout(section)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(4)
        row = QHBoxLayout()
        for button, tip in (
            (self.learn_button, "Fit the numbers of the method; the preview shows them on the way"),
            (self.stop_button, "End the fit now and keep the numbers that it has"),
            (self.bands_button, "Every band with its threshold to drag, its coefficients and its error"),
        ):
            button.setToolTip(tip)
            row.addWidget(button)
        row.addWidget(self.menu)
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
        self.bands_button.clicked.connect(self.open_bands)
        self.fit.succeeded.connect(self._fit_done)
        self.fit.failed.connect(self._fit_failed)
        self.fit.cancelled.connect(self._fit_cancelled)
        self.fit.running_changed.connect(self._fit_running)
        self.editor.changed.connect(self._follow_bands)
        self.noise.changed.connect(self._follow_bands)

    def _source_changed(self) -> None:
        super()._source_changed()
        if self._learning_ready:
            content = self.source.content
            self.loss.show_stack(None if content is None else content.stack)
            self._fit_running(self.fit.running)
            if self.explorer is not None:
                self.explorer.truth.refill()
            self._follow_bands()

    def _wish_changed(self) -> None:
        if not self.fit.running:
            super()._wish_changed()

    def _fit_progressed(self, progress: Progress) -> None:
        risk, restorer = risk_of(progress), restorer_of(progress)
        if risk is not None:
            self.curve.add(risk, max(progress.total, 1))
        if restorer is not None and self.lesson is not None:
            self.live.set_wish(restorer, self.noise.value)
            if self.explorer is not None:
                self.explorer.show_thresholds(restorer)

    def _fit_done(self, learned: Learned) -> None:
        """Take the fitted numbers into use, say what they gained, and run."""
        if learned.lesson.layer not in self.viewer.layers:
            return
        self.learned = learned
        self.curve.show_risks(list(learned.fit.risks))
        self.gain.setText(gain_in_words(learned))
        self.gain.show()
        if self.explorer is not None:
            self.explorer.show_learned(learned.fit.restorer)
        self.editor.use(learned.fit.restorer)

    def _fit_failed(self, message: str) -> None:
        self.messages.warn(message)
        self.curve.hide()

    def _fit_cancelled(self) -> None:
        self.messages.say("Cancelled; the method is as it was.")
        self.curve.hide()

    def _fit_running(self, running: bool) -> None:
        self._show_learn_button()
        self.stop_button.setEnabled(running)
        self.bands_button.setEnabled(self.source.content is not None)
        for part in (self.editor, self.loss, self.noise, self.source, self.menu, self.explorer):
            if part is not None:
                part.setEnabled(not running)
        self.run_button.setEnabled(not running and not self.job.running and self.source.content is not None)
        if running or self.lesson is None:
            return
        lesson, self.lesson = self.lesson, None
        self._wish_changed()
        self._follow_bands()
        if self.learned is not None and self.learned.lesson is lesson:
            self.run()

    def _running_changed(self, running: bool) -> None:
        super()._running_changed(running)
        self._show_learn_button()

    def _show_learn_button(self) -> None:
        idle = not (self.fit.running or self.job.running)
        self.learn_button.setEnabled(idle and self.source.content is not None)

    def _thresholds_set(self, restorer: Shrinkage) -> None:
        """Preview the thresholds that the explorer tells."""
        self.preview_button.setChecked(True)
        self.editor.use(restorer)

    def _follow_bands(self) -> None:
        """Show the bands of the method in use in the explorer."""
        content = self.source.content
        if self.explorer is None:
            return
        if content is None:
            self.explorer.show_nothing()
            return
        if self.fit.running and self.explorer.bands is not None:
            return  # the lines follow the fit
        device, threads = preferred_device(), preferred_threads()
        wish = self.editor.value, self.noise.value, self._truth_stack(content.stack)
        self.explorer.follow(BandWish(content, *wish, device, threads))

    def _bands_loaded(self) -> None:
        """Show the noise that the bands were found to have, where it was not told."""
        bands = None if self.explorer is None else self.explorer.bands
        if bands is not None and bands.wish.content is self.source.content and bands.wish.noise is None:
            self.noise.show_estimate(bands.plan.noise)

    def _truth_stack(self, stack: Stack) -> Stack | None:
        """Return the explorer's truth; the same one as long as its layer is the same."""
        assert self.explorer is not None
        layer = self.explorer.truth.layer
        if layer is None:
            self._truth = None
        elif self._truth is None or self._truth[0] is not layer:
            self._truth = layer, stack_of_layer(layer, stack.axes)
        return None if self._truth is None else self._truth[1]

    def _may_be_truth(self, layer: Any) -> bool:
        source = self.source.layer
        return source is not None and is_image(layer) and same_pixels(layer, source)

    def _explorer_closed(self) -> None:
        self.explorer = None
        self.live.keeper = None

    def _layer_removed(self, event: Any) -> None:
        if self.lesson is not None and self.lesson.layer is event.value:
            self.fit.cancel()
        super()._layer_removed(event)


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget lies in, or None."""
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
