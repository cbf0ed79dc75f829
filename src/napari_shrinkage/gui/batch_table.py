"""The table of a batch: a row for each file, filled in as it goes.

Convention: a row is found by its place in the batch; numbers are sorted by their value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from math import inf, isnan
from pathlib import Path

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from ..batch import FileReport
from ..batch.report import STATES
from ..trust.limits import percent
from .compare_table import PADDING, NumberItem
from .noise_words import spanned
from .trust_list import COLORS

WIDEST_NAME = 126  # pixels
WORKING = "…"
MARKS = {"done": ("✓", COLORS[True]), "failed": ("✗", COLORS[False]), "skipped": ("–", COLORS[None])}
PLACE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Column:
    """A head with its tooltip, and what it shows of a report: a text, a number to sort by, a tooltip."""

    head: str
    tip: str
    text: Callable[[FileReport], str]
    number: Callable[[FileReport], float]
    more: Callable[[FileReport], str]


def change_words(report: FileReport) -> str:
    """Return the change of the mean with a mark for the verdict on brightness."""
    found = report.brightness
    if found is None or isnan(found.change):
        return ""
    return f"{'' if found.passed else '⚠ ' if found.passed is False else '? '}{percent(found.change)}"


COLUMNS = (
    Column(
        "",
        "✓ done, – skipped (made before by the same settings), ✗ failed",
        lambda report: MARKS[report.status][0],
        lambda report: STATES.index(report.status),
        lambda report: f"{report.status}. {report.error}",
    ),
    Column(
        "noise",
        "Standard deviation of the noise at the image's mean brightness, in counts",
        lambda report: spanned(report.noise_std) if report.noise_std else "",
        lambda report: max(report.noise_std, default=-inf),
        lambda report: " ".join((report.noise, *report.messages)),
    ),
    Column(
        "time\ns",
        "With reading and writing",
        lambda report: f"{report.seconds:.2f}",
        lambda report: report.seconds,
        lambda report: "",
    ),
    Column(
        "mean",
        "Mean of the result against that of the image. ⚠: mean or proportion changed by more than noise "
        "explains. ?: the noise hides it.",
        change_words,
        lambda report: -inf if report.brightness is None else abs(report.brightness.change),
        lambda report: "" if report.brightness is None else report.brightness.sentence,
    ),
)


class NameDelegate(QStyledItemDelegate):
    """Leaves out the beginning of a name that is too long: names differ at their ends."""

    def initStyleOption(self, option: QStyleOptionViewItem | None, index: QModelIndex) -> None:
        """Set how a text is shortened."""
        super().initStyleOption(option, index)
        if option is not None:
            option.textElideMode = Qt.TextElideMode.ElideLeft


class BatchTable(QTableWidget):
    """Files of a batch with what became of each; double click opens one."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setItemDelegateForColumn(0, NameDelegate(self))
        self.setColumnCount(len(COLUMNS) + 2)
        side, head = self.verticalHeader(), self.horizontalHeader()
        assert side is not None
        assert head is not None
        side.hide()
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        side.setDefaultSectionSize(QFontMetrics(self.font()).height() + 6)
        head.setMinimumSectionSize(0)
        head.setStretchLastSection(True)
        head.setHighlightSections(False)
        self._set_heads()
        self.cellDoubleClicked.connect(lambda row, _: self.opened.emit(self._place(row)))

    @property
    def place(self) -> int:
        """The place of the selected file, or -1."""
        items = self.selectedItems()
        return self._place(items[0].row()) if items else -1

    def show_files(self, files: list[Path]) -> None:
        """List files of which nothing is known yet."""
        self.setSortingEnabled(False)
        self.setRowCount(0)
        self.setRowCount(len(files))
        for place, path in enumerate(files):
            self.setItem(place, 0, _named(path, place))
        self._fit_columns()

    def show_working(self, place: int) -> None:
        """Mark the file at work."""
        row = self._row(place)
        if row is not None and self.item(row, 1) is None:
            self.setItem(row, 1, QTableWidgetItem(WORKING))
            self.scrollToItem(self.item(row, 0))

    def show_report(self, place: int, report: FileReport) -> None:
        """Fill in the row of a file."""
        row = self._row(place)
        if row is None:
            return
        for i, column in enumerate(COLUMNS, start=1):
            item = NumberItem(column.text(report), column.number(report))
            item.setToolTip(_tip(column.more(report)))
            self.setItem(row, i, item)
        state = self.item(row, 1)
        assert state is not None
        state.setForeground(QColor(MARKS[report.status][1]))
        state.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        text = report.error or " ".join(report.messages)
        message = QTableWidgetItem(text)
        message.setToolTip(_tip(text))
        self.setItem(row, len(COLUMNS) + 1, message)
        self._fit_columns(row)

    def end(self) -> None:
        """Take the mark from a file that was not finished, and let the rows be sorted."""
        for row in range(self.rowCount()):
            state = self.item(row, 1)
            if state is not None and state.text() == WORKING:
                self.takeItem(row, 1)
        self.setSortingEnabled(True)

    def _set_heads(self) -> None:
        own = [("image", "Double click opens the image and its result as layers")]
        heads = [*own, *((c.head, c.tip) for c in COLUMNS), ("remarks", "What a reader should know")]
        for i, (text, tip) in enumerate(heads):
            item = QTableWidgetItem(text)
            item.setToolTip(_tip(tip))
            self.setHorizontalHeaderItem(i, item)
        head = self.horizontalHeader()
        assert head is not None
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def _place(self, row: int) -> int:
        item = self.item(row, 0)
        assert item is not None
        return int(item.data(PLACE))

    def _row(self, place: int) -> int | None:
        """Return the row of a place, wherever it was sorted to."""
        if place < self.rowCount() and self._place(place) == place:
            return place
        return next((row for row in range(self.rowCount()) if self._place(row) == place), None)

    def _fit_columns(self, row: int | None = None) -> None:
        """Make columns as wide as their texts, or wider where one row needs it; the last takes the rest."""
        rows = range(self.rowCount()) if row is None else (row,)
        for i in range(self.columnCount() - 1):
            head = self.horizontalHeaderItem(i)
            texts = [] if row is not None or head is None else head.text().split("\n")
            texts += [item.text() for item in (self.item(one, i) for one in rows) if item is not None]
            metrics = QFontMetrics(self.font())
            width = max((metrics.horizontalAdvance(text) for text in texts), default=0) + PADDING
            width = min(width, WIDEST_NAME) if i == 0 else width
            self.setColumnWidth(i, width if row is None else max(width, self.columnWidth(i)))


def _named(path: Path, place: int) -> QTableWidgetItem:
    item = QTableWidgetItem(path.name)
    item.setToolTip(_tip(str(path)))
    item.setData(PLACE, place)
    return item


def _tip(text: str) -> str:
    return f"<qt>{escape(text)}</qt>" if text else ""
