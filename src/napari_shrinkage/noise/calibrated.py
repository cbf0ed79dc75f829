"""A camera whose pixels are not alike, as an sCMOS: maps of offset, gain and read noise from its calibration.

Convention: `corrected` turns raw counts into those of a camera that has the mean gain and offset everywhere;
from there on the noise is that of a `PoissonGaussian`. The maps stay in their file; a model holds its path
and its checksum, and reads it when the first pixel is corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import annotated_types as at
import numpy as np
import numpy.typing as npt

from ..methods import HIDDEN, method
from ..stack import Float
from .autocorrelation import Autocorrelation
from .base import Indices, NoiseModel, Stabiliser, Values
from .camera_maps import REACH, file_checksum, load_maps, mend
from .color_noise import ColorNoise
from .poisson_gaussian import FARTHEST, PoissonGaussian

FARTHEST_PIXEL = 10**9


@method("calibrated-camera", title="Calibrated camera")
class CalibratedCamera(NoiseModel):
    """Noise of a camera whose pixels each have their own offset and gain, taken from calibration maps.

    Parameters
    ----------
    path : str
        The npz file with the maps offset, gain and read_var, as `save_maps` writes it.
    checksum : str
        The blake2b checksum of that file.
    gain : float or tuple of float
        Mean counts per electron, which corrected values have; one number, or one for each channel.
    offset : float or tuple of float
        Mean counts of no light, which corrected values have.
    read_std : float or tuple of float
        Standard deviation of the read noise of a usual pixel, in counts.
    origin : tuple of int
        Row and column on the sensor (in the maps) of the image's pixel (0, 0).
    low, high : float
        Lowest and highest value that the sensor or the file can hold; None where nothing is cut off.
    autocorrelation : Autocorrelation
        Correlation between neighbouring pixels; white noise when absent.
    color : ColorNoise
        What the colours of a photograph share of their noise; nothing when absent.
    verdict : str
        What the calibration is worth, in one sentence; "" when the model was given.

    Notes
    -----
    Valid for raw frames of the calibrated camera in the calibrated mode: not binned, rotated or averaged.
    Broken pixels are replaced by the median of the good ones around. Among the others the read noise still
    differs a little; in the restored image this matters only below a few electrons per pixel. Maps and their
    use in microscopy: [1]_.

    References
    ----------
    .. [1] Huang et al., "Video-rate nanoscopy using sCMOS camera-specific single-molecule localization
       algorithms", Nature Methods 10, 2013, doi:10.1038/nmeth.2488.
    """

    path: Annotated[str, HIDDEN]
    checksum: Annotated[str, HIDDEN]
    gain: Annotated[Values, at.Gt(0), at.MinLen(1), at.Unit("counts/electron")]
    offset: Annotated[Values, at.Ge(-FARTHEST), at.Le(FARTHEST), at.MinLen(1), at.Unit("counts")] = 0.0
    read_std: Annotated[Values, at.Ge(0), at.MinLen(1), at.Unit("counts")] = 0.0
    origin: Annotated[tuple[int, int], at.Ge(0), at.Le(FARTHEST_PIXEL), at.Unit("pixels")] = (0, 0)
    low: Annotated[float | None, HIDDEN] = None
    high: Annotated[float | None, HIDDEN] = None
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    color: Annotated[ColorNoise | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    per_channel: ClassVar[tuple[str, ...]] = ("gain", "offset", "read_std")
    counts_light: ClassVar[bool] = True
    reach: ClassVar[int] = REACH

    @classmethod
    def from_file(cls, path: str | Path, origin: tuple[int, int] = (0, 0)) -> Self:
        """Return the model of the maps in a file, with the means over the pixels that are not broken.

        Raises
        ------
        ValueError
            If the file does not hold a camera's maps, or every pixel is broken.
        """
        where = str(Path(path).resolve())
        if not Path(where).is_file():
            raise ValueError(f"there is no file {where} with a camera's maps.")
        checksum = file_checksum(where)
        maps = load_maps(where, checksum)
        good = ~maps.broken
        if not good.any():
            raise ValueError(f"{where} holds no pixel with a usable offset, gain and read noise.")
        gain, offset, variance = (
            float(np.mean(part[good], dtype=np.float64)) for part in (maps.gain, maps.offset, maps.read_var)
        )
        return cls(
            path=where, checksum=checksum, gain=gain, offset=offset, read_std=variance**0.5, origin=origin
        )

    def stabilisers(self) -> tuple[Stabiliser, ...]:
        """Return the Anscombe transform of the mean camera, for each channel."""
        mean = PoissonGaussian(self.gain, self.offset, self.read_std, low=self.low, high=self.high)
        return mean.stabilisers()

    def corrected(self, values: Any, indices: Sequence[Indices]) -> Any:
        """Return raw counts as those of a camera that has the mean gain and offset everywhere.

        Parameters
        ----------
        values : ndarray, (C, *spatial)
            Raw counts; the last two axes are rows and columns of the sensor.
        indices : sequence of ndarray of int
            The image's pixel of each coordinate, one array per spatial axis, as in `geometry.taken`.

        Raises
        ------
        ValueError
            If the maps cannot be read, or pixels lie outside of them.

        Notes
        -----
        A source pixel that occurs several times gets the same value each time. A broken pixel takes the
        median of the good ones within 1, else 2 rows and columns, as far as they are among `indices`.
        """
        maps = load_maps(self.path, self.checksum)
        rows, columns = _on_sensor(indices, self.origin, maps.offset.shape)
        y, first_y, every_y = np.unique(rows, return_index=True, return_inverse=True)
        x, first_x, every_x = np.unique(columns, return_index=True, return_inverse=True)
        raw = values[..., first_y[:, None], first_x].astype(np.float32)
        place = np.ix_(y, x)
        broken = maps.broken[place]
        even = self._evened(raw, maps.offset[place], maps.gain[place], broken)
        mend(even, broken, y, x)
        whole = np.array_equal(rows, y) and np.array_equal(columns, x)
        return even if whole else even[..., every_y[:, None], every_x]

    def _evened(self, raw: Float, offset: Float, gain: Float, broken: npt.NDArray[np.bool_]) -> Float:
        """Return (raw - offset map) / gain map * gain + offset; broken pixels stay as they are."""
        sides = [-1] + [1] * (raw.ndim - 1)
        mean_gain = np.asarray(self.gain, np.float32).reshape(sides)
        mean_offset = np.asarray(self.offset, np.float32).reshape(sides)
        even = (raw - np.where(broken, 0, offset)) / np.where(broken, 1, gain) * mean_gain + mean_offset
        return np.where(broken, raw, even).astype(np.float32, copy=False)


def _on_sensor(
    indices: Sequence[Indices], origin: tuple[int, int], shape: tuple[int, ...]
) -> tuple[Indices, Indices]:
    """Return rows and columns in the maps, or raise an error that says which part of them is wanted."""
    if len(indices) < 2:
        raise ValueError("a calibrated camera needs images with rows and columns; this one has one axis.")
    rows, columns = (np.asarray(i) + start for i, start in zip(indices[-2:], origin, strict=True))
    ends = tuple(int(part.max(initial=-1)) + 1 for part in (rows, columns))
    if ends[0] > shape[0] or ends[1] > shape[1]:
        raise ValueError(
            f"the image reaches row {ends[0]} and column {ends[1]} of the sensor, counted from its origin "
            f"{origin}; the camera's maps are {shape[0]} x {shape[1]} pixels. Set origin to the place of the "
            "image on the sensor, or calibrate with the region of interest of the image."
        )
    return rows, columns
