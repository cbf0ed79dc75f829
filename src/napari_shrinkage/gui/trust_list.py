"""The lines of a report, to read: a mark, the check, its number, and the sentence below.

Convention: a mark is a sign and a colour, so that it can be read without colours.
"""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from ..checking import Line, TrustReport

COLORS = {True: "#2fae5f", False: "#e8703a", None: "#909090"}  # green, orange, grey on dark and on light
MEANING = {True: "passed", False: "failed", None: "no verdict"}
MARK_WIDTH = 18


class ReportList(QScrollArea):
    """All lines of a report, one below the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.labels: list[QLabel] = []

    def show_report(self, report: TrustReport | None) -> None:
        """Show a report; None shows nothing."""
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setColumnStretch(1, 1)
        self.labels = []
        for row, line in enumerate(() if report is None else report.lines):
            grid.addWidget(_mark(line), row, 0, Qt.AlignmentFlag.AlignTop)
            label = _text(line)
            self.labels.append(label)
            grid.addWidget(label, row, 1)
        grid.setRowStretch(grid.rowCount(), 1)
        self.setWidget(inside)


def _mark(line: Line) -> QLabel:
    mark: Any = QLabel(f"<b style='color: {COLORS[line.passed]}; font-size: 15px'>{line.mark}</b>")
    mark.setFixedWidth(MARK_WIDTH)
    mark.setToolTip(MEANING[line.passed])
    mark.setAccessibleName(MEANING[line.passed])
    return mark  # type: ignore[no-any-return]


def _text(line: Line) -> QLabel:
    number = f": {escape(line.number)}" if line.number else ""
    label = QLabel(f"<b>{escape(line.title)}{number}</b><br>{escape(line.sentence)}")
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
