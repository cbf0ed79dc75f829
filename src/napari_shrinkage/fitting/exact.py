"""Thresholds solved band by band, which is exact for an orthonormal transform.

Convention: there the squared error of the image is the sum of those of its bands, each a function of its own
threshold alone; so the smallest of each band is the smallest of all. Bands are taken from the image continued
periodically, where this holds to the last digit.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from ..losses import Example, Loss
from ..restorers import Shrinkage
from ..rules import Soft
from ..stack import Float
from ..thresholds import PerBand, Profile, Ratio, RatioPerLevel, pooled
from ..transforms.base import Transform
from .progress import FitProgress

if TYPE_CHECKING:
    from torch import Tensor


def has_curves(restorer: Shrinkage, loss: Loss) -> bool:
    """Whether the loss of each band has a threshold of its own: exact for an orthonormal transform.

    For others it leaves out what bands have in common, and is where a descent had best begin.
    """
    return (
        loss.has_curve
        and isinstance(restorer.rule, Soft)
        and not isinstance(restorer.threshold, Ratio | RatioPerLevel | Profile)
    )


def exact_thresholds(
    restorer: Shrinkage, example: Example, loss: Loss
) -> Generator[FitProgress, None, Shrinkage]:
    """Return the restorer with the threshold of least loss for every band and channel."""
    found: dict[str, tuple[float, ...]] = {}
    channels = example.noisy.shape[1]
    for channel in range(channels):
        yield FitProgress(channel, channels, "solving band by band")
        for key, multiple in _channel_thresholds(restorer.transform, example, loss, channel).items():
            found[key] = (*found.get(key, ()), multiple)
    return restorer.replace(threshold=PerBand(values=found))


def _channel_thresholds(transform: Transform, example: Example, loss: Loss, channel: int) -> dict[str, float]:
    gains = transform.noise_gain(example.correlation_of(channel))
    noisy = _bands(transform, example.noisy, channel)
    target = None if example.target is None else _bands(transform, example.target, channel)
    return {
        key: _best(loss, values, None if target is None else target[key], gains[key])
        for key, values in noisy.items()
    }


def _bands(transform: Transform, fields: Tensor, channel: int) -> dict[str, Tensor]:
    periodic = transform.replace(border="periodic")
    return pooled(periodic, fields[:, channel : channel + 1])


def _best(loss: Loss, noisy: Tensor, target: Tensor | None, gain: float) -> float:
    if not gain:
        return 0.0  # a band may get none of correlated noise
    return loss.best_threshold(_scaled(noisy, gain), None if target is None else _scaled(target, gain))


def _scaled(values: Tensor, gain: float) -> Float:
    scaled: Float = (values / gain).numpy()
    return scaled
