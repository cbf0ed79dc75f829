"""What became of each file.

Convention: a report is plain text and numbers and holds no pixels, so that a thousand of them weigh nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .brightness import Brightness

STATES = ("done", "skipped", "failed")
COLUMNS = (
    "finished",
    "source",
    "target",
    "status",
    "noise",
    "noise_std",
    "seconds",
    "mean_change_percent",
    "slope",
    "brightness",
    "messages",
    "error",
)


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Parameters
    ----------
    source, target : Path
        The image and its result.
    status : str
        "done"; "skipped", where the target was made before from the same image by the same recipe; "failed".
    noise : str
        The kind of noise that was found or told, in words.
    noise_std : tuple of float
        Its standard deviation at the image's mean brightness, in the units of the image, for each channel.
    seconds : float
        Wall time, with reading and writing.
    brightness : Brightness or None
        How the mean and proportion came through; None where it was not compared.
    messages : tuple of str
        What a reader should know: what reading warned of, and those of the record.
    error : str
        What was wrong with a file that failed.
    finished : str
        Date and time, ISO 8601, UTC.
    """

    source: Path
    target: Path
    status: str
    noise: str = ""
    noise_std: tuple[float, ...] = ()
    seconds: float = 0.0
    brightness: Brightness | None = None
    messages: tuple[str, ...] = ()
    error: str = ""
    finished: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types, by the names of the columns."""
        found = self.brightness
        values = (
            self.finished,
            str(self.source),
            str(self.target),
            self.status,
            self.noise,
            [_rounded(std) for std in self.noise_std],
            self.seconds,
            None if found is None else _rounded(found.change),
            None if found is None else _rounded(found.slope),
            "" if found is None else found.word,
            list(self.messages),
            self.error,
        )
        return dict(zip(COLUMNS, values, strict=True))


def counted(reports: Iterable[FileReport]) -> str:
    """Say how many files were done, skipped and failed."""
    count = Counter(report.status for report in reports)
    return ", ".join(f"{count[state]} {state}" for state in STATES if count[state]) or "no files"


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.5g}")
