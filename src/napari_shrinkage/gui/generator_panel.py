"""The tab "Denoise": the common panel with a trained generator, and which images it does not know.

Convention: after a run on whole images every one of them is tested; what came of it stands in a line, in a
plot, and as columns `residual`, `limit` and `unlike` in `metadata["features"]` of the result layer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from ..engine import Result
from ..noise import NoiseModel
from ..recipe import Plan, Recipe
from ..restorers import GeneratorPrior
from ..restorers.generator_misfit import Misfit
from ..stack import Stack
from ..windows import whole
from .compared_panel import ComparedPanel
from .generator_editor import GeneratorEditor
from .generator_plots import MisfitPlot
from .generator_work import counting_axis, misfit_of_result
from .history import remembered
from .image_choice import FEATURES, rows_of
from .jobs import Job
from .learning import part_of_stack
from .messages import WARNING
from .regions import current_index
from .target import Target

NAME = "generator"
MOST_NAMED = 8  # images in a sentence
FRAME = 4  # pixels of the editor's frame in napari's style
UNTRAINED = "No generator is trained yet: train one under Train, on images like these."


class GeneratorPanel(ComparedPanel):
    """Restores small images by a trained generator.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that it is docked in.
    """

    editor: GeneratorEditor

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        self._ready = False
        super().__init__(viewer, GeneratorEditor(first_value(remembered(NAME))), NAME, parent)
        self.misfit: Misfit | None = None
        self._tested: tuple[Any, Stack] | None = None  # layer of the result, and the images
        self.test = Job(self)
        self.doubt, self.plot = QLabel(), MisfitPlot(self.viewer)
        self.earlier, self.later = QPushButton("◀ Unlike"), QPushButton("Unlike ▶")
        self._lay_out_generator()
        self._connect_generator()
        self._ready = True
        self._source_changed()

    def run(self) -> None:
        """Restore what "Run on" says, if there is a generator."""
        if self.editor.value.weights is None:
            self.messages.warn(UNTRAINED)
            return
        super().run()

    def use_file(self, path: Path) -> None:
        """Use the generator in a file."""
        self.editor.use_file(path)

    def rest(self, resting: bool) -> None:
        """Stay with the layer, or follow the one that the user selects."""
        self.source.setEnabled(not resting)

    def go_to(self, image: int) -> None:
        """Show an image of the result in the viewer."""
        if self._tested is None or self._tested[0] not in self.viewer.layers:
            return
        layer, stack = self._tested
        planes, axes = list(stack.planes(2)), stack.plane_axes(2)
        place = list(current_index(self.viewer, layer))
        for axis, index in zip(axes, planes[image // stack.channels], strict=True):
            place[axis] = index
        if stack.channel_axis is not None and not stack.is_color:
            place[stack.channel_axis] = image % stack.channels
        world = layer.data_to_world(place)
        first = self.viewer.dims.ndim - layer.ndim
        for axis in range(layer.ndim):
            if first + axis not in self.viewer.dims.displayed:
                self.viewer.dims.set_point(first + axis, world[axis])

    def close_panel(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.test.abandon()
        self.viewer.dims.events.point.disconnect(self._show_current)
        self.plot.close_plot()
        super().close_panel()

    def _lay_out_generator(self) -> None:
        self.sheet_button.hide()  # of one number only
        self.doubt.setWordWrap(True)
        self.doubt.hide()
        self.unlike_row = QWidget()
        row = QHBoxLayout(self.unlike_row)
        row.setContentsMargins(0, 0, 0, 0)
        for button, tip in ((self.earlier, "before"), (self.later, "after")):
            button.setToolTip(f"Go to the next unlike image {tip} the one in view")
            row.addWidget(button)
        self.unlike_row.hide()
        for part in (self.doubt, self.plot, self.unlike_row):
            self.bottom.addWidget(part)
        self.make_editor_low(self.editor.sizeHint().height())

    def _connect_generator(self) -> None:
        self.editor.changed.connect(self._forget)
        self.noise.changed.connect(self._forget)
        self.source.changed.connect(self._forget)
        self.test.succeeded.connect(self._show_misfit)
        self.test.failed.connect(self.messages.warn)
        self.plot.chosen.connect(self.go_to)
        self.earlier.clicked.connect(partial(self._step, -1))
        self.later.clicked.connect(partial(self._step, 1))
        self.viewer.dims.events.point.connect(self._show_current)

    def showEvent(self, event: Any) -> None:
        """Give the editor the height of its rows, which is known once they have napari's style."""
        super().showEvent(event)
        QTimer.singleShot(0, self._fit_editor)

    def _fit_editor(self) -> None:
        rows = self.editor.layout()
        assert rows is not None
        self.editor_area.setFixedHeight(rows.sizeHint().height() + FRAME)

    def _source_changed(self) -> None:
        content = self.source.content
        self.editor.show_size(None if content is None else content.stack.field_shape(2))
        super()._source_changed()

    def _wish_changed(self) -> None:
        if self.editor.value.weights is not None:
            super()._wish_changed()

    def _preview_toggled(self, on: bool) -> None:
        if on and self.editor.value.weights is None:
            self.messages.warn(UNTRAINED)
            self.preview_button.setChecked(False)
            return
        super()._preview_toggled(on)

    def _show_plan(self, plan: Plan, told: NoiseModel | None) -> None:
        super()._show_plan(plan, told)
        if self.misfit is None:
            self._say_doubt(self._doubt_of(plan))

    def _said_elsewhere(self, plan: Plan) -> list[str]:
        return [*super()._said_elsewhere(plan), self._doubt_of(plan)]

    def _doubt_of(self, plan: Plan) -> str:
        return plan.restorer.doubt(plan.noise, color=False)

    def _say_doubt(self, words: str) -> None:
        self.doubt.setText(f"{WARNING}{words}" if words else "")
        self.doubt.setVisible(bool(words))

    def _add_results(self, made: list[tuple[Target, Result]]) -> None:
        self._forget()
        super()._add_results(made)
        for target, result in made:
            shown = self.results.layer_of(target.layer)
            if target.layer is self.source.layer and shown is not None and _whole_images(target, result):
                self._tested = shown, part_of_stack(target.content.stack, result.region)
                self.test.start(partial(misfit_of_result, result, target.content.stack))

    def _show_misfit(self, misfit: Misfit) -> None:
        """Say how many images are unlike the training stack, and show which."""
        if self._tested is None or self._tested[0] not in self.viewer.layers:
            return
        layer, stack = self._tested
        self.misfit = misfit
        out = np.flatnonzero(misfit.out.ravel())
        self._say_unlike(out, misfit.out.size)
        self.unlike_row.setVisible(bool(out.size))
        self.plot.show_misfit(misfit if misfit.out.size > 1 else None)
        if counting_axis(stack) is not None:
            own = {"residual": misfit.residual, "limit": misfit.limit, "unlike": misfit.out}
            columns = rows_of(layer, misfit.out.size)
            columns.update({name: np.asarray(values).ravel() for name, values in own.items()})
            layer.metadata = {**layer.metadata, FEATURES: columns}
        self._show_current()

    def _say_unlike(self, out: Any, count: int) -> None:
        if not out.size:
            self.doubt.setText(f"All {count} images are like those that the generator was trained on.")
            self.doubt.show()
            return
        more = f" and {out.size - MOST_NAMED} more" if out.size > MOST_NAMED else ""
        named = ", ".join(str(i) for i in out[:MOST_NAMED]) + more
        one = out.size == 1
        self._say_doubt(
            f"{out.size} of {count} images {'is' if one else 'are'} unlike those that the generator was "
            f"trained on: {named}. What is shown of {'it' if one else 'them'} is what the generator can "
            "draw, not what is there."
        )

    def _step(self, way: int) -> None:
        """Go to the next unlike image, round the end."""
        if self.misfit is None:
            return
        out, here = np.flatnonzero(self.misfit.out.ravel()), self._current()
        ahead = [int(i) for i in out if way * (i - (here or 0)) > 0]
        if out.size:
            self.go_to(ahead[0 if way > 0 else -1] if ahead else int(out[0 if way > 0 else -1]))

    def _current(self) -> int | None:
        """Return the number of the image in view, or None where several are."""
        if self._tested is None or self._tested[0] not in self.viewer.layers:
            return None
        layer, stack = self._tested
        place = current_index(self.viewer, layer)
        plane = tuple(place[axis] for axis in stack.plane_axes(2))
        planes = list(stack.planes(2))
        channel = 0 if stack.channel_axis is None or stack.is_color else place[stack.channel_axis]
        return planes.index(plane) * stack.channels + channel if plane in planes else None

    def _show_current(self, event: Any = None) -> None:
        if self.misfit is not None:
            self.plot.show_current(self._current())

    def _forget(self) -> None:
        """What was found of another result is not known of the next."""
        if not self._ready:
            return
        self.test.abandon()
        self.misfit, self._tested = None, None
        self.plot.show_misfit(None)
        self.unlike_row.hide()
        self._say_doubt("")


def first_value(last: Recipe | None) -> GeneratorPrior:
    """Return what a new widget begins with: the generator of the last settings, if its file is there."""
    restorer = None if last is None else last.steps[-1].restorer
    if not isinstance(restorer, GeneratorPrior) or restorer.weights is None:
        return GeneratorPrior()
    return restorer if Path(restorer.weights).is_file() else restorer.replace(weights=None, checksum=None)


def _whole_images(target: Target, result: Result) -> bool:
    """Whether a run covered images as a whole, and not a part of each."""
    stack = target.content.stack
    region, everything = result.region or whole(stack), whole(stack)
    return all(region[axis] == everything[axis] for axis in stack.spatial_axes(2))
