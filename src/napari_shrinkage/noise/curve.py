"""Noise whose variance follows no line: a table of variance against mean, and a stabiliser made from it.

Convention: between the nodes of the table the variance is interpolated, beyond them it stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..methods import HIDDEN, method
from ..stack import Array
from .autocorrelation import Autocorrelation
from .base import NoiseModel, Stabiliser
from .color_noise import ColorNoise

Table = npt.NDArray[np.float64]

GRID = 2048
BEYOND = 4.0  # standard deviations that the tables go on beyond the nodes
LEAST_SLOPE = 1e-3  # of the stabiliser: its inverse rises even where the curve is wild
LEAST_SHARE = 1e-3  # of the largest variance: nothing is divided by less
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True)
class Tabulated(Stabiliser):
    """The stabiliser f with slope 1 / std, and the inverse of the mean of f.

    Parameters
    ----------
    means, variances : tuple of float
        Nodes of the noise curve; means rise.
    """

    means: tuple[float, ...]
    variances: tuple[float, ...]

    def forward(self, x: Array) -> Array:
        """Return the integral of 1 / std from the darkest node to x."""
        grid, stabilised, _ = tables(self)
        return _continued(x, grid, stabilised)

    def inverse(self, z: Array) -> Array:
        """Return the mean whose stabilised values have the mean `z`."""
        grid, _, expected = tables(self)
        return _continued(z, expected, grid)

    def std(self, mean: Array) -> Array:
        """Return the noise std at pixels of the given mean value."""
        return np.asarray(np.sqrt(np.interp(mean, self.means, self._floored)))

    @property
    def is_silent(self) -> bool:
        """Whether every variance is 0."""
        return max(self.variances) == 0

    @property
    def _floored(self) -> Table:
        variances = np.asarray(self.variances)
        least = LEAST_SHARE * variances.max() if variances.max() else 1.0
        return np.asarray(np.maximum(variances, least), np.float64)


@lru_cache(maxsize=64)
def tables(curve: Tabulated) -> tuple[Table, Table, Table]:
    """Return pixel values, their stabilised values, and the mean of those around each value."""
    first, last = curve.std(np.array([curve.means[0], curve.means[-1]]))
    grid = np.linspace(curve.means[0] - BEYOND * first, curve.means[-1] + BEYOND * last, GRID)
    std = curve.std(grid)
    stabilised = np.concatenate([[0.0], np.cumsum((1 / std[1:] + 1 / std[:-1]) / 2 * np.diff(grid))])
    expected = _continued(grid[:, None] + std[:, None] * NODES, grid, stabilised) @ WEIGHTS
    steps = np.maximum(np.diff(expected), LEAST_SLOPE * np.diff(stabilised))
    return grid, stabilised, expected[0] + np.concatenate([[0.0], np.cumsum(steps)])


def _continued(x: Array, nodes: Table, values: Table) -> Array:
    """Interpolate, and go on beyond the first and last node with the slopes there."""
    out = np.interp(x, nodes, values)
    for inner, outer, beyond in ((1, 0, x < nodes[0]), (-2, -1, x > nodes[-1])):
        slope = (values[outer] - values[inner]) / (nodes[outer] - nodes[inner])
        np.copyto(out, values[outer] + slope * (x - nodes[outer]), where=beyond)
    return out.astype(x.dtype, copy=False)


@method("noise-curve", title="Noise curve", kw_only=False)
class NoiseCurve(NoiseModel):
    """Noise whose variance is a table over the mean: photographs, cameras where no straight line fits.

    Parameters
    ----------
    means : tuple of float
        Mean values in the units of the image, rising; or one such tuple for each channel.
    variances : tuple of float
        The noise variance at each mean, in those units squared; or one such tuple for each channel.
    autocorrelation : Autocorrelation
        Correlation between neighbouring pixels; white noise when absent.
    color : ColorNoise
        What the colours of a photograph share of their noise; nothing when absent.
    verdict : str
        What the estimate is worth, in one sentence; "" when the model was given.

    Notes
    -----
    The stabiliser is the integral of 1 / std, which is right to first order: valid where the variance changes
    little within one noise std. The inverse takes out the bias that the curvature of the stabiliser brings,
    for Gaussian noise.
    """

    means: Annotated[tuple[Any, ...], HIDDEN]
    variances: Annotated[tuple[Any, ...], HIDDEN]
    autocorrelation: Annotated[Autocorrelation | None, HIDDEN] = None
    color: Annotated[ColorNoise | None, HIDDEN] = None
    verdict: Annotated[str, HIDDEN] = field(default="", compare=False)

    per_channel: ClassVar[tuple[str, ...]] = ("means", "variances")

    def __post_init__(self) -> None:
        super().__post_init__()
        means, variances = _rows(self.means, "means"), _rows(self.variances, "variances")
        if [len(row) for row in means] != [len(row) for row in variances]:
            raise ValueError(
                f"NoiseCurve has {[len(row) for row in means]} means and {[len(row) for row in variances]} "
                "variances; give one variance for each mean."
            )
        if any(np.any(np.diff(row) <= 0) for row in means) or any(min(row) < 0 for row in variances):
            raise ValueError("NoiseCurve: the means must rise, and no variance may be negative.")
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "variances", variances)

    def stabilisers(self) -> tuple[Stabiliser, ...]:
        """Return the tabulated stabiliser of each channel."""
        return tuple(Tabulated(*row) for row in zip(self.means, self.variances, strict=True))


def _rows(values: tuple[Any, ...], name: str) -> tuple[tuple[float, ...], ...]:
    """Return one row of numbers per channel."""
    rows = values if values and isinstance(values[0], tuple | list) else (values,)
    try:
        found = tuple(tuple(float(value) for value in row) for row in rows)
    except OverflowError as error:
        raise ValueError(f"NoiseCurve.{name} holds a whole number that is too large.") from error
    if not all(len(row) >= 2 and np.isfinite(row).all() for row in found):
        raise ValueError(f"NoiseCurve.{name}={values!r}: expected at least two finite numbers per channel.")
    return found
