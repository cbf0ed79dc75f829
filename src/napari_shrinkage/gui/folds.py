"""Parts of a form that fold away, and fields that the mouse wheel leaves alone.

Convention: a fold's button shows an arrow down while it is open.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QToolButton, QVBoxLayout, QWidget

INDENT = 10  # pixels


class Fold(QWidget):
    """A title that folds the widgets below it away; closed at first."""

    def __init__(self, title: str, parent: QWidget | None = None, opened: bool = False) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.button = fold_button(title)
        self.body = QWidget()
        inside = QVBoxLayout(self.body)
        inside.setContentsMargins(INDENT, 0, 0, 0)
        inside.setSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(self.body)
        self.button.toggled.connect(self.open)
        self.button.setChecked(opened)
        self.open(opened)

    def open(self, opened: bool = True) -> None:
        """Show or hide the body."""
        self.button.setArrowType(arrow(opened))
        self.body.setVisible(opened)


class WheelGuard(QObject):
    """Keeps the mouse wheel from changing a field that the user only scrolls past."""

    def watch(self, widget: QWidget) -> None:
        """Guard a field, where it is one that the wheel would change."""
        if isinstance(widget, QAbstractSpinBox | QAbstractSlider | QComboBox):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Pass the wheel on to the scroll area unless the field has the focus."""
        wheel = event is not None and event.type() == QEvent.Type.Wheel
        if wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            assert event is not None
            event.ignore()
            return True
        return False


def fold_button(title: str) -> QToolButton:
    """Return the button that opens and closes a fold."""
    button = QToolButton()
    button.setText(title)
    button.setCheckable(True)
    button.setAutoRaise(True)
    style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if title else Qt.ToolButtonStyle.ToolButtonIconOnly
    button.setToolButtonStyle(style)
    button.setToolTip("" if title else "Show or hide its settings")
    return button


def arrow(opened: bool) -> Qt.ArrowType:
    """Return the arrow of a fold that is open or closed."""
    return Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
