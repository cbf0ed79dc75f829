"""The super-resolution networks that are there: what each one is, and the network itself.

Convention: an `Upscaler` is told kernel and noise and refines a linear upscaling of one colour; an `Rdn`
takes an image and is told nothing. Both have `reach`, in coarse pixels. A card says the rest, from the file's
header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .models import WeightFile, header_of, models_in
from .weights import FOLDER, checked_path, load_into, strongest_noise

if TYPE_CHECKING:
    from .rdn import Rdn
    from .upscaler import Upscaler

OWN = ("light", "light-bicubic")  # networks whose weights come with the package
FILES = {"light": "upscaler.safetensors", "light-bicubic": "upscaler-bicubic.safetensors"}
CHECKSUMS = {  # sha256, of the weight files that come with the package
    "upscaler.safetensors": "794e6756e6216c323534ea07722bc33725cbc8f2d242fbfce24158289c2a77c8",
    "upscaler-bicubic.safetensors": "11a5480d8b0546677800b214502b7bb0a5973e301581efd4c189c90bb3dc6dae",
}
RDN_SIZES = ("scale", "colors", "blocks", "layers", "growth", "features")  # in the header of an RDN of ours


@dataclass(frozen=True)
class UpscalerCard(WeightFile):
    """What is known of a super-resolution network's weights.

    Parameters
    ----------
    path : Path
        The weight file.
    checksum : str
        Its sha256 checksum.
    network : str
        Name of the architecture: "upscaler" or "rdn".
    colors : int
        That it takes together: 1, where colours go through one by one, or 3.
    scales : tuple of int
        By which it enlarges.
    reach : int
        How far, in coarse pixels, an input pixel may lie from a coarse pixel that it takes part in.
    told : bool
        Whether the network is told the kernel and the noise level.
    sigma_max : float or None
        Largest noise std that it was trained on, as a share of the image's range; None where unknown.
    degradations : str
        What its training pictures were reduced by, in words; "" where unknown.
    facts : mapping of str
        The rest of the file's header: licence, training pictures, steps, training curve with the mean PSNR
        for each scale.
    """

    path: Path
    checksum: str
    network: str
    colors: int
    scales: tuple[int, ...]
    reach: int
    told: bool
    sigma_max: float | None
    degradations: str
    facts: Mapping[str, str]


def upscaler_file(model: str) -> str:
    """Return the weight file of a model: ours have one that comes with the package, a path is itself."""
    return FILES.get(model, model)


def available_upscalers(folder: str | Path = "") -> tuple[str, ...]:
    """Return what a model can be: ours whose weights are installed, then the weight files in a folder."""
    own = (name for name in OWN if (FOLDER / FILES[name]).is_file())
    return (*own, *map(str, models_in(folder)))


def upscaler_card(name: str, checksum: str = "") -> UpscalerCard:
    """Return the card of a model, whose file must have the checksum, if one is given or it is ours.

    Raises
    ------
    ValueError
        If there is no such file, it is another than the checksum says, or holds no super-resolution network
        that we know.
    """
    return _card(*_checked(name, checksum))


def upscaler_network(name: str, checksum: str = "") -> Upscaler | Rdn:
    """Return the network of a model on the CPU in float32, shared by all who ask: do not change it."""
    return _network(*_checked(name, checksum))


def _checked(name: str, checksum: str) -> tuple[Path, str]:
    file = upscaler_file(name)
    return checked_path(file, checksum or CHECKSUMS.get(file, ""))


@lru_cache(maxsize=16)
def _card(path: Path, checksum: str) -> UpscalerCard:
    from .rdn import Rdn

    network, facts = _network(path, checksum), header_of(path)
    return UpscalerCard(
        path=path,
        checksum=checksum,
        network="rdn" if isinstance(network, Rdn) else "upscaler",
        colors=network.colors if isinstance(network, Rdn) else 1,
        scales=(network.scale,) if isinstance(network, Rdn) else network.scales,
        reach=network.reach,
        told=not isinstance(network, Rdn),
        sigma_max=strongest_noise(facts, path),
        degradations=facts.get("degradations", ""),
        facts=facts,
    )


@lru_cache(maxsize=8)
def _network(path: Path, checksum: str) -> Upscaler | Rdn:
    import torch

    with torch.inference_mode(False):
        return _read(path, header_of(path)).eval().requires_grad_(False)


def _read(path: Path, told: Mapping[str, str]) -> Upscaler | Rdn:
    from .rdn import Rdn, read_rdn
    from .upscaler import Upscaler

    if told.get("network") not in ("upscaler", "rdn"):
        return read_rdn(path)
    if told["network"] == "rdn":
        network: Upscaler | Rdn = Rdn(**{key: _size(path, told, key) for key in RDN_SIZES})
    else:
        features, blocks = (_size(path, told, key) for key in ("features", "blocks"))
        network = Upscaler(features, blocks, _scales(path, told))
    load_into(network, path)
    return network


def _size(path: Path, told: Mapping[str, str], key: str) -> int:
    """Return a number that the header of a file of ours must have."""
    given = told.get(key, "")
    if not given.isdecimal() or int(given) == 0:
        raise _header_error(path, key, given, "a whole number of at least 1")
    return int(given)


def _scales(path: Path, told: Mapping[str, str]) -> tuple[int, ...]:
    from .upscaler import SCALES

    given = told.get("scales", "")
    try:
        scales = tuple(json.loads(given))
    except (ValueError, TypeError):
        scales = ()
    if not scales or not all(scale in SCALES for scale in scales):
        raise _header_error(path, "scales", given, "a list out of [2, 3, 4]")
    return scales


def _header_error(path: Path, key: str, given: str, expected: str) -> ValueError:
    return ValueError(
        f"the header of {path} says {key}={given!r}; {expected} was expected. Use a file that its training "
        "script wrote."
    )
