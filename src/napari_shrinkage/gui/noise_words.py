"""Noise models in a few words and in a small table, for rows and widgets that show them.

Convention: numbers have three digits and are in the units of the image; what the channels differ in is given
as a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from ..noise import CalibratedCamera, Gaussian, NoiseCurve, NoiseModel, PoissonGaussian

COLORS = ("Red", "Green", "Blue")
CORRELATED = ", correlated"
MOST_ROWS = 8  # of a table
COUNTING = (PoissonGaussian, CalibratedCamera)
ELECTRONS = "gain<br>counts/electron", "offset<br>counts", "read noise<br>counts"


def channel_names(channels: int, color: bool) -> tuple[str, ...]:
    """Return what to call the channels of an image; a single one has no name."""
    if channels == 1:
        return ("",)
    return COLORS[:channels] if color else tuple(f"Channel {i}" for i in range(channels))


def in_short(model: NoiseModel | None) -> str:
    """Return a noise model in a few characters, such as "σ = 12.3" or "gain 3.5, read 2.1"."""
    if model is None:
        return ""
    return strength_words(model) + (CORRELATED if is_correlated(model) else "")


def strength_words(model: NoiseModel) -> str:
    """Return the strength of a model's noise, without its correlation."""
    if isinstance(model, Gaussian):
        return f"σ = {spanned(model.sigma)}"
    if isinstance(model, COUNTING):
        kind = "pixel maps, " if isinstance(model, CalibratedCamera) else ""
        return f"{kind}gain {spanned(model.gain)}, read {spanned(model.read_std)}"
    if isinstance(model, NoiseCurve):
        stds = [variance**0.5 for row in model.variances for variance in row]
        return f"curve {min(stds):.3g}..{max(stds):.3g}"
    return model.title


def is_correlated(model: NoiseModel) -> bool:
    """Whether neighbouring pixels, or colours, share noise."""
    return model.autocorrelation is not None or model.color is not None


def spanned(value: Any) -> str:
    """Return a number, or the range of one number per channel."""
    values = value if isinstance(value, tuple) else (value,)
    numbers = sorted({f"{one:.3g}" for one in values}, key=float)
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def numbers_table(model: NoiseModel, names: Sequence[str]) -> str:
    """Return the numbers of each channel as a small table in HTML."""
    heads, _ = _numbers(model)
    rows = [(name, *_numbers(model.channel(i))[1]) for i, name in enumerate(names[:MOST_ROWS])]
    if len(names) > MOST_ROWS:
        rows.append((f"and {len(names) - MOST_ROWS} more", *[""] * len(heads)))
    cells = ["".join(_cell(text, "left" if not i else "right") for i, text in enumerate(row)) for row in rows]
    head = "".join(
        f"<td align='right' valign='bottom' style='padding-left: 8px'><small>{text}</small></td>"
        for text in ("", *heads)
    )
    return f"<table cellspacing='0' cellpadding='2'><tr>{head}</tr><tr>{'</tr><tr>'.join(cells)}</tr></table>"


def _cell(text: str, side: str) -> str:
    return f"<td align='{side}' style='padding-left: 8px'>{escape(text)}</td>"


def _numbers(model: NoiseModel) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the heads of the columns, and the numbers of a model of one channel."""
    if isinstance(model, Gaussian):
        return ("σ<br>counts",), (spanned(model.sigma),)
    if isinstance(model, COUNTING):
        return ELECTRONS, tuple(spanned(value) for value in (model.gain, model.offset, model.read_std))
    if isinstance(model, NoiseCurve):
        means, stds = model.means[0], [variance**0.5 for variance in model.variances[0]]
        ends = (f"{min(stds):.3g} to {max(stds):.3g}", f"{means[0]:.4g} to {means[-1]:.4g}")
        return ("std<br>counts", "measured at<br>counts"), ends
    return ("model",), (model.title,)
