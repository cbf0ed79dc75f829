"""From restored float32 values to another number type, openly.

Convention: integers are rounded to the nearest and clipped to what the type holds, and the count of clipped
pixels comes back with the values; nothing is ever rescaled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .stack import Array

if TYPE_CHECKING:
    from .engine import Result

DTYPES = ("same", "float32", "float64", "float16", "uint8", "uint16", "uint32", "int8", "int16", "int32")


def wanted_dtype(wish: str, source: Any) -> np.dtype[Any]:
    """Return the dtype of a wish: "same" is the input's, everything else a name in `DTYPES`."""
    if wish not in DTYPES:
        raise ValueError(f"dtype={wish!r}: expected one of {', '.join(DTYPES)}.")
    return np.dtype(source if wish == "same" else wish)


def converted(values: Array, dtype: Any) -> tuple[Array, int]:
    """Return values of another dtype, and how many of them had to be clipped.

    Parameters
    ----------
    values : ndarray
        Float values.
    dtype : dtype
        bool, integer or float. A bool is True from 0.5 on; a value that is not a number becomes 0 in an
        integer and counts as clipped.

    Returns
    -------
    values : ndarray
        Of `dtype`.
    clipped : int
        Number of values outside the range of the type.
    """
    dtype = np.dtype(dtype)
    if dtype == values.dtype:
        return values, 0
    if dtype.kind == "b":
        return values >= 0.5, 0
    if dtype.kind == "f":
        return _as_float(values, dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(np.nan_to_num(values.astype(np.float64), nan=0.0))
    clipped = int(np.count_nonzero(np.isnan(values) | (rounded < limits.min) | (rounded > limits.max)))
    inside = np.clip(rounded, float(limits.min), _largest(dtype))
    return np.where(rounded > limits.max, limits.max, inside.astype(dtype)).astype(dtype, copy=False), clipped


def converted_result(result: Result, wish: str, source: Any) -> Result:
    """Return a result in the dtype of a wish, with a message in its record where pixels were clipped.

    Parameters
    ----------
    result : Result
        float32, in memory or lazy. A lazy result is converted lazily: its clipped pixels are not counted, and
        the record says so.
    wish : str
        See `wanted_dtype`.
    source : dtype
        Of the input.
    """
    dtype = wanted_dtype(wish, source)
    array = result.stack.array
    if array.dtype == dtype:
        return result
    if result.stack.is_lazy:
        values, notes = lazily_converted(array, dtype), _uncounted(dtype)
    else:
        values, clipped = converted(array, dtype)
        notes = conversion_notes(dtype, clipped, values.size)
    record = replace(result.record, messages=result.record.messages + notes)
    return replace(result, stack=result.stack.with_array(values), record=record)


def lazily_converted(array: Any, dtype: Any) -> Any:
    """Return a dask array whose blocks are converted when they are computed."""
    return array if array.dtype == dtype else array.map_blocks(_values_only, dtype, dtype=dtype)


def conversion_notes(dtype: Any, clipped: int, total: int) -> tuple[str, ...]:
    """Return what a reader should know of a conversion, nothing where no value was clipped."""
    if not clipped:
        return ()
    share = f"{clipped} of {total} values ({clipped / total:.2%})"
    return (f"{share} lay outside the range of {np.dtype(dtype)} and were clipped.",)


def _uncounted(dtype: np.dtype[Any]) -> tuple[str, ...]:
    if dtype.kind not in "iu":
        return ()
    return (f"Values outside the range of {dtype} are clipped; of a lazy image they are not counted.",)


def _values_only(values: Array, dtype: Any) -> Array:
    return converted(values, dtype)[0]


def _as_float(values: Array, dtype: np.dtype[Any]) -> tuple[Array, int]:
    if np.can_cast(values.dtype, dtype):
        return values.astype(dtype), 0
    largest = float(np.finfo(dtype).max)
    outside = np.isfinite(values) & (np.abs(values) > largest)
    clipped = int(np.count_nonzero(outside))
    kept = np.where(outside, np.copysign(largest, values), values) if clipped else values
    return kept.astype(dtype), clipped


def _largest(dtype: np.dtype[Any]) -> float:
    """Return the largest float64 that still fits the integer type."""
    top = np.iinfo(dtype).max
    return float(top) if int(float(top)) <= top else float(np.nextafter(float(top), 0))
