"""The table beside the networks: what the noisy image, the DCT, FFDNet and the chosen network are off by.

Convention: it is the comparison that the widget Compare makes, of these rows; the noise is the panel's. What
is measured is shown when it is complete, and not at all where it was cancelled or failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDialog, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..comparing import Comparison, comparing
from ..engine import Progress
from ..geometry import Geometry
from ..noise import NoiseModel
from ..recipe import Step
from ..restorers import NAMED, Cnn, Restorer
from ..restorers.base import Apply
from ..stack import Float, Stack
from .cnn_models import TITLES, model_title
from .compare_table import CompareTable
from .content import Content
from .editor import row_label
from .jobs import Job, Work
from .layer_combo import LayerCombo, same_pixels
from .layers import stack_of_layer
from .messages import MessageLine
from .preferences import preferred_device, preferred_threads
from .progress import ProgressRow
from .source import is_image

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

NOISY = "noisy"
LEAST_WIDTH = 340  # pixels


@dataclass(frozen=True, kw_only=True)
class Untouched(Restorer):
    """The noisy image as it is, so that it has a row of its own."""

    domain: ClassVar[Literal["noise", "counts"]] = "counts"
    opponent_color: ClassVar[bool] = False

    @property
    def spatial_ndim(self) -> int:
        """2: it does not matter."""
        return 2

    @property
    def is_fused(self) -> bool:
        """True: there is nothing to compute."""
        return True

    def resolve(self, sample: Sample) -> Self:
        """Nothing depends on the data."""
        return self

    def geometry(self) -> Geometry:
        """Return a geometry without a margin."""
        return Geometry("reflect", (0, 0), (1, 1), (0, 0))

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Return the fields."""
        return z

    def build_counts(self, noise: NoiseModel) -> Apply:
        """Return the function that returns what it is given."""
        return _as_it_is


def _as_it_is(values: Float) -> Float:
    return values


@dataclass(frozen=True)
class TableWish:
    """What shall be measured, on what; read on the GUI thread."""

    layer: Any
    content: Content
    restorer: Cnn
    noise: NoiseModel | None
    reference: Stack | None


class ErrorTable(QDialog):
    """A window with the table, the layer that it is measured against, and a button to measure.

    Parameters
    ----------
    panel : Panel
        Gives the image, the noise and the chosen network.
    """

    def __init__(self, panel: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Table of errors")
        self._panel = panel
        self._wish: TableWish | None = None
        self.reference = LayerCombo(panel.viewer, self._fits, none="None: estimated errors only")
        self.reference.setToolTip(
            "<qt>What is known of the truth, such as a long exposure: an image of the same shape. PSNR and "
            "error against it stand beside those that are estimated from the noisy image alone.</qt>"
        )
        self.button = QPushButton("Measure errors")
        self.button.setToolTip("The noisy image, DCT, FFDNet and the chosen network, one row each")
        self.job = Job(self)
        self.progress = ProgressRow(self.job, "Measuring errors")
        self.table = CompareTable()
        self.basis = QLabel()
        self.basis.setWordWrap(True)
        self.messages = MessageLine()
        self._lay_out()
        self._connect()
        self.forget()

    def measure(self) -> None:
        """Measure the rows of the table, in a worker."""
        layer, content = self._panel.source.layer, self._panel.source.content
        if self.job.running:
            return
        self.forget()
        if layer is None or content is None:
            self.messages.warn("Open an image, or choose one above, and measure again.")
            return
        try:
            truth = self.reference.layer
            stack = None if truth is None else stack_of_layer(truth, content.stack.axes)
        except (TypeError, ValueError) as error:
            self.messages.warn(str(error))
            return
        self._wish = wish = TableWish(
            layer, content, self._panel.editor.value, self._panel.noise.value, stack
        )
        device, threads = preferred_device(), preferred_threads()
        self.job.start(lambda: measured(wish, device, threads))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop what runs."""
        self.job.cancel()
        super().closeEvent(event)

    def forget(self) -> None:
        """Take the table away."""
        self.table.hide()
        self.basis.hide()
        self.messages.say("")

    def source_changed(self) -> None:
        """Show nothing of another image."""
        if self._wish is not None and self._wish.content is not self._panel.source.content:
            self.job.cancel()
            self.forget()
        self.reference.refill()

    def close_table(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.hide()
        self.job.abandon()
        self.progress.close_activity()
        self.reference.close_combo()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(row_label("Truth"), self.reference)
        layout.addLayout(rows)
        for part in (self.button, self.progress, self.table, self.basis, self.messages):
            layout.addWidget(part)
        layout.addStretch()
        self.setMinimumWidth(LEAST_WIDTH)

    def _connect(self) -> None:
        self.button.clicked.connect(self.measure)
        self.job.succeeded.connect(self._show)
        self.job.failed.connect(self.messages.warn)
        self.job.cancelled.connect(lambda: self.messages.say("Cancelled; nothing was measured."))
        self.job.running_changed.connect(lambda running: self.button.setEnabled(not running))

    def _show(self, found: Comparison) -> None:
        wish = self._wish
        if wish is None or wish.content is not self._panel.source.content:
            return
        self.table.show_comparison(found)
        part = "" if found.whole else " on windows that represent it"
        self.basis.setText(f"Of {wish.layer.name!r}{part}; ★ has the least error estimated from it alone.")
        self.table.show()
        self.basis.show()
        self._fit()

    def _fit(self) -> None:
        """Give the table the size of its rows, and the window that of the table."""
        across, down = self.table.horizontalHeader(), self.table.verticalHeader()
        assert across is not None
        assert down is not None
        frame = 2 * self.table.frameWidth()
        self.table.setMinimumSize(across.length() + frame, across.sizeHint().height() + down.length() + frame)
        self.adjustSize()

    def _fits(self, layer: Any) -> bool:
        source = self._panel.source.layer
        return source is not None and is_image(layer) and same_pixels(layer, source)


def measured(wish: TableWish, device: str, threads: int | None) -> Work:
    """Estimate the noise where it is not given, and measure the rows (in a worker)."""
    yield Progress(0, 1, "estimating the noise")
    noise = wish.content.noise() if wish.noise is None else wish.noise
    steps = rows_of(wish.restorer)
    found: Comparison = yield from comparing(
        wish.content.stack, steps, wish.reference, noise, device, threads
    )
    return found


def rows_of(restorer: Cnn) -> dict[str, Step]:
    """Return what the table compares: noisy, DCT, our FFDNet, and the chosen network with its settings."""
    ours = TITLES["ffdnet"]
    rows: dict[str, Restorer] = {NOISY: Untouched(), "DCT": NAMED["dct"], ours: NAMED["ffdnet"]}
    if restorer != NAMED["ffdnet"]:
        title = model_title(restorer.model)
        rows[f"{title}, as set" if title == ours else title] = restorer
    return {name: Step(one) for name, one in rows.items()}
