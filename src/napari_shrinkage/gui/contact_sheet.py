"""The contact sheet: nine exact previews over one or two settings, side by side; a click adopts one.

Convention: every picture is the same region of the image, restored by a plan for the whole layer as a preview
is, and drawn with the layer's own contrast. The current settings are among the nine and come first.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QCloseEvent, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..engine import Progress
from ..recipe import Recipe
from ..stack import Array
from ..tiles import restore_region
from ..windows import Region
from .content import Content
from .editor import narrow_combo
from .jobs import Job
from .kernels import KernelWait, serving
from .messages import MessageLine
from .overlays import shown_values
from .regions import boxed
from .variants import Setting, grid, settings_of, value_at

SIDE = 3  # pictures along each side
THUMB = 192  # side of a picture: pixels of the screen, and at most as many of the image


@dataclass(frozen=True)
class Picture(Progress):
    """A picture that was made: its place in the grid and its pixels."""

    place: int = 0
    values: Array | None = None


class ContactSheet(QDialog):
    """A dialog with nine previews.

    Parameters
    ----------
    layer : napari.layers.Image
        Tells how the pictures look.
    content : Content
        Of the layer.
    region : tuple of slice
        What is in view; its middle is shown.
    recipe : Recipe
        The settings to vary.

    Signals
    -------
    adopted(Restorer)
        The settings that the user clicked.
    """

    adopted = Signal(object)

    def __init__(
        self, layer: Any, content: Content, region: Region, recipe: Recipe, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Contact sheet")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._layer, self._content, self._recipe = layer, content, recipe
        self._region = _middle(region, content)
        self._settings = list(settings_of(recipe.steps[-1].restorer))
        self._stale, self._why = False, ""
        self.restorers: list[Any] = []
        self.job = Job(self)
        self.across, self.down = narrow_combo(), narrow_combo()
        self.messages = MessageLine()
        self._lay_out()
        self._offer()
        self.job.progressed.connect(self._show_picture)
        self.job.failed.connect(self.messages.warn)
        self.job.running_changed.connect(self._running_changed)
        for combo in (self.across, self.down):
            combo.currentIndexChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Make the pictures for the chosen settings."""
        if self.job.running:
            self._stale = True
            self.job.cancel()
            return
        restorer = self._recipe.steps[-1].restorer
        across, down = self.across.currentData(), self.down.currentData()
        self.restorers, why = ([restorer], "") if across is None else grid(restorer, across, down, SIDE)
        self._why = why
        self.messages.say("")
        self.messages.warn(why)
        for button, varied in zip(self.buttons, self.restorers, strict=False):
            button.setIcon(QIcon())
            button.setText(self._caption(varied, across, down))
            button.setStyleSheet("font-weight: bold;" if varied == restorer else "")
        for place, button in enumerate(self.buttons):
            button.setVisible(place < len(self.restorers))
        self.job.start(self._pictures)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop what runs."""
        self.job.abandon()
        super().closeEvent(event)

    def _pictures(self) -> Generator[Progress, None, None]:
        """Restore the region by every method of the grid, the current one first (in a worker)."""
        recipe, content, restorers = self._recipe, self._content, list(self.restorers)
        step = recipe.steps[-1]
        order = sorted(range(len(restorers)), key=lambda place: restorers[place] != step.restorer)
        for done, place in enumerate(order):
            yield Progress(done, len(order))
            plan = content.plan(restorers[place], step.noise, recipe.device, recipe.threads)
            served = yield from serving(plan)
            values = restore_region(served, content.stack, self._region)
            yield Picture(done + 1, len(order), "", place, values)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        choices = QHBoxLayout()
        for title, combo in (("Across", self.across), ("Down", self.down)):
            form = QFormLayout()
            form.addRow(title, combo)
            choices.addLayout(form, 1)
        layout.addLayout(choices)
        pictures = QGridLayout()
        pictures.setSpacing(4)
        self.buttons = [self._button(place) for place in range(SIDE * SIDE)]
        for place, button in enumerate(self.buttons):
            pictures.addWidget(button, place // SIDE, place % SIDE)
        layout.addLayout(pictures)
        layout.addWidget(
            QLabel("Every picture has the exact pixels of a run. Click one to take over its settings.")
        )
        layout.addWidget(self.messages)

    def _button(self, place: int) -> QToolButton:
        button = QToolButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setIconSize(QSize(THUMB, THUMB))
        button.setFixedSize(THUMB + 12, THUMB + 30)
        button.clicked.connect(lambda: self._adopt(place))
        return button

    def _offer(self) -> None:
        """List the settings, and begin with a threshold against a size where the method has them."""
        self.down.addItem("(nothing)", None)
        for setting in self._settings:
            for combo in (self.across, self.down):
                combo.addItem(setting.title, setting)
        own = [setting for setting in self._settings if not setting.path.startswith("pilot.")]
        grouped = _first(own, "matches")
        first = _first(own, "threshold") or grouped or _first(self._settings, "")
        others = [setting for setting in own if setting is not first]
        second = _first(others, "size") or (_first(others, "stride") if grouped else None)
        if first is not None:
            self.across.setCurrentIndex(self._settings.index(first))
        if second is not None:
            self.down.setCurrentIndex(self._settings.index(second) + 1)

    def _caption(self, varied: Any, across: Setting | None, down: Setting | None) -> str:
        chosen = [setting for setting in dict.fromkeys((across, down)) if setting is not None]
        return ", ".join(setting.caption(value_at(varied, setting.path)) for setting in chosen)

    def _show_picture(self, picture: Progress) -> None:
        if isinstance(picture, KernelWait):
            self.messages.say(f"{picture.message}…")
        elif isinstance(picture, Picture) and picture.values is not None and not self._stale:
            image = as_image(picture.values, self._layer, self._content)
            self.buttons[picture.place].setIcon(QIcon(QPixmap.fromImage(image)))
            self.messages.say("")
            self.messages.warn(self._why)

    def _running_changed(self, running: bool) -> None:
        if not running and self._stale:
            self._stale = False
            self.refresh()

    def _adopt(self, place: int) -> None:
        self.adopted.emit(self.restorers[place])
        self.close()


def as_image(values: Array, layer: Any, content: Content) -> QImage:
    """Return a restored region as a picture with the layer's looks, at whole-number magnification."""
    shown = np.squeeze(shown_values(values, layer))
    if layer.rgb:
        colors = shown[..., :3] if shown.dtype.kind == "f" else shown[..., :3] / np.iinfo(shown.dtype).max
    else:
        plane = shown.reshape(-1, *shown.shape[-2:])[0]
        low, high = layer.contrast_limits
        unit = np.clip((plane - low) / ((high - low) or 1), 0, 1) ** layer.gamma
        colors = np.asarray(layer.colormap.map(unit.ravel()))[:, :3].reshape(*plane.shape, 3)
    pixels = np.ascontiguousarray(np.rint(255 * np.clip(np.nan_to_num(colors), 0, 1)).astype(np.uint8))
    height, width = pixels.shape[:2]
    image: QImage = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    times = max(THUMB // max(width, height), 1)
    return image if times == 1 else image.scaled(times * width, times * height)


def _middle(region: Region, content: Content) -> Region:
    """Return the middle of a region, small enough for nine pictures."""
    channel = content.stack.channel_axis
    axes = tuple(axis for axis, part in enumerate(region) if part.stop - part.start > 1 and axis != channel)[
        -2:
    ]
    middle = list(region)
    for axis in axes:
        middle[axis] = boxed(region, (axis,), pixels=THUMB)[axis]
    return tuple(middle)


def _first(settings: list[Setting], word: str) -> Setting | None:
    """Return the number, among the settings whose path holds a word, that lies least deep in the method."""
    numbers = [s for s in settings if s.parameter.type in (int, float) and word in s.path]
    return min(numbers, key=lambda setting: setting.path.count("."), default=None)
