"""The "..." menu of a widget: code, text and files that say what it does, or that tell it what to do.

Convention: everything here turns the panel's recipe, or the record of a result, into something else, or the
other way round; dialogs open only when the user asks for a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QToolButton, QWidget

from ..recipe import Record, load_recipe, save_recipe
from ..report import as_python, methods_paragraph
from .layers import record_of_layer, source_name

FILES = "Recipe (*.json)"


class RecipeMenu(QToolButton):
    """The button "..." of a panel.

    Parameters
    ----------
    panel : Panel
        Gives the recipe and takes one.
    """

    def __init__(self, panel: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self.setText("···")
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.setToolTip("Copy as Python or as a methods paragraph, save and load settings")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        for title, action in (
            ("Copy as Python", self.copy_python),
            ("Copy methods paragraph", self.copy_paragraph),
        ):
            menu.addAction(title, action)
        menu.addSeparator()
        menu.addAction("Save recipe…", self.ask_save)
        menu.addAction("Load recipe…", self.ask_load)
        menu.addAction("Load settings from a result layer", self.load_from_layer)
        self.setMenu(menu)

    def copy_python(self) -> None:
        """Put the code that does the same on the clipboard."""
        layer = self._panel.source.layer
        _copy(as_python(self._panel.recipe, "" if layer is None else source_name(layer)))
        self._panel.messages.say("The Python code is on the clipboard.")

    def copy_paragraph(self) -> None:
        """Put the methods paragraph of the last result, or of the selected one, on the clipboard."""
        record = self._record()
        if record is None:
            self._panel.messages.warn(
                "A methods paragraph tells what was done: run first, or select a result layer."
            )
            return
        _copy(methods_paragraph(record))
        self._panel.messages.say("The methods paragraph is on the clipboard.")

    def ask_save(self) -> None:
        """Ask for a file and save the recipe."""
        path, _ = QFileDialog.getSaveFileName(self._panel, "Save recipe", "recipe.json", FILES)
        if path:
            self.save(Path(path))

    def ask_load(self) -> None:
        """Ask for a file and load its recipe."""
        path, _ = QFileDialog.getOpenFileName(self._panel, "Load recipe", "", FILES)
        if path:
            self.load(Path(path))

    def save(self, path: Path) -> None:
        """Save the recipe."""
        try:
            save_recipe(self._panel.recipe, path)
        except OSError as error:
            self._panel.messages.warn(f"{path} was not written: {error.strerror or error}.")
        else:
            self._panel.messages.say(f"Saved {path.name}.")

    def load(self, path: Path) -> None:
        """Take over the recipe of a file."""
        try:
            self._panel.set_recipe(load_recipe(path))
        except (OSError, ValueError, TypeError) as error:
            self._panel.messages.warn(str(error))
        else:
            self._panel.messages.say(f"Loaded {path.name}.")

    def load_from_layer(self) -> None:
        """Take over the settings that made the selected layer, or else the last result."""
        try:
            record = self._record()
        except (ValueError, TypeError) as error:
            self._panel.messages.warn(str(error))
            return
        if record is None:
            self._panel.messages.warn("Select a layer that a run made, in the layer list, and try again.")
            return
        try:
            self._panel.set_recipe(record.recipe())
        except ValueError as error:
            self._panel.messages.warn(str(error))
        else:
            self._panel.messages.say("The settings of the result are loaded: every number is as it was.")

    def _record(self) -> Record | None:
        active = self._panel.viewer.layers.selection.active
        record = None if active is None else record_of_layer(active)
        if record is not None:
            return record
        result = self._panel.results.result_of(self._panel.source.layer)
        return None if result is None else result.record


def _copy(text: str) -> None:
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText(text)
