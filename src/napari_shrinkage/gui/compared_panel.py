"""A panel with ways back and ways to compare: history, contact sheet, wipe, and the method noise.

Convention: a subclass says what it edits and under which name its settings are remembered.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QWidget

from ..recipe import Recipe
from .compare import Wipe
from .derived_button import DerivedButton
from .derived_layer import DerivedLayer
from .history import History, remember
from .menu import RecipeMenu
from .method_noise import MethodNoise
from .panel import Panel
from .preview import Preview

SETTLED_MS = 800  # settings that stand this long enter the history


class ComparedPanel(Panel):
    """A panel whose results are compared with the image.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer that the panel is docked in.
    editor : QWidget
        Edits the restorer, as `Panel` wants it.
    settings_name : str
        Name under which the settings are kept for the next session.
    """

    def __init__(self, viewer: Any, editor: Any, settings_name: str, parent: QWidget | None = None) -> None:
        super().__init__(viewer, editor, parent)
        self.settings_name = settings_name
        self.history = History(self.recipe)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._settled.timeout.connect(self._note_settings)
        self.wipe = Wipe(self.viewer, self)
        self.method_noise: DerivedLayer = self._difference()
        self.top.addLayout(self._history_row())
        self.bottom.addLayout(self._compare_row())
        self.bottom.addWidget(self.noise_button.said)
        for signal in (self.editor.changed, self.noise.changed):
            signal.connect(self._settled.start)
        self.job.succeeded.connect(self._after_run)
        self.live.ready.connect(self._after_preview)
        self._lost = QTimer(self)  # ends with the panel, which a layer's removal may be a part of
        self._lost.setSingleShot(True)
        self._lost.timeout.connect(self._wipe_lost)
        self.wipe.lost.connect(self._lost.start)

    def show_one(self, before: bool = False) -> None:
        """Leave the wipe its two sides: before, which is the image, and after, which it shows itself."""
        if not self.wipe.on:
            super().show_one(before)
        elif self.source.layer is not None:
            self.source.layer.visible = True

    def show_before(self, before: bool) -> None:
        """Show the image as it was for as long as a key is held."""
        if self.wipe.on:
            self.wipe.show_before(before)
        else:
            super().show_before(before)

    def close_panel(self) -> None:
        """Let go of the viewer, and keep the settings for the next session."""
        remember(self.settings_name, self.recipe)
        self.wipe.close()
        self.method_noise.close()
        super().close_panel()

    def _history_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.back_button, self.forward_button = QToolButton(), QToolButton()
        for button, text, tip, step in (
            (self.back_button, "◀", "Back to the settings before", "back"),
            (self.forward_button, "▶", "Forward to the settings after", "forward"),
        ):
            button.setText(text)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, step=step: self._travel(step))
            row.addWidget(button)
        row.addStretch()
        self.sheet_button = QPushButton("Contact sheet…")
        self.sheet_button.setToolTip("Nine exact previews over one or two settings; click the best")
        self.sheet_button.clicked.connect(self.open_sheet)
        self.menu = RecipeMenu(self)
        row.addWidget(self.sheet_button)
        row.addWidget(self.menu)
        self._show_history()
        return row

    def _compare_row(self) -> QHBoxLayout:
        self.compare_row = row = QHBoxLayout()
        self.wipe_button = QPushButton("Wipe")
        self.wipe_button.setToolTip("Before on the left of a line, after on its right; drag the line")
        self.wipe_button.setCheckable(True)
        self.wipe_button.toggled.connect(self._wipe_toggled)
        self.noise_button = self._difference_button()
        row.addWidget(self.wipe_button)
        row.addWidget(self.noise_button)
        return row

    def _difference(self) -> DerivedLayer:
        """Return the layer that sets a result against its input."""
        return MethodNoise(self.viewer, self)

    def _difference_button(self) -> DerivedButton:
        """Return the button of that layer."""
        button = DerivedButton(
            "Method noise", self.method_noise, self, "The method noise is input minus result: run first."
        )
        button.setToolTip("Show input minus result as a layer, and test whether it is white")
        return button

    def open_sheet(self) -> None:
        """Open the contact sheet over what is in view."""
        from .contact_sheet import ContactSheet

        region = self.live.region_in_view()
        if region is None or self.source.content is None:
            self.messages.warn("The contact sheet shows what is in view: open an image and zoom to it.")
            return
        self.sheet = ContactSheet(self.source.layer, self.source.content, region, self.recipe, self)
        self.sheet.adopted.connect(self.editor.setValue)
        self.sheet.show()

    def _travel(self, step: str) -> None:
        self._note_settings()
        self._take(getattr(self.history, step)())

    def _take(self, recipe: Recipe) -> None:
        self.set_recipe(recipe)
        self._settled.stop()
        self._show_history()

    def _note_settings(self) -> None:
        self._settled.stop()
        self.history.add(self.recipe)
        remember(self.settings_name, self.recipe)
        self._show_history()

    def _show_history(self) -> None:
        self.back_button.setEnabled(self.history.can_go_back)
        self.forward_button.setEnabled(self.history.can_go_forward)

    def _after(self) -> Any:
        """Return the layer that shows after: the preview, else the result of the last run."""
        return self.live.picture.layer or self.results.layer_of(self.source.layer)

    def _wipe_toggled(self, on: bool) -> None:
        after = self._after()
        if on and (after is None or not self.wipe.possible):
            self.messages.warn(
                "There is nothing to compare with yet: switch on Preview, or run."
                if after is None
                else "The wipe works in the 2-D view. Switch the viewer to 2-D (button at its lower left)."
            )
            self.wipe_button.setChecked(False)
        elif on:
            self.wipe.start(after)
            self.show_one()
        else:
            self.wipe.stop()
            self.show_one()

    def _wipe_lost(self) -> None:
        """Go on with another layer that shows after, or switch the wipe off."""
        if self.wipe_button.isChecked() and self._after() is not None and self.wipe.possible:
            self.wipe.start(self._after())
        else:
            self.wipe_button.setChecked(False)

    def _after_preview(self, preview: Preview) -> None:
        if self.wipe_button.isChecked():
            self.wipe.start(self._after())

    def _after_run(self) -> None:
        self._note_settings()
        if self.wipe_button.isChecked():
            self.wipe.start(self._after())
