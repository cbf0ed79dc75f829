"""Reports in files: a table (CSV) with a line for each file, or a list (JSON) with an object for each.

Convention: the ending of the name decides the format. What is appended is written at once, as soon as a file
is done, so that an interrupted batch leaves the report on what was done; a list is complete JSON at any time.
"""

from __future__ import annotations

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..files import FileProblem
from ..files.problems import whole_or_nothing
from .report import COLUMNS, FileReport


class Form(ABC):
    """How a report lies in its file."""

    @abstractmethod
    def fits(self, file: BinaryIO) -> bool:
        """Whether a file that is not empty is such a report."""

    @abstractmethod
    def append(self, file: BinaryIO, report: FileReport) -> None:
        """Write one more line, or the first, into a file that is open for reading and writing."""


class Table(Form):
    """CSV, UTF-8, one line for each file below the names of the columns."""

    def fits(self, file: BinaryIO) -> bool:
        """Whether the first line names the columns."""
        return file.readline() == _line(COLUMNS)

    def append(self, file: BinaryIO, report: FileReport) -> None:
        """Write a line; one that was torn by a crash is ended first."""
        line = _line(_cell(value) for value in report.to_json().values())
        size = file.seek(0, os.SEEK_END)
        if not size:
            line = _line(COLUMNS) + line
        else:
            file.seek(size - 1)
            line = (b"" if file.read(1) == b"\n" else b"\n") + line
        file.write(line)


class List(Form):
    """JSON: one object for each file."""

    END = b"\n]\n"

    def fits(self, file: BinaryIO) -> bool:
        """Whether it begins and ends as a list of ours does."""
        start = file.read(1)
        return start == b"[" and file.seek(0, os.SEEK_END) > len(self.END) and self._ends(file)

    def append(self, file: BinaryIO, report: FileReport) -> None:
        """Write an object in the place of the list's end, and the end after it."""
        entry = json.dumps(report.to_json()).encode()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(self.END), 0))
        file.write((b",\n" if size else b"[\n") + entry + self.END)

    def _ends(self, file: BinaryIO) -> bool:
        file.seek(-len(self.END), os.SEEK_END)
        return file.read() == self.END


FORMS: dict[str, Form] = {".csv": Table(), ".json": List()}


def check_report(path: Path) -> None:
    """Raise a `FileProblem` if a report cannot be begun or appended at `path`."""
    form = _form(path)
    if not path.parent.is_dir():
        raise FileProblem(f"{path} cannot be written: there is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise FileProblem(f"{path} cannot be written: you may not write there.")
    if path.exists() and path.stat().st_size:
        with _reasons(path), path.open("rb") as file:
            if not form.fits(file):
                raise FileProblem(f"{path} exists and is no report of a batch; give the report another name.")


def append_report(path: Path, report: FileReport) -> None:
    """Append the report on one file; see `check_report`.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    with _reasons(path), path.open("r+b" if path.exists() else "x+b") as file:
        _form(path).append(file, report)


def save_report(path: Path, reports: Iterable[FileReport]) -> None:
    """Write the reports on many files, whole or not at all, replacing a file of that name.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    form = _form(path)
    with whole_or_nothing(path, overwrite=True) as part, part.open("x+b") as file:
        for report in reports:
            form.append(file, report)


@contextmanager
def _reasons(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileProblem(f"{path} cannot be written: {error.strerror or error}.") from error


def _form(path: Path) -> Form:
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise FileProblem(f"{path}: a report is a table or a list; give a name that ends in .csv or .json.")
    return form


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")  # names that are not UTF-8


def _cell(value: Any) -> Any:
    return " | ".join(map(str, value)) if isinstance(value, list) else value
