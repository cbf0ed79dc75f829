"""Pixels that stay in their file until they are asked for; damage that is met then is told like any other.

Convention: what a file's library offers (shape, dtype, slicing) is handed on as it is. A chunk that is not in
a Zarr folder is all zeros by the format's rules, so after each read it is made sure that the folder is there.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from .problems import ZARR_FILES, reading


class OnDemand:
    """An array in a file, whose errors are `FileProblem`.

    Parameters
    ----------
    array : array
        With shape, dtype and slicing, such as a Zarr array.
    path : Path
        The file.
    what : str
        What it is said to be when it is damaged: "TIFF file".
    """

    def __init__(self, array: Any, path: Path, what: str) -> None:
        self.array, self.path, self.what = array, path, what
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: Any) -> Any:
        with reading(self.path, self.what):
            values = self.array[index]
            if not (self.path.is_file() or any((self.path / name).exists() for name in ZARR_FILES)):
                raise FileNotFoundError(errno.ENOENT, "gone")
            return values

    def __dask_tokenize__(self) -> Any:
        from dask.base import normalize_token

        return normalize_token(self.array)


def on_demand(array: Any, path: Path, what: str, chunks: tuple[int, ...]) -> Any:
    """Return the dask array of an array in a file; the parameters are those of `OnDemand`."""
    import dask.array as da

    return da.from_array(OnDemand(array, path, what), chunks=chunks)
