"""What the README shows runs as it stands, and so does every example; the docs build executes its pages."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import napari_shrinkage

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
WITH_VIEWER = [path for path in SCRIPTS if "import napari\n" in path.read_text(encoding="utf-8")]
COMMAND = Path(sysconfig.get_path("scripts")) / "napari-shrinkage"


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, "NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_runs_from_top_to_bottom(tmp_path: Path) -> None:
    python, commands = blocks("python"), blocks("bash")
    ours = [line for block in commands for line in block.splitlines() if line.startswith("napari-shrinkage ")]
    assert python
    assert ours
    run(sys.executable, "-c", "\n".join(python), cwd=tmp_path)
    for line in ours:
        run(COMMAND, *shlex.split(line, comments=True)[1:], cwd=tmp_path)


def test_the_readme_links_to_files_that_are_there() -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("path", [p for p in SCRIPTS if p not in WITH_VIEWER], ids=lambda path: path.stem)
def test_an_example_runs(path: Path, tmp_path: Path) -> None:
    assert run(sys.executable, path, cwd=tmp_path)


@pytest.fixture
def closed_viewers(qapp: Any) -> Iterator[None]:
    """Close the viewers that a script opens."""
    import napari

    yield
    napari.Viewer.close_all()
    qapp.processEvents()


@pytest.mark.usefixtures("closed_viewers")
@pytest.mark.parametrize("path", WITH_VIEWER, ids=lambda path: path.stem)
def test_an_example_with_a_viewer_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(path))
    assert len(names["viewer"].layers) == 3
    assert capsys.readouterr().out


def test_every_public_name_is_on_the_page_of_names() -> None:
    page = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE)
    assert sorted(shown) == sorted(set(napari_shrinkage.__all__) - {"__version__"})
