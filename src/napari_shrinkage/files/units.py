"""Names of units: long ones, as napari and OME-Zarr use them, inside; the symbols of OME-XML outside."""

from __future__ import annotations

SYMBOLS = {  # long name: OME symbol, then other spellings
    "angstrom": ("Å",),
    "picometer": ("pm",),
    "nanometer": ("nm", "nanometre"),
    "micrometer": ("µm", "μm", "um", "micron", "microns", "micrometre", "\\u00b5m", "\\u00B5m"),
    "millimeter": ("mm", "millimetre"),
    "centimeter": ("cm", "centimetre"),
    "meter": ("m", "metre"),
    "inch": ("in", "inches"),
    "nanosecond": ("ns",),
    "microsecond": ("µs", "μs", "us"),
    "millisecond": ("ms",),
    "second": ("s", "sec", "seconds"),
    "minute": ("min", "minutes"),
    "hour": ("h", "hours"),
    "day": ("d", "days"),
    "pixel": ("pixel", "pixels", "px"),
}
NAMES = {spelling: name for name, spellings in SYMBOLS.items() for spelling in (name, *spellings)}


def unit_name(text: str | None) -> str:
    """Return the long name of a unit as files spell it; "pixel" for none, unknown ones unchanged."""
    word = (text or "").strip()
    return NAMES.get(word) or NAMES.get(word.lower()) or word or "pixel"


def ome_symbol(name: str) -> str:
    """Return the OME-XML symbol of a unit; "reference frame" where OME has none."""
    return SYMBOLS.get(unit_name(name), ("reference frame",))[0]
