"""Images in files: TIFF, OME-TIFF, PNG, npy and OME-Zarr, with their axes, voxel sizes and records.

Convention: the ending of the name decides the format, when reading and when writing. A format is a module
with `read`, `check`, `write` and `record`, imported when it is first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..stack import Stack
from .problems import FileProblem, check_place, made_folder, whole_or_nothing

if TYPE_CHECKING:
    from ..recipe import Record

FORMATS = {
    ".ome.tiff": "ome_tiff",
    ".ome.tif": "ome_tiff",
    ".ome.zarr": "ome_zarr",
    ".tiff": "tiff",
    ".tif": "tiff",
    ".png": "png",
    ".npy": "npy",
    ".zarr": "ome_zarr",
}
COMPRESSIONS = ("none", "zlib", "zstd", "lzw")


def read(path: str | Path, axes: str | None = None, lazy: bool | None = None) -> Stack:
    """Read an image file.

    Parameters
    ----------
    path : str or Path
        A file, or the folder of an OME-Zarr image; its name ends as one of `FORMATS`.
    axes : str, optional
        One letter per axis, where the file does not say or is wrong.
    lazy : bool, optional
        Whether pixels are read on demand (dask); None does so for OME-Zarr and for TIFF files above 512 MB.

    Returns
    -------
    Stack
        With the axes, spacing and units of the file.

    Raises
    ------
    FileProblem
        If it is missing, damaged or not of the format that its name says.
    ValueError
        If `axes` does not fit; the message lists what would.
    """
    path = Path(path)
    if not path.exists():
        raise FileProblem(f"there is no file {path}.")
    return _format(path).read(path, axes, lazy)  # type: ignore[no-any-return]


def write(
    path: str | Path,
    stack: Stack,
    record: Record | None = None,
    compression: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write an image file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Its ending decides the format.
    stack : Stack
        The image; a lazy one is computed block by block.
    record : Record, optional
        How it was made; `read_record` reads it back.
    compression : str, optional
        One of `COMPRESSIONS`; None takes the format's own (zstd for OME-Zarr, none for TIFF).
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable
        Called with the number of blocks done and in all; what it raises stops the writing.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileProblem
        If the format cannot hold the image, the file exists, or the folder is read-only or full.
    """
    path = Path(path)
    checked_target(path, compression, overwrite, stack)
    module = _format(path)
    with whole_or_nothing(path, overwrite) as part:
        module.write(part, stack, record, compression or module.COMPRESSIONS[0], progress)
    return path


def checked_target(
    path: Path, compression: str | None = None, overwrite: bool = False, stack: Stack | None = None
) -> None:
    """Raise a `FileProblem` for what is known before writing: name, compression, folder, image."""
    module = _format(path)
    if compression is not None and compression not in module.COMPRESSIONS:
        kinds = ", ".join(module.COMPRESSIONS)
        raise FileProblem(f"{path}: this format has no compression {compression!r}; it has {kinds}.")
    check_place(path, overwrite)
    if stack is not None:
        module.check(stack, path)


def read_record(path: str | Path) -> Record | None:
    """Return how an image file was made, or None when it does not say.

    Raises
    ------
    FileProblem
        If the file is damaged.
    ValueError, TypeError
        If its record names unknown methods or parameters.
    """
    from ..recipe import Record

    path = Path(path)
    if not path.exists():
        raise FileProblem(f"there is no file {path}.")
    data = _format(path).record(path)
    return None if data is None else Record.from_json(data)


def ending(path: str | Path) -> str:
    """Return the ending that decides the format of a file name.

    Raises
    ------
    FileProblem
        If it is of no known format; the message lists them.
    """
    name = Path(path).name.lower()
    found = next((end for end in FORMATS if name.endswith(end)), None)
    if found is None:
        raise FileProblem(f"{path}: unknown ending; expected one of {', '.join(FORMATS)}.")
    return found


def _format(path: Path) -> Any:
    return importlib.import_module(f".{FORMATS[ending(path)]}", __name__)


__all__ = [
    "COMPRESSIONS",
    "FORMATS",
    "FileProblem",
    "checked_target",
    "ending",
    "made_folder",
    "read",
    "read_record",
    "write",
]
