"""The maps of a sensor: offset, gain and read noise of every pixel, their file, and which pixels are broken.

Convention: maps are float32 (rows, columns) in counts; NaN marks a pixel that is known to be bad. A map file
is an npz with `offset`, `gain` and `read_var`, known by its checksum.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..stack import Array, Float
from .base import Indices

HOT_READ = 4.0  # times the median read noise
ODD_GAIN = 4.0  # times the median gain, or that much below it
REACH = 2  # pixels: how far a broken pixel looks for good neighbours
STEPS = np.arange(-REACH, REACH + 1)
RINGS = np.maximum(*np.abs(np.meshgrid(STEPS, STEPS, indexing="ij")))


@dataclass(frozen=True, eq=False)
class CameraMaps:
    """What each pixel of a sensor does.

    Parameters
    ----------
    offset : ndarray, (Y, X)
        Counts of no light.
    gain : ndarray, (Y, X)
        Counts per electron.
    read_var : ndarray, (Y, X)
        Variance of the read noise in counts squared.
    """

    offset: Float
    gain: Float
    read_var: Float

    def __post_init__(self) -> None:
        shapes = [np.shape(part) for part in (self.offset, self.gain, self.read_var)]
        if len(shapes[0]) != 2 or len(set(shapes)) > 1:
            raise ValueError(
                f"the maps of offset, gain and read variance have shapes {shapes}; expected three of one "
                "shape (rows, columns), that of the sensor or of the part that was read out."
            )

    @cached_property
    def broken(self) -> npt.NDArray[np.bool_]:
        """Which pixels are not to be used: not finite, far too noisy, or of a gain unlike the others'."""
        return broken_pixels(self.offset, self.gain, self.read_var)


def broken_pixels(offset: Array, gain: Array, read_var: Array) -> npt.NDArray[np.bool_]:
    """Return the mask (Y, X) of pixels that a neighbour replaces.

    Parameters
    ----------
    offset, gain, read_var : ndarray, (Y, X)
        See `CameraMaps`; NaN marks a pixel that is known to be bad.
    """
    finite = np.isfinite(offset) & np.isfinite(gain) & np.isfinite(read_var)
    if not finite.any():
        return ~finite
    usual_gain, usual_var = np.median(gain[finite]), np.median(read_var[finite])
    with np.errstate(invalid="ignore"):
        good = (gain > usual_gain / ODD_GAIN) & (gain < usual_gain * ODD_GAIN) & (gain > 0)
        good &= (read_var >= 0) & (read_var <= HOT_READ**2 * usual_var if usual_var > 0 else finite)
    return np.asarray(~(finite & good))


def save_maps(path: str | Path, offset: Array, gain: Array, read_var: Array) -> str:
    """Write the maps of a camera as an npz file and return its checksum, for `CalibratedCamera`.

    Parameters
    ----------
    path : str or Path
        Ends in ".npz". A file that is there already is replaced.
    offset, gain, read_var : ndarray, (Y, X)
        Counts, counts per electron, counts squared; stored as float32. NaN marks a broken pixel.

    Raises
    ------
    ValueError
        If the shapes differ, or the name ends otherwise.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"the maps of a camera are an npz file; {path} does not end in .npz.")
    maps = CameraMaps(*(np.asarray(part, np.float32) for part in (offset, gain, read_var)))
    part = Path(path).with_suffix(".part.npz")
    np.savez(part, offset=maps.offset, gain=maps.gain, read_var=maps.read_var)
    part.replace(path)
    return file_checksum(path)


def file_checksum(path: str | Path) -> str:
    """Return the blake2b checksum of a file as 32 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def check_file(path: str, checksum: str, contents: str, missing: str, replaced: str) -> None:
    """Raise an error unless a noise model's file is there and as it was; `contents` says what it holds.

    Raises
    ------
    ValueError
        If it is not; the message ends in what to do where it is `missing` or was `replaced`.
    """
    if not Path(path).is_file():
        raise ValueError(f"{contents} are not there: no file {path!r}. {missing}")
    if (found := file_checksum(path)) != checksum:
        raise ValueError(
            f"{contents} in {path!r} are not those of this noise model: checksum {found}, expected "
            f"{checksum!r}. The file was replaced; {replaced}"
        )


@lru_cache(maxsize=2)
def load_maps(path: str, checksum: str) -> CameraMaps:
    """Read the maps of a camera, once for each file.

    Raises
    ------
    ValueError
        If the file is missing, has changed since, or does not hold the maps.
    """
    check_file(
        path,
        checksum,
        "the camera's maps",
        missing="Put the npz file of the calibration back, or calibrate the camera again.",
        replaced="load its profile again, or restore the file.",
    )
    try:
        with np.load(path, allow_pickle=False) as file:
            return CameraMaps(*(file[name].astype(np.float32) for name in ("offset", "gain", "read_var")))
    except (KeyError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path!r} does not hold a camera's maps: expected an npz file with offset, gain and read_var "
            f"of one shape (rows, columns) ({error})."
        ) from error


def mend(values: Float, broken: npt.NDArray[np.bool_], y: Indices, x: Indices) -> None:
    """Replace the broken pixels of `values` (..., Y, X) by the median of good neighbours on the sensor.

    Parameters
    ----------
    values : ndarray, (..., Y, X)
        Changed in place. A pixel without any good neighbour stays as it is.
    broken : ndarray, (Y, X)
        Which ones.
    y, x : ndarray of int, (Y,) and (X,)
        Their rows and columns, rising.
    """
    bad_y, bad_x = np.nonzero(broken)
    if not bad_y.size:
        return
    near_y, there_y = _neighbours(y, bad_y)
    near_x, there_x = _neighbours(x, bad_x)
    across = near_y[:, :, None], near_x[:, None, :]
    good = there_y[:, :, None] & there_x[:, None, :] & ~broken[across]
    near = good & (RINGS <= 1)
    chosen = np.where(near.any(axis=(1, 2), keepdims=True), near, good)
    mendable = chosen.any(axis=(1, 2))
    around = np.where(chosen[mendable], values[..., across[0][mendable], across[1][mendable]], np.nan)
    flat = around.reshape(*around.shape[:-2], -1)
    values[..., bad_y[mendable], bad_x[mendable]] = np.nanmedian(flat, axis=-1)


def _neighbours(places: Indices, at_: Indices) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Return for each entry the positions in `places` of all within `REACH`, and whether they are there."""
    wanted = places[at_][:, None] + STEPS
    found = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    return found, places[found] == wanted
