"""The widget "Compare": which method restores this image best, told from the noisy image alone."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import napari.viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..comparing import Comparison, Row, comparing, default_candidates
from ..engine import Progress
from ..estimators import Measurement, measured_noise
from ..noise import NoiseModel
from ..recipe import Recipe, Step
from ..stack import Stack
from .candidate_list import CandidateList
from .compare_table import CompareTable
from .content import Content
from .editor import row_label
from .history import remembered
from .jobs import Job, Work
from .kept_noise import kept_noise
from .kernels import waiting
from .layer_combo import LayerCombo, same_pixels
from .layers import stack_of_layer
from .messages import MessageLine
from .noise_row import NoiseRow
from .preferences import PLUGIN, preferred_device, preferred_threads
from .progress import ProgressRow
from .shrinkage_widget import NAME, ShrinkageWidget
from .source import SourceRow, is_image, itself

CURRENT = "current settings"


@dataclass(frozen=True)
class Wish:
    """What shall be compared, on what; read on the GUI thread."""

    layer: Any
    content: Content
    steps: dict[str, Step]
    off: frozenset[str]
    noise: NoiseModel | None
    measured: Measurement | None
    reference: Stack | None


@dataclass(frozen=True)
class Outcome:
    """A comparison, what was wished for, and the noise as it was measured for it, if it was."""

    wish: Wish
    comparison: Comparison
    measured: Measurement | None


class CompareWidget(QWidget):
    """Rank methods on an image layer by their estimated error, and hand the best to the Shrinkage widget.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer: Any = itself(viewer)
        self.outcome: Outcome | None = None
        self._running: Wish | None = None
        self._measured: WeakKeyDictionary[Content, Measurement] = WeakKeyDictionary()
        self.source = SourceRow(self.viewer)
        self.noise = NoiseRow()
        self.reference = LayerCombo(self.viewer, self._fits)
        self.reference.setToolTip(
            "<qt>What is known of the truth, such as a long exposure: an image of the same shape. PSNR, SSIM "
            "and error against it stand beside the estimates; it does not change the order.</qt>"
        )
        self.candidates = CandidateList()
        self.compare_button = QPushButton("Compare")
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Comparing")
        self.basis = QLabel()
        self.basis.setWordWrap(True)
        self.table = CompareTable()
        self.winner_button = QPushButton("Use the winner")
        self.selected_button = QPushButton("Use selected")
        self.copy_button = QPushButton("Copy table")
        self.messages = MessageLine()
        self._lay_out()
        self._connect()
        self._source_changed()

    def compare(self) -> None:
        """Compare the methods that are switched on, in a worker."""
        layer, content = self.source.layer, self.source.content
        if self.job.running or layer is None or content is None:
            return
        self.show_candidates()
        if not self.candidates.chosen:
            self.messages.warn("Every method is switched off; tick some of them.")
            return
        try:
            truth = self._reference_stack(content.stack.axes)
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return
        wish = Wish(
            layer,
            content,
            self.candidates.chosen,
            frozenset(self.candidates.off),
            self.noise.value,
            self._measured.get(content),
            truth,
        )
        self._running = wish
        self.messages.say("")
        device, threads = preferred_device(), preferred_threads()
        self.job.start(lambda: compared(wish, device, threads))

    def use_winner(self) -> None:
        """Fill the Shrinkage widget's form with the method of least estimated error."""
        if self.outcome is not None:
            self.use(self.outcome.comparison.rows[0])

    def use_selected(self) -> None:
        """Fill the Shrinkage widget's form with the selected method."""
        row = self.table.selected
        if row is not None:
            self.use(row)

    def use(self, row: Row) -> None:
        """Fill the Shrinkage widget's form with a candidate; the widget is opened where it is not open."""
        assert self.outcome is not None
        wish, noise = self.outcome.wish, row.noise
        told = None if wish.noise is None and noise == self.outcome.comparison.noise else noise
        shrinkage = shrinkage_widget(self.viewer)
        if wish.layer in self.viewer.layers:
            shrinkage.source.choose(wish.layer)
        shrinkage.set_recipe(Recipe.of(row.restorer, told))
        self.messages.say(f"{row.name!r} is in the Shrinkage widget's form; run it there.")

    def copy(self) -> None:
        """Put the table on the clipboard, as Markdown."""
        clipboard = QApplication.clipboard()
        if self.outcome is not None and clipboard is not None:
            clipboard.setText(self.outcome.comparison.table() + "\n")
            self.messages.say("The table is on the clipboard, as Markdown.")

    def show_candidates(self) -> None:
        """List what can be compared now: the defaults for the noise, and the Shrinkage widget's settings."""
        noise = self.noise.value or self._known_noise()
        current = current_step(self.viewer)
        steps = default_candidates(noise)
        self.candidates.show_candidates(steps | ({} if current is None else {CURRENT: current}))

    def event(self, event: QEvent | None) -> bool:
        """Keep the list of candidates fresh, and let go of the viewer when the dock is closed."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.Enter and not self.job.running:
            self.show_candidates()
        elif kind == QEvent.Type.ParentChange and self.parent() is None:
            self._close()
        return super().event(event)

    def _close(self) -> None:
        self.job.abandon()
        self.progress.close_activity()
        self.source.close_source()
        self.reference.close_combo()
        self.viewer.layers.events.removed.disconnect(self._layer_removed)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.source)
        layout.addWidget(self.noise)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(6)
        rows.addRow(row_label("Truth"), self.reference)
        layout.addLayout(rows)
        layout.addLayout(self._methods_row())
        layout.addWidget(self.candidates)
        layout.addWidget(self.compare_button)
        layout.addWidget(self.progress)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.basis)
        buttons = QHBoxLayout()
        for button, tip in (
            (self.winner_button, "Fill the Shrinkage widget's form with the marked method"),
            (self.selected_button, "Fill the Shrinkage widget's form with the selected row's method"),
            (self.copy_button, "Copy the table to the clipboard, as Markdown"),
        ):
            button.setToolTip(tip)
            buttons.addWidget(button)
        layout.addLayout(buttons)
        layout.addWidget(self.messages)
        layout.addStretch()  # takes the room as long as there is no table

    def _methods_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(row_label("Methods"))
        row.addStretch()
        for text, on in (("All", True), ("None", False)):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(f"Switch {text.lower()} of the methods on")
            button.clicked.connect(lambda _=False, on=on: self.candidates.set_all(on))
            row.addWidget(button)
        return row

    def _connect(self) -> None:
        self.source.changed.connect(self._source_changed)
        self.source.failed.connect(self.messages.warn)
        self.source.noise_kept.connect(lambda: self.noise.keep(kept_noise(self.source.layer)))
        self.noise.changed.connect(self.show_candidates)
        self.candidates.toggled.connect(self._show_state)
        self.compare_button.clicked.connect(self.compare)
        self.winner_button.clicked.connect(self.use_winner)
        self.selected_button.clicked.connect(self.use_selected)
        self.copy_button.clicked.connect(self.copy)
        self.table.itemSelectionChanged.connect(self._show_state)
        self.job.succeeded.connect(self._compared)
        self.job.failed.connect(self.messages.warn)
        self.job.cancelled.connect(lambda: self.messages.say("Cancelled; nothing was compared."))
        self.job.running_changed.connect(self._running_changed)
        self.viewer.layers.events.removed.connect(self._layer_removed)

    def _source_changed(self) -> None:
        self.noise.show_estimate(self._known_noise())
        self.noise.keep(kept_noise(self.source.layer))
        self.reference.refill()
        self.show_candidates()

    def _fits(self, layer: Any) -> bool:
        return self.source.layer is not None and is_image(layer) and same_pixels(layer, self.source.layer)

    def _reference_stack(self, axes: str) -> Stack | None:
        layer = self.reference.layer
        return None if layer is None else stack_of_layer(layer, axes)

    def _compared(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if outcome.measured is not None:
            self._measured[outcome.wish.content] = outcome.measured
            self.noise.show_estimate(self._known_noise())
        self.table.show_comparison(outcome.comparison)
        self.basis.setText(basis_of(outcome))
        self.show_candidates()

    def _known_noise(self) -> NoiseModel | None:
        content = self.source.content
        measured = None if content is None else self._measured.get(content)
        return None if measured is None else measured.model

    def _running_changed(self, running: bool) -> None:
        if not running:
            self._running = None
        self._show_state()

    def _layer_removed(self, event: Any) -> None:
        if self._running is not None and self._running.layer is event.value:
            self.job.cancel()

    def _show_state(self) -> None:
        """Enable what can be done, and show the table only where there is one."""
        self.compare_button.setEnabled(self.source.content is not None and not self.job.running)
        found = self.outcome is not None
        self.table.setVisible(found)
        self.basis.setVisible(found)
        self.winner_button.setEnabled(found)
        self.copy_button.setEnabled(found)
        self.selected_button.setEnabled(self.table.selected is not None)


def compared(wish: Wish, device: str, threads: int | None) -> Work:
    """Estimate the noise where it is not given, and compare (in a worker)."""
    measured, noise = wish.measured, wish.noise
    if noise is None:
        yield Progress(0, 1, "estimating the noise")
        measured = measured or measured_noise(wish.content.stack)
        noise = measured.model
    defaults = {name: step for name, step in default_candidates(noise).items() if name not in wish.off}
    steps = defaults | wish.steps
    yield from waiting(Recipe(tuple(steps.values()), device, threads))
    found = yield from comparing(wish.content.stack, steps, wish.reference, noise, device, threads)
    return Outcome(wish, found, measured)


def basis_of(outcome: Outcome) -> str:
    """Say what a ranking rests on."""
    part = "" if outcome.comparison.whole else " on windows that represent it"
    said = (
        f"Ranked by the error of each result of {outcome.wish.layer.name!r}{part}, estimated without bias "
        "from the noisy image alone under the noise model"
    )
    measured = outcome.measured if outcome.wish.noise is None else None
    if measured is not None and not measured.trusted:
        return f"⚠ {said}; this noise is not sure, and the ranking is only as good as the noise is known."
    return f"{said}."


def current_step(viewer: Any) -> Step | None:
    """Return what the Shrinkage widget would do, or did last; None where it was never used."""
    opened = _opened(viewer)
    recipe = remembered(NAME) if opened is None else opened.recipe
    return None if recipe is None else recipe.steps[-1]


def shrinkage_widget(viewer: Any) -> ShrinkageWidget:
    """Return the Shrinkage widget of a viewer in front of its neighbours, opened where it is not open."""
    widget: Any = _opened(viewer)
    if widget is None:
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Shrinkage", tabify=True)
    dock = widget.parent()
    while dock is not None and not isinstance(dock, QDockWidget):
        dock = dock.parent()
    if dock is not None:
        dock.show()
        dock.raise_()
    assert isinstance(widget, ShrinkageWidget)
    return widget


def _opened(viewer: Any) -> ShrinkageWidget | None:
    docked = viewer.window.dock_widgets.values()
    return next((one for one in docked if isinstance(one, ShrinkageWidget)), None)
