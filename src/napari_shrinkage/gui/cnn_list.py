"""The list of networks: one row for each, with its size, its speed here, and what it was trained for.

Convention: a row is known by its model, which is what `Cnn.model` takes; what is not known yet shows "…".
Cells of two lines keep the list as narrow as a dock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget
from superqt.utils import signals_blocked

from .cnn_models import ModelEntry
from .compare_table import PADDING, RIGHT, three_digits
from .messages import WARNING

PENDING = "…"
LEAST_ROWS, MOST_ROWS = 2, 4  # that are in view
WIDEST = 120  # pixels of a name: a longer one is cut


@dataclass(frozen=True)
class Column:
    """A head with its tooltip, and what it shows of a model that was read."""

    head: str
    tip: str
    text: Callable[[ModelEntry], str]


def thousands(count: int) -> str:
    """Return a number of parameters, such as "486 k"."""
    return f"{count / 1000:.0f} k" if count < 1_000_000 else f"{count / 1e6:.2f} M"


COLUMNS = (
    Column(
        "model\nlicence",
        "Networks that can be chosen, and the licence of their weights; the tooltip of a row says how it was "
        "trained",
        lambda one: f"{one.title}\n{one.origin}",
    ),
    Column(
        "colours\nweights",
        "What it restores, and the number of its parameters; gray weights restore each channel by itself",
        lambda one: f"{one.colors}\n{thousands(one.parameters)}",
    ),
    Column(
        "speed\nMP/s",
        "Megapixels per second, measured on this machine",
        lambda one: three_digits(one.speed) if one.speed else PENDING,
    ),
    Column(
        "noise\nof 255",
        "Std of the noise in training, in grey levels of an image of range 0 to 255",
        lambda one: one.noise_range,
    ),
)
SPEED = 2  # the column


class ModelList(QTableWidget):
    """Rows of models, one of which is chosen.

    Signals
    -------
    chosen(str)
        The model that the user selected.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.entries: dict[str, ModelEntry] = {}
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self._set_heads()
        self.itemSelectionChanged.connect(self._selected)

    @property
    def current(self) -> str:
        """The model of the selected row, or ""."""
        items = self.selectedItems()
        return str(items[0].data(Qt.ItemDataRole.UserRole)) if items else ""

    def offer(self, model: str) -> None:
        """Add a row for a model whose file is still to be read, unless it has one."""
        if model not in self.entries:
            self.show_entry(ModelEntry(model))

    def show_entry(self, entry: ModelEntry) -> None:
        """Show what is known of a model, in its row or in a new one."""
        row = self._row(entry.model)
        if row < 0:
            row = self.rowCount()
            self.insertRow(row)
        self.entries[entry.model] = entry
        with signals_blocked(self):
            for place, column in enumerate(COLUMNS):
                self.setItem(row, place, _item(entry, place, column))
        self._fit()

    def choose(self, model: str) -> None:
        """Select a model's row without telling anybody."""
        with signals_blocked(self):
            self.selectRow(self._row(model))

    def _row(self, model: str) -> int:
        rows = (row for row in range(self.rowCount()) if self._model(row) == model)
        return next(rows, -1)

    def _model(self, row: int) -> str:
        item = self.item(row, 0)
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def _selected(self) -> None:
        if self.current:
            self.chosen.emit(self.current)

    def _set_heads(self) -> None:
        for place, column in enumerate(COLUMNS):
            item = QTableWidgetItem(column.head)
            item.setToolTip(f"<qt>{column.tip}</qt>")
            self.setHorizontalHeaderItem(place, item)
        across, down = self.horizontalHeader(), self.verticalHeader()
        assert across is not None
        assert down is not None
        across.setMinimumSectionSize(0)
        across.setHighlightSections(False)
        across.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.hide()

    def _fit(self) -> None:
        """Take the height of a few rows, and the width of the longest texts."""
        metrics = self.fontMetrics()
        row = 2 * metrics.lineSpacing() + PADDING // 2
        for place in range(self.rowCount()):
            self.setRowHeight(place, row)
        widths = [self._widest(metrics, place) + PADDING for place in range(len(COLUMNS))]
        for place, width in enumerate(widths):
            self.setColumnWidth(place, width)
        frame = 2 * self.frameWidth()
        self.setMinimumWidth(min(widths[0], WIDEST) + sum(widths[1:]) + frame)
        rows = min(max(self.rowCount(), LEAST_ROWS), MOST_ROWS)
        self.setFixedHeight(2 * metrics.lineSpacing() + PADDING + rows * row + frame)

    def _widest(self, metrics: QFontMetrics, column: int) -> int:
        cells = [self.item(row, column) for row in range(self.rowCount())]
        texts = [COLUMNS[column].head, *(cell.text() for cell in cells if cell is not None)]
        return max(metrics.horizontalAdvance(line) for text in texts for line in text.split("\n"))


def _item(entry: ModelEntry, place: int, column: Column) -> QTableWidgetItem:
    item = QTableWidgetItem(_text(entry, place, column))
    item.setData(Qt.ItemDataRole.UserRole, entry.model)
    item.setToolTip(entry.tooltip)
    if place:
        item.setTextAlignment(RIGHT)
    if place == SPEED and entry.place is not None:
        item.setToolTip(f"<qt>Measured on {entry.place}</qt>")
    return item


def _text(entry: ModelEntry, place: int, column: Column) -> str:
    if entry.cards:
        return column.text(entry)
    if place:
        return "" if entry.trouble else PENDING
    return f"{WARNING}{entry.title}\ncannot be read" if entry.trouble else f"{entry.title}\n{PENDING}"
