"""What a fit makes small, and from what: the rows "Loss", "Target" and "Fit on".

Convention: the target's row is shown only for a loss that needs one, and offers layers of the same pixels; a
time series may be its own target, each frame's being the next one.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..losses import Loss, Noise2Noise, Sure
from ..methods import Parameter
from ..stack import Stack
from .content import Content
from .editor import Editor, narrow_combo, row_label
from .forms import MethodEditor
from .layer_combo import LayerCombo, same_pixels
from .layers import stack_of_layer
from .learning import frame_pairs, part_of_stack
from .regions import current_plane
from .source import SourceRow, is_image

WHOLE, PLANE = "The whole layer", "The current plane"


class LossRow(QWidget):
    """The choice of a loss, of its target, and of the part of the layer to learn from.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered as targets.
    source : SourceRow
        The noisy layer.
    loss : Editor, optional
        Chooses the loss, or says None, for which SURE stands; without it, every loss with its fields.
    """

    changed = Signal()

    def __init__(
        self, viewer: Any, source: SourceRow, loss: Editor | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._source = viewer, source
        self.loss = loss or _every_loss()
        self.target = LayerCombo(viewer, self._fits, "Choose a layer")
        self.next_frame = QCheckBox("The next time point")
        self.next_frame.setToolTip(
            "<qt>Of each frame the next one: where nothing moves, both show the same place.</qt>"
        )
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._suitable: Loss | None = None
        self.part = narrow_combo()
        self.part.addItems([WHOLE, PLANE])
        self.part.setToolTip(
            "<qt>What the fit looks at. The numbers that it finds serve the whole layer, and other layers "
            "with much the same noise.</qt>"
        )
        self._lay_out()
        self.loss.changed.connect(self._loss_changed)
        self.next_frame.toggled.connect(self._show)
        self.show_stack(None)

    @property
    def value(self) -> Loss:
        """The loss."""
        chosen = self.loss.value
        assert isinstance(chosen, Loss | None)
        return chosen or Sure()

    def show_stack(self, stack: Stack | None) -> None:
        """Offer what makes sense for an image."""
        self._planes = stack is not None and len(stack.axes) > 2 + (stack.channel_axis is not None)
        self._frames = stack is not None and "T" in stack.axes and stack.shape[stack.axes.index("T")] > 1
        self.target.refill()
        self._show()

    def show_suitable(self, loss: Loss | None) -> None:
        """Show which loss suits the noise, where none is chosen; None while that is not known."""
        self._suitable = loss
        self._show()

    def pair(self, content: Content, layer: Any) -> tuple[Stack, Stack | None]:
        """Return what to learn from, and its target where the loss needs one.

        Raises
        ------
        ValueError
            If the target is missing or does not fit; the message says what would.
        """
        stack = content.stack
        region = None
        if self._planes and self.part.currentText() == PLANE:
            region = current_plane(self._viewer, layer, stack)
        if not self.value.needs_target:
            return part_of_stack(stack, region), None
        if self._takes_next_frame:
            return frame_pairs(stack, region)
        if self.target.layer is None:
            raise ValueError(
                f"{self.value.title} needs {self.value.target_words}: choose it as the target, or take a "
                "loss that needs none, such as SURE."
            )
        aim = stack_of_layer(self.target.layer, stack.axes)
        return part_of_stack(stack, region), part_of_stack(aim, region)

    @property
    def reference(self) -> Any:
        """The layer that is chosen as clean, or None."""
        clean = self.value.needs_target and not isinstance(self.value, Noise2Noise)
        return self.target.layer if clean else None

    def close_row(self) -> None:
        """Stop listening to the viewer."""
        self.target.close_combo()

    @property
    def _takes_next_frame(self) -> bool:
        return self.next_frame.isChecked() and self._frames and isinstance(self.value, Noise2Noise)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(6)
        form.setVerticalSpacing(4)
        self._labels = {name: row_label(name) for name in ("Loss", "Target", "Fit on")}
        form.addRow(self._labels["Loss"], self.loss)
        if isinstance(self.loss, MethodEditor):
            form.addRow(self.loss.folded)
        form.addRow(self._labels["Target"], self.target)
        form.addRow("", self.next_frame)
        form.addRow("", self.hint)
        form.addRow(self._labels["Fit on"], self.part)
        layout.addLayout(form)

    def _fits(self, layer: Any) -> bool:
        source = self._source.layer
        return source is not None and is_image(layer) and same_pixels(layer, source)

    def _show_hint(self, target_words: str) -> None:
        """Say what the target must be, or which loss is taken where the noise decides."""
        suitable = self._suitable if self.loss.value is None else None
        words = target_words if suitable is None else f"{suitable.title}, which suits this noise"
        self.hint.setText(f"<small>{words[:1].upper()}{words[1:]}.</small>")
        self.hint.setVisible(bool(words))

    def _loss_changed(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        loss = self.value
        if self.loss.value is not None:
            self.loss.setToolTip(f"<qt>{type(loss).summary()}</qt>")
        for widget in (self.target, self._labels["Target"]):
            widget.setVisible(loss.needs_target)
        self.next_frame.setVisible(self._frames and isinstance(loss, Noise2Noise))
        self.target.setEnabled(not self._takes_next_frame)
        self._show_hint(loss.target_words)
        self.part.setVisible(self._planes)
        self._labels["Fit on"].setVisible(self._planes)


def _every_loss() -> MethodEditor:
    """Return an editor of any loss, its fields folded away."""
    editor = MethodEditor(Parameter(name="loss", type=Loss, default=Sure()))
    editor.setValue(Sure())
    editor.open_form(False)
    return editor
