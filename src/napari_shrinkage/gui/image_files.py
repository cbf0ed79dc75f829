"""napari's reader and writer of OME-TIFF: voxel size, units, axes and the record survive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..files import FileProblem, ending, read, read_record, write
from .layers import RECORD, LayerData, record_of_layer, stack_layer, stack_of_layer


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return the reader of OME-TIFF files, or None for several files that are to be stacked."""
    return None if isinstance(path, list) else read_ome_tiff


def read_ome_tiff(path: str | list[str]) -> list[LayerData]:
    """Return the image of an OME-TIFF file as a layer."""
    if isinstance(path, list):
        raise FileProblem("several files at once cannot be stacked by this reader; open them one by one.")
    stack, record = read(path), read_record(path)
    name = Path(path).name[: -len(ending(path))]
    return [stack_layer(stack, name, metadata={} if record is None else {RECORD: record.to_json()})]


def write_ome_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer, replacing a file of that name; return the path as a list."""
    from napari.layers import Layer

    layer = Layer.create(data, attributes, "image")
    write(path, stack_of_layer(layer), record_of_layer(layer), overwrite=True)
    return [path]
