"""The chain of a TIFF file's pages, walked once: where damage made a circle of it, a reader would never end.

Convention: what cannot be followed is left to the reader, which has words for it.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple


class Form(NamedTuple):
    """How the numbers of a directory are stored: `struct` formats, and bytes of an entry."""

    start: str
    length: str
    entry: int
    next: str


CLASSIC, BIG = Form("xxxxI", "H", 12, "I"), Form("xxxxxxxxQ", "Q", 20, "Q")
FORMS = {b"II*\0": ("<", CLASSIC), b"MM\0*": (">", CLASSIC), b"II+\0": ("<", BIG), b"MM\0+": (">", BIG)}


def check_chain(file: BinaryIO) -> None:
    """Raise a `ValueError` if the pages of a TIFF file, open at its start, follow each other in a circle."""
    order, form = FORMS.get(file.read(4), ("", CLASSIC))
    seen: set[int] = set()
    try:
        place = _number(file, order + form.start, 0) if order else 0
        while place:
            if place in seen:
                raise ValueError("its pages follow one another in a circle")
            seen.add(place)
            count = _number(file, order + form.length, place)
            entries = place + struct.calcsize(order + form.length) + count * form.entry
            place = _number(file, order + form.next, entries)
    except (struct.error, OverflowError):
        return


def _number(file: BinaryIO, form: str, place: int) -> int:
    file.seek(place)
    number: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return number
