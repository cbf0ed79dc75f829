"""The list of methods to compare, each with a box to tick.

Convention: every candidate is on until the user switches it off; what is off is remembered by name, so that
a list that changes with the noise keeps the user's choice.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from ..recipe import Step

ROWS = 6  # that are in view
UNSAID = re.compile(r"\w+=None(, )?")


class CandidateList(QListWidget):
    """Names of methods with check boxes; the tooltip says what each is."""

    toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: dict[str, Step] = {}
        self.off: set[str] = set()
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(self._noted)

    @property
    def chosen(self) -> dict[str, Step]:
        """The candidates that are on."""
        return {name: step for name, step in self._steps.items() if name not in self.off}

    def show_candidates(self, steps: dict[str, Step]) -> None:
        """List candidates; those that the user switched off stay off."""
        if list(steps) != list(self._steps):
            self._refill(steps)
        for row, step in enumerate(steps.values()):
            item = self.item(row)
            assert item is not None
            item.setToolTip(described_step(step))
        self._steps = steps
        self.toggled.emit()

    def set_all(self, on: bool) -> None:
        """Switch every candidate on or off."""
        state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        for row in range(self.count()):
            item = self.item(row)
            assert item is not None
            item.setCheckState(state)

    def _refill(self, steps: dict[str, Step]) -> None:
        self.blockSignals(True)
        self.clear()
        for name in steps:
            item = QListWidgetItem(name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked if name in self.off else Qt.CheckState.Checked)
            self.addItem(item)
        self.blockSignals(False)
        self.setFixedHeight(ROWS * max(self.sizeHintForRow(0), 16) + 2 * self.frameWidth())

    def _noted(self, item: QListWidgetItem) -> None:
        if item.checkState() == Qt.CheckState.Checked:
            self.off.discard(item.text())
        else:
            self.off.add(item.text())
        self.toggled.emit()


def described_step(step: Step) -> str:
    """Return what a method is and its numbers, as a tooltip."""
    restorer: Any = step.restorer
    noise = "" if step.noise is None else f"<br>Told of the noise: {escape(_said(step.noise))}"
    what = f"<b>{restorer.title}</b>: {escape(restorer.summary())}"
    return f"<qt>{what}<br>{escape(_said(restorer))}{noise}</qt>"


def _said(value: Any) -> str:
    """Return a method's fields without those that are decided from the data."""
    return UNSAID.sub("", repr(value)).replace(", )", ")")
