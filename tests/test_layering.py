"""The package is light to import, and only its gui knows Qt, magicgui and napari."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "numba", "qtpy", "PyQt6", "magicgui", "napari")
GUI_LIBRARIES = ("PyQt6", "PySide6", "magicgui", "napari", "pyqtgraph", "qtpy", "superqt")

IMPORT_THE_PACKAGE = """
import sys
import napari_shrinkage
assert not (loaded := {heavy!r} & sys.modules.keys()), loaded
"""

SHOW_HELP = """
import sys
from napari_shrinkage.cli import main
main(["run", "--help"])
assert not (loaded := {heavy!r} & sys.modules.keys()), loaded
"""

NAME_WHAT_IS_PUBLIC = """
import sys
import napari_shrinkage
for name in napari_shrinkage.__all__:
    getattr(napari_shrinkage, name)
    assert not (loaded := {heavy!r} & sys.modules.keys()), (name, loaded)
"""

IMPORT_ALL_BUT_THE_GUI = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name + " is blocked", name=name)

def modules(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if found.name == "napari_shrinkage.gui" or found.name.endswith(".__main__"):
            continue
        module = importlib.import_module(found.name)
        yield found.name
        if found.ispkg:
            yield from modules(module)

sys.meta_path.insert(0, Blocker())
print(*modules(importlib.import_module("napari_shrinkage")), sep="\\n")
"""


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_nothing_heavy():
    run_python(IMPORT_THE_PACKAGE.format(heavy=set(HEAVY)))


def test_help_loads_no_methods():
    run_python(SHOW_HELP.format(heavy={*HEAVY, "scipy", "pywt", "dask", "zarr", "tifffile", "PIL"}))


def test_public_names_load_nothing_heavy_before_work_starts():
    run_python(NAME_WHAT_IS_PUBLIC.format(heavy=set(HEAVY)))


def test_everything_but_the_gui_imports_without_qt_magicgui_and_napari():
    imported = run_python(IMPORT_ALL_BUT_THE_GUI.format(blocked=set(GUI_LIBRARIES))).split()
    assert "napari_shrinkage.methods" in imported
    assert not [name for name in imported if name.startswith("napari_shrinkage.gui")]
