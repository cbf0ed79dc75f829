"""The widget "Batch": many files restored by one method, with a row for what became of each."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..batch import BatchProgress, FileReport, counted, planned_targets, restoring_files, save_report
from ..engine import Progress
from ..files import FileProblem
from ..recipe import Recipe, Step
from ..restorers import named
from .batch_files import FilesRow, OutputRow
from .batch_opening import Pair, add_pair, reading_pair, select_layers
from .batch_parts import BatchMenu, FilesProgressRow, LowArea, StepsBefore
from .batch_table import BatchTable
from .history import remember, remembered
from .jobs import Job, Work
from .kernels import waiting, warm_up
from .messages import MessageLine
from .method_editor import RestorerEditor
from .noise_row import NoiseRow
from .preferences import preferred_device, preferred_preset, preferred_threads
from .source import itself

NAME = "batch"
WIDTH = 320  # pixels, at first
LEAST_HEIGHT = 120  # pixels of the table
REPORTS = "Table (*.csv);;List (*.json)"


class BatchWidget(QWidget):
    """Restore files by one method, in a worker.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer: Any = itself(viewer)
        self.pairs: list[tuple[Path, Path]] = []
        self.reports: dict[int, FileReport] = {}
        self._earlier: dict[Path, FileReport] = {}  # of this session, by target
        self._shown: dict[Path, list[Any]] = {}  # layers, by source
        last = remembered(NAME)
        self.inputs, self.output = FilesRow(), OutputRow()
        self.before = StepsBefore()
        self.editor = RestorerEditor(named(preferred_preset()) if last is None else last.steps[-1].restorer)
        self.editor.method.open_form(False)
        self.noise = NoiseRow()
        self.job, self.opening = Job(self), Job(self)
        self.start_button, self.save_button = QPushButton("Start"), QPushButton("Save report…")
        self.menu = BatchMenu(self)
        self.progress = FilesProgressRow(self.job, "Batch")
        self.table = BatchTable()
        self.summary = QLabel()
        self.messages = MessageLine()
        self._lay_out()
        self._connect()
        if last is not None:
            self.set_recipe(last)
        self._show_state()
        warm_up()

    @property
    def recipe(self) -> Recipe:
        """What is done to every file."""
        steps = (*self.before.steps, Step(self.editor.value, self.noise.value))
        return Recipe(steps, preferred_device(), preferred_threads())

    def set_recipe(self, recipe: Recipe) -> None:
        """Take over a recipe: its last step into the form, those before it as they are."""
        *before, last = recipe.steps
        self.before.show_steps(tuple(before))
        self.editor.setValue(last.restorer)
        self.noise.setValue(last.noise)

    def start(self) -> None:
        """Restore the files, in a worker; while a batch is under way another one is not started."""
        if self.job.running:
            return
        self.inputs.refresh()
        try:
            pairs = planned_targets(self.inputs.files, self.output.output)
        except (FileProblem, OSError) as problem:
            self.messages.warn(str(problem))
            return
        if not pairs:
            self.messages.warn("There are no images to work on; choose files, or a folder with some.")
            return
        self.pairs, self.reports = pairs, {}
        self.table.show_files([source for source, _ in pairs])
        self.messages.say("")
        recipe, axes = self.recipe, self.inputs.axes.text().strip().upper() or None
        dtype, overwrite = self.output.dtype.currentData(), self.output.overwrite.isChecked()
        remember(NAME, recipe)

        def work() -> Work:
            yield from waiting(recipe)
            return (yield from restoring_files(pairs, recipe, axes, dtype, overwrite=overwrite))

        self.job.start(work)

    def open_pair(self, place: int) -> None:
        """Open an image and its result as layers."""
        if place < len(self.pairs) and not self.opening.running:
            source, target = self.pairs[place]
            if select_layers(self.viewer, self._shown.get(source, [])):
                return
            self.messages.say(f"Opening {source.name}…")
            self.opening.start(lambda: reading_pair(source, target))

    def ask_save(self) -> None:
        """Ask for a file and save the report."""
        name, chosen = QFileDialog.getSaveFileName(self, "Save report", "report.csv", REPORTS)
        if name:
            self.save(with_ending(Path(name), chosen))

    def save(self, path: Path) -> None:
        """Save the report on the files that have come to their end."""
        try:
            save_report(path, [self.reports[place] for place in sorted(self.reports)])
        except FileProblem as problem:
            self.messages.warn(str(problem))
        else:
            self.messages.say(f"The report is in {path.name}.")

    def sizeHint(self) -> QSize:
        """Return a size at which the table's numbers are seen; a dock can be made narrower."""
        hint = super().sizeHint()
        return hint.expandedTo(QSize(WIDTH, hint.height()))

    def event(self, event: QEvent | None) -> bool:
        """Stop when the dock is closed, which takes the widget out of its parent; keep the settings."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.job.abandon()
            self.opening.abandon()
            self.progress.close_activity()
            remember(NAME, self.recipe)
        return super().event(event)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.inputs)
        layout.addWidget(self.before)
        layout.addWidget(LowArea(self.editor))
        layout.addWidget(self.noise)
        layout.addWidget(self.output)
        buttons = QHBoxLayout()
        self.start_button.setToolTip("Restore every image; those that are done already are skipped")
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.menu)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        self.table.setMinimumHeight(LEAST_HEIGHT)
        layout.addWidget(self.table, 1)
        below = QHBoxLayout()
        self.summary.setWordWrap(True)
        self.save_button.setToolTip("Save the table as a CSV or JSON file")
        below.addWidget(self.summary, 1)
        below.addWidget(self.save_button)
        layout.addLayout(below)
        layout.addWidget(self.messages)
        layout.addStretch()  # takes the room as long as there is no table

    def _connect(self) -> None:
        self.inputs.changed.connect(self._inputs_changed)
        self.editor.invalid.connect(self.messages.warn)
        self.start_button.clicked.connect(self.start)
        self.save_button.clicked.connect(self.ask_save)
        self.table.opened.connect(self.open_pair)
        self.table.itemSelectionChanged.connect(self._selected)
        self.job.progressed.connect(self._progressed)
        self.job.succeeded.connect(
            lambda _: self.messages.say("Click a row to read about it, double click to open it.")
        )
        self.job.failed.connect(self.messages.warn)
        self.job.cancelled.connect(
            lambda: self.messages.say("Cancelled. Start again to go on: what is done is skipped.")
        )
        self.job.running_changed.connect(self._running_changed)
        self.opening.succeeded.connect(self._opened)
        self.opening.failed.connect(self.messages.warn)

    def _inputs_changed(self) -> None:
        self.output.suggest(self.inputs.place)
        if not self.job.running:
            self.pairs, self.reports = [], {}
            self.table.show_files(self.inputs.files)
            self.messages.warn(self.inputs.doubt)
        self._show_state()

    def _progressed(self, progress: Progress) -> None:
        if not isinstance(progress, BatchProgress):
            return
        if progress.report is None:
            self.table.show_working(progress.place)
            return
        report = self._with_earlier(progress.report)
        self.reports[progress.place] = self._earlier[report.target] = report
        self.table.show_report(progress.place, report)
        if report.status == "done":
            self._shown.pop(report.source, None)
        self._show_state()

    def _with_earlier(self, report: FileReport) -> FileReport:
        """Return a report; one of a file that was skipped keeps what this session found when it was made."""
        earlier = self._earlier.get(report.target)
        if report.status != "skipped" or earlier is None or earlier.status == "failed":
            return report
        messages = tuple(dict.fromkeys((*report.messages, *earlier.messages)))
        return replace(report, brightness=earlier.brightness, messages=messages)

    def _running_changed(self, running: bool) -> None:
        if not running:
            self.table.end()
        self._show_state()

    def _selected(self) -> None:
        """Say all that is known of the selected file."""
        report = self.reports.get(self.table.place)
        if report is not None:
            kept = "" if report.brightness is None else report.brightness.sentence
            self.messages.say(" ".join((*report.messages, kept)))
            self.messages.warn(report.error)

    def _opened(self, pair: Pair) -> None:
        self._shown[pair.source] = add_pair(self.viewer, pair)
        self.messages.say("" if pair.result is not None else f"{pair.name!r} has no result yet.")

    def _show_state(self) -> None:
        """Enable what can be done, and say how far it is."""
        running = self.job.running
        self.start_button.setEnabled(not running and bool(self.inputs.files))
        settings = self.inputs, self.before, self.editor, self.noise, self.output, self.menu
        for part in settings:
            part.setEnabled(not running)
        self.table.setVisible(self.table.rowCount() > 0)
        for widget in (self.summary, self.save_button):
            widget.setVisible(bool(self.reports))
        self.save_button.setEnabled(not running)
        left = len(self.pairs) - len(self.reports)
        text = counted(self.reports.values())
        self.summary.setText(f"{text}, {left} to go" if left else text)


def with_ending(path: Path, chosen: str) -> Path:
    """Return a path with the ending of the chosen filter of a dialog, where it has none."""
    ending = chosen.partition("*")[2].partition(")")[0]
    return path if path.suffix else path.with_name(path.name + ending)
