"""OME-TIFF: axes and voxel sizes in OME-XML, the record as a comment annotation in it.

Convention: reading is `tiff.read`, which sees from the file itself that it is OME; only OME's own metadata
are here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..methods import Json
from ..recipe import Record
from ..stack import Stack
from .pages import Report
from .problems import FileProblem
from .tiff import opened, write_pages
from .tiff import read as read
from .units import ome_symbol, unit_name

COMPRESSIONS = ("none", "zlib", "zstd", "lzw")
DTYPES = ("bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
NAMESPACE = "napari-shrinkage/record"


def check(stack: Stack, path: Path) -> None:
    """Raise a `FileProblem` if OME-TIFF cannot hold the image."""
    if str(stack.array.dtype) not in DTYPES:
        raise FileProblem(
            f"{path}: OME-TIFF cannot hold {stack.array.dtype} values; it holds {', '.join(DTYPES)}."
        )
    if set(stack.axes) - set("TCZYX") or not stack.axes.endswith(("YX", "YXC")):
        raise FileProblem(
            f"{path}: OME-TIFF has the axes T, C, Z before YX (or YXC for colours); this image has "
            f"{stack.axes}. Write a .npy or .tif file, or name its axes otherwise."
        )


def write(part: Path, stack: Stack, record: Record | None, compression: str, report: Report) -> None:
    """Write an OME-TIFF file; see `files.write`."""
    axes = stack.axes[:-1] + "S" if stack.is_color else stack.axes
    metadata: Json = {"axes": axes, "Creator": "napari-shrinkage", **_sizes(stack)}
    if record is not None:
        metadata["CommentAnnotation"] = {"Namespace": NAMESPACE, "Value": json.dumps(record.to_json())}
    if str(stack.array.dtype) == "bool":
        stack = stack.with_array(stack.array.astype("uint8"))
    write_pages(part, stack, metadata, compression, report, ome=True)


def record(path: Path) -> Json | None:
    """Return the record in an OME-TIFF file, as JSON."""
    with opened(path) as file:
        if not file.is_ome:
            return None
        root = ElementTree.fromstring(file.ome_metadata)
        for element in root.iter():
            if element.get("Namespace") == NAMESPACE:
                return dict(json.loads("".join(element.itertext())))
        return None


def ome_grid(file: Any) -> dict[str, tuple[float, str]]:
    """Return spacing and unit per axis from the OME-XML of an open file."""
    root = ElementTree.fromstring(file.ome_metadata)
    pixels = next((e for e in root.iter() if e.tag.endswith("}Pixels") or e.tag == "Pixels"), None)
    found: dict[str, tuple[float, str]] = {}
    if pixels is None:
        return found
    for letter in "XYZ":
        size = pixels.get(f"PhysicalSize{letter}")
        if size and float(size) > 0:
            found[letter] = (float(size), unit_name(pixels.get(f"PhysicalSize{letter}Unit", "µm")))
    if float(pixels.get("TimeIncrement", 0)) > 0:
        found["T"] = (float(pixels.get("TimeIncrement", 0)), unit_name(pixels.get("TimeIncrementUnit", "s")))
    return found


def _sizes(stack: Stack) -> Json:
    """Return OME's size attributes of the axes whose spacing means something."""
    found: Json = {}
    for letter, spacing, unit in zip(stack.axes, stack.spacing, stack.units, strict=True):
        if (spacing, unit) == (1.0, "pixel") or letter == "C":
            continue
        if letter in "XYZ":
            found[f"PhysicalSize{letter}"], found[f"PhysicalSize{letter}Unit"] = spacing, ome_symbol(unit)
        elif unit != "pixel":
            found["TimeIncrement"], found["TimeIncrementUnit"] = spacing, ome_symbol(unit)
    return found
