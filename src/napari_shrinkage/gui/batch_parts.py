"""Parts of the widget "Batch": the menu, progress over files, earlier steps, the room for the method."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QToolButton, QWidget

from ..batch import BatchProgress
from ..engine import Progress
from ..recipe import Record, Step
from .editor import row_label
from .layers import record_of_layer
from .menu import RecipeMenu
from .progress import GRAIN, ProgressRow

LEAST_HEIGHT, MOST_HEIGHT = 60, 220  # pixels of the method's form
RESIZING = (QEvent.Type.LayoutRequest, QEvent.Type.Resize, QEvent.Type.StyleChange)


class BatchMenu(RecipeMenu):
    """Recipes to save, to load, and to take from a result layer; code and text are those of one image."""

    def __init__(self, widget: Any) -> None:
        super().__init__(widget)
        self.setToolTip("Save and load settings")
        menu = self.menu()
        assert menu is not None
        for action in menu.actions():
            if action.text().startswith("Copy"):
                menu.removeAction(action)

    def _record(self) -> Record | None:
        active = self._panel.viewer.layers.selection.active
        return None if active is None else record_of_layer(active)


class FilesProgressRow(ProgressRow):
    """Shows how many files of a batch are done, and what is done with the one at work."""

    def _progressed(self, progress: Progress) -> None:
        if isinstance(progress, BatchProgress):
            part = progress.place + progress.done / max(progress.total, 1)
            whole = round(GRAIN * part / max(progress.files, 1))
            super()._progressed(Progress(whole, GRAIN))
            doing = progress.message.rpartition(": ")[2]  # without the number of the recipe's step
            self.bar.setFormat(f"{progress.place + 1}/{progress.files} {doing}")
        else:
            super()._progressed(progress)


class StepsBefore(QWidget):
    """Names the steps of a loaded recipe that come before the method in the form; they can be taken away."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps: tuple[Step, ...] = ()
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._remove = QToolButton()
        self._remove.setText("×")
        self._remove.setToolTip("Leave these steps out")
        self._remove.clicked.connect(lambda: self.show_steps(()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(row_label("First"))
        row.addWidget(self._said, 1)
        row.addWidget(self._remove)
        self.hide()

    def show_steps(self, steps: tuple[Step, ...]) -> None:
        """Take these steps."""
        self.steps = steps
        self._said.setText(", then ".join(step.restorer.title for step in steps))
        self.setVisible(bool(steps))


class LowArea(QScrollArea):
    """As high as what it holds, up to a limit and as far as there is room; beyond that it scrolls."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(inside)
        inside.installEventFilter(self)

    def sizeHint(self) -> QSize:
        """Return the size of what it holds, and a frame that a style may draw."""
        return QSize(super().sizeHint().width(), self._height(MOST_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        """Return the size of a few rows."""
        return QSize(super().minimumSizeHint().width(), self._height(LEAST_HEIGHT))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow what it holds when that grows or shrinks."""
        if event is not None and event.type() in RESIZING:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _height(self, most: int) -> int:
        inside = self.widget()
        assert inside is not None
        return min(inside.sizeHint().height(), most) + 2 * self.frameWidth()
