"""The editor of super-resolution: model, scale, degradation, back-projection.

Convention: it edits one value, an `Upscale`. A model's scales are known once a worker has read its weights;
until then every scale is offered. `degradation` None is measured in the image.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from ..degradation import AnyKernel, Degradation
from ..degradation.kernels import SCALES, Kernel
from ..degradation.measuring import KernelEstimate
from ..engine import Progress
from ..nn.upscaler_models import available_upscalers
from ..restorers import Restorer, Upscale
from ..restorers.upscale import LINEAR
from .editor import narrow_combo, row_label
from .folds import WheelGuard
from .jobs import Job
from .preferences import preferred_model_folder
from .superres_form import SuperresForm
from .superres_kernel import KernelRow, estimate_in_words, width_in_words
from .superres_models import FILES, KnownUpscaler, UpscalerEntry, is_file, model_title, needs_reading, reading

NOT_YET = "Not measured yet: Preview, Run or the button measure it."
OF_THE_MODEL: dict[str, Any] = {"weights": None, "checksum": None, "ranges": None, "levels": None}


class SuperresEditor(QWidget):
    """Edits an `Upscale`: `value`, `setValue`, `changed`, `invalid`, `show_resolved`.

    Parameters
    ----------
    value : Upscale
        What to show first.

    Signals
    -------
    changed(), invalid(str)
        As those of every editor of a restorer; a file that cannot be read is invalid.
    """

    changed = Signal()
    invalid = Signal(str)

    def __init__(self, value: Upscale, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: dict[str, UpscalerEntry] = {}
        self.models = narrow_combo()
        self._guard = WheelGuard(self)
        self._guard.watch(self.models)
        self.form = SuperresForm(value)
        self.kernel = KernelRow()
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Use the weights of an RDN, or of a network for super-resolution of ours")
        self.job = Job(self)
        self.estimate: KernelEstimate | None = None
        self._resolved: Upscale | None = None
        self._opening: set[str] = set()
        self._waiting: list[str] = []
        self._begin = QTimer(self)  # once the panel stands: reading imports torch, which slows everything
        self._begin.setSingleShot(True)
        self._begin.setInterval(0)
        self._lay_out()
        self._connect()
        self._offer()
        self._show_value()
        self._begin.start()

    @property
    def value(self) -> Any:
        """The restorer that is shown."""
        return self.form.value

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that the chosen model has, as far as that is known."""
        entry = self.entries.get(self.value.model)
        return SCALES if entry is None else entry.scales

    def setValue(self, value: Restorer) -> None:
        """Show another restorer.

        Raises
        ------
        ValueError
            If it is no super-resolution.
        """
        if not isinstance(value, Upscale):
            raise ValueError(
                f"these settings are for {value.title}, and this widget does super-resolution. Load them in "
                "the widget that they come from."
            )
        self.form.setValue(value)

    def show_resolved(self, value: Restorer | None) -> None:
        """Show what each "auto" became, and "measured" where the value has that."""
        asked = self.value.degradation is None
        self._resolved = value if asked and isinstance(value, Upscale) else None
        self.form.show_resolved(value)
        self._show_kernel()

    def take_estimate(self, estimate: KernelEstimate) -> None:
        """Show a measured kernel, and go on with it."""
        self.estimate = estimate
        self.form.setValue(self.value.replace(degradation=estimate.degradation, scale=estimate.scale))
        self._show_kernel()

    def show_estimate(self, estimate: KernelEstimate) -> None:
        """Show a measured kernel, where the value is to measure it."""
        self.estimate = estimate
        self._show_kernel()

    def forget_estimate(self) -> None:
        """Measure anew for another image: a kernel that was measured in one does not hold for another.

        A degradation of the list that it was taken for stays: that may have been chosen.
        """
        value, estimate = self.value, self.estimate
        self.estimate = None
        if estimate is None or not isinstance(value.degradation, AnyKernel):
            return
        if value.degradation == estimate.degradation:
            self.form.setValue(value.replace(degradation=None))

    def forget_levels(self) -> None:
        """Take the strength of the noise from the noise, where settings of a result brought it along."""
        self.form.setValue(self.value.replace(levels=None))

    def forget_image(self) -> None:
        """Take range and noise from the image, where settings of another one's result brought them along."""
        self.forget_estimate()
        self.form.setValue(self.value.replace(ranges=None, levels=None))

    @property
    def known_degradation(self) -> Degradation | None:
        """The degradation, also of what was measured; None is not measured yet."""
        value, found = self.value, [self._resolved, self.estimate]
        fitting = [one.degradation for one in found if one is not None and one.scale == value.scale]
        degradation: Degradation | None = value.degradation or next(iter(fitting), None)
        return degradation

    def open_file(self, path: str) -> None:
        """Read a weight file and choose it; what is wrong with it is said by `invalid`."""
        self._opening.add(path)
        self._read([path])

    def ask_file(self) -> None:
        """Ask for a weight file and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open weight file", str(preferred_model_folder()), FILES)
        if path:
            self.open_file(path)

    def read_models(self) -> None:
        """Read every model that has weights, in a worker."""
        own = self.value.model
        found = [model for model in available_upscalers(preferred_model_folder()) if needs_reading(model)]
        self._read(list(dict.fromkeys([*([own] if needs_reading(own) else []), *found])))

    def close_editor(self) -> None:
        """Stop what runs."""
        self._begin.stop()
        self._waiting = []
        self.job.abandon()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(self.models, 1)
        top.addWidget(self.open_button)
        self.form.rows.insertRow(0, row_label("Model"), top)
        layout.addWidget(self.form)
        layout.addWidget(self.kernel)
        layout.addStretch()

    def _connect(self) -> None:
        self._begin.timeout.connect(self.read_models)
        self.models.currentIndexChanged.connect(lambda: self._choose(self.models.currentData()))
        self.form.changed.connect(self._changed)
        self.form.invalid.connect(self.invalid)
        self.open_button.clicked.connect(self.ask_file)
        self.job.progressed.connect(self._progressed)
        self.job.failed.connect(self.invalid)
        self.job.running_changed.connect(self._running_changed)

    def _offer(self) -> None:
        """List the models that need no reading, those of ours, those read, and the one in use."""
        own = [model for model in available_upscalers() if not is_file(model)]
        read = [model for model, entry in self.entries.items() if not entry.trouble]
        listed = dict.fromkeys([*own, *LINEAR, *read, self.value.model])
        with signals_blocked(self.models):
            self.models.clear()
            for model in listed:
                entry = self.entries.get(model) or UpscalerEntry(model)
                self.models.addItem(model_title(model), model)
                place = self.models.count() - 1
                self.models.setItemData(place, entry.tooltip, Qt.ItemDataRole.ToolTipRole)
            self.models.setCurrentIndex(self.models.findData(self.value.model))
        shown = self.entries.get(self.value.model) or UpscalerEntry(self.value.model)
        self.models.setToolTip(shown.tooltip)

    def _read(self, models: list[str]) -> None:
        """Read models in a worker, or after what it reads now."""
        if models and not self.job.start(lambda: reading(models)):
            self._waiting += [model for model in models if model not in self._waiting]

    def _progressed(self, progress: Progress) -> None:
        entry = progress.entry if isinstance(progress, KnownUpscaler) else None
        if entry is None:
            return
        opened = entry.model in self._opening
        self._opening.discard(entry.model)
        if entry.trouble and (opened or entry.model == self.value.model):
            self.invalid.emit(entry.trouble)
        if entry.trouble and is_file(entry.model):
            self.entries.pop(entry.model, None)
        else:
            self.entries[entry.model] = entry
        if opened and not entry.trouble:
            self._choose(entry.model)
        self._show_value()

    def _running_changed(self, running: bool) -> None:
        if not running:
            models, self._waiting = self._waiting, []
            self._read(models)

    def _choose(self, model: str) -> None:
        """Take another model, and a scale that it has."""
        if model == self.value.model:
            return
        entry = self.entries.get(model)
        scales = SCALES if entry is None else entry.scales
        scale = self.value.scale if self.value.scale in scales else scales[0]
        self.form.setValue(self.value.replace(model=model, scale=scale, **OF_THE_MODEL))

    def _changed(self) -> None:
        model = self.value.model
        if model not in self.entries and needs_reading(model):
            self._read([model])
        if self.value.degradation is not None:
            self._resolved = None
        self._show_value()
        self.changed.emit()

    def _show_value(self) -> None:
        self._offer()
        self.form.editor("scale").offer(self.scales)
        self._show_kernel()

    def _show_kernel(self) -> None:
        """Show the kernel of the value, or of what its "measured" became."""
        value, degradation = self.value, self.known_degradation
        if degradation is None:
            self.kernel.show_kernel(None, value.scale, NOT_YET)
            return
        try:
            kernel = degradation.kernel(value.scale)
        except ValueError as error:
            self.kernel.show_kernel(None, value.scale, str(error))
        else:
            self.kernel.show_kernel(kernel, value.scale, self._words(degradation, kernel))

    def _words(self, degradation: Degradation, kernel: Kernel) -> str:
        """Return what is said of a kernel, and that it was measured where that is what the value asks for."""
        value, estimate = self.value, self.estimate
        own = estimate is not None and estimate.scale == value.scale and degradation == estimate.degradation
        words = estimate_in_words(estimate) if own and estimate is not None else width_in_words(kernel)
        if value.degradation is not None:
            return words
        named = "" if own or isinstance(degradation, AnyKernel) else f"{degradation.title.lower()}, "
        return f"Measured: {named}{words[0].lower()}{words[1:]}"
