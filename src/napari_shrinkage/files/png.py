"""PNG: one picture, grey or colour, 8 or 16 bits, with or without alpha; the record is a text chunk.

Convention: grey with alpha and palettes become RGBA or RGB. 16-bit colour is refused, because the decoder
at hand would halve its bits; it does not look at the checksum of the pixels either, so they are checked here.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..methods import Json
from ..recipe import Record
from ..stack import Stack
from .pages import Report, pages
from .problems import FileProblem, reading

COMPRESSIONS = ("zlib", "none")
KEY = "napari_shrinkage"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = (2, 6)  # RGB, RGBA
LARGEST = 178_956_970  # pixels that the decoder takes for an image and not for an attack


def read(path: Path, axes: str | None, lazy: bool | None) -> Stack:
    """Read a PNG file; see `files.read`."""
    _check_content(path)
    array = _decoded(path)
    return Stack(array, axes or ("YXC" if array.ndim == 3 else "YX"), source=str(path))


def check(stack: Stack, path: Path) -> None:
    """Raise a `FileProblem` if a PNG cannot hold the image."""
    kinds = ("uint8",) if stack.is_color else ("bool", "uint8", "uint16")
    if stack.axes not in ("YX", "YXC") or (stack.axes == "YXC" and not stack.is_color):
        raise FileProblem(
            f"{path}: a PNG holds one picture (YX, or YXC for colours); this image has the axes {stack.axes} "
            f"(shape {stack.shape}). Write an OME-TIFF."
        )
    if str(stack.array.dtype) not in kinds:
        raise FileProblem(
            f"{path}: a PNG of this kind holds {' or '.join(kinds)} values, not {stack.array.dtype}. "
            "Write a TIFF, or convert the values (--dtype)."
        )


def write(part: Path, stack: Stack, record: Record | None, compression: str, report: Report) -> None:
    """Write a PNG file; see `files.write`."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    (values,) = pages(stack, report)
    about = PngInfo()
    if record is not None:
        about.add_itxt(KEY, json.dumps(record.to_json()), zip=True)
    with part.open("xb") as file:
        Image.fromarray(values).save(
            file, format="png", pnginfo=about, compress_level=0 if compression == "none" else 6
        )


def record(path: Path) -> Json | None:
    """Return the record in a PNG file, as JSON."""
    from PIL import Image

    with reading(path, "PNG file"), Image.open(path, formats=["PNG"]) as image:
        image.load()
        text = image.text.get(KEY)  # type: ignore[attr-defined]
        return None if text is None else dict(json.loads(text))


def _decoded(path: Path) -> Any:
    from PIL import Image

    with reading(path, "PNG file"), Image.open(path, formats=["PNG"]) as image:
        wanted = {"LA": "RGBA", "PA": "RGBA", "P": "RGBA" if "transparency" in image.info else "RGB"}.get(
            image.mode
        )
        values = np.asarray(image.convert(wanted) if wanted else image)
    return values.astype(np.uint16) if values.dtype == np.int32 else values


def _check_content(path: Path) -> None:
    """Raise a `FileProblem` for what the decoder would read wrongly, or not at all."""
    with reading(path, "PNG file"), path.open("rb") as file:
        width, height, bits, color = struct.unpack(">IIBB", _header(file))
        while _checked_chunk(file) != b"IEND":
            continue
    if bits == 16 and color in COLOR_TYPES:
        raise FileProblem(f"{path}: PNG files with 16-bit colours are not supported; save it as a TIFF.")
    if width * height > LARGEST:
        raise FileProblem(f"{path}: {width} x {height} pixels are too many for a PNG; save it as a TIFF.")


def _header(file: BinaryIO) -> bytes:
    """Return width, height, bit depth and colour type; the file is then at its first chunk."""
    head = file.read(26)
    if not head.startswith(SIGNATURE):
        raise ValueError("it does not begin like a PNG")
    file.seek(len(SIGNATURE))
    return head[16:]


def _checked_chunk(file: BinaryIO) -> bytes:
    """Return the name of the next chunk, whose checksum is right."""
    length, name = struct.unpack(">I4s", file.read(8))
    content = file.read(length)
    if struct.pack(">I", zlib.crc32(content, zlib.crc32(name))) != file.read(4):
        raise ValueError(f"the checksum of its part {name!r} is wrong")
    return bytes(name)
