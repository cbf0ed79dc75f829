"""What can happen to bytes: flips, cuts, repetitions, extreme numbers, and other values in JSON and XML.

Convention: every function takes a random generator first and changes nothing in place.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

Random = np.random.Generator
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1)
TEXTS = (
    b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"99999999999999999999", b"1.5", b"null", b"true", b'""',
    b"[]", b"{}", b"\xff", b"'", b"<", b"&x;", b"../../etc/passwd",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 3, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**30, "", "x", "0",
    "YX", "../..", "é\u0000", [], [0], [[]], {}, {"a": 1}, {"method": "rule/soft"}, [1, 2, 3, 4, 5, 6, 7],
)  # fmt: skip
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def damaged(rng: Random, data: bytes) -> bytes:
    """Return data with one to four kinds of damage, those to numbers and text more often than the rest."""
    kinds: tuple[Callable[[Random, bytes], bytes], ...] = (
        flipped, extreme, extreme, other_text, other_text, cut, repeated, truncated, json_changed,
    )  # fmt: skip
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        data = kinds[rng.integers(len(kinds))](rng, data)
    return data


def flipped(rng: Random, data: bytes) -> bytes:
    """Return data with up to four bits turned, half of the time in the first kilobyte."""
    made = bytearray(data)
    for place in _places(rng, data, int(rng.integers(1, 5))):
        made[place] ^= 1 << int(rng.integers(8))
    return bytes(made)


def extreme(rng: Random, data: bytes) -> bytes:
    """Return data with a number of 1 to 8 bytes at the border of its range."""
    size = int(rng.choice([1, 2, 4, 8]))
    value = EXTREMES[rng.integers(len(EXTREMES))] & (256**size - 1)
    new = value.to_bytes(size, "little" if rng.random() < 0.5 else "big")
    for place in _places(rng, data, 1):
        data = data[:place] + new + data[place + size :]
    return data


def other_text(rng: Random, data: bytes) -> bytes:
    """Return data with a number or quoted word of its text replaced."""
    found = list(re.finditer(rb'-?\d+(\.\d+)?|"[^"<>]{0,40}"', data[:20_000]))
    if not found:
        return flipped(rng, data)
    spot = found[rng.integers(len(found))]
    return data[: spot.start()] + TEXTS[rng.integers(len(TEXTS))] + data[spot.end() :]


def cut(rng: Random, data: bytes) -> bytes:
    """Return data without some bytes in the middle."""
    start, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 65))
    return data[:start] + data[start + length :]


def repeated(rng: Random, data: bytes) -> bytes:
    """Return data with some bytes twice."""
    start, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 65))
    return data[: start + length] + data[start:]


def truncated(rng: Random, data: bytes) -> bytes:
    """Return the beginning of data."""
    return data[: int(rng.integers(len(data) + 1))]


def json_changed(rng: Random, data: bytes) -> bytes:
    """Return JSON, alone or as the header of a safetensors file, with one value changed, gone or moved."""
    before = data[:8] if data[8:9] == b"{" else b""
    end = 8 + struct.unpack("<Q", before)[0] if before else len(data)
    try:
        tree = json.loads(data[len(before) : end])
    except ValueError:
        return flipped(rng, data)
    text = json.dumps(_changed(rng, tree)).encode()
    return (struct.pack("<Q", len(text)) if before else b"") + text + data[end:]


def with_right_checksums(data: bytes) -> bytes:
    """Return a PNG file whose chunks have the checksums of what they now hold."""
    made, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        made += data[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return made + data[at:]


def _places(rng: Random, data: bytes, count: int) -> list[int]:
    if not data:
        return []
    top = min(len(data), 1024) if rng.random() < 0.5 else len(data)
    return [int(place) for place in rng.integers(0, top, count)]


def _changed(rng: Random, tree: Any) -> Any:
    """Return a JSON tree with one node changed, chosen on a walk from the root."""
    if not isinstance(tree, dict | list) or not tree or rng.random() < 0.15:
        return VALUES[rng.integers(len(VALUES))]
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = keys[rng.integers(len(keys))]
    made = tree.copy()
    if (luck := rng.random()) < 0.1:
        made.pop(key)
    elif luck < 0.15 and isinstance(made, dict):
        made[str(VALUES[rng.integers(len(VALUES))])] = made.pop(key)
    else:
        made[key] = _changed(rng, tree[key])
    return made
