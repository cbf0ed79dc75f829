"""Many files restored by one recipe, with a report for each.

Convention: the work is a generator of `BatchProgress`, as all long work is; a file that cannot be restored is
a report that says why, and does not cost the others their turn.
"""

from __future__ import annotations

from .brightness import Brightness
from .places import images_in, planned_targets
from .report import FileReport, counted
from .saving import append_report, check_report, save_report
from .work import BatchProgress, restoring_files

__all__ = [
    "BatchProgress",
    "Brightness",
    "FileReport",
    "append_report",
    "check_report",
    "counted",
    "images_in",
    "planned_targets",
    "restoring_files",
    "save_report",
]
