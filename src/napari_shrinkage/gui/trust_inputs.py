"""What a report is made of: image, result, and the layers that make further checks possible.

Convention: a result is our own where its layer carries a record; its image is then the layer that the record
names. Layers are read on the GUI thread into a `Wish`; the worker never touches one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from ..checking import checking
from ..engine import Progress, Result, digest
from ..noise import NoiseModel
from ..recipe import Record
from ..stack import Array, Stack
from ..windows import whole
from .content import Content
from .editor import row_label
from .jobs import Work
from .kept_noise import kept_noise
from .kernels import waiting
from .layer_combo import LayerCombo, full_shape, same_pixels
from .layers import METHOD_NOISE, RECORD, record_of_layer, result_of_layer, source_name, stack_of_layer
from .noise_words import in_short
from .source import SourceRow, is_image, is_made

NOT_THE_INPUT = (
    "The result was made from other pixels than the image has now: differences between them count as changes."
)

ROWS = {
    "Result": "The restored image; the newest result of this image is chosen by itself.",
    "Labels": "Labels of regions, such as cells: their means are compared one by one.",
    "Second": "Another frame of the same scene, with noise of its own: it tells the resolution.",
    "Truth": "What is known of the truth, such as a long exposure: it sorts pixels by brightness, and "
    "the error against it is told.",
}


@dataclass(frozen=True)
class Wish:
    """What shall be checked; read on the GUI thread."""

    layer: Any
    result_layer: Any
    content: Content
    result: Result
    noise: NoiseModel | None
    noise_source: str
    labels: Array | None
    second: Stack | None
    reference: Stack | None


class TrustInputs(QWidget):
    """The rows that choose the layers."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.source = SourceRow(viewer)
        self.result = LayerCombo(viewer, self._may_be_result, "Choose a result")
        self.regions = LayerCombo(viewer, self._may_be_regions)
        self.second = LayerCombo(viewer, self._may_be_other)
        self.reference = LayerCombo(viewer, self._may_be_other)
        self._lay_out()
        self.source.changed.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self._follow_active)
        viewer.layers.events.inserted.connect(self._inserted)
        self.refresh()
        self._follow_active()

    def wish(self) -> Wish:
        """Return what shall be checked now.

        Raises
        ------
        ValueError, TypeError
            If a choice is missing or does not fit; the message says what would.
        """
        layer, content, chosen = self.source.layer, self.source.content, self.result.layer
        if layer is None or content is None or chosen is None:
            raise ValueError(
                "Choose an image and its result: denoise the image first, or pick the result of another "
                "plugin that has the same shape."
            )
        result = result_of_layer(chosen) or _foreign(chosen, content.stack)
        noise, source = _noise_of(result, layer)
        axes = content.stack.axes
        labels = None if self.regions.layer is None else np.asarray(self.regions.layer.data)
        second, reference = (
            None if combo.layer is None else stack_of_layer(combo.layer, axes)
            for combo in (self.second, self.reference)
        )
        return Wish(layer, chosen, content, result, noise, source, labels, second, reference)

    def refresh(self) -> None:
        """Offer the layers that fit the image, and choose its newest result."""
        for combo in self._combos():
            combo.refill()
        self._take_newest()

    def close_inputs(self) -> None:
        """Stop listening to the viewer."""
        self.source.close_source()
        for combo in self._combos():
            combo.close_combo()
        self._viewer.layers.selection.events.active.disconnect(self._follow_active)
        self._viewer.layers.events.inserted.disconnect(self._inserted)

    def _combos(self) -> tuple[LayerCombo, ...]:
        return self.result, self.regions, self.second, self.reference

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.source)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setHorizontalSpacing(6)
        for (title, tip), combo in zip(ROWS.items(), self._combos(), strict=True):
            combo.setToolTip(f"<qt>{tip}</qt>")
            form.addRow(row_label(title), combo)
        column.addLayout(form)

    def _may_be_result(self, layer: Any) -> bool:
        image = self.source.layer
        if image is None or layer is image or not is_image(layer) or METHOD_NOISE in layer.metadata:
            return False
        return layer.rgb == image.rgb and _input_shape(layer) == full_shape(image)

    def _may_be_regions(self, layer: Any) -> bool:
        from napari.layers import Labels

        if self.source.content is None or not isinstance(layer, Labels) or layer.multiscale:
            return False
        stack, shape = self.source.content.stack, tuple(layer.data.shape)
        spatial = tuple(n for n, letter in zip(stack.shape, stack.axes, strict=True) if letter != "C")
        return shape in (spatial, tuple(stack.shape[stack.axes.index(a)] for a in "YX"))

    def _may_be_other(self, layer: Any) -> bool:
        image = self.source.layer
        fits = image is not None and is_image(layer) and same_pixels(layer, image)
        return fits and not is_made(layer)

    def _inserted(self, event: Any) -> None:
        if RECORD in event.value.metadata:
            self._take_newest()

    def _take_newest(self) -> None:
        """Choose the newest result of this plugin that can have been made from the image.

        Later layers are newer. Where none was made from the image, it may be one whose image was renamed or
        removed; one whose image is another layer of the viewer is given up.
        """
        image = self.source.layer
        others = {source_name(one) for one in self._viewer.layers if is_image(one) and one is not image}
        fitting = [one for one in self._viewer.layers if RECORD in one.metadata and self._may_be_result(one)]
        own = [one for one in fitting if _named_input(one) == source_name(image)]
        found = own or [one for one in fitting if _named_input(one) not in others]
        if found:
            self.result.choose(max(reversed(found), key=_made_at))
        elif self.result.layer in fitting:
            self.result.choose(None)

    def _follow_active(self, event: Any = None) -> None:
        """Take the result that the user selects, and the image that it was made from."""
        active = self._viewer.layers.selection.active
        if active is None or RECORD not in active.metadata:
            return
        named = [one for one in self._viewer.layers if is_image(one) and one is not active]
        found = [one for one in named if source_name(one) == _named_input(active)]
        if found:
            self.source.choose(found[-1])
        self.result.choose(active)


def checked(wish: Wish) -> Work:
    """Check a result (in a worker)."""
    result, plans = wish.result, wish.result.record.plans
    for plan in plans:
        yield from waiting(plan)
    report = yield from checking(
        wish.content.stack,
        result.stack,
        wish.noise,
        plans or None,
        wish.labels,
        wish.second,
        wish.reference,
        result.region,
    )
    yield Progress(1, 1, "the record")
    return report, [*_remarks(wish), f"Noise {wish.noise_source}: {in_short(report.noise)}."]


def _remarks(wish: Wish) -> list[str]:
    """Say so where the image is not what the record names as its input."""
    told = wish.result.record.input.get("digest")
    return [NOT_THE_INPUT] if told and told != digest(wish.content.stack) else []


def _noise_of(result: Result, layer: Any) -> tuple[NoiseModel | None, str]:
    """Return the noise that the checks rest on, None to estimate it, and where it comes from."""
    if result.record.plans:
        return result.record.plans[0].noise, "from the record of the result"
    kept = kept_noise(layer)
    return (None, "estimated from the image") if kept is None else (kept, "kept with the layer")


def _foreign(layer: Any, stack: Stack) -> Result:
    """Return the result of somebody else, of which no record tells."""
    return Result(stack_of_layer(layer, stack.axes), Record((), {}), whole(stack))


def _input_shape(layer: Any) -> tuple[int, ...]:
    """Return the shape of what a layer was made from: what its record names, else its own."""
    told = layer.metadata.get(RECORD)
    if isinstance(told, dict) and isinstance(told.get("input"), dict):
        return tuple(told["input"].get("shape", ()))
    return full_shape(layer)


def _made_at(layer: Any) -> str:
    told = layer.metadata[RECORD]
    return str(told.get("created", "")) if isinstance(told, dict) else ""


def _named_input(layer: Any) -> str:
    try:
        record = record_of_layer(layer)
    except (ValueError, TypeError):
        return ""
    return "" if record is None else str(record.input.get("source", ""))
