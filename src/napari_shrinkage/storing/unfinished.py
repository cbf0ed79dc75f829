"""The hidden folder in which an image grows until it is whole: its job, its blocks, and which are done.

Conventions: the files of a job are named after the digest of what was asked for, so blocks of two jobs never
meet. Zarr gives a chunk its name when it is all on the disk; a block is done when a line says so, and that
line is written after its last chunk.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from ..files import FileProblem, made_folder
from ..files.problems import removed
from ..methods import Json
from .job import Job, description_of

SAID = {"recipe": "methods or noise", "input": "image", "dtype": "data type", "versions": "software"}


def unfinished_folder(target: Path) -> Path:
    """Return the folder in which an image is made before it gets its name."""
    return target.with_name(f".{target.name}.unfinished")


class Unfinished:
    """The unfinished folder of one target, held by one process at a time.

    Parameters
    ----------
    target : Path
        The folder that is to be.

    Raises
    ------
    FileProblem
        On entering, if another process holds it.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = unfinished_folder(target)
        self.image = Path()

    def __enter__(self) -> Self:
        made_folder(self.folder)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        if not _locked(self._lock):
            os.close(self._lock)
            raise FileProblem(
                f"{self.target} is being written by another process; wait until it has ended, or choose "
                "another name."
            )
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def job(self, wish: Json, overwrite: bool, decide: Callable[[], Job]) -> Job:
        """Return the job of a wish: the one that was begun, else a new one with its empty arrays.

        Parameters
        ----------
        wish : dict
            All that decides about the pixels.
        overwrite : bool
            Whether work on another wish is thrown away.
        decide : callable
            Returns the job where none was begun.
        """
        text = json.dumps(wish, sort_keys=True)
        self.image = self.folder / f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.zarr"
        description = description_of(self.image)
        if not (description.exists() and self.image.is_dir()):  # killed after the image got its name
            self._refuse_others(wish, overwrite)
            self._emptied()
            job = decide()
            job.created(self.image)
            written = description.with_suffix(".new")
            written.write_text(json.dumps({"wish": wish, "job": job.to_json()}), encoding="utf-8")
            written.replace(description)
        return Job.from_json(_read(description)["job"])

    def done(self) -> dict[tuple[int, int], int]:
        """Return the blocks that are done, by level and number, and how many values were clipped in each."""
        path = self._notes
        lines = path.read_text(encoding="ascii").split("\n")[:-1] if path.exists() else []
        found = [[int(word) for word in line.split()] for line in lines]
        return {(level, number): clipped for level, number, clipped in (f for f in found if len(f) == 3)}

    def note(self, level: int, number: int, clipped: int) -> None:
        """Write down that a block is done."""
        with self._notes.open("a", encoding="ascii") as file:
            file.write(f"{level} {number} {clipped}\n")

    def sweep(self) -> None:
        """Remove what writers that were killed left of chunks without a name."""
        for left in self.image.rglob("*.partial"):
            left.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the folder."""
        self._emptied()
        with suppress(OSError):  # Windows keeps an open file
            (self.folder / "lock").unlink()
            self.folder.rmdir()

    @property
    def _notes(self) -> Path:
        return self.image.with_suffix(".done")

    def _emptied(self) -> None:
        for path in self.folder.iterdir():
            if path.name != "lock":
                removed(path)

    def _refuse_others(self, wish: Json, overwrite: bool) -> None:
        for other in () if overwrite else self.folder.glob("*.json"):
            begun = _read(other)["wish"]
            names = [SAID.get(key, key) for key in wish if wish[key] != begun.get(key)]
            raise FileProblem(
                f"{self.target} was begun with other {' and '.join(names)} and is not finished; repeat what "
                f"it was begun with, overwrite it, or delete {self.folder}."
            )


def _read(path: Path) -> Json:
    return dict(json.loads(path.read_text(encoding="utf-8")))


if sys.platform == "win32":
    import msvcrt

    def _locked(handle: int) -> bool:
        """Lock a file for this process; the system unlocks it when the process ends, however it ends."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(handle: int) -> bool:
        """Lock a file for this process; the system unlocks it when the process ends, however it ends."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: two runs would write the same values twice
            return True
        return True
