"""Temporary layers: what the widgets draw over an image for as long as they need it.

Convention: a temporary layer carries `TEMPORARY` in its metadata, is never offered as an image to work on,
and comes and goes without changing which layer is selected. The user may delete it at any time; whoever owns
it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..stack import Array
from ..windows import Region

TEMPORARY = "napari_shrinkage_temporary"
SHINING = ("additive", "minimum", "multiplicative")  # blendings in which layers add up instead of covering
FOLLOWED = ("contrast_limits", "gamma", "colormap", "interpolation2d")


def is_temporary(layer: Any) -> bool:
    """Whether a layer is one that the widgets draw for themselves."""
    return bool(layer.metadata.get(TEMPORARY))


class TemporaryLayer:
    """A layer that is in the viewer between `put` and `remove`.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to draw.
    removed_by_user : callable
        Called when somebody else takes the layer out.
    """

    def __init__(self, viewer: Any, removed_by_user: Callable[[], None]) -> None:
        self._viewer = viewer
        self._removed_by_user = removed_by_user
        self._busy = False
        self.layer: Any = None
        viewer.layers.events.removed.connect(self._on_removed)

    def put(self, layer: Any, above: Any = None) -> None:
        """Insert a layer above another one (or on top), leaving the selection as it is."""
        self.remove()
        layers = self._viewer.layers
        layer.metadata = {**layer.metadata, TEMPORARY: True}
        selected, active = set(layers.selection), layers.selection.active
        place = layers.index(above) + 1 if above in layers else len(layers)
        layers.insert(place, layer)
        self.layer = layer
        if active is not None:
            layers.selection = selected
            layers.selection.active = active

    def remove(self) -> None:
        """Take the layer out, if it is there."""
        layer, self.layer = self.layer, None
        if layer is None or layer not in self._viewer.layers:
            return
        layers = self._viewer.layers
        selected, active = set(layers.selection) - {layer}, layers.selection.active
        layers.remove(layer)
        if active is not None and active is not layer:
            layers.selection = selected
            layers.selection.active = active

    def close(self) -> None:
        """Take the layer out and stop listening."""
        self.remove()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None
            self._removed_by_user()


def placement(layer: Any, start: Sequence[int], finer: Sequence[float] = ()) -> dict[str, Any]:
    """Return scale, translate, ... that put an array over a layer, from the layer's pixel `start` on.

    `finer` says how many of the array's pixels one of the layer's holds along each axis; () is one.
    """
    finer_grid = np.asarray(finer[: layer.ndim] if len(finer) else (1,) * layer.ndim, float)
    first = np.asarray(start[: layer.ndim], float) + (1 / finer_grid - 1) / 2  # centre of its first pixel
    shift = np.asarray(layer.data_to_world(first))
    return {
        "scale": np.asarray(layer.scale) / finer_grid,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "translate": np.asarray(layer.affine.inverse(shift)),
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def moved_attributes(layer: Any, place: dict[str, Any]) -> list[str]:
    """Return the spatial attributes in which a layer is not where it shall be."""
    keys = ("scale", "translate", "rotate", "shear", "affine")
    return [
        key for key in keys if not np.array_equal(np.asarray(getattr(layer, key)), np.asarray(place[key]))
    ]


def appearance(layer: Any) -> dict[str, Any]:
    """Return how a layer looks, for another one that shall look the same."""
    looks = {
        "opacity": layer.opacity,
        "blending": layer.blending,
        "rgb": layer.rgb,
        "interpolation2d": layer.interpolation2d,
    }
    if not layer.rgb:
        looks |= {
            "contrast_limits": list(layer.contrast_limits),
            "gamma": layer.gamma,
            "colormap": layer.colormap,
        }
    return looks


def shines(layer: Any) -> bool:
    """Whether a layer would shine through one that lies over it with the same blending."""
    return str(layer.blending) in SHINING


def starts(region: Region) -> tuple[int, ...]:
    """Return the first pixel of a region."""
    return tuple(part.start for part in region)


def shown_values(values: Array, layer: Any) -> Array:
    """Return restored values as napari can show them: integer colours have to be integers again."""
    dtype = np.dtype(layer.dtype)
    if not layer.rgb or dtype.kind == "f":
        return values
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


class Follower:
    """Keeps the looks of one layer like those of another while both live."""

    def __init__(self) -> None:
        self._pair: tuple[Any, Any] | None = None

    def follow(self, source: Any, copy: Any) -> None:
        """Let `copy` take over every change of contrast, gamma and colormap of `source`."""
        self.stop()
        if source.rgb:
            return
        self._pair = (source, copy)
        for name in FOLLOWED:
            getattr(source.events, name).connect(self._take_over)

    def stop(self) -> None:
        """Let go of both layers."""
        if self._pair is not None:
            for name in FOLLOWED:
                getattr(self._pair[0].events, name).disconnect(self._take_over)
            self._pair = None

    def _take_over(self, event: Any) -> None:
        if self._pair is not None and event.type in FOLLOWED:
            source, copy = self._pair
            setattr(copy, event.type, getattr(source, event.type))
