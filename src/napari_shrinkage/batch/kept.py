"""What was done already: a target whose record says that it came from this image, by this recipe.

Convention: what was asked for, recipe and number type, is one digest, the record's `wish`; a file that a
recipe names (weights, a map of a camera) counts with its content. Device and threads do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..engine import described
from ..files import FileProblem, read_record
from ..recipe import Recipe, Record
from ..stack import Stack

BYTES = 2**22  # read at a time
NOT_COMPARED = ("source", "region")  # of what a record says of its input


def wish_of(recipe: Recipe, dtype: np.dtype[Any]) -> str:
    """Return the digest of what is asked for.

    Parameters
    ----------
    recipe : Recipe
        Its steps.
    dtype : dtype
        Of the result.
    """
    steps = [step.to_json() for step in recipe.steps]
    files = [_checksum(path, path.stat().st_mtime_ns) for path in _files_in(steps)]
    text = json.dumps([steps, str(dtype), files], sort_keys=True)
    return f"blake2b:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def made_before(target: Path, stack: Stack, wish: str) -> Record:
    """Return the record of a target that was made from this image as it is wished.

    Raises
    ------
    FileProblem
        If it was made otherwise; the message says in what it differs.
    """
    record = _record(target)
    if record is None:
        raise _not_ours(target, "holds no record of how it was made")
    if not record.wish:
        raise _not_ours(target, "was not made by a batch, so its settings cannot be compared")
    if record.wish != wish:
        raise _not_ours(target, "was made with other settings")
    if _compared(record.input) != _compared(described(stack)):
        raise _not_ours(target, "was made from another image")
    return record


def _record(target: Path) -> Record | None:
    try:
        return read_record(target)
    except (ValueError, TypeError, KeyError):
        return None


def _not_ours(target: Path, why: str) -> FileProblem:
    return FileProblem(f"{target} exists already and {why}; choose another name, or overwrite it.")


def _compared(about: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key not in NOT_COMPARED}


def _files_in(value: Any) -> Iterator[Path]:
    """Yield the files that a recipe names, in order."""
    match value:
        case dict():
            for one in value.values():
                yield from _files_in(one)
        case list() | tuple():
            for one in value:
                yield from _files_in(one)
        case str() if "/" in value or "\\" in value:
            path = Path(value)
            if path.is_file():
                yield path


@lru_cache(maxsize=16)
def _checksum(path: Path, changed: int) -> str:
    """Return the digest of a file that was changed at this time."""
    hasher = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BYTES):
            hasher.update(block)
    return hasher.hexdigest()
