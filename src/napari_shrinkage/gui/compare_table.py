"""The table of a comparison, to be sorted and read.

Convention: the winner, the method of least estimated error, is marked wherever it is sorted to; errors are
standard deviations in the units of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from ..comparing import Comparison, Row

WINNER = "★ "
PADDING = 14  # pixels beside a cell's text
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column:
    """A head with its tooltip, and what it shows of a row: a text and a number to sort by."""

    head: str
    tip: str
    text: Callable[[Row], str]
    number: Callable[[Row], float]


def error_of(row: Row) -> float:
    """Return the estimated error's standard deviation; 0 where the estimate is not above zero."""
    return math.sqrt(max(row.mse, 0.0))


def uncertainty_of(row: Row) -> float:
    """Return the standard error of `error_of`, in first order; infinite where that is 0."""
    return row.mse_error / (2 * math.sqrt(row.mse)) if row.mse > 0 else math.inf


def three_digits(value: float) -> str:
    """Return a number with three digits, noughts at its end too."""
    whole = math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{max(2 - whole, 0)}f}"


def _known(value: float | None) -> float:
    return -math.inf if value is None else value


COLUMNS = (
    Column(
        "PSNR est.\ndB",
        "Peak signal-to-noise ratio, estimated from the noisy image alone; higher is better",
        lambda row: f"{row.psnr_estimated:.2f}",
        lambda row: row.psnr_estimated,
    ),
    Column(
        "error est.\ncounts",
        "Std of result minus truth, estimated from the noisy image alone, with its standard error. "
        "Differences between methods are far more certain: they share their noise.",
        lambda row: f"{three_digits(error_of(row))} ± {uncertainty_of(row):.1g}",
        error_of,
    ),
    Column(
        "time\ns",
        "For the whole image, reckoned from the parts that were restored",
        lambda row: f"{row.seconds:.2g}",
        lambda row: row.seconds,
    ),
)
WITH_REFERENCE = (
    Column(
        "PSNR\ndB",
        "Against the reference",
        lambda row: "" if row.psnr is None else f"{row.psnr:.2f}",
        lambda row: _known(row.psnr),
    ),
    Column(
        "SSIM",
        "Structural similarity with the reference; 1 is equal",
        lambda row: "" if row.ssim is None else f"{row.ssim:.3f}",
        lambda row: _known(row.ssim),
    ),
    Column(
        "error\ncounts",
        "Std of result minus reference",
        lambda row: "" if row.error_std is None else three_digits(row.error_std),
        lambda row: _known(row.error_std),
    ),
)


class CompareTable(QTableWidget):
    """Rows of a comparison; click a head to sort."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[str, Row] = {}
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at their ends
        side = self.verticalHeader()
        assert side is not None
        side.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        side.hide()

    @property
    def selected(self) -> Row | None:
        """The row that the user selected, or None."""
        items = self.selectedItems()
        return self._rows.get(items[0].data(Qt.ItemDataRole.UserRole)) if items else None

    def show_comparison(self, found: Comparison) -> None:
        """Show the rows, best first."""
        columns = COLUMNS + (WITH_REFERENCE if found.has_reference else ())
        self._rows = {row.name: row for row in found.rows}
        self.setSortingEnabled(False)
        self.clear()
        self.setColumnCount(1 + len(columns))
        self.setRowCount(len(found.rows))
        self._set_heads(columns)
        for place, row in enumerate(found.rows):
            self.setItem(place, 0, _name_item(row, winner=not place))
            for i, column in enumerate(columns, start=1):
                self.setItem(place, i, NumberItem(column.text(row), column.number(row)))
        header = self.horizontalHeader()
        assert header is not None
        header.setMinimumSectionSize(0)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        for i in range(self.columnCount()):
            self.setColumnWidth(i, self._widest(i) + PADDING)

    def _widest(self, column: int) -> int:
        """Return the width of a column's longest text; the head's own hint keeps room for a sort mark."""
        head = self.horizontalHeaderItem(column)
        cells = [item for item in (self.item(i, column) for i in range(self.rowCount())) if item is not None]
        texts = [(part, self.font()) for part in (head.text() if head is not None else "").split("\n")]
        texts += [(cell.text(), cell.font()) for cell in cells]
        return max(QFontMetrics(font).horizontalAdvance(text) for text, font in texts)

    def _set_heads(self, columns: tuple[Column, ...]) -> None:
        heads = [("method", "★ has the least estimated error"), *((c.head, c.tip) for c in columns)]
        for i, (text, tip) in enumerate(heads):
            item = QTableWidgetItem(text)
            item.setToolTip(f"<qt>{tip}</qt>")
            self.setHorizontalHeaderItem(i, item)


class NumberItem(QTableWidgetItem):
    """A cell that is sorted by its number."""

    def __init__(self, text: str, number: float) -> None:
        super().__init__(text)
        self.number = number
        self.setTextAlignment(RIGHT)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self.number < other.number if isinstance(other, NumberItem) else super().__lt__(other)


def _name_item(row: Row, winner: bool) -> QTableWidgetItem:
    item = QTableWidgetItem(f"{WINNER if winner else ''}{row.name}")
    item.setData(Qt.ItemDataRole.UserRole, row.name)
    item.setToolTip(row.name)
    if winner:
        font = item.font()
        font.setBold(True)
        item.setFont(font)
    return item
