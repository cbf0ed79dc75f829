"""Names of the weight files that widgets write: in the folder of models, after what they were made from."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..nn.weights import unused_path

LONGEST = 40  # letters of each part of a name


def new_weight_file(folder: Path, *parts: str) -> Path:
    """Return a path in a folder where no file is, named by some words; the folder is made.

    Raises
    ------
    ValueError
        If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise ValueError(
            f"Nothing can be written to {folder}, where the network would be saved. Choose another Model "
            "folder in Preferences > Plugin Preferences."
        )
    words = (re.sub(r"[^\w]+", "-", part)[:LONGEST].strip("-") for part in parts)
    return unused_path("-".join(word or "image" for word in words), folder)
