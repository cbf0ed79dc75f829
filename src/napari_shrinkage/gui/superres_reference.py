"""A finer image of the same scene, where there is one: scores against it, and the kernel by the pair.

Convention: the scores are those of the last result, of its luma, with a border of `scale` pixels left out.
"""

from __future__ import annotations

import math
import weakref
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..comparing.luma import LumaScores
from ..engine import Result
from ..stack import Stack
from .jobs import Job
from .layer_combo import LayerCombo, full_shape
from .layers import stack_of_layer
from .source import is_image
from .superres_models import model_title
from .superres_work import Scored, finer_size, fits_finer, scoring


class ReferenceRow(QWidget):
    """The choice of the reference, the table of scores, and the button "Measure by the pair".

    Parameters
    ----------
    panel : Panel
        Gives the image, the scale and the last result.

    Signals
    -------
    failed(str)
        Why there are no scores.
    """

    failed = Signal(str)

    def __init__(self, panel: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._of: weakref.ref[Result] | None = None  # what the table shows, or is being scored
        self.combo = LayerCombo(panel.viewer, self._fits, none="None")
        self.combo.setToolTip("A finer image of the same scene: PSNR and SSIM of results are told against it")
        self.pair_button = QPushButton("Measure by the pair")
        self.pair_button.setToolTip("Find the kernel that makes the image of the reference, by least squares")
        self.hint, self.table = QLabel(), QLabel()
        for label in (self.hint, self.table):
            label.setWordWrap(True)
        self.table.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.job = Job(self)
        self._lay_out()
        self.combo.changed.connect(self._changed)
        self.job.succeeded.connect(self._show)
        self.job.failed.connect(self._fail)
        self.job.running_changed.connect(self._running_changed)
        self.refresh()

    @property
    def layer(self) -> Any:
        """The reference, or None."""
        return self.combo.layer

    def stack(self) -> Stack | None:
        """Return the reference as a stack of the image's axes, or None.

        Raises
        ------
        ValueError
            If its axes do not fit.
        """
        layer, content = self.combo.layer, self._panel.source.content
        return None if layer is None or content is None else stack_of_layer(layer, content.stack.axes)

    def refresh(self) -> None:
        """Offer what fits the image at the present scale, and say what would."""
        given_up = self.combo.layer
        self.combo.refill()
        content, scale = self._panel.source.content, self._panel.editor.value.scale
        if content is None:
            self.hint.setText("")
            return
        fits = f"{finer_size(content.stack, scale)} pixels"
        self.hint.setText(f"x{scale} of this image is {fits}: only images of that size are offered.")
        self.hint.setVisible(self.combo.layer is None)
        if given_up is not None and self.combo.layer is None and given_up in self._panel.viewer.layers:
            own, wanted = _sizes(full_shape(given_up), content.stack, scale)
            self.failed.emit(
                f"The reference {given_up.name!r} has {own} pixels; at x{scale} it needs {wanted} pixels."
            )

    def score(self) -> None:
        """Score the last result, if there is a reference of its scale."""
        if self.job.running:
            self._of = None
            self.job.cancel()
            return
        self._forget()
        source, results = self._panel.source.layer, self._panel.results
        result = results.result_of(source)
        self._of = None if result is None else weakref.ref(result)
        stack = results.input_of(source)
        if result is None or stack is None or self.layer is None:
            return
        try:
            truth = stack_of_layer(self.layer, stack.axes)
        except (TypeError, ValueError) as error:
            self.failed.emit(str(error))
            return
        if fits_finer(truth.shape, stack, int(result.record.magnification)):
            self.job.start(lambda: scoring(stack, result, truth))

    def close_row(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.job.abandon()
        self.combo.close_combo()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = QHBoxLayout()
        row.addWidget(self.combo, 1)
        row.addWidget(self.pair_button)
        layout.addLayout(row)
        layout.addWidget(self.hint)
        layout.addWidget(self.table)
        self._forget()

    @property
    def _scored(self) -> Any:
        return None if self._of is None else self._of()

    def _fits(self, layer: Any) -> bool:
        source, content = self._panel.source.layer, self._panel.source.content
        if content is None or layer is source or not is_image(layer) or layer.rgb != source.rgb:
            return False
        return fits_finer(full_shape(layer), content.stack, self._panel.editor.value.scale)

    def _changed(self) -> None:
        self.pair_button.setEnabled(self.combo.layer is not None)
        self.hint.setVisible(self.combo.layer is None)
        self.score()

    def _running_changed(self, running: bool) -> None:
        """Score what came meanwhile; what failed or was stopped is not tried again."""
        wanted = self._panel.results.result_of(self._panel.source.layer)
        if not running and wanted is not self._scored:
            self.score()

    def _fail(self, message: str) -> None:
        self._forget()
        self.failed.emit(message)

    def _forget(self) -> None:
        self.table.hide()
        self.pair_button.setEnabled(self.combo.layer is not None)

    def _show(self, found: Scored) -> None:
        result = self._panel.results.result_of(self._panel.source.layer)
        if result is None or result is not self._scored:
            return
        title = model_title(result.record.plans[-1].restorer.model)
        rows = [_row("Bicubic", found.bicubic), _row(title, found.result)]
        on = "Of the luma" if found.color else "Of the pixel values"
        part = "" if found.whole else ", of a window in the middle"
        heads = "<tr><td></td><td align='right'>PSNR dB</td><td align='right'>&nbsp;&nbsp;SSIM</td></tr>"
        without = f"{int(result.record.magnification)} pixels at the border left out"
        self.table.setText(f"<table cellspacing='3'>{heads}{''.join(rows)}</table>{on}, {without}{part}.")
        self.table.show()


def _sizes(shape: tuple[int, ...], stack: Stack, scale: int) -> tuple[str, str]:
    """Return an array's size and that of a finer image: along Y and X, or of all axes where others differ."""
    spatial = stack.spatial_axes(2)
    finer = [scale * n if axis in spatial else n for axis, n in enumerate(stack.shape)]
    others = [axis for axis in range(len(finer)) if axis not in spatial]
    if len(shape) == len(finer) and all(shape[axis] == finer[axis] for axis in others):
        return " x ".join(str(shape[axis]) for axis in spatial), finer_size(stack, scale)
    return " x ".join(map(str, shape)), " x ".join(map(str, finer))


def _row(name: str, scores: LumaScores) -> str:
    psnr = "∞" if math.isinf(scores.psnr) else f"{scores.psnr:.2f}"
    ssim = "" if scores.ssim is None else f"{scores.ssim:.4f}"
    numbers = (f"<td align='right'>{cell}</td>" for cell in (psnr, f"&nbsp;&nbsp;{ssim}"))
    return f"<tr><td>{name}&nbsp;</td>{''.join(numbers)}</tr>"
