"""The layers that runs leave behind: each result replaces the one before unless that was kept.

Convention: a result lies directly above its source and keeps the looks that the user gave an earlier result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..engine import Result
from ..stack import Stack
from .layers import LayerData

PLACED = ("scale", "translate", "rotate", "shear", "affine")


@dataclass(frozen=True)
class Entry:
    """A source layer, its result's live layer, the result, the pixels it was made from, that layer's name.

    The name is the last one that we gave it.
    """

    source: Any
    layer: Any
    result: Result
    stack: Stack
    name: str


class Results:
    """Adds results to a viewer, one live layer per source.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers go.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._live: dict[int, Entry] = {}  # by source

    def put(self, source: Any, made: LayerData, result: Result, stack: Stack) -> Any:
        """Show a result of a stack: in the last one's layer if that still stands, else in a new one."""
        old = self._entry(source)
        if old is not None and _fits(old.layer, made):
            layer = old.layer
            name = _renamed(old, made)
            _refresh(layer, made)
        else:
            if old is not None:
                self._viewer.layers.remove(old.layer)
            layer = self._added(source, made)
            name = layer.name
        self._live[id(source)] = Entry(source, layer, result, stack, name)
        return layer

    def layer_of(self, source: Any) -> Any:
        """Return the live result layer of a source, or None."""
        entry = self._entry(source)
        return None if entry is None else entry.layer

    def result_of(self, source: Any) -> Result | None:
        """Return the result that the live layer of a source shows, or None."""
        entry = self._entry(source)
        return None if entry is None else entry.result

    def input_of(self, source: Any) -> Stack | None:
        """Return the pixels that the live result was made from, whatever the source shows by now, or None."""
        entry = self._entry(source)
        return None if entry is None else entry.stack

    def keep(self, source: Any) -> Any:
        """Pin the live result of a source: the next run makes a new layer. Return the layer, or None."""
        layer = self.layer_of(source)
        self._live.pop(id(source), None)
        return layer

    def let_go(self) -> None:
        """Forget results whose source or layer is not in the viewer any more, and so free their pixels."""
        layers = self._viewer.layers
        gone = [key for key, one in self._live.items() if not {one.source, one.layer} <= set(layers)]
        for key in gone:
            del self._live[key]

    def _entry(self, source: Any) -> Entry | None:
        entry = self._live.get(id(source))
        if entry is None or entry.source is not source or entry.layer not in self._viewer.layers:
            return None
        return entry

    def _added(self, source: Any, made: LayerData) -> Any:
        from napari.layers import Layer

        layers = self._viewer.layers
        layer = Layer.create(*made)
        selected, active = set(layers.selection), layers.selection.active
        layers.insert(layers.index(source) + 1 if source in layers else len(layers), layer)
        if active is not None:
            layers.selection = selected
            layers.selection.active = active
        return layer


def _fits(layer: Any, made: LayerData) -> bool:
    """Whether new data may take the place of a layer's data."""
    data, attributes, _ = made
    ndim = (data[0] if attributes["multiscale"] else data).ndim - bool(attributes["rgb"])
    return bool(
        layer.ndim == ndim and layer.rgb == attributes["rgb"] and layer.multiscale == attributes["multiscale"]
    )


def _renamed(entry: Entry, made: LayerData) -> str:
    """Give a layer the name of new data, unless the user gave it another; return the last one of ours."""
    if entry.layer.name != entry.name:
        return entry.name
    entry.layer.name = made[1]["name"]
    return str(entry.layer.name)


def _refresh(layer: Any, made: LayerData) -> None:
    data, attributes, _ = made
    layer.data = data
    for key in PLACED:
        if key in attributes:
            setattr(layer, key, attributes[key])
    layer.metadata = attributes["metadata"]
    layer.visible = True
