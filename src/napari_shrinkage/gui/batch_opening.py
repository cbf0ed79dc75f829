"""An image of a batch and its result as layers, the one exactly over the other.

Convention: files are read in a worker; layers are made on the GUI thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine import Progress, Result
from ..files import ending, read, read_record
from ..recipe import Record
from ..stack import Stack
from .jobs import Work
from .layers import result_layer, stack_layer


@dataclass(frozen=True)
class Pair:
    """An image, and its result where there is one that says how it was made."""

    source: Path
    name: str
    stack: Stack
    result: Result | None


def reading_pair(source: Path, target: Path) -> Work:
    """Read an image and its result (in a worker)."""
    yield Progress(0, 1, f"opening {source.name}")
    record = read_record(target) if target.exists() else None
    stack = read(source, None if record is None else record.input["axes"])
    result = None if record is None else _result(read(target), record)
    return Pair(source, source.name[: -len(ending(source))], stack, result)


def add_pair(viewer: Any, pair: Pair) -> list[Any]:
    """Add the layers to a viewer, the result on top and selected, and return them."""
    from napari.layers import Layer

    layer = Layer.create(*stack_layer(pair.stack, pair.name))
    layers = [layer]
    if pair.result is not None:
        layers.append(Layer.create(*result_layer(layer, pair.result)))
    viewer.layers.extend(layers)
    return layers


def select_layers(viewer: Any, layers: list[Any]) -> bool:
    """Select the last of some layers, as it is when they are added; return whether all of them are there."""
    if not layers or not all(layer in viewer.layers for layer in layers):
        return False
    viewer.layers.selection.active = layers[-1]
    return True


def _result(made: Stack, record: Record) -> Result:
    """Return a result with the axes in the order of its image."""
    axes = record.input["axes"]
    order = [made.axes.index(letter) for letter in axes]
    stack = Stack(
        made.array.transpose(order),
        axes,
        tuple(made.spacing[i] for i in order),
        tuple(made.units[i] for i in order),
        made.source,
    )
    region = tuple(slice(start, stop) for start, stop in record.input["region"])
    return Result(stack, record, region)
