"""The saved camera profiles as widgets offer them.

Convention: profiles are files that other windows may change, so they are read again whenever they are about
to be shown; one that cannot be read is left out and its problem told.
"""

from __future__ import annotations

import warnings

from qtpy.QtCore import Signal
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import QComboBox, QInputDialog, QMessageBox, QWidget

from ..camera_profiles import Profile, profiles
from .editor import make_narrow


class FreshCombo(QComboBox):
    """A combo box that says when the user is about to see its items."""

    about_to_show = Signal()

    def __init__(self) -> None:
        super().__init__()
        make_narrow(self)

    def showPopup(self) -> None:
        """Open the list."""
        self.about_to_show.emit()
        super().showPopup()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Take the keyboard, whose arrows go through the items without opening the list."""
        self.about_to_show.emit()
        super().focusInEvent(event)


def saved_profiles() -> tuple[tuple[Profile, ...], tuple[str, ...]]:
    """Return the profiles that can be read, by name, and what is wrong with the others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = profiles()
    return found, tuple(str(one.message) for one in caught if issubclass(one.category, UserWarning))


def asked_name(parent: QWidget) -> str:
    """Ask for the name of a profile, and whether to replace one of that name; "" if the user gives up."""
    name, given = QInputDialog.getText(parent, "Save as profile", "Name of the camera and its mode:")
    name = " ".join(name.split())
    if not given or not name:
        return ""
    if name not in [profile.name for profile in saved_profiles()[0]]:
        return name
    question = f"There is a profile “{name}” already. Replace it?"
    replace = QMessageBox.question(parent, "Save as profile", question) == QMessageBox.StandardButton.Yes
    return name if replace else ""
