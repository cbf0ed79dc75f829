"""The tab "Train": which images, how long a code, and how the generator gets on.

Convention: the images are those of the layer, all or of one class; the worker sees a stack, never a layer.
"""

from __future__ import annotations

from functools import partial
from html import escape
from threading import Event
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from ..engine import Progress
from ..fitting.generator import ITERATIONS, GeneratorProgress
from ..methods import parameters
from ..restorers import GeneratorPrior
from .editor import narrow_combo, row_label
from .fields import tooltip
from .folds import WheelGuard
from .generator_plots import LossPlot, PairStrip
from .generator_work import Trained, Training, generator_folder, trained_in_words, training
from .image_choice import ImageChoice
from .jobs import Job
from .messages import MessageLine
from .preferences import preferred_device, preferred_model_folder
from .progress import ProgressRow
from .source import SourceRow

FEWEST, MOST, STRIDE = 10, 200_000, 500  # steps
STEPS_WIDTH = 104  # pixels, of six digits and two buttons
LARGE = 128  # pixels of a side, beyond which images are not small
MANY = 200  # images, below which a generator learns little


class GeneratorTraining(QWidget):
    """Trains a generator on the images of a layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers.

    Signals
    -------
    trained(object)
        The path of a new generator.
    """

    trained = Signal(object)

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.source, self.choice = SourceRow(viewer), ImageChoice(viewer)
        self.network = NetworkRow()
        self.steps = steps_spin(ITERATIONS)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.train_button, self.stop_button = QPushButton("Train"), QPushButton("Stop and keep")
        self.job = Job(self)
        self.curve, self.strip, self.said = LossPlot(viewer), PairStrip(), QLabel()
        self.job.progressed.connect(self._progressed)  # before a bar, which lets later events overtake
        self.progress = ProgressRow(self.job, "Training a generator")
        self.messages = MessageLine()
        self._stop = Event()
        self._layer: Any = None  # that is trained on
        self._lay_out()
        self._connect()
        self._source_changed()

    def train(self) -> None:
        """Train on the chosen images, in a worker."""
        layer, content = self.source.layer, self.source.content
        if self.job.running:
            return
        if layer is None or content is None:
            self.messages.warn("Open a stack of small images of one kind, or choose one above.")
            return
        words = " ".join(part for part in (layer.name, self.choice.words) if part)
        folder = generator_folder(preferred_model_folder())
        wish = Training(
            content.stack, self.choice.chosen, self.network.value, self.steps.value(), words, folder
        )
        self._stop, self._layer = Event(), layer
        self.messages.say("")
        self.said.hide()
        self.strip.show_pairs(None)
        self.curve.begin()
        self.curve.show()
        self.job.start(partial(training, wish, self._stop, preferred_device()))

    def stop(self) -> None:
        """End the training at its next step and keep the best generator so far."""
        self._stop.set()
        self.stop_button.setEnabled(False)

    def cancel(self) -> None:
        """End the training; nothing of it is left."""
        self.job.cancel()

    def rest(self, resting: bool) -> None:
        """Stay with the layer, or follow the one that the user selects."""
        self.source.setEnabled(not resting and not self.job.running)

    def close_tab(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.job.abandon()
        self.progress.close_activity()
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        self.source.close_source()
        self.curve.close_plot()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(row_label("Steps"), self.steps)
        buttons = QHBoxLayout()
        buttons.addWidget(self.train_button)
        buttons.addWidget(self.stop_button)
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for choice in (self.source, self.choice, self.network):
            layout.addWidget(choice)
        layout.addLayout(rows)
        layout.addWidget(self.hint)
        layout.addLayout(buttons)
        for shown in (self.progress, self.curve, self.strip, self.said, self.messages):
            layout.addWidget(shown)
        layout.addStretch(1)
        self.curve.hide()
        self.said.hide()
        self.train_button.setToolTip("Train a generator on these images; the curve and the pictures show how")
        self.stop_button.setToolTip("End now and keep the best generator so far")
        self._guard = WheelGuard(self)
        for field in (self.steps, self.choice.by, self.choice.value, *self.network.fields):
            self._guard.watch(field)

    def _connect(self) -> None:
        self.source.changed.connect(self._source_changed)
        self.source.failed.connect(self.messages.warn)
        self.choice.changed.connect(self._show_hint)
        self.train_button.clicked.connect(self.train)
        self.stop_button.clicked.connect(self.stop)
        self.job.succeeded.connect(self._done)
        self.job.failed.connect(self._failed)
        self.job.cancelled.connect(self._cancelled)
        self.job.running_changed.connect(self._running)
        self.viewer.layers.events.removed.connect(self._layer_removed)

    def _source_changed(self) -> None:
        content = self.source.content
        self.choice.show_layer(self.source.layer, None if content is None else content.stack)
        self._running(self.job.running)
        self._show_hint()

    def _show_hint(self) -> None:
        """Say what would be trained on, and what may be wrong with it."""
        content = self.source.content
        if content is None:
            self.hint.setText("Open a stack of small images of one kind.")
            return
        y, x = content.stack.field_shape(2)
        said = f"{self.choice.count} images of {y} × {x} pixels."
        if max(y, x) > LARGE:
            said += " That is large: a generator is for small images, such as cut-out particles."
        elif self.choice.count < MANY:
            said += " That is few: some hundreds at least, better thousands, are needed."
        self.hint.setText(said)

    def _progressed(self, progress: Progress) -> None:
        if not isinstance(progress, GeneratorProgress):
            return
        if progress.risk is not None and progress.pairs is not None:
            self.curve.add(progress.risk, progress.done, progress.total)
            self.strip.show_pairs(progress.pairs)

    def _done(self, trained: Trained) -> None:
        words = trained_in_words(trained)
        self.said.setText(f"{words} It is chosen under Denoise.")
        self.said.setToolTip(f"<qt>{escape(str(trained.path))}</qt>")
        self.said.show()
        self.trained.emit(trained.path)

    def _failed(self, message: str) -> None:
        self.messages.warn(message)
        self._show_nothing()

    def _cancelled(self) -> None:
        gone = self._layer is not None and self._layer not in self.viewer.layers
        why = f"{self._layer.name!r} was removed" if gone else "Cancelled"
        self.messages.say(f"{why}; nothing was written.")
        self._show_nothing()

    def _show_nothing(self) -> None:
        self.curve.hide()
        self.strip.show_pairs(None)

    def _running(self, running: bool) -> None:
        for part in (self.source, self.choice, self.network, self.steps):
            part.setEnabled(not running)
        self.train_button.setEnabled(not running and self.source.content is not None)
        self.stop_button.setEnabled(running)
        if not running:
            self._layer = None

    def _layer_removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self.job.cancel()


class NetworkRow(QWidget):
    """How long the code is, and which kind of network draws."""

    def __init__(self, lengths: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        known = {p.name: p for p in parameters(GeneratorPrior)}
        self.latent, self.kind = QSpinBox(), narrow_combo()
        self.latent.setRange(int(known["latent"].low or 1), int(known["latent"].high or 64))
        self.latent.setValue(GeneratorPrior().latent)
        self.latent.setMaximumWidth(STEPS_WIDTH)
        self.latent.setToolTip(
            "<qt>How many numbers the generator draws an image from. More draw better, and leave more of "
            "the noise; Compare K tells which is best.</qt>"
        )
        for kind in known["network"].choices or ():
            self.kind.addItem(str(kind))
        self.kind.setToolTip(tooltip(known["network"]))
        self.kind.setCurrentText(GeneratorPrior().network)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(row_label("Kind"), self.kind)
        if lengths:
            form.addRow(row_label("K"), self.latent)

    @property
    def fields(self) -> tuple[QWidget, ...]:
        """Its fields."""
        return self.latent, self.kind

    @property
    def value(self) -> GeneratorPrior:
        """A generator that is not yet trained."""
        network: Any = self.kind.currentText()
        return GeneratorPrior(latent=self.latent.value(), network=network)


def steps_spin(steps: int) -> QSpinBox:
    """Return a field for the steps of a training."""
    spin = QSpinBox()
    spin.setRange(FEWEST, MOST)
    spin.setSingleStep(STRIDE)
    spin.setValue(steps)
    spin.setMaximumWidth(STEPS_WIDTH)
    spin.setToolTip(
        "<qt>Each step looks at 64 images. More steps draw better; the best generator on the way is kept, "
        "and Stop ends earlier.</qt>"
    )
    return spin
