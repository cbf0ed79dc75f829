"""Named camera profiles: a noise model under a name, so that a camera is calibrated once and used for years.

Convention: a profile is one JSON file that people can read; the maps of a calibrated camera lie beside it
under a name made from the profile's and their checksum. Exported profiles look the same: two files travel
together.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import unicodedata
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .methods import from_record, to_record
from .noise import CalibratedCamera, NoiseModel
from .noise.camera_maps import file_checksum

FORMAT = 1
FOLDER_VARIABLE = "NAPARI_SHRINKAGE_PROFILES"
LONGEST_STEM = 40


@dataclass(frozen=True)
class Profile:
    """A noise model under a name.

    Parameters
    ----------
    name : str
        What people call the camera and its mode.
    noise : NoiseModel
        The model.
    notes : str
        Anything that helps to choose it: exposure, cooling, who measured it.
    created : str
        Date and time, ISO 8601, UTC.
    """

    name: str
    noise: NoiseModel
    notes: str = ""
    created: str = ""


def profile_folder() -> Path:
    """Return where profiles are kept: the user's settings, or what NAPARI_SHRINKAGE_PROFILES says."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    from platformdirs import user_config_path

    return user_config_path("napari-shrinkage") / "cameras"


def save_profile(
    name: str,
    noise: NoiseModel,
    notes: str = "",
    folder: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Keep a noise model under a name.

    Parameters
    ----------
    name : str
        Any text that is not empty; names that look the same are the same.
    noise : NoiseModel
        The model. The maps of a `CalibratedCamera` are copied.
    notes : str
        What else to know.
    folder : str or Path, optional
        Where; the user's settings by default.
    overwrite : bool
        Whether a profile of that name is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the name is empty or taken, or the camera's maps are missing or have changed.
    """
    name = _checked_name(name)
    path = _place(name, folder)
    if path.exists() and not overwrite:
        raise _taken(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    _write(Profile(name, noise, notes, created), path)
    return path


def load_profile(name: str, folder: str | Path | None = None) -> NoiseModel:
    """Return the noise model of a profile.

    Raises
    ------
    ValueError
        If there is none of that name (the message lists those there are), or its file is broken.
    """
    return _read(_existing(name, folder)).noise


def profiles(folder: str | Path | None = None) -> tuple[Profile, ...]:
    """Return all profiles, by name; a file that cannot be read is skipped with a warning."""
    found = []
    for path in sorted(_folder(folder).glob("*.json")):
        try:
            found.append(_read(path))
        except ValueError as error:
            warnings.warn(f"{error} It is skipped.", UserWarning, stacklevel=2)
    return tuple(sorted(found, key=lambda profile: profile.name.casefold()))


def delete_profile(name: str, folder: str | Path | None = None) -> None:
    """Remove a profile and the maps that belong to it.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    path = _existing(name, folder)
    path.unlink()
    _remove_maps(path)


def export_profile(
    name: str, path: str | Path, folder: str | Path | None = None, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write a profile to a file that another computer can import.

    Parameters
    ----------
    name : str
        Of the profile.
    path : str or Path
        Ends in ".json". The maps of a calibrated camera are put beside it, as an npz file.
    folder : str or Path, optional
        Where the profile is kept.
    overwrite : bool
        Whether a file that exists is replaced.

    Returns
    -------
    tuple of Path
        The files that were written, which belong together.

    Raises
    ------
    ValueError
        If there is no such profile, the file exists, or its name ends otherwise.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise ValueError(f"a profile is exported as a JSON file; {path} does not end in .json.")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; make it first, or choose another.")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already; choose another name, or pass overwrite=True.")
    return _write(_read(_existing(name, folder)), path)


def import_profile(path: str | Path, folder: str | Path | None = None, overwrite: bool = False) -> str:
    """Add an exported profile and return its name.

    Raises
    ------
    ValueError
        If the file is no profile, its maps are not beside it, or there is a profile of that name.
    """
    profile = _read(Path(path))
    place = _place(profile.name, folder)
    if place.exists() and not overwrite:
        raise _taken(profile.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    _write(profile, place)
    return profile.name


def _write(profile: Profile, path: Path) -> tuple[Path, ...]:
    """Write a profile, its maps first: whatever happens in between, what `path` says is there."""
    noise, written = profile.noise, [path]
    if isinstance(noise, CalibratedCamera):
        maps = path.with_name(f"{path.stem}-{noise.checksum[:12]}.npz")
        _copy_maps(noise, maps)
        noise = noise.replace(path=maps.name)
        written.append(maps)
    data = {
        "camera_profile": FORMAT,
        "name": profile.name,
        "notes": profile.notes,
        "created": profile.created,
        "noise": to_record(noise),
    }
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    _whole(path, lambda part: part.write_text(text, encoding="utf-8"))
    _remove_maps(path, but=written)
    return tuple(written)


def _read(path: Path) -> Profile:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("camera_profile") != FORMAT:
            raise ValueError(f'it does not say "camera_profile": {FORMAT}')
        noise = from_record(data["noise"])
        if not isinstance(noise, NoiseModel):
            raise TypeError(f"it holds a {noise.role}, not a noise model")
        name, notes, created = (str(data.get(key, "")) for key in ("name", "notes", "created"))
        profile = Profile(_checked_name(name), noise, notes, created)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not a camera profile that can be read: {error}.") from error
    if isinstance(noise, CalibratedCamera):
        return replace(profile, noise=noise.replace(path=str((path.parent / noise.path).resolve())))
    return profile


def _copy_maps(noise: CalibratedCamera, maps: Path) -> None:
    source = Path(noise.path)
    if not source.is_file() or file_checksum(source) != noise.checksum:
        raise ValueError(
            f"the camera's maps {source} are missing or have changed; put the npz file back (an exported "
            "profile needs the one beside it), or calibrate the camera again."
        )
    if source.resolve() != maps.resolve():
        _whole(maps, lambda part: shutil.copyfile(source, part))


def _whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file beside its place, then put it there, so that it is never half written."""
    part = path.with_name(f".{uuid.uuid4().hex[:8]}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _remove_maps(path: Path, but: list[Path] | None = None) -> None:
    """Remove the maps that belong to a profile's file, except those just written."""
    for maps in path.parent.iterdir():
        if re.fullmatch(re.escape(path.stem) + r"-[0-9a-f]{12}\.npz", maps.name) and maps not in (but or []):
            maps.unlink(missing_ok=True)


def _folder(folder: str | Path | None) -> Path:
    return profile_folder() if folder is None else Path(folder)


def _place(name: str, folder: str | Path | None) -> Path:
    """Return the file of a name: readable as far as any file system allows, unique by a hash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_STEM].strip("-") or "camera"
    mark = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return _folder(folder) / f"{stem}-{mark}.json"


def _existing(name: str, folder: str | Path | None) -> Path:
    path = _place(_checked_name(name), folder)
    if not path.is_file():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = ", ".join(repr(profile.name) for profile in profiles(folder))
        raise ValueError(
            f"there is no camera profile {name!r}; " + (f"there are {names}." if names else "none yet.")
        )
    return path


def _checked_name(name: str) -> str:
    """Return a name in one spelling of its characters, without space around it."""
    checked = unicodedata.normalize("NFC", " ".join(name.split()))
    if not checked or not checked.isprintable():
        raise ValueError(f"a camera profile needs a name of printable characters; this is {name!r}.")
    return checked


def _taken(name: str) -> ValueError:
    return ValueError(
        f"there is a camera profile {name!r} already; choose another name, or pass overwrite=True."
    )
