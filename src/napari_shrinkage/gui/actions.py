"""The buttons of a panel, the type of its output, and the line that names the device.

Convention: widgets only; the panel connects them.
"""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from .editor import row_label


class Actions(QWidget):
    """Output type, Preview, Run and Keep; `device` is placed by the panel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preview = QPushButton("Preview")
        self.preview.setCheckable(True)
        self.preview.setToolTip(
            "Show what is in view as the run would make it, live (P). Hold B to see before."
        )
        self.run = QPushButton("Run")
        self.run.setToolTip("Restore what is chosen under “Run on” (Ctrl+Enter)")
        self.keep = QPushButton("Keep")
        self.keep.setToolTip("Keep the last result: the next run adds a layer instead of replacing it")
        self.keep.setEnabled(False)
        self.output = QComboBox()
        self.output.addItem("float32", "float32")
        self.output.addItem("same as input", "same")
        self.output.setToolTip(
            "<qt>float32 keeps every restored value. “Same as input” rounds to the input's type and "
            "counts the pixels that had to be clipped.</qt>"
        )
        self.device = QLabel("")
        self.device.setWordWrap(True)
        self.device.setToolTip("Where the work runs, and why there")
        self._lay_out()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        output = QFormLayout()
        output.setContentsMargins(0, 0, 0, 0)
        output.addRow(row_label("Output"), self.output)
        layout.addLayout(output)
        buttons = QHBoxLayout()
        for button, stretch in ((self.preview, 1), (self.run, 1), (self.keep, 0)):
            buttons.addWidget(button, stretch)
        layout.addLayout(buttons)
