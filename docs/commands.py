"""Command lines on these pages: run in a folder of their own, and shown with what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sysconfig
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="shrinkage-docs-"))
SCRIPTS = Path(sysconfig.get_path("scripts"))


def shell(line: str, expected: int = 0) -> None:
    """Run one command of this package and print it with its output, the last state of a progress bar only."""
    program, *arguments = shlex.split(line)
    done = subprocess.run(
        [SCRIPTS / program, *arguments],
        cwd=FOLDER,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    print(f"$ {line}")
    print(re.sub(r"[^\n]*\r(?=[^\n])", "", done.stdout).rstrip().replace(str(FOLDER), "."))
    if done.returncode != expected:
        raise RuntimeError(f"{line!r} ended with exit code {done.returncode}, not {expected}")
