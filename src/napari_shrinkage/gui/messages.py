"""The line at the bottom of a panel that talks to the user."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QWidget

WARNING = "⚠ "


class MessageLine(QLabel):
    """One message at a time; hidden while there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.hide()

    def say(self, text: str) -> None:
        """Show a plain message; "" clears the line."""
        self.setText(text)
        self.setVisible(bool(text))

    def warn(self, text: str) -> None:
        """Show what is wrong; "" takes a warning back and leaves plain messages alone."""
        if text:
            self.say(f"{WARNING}{text.removeprefix(WARNING)}")
        elif self.text().startswith(WARNING):
            self.say("")
