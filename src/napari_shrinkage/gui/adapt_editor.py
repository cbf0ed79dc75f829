"""The editor of a network that goes on learning: which one to start from, how long, and which is in use.

Convention: `value` is what previews and runs take, the adapted network or the one at the start; `wish` is the
one at the start. Opening it reads no weight file.
"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QRadioButton, QSizePolicy, QSpinBox, QWidget
from superqt.utils import signals_blocked

from ..fitting.tuning import STEPS
from ..nn.models import available_models
from ..restorers import Cnn, Restorer
from .adapting import about
from .cnn_models import model_title
from .editor import row_label
from .folds import WheelGuard
from .preferences import preferred_model_folder
from .profile_list import FreshCombo

FEWEST, MOST, STRIDE = 5, 20_000, 50  # steps
STEPS_WIDTH = 104  # pixels, of five digits and two buttons


SOME_TIME = "some minutes"


class AdaptEditor(QWidget):
    """Edits a `Cnn` that learns: `value`, `wish`, `use`, `setValue`, `changed`, `invalid`, `show_resolved`.

    Signals
    -------
    changed(), invalid(str)
        As those of every editor of a restorer.
    started_anew()
        Another network to start from was chosen.
    """

    changed = Signal()
    invalid = Signal(str)
    started_anew = Signal()

    def __init__(self, value: Cnn, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wish, self._used = value, value
        self.networks = FreshCombo()
        self.networks.setToolTip(
            "<qt>The network to start from: ours, or a file in the model folder, adapted ones among them. "
            "It is not changed: what is learned goes to a new file.</qt>"
        )
        self.steps = QSpinBox()
        self.steps.setRange(FEWEST, MOST)
        self.steps.setSingleStep(STRIDE)
        self.steps.setValue(STEPS)
        self.steps.setMaximumWidth(STEPS_WIDTH)
        self.steps.setToolTip(
            "<qt>Each step looks at 8 crops of 96 × 96 pixels. More steps may get further; the best network "
            "on the way is kept. The first steps tell how long all take here.</qt>"
        )
        self.duration = QLabel(SOME_TIME)
        self.duration.setEnabled(False)
        self.duration.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._pace: float | None = None
        self._lay_out()
        self.refill()
        self.networks.about_to_show.connect(self.refill)
        self.networks.currentIndexChanged.connect(self._chosen)
        self.steps.valueChanged.connect(self._show_duration)

    @property
    def value(self) -> Cnn:
        """The network in use."""
        return self._used

    @property
    def wish(self) -> Cnn:
        """The network to start from."""
        return self._wish

    def use(self, restorer: Cnn) -> None:
        """Take another network into use; the one to start from stays."""
        if restorer != self._used:
            self._used = restorer
            self.changed.emit()

    def setValue(self, value: Restorer) -> None:
        """Start from another network, and use it.

        Raises
        ------
        ValueError
            If it is no network.
        """
        if not isinstance(value, Cnn):
            raise ValueError(
                f"these settings are for {value.title}, and this widget adapts networks. Load them in the "
                "Shrinkage widget."
            )
        self._wish = value
        self._pace = None
        self.duration.setText(SOME_TIME)
        self.refill()
        self.started_anew.emit()
        self.use(value)

    def show_resolved(self, value: Restorer | None) -> None:
        """There is nothing to show: no "auto" is in view."""

    def show_pace(self, seconds_a_step: float) -> None:
        """Tell how long the steps take."""
        self._pace = seconds_a_step
        self._show_duration()

    def refill(self) -> None:
        """List the networks that are there now, and the one to start from."""
        models = available_models(preferred_model_folder())
        with signals_blocked(self.networks):
            self.networks.clear()
            for model in dict.fromkeys((*models, self._wish.model)):
                self.networks.addItem(model_title(model), model)
                tip = model if Path(model).suffix else "Comes with the plugin"
                self.networks.setItemData(self.networks.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.networks.setCurrentIndex(self.networks.findData(self._wish.model))

    def sizeHint(self) -> QSize:
        """Ask for no more than the rows need."""
        return self.minimumSizeHint()

    def _lay_out(self) -> None:
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(6)
        rows.setVerticalSpacing(4)
        rows.addRow(row_label("Start"), self.networks)
        steps = QHBoxLayout()
        steps.addWidget(self.steps)
        steps.addWidget(self.duration, 1)
        rows.addRow(row_label("Steps"), steps)
        self._guard = WheelGuard(self)
        self._guard.watch(self.steps)
        self._guard.watch(self.networks)

    def _chosen(self, index: int) -> None:
        fresh = {"weights": None, "checksum": None, "ranges": None, "fitted": None}
        model = self.networks.itemData(index)
        if model is not None and model != self._wish.model:
            self.setValue(self._wish.replace(model=model, **fresh))

    def _show_duration(self) -> None:
        if self._pace is not None:
            self.duration.setText(about(self._pace * self.steps.value()))


class InUse(QWidget):
    """Before or after: which of two networks previews and runs take.

    Signals
    -------
    chosen(bool)
        Whether it is the adapted one.
    """

    chosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.before, self.after = QRadioButton("Before"), QRadioButton("After (adapted)")
        self.before.setToolTip("Preview and run with the network at the start, as it was")
        self.after.setToolTip("Preview and run with the adapted network")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Use"))
        row.addWidget(self.before)
        row.addWidget(self.after, 1)
        self.after.toggled.connect(self.chosen)
        self.hide()

    def show_after(self) -> None:
        """Show the choice, with the adapted network chosen."""
        with signals_blocked(self.after):
            self.after.setChecked(True)
        self.show()
