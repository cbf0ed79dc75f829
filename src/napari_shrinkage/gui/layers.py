"""From napari's image layers to stacks and back: the only place that knows what a layer is.

Convention: the axes of a stack are the layer's own, with the colours of an RGB layer as a trailing C; so
axis i of one is axis i of the other, and a result lies exactly over the pixels that it was made from.
napari is imported inside functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import Result, drain, run
from ..files import FORMATS
from ..pyramid import pyramid
from ..recipe import Recipe, Record
from ..stack import Array, Stack
from ..windows import whole
from .axes import layer_axes, overridden_axes
from .kept_noise import without_noise
from .overlays import placement, starts

RECORD = "napari_shrinkage"
METHOD_NOISE = "napari_shrinkage_method_noise"
SPATIAL = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
LOOKS = (
    "rgb",
    "opacity",
    "blending",
    "colormap",
    "contrast_limits",
    "gamma",
    "interpolation2d",
    "interpolation3d",
)
VOLUME = ("rendering", "depiction", "iso_threshold", "attenuation", "projection_mode")
KEPT = (*SPATIAL, *LOOKS, *VOLUME)  # what a result takes over from its source
LAZY_SIDE = 256
DIVERGING = {"name": "blue black orange", "colors": [[0.35, 0.7, 1.0], [0.0, 0.0, 0.0], [1.0, 0.7, 0.3]]}
LayerData = tuple[Any, dict[str, Any], str]


def stack_of_layer(layer: Any, axes: str | None = None) -> Stack:
    """Return the stack of an image layer, at full resolution.

    Parameters
    ----------
    layer : napari.layers.Image
        Its data may be numpy, dask, zarr or any other array; what is not in memory stays lazy.
    axes : str, optional
        One letter per axis. None reads the layer's axis labels; where they say nothing, 3 axes are "ZYX"
        ("TYX" when the first is measured in units of time), 4 are "TZYX", 5 are "TCZYX".

    Returns
    -------
    Stack
        Axes of the layer, and a trailing C for colours; spacing and units are the layer's scale and units.

    Raises
    ------
    TypeError
        If the layer is not an image.
    ValueError
        If the axes do not fit it.
    """
    array = layer_array(layer)
    letters = overridden_axes(layer, axes) if axes else layer_axes(layer)
    spacing = [abs(float(s)) for s in layer.scale] + [1.0] * bool(layer.rgb)
    units = [str(unit) for unit in layer.units] + ["pixel"] * bool(layer.rgb)
    return Stack(array, letters, tuple(spacing), tuple(units), source_name(layer))


def source_name(layer: Any) -> str:
    """Return the file that a layer shows, where `files.read` reads its kind, else the layer's name."""
    path = str(layer.source.path or "")
    return path if path.lower().endswith(tuple(FORMATS)) else str(layer.name)


def layer_array(layer: Any) -> Any:
    """Return the full-resolution data of an image layer as a numpy or dask array."""
    from napari.layers import Image

    if not isinstance(layer, Image):
        raise TypeError(
            f"{layer.name!r} is a {type(layer).__name__} layer; only Image layers can be restored. "
            "Choose an image, or convert the layer to one (right click in the layer list)."
        )
    data = layer.data[0] if layer.multiscale else layer.data
    if hasattr(data, "dims") and hasattr(data, "data"):  # xarray
        data = data.data
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        return data
    if getattr(data, "chunks", None):
        import dask.array as da

        return da.from_array(data, chunks=data.chunks)
    return np.asarray(data)


def stack_layer(stack: Stack, name: str, **attributes: Any) -> LayerData:
    """Return the layer of a stack: its spacing as scale, its units, its axes as labels."""
    shown = len(stack.axes) - stack.is_color
    own = {
        "name": name,
        "rgb": stack.is_color,
        "scale": stack.spacing[:shown],
        "units": stack.units[:shown],
        "axis_labels": tuple(stack.axes[:shown].lower()),
    }
    return stack.array, {**own, **attributes}, "image"


def result_layer(layer: Any, result: Result, name: str = "") -> LayerData:
    """Return the layer of a result, exactly over the pixels of `layer` that it was made from.

    Parameters
    ----------
    layer : napari.layers.Image
        The source.
    result : Result
        Of its stack, or of a region of it, at the same or a finer resolution.
    name : str
        Name of the new layer; else that of the source, with "denoised", "x2" or "low-res x2".

    Returns
    -------
    tuple
        (data, attributes, "image"); multiscale where a multiscale source was restored as a whole.
    """
    levels = _level_shapes(layer, result)
    name = name or f"{layer.name} {_made_word(result)}"
    attributes = {**_attributes(layer), "name": name, "multiscale": levels is not None}
    attributes.update(_placed(layer, result))
    attributes["metadata"] = {**without_noise(layer.metadata), RECORD: result.record.to_json()}
    array = result.stack.array
    return (array if levels is None else pyramid(array, levels)), attributes, "image"


def restored_layer(layer: Any, recipe: Recipe, axes: str | None = None) -> LayerData:
    """Restore an image layer; return the layer of the result."""
    return result_layer(layer, drain(run(recipe, stack_of_layer(layer, axes))))


def method_noise_layer(layer: Any, result: Result, name: str, removed: Any = None) -> LayerData:
    """Return the layer of the method noise: input minus result, what the method took away.

    Parameters
    ----------
    layer : napari.layers.Image
        The input.
    result : Result
        Made from it, or from a region of it.
    name : str
        Name of the new layer.
    removed : array, optional
        `method_noise` of both, where it was made already.

    Returns
    -------
    tuple
        (data, attributes, "image") in the units of the image, with limits symmetric about 0; of a colour
        image the luminance (R + G + B) / sqrt(3), whose noise is as strong as that of one colour.
    """
    if removed is None:
        removed = method_noise(stack_of_layer(layer, result.stack.axes), result)
    attributes = {
        **_attributes(layer),
        **_placed(layer, result),
        "name": name,
        "rgb": False,
        "colormap": DIVERGING,
    }
    limit = _reach(removed)
    attributes.update(
        contrast_limits=(-limit, limit),
        gamma=1.0,
        interpolation2d="nearest",
        blending="translucent",
        metadata={METHOD_NOISE: True},
    )
    return removed, attributes, "image"


def method_noise(stack: Stack, result: Result) -> Any:
    """Return input minus result on the result's region, float32; the luminance of a colour image."""
    cut = stack.array[result.region or whole(stack)]
    if cut.shape != result.stack.shape:
        raise ValueError(
            f"the result has shape {result.stack.shape}, its input {cut.shape}: they are not on the same "
            "grid, so there is no difference to show."
        )
    removed = cut.astype(np.float32) - result.stack.array
    return noise_luminance(removed) if stack.is_color else removed


def noise_luminance(difference: Any) -> Any:
    """Return (R + G + B) / sqrt(3) of differing colours (..., C), whose noise is as strong as that of one."""
    return difference[..., :3].sum(axis=-1) / np.sqrt(np.float32(3))


def record_of_layer(layer: Any) -> Record | None:
    """Return how a layer was made, or None when it is not one of our results.

    Raises
    ------
    ValueError, TypeError
        If the record was altered so that it cannot be read.
    """
    data = layer.metadata.get(RECORD)
    return None if data is None else Record.from_json(data)


def result_of_layer(layer: Any) -> Result | None:
    """Return the result that a layer shows, or None when it is not one of ours."""
    record = record_of_layer(layer)
    if record is None:
        return None
    region = tuple(slice(start, stop) for start, stop in record.input["region"])
    return Result(stack_of_layer(layer, record.input["axes"]), record, region)


def _made_word(result: Result) -> str:
    scale = result.record.magnification
    if scale == 1:
        return "denoised"
    return f"x{scale}" if scale > 1 else f"low-res x{1 / scale}"


def _attributes(layer: Any) -> dict[str, Any]:
    state = layer.as_layer_data_tuple()[1]
    return {key: state[key] for key in KEPT}


def _level_shapes(layer: Any, result: Result) -> list[tuple[int, ...]] | None:
    """Return the source's level shapes, on the result's grid, where it covers all of a multiscale source."""
    finer = [result.record.magnification if a in "YX" else 1 for a in result.stack.axes]
    shapes = [
        tuple(max(int(n * factor), 1) for n, factor in zip(level.shape, finer, strict=True))
        for level in (layer.data if layer.multiscale else ())
    ]
    return shapes if shapes and shapes[0] == result.stack.shape else None


def _placed(layer: Any, result: Result) -> dict[str, Any]:
    """Return scale and translate that put the result's pixels over the source's."""
    scale = float(result.record.magnification)
    finer = [scale if letter in "YX" else 1.0 for letter in result.stack.axes]
    place = placement(layer, starts(result.region) if result.region else (0,) * layer.ndim, finer)
    return {key: place[key] for key in ("scale", "translate")}


def _reach(values: Any) -> float:
    """Return the level below which 99.9 % of the absolute values lie, of a lazy array in a central window."""
    if hasattr(values, "dask"):
        window = tuple(slice(max((n - LAZY_SIDE) // 2, 0), (n + LAZY_SIDE) // 2) for n in values.shape[-2:])
        values = np.asarray(values[(*(n // 2 for n in values.shape[:-2]), *window)])
    step = max(int((values.size / 2**20) ** 0.5), 1)
    cut: Array = np.abs(values[..., ::step, ::step])
    finite = cut[np.isfinite(cut)]
    return (float(np.quantile(finite, 0.999)) if finite.size else 0.0) or 1.0
