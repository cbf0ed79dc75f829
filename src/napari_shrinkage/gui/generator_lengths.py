"""The tab "Compare K": how long a code is best, told from clean images at several strengths of noise.

Convention: errors are mean squares in counts^2, where what cannot be drawn and what noise adds add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..diagnostics.generators import LatentError
from .compare_table import WINNER, NumberItem, three_digits
from .editor import row_label
from .folds import WheelGuard
from .generator_plots import LatentPlot
from .generator_training import NetworkRow, steps_spin
from .generator_work import LatentWish, Workshop, comparing_lengths
from .image_choice import ImageChoice
from .jobs import Job
from .messages import MessageLine
from .preferences import preferred_device
from .progress import ProgressRow
from .source import SourceRow

LENGTHS, STRENGTHS = "5, 10, 20, 40", "0, 0.3, 0.9, 2.7"
STEPS = 500
MOST_LENGTH, MOST_STRENGTH, MOST_ENTRIES = 64, 100.0, 10
HEADS = ("noise", "K", "error", "not\ndrawn", "by\nnoise", "K/n")
TIPS = (
    "Variance of the noise over the mean square of the image, above its darkest pixels",
    "Length of the code; ★ has the least error at this noise",
    "Mean squared error of the restored images, in counts²",
    "What is lost even without noise: the generator cannot draw it",
    "How far the results with noise are from those without",
    "K of n pixels' worth of the noise: what noise adds where the generator is linear",
)
PADDING = 8  # pixels beside a cell's text
ROWS = 16  # of the table, that are in sight
Number = TypeVar("Number", int, float)


class LengthComparison(QWidget):
    """Compares generators of several lengths of the code on the images of a layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.source, self.choice = SourceRow(viewer), ImageChoice(viewer)
        self.network = NetworkRow(lengths=False)
        self.network.kind.setCurrentText("dense")
        self.steps = steps_spin(STEPS)
        self.lengths, self.strengths = QLineEdit(LENGTHS), QLineEdit(STRENGTHS)
        self.compare_button, self.copy_button = QPushButton("Compare"), QPushButton("Copy table")
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Comparing codes")
        self.legend, self.verdict = QLabel(), QLabel()
        self.plot, self.table = LatentPlot(viewer), QTableWidget()
        self.messages = MessageLine()
        self.workshop = Workshop()
        self.errors: tuple[LatentError, ...] = ()
        self._layer: Any = None
        self._lay_out()
        self._connect()
        self._source_changed()

    def compare(self) -> None:
        """Train what is not trained yet, and measure, in a worker."""
        layer, content = self.source.layer, self.source.content
        if self.job.running:
            return
        if layer is None or content is None:
            self.messages.warn("Open a stack of clean images of one kind, or choose one above.")
            return
        try:
            lengths = numbers(self.lengths.text(), int, 1, MOST_LENGTH, "K")
            strengths = numbers(self.strengths.text(), float, 0.0, MOST_STRENGTH, "Noise")
        except ValueError as error:
            self.messages.warn(str(error))
            return
        wish = LatentWish(
            content.stack, self.choice.chosen, self.network.value, lengths, strengths, self.steps.value()
        )
        self._layer = layer
        self.messages.say("")
        self._show_errors(())
        self.job.start(partial(comparing_lengths, wish, self.workshop, preferred_device()))

    def cancel(self) -> None:
        """Stop; the generators that are trained by then are used again."""
        self.job.cancel()

    def copy(self) -> None:
        """Put the table on the clipboard, as Markdown."""
        clipboard = QApplication.clipboard()
        if self.errors and clipboard is not None:
            clipboard.setText(markdown(self.errors))
            self.messages.say("The table is on the clipboard, as Markdown.")

    def rest(self, resting: bool) -> None:
        """Stay with the layer, or follow the one that the user selects."""
        self.source.setEnabled(not resting and not self.job.running)

    def close_tab(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.job.abandon()
        self.progress.close_activity()
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        self.source.close_source()
        self.plot.close_plot()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(row_label("Steps"), self.steps)
        rows.addRow(row_label("K"), self.lengths)
        rows.addRow(row_label("Noise"), self.strengths)
        self.lengths.setToolTip("Lengths of the code to compare, with commas between them")
        self.strengths.setToolTip(
            "<qt>Strengths of the noise: its variance over the mean square of the image, above its darkest "
            "pixels. 0 is no noise, at 1 the noise is as strong as the image.</qt>"
        )
        self.compare_button.setToolTip(
            "<qt>Train a generator for each K on four images of five, and restore the others under "
            "simulated noise</qt>"
        )
        self.copy_button.setToolTip("Copy the table to the clipboard, as Markdown")
        buttons = QHBoxLayout()
        buttons.addWidget(self.compare_button, 1)
        buttons.addWidget(self.copy_button)
        for part in (self.source, self.choice, self.network):
            layout.addWidget(part)
        layout.addLayout(rows)
        layout.addLayout(buttons)
        for label in (self.legend, self.verdict):
            label.setWordWrap(True)
        for widget in (self.progress, self.legend, self.plot, self.table, self.verdict, self.messages):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._set_table()
        self._guard = WheelGuard(self)
        for field in (self.steps, self.choice.by, self.choice.value, self.network.kind):
            self._guard.watch(field)
        self._show_errors(())

    def _set_table(self) -> None:
        table = self.table
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setColumnCount(len(HEADS))
        for place, (head, tip) in enumerate(zip(HEADS, TIPS, strict=True)):
            item = QTableWidgetItem(head)
            item.setToolTip(f"<qt>{tip}</qt>")
            table.setHorizontalHeaderItem(place, item)
        across, down = table.horizontalHeader(), table.verticalHeader()
        assert across is not None
        assert down is not None
        across.setMinimumSectionSize(0)
        across.setStretchLastSection(True)
        down.hide()
        down.setDefaultSectionSize(table.fontMetrics().lineSpacing() + 6)

    def _connect(self) -> None:
        self.source.changed.connect(self._source_changed)
        self.source.failed.connect(self.messages.warn)
        self.compare_button.clicked.connect(self.compare)
        self.copy_button.clicked.connect(self.copy)
        self.job.succeeded.connect(self._show_errors)
        self.job.failed.connect(self.messages.warn)
        self.job.cancelled.connect(lambda: self.messages.say("Cancelled; nothing was measured."))
        self.job.running_changed.connect(self._running)
        self.viewer.layers.events.removed.connect(self._layer_removed)

    def _source_changed(self) -> None:
        content = self.source.content
        self.choice.show_layer(self.source.layer, None if content is None else content.stack)
        self._running(self.job.running)

    def _running(self, running: bool) -> None:
        for part in (self.source, self.choice, self.network, self.steps, self.lengths, self.strengths):
            part.setEnabled(not running)
        self.compare_button.setEnabled(not running and self.source.content is not None)
        if not running:
            self._layer = None

    def _show_errors(self, errors: Sequence[LatentError]) -> None:
        self.errors = tuple(errors)
        shown = bool(errors)
        self.plot.show_errors(errors)
        self.legend.setText(f"{self.plot.legend()}: not drawn (full), added by noise (faint)")
        self.verdict.setText(best_in_words(errors))
        for part in (self.legend, self.plot, self.table, self.verdict):
            part.setVisible(shown)
        self.copy_button.setEnabled(shown)
        self._fill_table()

    def _fill_table(self) -> None:
        ordered = by_strength(self.errors)
        self.table.setRowCount(len(ordered))
        for place, one in enumerate(ordered):
            for column, (text, number) in enumerate(zip(cells(one, self.errors), values(one), strict=True)):
                item = NumberItem(text, number)
                font = item.font()
                font.setBold(text.startswith(WINNER))
                item.setFont(font)
                self.table.setItem(place, column, item)
        self._widen_columns()
        head, down = self.table.horizontalHeader(), self.table.verticalHeader()
        assert head is not None
        assert down is not None
        rows = min(len(ordered), ROWS)
        frame = 2 * self.table.frameWidth()
        self.table.setFixedHeight(head.sizeHint().height() + rows * down.defaultSectionSize() + frame)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _widen_columns(self) -> None:
        """Give each column the width of its longest text."""
        rows = [cells(one, self.errors) for one in self.errors]
        for place, head in enumerate(HEADS):
            texts = [*head.split("\n"), *(row[place] for row in rows)]
            font = self.table.font()
            font.setBold(any(text.startswith(WINNER) for text in texts))
            self.table.setColumnWidth(place, PADDING + max(map(QFontMetrics(font).horizontalAdvance, texts)))

    def _layer_removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self.job.cancel()


def numbers(
    text: str, kind: Callable[[str], Number], low: Number, high: Number, name: str
) -> tuple[Number, ...]:
    """Return the numbers in a text, without repetitions.

    Raises
    ------
    ValueError
        If there are none, too many, or others than numbers between two limits.
    """
    try:
        found = tuple(dict.fromkeys(kind(part) for part in text.replace(";", ",").split(",") if part.strip()))
    except ValueError:
        found = ()
    if not 1 <= len(found) <= MOST_ENTRIES or not all(low <= one <= high for one in found):
        raise ValueError(
            f"{name} is {text!r}; expected 1 to {MOST_ENTRIES} numbers from {low:g} to {high:g}, with commas "
            "between them."
        )
    return found


def by_strength(errors: Sequence[LatentError]) -> list[LatentError]:
    """Return the errors, those of one strength together."""
    return sorted(errors, key=lambda one: (one.strength, one.latent))


def best_at(strength: float, errors: Sequence[LatentError]) -> LatentError:
    """Return the error of the best length at a strength."""
    return min((one for one in errors if one.strength == strength), key=lambda one: one.total)


def best_in_words(errors: Sequence[LatentError]) -> str:
    """Say which length is best at which strength."""
    strengths = sorted({one.strength for one in errors})
    parts = [f"K = {best_at(s, errors).latent} at {s:g}" for s in strengths]
    return f"Least error: {', '.join(parts)}. Few steps of training, so for the choice of K only."


def values(one: LatentError) -> tuple[float, ...]:
    """Return the numbers of a row of the table."""
    return one.strength, one.latent, one.total, one.drawing, one.noise, one.expected


def cells(one: LatentError, errors: Sequence[LatentError]) -> tuple[str, ...]:
    """Return the texts of a row of the table."""
    mark = WINNER if one is best_at(one.strength, errors) else ""
    return (f"{one.strength:g}", f"{mark}{one.latent}", *(three_digits(value) for value in values(one)[2:]))


def markdown(errors: Sequence[LatentError]) -> str:
    """Return the table as Markdown."""
    lines = [
        [head.replace("\n", " ") for head in HEADS],
        ["---"] * len(HEADS),
        *(cells(one, errors) for one in by_strength(errors)),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
