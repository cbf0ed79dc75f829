"""Weight files of fine-tuned networks: their header keeps that of the network at the start, and adds to it.

Convention: as the files of our own networks, safetensors of float16; on the way the network lies in files of
its own, of which the last few are kept until the program ends.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .models import OWN, Card
from .weights import file_checksum, passing_folder, short, unused_path

if TYPE_CHECKING:
    from torch import Tensor, nn

KEPT = 3  # files of a network on the way

Tensors = Mapping[str, "Tensor"]


def check_tunable(network: nn.Module, card: Card) -> None:
    """Raise an error if the network is none whose weights this package can write and read again.

    Raises
    ------
    TypeError
        If it is another; the message says which are.
    """
    from .dncnn import Dncnn, Fdncnn
    from .ffdnet import Ffdnet
    from .unet import Unet

    if card.network in OWN or type(network) in (Unet, Ffdnet, Dncnn, Fdncnn):
        return
    raise TypeError(
        f"{card.path.name} holds {card.network}, which cannot be fine-tuned here. Use one of ours "
        f"({', '.join(OWN)}), or a file of FFDNet, DnCNN or FDnCNN in KAIR's layout."
    )


def new_file(card: Card, digest: str) -> Path:
    """Return a path in the user's folder of models where no file is: named by the network and the data."""
    stem = card.path.stem.removesuffix(f"-{short(digest)}")  # of a network that learned from them before
    return unused_path(f"{stem}-{short(digest)}")


def write_tuned(weights: Tensors, card: Card, path: Path, facts: Mapping[str, str]) -> str:
    """Write the weights of a network that began as that of a card; return the file's sha256 checksum.

    Parameters
    ----------
    weights : mapping of str to Tensor
        By name, on the CPU.
    card : Card
        Of the network at the start.
    path : Path
        The file; its folder is made.
    facts : mapping of str to str
        Of the fine-tuning, for the header.
    """
    from safetensors.torch import save_file

    from .. import __version__

    path.parent.mkdir(parents=True, exist_ok=True)
    header = {**card.facts, "start": card.name, "made_by": f"napari-shrinkage {__version__}", **facts}
    part = path.with_suffix(".part")
    save_file(dict(weights), part, header)
    part.replace(path)
    return file_checksum(path)


def live_file(weights: Tensors, card: Card) -> Path:
    """Write a network as it is on the way; the last few such files are kept until the program ends."""
    path = _scratch() / f"{time.monotonic_ns()}.safetensors"
    write_tuned(weights, card, path, {})
    for old in sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime_ns)[:-KEPT]:
        old.unlink()
    return path


@cache
def _scratch() -> Path:
    return passing_folder()
