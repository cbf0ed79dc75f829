"""Which files a batch reads, and where it writes their results.

Convention: a folder's images are the files in it whose ending is one of `files.FORMATS`; folders in it are
not looked into, except those that are an image (OME-Zarr).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..files import FORMATS, FileProblem, ending, read_record

A_FOLDER = "give a folder, or a pattern with {name} in it"


def images_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the image files of a folder whose names fit a pattern, by name.

    Parameters
    ----------
    folder : Path
        Where to look.
    pattern : str
        Such as "*.tif" or "cell_??.ome.tif".

    Raises
    ------
    FileProblem
        If there is no such folder, or the pattern is none.
    """
    if not folder.is_dir():
        raise FileProblem(f"there is no folder {folder}.")
    try:
        found = sorted(folder.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise FileProblem(f"{pattern!r} is no pattern of file names; try *.tif.") from error
    return [path for path in found if _is_image(path)]


def planned_targets(sources: Sequence[Path], output: str) -> list[tuple[Path, Path]]:
    """Return each input with the file that its result is written to.

    Parameters
    ----------
    sources : sequence of Path
        The inputs. A result of an earlier run, which another of them is written to, is left out.
    output : str
        A file, a folder, or a pattern with {name} in it.

    Raises
    ------
    FileProblem
        If several inputs would be written to one file, or one over itself or over another.
    """
    if not output.strip():
        raise FileProblem('the output has no name; give a file, a folder ("./" is this one) or a pattern.')
    pairs = [(source, _target(source, output)) for source in sources]
    made = {target.resolve() for source, target in pairs if target.resolve() != source.resolve()}
    pairs = [pair for pair in pairs if pair[0].resolve() not in made or not _is_result(pair[0])]
    _refuse_collisions(pairs, output)
    return pairs


def stem(source: Path) -> str:
    """Return a file's name without the ending that decides its format."""
    return source.name[: -len(ending(source))]


def _is_image(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(".") or not name.endswith(tuple(FORMATS)):
        return False
    return path.is_file() or name.endswith(".zarr")


def _is_result(path: Path) -> bool:
    """Whether a file says that it was made from another."""
    try:
        return read_record(path) is not None
    except (ValueError, TypeError):
        return False


def _target(source: Path, output: str) -> Path:
    known = output.lower().endswith(tuple(FORMATS))
    into_folder = output.endswith(("/", os.sep)) or (Path(output).is_dir() and not known)
    into_folder = into_folder or (not known and "{name}" not in output and not Path(output).suffix)
    target = Path(output) / source.name if into_folder else Path(output.replace("{name}", stem(source)))
    ending(target)
    return target


def _refuse_collisions(pairs: list[tuple[Path, Path]], output: str) -> None:
    taken: dict[Path, Path] = {}
    inputs = {source.resolve() for source, _ in pairs}
    for source, target in pairs:
        place = target.resolve()
        if place == source.resolve():
            raise FileProblem(
                f"{source} would be written over itself; give another folder, or a pattern such as "
                '"{name}_denoised.ome.tif".'
            )
        if place in inputs:
            raise FileProblem(
                f"{source} would be written over {target}, an image of the same run; {A_FOLDER}."
            )
        if place in taken:
            alike = stem(source) == stem(taken[place])
            advice = "denoise files of the same name in runs of their own" if alike else A_FOLDER
            raise FileProblem(f"{source} and {taken[place]} would both be written to {target}; {advice}.")
        taken[place] = source
