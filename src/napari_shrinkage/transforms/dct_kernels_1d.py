"""One-dimensional DCTs on tuples of numbers, for the fused kernels of `dct_kernels`.

Convention: all of it is inlined into loops over columns and must leave straight-line code there, which LLVM
turns into vector instructions. So the n numbers of a transform are a tuple, never an array, and the factories
below write every term out; scales are constants by the time LLVM sees them.
"""

# ruff: noqa: RUF005  (numba builds a starred tuple term by term, which defeats vectorisation)

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import Function, inlined
from .block_dct import dct_matrix

Number = Any  # float32 inside a kernel
Numbers = Any  # a tuple of them

ZERO, ONE = np.float32(0), np.float32(1)
_HALF, _ROOT2, _ROOT_HALF = np.float32(0.5), np.float32(math.sqrt(2)), np.float32(math.sqrt(0.5))


def _cosine(numerator: int, denominator: int) -> np.float32:
    return np.float32(math.cos(math.pi * numerator / denominator))


_A1, _A3 = _ROOT_HALF * _cosine(1, 8), _ROOT_HALF * _cosine(3, 8)
_B1, _B3, _B5, _B7 = (_HALF * _cosine(k, 16) for k in (1, 3, 5, 7))
_SECANTS = tuple(_HALF / _cosine(k, 32) for k in range(1, 16, 2))


@inlined
def plus(a: Number, b: Number) -> Number:
    """Return a + b."""
    return a + b


@inlined
def minus(a: Number, b: Number) -> Number:
    """Return a - b."""
    return a - b


@inlined
def times(a: Number, b: Number) -> Number:
    """Return a b."""
    return a * b


# Functions of n-tuples: two halves, down to four terms or one, written out.


@cache
def each(f: Function, n: int) -> Function:
    """Return (a, b) -> the n values f(a[i], b[i])."""
    if n == 1:
        return inlined(lambda a, b: (f(a[0], b[0]),))
    if n == 4:
        return inlined(lambda a, b: (f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])))
    h = n // 2
    first, last = each(f, h), each(f, n - h)
    return inlined(lambda a, b: first(a[:h], b[:h]) + last(a[h:], b[h:]))


@cache
def total(n: int) -> Function:
    """Return a -> the sum of its n numbers."""
    if n == 1:
        return inlined(lambda a: a[0])
    if n == 4:
        return inlined(lambda a: (a[0] + a[1]) + (a[2] + a[3]))
    h = n // 2
    first, last = total(h), total(n - h)
    return inlined(lambda a: first(a[:h]) + last(a[h:]))


@cache
def take(n: int) -> Function:
    """Return (buffer, start, step) -> n numbers of the buffer."""
    if n == 1:
        return inlined(lambda x, at, step: (x[at],))
    if n == 4:
        return inlined(lambda x, at, step: (x[at], x[at + step], x[at + 2 * step], x[at + 3 * step]))
    h = n // 2
    first, last = take(h), take(n - h)
    return inlined(lambda x, at, step: first(x, at, step) + last(x, at + h * step, step))


@cache
def put(n: int) -> Function:
    """Return (buffer, start, step, a), which writes the n numbers to the buffer."""
    if n == 1:
        return put_one
    if n == 4:
        return put_four
    h = n // 2
    first, last = put(h), put(n - h)

    @inlined
    def put_halves(x: Any, at: int, step: int, a: Numbers) -> None:
        first(x, at, step, a[:h])
        last(x, at + h * step, step, a[h:])

    return put_halves


@inlined
def put_one(x: Any, at: int, step: int, a: Numbers) -> None:
    """Write one number to the buffer."""
    x[at] = a[0]


@inlined
def put_four(x: Any, at: int, step: int, a: Numbers) -> None:
    """Write four numbers to the buffer."""
    x[at], x[at + step], x[at + 2 * step], x[at + 3 * step] = a


_plus4, _minus4 = each(plus, 4), each(minus, 4)
_plus8, _minus8, _times8 = each(plus, 8), each(minus, 8), each(times, 8)

# The orthonormal DCT-II and its inverse, times a scale. With the second half of x folded back on the
# first, the even coefficients are the DCT of half the length of the sums, and the odd ones follow from
# the differences.


@inlined
def _dct4(x: Numbers, scale: Number) -> Numbers:
    half, a1, a3 = _HALF * scale, _A1 * scale, _A3 * scale
    p, q, r, s = x[0] + x[3], x[1] + x[2], x[0] - x[3], x[1] - x[2]
    return (p + q) * half, a1 * r + a3 * s, (p - q) * half, a3 * r - a1 * s


@inlined
def _idct4(y: Numbers, scale: Number) -> Numbers:
    half, a1, a3 = _HALF * scale, _A1 * scale, _A3 * scale
    p, q = (y[0] + y[2]) * half, (y[0] - y[2]) * half
    r, s = a1 * y[1] + a3 * y[3], a3 * y[1] - a1 * y[3]
    return p + r, q + s, q - s, p - r


@inlined
def _odd8(d: Numbers, scale: Number) -> Numbers:
    """Take the differences to the odd coefficients; a symmetric matrix, so it also serves the inverse."""
    b1, b3, b5, b7 = _B1 * scale, _B3 * scale, _B5 * scale, _B7 * scale
    return (
        b1 * d[0] + b3 * d[1] + b5 * d[2] + b7 * d[3],
        b3 * d[0] - b7 * d[1] - b1 * d[2] - b5 * d[3],
        b5 * d[0] - b1 * d[1] + b7 * d[2] + b3 * d[3],
        b7 * d[0] - b5 * d[1] + b3 * d[2] - b1 * d[3],
    )


@inlined
def _dct8(x: Numbers, scale: Number) -> Numbers:
    folded = x[7], x[6], x[5], x[4]
    e = _dct4(_plus4(x[:4], folded), _ROOT_HALF * scale)
    o = _odd8(_minus4(x[:4], folded), scale)
    return e[0], o[0], e[1], o[1], e[2], o[2], e[3], o[3]


@inlined
def _idct8(y: Numbers, scale: Number) -> Numbers:
    e = _idct4((y[0], y[2], y[4], y[6]), _ROOT_HALF * scale)
    o = _odd8((y[1], y[3], y[5], y[7]), scale)
    m = _minus4(e, o)
    return _plus4(e, o) + (m[3], m[2], m[1], m[0])


@inlined
def _dct16(x: Numbers, scale: Number) -> Numbers:
    """Take the differences over 2 cos to an 8-point DCT too, whose neighbours add up to the odd coefficients.

    Lee, "A new algorithm to compute the discrete cosine transform", 1984, doi:10.1109/TASSP.1984.1164443.
    """
    half = _ROOT_HALF * scale
    folded = x[15], x[14], x[13], x[12], x[11], x[10], x[9], x[8]
    e = _dct8(_plus8(x[:8], folded), half)
    f = _dct8(_times8(_minus8(x[:8], folded), _SECANTS), half)
    o = _plus8((_ROOT2 * f[0],) + f[1:], f[1:] + (ZERO,))
    low = e[0], o[0], e[1], o[1], e[2], o[2], e[3], o[3]
    return low + (e[4], o[4], e[5], o[5], e[6], o[6], e[7], o[7])


@inlined
def _idct16(y: Numbers, scale: Number) -> Numbers:
    half = _ROOT_HALF * scale
    e = _idct8((y[0], y[2], y[4], y[6], y[8], y[10], y[12], y[14]), half)
    odd = y[1], y[3], y[5], y[7], y[9], y[11], y[13], y[15]
    f = _plus8((_ROOT2 * y[1],) + odd[1:], (ZERO,) + odd[:7])
    o = _times8(_idct8(f, half), _SECANTS)
    m = _minus8(e, o)
    return _plus8(e, o) + (m[7], m[6], m[5], m[4], m[3], m[2], m[1], m[0])


@cache
def _product(matrix: tuple[tuple[np.float32, ...], ...]) -> Function:
    """Return x -> the products of the rows of a matrix with x."""
    if len(matrix) == 1:
        dot = _dot(matrix[0])
        return inlined(lambda x: (dot(x),))
    h = len(matrix) // 2
    first, last = _product(matrix[:h]), _product(matrix[h:])
    return inlined(lambda x: first(x) + last(x))


@cache
def _dot(row: tuple[np.float32, ...]) -> Function:
    if len(row) == 1:
        factor = row[0]
        return inlined(lambda x: factor * x[0])
    h = len(row) // 2
    first, last = _dot(row[:h]), _dot(row[h:])
    return inlined(lambda x: first(x[:h]) + last(x[h:]))


def _dense(matrix: npt.NDArray[np.float64]) -> Function:
    product = _product(tuple(map(tuple, matrix.astype(np.float32))))
    return inlined(lambda x, _: product(x))


_FAST: dict[int, tuple[Function, Function]] = {4: (_dct4, _idct4), 8: (_dct8, _idct8), 16: (_dct16, _idct16)}


@cache
def transform(n: int) -> tuple[Function, Function]:
    """Return the DCT of n numbers and its inverse, (x, scale) -> y; only fast ones take a scale but 1."""
    matrix = dct_matrix(n)
    return _FAST[n] if n in _FAST else (_dense(matrix), _dense(matrix.T))
