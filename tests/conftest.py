"""Where tests can run: which need a display, what happens without one, and how many threads each may use.

Every test that uses Qt carries the mark ``gui``: all of ``tests/gui`` and whatever asks for a Qt fixture get
it by themselves. Where Qt opens no window these tests skip and say why. In an environment that sets
``NAPARI_SHRINKAGE_REQUIRE_GUI`` that is an error.
"""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent
QT_FIXTURES = {"qapp", "qtbot"}
DISPLAYS = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
OPEN_A_WINDOW = """
from PyQt6.QtGui import QGuiApplication, QOpenGLContext
application = QGuiApplication([])
if not QOpenGLContext().create():
    raise SystemExit("no OpenGL on Qt's platform " + application.platformName())
"""

os.environ.setdefault("NAPARI_CONFIG", "")  # read and write no settings of the user
hypothesis.settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("untimed")


def _share_the_cores_between_workers() -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(variable, threads)


def _why_qt_cannot_be_imported() -> str | None:
    try:
        importlib.import_module("PyQt6.QtWidgets")
        importlib.import_module("PyQt6.QtTest")
    except ImportError as error:
        return f"Qt cannot be imported: {error}"
    return None


@functools.cache
def why_no_window() -> str | None:
    """Open a window system and an OpenGL context in a process of their own: where that fails, Qt aborts."""
    if sys.platform == "linux" and not DISPLAYS & os.environ.keys():
        return "no display: DISPLAY and WAYLAND_DISPLAY are not set (xvfb-run provides one)"
    probe = subprocess.run([sys.executable, "-c", OPEN_A_WINDOW], capture_output=True, text=True, timeout=120)
    if probe.returncode == 0:
        return None
    lines = probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"]
    return f"Qt cannot open a window: {lines[0]}"


def _refuse(reason: str) -> None:
    """Stop the run where GUI tests are required, and let them skip elsewhere."""
    if os.environ.get("NAPARI_SHRINKAGE_REQUIRE_GUI"):
        pytest.exit(f"the GUI tests are required here, but {reason}", returncode=pytest.ExitCode.USAGE_ERROR)


_share_the_cores_between_workers()
NO_QT = _why_qt_cannot_be_imported()
collect_ignore_glob = ["gui/*"] if NO_QT else []


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Leave pytest-qt out when Qt's libraries are missing: it would end the run before the first test."""
    if NO_QT:
        pluginmanager.unregister(name="pytest-qt")


def pytest_configure() -> None:
    """Refuse to run without Qt where the GUI tests are required."""
    if NO_QT:
        _refuse(NO_QT)


def pytest_report_header() -> list[str]:
    """Say why ``tests/gui`` is not even collected."""
    return [f"tests/gui is left out. {NO_QT}"] if NO_QT else []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses Qt, before ``-m`` selects."""
    for item in items:
        uses_qt = QT_FIXTURES & set(getattr(item, "fixturenames", ()))
        if uses_qt or item.path.is_relative_to(TESTS / "gui"):
            item.add_marker("gui")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a GUI test where there is no window to be had."""
    if item.get_closest_marker("gui") and (reason := NO_QT or why_no_window()):
        _refuse(reason)
        pytest.skip(reason)
