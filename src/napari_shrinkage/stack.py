"""An image of any dimension with named axes, and the fields that restorers see of it.

Axes are upper-case letters, slowest first: X, Y and Z are space, a trailing C of 3 or 4 is colour (the fourth
is alpha), any other C is independent channels, and every other letter (T, ...) counts planes that are never
mixed. A *field* is what a restorer sees at a time: an array (channels, *spatial).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Float = npt.NDArray[np.float32]
SPATIAL = "ZYX"
MISSING = 1e36  # from here on a value marks a pixel without data, such as the largest float32 does
COMMON_AXES = (
    "YX",
    "TYX",
    "ZYX",
    "CYX",
    "YXC",
    "TZYX",
    "TCYX",
    "CZYX",
    "TYXC",
    "ZYXC",
    "TCZYX",
    "TZCYX",
    "TZYXC",
)


@dataclass(frozen=True, eq=False)
class Stack:
    """An array with named axes and the spacing of its grid.

    Parameters
    ----------
    array : array_like
        numpy or dask array (anything with `shape`, `dtype` and slicing), real numbers or bool.
    axes : str, optional
        One letter an axis; when absent, "YX" for an array of two axes.
    spacing : tuple of float, optional
        Grid spacing of each axis, positive; 1 everywhere when absent.
    units : tuple of str, optional
        Unit of each spacing; "pixel" everywhere when absent.
    source : str
        Where the array came from (a path), for the record.

    Raises
    ------
    ValueError
        If the axes, the spacing or the units do not fit the array; the message says what would.
    TypeError
        If the array holds anything but real numbers.
    """

    array: Any
    axes: str = ""
    spacing: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        known = isinstance(getattr(self.array, "dtype", None), np.dtype)  # numpy, dask, zarr: left as it is
        array = self.array if known else np.asarray(self.array)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"the image holds {array.dtype} values; expected bool, integer or float. "
                "Split complex data into real and imaginary parts, or restore its magnitude."
            )
        if any(n != n for n in array.shape):  # NaN
            raise ValueError(
                f"the dask array has chunks of unknown size (shape {array.shape}); "
                "call its compute_chunk_sizes() first."
            )
        axes = checked_axes(self.axes, tuple(array.shape))
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "spacing", _checked_spacing(_per_axis(self.spacing, 1.0, axes, "spacing")))
        object.__setattr__(self, "units", _per_axis(self.units, "pixel", axes, "units"))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def is_lazy(self) -> bool:
        """Whether the array is computed on demand (dask)."""
        return hasattr(self.array, "dask")

    @property
    def color_axis(self) -> int | None:
        """Index of a trailing colour axis, or None."""
        return len(self.axes) - 1 if self.axes.endswith("C") and self.shape[-1] in (3, 4) else None

    @property
    def is_color(self) -> bool:
        """Whether the image is RGB or RGBA."""
        return self.color_axis is not None

    @property
    def has_alpha(self) -> bool:
        """Whether the colour axis holds a fourth, alpha value."""
        return self.is_color and self.shape[-1] == 4

    @property
    def channel_axis(self) -> int | None:
        """Index of the axis of colours or independent channels, or None."""
        return self.axes.index("C") if "C" in self.axes else None

    @property
    def channels(self) -> int:
        """Number of channels that are restored (alpha is not)."""
        if self.channel_axis is None:
            return 1
        return 3 if self.is_color else self.shape[self.channel_axis]

    def spatial_axes(self, ndim: int) -> tuple[int, ...]:
        """Return the indices of the `ndim` axes that a restorer works on, in the order Z, Y, X."""
        wanted = SPATIAL[-ndim:]
        missing = [letter for letter in wanted if letter not in self.axes]
        if missing:
            raise ValueError(
                f"a method with ndim={ndim} needs the axes {wanted}; this image has {self.axes} "
                f"(shape {self.shape}). Name its axes, or use ndim={ndim - 1}."
            )
        return tuple(self.axes.index(letter) for letter in wanted)

    def plane_axes(self, ndim: int) -> tuple[int, ...]:
        """Return the indices of the axes that only count planes (or volumes)."""
        taken = {*self.spatial_axes(ndim), self.channel_axis}
        return tuple(i for i in range(len(self.axes)) if i not in taken)

    def planes(self, ndim: int) -> Iterator[tuple[int, ...]]:
        """Yield the index of every plane (volume for ndim=3) along `plane_axes`."""
        return itertools.product(*(range(self.shape[i]) for i in self.plane_axes(ndim)))

    def field_shape(self, ndim: int) -> tuple[int, ...]:
        """Return the spatial shape of one field."""
        return tuple(self.shape[i] for i in self.spatial_axes(ndim))

    def field_spacing(self, ndim: int) -> tuple[float, ...]:
        """Return the grid spacing of the spatial axes."""
        return tuple(self.spacing[i] for i in self.spatial_axes(ndim))

    def selection(self, ndim: int, plane: Sequence[int], window: Sequence[slice]) -> tuple[Any, ...]:
        """Return the index that cuts `window` of one plane out of the array, keeping its channels."""
        index: list[Any] = [slice(None)] * len(self.axes)
        for axis, part in zip(self.spatial_axes(ndim), window, strict=True):
            index[axis] = part
        for axis, position in zip(self.plane_axes(ndim), plane, strict=True):
            index[axis] = position
        return tuple(index)

    def to_field(self, cut: Array, ndim: int) -> Float:
        """Turn a cut (see `selection`) into a float32 field (channels, *spatial), without alpha."""
        values = np.transpose(cut, np.argsort(np.argsort(self._field_axes(ndim))))
        values = values[None] if self.channel_axis is None else values[: self.channels]
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            field = np.ascontiguousarray(values, dtype=np.float32)
        if values.dtype.kind == "f" and not (there := known(field)).all():
            field = np.where(there | np.isnan(field), field, np.copysign(np.float32(np.inf), field))
        return field

    def fields(self, ndim: int) -> Iterator[Float]:
        """Yield the whole field (channels, *spatial) of every plane (volume for ndim=3)."""
        whole = [slice(None)] * ndim
        for plane in self.planes(ndim):
            yield self.to_field(np.asarray(self.array[self.selection(ndim, plane, whole)]), ndim)

    def from_field(self, values: Array, ndim: int) -> Array:
        """Put a field back into the axis order of a cut (without alpha)."""
        values = values[0] if self.channel_axis is None else values
        return np.transpose(values, np.argsort(self._field_axes(ndim)))

    def _field_axes(self, ndim: int) -> tuple[int, ...]:
        """Return the indices of a field's axes in its own order: channels, if any, then space."""
        channel = self.channel_axis
        return self.spatial_axes(ndim) if channel is None else (channel, *self.spatial_axes(ndim))

    @property
    def pixels(self) -> int:
        """Number of array elements."""
        return math.prod(self.shape)

    def with_array(self, array: Any, scale: Fraction | int = 1) -> Stack:
        """Return a stack of another array on the same grid, or on one `scale` times finer in Y and X."""
        spacing = zip(self.spacing, self.axes, strict=True)
        return replace(
            self, array=array, spacing=tuple(float(s / scale) if a in "YX" else s for s, a in spacing)
        )


def known(values: Array) -> npt.NDArray[np.bool_]:
    """Say of each value whether it is one: a number, and no mark of missing data."""
    there: npt.NDArray[np.bool_] = np.abs(values) < MISSING
    return there


def checked_axes(axes: str | None, shape: tuple[int, ...]) -> str:
    """Return the axes of an array of `shape`, or raise an error that names what would fit."""
    if not axes:
        if len(shape) == 2:
            return "YX"
        raise ValueError(f"an array of shape {shape} needs its axes named: {_axes_choices(shape)}.")
    letters = "".join(axes).upper()  # a tuple of letters will do
    if len(letters) != len(shape) or len(set(letters)) != len(letters) or not letters.isalpha():
        raise ValueError(
            f"axes={axes!r} does not fit an array of shape {shape}: one letter per axis, none twice; "
            f"{_axes_choices(shape)}."
        )
    if "Y" not in letters or "X" not in letters:
        raise ValueError(f"axes={axes!r} must name Y and X; {_axes_choices(shape)}.")
    return letters


def _axes_choices(shape: tuple[int, ...]) -> str:
    if len(shape) < 2:
        return f"an image has at least two axes, Y and X; this array has {len(shape)}"
    fitting = [c for c in COMMON_AXES if len(c) == len(shape) and (c[-1] != "C" or shape[-1] in (3, 4))]
    if not fitting:
        return f"name {len(shape)} axes, Y and X among them"
    return "use one of " + ", ".join(fitting) + " (T time, Z depth, C channel or, last, colour)"


def _per_axis(values: Any, default: Any, axes: str, name: str) -> tuple[Any, ...]:
    found = tuple(values) or (default,) * len(axes)
    if len(found) != len(axes):
        raise ValueError(f"{name}={found} has {len(found)} entries; the axes {axes} need {len(axes)}.")
    return found


def _checked_spacing(spacing: tuple[Any, ...]) -> tuple[float, ...]:
    values = tuple(float(value) for value in spacing)
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError(
            f"spacing={values}: expected a positive number for each axis (1 where it means nothing)."
        )
    return values
