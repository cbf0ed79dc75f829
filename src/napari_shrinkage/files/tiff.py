"""Plain and ImageJ TIFF: axes and voxel sizes as ImageJ, tifffile or the resolution tags tell them.

Convention: a stack that ImageJ can open is written as an ImageJ hyperstack, with the record as its "Info";
any other as a plain TIFF whose description, JSON, holds axes, grid and record.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..methods import Json
from ..recipe import Record
from ..stack import Stack
from .naming import named
from .on_demand import on_demand
from .pages import Report, pages
from .problems import FileProblem, reading
from .tiff_chain import check_chain
from .units import unit_name

COMPRESSIONS = ("none", "zlib", "zstd", "lzw")
LAZY_BYTES = 2**29
IMAGEJ_BYTES = 2**32 - 2**24
IMAGEJ_ORDER = "TZCYXS"
CENTIMETER = 3
KEY = "napari_shrinkage"


def read(path: Path, axes: str | None, lazy: bool | None) -> Stack:
    """Read the first image of a TIFF or OME-TIFF file; see `files.read`."""
    with opened(path) as file:
        series = file.series[0]
        _warn_of_others(path, len(file.series))
        array, letters = _pixels(series, lazy, path)
        spacing, units = grid(file, letters)
    return named(array, letters, spacing, units, axes, str(path))


def check(stack: Stack, path: Path) -> None:
    """Raise a `FileProblem` if a TIFF cannot hold the image."""
    if stack.array.dtype.kind not in "biuf":
        raise FileProblem(f"{path}: a TIFF file cannot hold {stack.array.dtype} values.")


def write(part: Path, stack: Stack, record: Record | None, compression: str, report: Report) -> None:
    """Write a TIFF file that ImageJ opens where it can; see `files.write`."""
    metadata, imagej = _described(stack, record)
    write_pages(part, stack, metadata, compression, report, imagej=imagej, **_resolution(stack))


def record(path: Path) -> Json | None:
    """Return the record in a TIFF file, as JSON."""
    with opened(path) as file:
        if file.is_imagej:
            return _json_record(str((file.imagej_metadata or {}).get("Info", "")))
        described = file.shaped_metadata[0] if file.shaped_metadata else {}
        return _json_record(str(described.get(KEY, "")))


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a TIFF file; damage that tifffile only logs is a `FileProblem` too."""
    import tifffile

    logger, complaints = logging.getLogger("tifffile"), _Complaints()
    logger.addHandler(complaints)
    try:
        with reading(path, "TIFF file"):
            with path.open("rb") as raw:
                check_chain(raw)
            try:
                with tifffile.TiffFile(path) as file:
                    yield file
            except tifffile.TiffFileError as error:
                raise ValueError(str(error)) from error
            if complaints.texts:
                raise ValueError(complaints.texts[0])
    finally:
        logger.removeHandler(complaints)


def grid(file: Any, letters: str) -> tuple[list[float], list[str]]:
    """Return spacing and units of the axes, as far as the file tells them."""
    from .ome_tiff import ome_grid

    if file.is_ome:
        known = ome_grid(file)
    elif file.is_imagej:
        known = _imagej_grid(file)
    else:
        known = _own_grid(file, letters) or _resolution_grid(file)
    pairs = [known.get(letter, (1.0, "pixel")) for letter in letters]
    return [spacing for spacing, _ in pairs], [unit for _, unit in pairs]


def write_pages(
    part: Path, stack: Stack, metadata: Json, compression: str, report: Report, **options: Any
) -> None:
    """Write the planes of a stack one after the other; a lazy stack is computed slab by slab."""
    import tifffile

    shape, dtype = stack.shape, np.dtype(stack.array.dtype)
    photometric = "rgb" if stack.is_color else "minisblack"
    if compression != "none":
        options["compression"] = {"zlib": "deflate"}.get(compression, compression)
        options["predictor"] = 2 if dtype.kind in "iu" else None
    if stack.has_alpha:
        options["extrasamples"] = ["unassalpha"]
    large = not options.get("imagej") and stack.pixels * dtype.itemsize > IMAGEJ_BYTES
    with tifffile.TiffWriter(
        part, bigtiff=large, imagej=options.pop("imagej", False), ome=options.pop("ome", False)
    ) as file:
        file.write(
            pages(stack, report),
            shape=shape,
            dtype=dtype,
            photometric=photometric,
            metadata=metadata,
            maxworkers=1,
            **options,
        )


def _warn_of_others(path: Path, images: int) -> None:
    if images > 1:
        warnings.warn(f"{path} holds {images} images; only the first is read.", stacklevel=4)


class _Complaints(logging.Handler):
    """Collects what tifffile logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.texts.append(record.getMessage().rpartition("> ")[2])


def _pixels(series: Any, lazy: bool | None, path: Path) -> tuple[Any, str]:
    """Return the pixels of a series, and one letter per axis."""
    letters = _letters(series.axes, series.shape)
    lazy = series.nbytes > LAZY_BYTES if lazy is None else lazy
    array = _lazily(series, path) if lazy else series.asarray()
    planar = "S" in series.axes and letters.endswith("C") and not series.axes.endswith("S")
    return (_moved(array, series.axes.index("S")) if planar else array), letters


def _lazily(series: Any, path: Path) -> Any:
    import zarr

    stored = zarr.open(series.aszarr(level=0), mode="r")
    plane = 3 if series.axes.endswith("S") else 2
    chunks = (1,) * (len(series.shape) - plane) + series.shape[-plane:]
    return on_demand(stored, path, "TIFF file", chunks)


def _moved(array: Any, axis: int) -> Any:
    """Return an array with its colours last."""
    order = [*(i for i in range(array.ndim) if i != axis), axis]
    return array.transpose(order)


def _letters(axes: str, shape: tuple[int, ...]) -> str:
    """Return tifffile's axes in our letters: samples are colours, last; unknown axes Z, then T, then any."""
    colors = "S" in axes and shape[axes.index("S")] in (3, 4)
    letters = axes.replace("S", "") if colors else axes
    if colors or "S" in letters:
        letters = letters.replace("C", "c")
    letters = letters.replace("S", "C").replace(
        "c", "C" if not colors else "P" if "P" not in letters else "V"
    )
    for unknown in "QI":
        while unknown in letters:
            letters = letters.replace(unknown, next(c for c in "ZTPVWUBDEFGH" if c not in letters), 1)
    return letters + "C" * colors


def _imagej_grid(file: Any) -> dict[str, tuple[float, str]]:
    metadata = file.imagej_metadata or {}
    unit = unit_name(metadata.get("unit"))
    found = {letter: (spacing, unit) for letter, spacing in _per_pixel(file, 1.0).items()}
    if metadata.get("spacing"):
        found["Z"] = (abs(float(metadata["spacing"])), unit)
    if metadata.get("finterval"):
        found["T"] = (float(metadata["finterval"]), "second")
    return found


def _own_grid(file: Any, letters: str) -> dict[str, tuple[float, str]]:
    """Return the grid that `write` put into a plain TIFF's description."""
    found = file.shaped_metadata[0] if file.shaped_metadata else {}
    if len(found.get("spacing", ())) != len(letters):
        return {}
    return dict(zip(letters, zip(found["spacing"], found["units"], strict=True), strict=True))


def _resolution_grid(file: Any) -> dict[str, tuple[float, str]]:
    """Return the grid of a plain TIFF; resolutions per inch are for printers and say nothing."""
    unit = file.pages[0].tags.get("ResolutionUnit")
    if unit is None or int(unit.value) != CENTIMETER:
        return {}
    return {letter: (spacing, "micrometer") for letter, spacing in _per_pixel(file, 1e4).items()}


def _per_pixel(file: Any, length: float) -> dict[str, float]:
    """Return the spacing along Y and X from the resolution tags, for a resolution per `length`."""
    found = {}
    for letter, name in (("X", "XResolution"), ("Y", "YResolution")):
        tag = file.pages[0].tags.get(name)
        if tag is not None and all(tag.value):
            found[letter] = length * tag.value[1] / tag.value[0]
    return found


def _described(stack: Stack, record: Record | None) -> tuple[Json, bool]:
    """Return tifffile's metadata for a stack, and whether ImageJ can hold it."""
    text = "" if record is None else json.dumps({KEY: record.to_json()})
    axes = stack.axes[:-1] + "S" if stack.is_color else stack.axes
    if not _fits_imagej(stack, axes):
        plain: Json = {"axes": axes, "spacing": list(stack.spacing), "units": list(stack.units)}
        return {**plain, **({KEY: text} if text else {})}, False
    of = dict(zip(stack.axes, zip(stack.spacing, stack.units, strict=True), strict=True))
    found: Json = {"axes": axes, "unit": unit_name(of["X"][1]), **({"Info": text} if text else {})}
    if "Z" in of:
        found["spacing"] = of["Z"][0]
    if "T" in of and of["T"][1] == "second":
        found["finterval"] = of["T"][0]
    return found, True


def _fits_imagej(stack: Stack, axes: str) -> bool:
    kinds = ("uint8",) if stack.is_color else ("uint8", "uint16", "float32")
    in_order = [letter for letter in IMAGEJ_ORDER if letter in axes] == list(axes)
    small = stack.pixels * stack.array.dtype.itemsize < IMAGEJ_BYTES
    wide = stack.shape[stack.axes.index("X")] > 1  # else tifffile takes another axis for X
    return in_order and small and wide and str(stack.array.dtype) in kinds and not stack.has_alpha


def _resolution(stack: Stack) -> Json:
    """Return the resolution tags of a stack whose pixel size is known."""
    of = dict(zip(stack.axes, zip(stack.spacing, stack.units, strict=True), strict=True))
    if of["X"][1] == "pixel":
        return {}
    return {"resolution": (1 / of["X"][0], 1 / of["Y"][0]), "resolutionunit": 1}


def _json_record(text: str) -> Json | None:
    if KEY not in text:
        return None
    try:
        return dict(json.loads(text)[KEY])
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
