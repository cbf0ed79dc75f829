"""The widget "Learn": fit a method's thresholds to an image, watch them learn, and move them by hand."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

import napari.viewer
from qtpy.QtWidgets import QDockWidget, QPushButton, QWidget

from ..engine import Progress
from ..recipe import Recipe, Step
from ..restorers import Restorer, Shrinkage, named
from ..stack import Stack
from .band_content import BandWish
from .band_explorer import BandExplorer
from .jobs import Work
from .kept_analysis import AnalysisKeeper
from .layer_combo import same_pixels
from .layers import stack_of_layer
from .learn_editor import LearnEditor
from .learning import Learned, Lesson, gain_in_words, learning, restorer_of
from .learning_panel import LearningPanel
from .preferences import preferred_device, preferred_threads
from .source import is_image

START = "wavelet"  # the method that the form begins with


class LearnWidget(LearningPanel):
    """Learn the thresholds of a method from a layer of a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    learned: Learned | None

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        self.explorer: BandExplorer | None = None
        self._truth: tuple[Any, Stack] | None = None
        self.bands_button = QPushButton("Bands…")
        super().__init__(viewer, LearnEditor(named(START)), parent=parent)
        self.bands_button.setToolTip("Every band with its threshold to drag, its coefficients and its error")
        self.learn_row.insertWidget(self.learn_row.indexOf(self.menu), self.bands_button)
        self.bands_button.clicked.connect(self.open_bands)
        self.editor.changed.connect(self._follow_bands)
        self.noise.changed.connect(self._follow_bands)

    @property
    def recipe(self) -> Recipe:
        """What a run would do now: with the numbers in use."""
        return self._recipe_of(self.editor.value)

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
        explorer, self.explorer = self.explorer, None
        if explorer is not None:
            explorer.close_explorer()
            self.viewer.window.remove_dock_widget(explorer)
        super().close_panel()

    def _recipe_of(self, restorer: Restorer) -> Recipe:
        return Recipe((Step(restorer, self.noise.value),), preferred_device(), preferred_threads())

    def _work(self, lesson: Lesson, stop: Event) -> Callable[[], Work]:
        return partial(learning, lesson, stop, preferred_device())

    def _source_changed(self) -> None:
        super()._source_changed()
        if self._learning_ready:
            if self.explorer is not None:
                self.explorer.truth.refill()
            self._follow_bands()

    def _fit_progressed(self, progress: Progress) -> None:
        super()._fit_progressed(progress)
        restorer = restorer_of(progress)
        if restorer is not None and self.lesson is not None and self.explorer is not None:
            self.explorer.show_thresholds(restorer)

    def _take(self, learned: Learned) -> None:
        """Take the fitted numbers into use, and say what they gained."""
        self.curve.show_risks(list(learned.fit.risks))
        self.gain.setText(gain_in_words(learned))
        self.gain.show()
        if self.explorer is not None:
            self.explorer.show_learned(learned.fit.restorer)
        self.editor.use(learned.fit.restorer)

    def _fit_running(self, running: bool) -> None:
        self.bands_button.setEnabled(self.source.content is not None)
        if self.explorer is not None:
            self.explorer.setEnabled(not running)
        super()._fit_running(running)

    def _fit_ended(self, lesson: Lesson) -> None:
        """Show the bands of what is used now; run, if that was learned just now."""
        self._follow_bands()
        if self.learned is not None and self.learned.lesson is lesson:
            self.run()

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


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget lies in, or None."""
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
