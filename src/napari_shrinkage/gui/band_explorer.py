"""The band explorer: every band of the image with its coefficients, its risk and a threshold to drag.

Convention: the explorer follows the method, image and noise of its panel, and tells when the user changes a
threshold; the numbers that it shows are those that the panel previews.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from ..recipe import Recipe, load_recipe, save_recipe
from ..restorers import Shrinkage
from ..thresholds import FixedThreshold
from ..transforms.block_dct import SlidingDCT
from .band_content import Bands, BandWish, loading
from .band_plot import AFTER, BEFORE, LINE, STEIN, TRUE
from .band_views import BandGrid, BandView, FrequencyView
from .editor import narrow_combo
from .jobs import Job
from .kept_analysis import Multiples, thresholds_of
from .layer_combo import LayerCombo
from .menu import FILES
from .messages import MessageLine

LEAST_HEIGHT, USUAL_HEIGHT, WIDTH = 200, 340, 900  # pixels
CHOICES = {
    "bayes": ("Bayes", "BayesShrink: noise variance over signal std of each band"),
    "sure": ("SURE", "The threshold of least estimated error (Stein) of each band"),
    "learned": ("Learned", "The thresholds of the last fit"),
    "oracle": ("Oracle", "The threshold of least error against the truth, which one does not have in life"),
}
MISSING = {
    "bayes": "no band gets noise",
    "sure": "it is known for the soft rule",
    "learned": "nothing was learned for these bands yet: press Learn",
    "oracle": "choose the clean image under Truth; it is known for the soft and the hard rule",
}


class BandExplorer(QWidget):
    """Plots of all bands with thresholds to drag.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer that the explorer is docked in.
    fits : callable
        Whether a layer may be the truth.
    recipe_of : callable
        From a restorer to the recipe that is exported.

    Signals
    -------
    changed(Shrinkage)
        The user set thresholds.
    loaded()
        The bands of a wish are shown.
    closed()
        The dock was closed.
    """

    changed = Signal(object)
    loaded = Signal()
    closed = Signal()
    truth_changed = Signal()

    def __init__(
        self,
        viewer: Any,
        fits: Callable[[Any], bool],
        recipe_of: Callable[[Shrinkage], Recipe],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._recipe_of = viewer, recipe_of
        self.bands: Bands | None = None
        self.values: Multiples = {}
        self.view: BandView | None = None
        self._learned: Shrinkage | None = None
        self._shown: Shrinkage | None = None
        self._wish: BandWish | None = None
        self._waiting: BandWish | None = None
        self._closed = False
        self.job = Job(self)
        self.channel = narrow_combo()
        self.channel.setToolTip("Which channel of the image to show")
        self.truth = LayerCombo(viewer, fits, "No truth")
        self.truth.setToolTip("<qt>A clean image of the same pixels adds the true error and the oracle.</qt>")
        self.buttons = {name: QPushButton(title) for name, (title, _) in CHOICES.items()}
        self.export_button, self.import_button = QPushButton("Export…"), QPushButton("Import…")
        self.legend = QLabel()
        self.messages = MessageLine()
        self._lay_out()
        self._connect()
        self._show_state()

    def follow(self, wish: BandWish) -> None:
        """Show the bands of a wish: at once where only thresholds differ, else from a worker."""
        if self._takes(wish):
            return
        if self.job.running:
            self._waiting = wish
            return
        self._wish, known = wish, self.bands
        self.legend.setText("<small>Analysing the image …</small>")
        self.job.start(lambda: loading(wish, known))

    def show_nothing(self) -> None:
        """Show no bands, for there is no image."""
        self._wish = self._waiting = None
        self.job.cancel()
        self._fail("")

    def show_learned(self, restorer: Any) -> None:
        """Take over what a fit found; None forgets it."""
        self._learned = restorer if isinstance(restorer, Shrinkage) else None
        self._show_state()

    def show_thresholds(self, restorer: Any) -> None:
        """Move the lines to the thresholds of a method, such as a fit's so far, where it has these bands."""
        found = self._thresholds_of(restorer)
        if found is not None and self.view is not None:
            self.values = found
            self.view.show_values(found)

    def set_all(self, name: str) -> None:
        """Set the thresholds of every band by name: "bayes", "sure", "learned" or "oracle"."""
        if self.bands is None:
            return
        if name == "learned":
            found = self._thresholds_of(self._learned)
            if found is not None and self._learned is not None:
                self._take(found, self._learned)
            return
        values = self.bands.chosen(name)
        self._take(values, self.bands.with_thresholds(values))

    def export_to(self, path: Path) -> None:
        """Save the method with these thresholds as a recipe."""
        if self._shown is None:
            return
        try:
            save_recipe(self._recipe_of(self._shown), path)
        except OSError as error:
            self.messages.warn(f"{path} was not written: {error.strerror or error}.")
        else:
            self.messages.say(f"Saved {path.name}.")

    def import_from(self, path: Path) -> None:
        """Take over the thresholds of a recipe."""
        if self.bands is None:
            return
        try:
            values, note = self._read(load_recipe(path), self.bands)
        except (OSError, ValueError, TypeError) as error:
            self.messages.warn(f"{path.name}: {error}")
            return
        self._take(values, self.bands.with_thresholds(values))
        self.messages.say(f"Loaded {path.name}.{note}")

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the dock is closed, which takes the explorer out of its parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_explorer()
        return super().event(event)

    def close_explorer(self) -> None:
        """Stop what runs and let go of the viewer."""
        if self._closed:
            return
        self._closed = True
        self.job.abandon()
        self.truth.close_combo()
        if self.view is not None:
            self.view.close_view()
        self.closed.emit()

    def sizeHint(self) -> QSize:
        """Ask for room for three levels."""
        return QSize(WIDTH, USUAL_HEIGHT)

    @property
    def _channel(self) -> int:
        return max(self.channel.currentIndex(), 0)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        row = QHBoxLayout()
        row.addWidget(self.channel)
        row.addWidget(self.truth)
        for button in self.buttons.values():
            row.addWidget(button)
        row.addStretch()
        for button, tip in (
            (self.export_button, "Save the method with these thresholds as a recipe (JSON)"),
            (self.import_button, "Take over the thresholds of a recipe"),
        ):
            button.setToolTip(tip)
            row.addWidget(button)
        layout.addLayout(row)
        layout.addWidget(self.legend)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        layout.addWidget(self.area, 1)
        layout.addWidget(self.messages)
        self.setMinimumHeight(LEAST_HEIGHT)

    def _connect(self) -> None:
        self.channel.currentIndexChanged.connect(self._show_channel)
        self.truth.changed.connect(self.truth_changed)
        for name, button in self.buttons.items():
            button.clicked.connect(partial(self._set_all_clicked, name))
        self.export_button.clicked.connect(self._ask_export)
        self.import_button.clicked.connect(self._ask_import)
        self.job.succeeded.connect(self._show_bands)
        self.job.failed.connect(self._fail)
        self.job.running_changed.connect(self._running_changed)

    def _takes(self, wish: BandWish) -> bool:
        """Take a wish's thresholds over without a worker, where its bands are those shown."""
        bands = self.bands
        if bands is None or self.job.running or not isinstance(wish.restorer, Shrinkage):
            return False
        resolved = BandWish(bands.wish.content, bands.restorer, bands.wish.noise, bands.wish.reference)
        if not (wish.same_bands(bands.wish) or wish.same_bands(resolved)):
            return False
        if wish.restorer is self._shown:
            return True
        found = self._thresholds_of(wish.restorer)
        if found is None or self.view is None:
            return False
        self._shown, self.values = wish.restorer, found
        self.view.show_values(found)
        return True

    def _thresholds_of(self, restorer: Any) -> Multiples | None:
        """Return a method's thresholds for the bands that are shown, or None where it has none."""
        if self.bands is None or not isinstance(restorer, Shrinkage):
            return None
        if not isinstance(restorer.threshold, FixedThreshold):
            return None
        try:
            return thresholds_of(restorer, self.bands.subbands, self.bands.channels)
        except ValueError:
            return None

    def _take(self, values: Multiples, restorer: Shrinkage) -> None:
        self.values, self._shown = values, restorer
        if self.view is not None:
            self.view.show_values(values)
        self.messages.say("")
        self.changed.emit(restorer)

    def _read(self, recipe: Recipe, bands: Bands) -> tuple[Multiples, str]:
        restorer = recipe.steps[-1].restorer
        if not isinstance(restorer, Shrinkage):
            raise ValueError(f"it is a recipe of {type(restorer).title}, which has no thresholds per band.")
        values = thresholds_of(restorer, bands.subbands, bands.channels)
        other = restorer.transform != bands.restorer.transform
        return values, " It was made for another transform; the multiples are the same." if other else ""

    def _moved(self, key: str, threshold: float) -> None:
        self._set_one(key, threshold)

    def _reset(self, key: str) -> None:
        """Take one threshold back: to the fit's where there is one, else to what the explorer opened with."""
        if self.bands is not None:
            first = self._thresholds_of(self._learned) or self.bands.starting
            self._set_one(key, first[key][self._channel])
            assert self.view is not None
            self.view.show_values(self.values)

    def _set_one(self, key: str, threshold: float) -> None:
        if self.bands is None:
            return
        channel, old = self._channel, self.values[key]
        self.values = {**self.values, key: (*old[:channel], threshold, *old[channel + 1 :])}
        self._shown = self.bands.with_thresholds(self.values)
        if isinstance(self.view, FrequencyView):
            self.view.show_values(self.values)
        self.changed.emit(self._shown)

    def _show_bands(self, bands: Bands) -> None:
        if bands.wish is not self._wish:
            return
        old, self.bands = self.bands, bands
        self.values, self._shown = bands.starting, bands.restorer
        keys = None if old is None else [band.key for band in old.subbands]
        if keys != [band.key for band in bands.subbands]:
            self._new_view(bands)
        names = list(bands.channel_names)
        if [self.channel.itemText(i) for i in range(self.channel.count())] != names:
            with signals_blocked(self.channel):
                self.channel.clear()
                self.channel.addItems(names)
        self.channel.setVisible(bands.channels > 1)
        self.messages.say("")
        self._show_channel()
        self._show_state()
        self.loaded.emit()

    def _new_view(self, bands: Bands) -> None:
        self._drop_view()
        kind = FrequencyView if isinstance(bands.restorer.transform, SlidingDCT) else BandGrid
        self.view = kind(self._viewer, bands)
        self.view.moved.connect(self._moved)
        self.view.reset.connect(self._reset)
        self.area.setWidget(self.view)

    def _drop_view(self) -> None:
        view, self.view = self.view, None
        if view is not None:
            view.close_view()
            self.area.takeWidget()
            view.deleteLater()

    def _show_channel(self) -> None:
        if self.bands is not None and self.view is not None:
            self.view.show_channel(self.bands, self._channel, self.values)

    def _fail(self, message: str) -> None:
        """Show no bands: those of an earlier wish are not the method's."""
        self._drop_view()
        self.bands = self._shown = None
        self.channel.hide()
        self._show_state()
        self.messages.say("")
        self.messages.warn(message)

    def _running_changed(self, running: bool) -> None:
        if not running:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self.follow(waiting)

    def _set_all_clicked(self, name: str, checked: bool = False) -> None:
        self.set_all(name)

    def _show_state(self) -> None:
        """Enable the buttons whose thresholds are known, and say of the others why not."""
        bands = self.bands
        for name, button in self.buttons.items():
            if name == "learned":
                known = self._thresholds_of(self._learned) is not None
            else:
                known = bands is not None and bool(bands.found) and bands.offers(name)
            button.setEnabled(known)
            tip = CHOICES[name][1]
            button.setToolTip(tip if known else f"<qt>{tip}. Not available: {MISSING[name]}.</qt>")
        for button in (self.export_button, self.import_button):
            button.setEnabled(bands is not None)
        self.legend.setText(f"<small>{self._legend()}</small>" if bands is not None else "")

    def _legend(self) -> str:
        bands = self.bands
        assert bands is not None
        words = [(BEFORE, "■ coefficients before"), (AFTER, "▬ after, zeros left out"), (LINE, "| threshold")]
        known = next(iter(bands.found.values()), None)
        if bands.knows_risk and known is not None:
            words += [(STEIN, "▬ error, estimated")] * ("sure" in known.thresholds)
            words += [(TRUE, "▬ error against the truth")] * (known.clean is not None)
        parts = [f"<span style='color: {color}'>{text}</span>" for color, text in words]
        return "&nbsp; ".join([*parts, "in units of the noise σ of each band"])

    def _ask_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export thresholds", "thresholds.json", FILES)
        if path:
            self.export_to(Path(path))

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import thresholds", "", FILES)
        if path:
            self.import_from(Path(path))
