"""The keys of a panel: P preview, Ctrl+Enter run, Esc cancel, and B, held down, shows before.

Convention: keys work where the panel has the focus. B works over the canvas too, since that is where one
looks.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence, QShortcut

BEFORE = "B"


def bind_shortcuts(panel: Any) -> None:
    """Bind the keys of a panel (`preview_button`, `run`, `cancel`, `show_before`, `viewer`)."""
    for keys, action in (
        ("P", panel.preview_button.toggle),
        ("Ctrl+Return", panel.run),
        ("Ctrl+Enter", panel.run),
        ("Esc", panel.cancel),
    ):
        shortcut = QShortcut(QKeySequence(keys), panel)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)

    def before(viewer: Any) -> Generator[None, None, None]:
        panel.show_before(True)
        yield
        panel.show_before(False)

    panel.viewer.bind_key(BEFORE, before, overwrite=True)


def release_shortcuts(panel: Any) -> None:
    """Give the canvas its key back."""
    panel.viewer.bind_key(BEFORE, None, overwrite=True)


def is_before_key(event: QKeyEvent | None) -> bool:
    """Whether a key event is the first press, or the release, of the key that shows before."""
    return event is not None and event.key() == Qt.Key.Key_B and not event.isAutoRepeat()
