"""What a network learns from, in plain words: the image itself, pairs of noisy images, or a clean one.

Convention: the value is a loss, or None, which takes one of the image alone that suits its noise. Losses of
sets of pictures are left out: a widget learns from one layer.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from superqt.utils import signals_blocked

from ..losses import Loss, Noise2Noise, SupervisedPsnr
from ..methods import members
from .editor import Editor, narrow_combo
from .fields import index_of

ALONE, PAIRS, CLEAN = "One image", "Two images", "A clean image"
AUTOMATIC = f"{ALONE}: automatic"
AUTOMATIC_TIP = (
    "From the noisy image and its noise: SURE, or Noise2Self where neighbouring pixels share their noise."
)
LEFT_OUT = (SupervisedPsnr,)


class LossChoice(Editor):
    """A combo box of losses; `value` is one of them, or None for the one that suits the noise."""

    def __init__(self) -> None:
        super().__init__()
        self.combo = narrow_combo()
        self.combo.addItem(AUTOMATIC, None)
        for cls in offered():
            self.combo.addItem(f"{source_in_words(cls)}: {cls.title}", cls)
        for index in range(self.combo.count()):
            cls = self.combo.itemData(index)
            tip = AUTOMATIC_TIP if cls is None else cls.summary()
            self.combo.setItemData(index, f"<qt>{tip}</qt>", Qt.ItemDataRole.ToolTipRole)
        view = self.combo.view()
        assert view is not None
        view.setMinimumWidth(view.sizeHintForColumn(0))  # or the list is as narrow as the box
        self._row.addWidget(self.combo)
        self.combo.currentIndexChanged.connect(self._chosen)

    def _show(self) -> None:
        with signals_blocked(self.combo):
            self.combo.setCurrentIndex(0 if self._value is None else index_of(self.combo, type(self._value)))

    def _chosen(self, index: int) -> None:
        cls = self.combo.itemData(index)
        self._edited(None if cls is None else cls())


def offered() -> list[type[Loss]]:
    """Return the losses to choose from: those that need no target first."""
    losses: list[Any] = [cls for cls in members(Loss).values() if cls not in LEFT_OUT]
    return sorted(losses, key=lambda cls: [ALONE, PAIRS, CLEAN].index(source_in_words(cls)))


def source_in_words(cls: type[Loss]) -> str:
    """Return what a loss learns from."""
    if not cls.needs_target:
        return ALONE
    return PAIRS if issubclass(cls, Noise2Noise) else CLEAN
