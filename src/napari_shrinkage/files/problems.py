"""What can go wrong with a file, in plain words, and files that are written whole or not at all.

Convention: whatever a reader or writer meets (damage, permissions, a full disk), its caller sees a
`FileProblem` whose text names the file and says what to do.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "it grew larger than the file system or a limit allows",
    errno.EACCES: "you may not read or write there",
    errno.EPERM: "you may not read or write there",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EEXIST: "there is a file of that name",
}
ZARR_FILES = ("zarr.json", ".zgroup", ".zarray")  # one of them is in every Zarr folder


class FileProblem(ValueError):
    """A file that cannot be read or written; the message names it and says why."""


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn every error of a decoder, of any type, into a `FileProblem`: the file is a damaged `what`."""
    try:
        yield
    except FileProblem:
        raise
    except OSError as error:
        reason = _reason(error) if error.errno else _damaged(what, error)
        raise FileProblem(f"{path} cannot be read: {reason}.") from error
    except MemoryError as error:
        raise FileProblem(f"{path} cannot be read: it claims to be larger than the memory.") from error
    except Exception as error:
        raise FileProblem(f"{path} cannot be read: {_damaged(what, error)}.") from error


@contextmanager
def whole_or_nothing(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`, and put what was written there in its place in the end.

    After an error, or an interruption, nothing is left behind and what was at `path` is untouched.

    Parameters
    ----------
    path : Path
        The file or folder to write.
    overwrite : bool
        Whether one that exists is replaced.

    Raises
    ------
    FileProblem
        If it exists, its folder does not, or writing fails.
    """
    check_place(path, overwrite)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with writing(path):
            yield part
            put(part, path, overwrite)
    finally:
        removed(part)


@contextmanager
def writing(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an error of the file system into a `FileProblem` that names the file and gives the advice."""
    try:
        yield
    except OSError as error:
        raise FileProblem(f"{path} cannot be written: {_reason(error)}.{advice}") from error


def put(part: Path, path: Path, overwrite: bool) -> None:
    """Rename what was written to `part` to its own name; what is at `path` stays if that fails.

    Raises
    ------
    FileProblem
        If there is something meanwhile and may not be replaced.
    """
    _sync(part)
    check_place(path, overwrite)  # again: writing may have taken hours
    _put(part, path)


def removed(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_place(path: Path, overwrite: bool) -> None:
    """Raise a `FileProblem` if a file cannot be written at `path`, as far as that is known before trying."""
    if path.exists() and not overwrite:
        raise FileProblem(f"{path} exists already; choose another name, or overwrite it.")
    if path.is_dir() and not any((path / name).exists() for name in ZARR_FILES):
        raise FileProblem(f"{path} is a folder, not an image, and is not overwritten; choose another name.")
    if not path.parent.is_dir():
        raise FileProblem(f"{path} cannot be written: there is no folder {path.parent}.")
    if not os.access(path.parent, os.W_OK):
        raise FileProblem(f"{path} cannot be written: you may not write to the folder {path.parent}.")


def made_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none; raise a `FileProblem` where that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(f"the folder {path} cannot be made: {_reason(error)}.") from error


def _put(part: Path, path: Path) -> None:
    """Rename `part` to `path`; what is at `path` goes when all is done, and stays if that fails."""
    if path.is_dir():
        _put_for_folder(part, path)
    else:
        os.replace(part, path)
    if os.name == "posix":
        _sync(path.parent)


def _put_for_folder(part: Path, path: Path) -> None:
    aside = part.with_suffix(".old")
    path.rename(aside)
    try:
        part.rename(path)
    except OSError:
        aside.rename(path)
        raise
    removed(aside)


def _sync(path: Path) -> None:
    """Make sure that a file, or the entries of a folder, are on the disk before a rename refers to them."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.errno is None:
        return _short(error)
    if error.errno is None:  # a library wrote less than it was asked to
        return f"the disk is full, or a limit was reached ({_short(error)})"
    return REASONS.get(error.errno) or error.strerror or _short(error)


def _damaged(what: str, error: BaseException) -> str:
    return f"it is damaged, incomplete or not a {what} ({_short(error)})"


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
