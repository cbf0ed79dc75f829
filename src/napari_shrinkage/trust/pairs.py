"""What an image and its result must have in common before they are compared.

Convention: arrays are (..., Y, X) in the same units; a pixel takes part where every array is finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..noise import NoiseModel
from ..noise.base import check_even

Float = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def same_shape(**arrays: npt.ArrayLike) -> list[Float]:
    """Return the arrays as float64, in order.

    Raises
    ------
    ValueError
        If their shapes differ, or they have fewer than two axes.
    """
    found = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    shapes = {name: array.shape for name, array in found.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"the arrays have different shapes: {_listed(shapes)}; expected equal ones. "
            "Crop or resample them to the same pixels first."
        )
    if min(len(shape) for shape in shapes.values()) < 2:
        raise ValueError(f"expected arrays (..., Y, X); got {_listed(shapes)}. Give at least one plane.")
    return list(found.values())


def energies(method_noise: Float, restored: Float, noise: NoiseModel) -> tuple[Float, Float, Mask]:
    """Return the square of the method noise, the noise variance to compare it with, and where both are known.

    Pixels without noise (a std of 0) cannot be compared with chance; they do not take part, and are 0 in
    both. Sums are compared, not the squares of single pixels, which would blow up where there is hardly any
    light.
    """
    std = std_at(noise, restored)
    known = np.isfinite(method_noise) & np.isfinite(std) & (std > 0)
    return np.where(known, method_noise, 0) ** 2, np.where(known, std, 0) ** 2, known


def std_at(noise: NoiseModel, mean: Float) -> Float:
    """Return the noise std at pixels of the given mean, of the shape of `mean`; NaN where it is not known."""
    check_even(noise, "comparing what was removed with the noise")
    std = np.broadcast_to(np.asarray(noise.std(mean), np.float64), mean.shape)
    return np.where(np.isfinite(mean), std, np.nan)


def quantile_classes(values: Float, number: int) -> npt.NDArray[np.int64]:
    """Return for each value the class 0, 1, ... of equal counts that it falls in; ties stay together."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, number + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1].reshape(-1)


def means_by(labels: npt.NDArray[Any], values: Float, number: int) -> Float:
    """Return the mean of the values under each label 0 ... number - 1; NaN under a label that has none."""
    count = np.bincount(labels, minlength=number)
    total = np.bincount(labels, values, number)
    means: Float = np.divide(total, count, out=np.full(number, np.nan), where=count > 0)
    return means


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
