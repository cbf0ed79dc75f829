"""The ridge filter of one group of patches, as compiled functions.

Convention: a patch is a row, of n pixels; a group is (k, n), C-contiguous. Noise has variance 1, so its Gram
matrix is n on the diagonal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .grouping import LEAST_ENERGY, WHITE_SHARE
from .matching import part

Array = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Number = np.float32

ONE = np.float32(1)
MOST_PRODUCTS = (
    2**18
)  # in a matrix product at a time: so few that OpenBLAS keeps to the thread that called it


@part
def gather(image: Array, row_length: int, size: int, starts: Integers, patches: Array) -> None:
    """Copy the patches that start at the given pixels of a flat image."""
    for k in range(len(starts)):
        for i in range(size):
            for j in range(size):
                patches[k, i * size + j] = image[starts[k] + i * row_length + j]


@part
def take_mean(patches: Array, mean: Array) -> None:
    """Subtract the mean patch of a group, and write it."""
    count, pixels = patches.shape
    mean[:] = 0
    for k in range(count):
        for i in range(pixels):
            mean[i] += patches[k, i]
    for i in range(pixels):
        mean[i] /= np.float32(count)
    for k in range(count):
        for i in range(pixels):
            patches[k, i] -= mean[i]


@part
def take_level(patches: Array, level: Array) -> None:
    """Subtract the mean of all pixels of a group, and write it to every pixel of `level`."""
    count, pixels = patches.shape
    total = np.float32(0)
    for k in range(count):
        for i in range(pixels):
            total += patches[k, i]
    level[:] = total / np.float32(patches.size)
    for k in range(count):
        for i in range(pixels):
            patches[k, i] -= level[i]


@part
def product(a: Array, b: Array, out: Array) -> None:
    """Write the matrix product a b, some rows at a time."""
    rows = max(MOST_PRODUCTS // b.size, 1)
    for first in range(0, len(a), rows):
        last = min(first + rows, len(a))
        np.dot(a[first:last], b, out[first:last])


@part
def lift(gram: Array, noise: Array) -> None:
    """Raise the diagonal of the Gram matrix of noisy patches to what noise alone should have, or nearly.

    Where the noise is weaker than it was said to be, as in clipped shadows, the inverse would blow it up.
    """
    missing = np.float32(0)
    for i in range(len(gram)):
        missing += np.float32(LEAST_ENERGY) * noise[i, i] - gram[i, i]
    if missing > 0:
        for i in range(len(gram)):
            gram[i, i] += missing / np.float32(len(gram))


@part
def _subtract(matrix: Array, roots: Array, j: int, first: int, last: int) -> None:
    """Clear column j of some rows, all below row j, by subtracting multiples of that row."""
    pivot = matrix[j]
    for i in range(first, last):
        row, factor = matrix[i], pivot[i] * roots[j] ** 2
        row[j] = 0
        for x in range(len(row)):
            row[x] -= factor * pivot[x]


@part
def _subtract_four(matrix: Array, roots: Array, j: int, first: int) -> None:
    """Clear columns j to j + 3 of all rows from `first` on at once: each is loaded and stored only once."""
    a, b, c, d = matrix[j], matrix[j + 1], matrix[j + 2], matrix[j + 3]
    for i in range(first, len(matrix)):
        row = matrix[i]
        p, q = a[i] * roots[j] ** 2, b[i] * roots[j + 1] ** 2
        r, s = c[i] * roots[j + 2] ** 2, d[i] * roots[j + 3] ** 2
        for x in range(len(row)):
            row[x] -= p * a[x] + q * b[x] + r * c[x] + s * d[x]
        row[j] = -(p + q * b[j] + r * c[j] + s * d[j])
        row[j + 1] = -(q + r * c[j + 1] + s * d[j + 1])
        row[j + 2] = -(r + s * d[j + 2])
        row[j + 3] = -s


@part
def invert(matrix: Array, least: Number, roots: Array, inverse: Array) -> None:
    """Write the inverse of a positive definite matrix, whose pivots are known not to lie below `least`.

    `matrix` is overwritten. Row operations make it upper triangular, and below the diagonal leave those that
    did it: with L D L' = matrix, L^-1 there. The inverse is the product of D^-1/2 L^-1 with itself. A pivot
    below `least` lost its digits to rounding.
    """
    k = len(matrix)
    for first in range(0, k, 4):
        last = min(first + 4, k)
        for j in range(first, last):
            roots[j] = ONE / np.sqrt(max(matrix[j, j], least))
            matrix[j, j] = ONE
            _subtract(matrix, roots, j, j + 1, last)
        if last < k:
            _subtract_four(matrix, roots, first, last)
    for j in range(k):
        row = matrix[j]
        for x in range(j + 1):
            row[x] *= roots[j]
        row[j + 1 :] = 0
    if k**3 <= MOST_PRODUCTS:
        np.dot(matrix.T, matrix, inverse)
    else:
        product(np.ascontiguousarray(matrix.T), matrix, inverse)


@part
def theta_for_white(inverse: Array, noise: Number, theta: Array, kept: Array) -> None:
    """Write Theta, transposed, for white noise, and the share of its variance that each patch keeps.

    Theta is I - noise * inverse, hence symmetric.
    """
    kept[:] = 0
    for i in range(len(inverse)):
        row = theta[i]
        for j in range(len(row)):
            row[j] = -noise * inverse[i, j]
        row[i] += ONE
        for j in range(len(row)):
            kept[j] += row[j] * row[j]


@part
def theta_for(inverse: Array, noise: Array, theta: Array, kept: Array) -> None:
    """Write Theta, transposed, and those shares for noise with the Gram matrix `noise`.

    Theta' is I - noise * inverse.
    """
    product(noise, inverse, theta)
    for i in range(len(theta)):
        for j in range(len(theta)):
            theta[i, j] = -theta[i, j]
        theta[i, i] += ONE
    product(theta, noise, inverse)
    for i in range(len(theta)):
        kept[i] = 0
        for j in range(len(theta)):
            kept[i] += theta[i, j] * inverse[i, j]
        kept[i] /= noise[i, i]


@part
def noise_gram(lags: Array, pixels: int, places: Integers, gram: Array) -> None:
    """Write the Gram matrix of the noise of patches at these places (k, 3), from its autocorrelation.

    A little white noise is added: where neighbours share nearly all of theirs, it could not be inverted.
    """
    depth, height, width = lags.shape
    for i in range(len(places)):
        for j in range(len(places)):
            z = places[i, 0] - places[j, 0] + depth // 2
            y = places[i, 1] - places[j, 1] + height // 2
            x = places[i, 2] - places[j, 2] + width // 2
            inside = 0 <= z < depth and 0 <= y < height and 0 <= x < width
            gram[i, j] = pixels * lags[z, y, x] if inside else 0
        gram[i, i] += np.float32(WHITE_SHARE) * pixels


@part
def add_to(
    sums: Array,
    weights: Array,
    patches: Array,
    level: Array,
    kept: Array,
    places: Integers,
    above: int,
    size: int,
) -> None:
    """Add the restored patches of a group to the sums, each by 1 / (the share of noise that it keeps).

    `sums` and `weights` are (Z, rows, X), from row `above` of the field on; a weight goes to the first
    pixel of its patch.
    """
    for k in range(len(patches)):
        weight = ONE / kept[k]
        z, y, x = places[k, 0], places[k, 1] - above, places[k, 2]
        weights[z, y, x] += weight
        for i in range(size):
            row = sums[z, y + i]
            for j in range(size):
                row[x + j] += weight * (patches[k, i * size + j] + level[i * size + j])
