"""The widget "CNN denoise": denoise by a network, and see what it may have made up."""

from typing import Any

import napari.viewer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..noise import NoiseModel
from ..recipe import Plan, Recipe
from ..restorers import Cnn
from ..tiles import mixes_color
from .cnn_editor import CnnEditor
from .cnn_models import Place, place_in_words
from .cnn_table import ErrorTable
from .cnn_unsupported import UnsupportedDetail
from .compared_panel import ComparedPanel
from .derived_button import DerivedButton
from .history import remembered
from .messages import WARNING
from .progress import ProgressRow

NAME = "cnn"


class CnnWidget(ComparedPanel):
    """Denoise the layers of a viewer by a network.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; napari passes it.
    """

    editor: CnnEditor

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, CnnEditor(first_value(remembered(NAME))), NAME, parent)
        self.doubt = QLabel()
        self.doubt.setWordWrap(True)
        self.doubt.hide()
        self.unsupported = UnsupportedDetail(self.viewer, self)
        self.detail_button = DerivedButton(
            "Unsupported detail",
            self.unsupported,
            self,
            "Unsupported detail is looked for in the last result: run first.",
        )
        self.table_button = QPushButton("Table…")
        self.detail_progress = ProgressRow(self.unsupported.job, "Unsupported detail")
        self.errors = ErrorTable(self, self)
        self._lay_out_cnn()
        self._widen()
        self.editor.placed.connect(self._placed)
        for signal in (self.editor.changed, self.noise.changed, self.source.changed):
            signal.connect(self._forget_doubt)
        self.source.changed.connect(self.errors.source_changed)
        self.editor.job.running_changed.connect(lambda running: self._widen())
        self.table_button.clicked.connect(self.open_table)

    def cancel(self) -> None:
        """Stop a run or a measurement; nothing of it is left."""
        self.errors.job.cancel()
        self.unsupported.job.cancel()
        super().cancel()

    def close_panel(self) -> None:
        """Let go of the viewer; what runs is stopped."""
        self.editor.close_editor()
        self.errors.close_table()
        self.unsupported.close()
        self.detail_progress.close_activity()
        super().close_panel()

    def _lay_out_cnn(self) -> None:
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(layout.indexOf(self.noise) + 1, self.doubt)
        self.detail_button.setToolTip(
            "<qt>Mark, over the last result, detail that shrinkage does not find and the data do not "
            "support: what the network may have made up</qt>"
        )
        self.table_button.setToolTip("Errors of the noisy image, DCT, FFDNet and the chosen network")
        row = QHBoxLayout()
        row.addWidget(self.detail_button, 1)
        row.addWidget(self.table_button)
        self.bottom.addLayout(row)
        self.bottom.addWidget(self.detail_progress)
        self.bottom.addWidget(self.detail_button.said)

    def open_table(self) -> None:
        """Open the table of errors, or bring it to the front."""
        self.errors.show()
        self.errors.raise_()

    def _widen(self) -> None:
        """Keep room for every column of the models, beside a scroll bar."""
        bar = self.editor_area.verticalScrollBar()
        width = 0 if bar is None else bar.sizeHint().width()
        self.editor_area.setMinimumWidth(self.editor.minimumSizeHint().width() + width)

    def _placed(self, place: Place) -> None:
        if self.plan is None:
            self._show_place(str(place))

    def _show_plan(self, plan: Plan, told: NoiseModel | None) -> None:
        super()._show_plan(plan, told)
        restorer: Any = plan.restorer
        self._show_place(place_in_words(plan.device, plan.device_reason, restorer.precision))
        self._show_doubt(self._doubt_of(plan))

    def _said_elsewhere(self, plan: Plan) -> list[str]:
        return [*super()._said_elsewhere(plan), self._doubt_of(plan)]

    def _doubt_of(self, plan: Plan) -> str:
        """Return why the network may not suit the noise, or ""."""
        content = self.source.content
        try:
            return (
                ""
                if content is None
                else plan.restorer.doubt(plan.noise, mixes_color(plan.restorer, content.stack))
            )
        except ValueError as error:  # the weight file was taken away meanwhile
            return str(error)

    def _show_doubt(self, doubt: str) -> None:
        self.doubt.setText(f"{WARNING}{doubt}" if doubt else "")
        self.doubt.setVisible(bool(doubt))

    def _forget_doubt(self) -> None:
        """What was doubted of other settings is not known of these, unless a preview is about to tell."""
        if not self.live.on:
            self._show_doubt("")


def first_value(last: Recipe | None) -> Cnn:
    """Return the network that a new widget begins with: that of the last settings, if they are of one."""
    restorer = None if last is None else last.steps[-1].restorer
    return restorer if isinstance(restorer, Cnn) else Cnn()
