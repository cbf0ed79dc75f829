"""The widget "Super-resolution": a finer grid, and whether the model may be trusted with the image."""

from collections.abc import Callable
from functools import partial
from typing import Any

import napari.viewer
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ..degradation import Bicubic
from ..degradation.measuring import KernelEstimate
from ..diagnostics.upscaling import UpscalingCheck
from ..engine import Progress, Result
from ..noise import NoiseModel
from ..recipe import Plan, Recipe
from ..restorers import Degrade, Upscale
from ..tiles import mixes_color
from .cnn_models import place_in_words
from .compared_panel import ComparedPanel
from .content import Content
from .derived_button import DerivedButton
from .derived_layer import DerivedLayer
from .editor import row_label
from .folds import Fold
from .history import remembered
from .jobs import Job, Work
from .layers import result_layer
from .numbers import NumberSpin
from .overlays import shines
from .progress import ProgressRow
from .source import is_image, is_made
from .superres_check import CheckRow
from .superres_editor import SuperresEditor
from .superres_layers import BicubicButton, ReducedAgain, is_test_layer
from .superres_reference import ReferenceRow
from .superres_work import checked_before, measuring, measuring_pair, reducing
from .target import Target

NAME = "superres"
MOST_NOISE = 1e30


class SuperresWidget(ComparedPanel):
    """Give the layers of a viewer a finer grid.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    editor: SuperresEditor

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, SuperresEditor(first_value(remembered(NAME))), NAME, parent)
        self.bicubic = BicubicButton(self)
        self.compare_row.addWidget(self.bicubic)
        self.check = CheckRow(self)
        self.reference = ReferenceRow(self)
        self.side_job = Job(self)  # kernels and test layers
        self.side_progress = ProgressRow(self.side_job, "Super-resolution")
        self.test_noise = NumberSpin(0.0, MOST_NOISE)
        self.test_button = QPushButton("Make test layer")
        self._finish: Callable[[Any], None] | None = None
        self._selected: Any = None  # the layer that the user selected last
        self._lay_out_superres()
        self._connect_superres()
        self._follow_selected()

    def cancel(self) -> None:
        """Stop a run or a measurement; nothing of it is left."""
        self.check.cancel()
        for job in (self.side_job, self.reference.job, self.bicubic.job):
            job.cancel()
        super().cancel()

    def measure(self) -> None:
        """Measure the kernel in the image, in a worker, and go on with it."""
        content, scale, noise = self.source.content, self.editor.value.scale, self.noise.value
        if content is None:
            self.messages.warn("Open an image, or choose one above: the blur is measured in it.")
            return
        self._begin(lambda: measuring(content, scale, noise), partial(self._measured, content))

    def measure_pair(self) -> None:
        """Measure the kernel by the reference, in a worker, and go on with it."""
        content, scale = self.source.content, self.editor.value.scale
        try:
            fine = self.reference.stack()
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return
        if content is None or fine is None:
            self.messages.warn("Choose a reference first: a finer image of the same scene.")
            return
        finish = partial(self._measured, content)
        self._begin(lambda: measuring_pair(content.stack, fine, scale), finish)

    def make_test_layer(self) -> None:
        """Reduce the image as the form says, in a worker, and go on with that; the image is the truth."""
        layer, content, value = self.source.layer, self.source.content, self.editor.value
        if content is None:
            self.messages.warn("Open an image, or choose one above: a test layer is made of it.")
            return
        degradation = self.editor.known_degradation or Bicubic()
        degrade = Degrade(scale=value.scale, degradation=degradation, sigma=self.test_noise.value())
        finish = partial(self._add_test_layer, layer, degrade)
        self._begin(lambda: reducing(content.stack, degrade), finish)

    def set_recipe(self, recipe: Recipe) -> None:
        """Take over method and noise; what the method was told of the noise stays with it."""
        super().set_recipe(recipe)
        self.editor.setValue(recipe.steps[0].restorer)

    def show_one(self, before: bool = False) -> None:
        """Let the bicubic image stand for "before" where layers add up."""
        super().show_one(before)
        layer, smooth = self.source.layer, self.bicubic.layer
        if layer is None or smooth is None or not shines(layer) or self.wipe.on:
            return
        after = self.live.picture.layer or self.results.layer_of(layer)
        smooth.visible = before or after is None
        layer.visible = False

    def verdict_came(self, verdict: UpscalingCheck) -> None:
        """Show the kernel that was measured for a verdict, where the form has it measured."""
        if self.editor.value.degradation is None and verdict.measured is not None:
            self.editor.show_estimate(verdict.measured)

    def close_panel(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.viewer.layers.selection.events.active.disconnect(self._follow_selected)
        self.editor.close_editor()
        self.check.close_row()
        self.reference.close_row()
        self.bicubic.close_button()
        self.side_job.abandon()
        self.side_progress.close_activity()
        super().close_panel()

    def _lay_out_superres(self) -> None:
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(layout.indexOf(self.noise) + 1, self.check)
        self.test_noise.setToolTip("Std of the noise that is added, in the units of the image")
        self.test_button.setToolTip(
            "Reduce the image by this scale and degradation, to try super-resolution with the image as truth"
        )
        self.reference_fold = Fold("Reference")
        inside = self.reference_fold.body.layout()
        assert inside is not None
        inside.addWidget(self.reference)
        self.test_fold = Fold("Test layer")
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.test_noise)
        row.addWidget(self.test_button, 1)
        rows.addRow(row_label("Noise std"), row)
        body = self.test_fold.body.layout()
        assert isinstance(body, QVBoxLayout)
        body.addLayout(rows)
        for part in (self.reference_fold, self.test_fold, self.side_progress):
            self.bottom.addWidget(part)

    def _connect_superres(self) -> None:
        for signal in (self.editor.changed, self.noise.changed, self.source.changed):
            signal.connect(self.check.wish_changed)
        self.noise.changed.connect(self.editor.forget_levels)
        self.preview_button.toggled.connect(self.check.wish_changed)
        for signal in (self.editor.changed, self.source.changed):
            signal.connect(self.reference.refresh)
            signal.connect(self.bicubic.refresh)
        self.source.changed.connect(self.reference.score)
        self.editor.kernel.measure_button.clicked.connect(self.measure)
        self.reference.pair_button.clicked.connect(self.measure_pair)
        self.test_button.clicked.connect(self.make_test_layer)
        self.reference.failed.connect(self.messages.warn)
        self.bicubic.failed.connect(self.messages.warn)
        self.bicubic.changed.connect(lambda: self.show_one())
        self.side_job.succeeded.connect(self._side_done)
        self.side_job.failed.connect(self.messages.warn)
        self.side_job.cancelled.connect(lambda: self.messages.say("Cancelled; nothing was changed."))
        self.side_job.running_changed.connect(self._side_running)
        self.viewer.layers.selection.events.active.connect(self._follow_selected)

    def _difference(self) -> DerivedLayer:
        return ReducedAgain(self.viewer, self)

    def _difference_button(self) -> DerivedButton:
        button = DerivedButton(
            "Reduce and compare",
            self.method_noise,
            self,
            "The result is reduced again and set against the image: run first.",
        )
        button.setToolTip(
            "<qt>Reduce the result as the image came about, and show that minus the image: what is not noise "
            "there was not in the pixels</qt>"
        )
        return button

    def _run_work(self, targets: list[Target], recipe: Recipe, dtype: str) -> Callable[[], Work]:
        """Say first whether the image is within the training, unless that was said; run whatever it says."""
        work = super()._run_work(targets, recipe, dtype)
        if self.check.known or all(target.layer is not self.source.layer for target in targets):
            return work
        check = self.check.work()
        return lambda: checked_before(check, work)

    def _source_changed(self) -> None:
        """Show no estimate before a plan brings it: what looks like noise may be detail that is to come."""
        self.editor.forget_image()
        super()._source_changed()
        self.noise.show_estimate(None)

    def _progressed(self, progress: Progress) -> None:
        self.check.take_progress(progress)

    def _show_plan(self, plan: Plan, told: NoiseModel | None) -> None:
        super()._show_plan(plan, told)
        restorer: Any = plan.restorer
        self.device.setText(place_in_words(plan.device, plan.device_reason, restorer.precision))

    def _said_elsewhere(self, plan: Plan) -> list[str]:
        """Leave out what the verdict says."""
        said = super()._said_elsewhere(plan)
        content, restorer = self.source.content, plan.restorer
        if content is None or self.check.verdict is None or not isinstance(restorer, Upscale):
            return said
        try:
            return [*said, restorer.doubt(plan.noise, mixes_color(restorer, content.stack))]
        except ValueError as error:  # the weight file was taken away meanwhile
            return [*said, str(error)]

    def _after_run(self) -> None:
        super()._after_run()
        self.bicubic.refresh()
        self.reference.score()

    def _begin(self, work: Callable[[], Work], finish: Callable[[Any], None]) -> None:
        """Start work beside previews and runs."""
        if not self.side_job.running:
            self._finish = finish
            self.messages.say("")
            self.side_job.start(work)

    def _side_done(self, found: Any) -> None:
        finish, self._finish = self._finish, None
        if finish is not None:
            finish(found)

    def _side_running(self, running: bool) -> None:
        for button in (self.editor.kernel.measure_button, self.test_button):
            button.setEnabled(not running)
        self.reference.pair_button.setEnabled(not running and self.reference.layer is not None)
        if not running:
            self._finish = None  # it holds on to the image

    def _measured(self, content: Content, estimate: KernelEstimate) -> None:
        if content is self.source.content:
            self.editor.take_estimate(estimate)
        else:
            self.messages.say("The image changed meanwhile; the blur that was measured was dropped.")

    def _add_test_layer(self, source: Any, degrade: Degrade, result: Result) -> None:
        from napari.layers import Layer

        layers = self.viewer.layers
        if source not in layers:
            self.messages.say(f"{source.name!r} was removed meanwhile; its test layer was dropped.")
            return
        made = Layer.create(*result_layer(source, result))
        layers.insert(layers.index(source) + 1, made)
        self.source.choose(made)
        made_by = {"scale": degrade.scale, "degradation": degrade.degradation}
        self.editor.setValue(self.editor.value.replace(**made_by))
        self.test_fold.button.setChecked(False)
        self.reference_fold.button.setChecked(True)
        self.reference.combo.choose(source)
        self.messages.say(
            f"{made.name!r} is the image now, and {source.name!r} its reference. {_made_by(degrade)}"
        )

    def _follow_selected(self, event: Any = None) -> None:
        """Work on a test layer that the user selects, as on an image of their own, and go back from it.

        The selection comes back to a layer when one of ours was added: nobody selected that.
        """
        active = self.viewer.layers.selection.active
        if active is None or not is_image(active) or active is self._selected:
            return
        if is_test_layer(active) or not is_made(active):
            self._selected = active
            self.source.choose(active)


def _made_by(degrade: Degrade) -> str:
    """Say how a test layer was made."""
    noise = f"noise of std {degrade.sigma:.3g}" if degrade.sigma else "no noise"
    return f"Reduced by {degrade.scale} ({degrade.degradation.title.lower()}), {noise} added."


def first_value(last: Recipe | None) -> Upscale:
    """Return what a new widget begins with: the last settings, if they are of super-resolution."""
    restorer = None if last is None else last.steps[-1].restorer
    return restorer if isinstance(restorer, Upscale) else Upscale()
