"""The panel that every restoring widget is made of: image, method, noise, preview, run.

Convention: a panel holds widgets and the state of the screen, no algorithm and no default of a method. What
to restore with comes from the `editor` that it is given (`value`, `changed`, `show_resolved`); previews and
runs share one `Content` and hence one plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from ..engine import Progress, Result
from ..noise import NoiseModel
from ..recipe import Plan, Recipe, Step
from .actions import Actions
from .jobs import Job, Work
from .kept_noise import kept_noise
from .layers import result_layer
from .live import LivePreview
from .messages import MessageLine
from .noise_row import NoiseRow
from .overlays import shines
from .preferences import preferred_device, preferred_threads
from .preview import Preview
from .progress import ProgressRow
from .results import Results
from .running import run_all
from .shortcuts import bind_shortcuts, is_before_key, release_shortcuts
from .source import SourceRow, itself
from .target import Target, TargetRow


class Panel(QWidget):
    """The common panel around an editor of a restorer.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer that the panel is docked in.
    editor : QWidget
        Edits the restorer: `value`, `changed`, `invalid`, `show_resolved`.
    """

    def __init__(self, viewer: Any, editor: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        viewer = itself(viewer)
        self.viewer = viewer
        self.editor = editor
        self.source = SourceRow(viewer)
        self.noise = NoiseRow()
        self.target = TargetRow(viewer)
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Shrinkage")
        self.results = Results(viewer)
        self.messages = MessageLine()
        self.live = LivePreview(viewer, self)
        self.live.result_of = self.results.layer_of
        self.plan: Plan | None = None
        self._place = ""  # what the line of the device says while nothing is slow
        self._running: list[Target] = []
        self.actions_row = actions = Actions()
        self.preview_button, self.run_button, self.keep_button = actions.preview, actions.run, actions.keep
        self.output, self.device = actions.output, actions.device
        self._lay_out()
        self._connect()
        bind_shortcuts(self)
        self._source_changed()

    @property
    def recipe(self) -> Recipe:
        """What a run would do now."""
        return Recipe((Step(self.editor.value, self.noise.value),), preferred_device(), preferred_threads())

    def set_recipe(self, recipe: Recipe) -> None:
        """Take over the method and the noise of a recipe of one step."""
        if len(recipe.steps) != 1:
            raise ValueError(
                f"This recipe has {len(recipe.steps)} steps; the widget does one at a time. "
                "Run it from the command line, or load its steps one by one."
            )
        self.editor.setValue(recipe.steps[0].restorer)
        self.noise.setValue(recipe.steps[0].noise)

    def run(self) -> None:
        """Restore what "Run on" says, in a worker; while a run is under way another one is not started."""
        if self.job.running:
            return
        layer, content = self.source.layer, self.source.content
        if layer is None or content is None:
            self.messages.warn(
                "Open an image, or choose one above, and run again."
                if layer is None
                else self.messages.text()
            )
            return
        try:
            axes = {one: self.source.axes_of(one) for one in self.viewer.layers}
            targets = self.target.targets(content, layer, axes)
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return
        recipe, dtype = self.recipe, self.output.currentData()
        self._running = targets
        self.messages.say("")
        self.job.start(self._run_work(targets, recipe, dtype))

    def cancel(self) -> None:
        """Stop a run within one tile."""
        self.job.cancel()

    def keep(self) -> None:
        """Pin the last result, so that the next run makes a layer of its own."""
        layer = self.results.keep(self.source.layer)
        self.keep_button.setEnabled(False)
        if layer is not None:
            self.messages.say(f"{layer.name!r} is kept; the next run adds a new layer.")

    def show_before(self, before: bool) -> None:
        """Show the image as it was for as long as a key is held."""
        self.live.show_before(before)
        result = self.results.layer_of(self.source.layer)
        if result is not None:
            result.visible = not before
        self.show_one(before)

    def show_one(self, before: bool = False) -> None:
        """Show image, result or preview alone where their blending would add them up (additive channels)."""
        layer = self.source.layer
        if layer is None or not shines(layer) or layer not in self.viewer.layers:
            return
        preview, result = self.live.picture.layer, self.results.layer_of(layer)
        shown = layer if before else (preview or result or layer)
        for one in (layer, result, preview):
            if one is not None:
                one.visible = one is shown

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Show before while B is down."""
        if is_before_key(event):
            self.show_before(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Show after again."""
        if is_before_key(event):
            self.show_before(False)
        else:
            super().keyReleaseEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the dock is closed, which takes the panel out of its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_panel()
        return super().event(event)

    def make_editor_low(self, height: int) -> None:
        """Give the editor's rows a height in pixels, and what is left to the end of the panel."""
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        self.editor_area.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.editor_area.setFixedHeight(height)
        layout.setStretch(layout.indexOf(self.editor_area), 0)
        layout.addStretch(1)

    def close_panel(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.job.abandon()
        release_shortcuts(self)
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        self.live.close()
        self.source.close_source()
        self.target.close_target()
        self.progress.close_activity()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.source)
        self.top = QVBoxLayout()
        layout.addLayout(self.top)
        self.editor_area = _scrolled(self.editor)
        layout.addWidget(self.editor_area, 1)
        layout.addWidget(self.noise)
        layout.addWidget(self.target)
        layout.addWidget(self.actions_row)
        self.bottom = QVBoxLayout()
        layout.addLayout(self.bottom)
        layout.addWidget(self.progress)
        layout.addWidget(self.messages)
        layout.addWidget(self.device)

    def _connect(self) -> None:
        self.source.changed.connect(self._source_changed)
        self.source.failed.connect(self.messages.warn)
        self.source.noise_kept.connect(lambda: self.noise.keep(kept_noise(self.source.layer)))
        self.editor.changed.connect(self._edited)
        self.editor.invalid.connect(self.messages.warn)
        self.noise.changed.connect(self._edited)
        self.preview_button.toggled.connect(self._preview_toggled)
        self.run_button.clicked.connect(self.run)
        self.keep_button.clicked.connect(self.keep)
        self.live.ready.connect(self._previewed)
        self.live.failed.connect(self.messages.warn)
        self.live.note.connect(self.messages.say)
        self.live.server.slow.connect(self._show_slow)
        self.live.server.busy_changed.connect(self._busy_changed)
        self.live.closed_by_user.connect(lambda: self.preview_button.setChecked(False))
        self.job.succeeded.connect(self._add_results)
        self.job.failed.connect(self._run_failed)
        self.job.cancelled.connect(lambda: self.messages.say("Cancelled; nothing was changed."))
        self.job.running_changed.connect(self._running_changed)
        self.job.progressed.connect(self._progressed)
        self.viewer.layers.events.removed.connect(self._layer_removed)

    def _source_changed(self) -> None:
        layer, content = self.source.layer, self.source.content
        self.target.show_stack(None if content is None else content.stack)
        self.noise.show_estimate(None if content is None else content.known_noise)
        self.noise.keep(kept_noise(layer))
        self.editor.show_resolved(None)
        self.keep_button.setEnabled(self.results.layer_of(layer) is not None)
        self.run_button.setEnabled(content is not None)
        if layer is not None:
            integer_colour = layer.rgb and content is not None and content.stack.array.dtype.kind in "iu"
            self.output.setCurrentIndex(1 if integer_colour else 0)
        self.live.set_source(layer, content)
        self._wish_changed()

    def _wish_changed(self) -> None:
        self.live.set_wish(self.editor.value, self.noise.value)

    def _edited(self) -> None:
        """Take back what was said of an earlier wish, and preview this one."""
        if self.source.content is not None:
            self.messages.say("")
        self._wish_changed()

    def _show_slow(self, doing: str) -> None:
        self.device.setText(f"{doing}…" if doing else self.device.text())

    def _busy_changed(self, busy: bool) -> None:
        if not busy:
            self._show_place(self._place)

    def _show_place(self, text: str) -> None:
        self._place = text
        self.device.setText(text)

    def _preview_toggled(self, on: bool) -> None:
        self.live.set_on(on)
        if not on:
            self.show_one()

    def _previewed(self, preview: Preview) -> None:
        self.messages.warn("")  # what was wrong with an earlier request
        self._show_plan(preview.plan, preview.request.noise)
        self.show_one()
        if preview.substitute:
            self._show_place("CPU: by torch while the fast kernel is being compiled (once per machine)")

    def _show_plan(self, plan: Plan, told: NoiseModel | None) -> None:
        self.plan = plan
        if told is None:
            self.noise.show_estimate(plan.noise)
        self.editor.show_resolved(plan.restorer)
        place = "CPU" if plan.device == "cpu" else plan.device
        self._show_place(f"{place}: {plan.device_reason}")

    def _add_results(self, made: list[tuple[Target, Result]]) -> None:
        notes = [self.job.note] if self.job.note else []
        for target, result in made:
            if target.layer not in self.viewer.layers:
                notes.append(f"{target.layer.name!r} was removed meanwhile; its result was dropped.")
                continue
            layer = result_layer(target.layer, result)
            self.results.put(target.layer, layer, result, target.content.stack)
            shown = [words for plan in result.record.plans for words in self._said_elsewhere(plan)]
            notes += [message for message in result.record.messages if message not in (*notes, *shown)]
            if target.layer is self.source.layer:
                self._show_plan(result.record.plans[-1], self.noise.value)
        self.keep_button.setEnabled(self.results.layer_of(self.source.layer) is not None)
        self.show_one()
        self.messages.say(" ".join([_done([result for _, result in made]), *notes]))

    def _run_work(self, targets: list[Target], recipe: Recipe, dtype: str) -> Callable[[], Work]:
        """Return what a run does in its worker."""
        return lambda: run_all(targets, recipe, dtype)

    def _said_elsewhere(self, plan: Plan) -> list[str]:
        """Return what the message line leaves out: the noise's verdict stands beside the noise."""
        return [plan.noise.verdict]

    def _progressed(self, progress: Progress) -> None:
        """Show the noise as soon as it is known, not only when the run ends."""
        content = self.source.content
        if content is not None and content.known_noise is not None:
            self.noise.show_estimate(content.known_noise)

    def _run_failed(self, message: str) -> None:
        from napari.utils.notifications import show_warning

        self.messages.warn(message)
        show_warning(message)

    def _running_changed(self, running: bool) -> None:
        self.run_button.setEnabled(not running and self.source.content is not None)
        if not running:
            self._running = []

    def _layer_removed(self, event: Any) -> None:
        if len(self._running) == 1 and self._running[0].layer is event.value:
            self.job.cancel()
        self.results.let_go()
        self.keep_button.setEnabled(self.results.layer_of(self.source.layer) is not None)


def _done(results: list[Result]) -> str:
    """Say how long results took, or that some are still to be worked out."""
    if any(result.stack.is_lazy for result in results):
        return "Done; lazy: worked out when it is shown."
    return f"Done in {sum(result.record.seconds for result in results):.2g} s."


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area
