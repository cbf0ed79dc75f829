"""Only some images of a stack: those of one class, as a column of the layer or a Labels layer says.

Convention: an Image layer has no features of its own in napari, so they are read from
`layer.metadata["features"]`: a mapping of columns, or a table, with one row for each image. In a Labels layer
the class of an image is the label that most of its pixels have, the background 0 aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QWidget
from superqt.utils import signals_blocked

from ..stack import Stack
from .editor import narrow_combo, row_label
from .generator_work import counting_axis
from .profile_list import FreshCombo

FEATURES = "features"
ALL = "All images"
MOST_CLASSES = 64  # a column of more values names no classes
Classes = npt.NDArray[Any]


class ImageChoice(QWidget):
    """A choice between all images and those of one class.

    Signals
    -------
    changed()
        Others are chosen.
    """

    changed = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Any = None
        self._classes: dict[str, Classes] = {}
        self._count = 0
        self.by, self.value = FreshCombo(), narrow_combo()
        self.by.setToolTip(
            "<qt>Train on every image, or on those of one class. A class comes from a column in the layer's "
            "metadata, <i>layer.metadata['features'] = {'class': [...]}</i> with one entry for each image, "
            "or from a Labels layer with as many planes.</qt>"
        )
        self.value.setToolTip("The class to train on, with the number of its images")
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.by, 1)
        row.addWidget(self.value, 1)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(row_label("Only"), row)
        self.by.currentIndexChanged.connect(self._by_chosen)
        self.value.currentIndexChanged.connect(lambda: self.changed.emit())
        self.by.about_to_show.connect(self.refill)
        self._show_values()

    @property
    def chosen(self) -> tuple[int, ...] | None:
        """Which images, or None for all."""
        classes = self._classes.get(self.by.currentText())
        value = self.value.currentData()
        if classes is None or value is None:
            return None
        return tuple(int(i) for i in np.flatnonzero(classes == classes[value]))

    @property
    def words(self) -> str:
        """The chosen class, for the name of a file; "" for all."""
        classes, value = self._classes.get(self.by.currentText()), self.value.currentData()
        return "" if classes is None or value is None else str(classes[value])

    @property
    def count(self) -> int:
        """How many images are chosen."""
        chosen = self.chosen
        return self._count if chosen is None else len(chosen)

    def show_layer(self, layer: Any, stack: Stack | None) -> None:
        """Offer the classes of a layer's images."""
        axis = None if stack is None else counting_axis(stack)
        self._layer = layer if axis is not None else None
        planes = 0 if stack is None else len(list(stack.planes(2))) * stack.channels
        self._count = planes
        self.refill()

    def refill(self) -> None:
        """Read again which classes there are; keep the choice where it still is one."""
        old = self.by.currentText(), self.words
        self._classes = {} if self._layer is None else self._found()
        with signals_blocked(self.by):
            self.by.clear()
            for name in (ALL, *self._classes):
                self.by.addItem(name)
            self.by.setCurrentText(old[0] if old[0] in self._classes else ALL)
        self._show_values(old[1])
        self.changed.emit()

    def _found(self) -> dict[str, Classes]:
        from napari.layers import Labels

        found = columns_of(self._layer, self._count)
        for layer in self._viewer.layers:
            if isinstance(layer, Labels) and layer.data.ndim == 3 and len(layer.data) == self._count:
                found[f"labels: {layer.name}"] = dominant_labels(np.asarray(layer.data))
        return found

    def _by_chosen(self) -> None:
        self._show_values()
        self.changed.emit()

    def _show_values(self, old: str = "") -> None:
        classes = self._classes.get(self.by.currentText())
        with signals_blocked(self.value):
            self.value.clear()
            if classes is not None:
                for first, value, count in _listed(classes):
                    self.value.addItem(f"{value} ({count} images)", first)
                names = [str(value) for _, value, _ in _listed(classes)]
                self.value.setCurrentIndex(names.index(old) if old in names else 0)
        self.value.setVisible(classes is not None)


def columns_of(layer: Any, count: int) -> dict[str, Classes]:
    """Return the columns of a layer's features that name a class for each of `count` images."""
    rows = rows_of(layer, count)
    return {
        name: values for name, values in rows.items() if len(np.unique(values.astype(str))) <= MOST_CLASSES
    }


def rows_of(layer: Any, count: int) -> dict[str, Classes]:
    """Return the columns of a layer's features that have a row for each of `count` images."""
    features = layer.metadata.get(FEATURES)
    names = features if isinstance(features, Mapping) else getattr(features, "columns", ())
    columns = {str(name): _comparable(np.asarray(features[name])) for name in names}
    return {name: values for name, values in columns.items() if values.shape == (count,) and count}


def _comparable(values: Classes) -> Classes:
    """Return numbers as they are, and anything else, with what is missing among it, as text."""
    return values if values.dtype.kind in "biuf" else values.astype(str)


def dominant_labels(labels: npt.NDArray[Any]) -> Classes:
    """Return the label that most pixels of each plane (N, Y, X) have, 0 aside; 0 where there is none."""
    return np.array([_dominant(plane) for plane in labels])


def _dominant(plane: npt.NDArray[Any]) -> int:
    values, counts = np.unique(plane[plane != 0], return_counts=True)
    return int(values[np.argmax(counts)]) if len(values) else 0


def _listed(classes: Classes) -> list[tuple[int, Any, int]]:
    """Return first place, value and count of every class."""
    values, first, counts = np.unique(classes, return_index=True, return_counts=True)
    return [(int(i), value, int(n)) for value, i, n in zip(values, first, counts, strict=True)]
