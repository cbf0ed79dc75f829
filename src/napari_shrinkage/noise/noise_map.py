"""Noise whose strength is known at every pixel: a map of its standard deviation, in a file.

Convention: the level of a pixel is its std over the map's median, and `sigma` is the std at level 1. The map
stays in its file; a model holds its path and its checksum, and reads it when the first level is asked for.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Self

import annotated_types as at
import numpy as np
import numpy.typing as npt

from ..geometry import taken
from ..methods import HIDDEN, method
from ..stack import Float
from .autocorrelation import Autocorrelation
from .base import Indices, NoiseModel, Stabiliser, Values, together
from .camera_maps import check_file, file_checksum
from .color_noise import ColorNoise
from .gaussian import Scaling

FOLDER_VARIABLE = "NAPARI_SHRINKAGE_NOISE_MAPS"
LEAST = 0.01  # of the median, that the std of a pixel counts as


@method("noise-map", title="Noise map")
class NoiseMap(NoiseModel):
    """Gaussian noise whose standard deviation is known at each pixel.

    Parameters
    ----------
    path : str
        The npy file with the map, as `from_array` writes it.
    checksum : str
        The blake2b checksum of that file.
    sigma : float or tuple of float
        Noise standard deviation where the map has its median, in the units of the image; one number, or one
        for each channel. Another one makes the noise of all pixels stronger or weaker in proportion.
    autocorrelation : Autocorrelation
        Correlation between neighbouring pixels; white noise when absent.
    color : ColorNoise
        What the colours of a photograph share of their noise; nothing when absent.
    verdict : str
        What the map is worth, in one sentence; "" when the model was given.

    Notes
    -----
    One map (Y, X) serves all planes and channels of an image. A network that is told the noise level is told
    that of each pixel. Every other method knows one level: it sees the image divided by the pixels' levels,
    and its result is multiplied by them. That is *valid* where the map is smooth compared with the patches or
    wavelets of the method; a step in the map becomes a step in what it sees.

    The median is that of the pixels which have noise. A std of 0, or below a hundredth of the median, counts
    as a hundredth of it.
    """

    path: Annotated[str, HIDDEN]
    checksum: Annotated[str, HIDDEN]
    sigma: Annotated[Values, at.Ge(0), at.MinLen(1), at.Unit("image units")]
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    color: Annotated[ColorNoise | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    per_channel: ClassVar[tuple[str, ...]] = ("sigma",)
    is_even: ClassVar[bool] = False

    @classmethod
    def from_array(cls, sigma: npt.ArrayLike, path: str | Path | None = None) -> Self:
        """Write a map to a file and return its model.

        Parameters
        ----------
        sigma : array_like, (Y, X)
            Noise std at each pixel, in the units of the image; stored as float32.
        path : str or Path, optional
            Ends in ".npy"; a file that is there already is replaced. None takes the folder `map_folder`, and
            a name made from the checksum.

        Raises
        ------
        ValueError
            If the map has other axes, or values that are negative or not finite.
        """
        values = _checked(sigma)
        if path is None:
            return cls.from_file(_cached(values))
        if Path(path).suffix != ".npy":
            raise ValueError(f"a noise map is an npy file; {path} does not end in .npy.")
        _saved(values, Path(path).parent).replace(path)
        return cls.from_file(path)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Return the model of the map in an npy file, (Y, X).

        Raises
        ------
        ValueError
            If there is no such file, or it holds no noise map.
        """
        where = str(Path(path).resolve())
        if not Path(where).is_file():
            raise ValueError(f"there is no file {where} with a noise map.")
        checksum = file_checksum(where)
        return cls(path=where, checksum=checksum, sigma=_levels(where, checksum)[1])

    def stabilisers(self) -> tuple[Stabiliser, ...]:
        """Return the division of each channel by `sigma`."""
        return tuple(Scaling(**one) for one in together(sigma=self.sigma))

    def level(self, indices: Sequence[Indices]) -> Float:
        """Return the noise std of pixels over `sigma`, (Y, X).

        Raises
        ------
        ValueError
            If the file is missing, has changed since, or does not hold a map.
        """
        return taken(_levels(self.path, self.checksum)[0], indices[-2:])

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise an error if an image of another spatial shape (..., Y, X) than the map is to be restored."""
        found, expected = tuple(shape[-2:]), _levels(self.path, self.checksum)[0].shape
        if found != expected:
            raise ValueError(
                f"the noise map has {expected[0]} x {expected[1]} pixels (rows x columns), the planes of the "
                f"image {' x '.join(str(n) for n in found)}. Give the std of the noise at each pixel of a "
                "plane."
            )


def map_folder() -> Path:
    """Return where maps without a path are kept: the user's cache, or what NAPARI_SHRINKAGE_NOISE_MAPS says.

    Records name these files. Whoever empties the folder cannot repeat them without the map.
    """
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("napari-shrinkage") / "noise-maps"


def _cached(values: Float) -> Path:
    """Write a map into the folder of maps, unless it is there already, and return its file."""
    folder = map_folder()
    folder.mkdir(parents=True, exist_ok=True)
    part = _saved(values, folder)
    checksum = file_checksum(part)
    path = folder / f"{checksum}.npy"
    if path.is_file() and file_checksum(path) == checksum:
        part.unlink()
    else:
        part.replace(path)
    return path


def _saved(values: Float, folder: Path) -> Path:
    """Write a map under a name of its own, so that no file is ever half written, and return its file."""
    part = folder / f".{uuid.uuid4().hex[:8]}.part.npy"
    np.save(part, values, allow_pickle=False)
    return part


def _checked(sigma: npt.ArrayLike) -> Float:
    """Return a map as float32, (Y, X), or raise an error that says what does not fit."""
    values = np.asarray(sigma)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "buif":
        raise ValueError(
            f"a noise map of shape {values.shape} and type {values.dtype}: expected numbers (rows, columns), "
            "the std of the noise at each pixel of a plane. One map serves all planes and channels."
        )
    values = values.astype(np.float32)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"the noise map has {int(bad.sum())} values that are negative or not finite, the first is "
            f"{values[row, column]} at row {row}, column {column}. A std is 0 or more; fill in what is not "
            "known, such as with the median."
        )
    return values


@lru_cache(maxsize=2)
def _levels(path: str, checksum: str) -> tuple[Float, float]:
    """Read a map, once for each file, and return the levels of its pixels and its median."""
    check_file(
        path,
        checksum,
        "the noise levels of the pixels",
        missing="Put the npy file back, or give the map again.",
        replaced="give the map again, or restore the file.",
    )
    try:
        values = _checked(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path!r} does not hold a noise map: {error}") from error
    noisy = values[values > 0]
    usual = float(np.median(noisy)) if noisy.size else 0.0
    levels = np.maximum(values / np.float32(usual), np.float32(LEAST)) if usual else np.ones_like(values)
    levels.setflags(write=False)
    return levels, usual
