"""The widget "Generator": train one on small images, denoise with it, and see how long its code should be."""

from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from .generator_lengths import LengthComparison
from .generator_panel import GeneratorPanel
from .generator_training import GeneratorTraining
from .source import itself

TRAIN, DENOISE, COMPARE = "Train", "Denoise", "Compare K"


class GeneratorWidget(QWidget):
    """Train generators on the layers of a viewer, and restore by them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        viewer = itself(viewer)
        self.training = GeneratorTraining(viewer)
        self.panel = GeneratorPanel(viewer)
        self.comparison = LengthComparison(viewer)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for tab, title in ((self.training, TRAIN), (self.panel, DENOISE), (self.comparison, COMPARE)):
            self.tabs.addTab(_scrolled(tab), title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self._closed = False
        self.training.trained.connect(self.panel.use_file)
        self.tabs.currentChanged.connect(self._tab_changed)
        self._tab_changed()

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the dock is closed, which takes the widget out of its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_widget()
        return super().event(event)

    def close_widget(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        if not self._closed:
            self._closed = True
            self.training.close_tab()
            self.panel.close_panel()
            self.comparison.close_tab()

    def _tab_changed(self, index: int = 0) -> None:
        """Only the tab in sight follows the layer that the user selects."""
        tabs: tuple[Any, ...] = (self.training, self.panel, self.comparison)
        for place, tab in enumerate(tabs):
            tab.rest(place != self.tabs.currentIndex())


def _scrolled(tab: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(tab)
    return area
