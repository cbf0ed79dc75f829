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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

if TYPE_CHECKING:
    from napari_shrinkage.restorers import Restorer

TESTS = Path(__file__).parent
QT_FIXTURES = {"qapp", "qtbot"}
DISPLAYS = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
OPEN_A_WINDOW = """
from qtpy.QtGui import QGuiApplication, QOpenGLContext
application = QGuiApplication([])
if not QOpenGLContext().create():
    raise SystemExit("no OpenGL on Qt's platform " + application.platformName())
"""

os.environ.setdefault("NAPARI_CONFIG", "")  # read and write no settings of the user
hypothesis.settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2000)  # --hypothesis-profile long
hypothesis.settings.load_profile("untimed")


def _share_the_cores_between_workers() -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(variable, threads)


def _why_qt_cannot_be_imported() -> str | None:
    try:
        importlib.import_module("qtpy.QtWidgets")
        importlib.import_module("qtpy.QtTest")
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


@pytest.fixture(scope="session")
def spots() -> Callable[..., np.ndarray]:
    """Return what draws stacks (count, 12, 14) of one spot each, somewhere, between 100 and 300 counts."""

    def drawn(count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:12, :14]
        row, column = rng.uniform(4, 8, (count, 1, 1)), rng.uniform(4, 10, (count, 1, 1))
        height = rng.uniform(100, 200, (count, 1, 1))
        spot = height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)
        return (100 + spot).astype(np.float32)

    return drawn


@pytest.fixture(scope="session")
def generator_prior(spots: Callable[..., np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Restorer:
    """Return a generator that was trained on such spots for some seconds."""
    import napari_shrinkage as ns
    from napari_shrinkage.fitting.generator import generator_fitting
    from napari_shrinkage.losses import Supervised

    step = ns.Step(ns.GeneratorPrior(network="dense", latent=4))
    path = tmp_path_factory.mktemp("generator") / "spots.safetensors"
    stack = ns.Stack(spots(600, seed=1), "TYX")
    return ns.drain(generator_fitting(step, stack, Supervised(), None, 1500, "cpu", path)).restorer
