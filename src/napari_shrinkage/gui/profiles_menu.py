"""The button "Profiles" of the Noise widget: noise models under a name, so that a camera is measured once.

Convention: the methods that a menu entry calls ask (`ask_...`) and then do; those that do take all they need
and say in the widget's message line what became of it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton, QWidget

from ..camera_profiles import Profile, delete_profile, export_profile, import_profile, save_profile
from ..noise import NoiseModel
from .calibration_dialog import CalibrationDialog
from .noise_words import in_short
from .profile_list import asked_name, saved_profiles

FILES = "Camera profile (*.json)"


class ProfilesMenu(QPushButton):
    """Save, apply, delete, export and import profiles, and calibrate a camera.

    Parameters
    ----------
    dock : NoiseWidget
        Gives the model to save, takes one to keep with the layer.
    """

    def __init__(self, dock: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dock = dock
        self._calibration: CalibrationDialog | None = None
        self.setText("Profiles")
        self.setToolTip(
            "Keep the noise of a camera under a name, use it for other images, calibrate a camera"
        )
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self.refill)
        self.setMenu(menu)
        self.refill()

    def refill(self) -> None:
        """List what can be done now, with the profiles that are saved now."""
        found, problems = saved_profiles()
        menu = self.menu()
        assert menu is not None
        menu.clear()
        save = menu.addAction("Save as profile…", self.ask_save)
        assert save is not None
        save.setEnabled(self._dock.model is not None)
        menu.addSeparator()
        self._add_hint(menu, "Apply to this layer:")
        for profile in found:
            self._add_profile(menu, profile)
        if not found:
            self._add_hint(menu, "    (none saved yet)")
        for problem in problems:
            self._add_hint(menu, "(a file that cannot be read)", problem)
        menu.addSeparator()
        for title, act in (("Delete", self.ask_delete), ("Export", self.ask_export)):
            part = menu.addMenu(title)
            assert part is not None
            part.setEnabled(bool(found))
            for profile in found:
                part.addAction(as_title(f"{profile.name}…"), partial(act, profile.name))
        menu.addAction("Import…", self.ask_import)
        menu.addSeparator()
        menu.addAction("Calibrate from frames…", self.open_calibration)

    def ask_save(self) -> None:
        """Ask for a name and save the model that is shown."""
        model = self._dock.model
        if model is not None and (name := asked_name(self._dock)):
            self.save(name, model)

    def save(self, name: str, model: NoiseModel) -> None:
        """Save a model, in place of one of the same name."""
        try:
            save_profile(name, model, overwrite=True)
        except (ValueError, OSError) as error:
            self._dock.messages.warn(str(error))
        else:
            self._dock.messages.say(f"Saved “{name}”. It is offered wherever noise is chosen.")

    def apply(self, profile: Profile) -> None:
        """Keep a profile's model with the layer."""
        self._dock.keep(profile.noise, f"“{profile.name}” is kept with the layer from now on.")

    def ask_delete(self, name: str) -> None:
        """Ask whether to delete a profile, and do so."""
        question = f"Delete the camera profile “{name}”? Layers that use it keep their copy."
        if QMessageBox.question(self._dock, "Delete profile", question) == QMessageBox.StandardButton.Yes:
            self.delete(name)

    def delete(self, name: str) -> None:
        """Delete a profile."""
        self._try(lambda: delete_profile(name), f"Deleted “{name}”.")

    def ask_export(self, name: str) -> None:
        """Ask for a file and write a profile to it."""
        path, _ = QFileDialog.getSaveFileName(self._dock, "Export profile", f"{name}.json", FILES)
        if path:
            self.export(name, Path(path))

    def export(self, name: str, path: Path) -> None:
        """Write a profile to a file; the dialog has asked whether to replace one."""
        path = path if path.suffix else path.with_suffix(".json")
        self._try(lambda: export_profile(name, path, overwrite=True), f"“{name}” is in {path.name}.")

    def ask_import(self) -> None:
        """Ask for a file and add its profile."""
        path, _ = QFileDialog.getOpenFileName(self._dock, "Import profile", "", FILES)
        if path:
            self.add(Path(path))

    def add(self, path: Path) -> None:
        """Add the profile of a file."""
        self._try(lambda: import_profile(path), f"The profile of {path.name} was added.")

    def open_calibration(self) -> None:
        """Open the dialog that calibrates a camera from layers of frames."""
        self.close_calibration()
        save = partial(save_profile, overwrite=True)
        self._calibration = CalibrationDialog(self._dock.viewer, save, self._dock)
        self._calibration.finished.connect(self._calibration_closed)
        self._calibration.show()

    def close_calibration(self) -> None:
        """Close the dialog, if it is open."""
        dialog, self._calibration = self._calibration, None
        if dialog is not None:
            dialog.close()

    def _calibration_closed(self) -> None:
        """Let go of a dialog that the user has closed: Qt deletes it."""
        self._calibration = None

    def _try(self, act: Any, done: str) -> None:
        try:
            act()
        except (ValueError, OSError) as error:
            self._dock.messages.warn(str(error))
        else:
            self._dock.messages.say(done)

    def _add_profile(self, menu: QMenu, profile: Profile) -> None:
        title = as_title(f"    {profile.name}    {in_short(profile.noise)}")
        action = menu.addAction(title, partial(self.apply, profile))
        assert action is not None
        action.setEnabled(self._dock.source.layer is not None)
        action.setToolTip(profile.noise.verdict)

    def _add_hint(self, menu: QMenu, text: str, tip: str = "") -> None:
        action = menu.addAction(text)
        assert action is not None
        action.setEnabled(False)
        action.setToolTip(tip)


def as_title(text: str) -> str:
    """Return the title of a menu entry that reads as the text: a single & would underline a letter."""
    return text.replace("&", "&&")
