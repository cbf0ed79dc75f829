"""The noise model that is kept with a layer, for every widget to use.

Convention: it lies as a record (plain JSON types) in the layer's metadata; setting it emits the layer's own
event `metadata`, which is how other widgets hear of it.
"""

from __future__ import annotations

from typing import Any

from ..methods import from_record, to_record
from ..noise import NoiseModel

KEPT = "napari_shrinkage_noise"


def kept_noise(layer: Any) -> NoiseModel | None:
    """Return the noise model that is kept with a layer, or None."""
    record = None if layer is None else layer.metadata.get(KEPT)
    if record is None:
        return None
    try:
        model = from_record(record)
    except (TypeError, ValueError):
        return None
    return model if isinstance(model, NoiseModel) else None


def keep_noise(layer: Any, model: NoiseModel | None) -> None:
    """Keep a noise model with a layer; None forgets it."""
    layer.metadata = without_noise(layer.metadata) | ({} if model is None else {KEPT: to_record(model)})


def without_noise(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata without a noise model: that of a source is not that of its result."""
    return {key: value for key, value in metadata.items() if key != KEPT}
