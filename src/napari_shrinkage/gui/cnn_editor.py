"""The editor of a network denoiser: which model, how strong, how much of the image back, in which precision.

Convention: it edits one value, a `Cnn`. Opening it reads no weight file on the GUI thread; rows are filled as
a worker gets to know the models.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ..engine import Progress
from ..methods import Parameter, parameters
from ..nn.models import ENDINGS, available_models
from ..restorers import Cnn, Restorer
from .cnn_list import ModelList
from .cnn_models import Known, Place, reading
from .forms import MethodForm
from .jobs import Job
from .preferences import preferred_device, preferred_model_folder

IN_VIEW = ("strength", "blend", "precision")  # the other fields fold away
FILES = f"Weight files ({' '.join(f'*{ending}' for ending in ENDINGS)});;All files (*)"


class CnnForm(MethodForm):
    """The form of a `Cnn` without its model, which the list above it shows."""

    def _add_rows(self, shown: list[Parameter], parent: QWidget) -> None:
        fields = [one for one in parameters(Cnn) if not one.hidden and one.name != "model"]
        super()._add_rows([one for one in fields if (one.name in IN_VIEW) == (parent is self)], parent)


class CnnEditor(QWidget):
    """Edits a `Cnn`: `value`, `setValue`, `changed`, `invalid`, `show_resolved`.

    Parameters
    ----------
    value : Cnn
        What to show first.

    Signals
    -------
    changed(), invalid(str)
        As those of every editor of a restorer; a file that cannot be read is invalid.
    placed(Place)
        Where networks run, as soon as that is known.
    """

    changed = Signal()
    invalid = Signal(str)
    placed = Signal(object)

    def __init__(self, value: Cnn, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = ModelList()
        self.form = CnnForm(value)
        self.open_button, self.measure_button = QPushButton("Open weight file…"), QPushButton("Measure")
        self.open_button.setToolTip("Use the weights of an FFDNet or a DnCNN of your own")
        self.measure_button.setToolTip("Read the models again and measure how fast they run here, now")
        self.job = Job(self)
        self._waiting: list[str] = []
        self._opening: set[str] = set()
        self._begin = QTimer(self)  # once the panel stands: reading imports torch, which slows everything
        self._begin.setSingleShot(True)
        self._begin.setInterval(0)
        self._lay_out()
        self._connect()
        self._offer()
        self._show_model()
        self._begin.start()

    @property
    def value(self) -> Any:
        """The restorer that is shown."""
        return self.form.value

    def setValue(self, value: Restorer) -> None:
        """Show another restorer.

        Raises
        ------
        ValueError
            If it is no network.
        """
        if not isinstance(value, Cnn):
            raise ValueError(
                f"these settings are for {value.title}, and this widget runs networks. Load them in the "
                "Shrinkage widget."
            )
        self.form.setValue(value)

    def show_resolved(self, value: Restorer | None) -> None:
        """Show what each "auto" became."""
        self.form.show_resolved(value)

    def open_file(self, path: str) -> None:
        """Read a weight file and choose it; what is wrong with it is said by `invalid`."""
        self._opening.add(path)
        self._read([path])

    def ask_file(self) -> None:
        """Ask for a weight file and open it."""
        folder = preferred_model_folder()
        path, _ = QFileDialog.getOpenFileName(self, "Open weight file", str(folder), FILES)
        if path:
            self.open_file(path)

    def read_models(self, afresh: bool = False) -> None:
        """Read every model that is offered, in a worker, and measure how fast it runs."""
        self._offer()
        self._read(list(self.models.entries), afresh)

    def close_editor(self) -> None:
        """Stop what runs."""
        self._begin.stop()
        self._waiting = []
        self.job.abandon()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.models)
        row = QHBoxLayout()
        row.addWidget(self.open_button, 1)
        row.addWidget(self.measure_button)
        layout.addLayout(row)
        layout.addWidget(self.form)
        layout.addStretch()

    def _connect(self) -> None:
        self._begin.timeout.connect(self.read_models)
        self.models.chosen.connect(self._choose)
        self.form.changed.connect(self._changed)
        self.form.invalid.connect(self.invalid)
        self.open_button.clicked.connect(self.ask_file)
        self.measure_button.clicked.connect(lambda: self.read_models(afresh=True))
        self.job.progressed.connect(self._progressed)
        self.job.failed.connect(self.invalid)
        self.job.running_changed.connect(self._running_changed)

    def _offer(self) -> None:
        """List the models that are there, and the one in use."""
        for model in (*available_models(preferred_model_folder()), self.value.model):
            self.models.offer(model)

    def _read(self, models: list[str], afresh: bool = False) -> None:
        """Read models in a worker, or after what it reads now."""
        device = preferred_device()
        if not self.job.start(lambda: reading(models, device, afresh)):
            self._waiting += [model for model in models if model not in self._waiting]

    def _progressed(self, progress: Progress) -> None:
        if not isinstance(progress, Known):
            return
        if isinstance(progress.place, Place):
            self.placed.emit(progress.place)
        entry = progress.entry
        if entry is None:
            return
        opened = entry.model in self._opening
        self._opening.discard(entry.model)
        if entry.trouble:
            self.invalid.emit(entry.trouble)
        if entry.trouble and opened and entry.model not in self.models.entries:
            return
        self.models.show_entry(entry)
        if opened and not entry.trouble:
            self._choose(entry.model)
        self.models.choose(self.value.model)

    def _running_changed(self, running: bool) -> None:
        self.measure_button.setEnabled(not running)
        models, self._waiting = self._waiting, []
        if not running and models:
            self._read(models)
        elif running:
            self._waiting = models

    def _choose(self, model: str) -> None:
        """Take another model; what a record says of the last one's file and range does not hold for it."""
        if model != self.value.model:
            fresh = {"weights": None, "checksum": None, "ranges": None}
            self.form.setValue(self.value.replace(model=model, **fresh))

    def _changed(self) -> None:
        self._show_model()
        self.changed.emit()

    def _show_model(self) -> None:
        """Select the row of the value's model; a file that is not listed gets a row, and is read."""
        model = self.value.model
        if model not in self.models.entries:
            self.models.offer(model)
            self._read([model])
        self.models.choose(model)
