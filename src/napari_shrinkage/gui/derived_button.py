"""A button that is down while a derived layer of the last result is shown, and what is said of that layer.

Convention: it goes up by itself where there is no such layer: none could be made, it was deleted, or another
image is worked on.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from .derived_layer import DerivedLayer


class DerivedButton(QPushButton):
    """Shows and hides a derived layer; `said` is the label that goes below it.

    Parameters
    ----------
    text : str
        On the button.
    derived : DerivedLayer
        What it shows.
    panel : Panel
        Whose results it is derived from; its message line says why there is none.
    missing : str
        What to say before there is a result.
    """

    def __init__(
        self, text: str, derived: DerivedLayer, panel: Any, missing: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self._derived, self._panel, self._missing = derived, panel, missing
        self._source: Any = None
        self.setCheckable(True)
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.hide()
        self.toggled.connect(self._toggled)
        derived.tested.connect(self._say)
        derived.failed.connect(self._failed)
        derived.lost.connect(self._release)
        derived.job.cancelled.connect(self._cancelled)
        panel.job.succeeded.connect(self._after_run)
        panel.source.changed.connect(self._source_changed)

    def _toggled(self, on: bool) -> None:
        self.said.hide()
        if not on:
            self._derived.hide()
            return
        self._source = source = self._panel.source.layer
        results = self._panel.results
        result, stack = results.result_of(source), results.input_of(source)
        if result is None or stack is None:
            self._failed(self._missing)
            return
        self._derived.show(source, result, stack)

    def _say(self, sentence: str) -> None:
        self.said.setText(sentence)
        self.said.show()

    def _failed(self, message: str) -> None:
        self._panel.messages.warn(message)
        self._release()

    def _cancelled(self) -> None:
        """Go up where the user stopped the work; a newer wish goes on."""
        if not self._derived.waiting:
            self._release()

    def _after_run(self) -> None:
        if self.isChecked():
            self._toggled(True)

    def _source_changed(self) -> None:
        if self._panel.source.layer is not self._source:
            self._release()

    def _release(self) -> None:
        self.setChecked(False)
