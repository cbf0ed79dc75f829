"""The axes of a file's image: as the file says, or as the user says instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..stack import Stack


def named(
    array: Any, letters: str, spacing: Sequence[float], units: Sequence[str], axes: str | None, source: str
) -> Stack:
    """Return the stack of an image with the file's axes, or with those that were asked for.

    Parameters
    ----------
    array : array
        The pixels.
    letters, spacing, units
        What the file says of its axes; empty where it says nothing.
    axes : str or None
        What was asked for. Axes of length 1 that the file left out may be named; an axis that gets
        another letter has no spacing.
    source : str
        Path of the file.
    """
    wanted = (axes or letters).upper()
    known = dict(zip(letters, zip(spacing, units, strict=True), strict=True))
    if letters and len(wanted) > len(letters) and set(letters) <= set(wanted):
        array, letters = _with_single_axes(array, letters, wanted)
    same = letters == wanted or len(letters) == len(wanted)
    pairs = [known.get(letter, (1.0, "pixel")) for letter in wanted] if same else []
    return Stack(array, wanted, tuple(s for s, _ in pairs), tuple(u for _, u in pairs), source)


def _with_single_axes(array: Any, letters: str, wanted: str) -> tuple[Any, str]:
    """Insert axes of length 1 where the file has none, if the others are in order."""
    if [letter for letter in wanted if letter in letters] != list(letters):
        return array, letters
    return array[tuple(slice(None) if letter in letters else None for letter in wanted)], wanted
