"""What a noise model is: for each channel a way to a scale where its noise has variance 1, and back.

Convention: values are in the units of the image; with several channels they lie along the first axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..methods import Method
from ..stack import Array, Float
from .autocorrelation import Autocorrelation
from .color_noise import ColorNoise

Values = float | tuple[float, ...]
Indices = npt.NDArray[np.intp]


class NoiseWarning(UserWarning):
    """A noise estimate that cannot be trusted, with the reason."""


class Stabiliser(ABC):
    """The noise of one channel: arrays of any shape in, arrays of that shape out."""

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """Return values whose noise has variance 1, as good as the noise allows."""

    @abstractmethod
    def inverse(self, z: Array) -> Array:
        """Return the mean pixel value whose stabilised values have the mean `z`."""

    @abstractmethod
    def std(self, mean: Array) -> Array:
        """Return the noise std at pixels of the given mean value."""

    @property
    def is_silent(self) -> bool:
        """Whether there is no noise at all, or less than float32 can divide by."""
        return False


class NoiseModel(Method):
    """Base of the noise models: to unit-variance noise and back."""

    role: ClassVar[str] = "noise"
    per_channel: ClassVar[tuple[str, ...]] = ()
    counts_light: ClassVar[bool] = False  # so that a sum over pixels is a measurement, to be kept
    reach: ClassVar[int] = 0  # pixels around one that `corrected` looks at
    is_even: ClassVar[bool] = True  # alike at all pixels of one brightness, once they are `corrected`
    verdict: str
    autocorrelation: Autocorrelation | None
    color: ColorNoise | None

    @abstractmethod
    def stabilisers(self) -> tuple[Stabiliser, ...]:
        """Return the stabiliser of each channel; a single one serves all."""

    def forward(self, x: Any) -> Any:
        """Return values whose noise has variance 1; `x` has any shape, or (C, *spatial) for C channels."""
        return self._each(x, lambda stabiliser, part: stabiliser.forward(part))

    def inverse(self, z: Any) -> Any:
        """Return restored values in the units of the image, unbiased."""
        return self._each(z, lambda stabiliser, part: stabiliser.inverse(part))

    def std(self, mean: Any) -> Any:
        """Return the noise std at pixels of the given mean value."""
        return self._each(mean, lambda stabiliser, part: stabiliser.std(part))

    def for_channels(self, channels: int) -> Self:
        """Return the model of a field (channels, *spatial): one value for each; one number serves all."""
        return self.replace(
            **{name: spread(getattr(self, name), channels, name) for name in self.per_channel}
        )

    def channel(self, index: int) -> Self:
        """Return the model of one channel alone."""
        values = {name: getattr(self, name) for name in self.per_channel}
        return self.replace(
            **{name: v[min(index, len(v) - 1)] for name, v in values.items() if isinstance(v, tuple)}
        )

    def corrected(self, values: Any, indices: Sequence[Indices]) -> Any:
        """Return pixel values as a camera whose pixels are all alike would have read them.

        Parameters
        ----------
        values : ndarray, (C, *spatial)
            Raw pixel values.
        indices : sequence of ndarray of int
            The source pixel of each coordinate, one array per spatial axis, as in `geometry.taken`.
        """
        return values

    def level(self, indices: Sequence[Indices]) -> Float | None:
        """Return the noise std that is left after `forward`, (Y, X); None where it is 1 at every pixel.

        Parameters
        ----------
        indices : sequence of ndarray of int
            The source pixel of each coordinate, one array per spatial axis, as in `geometry.taken`.
        """
        return None

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise an error if the noise is known for images of another spatial shape (..., Y, X) only."""

    def correlations(self, color: bool) -> tuple[Autocorrelation | None, ...]:
        """Return the autocorrelation that all channels of a field share, or one for each opponent channel."""
        return self.color.correlations if color and self.color is not None else (self.autocorrelation,)

    def silent(self) -> tuple[bool, ...]:
        """Say for each channel whether it has no noise at all and is left as it is; () when none is."""
        silent = tuple(stabiliser.is_silent for stabiliser in self.stabilisers())
        return silent if any(silent) else ()

    def _each(self, values: Any, act: Callable[[Stabiliser, Array], Array]) -> Any:
        values, stabilisers = np.asarray(values), self.stabilisers()
        if len(set(stabilisers)) == 1:
            return act(stabilisers[0], values)
        return np.stack([act(one, part) for one, part in zip(stabilisers, values, strict=True)])


def check_even(noise: NoiseModel, work: str) -> None:
    """Raise an error if the noise differs from pixel to pixel, for work that would take no notice.

    Raises
    ------
    ValueError
        If it does; `work` begins the message, such as "fitting".
    """
    if not noise.is_even:
        raise ValueError(
            f"{work} needs noise that is alike at all pixels of one brightness; this is a "
            f"{type(noise).__name__}. Give another noise model, such as Gaussian(sigma), for a part of the "
            "image in which the noise is alike."
        )


def spread(value: Any, channels: int, name: str) -> tuple[Any, ...]:
    """Return one value for each channel; one number serves all.

    Raises
    ------
    ValueError
        If there are several values, but not one per channel.
    """
    values = value if isinstance(value, tuple) else (value,)
    if len(values) == 1:
        return values * channels
    if len(values) != channels:
        raise ValueError(
            f"{name}={value} has {len(values)} values; the image has {channels} channels. "
            "Give one number, or one per channel."
        )
    return values


def together(**fields: Values) -> list[dict[str, float]]:
    """Return the fields of each channel; a single number serves all channels."""
    count = max(len(value) if isinstance(value, tuple) else 1 for value in fields.values())
    rows = {name: spread(value, count, name) for name, value in fields.items()}
    return [{name: row[i] for name, row in rows.items()} for i in range(count)]
