"""NumPy files: bare pixels. They keep neither axes, voxel size nor record."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..methods import Json
from ..recipe import Record
from ..stack import Stack
from .pages import Report, pages
from .problems import FileProblem, reading

COMPRESSIONS = ("none",)


def read(path: Path, axes: str | None, lazy: bool | None) -> Stack:
    """Read a .npy file (mapped into memory); see `files.read`."""
    with reading(path, "npy file"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    return Stack(array, axes or "", source=str(path))


def check(stack: Stack, path: Path) -> None:
    """Raise a `FileProblem` if a .npy file cannot hold the image."""
    if stack.array.dtype.kind not in "biuf":
        raise FileProblem(f"{path}: cannot hold {stack.array.dtype} values.")


def write(part: Path, stack: Stack, record: Record | None, compression: str, report: Report) -> None:
    """Write a .npy file plane by plane; the record is left out. See `files.write`."""
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(stack.array.dtype)),
        "fortran_order": False,
        "shape": stack.shape,
    }
    with part.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for page in pages(stack, report):
            file.write(page.data)


def record(path: Path) -> Json | None:
    """Return None: a .npy file holds no record."""
    return None
