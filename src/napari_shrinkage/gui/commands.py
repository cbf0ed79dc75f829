"""Commands of menus and palette: what is done to the selected images in one click.

Denoise them, show what a method took away, make low-resolution test images of them.

Convention: a command reads layers and adds layers on the GUI thread; the work between runs in a worker with
a progress bar. No postponed annotations here: napari reads the types of the arguments to know what to pass.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import napari.viewer
from napari.layers import Image, Layer
from napari.utils import progress
from napari.utils.notifications import show_error, show_info, show_warning

from ..engine import Progress, Result, digest, run
from ..estimators import estimated_noise
from ..noise import NoiseModel, NoiseWarning
from ..recipe import Recipe, Record
from ..restorers import Degrade, named
from ..stack import Stack
from .jobs import Job, Work
from .layers import method_noise_layer, result_layer, result_of_layer, stack_of_layer
from .preferences import preferred_device, preferred_preset, preferred_threads
from .superres_work import reducing

_jobs: dict[int, Job] = {}  # under way, by layer


def denoise_auto(viewer: napari.viewer.Viewer) -> None:
    """Denoise the selected images with the preferred preset; noise is estimated for each."""
    for layer in _selected_images(viewer):
        _denoise(viewer, layer)


def show_method_noise(viewer: napari.viewer.Viewer) -> None:
    """Show what was taken away from the selected images (or for the selected results): input minus result."""
    for layer in _selected_images(viewer):
        pair = _pair(viewer, layer)
        if pair is None:
            show_info(f"There is no result of {layer.name!r} to compare with; denoise it first.")
            continue
        source, result = pair
        if result.record.magnification != 1:
            show_error(
                f"{layer.name!r}: image and result are on different grids, so there is no method noise. Use "
                "“Reduce and compare” in the Super-resolution widget."
            )
            continue
        made = Layer.create(*method_noise_layer(source, result, f"{source.name} method noise"))
        viewer.layers.insert(viewer.layers.index(layer) + 1, made)


def make_test_layer(viewer: napari.viewer.Viewer) -> None:
    """Make a low-resolution test layer of the selected images: reduced bicubically by 2, without noise."""
    for layer in _selected_images(viewer):
        _reduce(viewer, layer)


def denoised(stack: Stack, recipe: Recipe) -> Work:
    """Restore a stack; return the result, and the verdict on its noise where that cannot be trusted."""
    yield Progress(0, 1, "estimating the noise")
    noise, warning = _estimated(stack)
    told = Recipe.of(recipe.steps[0].restorer, noise, device=recipe.device, threads=recipe.threads)
    result = yield from run(told, stack)
    return result, warning


def _estimated(stack: Stack) -> tuple[NoiseModel, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NoiseWarning)
        noise = estimated_noise(stack)
    return noise, next((str(w.message) for w in caught if issubclass(w.category, NoiseWarning)), "")


def _selected_images(viewer: Any) -> list[Any]:
    selected = [layer for layer in viewer.layers if layer in viewer.layers.selection]
    images = [layer for layer in selected if isinstance(layer, Image)]
    if not images:
        show_info("Select an image layer first.")
    return images


def _denoise(viewer: Any, layer: Any) -> None:
    recipe = Recipe.of(named(preferred_preset()), device=preferred_device(), threads=preferred_threads())
    _start(layer, "denoised", lambda stack: denoised(stack, recipe), partial(_finish, viewer, layer))


def _reduce(viewer: Any, layer: Any) -> None:
    degrade = Degrade()
    finish = partial(_add_test_layer, viewer, layer)
    _start(layer, "reduced", lambda stack: reducing(stack, degrade), finish)


def _start(layer: Any, done: str, work: Callable[[Stack], Work], finish: Callable[[Any], None]) -> None:
    """Work on a layer's stack with a progress bar; `done` is what becomes of the layer."""
    if id(layer) in _jobs:
        show_info(f"{layer.name!r} is being worked on already.")
        return
    try:
        stack = stack_of_layer(layer)
    except (TypeError, ValueError) as error:
        show_error(str(error))
        return
    job, bar = Job(), progress(total=1, desc=f"{layer.name} is being {done}")
    job.progressed.connect(partial(_advance, bar))
    job.succeeded.connect(finish)
    job.failed.connect(show_error)
    job.running_changed.connect(partial(_close, layer, bar))
    _jobs[id(layer)] = job
    job.start(partial(work, stack))


def _advance(bar: Any, done: Progress) -> None:
    bar.total = done.total
    bar.update(done.done - bar.n)


def _close(layer: Any, bar: Any, running: bool) -> None:
    if not running:
        bar.close()
        _jobs.pop(id(layer), None)


def _finish(viewer: Any, layer: Any, made: tuple[Result, str]) -> None:
    result, warning = made
    if layer not in viewer.layers:
        show_info(f"{layer.name!r} was removed meanwhile, so its result is dropped.")
        return
    viewer.layers.insert(viewer.layers.index(layer) + 1, Layer.create(*result_layer(layer, result)))
    if warning:
        show_warning(warning)
    else:
        show_info("\n".join(result.record.messages))


def _add_test_layer(viewer: Any, layer: Any, result: Result) -> None:
    if layer not in viewer.layers:
        show_info(f"{layer.name!r} was removed meanwhile, so its test layer is dropped.")
        return
    made = Layer.create(*result_layer(layer, result))
    viewer.layers.insert(viewer.layers.index(layer) + 1, made)
    viewer.layers.selection.active = made
    show_info(f"{made.name!r} lies over {layer.name!r}, which is its truth.")


def _pair(viewer: Any, layer: Any) -> tuple[Any, Result] | None:
    """Return the source and the result that belong together, whichever of them `layer` is."""
    shown = result_of_layer(layer)
    if shown is not None:
        found = next((other for other in _images(viewer, layer) if _is_input(other, shown.record)), None)
        return None if found is None else (found, shown)
    for other in reversed(_images(viewer, layer)):
        result = result_of_layer(other)
        if result is not None and _is_input(layer, result.record):
            return layer, result
    return None


def _images(viewer: Any, but: Any) -> list[Any]:
    return [layer for layer in viewer.layers if isinstance(layer, Image) and layer is not but]


def _is_input(layer: Any, record: Record) -> bool:
    """Whether a layer holds the very pixels that a record names as its input."""
    wanted = record.input
    try:
        stack = stack_of_layer(layer, wanted["axes"])
    except ValueError:
        return False
    alike = list(stack.shape) == wanted["shape"] and str(stack.array.dtype) == wanted["dtype"]
    return alike and bool(digest(stack) == wanted["digest"])
