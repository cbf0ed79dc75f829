"""The widget "Shrinkage": denoise an image, with an exact preview and ways to compare."""

import napari.viewer
from qtpy.QtWidgets import QWidget

from ..restorers import named
from .compared_panel import ComparedPanel
from .history import remembered
from .kernels import warm_up
from .method_editor import RestorerEditor
from .preferences import preferred_preset

NAME = "shrinkage"


class ShrinkageWidget(ComparedPanel):
    """Denoise the layers of a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        last = remembered(NAME)
        restorer = named(preferred_preset()) if last is None else last.steps[-1].restorer
        super().__init__(viewer, RestorerEditor(restorer), NAME, parent)
        warm_up()
