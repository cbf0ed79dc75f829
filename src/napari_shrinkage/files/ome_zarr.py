"""OME-Zarr: chunked images in a folder, read on demand and written chunk by chunk, with a pyramid.

Convention: version 0.5 (Zarr 3) is written, 0.4 (Zarr 2) is read as well; axes come in the order T, C, Z,
Y, X that the specification wants, so colours move to C and are marked, to be found again when the image is
read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..methods import Json
from ..pyramid import coarsened, halved_shapes
from ..recipe import Record
from ..stack import Stack
from .naming import named
from .on_demand import on_demand
from .pages import Report
from .problems import FileProblem, reading
from .units import unit_name

COMPRESSIONS = ("zstd", "zlib", "none")
KEY = "napari_shrinkage"
ORDER = "TCZYX"
KINDS = {"T": "time", "C": "channel"}
SIDE = 1024
VERSION = "0.5"


def read(path: Path, axes: str | None, lazy: bool | None) -> Stack:
    """Read the full resolution of an OME-Zarr image, or a bare Zarr array; see `files.read`."""
    import zarr

    with reading(path, "Zarr folder"):
        node = _image_group(zarr.open(path.absolute(), mode="r"))  # for workers in other folders
        about = {} if isinstance(node, zarr.Array) else _multiscale(node)
        array = node if isinstance(node, zarr.Array) else node[about["datasets"][0]["path"]]
        whole = lazy is False
        pixels = (
            np.asarray(array[...])
            if whole
            else on_demand(array, path.absolute(), "Zarr folder", array.chunks)
        )
        own = _colored(Stack(pixels, *_grid(about)), about) if about else None
    if own is None:
        return Stack(pixels, axes or "", source=str(path))
    return named(own.array, own.axes, own.spacing, own.units, axes, str(path))


def check(stack: Stack, path: Path) -> None:
    """Raise a `FileProblem` if OME-Zarr cannot hold the image."""
    if set(stack.axes) - set(ORDER):
        raise FileProblem(
            f"{path}: OME-Zarr has the axes T, C, Z, Y and X; this image has {stack.axes}. "
            "Name its axes otherwise, or write a .npy file."
        )


def write(part: Path, stack: Stack, record: Record | None, compression: str, report: Report) -> None:
    """Write an OME-Zarr folder with a pyramid, block by block; see `files.write`."""
    levels = created(part, stack, compression)
    for number, level in enumerate(levels):
        source = coarsened(_lazily(levels[number - 1]), level.shape) if number else ordered(stack).array
        _fill(level, source, report if number == 0 else lambda done, total: None)
    describe(part, stack, record)


def created(part: Path, stack: Stack, compression: str, side: int = SIDE) -> list[Any]:
    """Make the folder of an image with a pyramid, and return its arrays, which hold nothing yet.

    Parameters
    ----------
    part : Path
        The folder; it must not exist.
    stack : Stack
        Like the image; its values are not looked at.
    compression : str
        One of `COMPRESSIONS`.
    side : int
        Of a chunk along Y and X, in pixels; along every other axis it is 1.
    """
    import zarr

    like = ordered(stack)
    group = zarr.open_group(part, mode="w-", zarr_format=3)
    shapes = halved_shapes(like.shape, like.axes)
    return [_created(group, str(level), shape, like, compression, side) for level, shape in enumerate(shapes)]


def describe(part: Path, stack: Stack, record: Record | None) -> None:
    """Write the attributes of an image whose arrays are there: OME's, and how it was made."""
    import zarr

    like = ordered(stack)
    shapes = halved_shapes(like.shape, like.axes)
    zarr.open_group(part, mode="r+").attrs.update(attributes(like, shapes, record, stack.is_color))


def record(path: Path) -> Json | None:
    """Return the record in the attributes of an OME-Zarr image, as JSON."""
    import zarr

    with reading(path, "Zarr folder"):
        found = _image_group(zarr.open(path, mode="r")).attrs.asdict().get(KEY, {})
        return found.get("record")  # type: ignore[no-any-return]


def _image_group(node: Any) -> Any:
    """Return the group of the first image in a collection made by bioformats2raw, else the node itself."""
    attributes = node.attrs.asdict()
    is_collection = "bioformats2raw.layout" in {**attributes, **attributes.get("ome", {})}
    return node["0"] if is_collection else node


def _multiscale(group: Any) -> Json:
    """Return the first multiscale image's metadata, and our own marks with it."""
    attributes = group.attrs.asdict()
    found = attributes.get("ome", attributes).get("multiscales")
    if not found:
        raise ValueError("it is a Zarr group without OME metadata (multiscales)")
    return {**found[0], KEY: attributes.get(KEY, {})}


def _grid(about: Json) -> tuple[str, tuple[float, ...], tuple[str, ...]]:
    axes = [{"name": axis} if isinstance(axis, str) else axis for axis in about["axes"]]
    scale = np.ones(len(axes))
    for step in (
        *about["datasets"][0].get("coordinateTransformations", ()),
        *about.get("coordinateTransformations", ()),
    ):
        scale = scale * np.asarray(step.get("scale", 1.0))
    letters = "".join(axis["name"][:1].upper() for axis in axes)
    return letters, tuple(float(s) for s in scale), tuple(unit_name(axis.get("unit")) for axis in axes)


def _colored(stack: Stack, about: Json) -> Stack:
    """Move the channels of an image that was marked as coloured to the end."""
    if not about.get(KEY, {}).get("color"):
        return stack
    at = stack.axes.index("C")
    order = [*(i for i in range(len(stack.axes)) if i != at), at]
    return _transposed(stack, order)


def ordered(stack: Stack) -> Stack:
    """Return a stack with its axes in the order of the specification."""
    return _transposed(stack, order_of(stack.axes))


def order_of(axes: str) -> list[int]:
    """Return the place in `axes` of every axis, in the order of the specification."""
    return [axes.index(letter) for letter in ORDER if letter in axes]


def _transposed(stack: Stack, order: list[int]) -> Stack:
    return Stack(
        stack.array.transpose(order),
        "".join(stack.axes[i] for i in order),
        tuple(stack.spacing[i] for i in order),
        tuple(stack.units[i] for i in order),
        stack.source,
    )


def _created(group: Any, name: str, shape: tuple[int, ...], stack: Stack, compression: str, side: int) -> Any:
    chunks = tuple(min(n, side) if letter in "YX" else 1 for n, letter in zip(shape, stack.axes, strict=True))
    return group.create_array(
        name,
        shape=shape,
        dtype=np.dtype(stack.array.dtype),
        chunks=chunks,
        dimension_names=[letter.lower() for letter in stack.axes],
        compressors=_compressor(compression),
    )


def _compressor(compression: str) -> Any:
    from zarr.codecs import GzipCodec, ZstdCodec

    if compression == "none":
        return None
    return ZstdCodec(level=3) if compression == "zstd" else GzipCodec(level=5)


def _lazily(array: Any) -> Any:
    import dask.array as da

    return da.from_array(array, chunks=array.chunks)


def _fill(stored: Any, source: Any, report: Report) -> None:
    """Store an array: a lazy one block by block, each block computed once."""
    if not hasattr(source, "dask"):
        stored[...] = source
        report(1, 1)
        return
    starts = [np.cumsum([0, *sizes]) for sizes in source.chunks]
    total = int(np.prod(source.numblocks))
    for done, place in enumerate(np.ndindex(source.numblocks)):
        report(done, total)
        region = tuple(slice(int(s[i]), int(s[i + 1])) for s, i in zip(starts, place, strict=True))
        stored[region] = np.asarray(source.blocks[place])
    report(total, total)


def attributes(stack: Stack, shapes: list[tuple[int, ...]], record: Record | None, color: bool) -> Json:
    """Return the attributes of an image's group: OME's for levels of these shapes, and the record."""
    axes = [_axis(letter, unit) for letter, unit in zip(stack.axes, stack.units, strict=True)]
    datasets = [
        {"path": str(level), "coordinateTransformations": _transformations(stack, shapes[0], shape)}
        for level, shape in enumerate(shapes)
    ]
    multiscales: list[Json] = [{"name": "image", "axes": axes, "datasets": datasets}]
    own: Json = {KEY: {"color": color, "record": None if record is None else record.to_json()}}
    return {"ome": {"version": VERSION, "multiscales": multiscales}, **own}


def _axis(letter: str, unit: str) -> Json:
    axis = {"name": letter.lower(), "type": KINDS.get(letter, "space")}
    return axis if unit == "pixel" or letter == "C" else {**axis, "unit": unit}


def _transformations(stack: Stack, full: tuple[int, ...], shape: tuple[int, ...]) -> list[Json]:
    """Return a level's scale, and the translation of its first pixel's centre."""
    ratio = [n / m for n, m in zip(full, shape, strict=True)]
    found: list[Json] = [
        {"type": "scale", "scale": [s * r for s, r in zip(stack.spacing, ratio, strict=True)]}
    ]
    if shape != full:
        shift = [s * (r - 1) / 2 for s, r in zip(stack.spacing, ratio, strict=True)]
        found.append({"type": "translation", "translation": shift})
    return found
