"""Files of network weights: found, checked and put into a module.

Convention: a file is safetensors; its header's metadata say what it was made from, and the sha256 checksum of
the whole file is its identity, which a record keeps.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

FOLDER = Path(__file__).parent / "weights"
FOLDER_VARIABLE = "NAPARI_SHRINKAGE_MODELS"
DIGITS = 8  # of a digest, in the name of a file
SHOWN = 12  # digits of a checksum in a message


def model_folder() -> Path:
    """Return where the user's own weight files are: the user's data, or what NAPARI_SHRINKAGE_MODELS says."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("napari-shrinkage") / "models"


def check_new_file(path: Path) -> None:
    """Raise an error if a weight file of this name cannot be written, or there is one.

    Raises
    ------
    ValueError
        The message says what would do.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: expected the name of a weight file that ends in .safetensors.")
    if path.exists():
        raise ValueError(f"{path} exists, and a record may name it; choose another name for the weights.")
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(
            f"{path} cannot be written, as {there} is no folder that one may write to. Name another file by "
            f"save_as=..., or another folder by the environment variable {FOLDER_VARIABLE}."
        )


def passing_folder() -> Path:
    """Return a new folder that goes when the program ends."""
    folder = tempfile.mkdtemp(prefix="napari-shrinkage-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def unused_path(stem: str, folder: Path | None = None) -> Path:
    """Return the path of a weight file that is not there yet, in the user's folder of models or another."""
    chosen, number = folder or model_folder(), 1
    while (path := chosen / f"{stem}{f'-{number}' if number > 1 else ''}.safetensors").exists():
        number += 1
    return path


def still_unused(path: Path) -> Path:
    """Return a path chosen before long work, or one like it where another file has taken the name since."""
    return unused_path(path.stem, path.parent) if path.exists() else path


def short(digest: str) -> str:
    """Return so much of a digest ("name:hexadecimal") as tells the files of a folder apart."""
    return digest.rpartition(":")[2][:DIGITS]


def weight_path(name: str) -> Path:
    """Return where a weight file is: a name stands for one that comes with this package, a path for itself.

    Raises
    ------
    ValueError
        If there is none; the message names those that come with the package.
    """
    own, path = FOLDER / Path(name).name, Path(name).absolute()
    if own.name == name and own.is_file():
        return own
    if path.is_file():
        return path
    packaged = ", ".join(sorted(found.name for found in FOLDER.glob("*.safetensors")))
    raise ValueError(
        f"there is no weight file {path}. Give the path of one, or the name of one that comes with the "
        f"package: {packaged or 'none is installed; install napari-shrinkage again'}."
    )


def file_checksum(path: str | Path) -> str:
    """Return the sha256 checksum of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def checked_path(name: str, checksum: str = "") -> tuple[Path, str]:
    """Return a weight file's path and its sha256 checksum, which must be `checksum` unless that is "".

    Raises
    ------
    ValueError
        If there is no such file, or it is another one than the checksum says.
    """
    path = weight_path(name)
    state = path.stat()
    found = _checksum(str(path), state.st_mtime_ns, state.st_size)
    if checksum and found != checksum:
        raise ValueError(
            f"the weight file {path} has the sha256 checksum {found[:SHOWN]}..., not {checksum[:SHOWN]}... "
            "as was recorded: it was exchanged or damaged. Put the recorded file back, or take the new one's "
            "checksum from napari_shrinkage.nn.weights.file_checksum."
        )
    return path, found


def metadata(path: str | Path) -> dict[str, str]:
    """Return what a weight file's header says of its training, of the file at `path`.

    Raises
    ------
    ValueError
        If it is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(
            f"{path} holds no network weights ({error}); expected a safetensors file."
        ) from error


def strongest_noise(told: Mapping[str, str], path: Path) -> float | None:
    """Return the largest noise std that a network was trained on, as its file's header says; None if unsaid.

    Raises
    ------
    ValueError
        If the header says something else than a number.
    """
    try:
        return float(told["sigma_max"]) if "sigma_max" in told else None
    except ValueError:
        raise ValueError(
            f"the header of {path} says sigma_max={told['sigma_max']!r}; a number was expected. Use a file "
            "that its training script wrote."
        ) from None


def load_into(module: Module, path: str | Path) -> None:
    """Put the tensors of a weight file into a module whose parameters have their names and shapes.

    Raises
    ------
    ValueError
        If names or shapes differ (the message lists them), or a weight is not finite.
    """
    from safetensors.torch import load_file

    found = load_file(path)
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    shapes = {key: tuple(value.shape) for key, value in found.items()}
    differing = [
        f"{key}: {shapes.get(key, 'absent')} instead of {wanted.get(key, 'absent')}"
        for key in sorted({*wanted, *shapes})
        if wanted.get(key) != shapes.get(key)
    ]
    if differing:
        raise ValueError(
            f"the weights in {path} are not those of a {type(module).__name__} of this size "
            f"({'; '.join(differing)}). Use a file that its training script wrote."
        )
    check_finite(found, path)
    module.load_state_dict(found)


def check_finite(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Raise an error if a tensor of a weight file holds a value that is not finite.

    Raises
    ------
    ValueError
        Which names the first.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(
                f"{path} holds values that are not finite, in {name!r}: it is damaged, or its training went "
                "astray. Use another file."
            )


@lru_cache(maxsize=8)
def _checksum(path: str, changed: int, size: int) -> str:
    return file_checksum(path)
