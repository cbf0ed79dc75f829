"""Which axis of an image layer is which: from its labels, else from its units, else by custom.

Convention: one upper-case letter per axis, as `stack.Stack` has them; the colours of an RGB layer are a
last C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NAMES = {
    "T": ("t", "time", "times", "frame", "frames"),
    "C": ("c", "ch", "channel", "channels"),
    "Z": ("z", "depth", "slice", "slices", "plane", "planes"),
    "Y": ("y", "row", "rows", "height"),
    "X": ("x", "col", "cols", "column", "columns", "width"),
}
UNNAMED = {1: "X", 2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}
SPARE = "PQRSUVWABDEFGHIJKLMNO"  # letters for axes without a name of their own


def layer_axes(layer: Any) -> str:
    """Return one letter per axis of an image layer: from its labels, else from its units, else by custom."""
    labelled = [_letter(label) for label in layer.axis_labels]
    letters = _completed(labelled, _custom(layer)) if any(labelled) else _custom(layer)
    return f"{_without_color(letters)}C" if layer.rgb else letters


def overridden_axes(layer: Any, axes: str) -> str:
    """Return axes given by the user, with the colours of an RGB layer at the end where they were left out."""
    letters = axes.upper()
    return f"{letters}C" if layer.rgb and len(letters) == layer.ndim and "C" not in letters else letters


def _letter(label: str) -> str | None:
    word = label.strip().lower()
    known = next((letter for letter, words in NAMES.items() if word in words), None)
    return known or (word.upper() if len(word) == 1 and word.isascii() and word.isalpha() else None)


def _custom(layer: Any) -> str:
    letters = _leading(layer.ndim)
    timed = layer.ndim > 2 and layer.units[0].dimensionality == {"[time]": 1}
    return letters if not timed else f"T{letters[1:].replace('T', 'P')}"


def _leading(ndim: int) -> str:
    return UNNAMED.get(ndim) or SPARE[: ndim - 5] + UNNAMED[5]


def _completed(labelled: Sequence[str | None], custom: str) -> str:
    """Fill the axes that have no known label: by custom, else with a letter that is still free."""
    letters: list[str | None] = list(labelled)
    for i, letter in enumerate(custom):
        free = [c for c in (letter, *"TZ", *SPARE) if c not in letters]
        letters[i] = letters[i] or free[0]
    done = "".join(str(letter) for letter in letters)
    return done if len(set(done)) == len(done) and {"Y", "X"} <= set(done) else custom


def _without_color(letters: str) -> str:
    """Give an axis of independent channels another letter, since C is the colours'."""
    return letters.replace("C", next(c for c in SPARE if c not in letters))
