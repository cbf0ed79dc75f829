"""The image files that a command is given: patterns, folders and unknown kinds, and what reading them tells.

Convention: an input that is no image file is one line on stderr, and does not cost the others their turn.
"""

from __future__ import annotations

import glob
import warnings
from collections.abc import Sequence
from pathlib import Path

from ..batch import images_in
from ..files import FORMATS, FileProblem, ending, read
from ..stack import Stack
from . import say


def image_files(words: Sequence[str]) -> tuple[list[Path], int]:
    """Return the files that the words name, and how many words name none.

    Parameters
    ----------
    words : sequence of str
        Paths of files and folders, or patterns such as "*.tif" where the shell has not expanded them
        (Windows, quotes). A folder stands for the images in it.
    """
    found: dict[Path, Path] = {}  # each once, however often it is named
    refused = 0
    for path in (path for word in words for path in _matches(word)):
        try:
            found |= {image.resolve(): image for image in _images(path)}
        except FileProblem as problem:
            refused += 1
            say(str(problem))
    return list(found.values()), refused


def _images(path: Path) -> list[Path]:
    """Return a file, or the images in a folder that is none itself."""
    if not path.is_dir() or path.name.lower().endswith(tuple(FORMATS)):
        ending(path)
        return [path]
    images = images_in(path)
    if not images:
        raise FileProblem(f"the folder {path} holds no images ({', '.join(FORMATS)}).")
    return images


def read_input(path: Path, axes: str | None) -> Stack:
    """Read an image file, saying what its reader warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stack = read(path, axes)
    for warning in caught:
        say(str(warning.message))
    return stack


def _matches(word: str) -> list[Path]:
    """Return the files that fit a pattern; a word that nothing fits stays as it is."""
    fitting = [] if Path(word).exists() else sorted(glob.glob(word, recursive=True))
    return [Path(name) for name in fitting or [word]]
