"""The denoising networks that are there: what each one is, and the network itself.

Convention: a network takes images (B, C, Y, X) and a noise std on the same scale, and gives images. It has
`colors`, `multiple_of` (of Y and X), `reach` (how far an input pixel may lie from an output pixel that it
takes part in) and `told` (whether it is told the noise level). A card says the rest, from the file's header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .weights import FOLDER, checked_path, load_into, metadata, strongest_noise

if TYPE_CHECKING:
    from torch import Tensor, nn

OWN = ("unet", "ffdnet")  # networks whose weights come with the package, the better one first
KINDS = {1: "gray", 3: "color"}
CHECKSUMS = {  # sha256, of the weight files that come with the package
    "ffdnet-color.safetensors": "66474f899bbb307ad0d2a965458e061455849e682e227a600cfda0517ee1fddd",
    "ffdnet-gray.safetensors": "7f39bc1a44fd4c3bdfde1f7abbcb95775fb0bcbf85921388403a3ab707afc338",
    "unet-color.safetensors": "6e2b5dc4fd5ebc68b140abe45e32382d21dfac105a4da72963d8efa85d30025a",
    "unet-gray.safetensors": "48f5cf66c259ab1ebbbd36f346d386f1688bf27697a9e2886360f2fc495535ed",
}
ENDINGS = (".ckpt", ".pt", ".pth", ".safetensors")  # of files that may hold weights


class Denoiser(Protocol):
    """What every denoising network offers beside its parameters."""

    colors: int
    multiple_of: int
    told: bool

    @property
    def reach(self) -> int:
        """How far, in pixels, an input pixel may lie from an output pixel that it takes part in."""

    def __call__(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return restored images (B, C, Y, X)."""


class WeightFile:
    """What every card says of its file."""

    path: Path
    facts: Mapping[str, str]

    @property
    def name(self) -> str:
        """What a record calls the file: its name where it comes with the package, else its path."""
        return self.path.name if self.path.parent == FOLDER else str(self.path)

    @property
    def curve(self) -> tuple[tuple[float, ...], ...]:
        """Minutes of training and mean PSNRs in validation, row by row; () where unknown."""
        return tuple(tuple(row) for row in json.loads(self.facts.get("curve", "[]")))


@dataclass(frozen=True)
class Card(WeightFile):
    """What is known of a network's weights.

    Parameters
    ----------
    path : Path
        The weight file.
    checksum : str
        Its sha256 checksum.
    network : str
        Name of the architecture.
    colors : int
        1 for gray, 3 for colour.
    reach, multiple_of : int
        See `Denoiser`, in pixels.
    told : bool
        Whether the network is told the noise level.
    residual : bool
        Whether the network gives the noise, which is then taken off; otherwise it gives the image.
    sigma_max : float or None
        Largest noise std that it was trained on, as a share of the image's range; None where unknown.
    facts : mapping of str
        The rest of the file's header: licence, training pictures, steps, dB, training curve with the mean
        PSNR at sigma 15, 25 and 50.
    """

    path: Path
    checksum: str
    network: str
    colors: int
    reach: int
    multiple_of: int
    told: bool
    residual: bool
    sigma_max: float | None
    facts: Mapping[str, str]


def weight_file(model: str, colors: int) -> str:
    """Return the weight file of a model: ours have one for gray and one for colour, a path is itself."""
    return f"{model}-{KINDS[colors]}.safetensors" if model in OWN else model


def has_own(model: str, colors: int) -> bool:
    """Whether weights of this model for this many colours come with the package."""
    return model in OWN and (FOLDER / weight_file(model, colors)).is_file()


def models_in(folder: str | Path) -> tuple[Path, ...]:
    """Return the weight files in a user's folder, sorted; none if the folder is "" or absent."""
    if not str(folder) or not Path(folder).is_dir():
        return ()
    return tuple(
        sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    )


def available_models(folder: str | Path = "") -> tuple[str, ...]:
    """Return what a model can be: ours whose weights are installed, then the files in a user's folder."""
    own = (name for name in OWN if any(has_own(name, colors) for colors in KINDS))
    return (*own, *map(str, models_in(folder)))


def card_of(name: str, checksum: str = "") -> Card:
    """Return the card of a weight file, which must have the checksum, if one is given or it is ours.

    Raises
    ------
    ValueError
        If there is no such file, it is another than the checksum says, or holds no denoiser that we know.
    """
    return _card(*checked_path(name, checksum or CHECKSUMS.get(name, "")))


def network_of(name: str, checksum: str = "") -> nn.Module:
    """Return the network of a weight file on the CPU in float32, shared by all who ask: do not change it."""
    return _network(*checked_path(name, checksum or CHECKSUMS.get(name, "")))


def header_of(path: Path) -> dict[str, str]:
    """Return what a weight file's header says; nothing where its kind of file has none."""
    return metadata(path) if path.suffix.lower() == ".safetensors" else {}


@lru_cache(maxsize=16)
def _card(path: Path, checksum: str) -> Card:
    network: Any = _network(path, checksum)
    told = header_of(path)
    return Card(
        path=path,
        checksum=checksum,
        network=told.get("network", getattr(network, "title", type(network).__name__)),
        colors=network.colors,
        reach=network.reach,
        multiple_of=network.multiple_of,
        told=network.told,
        residual=hasattr(network, "noise"),
        sigma_max=strongest_noise(told, path),
        facts=told,
    )


@lru_cache(maxsize=8)
def _network(path: Path, checksum: str) -> nn.Module:
    import torch

    with torch.inference_mode(False):
        told = header_of(path)
        if told.get("network") in OWN:
            network = _own(told["network"], _colors(told, path))
            load_into(network, path)
        else:
            from .foreign import read_denoiser

            network = read_denoiser(path)
        return network.eval().requires_grad_(False)


def _colors(told: Mapping[str, str], path: Path) -> int:
    """Return how many colours a network of ours restores together, as its file's header says."""
    found = {str(colors): colors for colors in KINDS}.get(told.get("colors", ""))
    if found is None:
        raise ValueError(
            f"the header of {path} says colors={told.get('colors')!r}; 1 or 3 was expected. Use a file that "
            "its training script wrote."
        )
    return found


def _own(name: str, colors: int) -> nn.Module:
    from .ffdnet import ResidualFfdnet
    from .unet import Unet

    return {"unet": Unet, "ffdnet": ResidualFfdnet}[name](colors)
