"""The fuzzers run, and find nothing among their first cases. Long runs are started by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("words", [["files.py", "--cases", "150"], ["values.py", "--examples", "5"]])
def test_nothing_is_found_in_the_first_cases(words, tmp_path):
    own = ["--folder", str(tmp_path)] if words[0] == "files.py" else []
    done = subprocess.run(
        [sys.executable, HERE / words[0], *words[1:], "--seed", "1", *own],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
