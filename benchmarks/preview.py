"""How long the live preview takes from a change in the form to the picture on the screen.

Run it with a display, for example `xvfb-run -a python benchmarks/preview.py`. A picture is previewed as a
whole; each round sets another threshold, waits until the new picture is in napari's layer and then drawn, and
counts the time. Beside it stands the time of the restoration alone. With `--drag` the threshold of one band
after the other is dragged in the band explorer of the Learn widget. With `--first` nothing is warm: the time
from opening the widget to the first preview, and the longest that the event loop had to wait meanwhile; with
an empty folder as NUMBA_CACHE_DIR no kernel is compiled yet.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import numpy as np

SETTINGS = {"fast": "threshold.low", "balanced": "pilot.threshold.low", "best": "pilot_share"}
TRANSFORMS = ("wavelet", "stationary-wavelet")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--preset", default="balanced", choices=SETTINGS)
    parser.add_argument("--color", action="store_true", help="take a colour photograph")
    parser.add_argument("--side", type=int, default=512, help="side of the picture in pixels")
    parser.add_argument("--first", action="store_true", help="the very first preview")
    parser.add_argument("--drag", choices=TRANSFORMS, help="drag in the band explorer, 3 levels")
    arguments = parser.parse_args()
    os.environ.setdefault("NAPARI_CONFIG", "")
    if arguments.first:
        first(arguments.preset, arguments.side, arguments.color)
        return
    if arguments.drag:
        shown, drawn, alone = dragged(arguments.drag, arguments.rounds, arguments.color)
    else:
        shown, drawn, alone = measured(arguments.preset, arguments.rounds, arguments.side, arguments.color)
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    kind = "colour" if arguments.color else "grey"
    title = f"drag, {arguments.drag}, 3 levels" if arguments.drag else arguments.preset
    side = 512 if arguments.drag else arguments.side
    print(f"{title}, {side} x {side}, {kind}: median of {arguments.rounds}, ms")
    print(f"  change to picture  {1e3 * statistics.median(shown):6.1f}   (fastest {1e3 * min(shown):.1f})")
    print(f"  and to the screen  {1e3 * statistics.median(drawn):6.1f}   (fastest {1e3 * min(drawn):.1f})")
    print(f"  restoration alone  {1e3 * statistics.median(alone):6.1f}   (fastest {1e3 * min(alone):.1f})")
    print(f"  {os.cpu_count()} cores, load {load}")


def measured(
    preset: str, rounds: int, side: int, color: bool
) -> tuple[list[float], list[float], list[float]]:
    """Return seconds per round: to the layer's new pixels, to the screen, and of the restoration alone."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_shrinkage.gui import kernels
    from napari_shrinkage.gui.shrinkage_widget import ShrinkageWidget
    from napari_shrinkage.restorers import named
    from napari_shrinkage.tiles import restore_region

    kernels._compile(kernels.USUAL)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    viewer.add_image(photograph(color, side), name="photograph")
    widget = ShrinkageWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Shrinkage")
    wait_until(lambda: False, QApplication, 1.0)
    viewer.scene.camera.zoom = min(1.0, 600 / side)
    widget.editor.setValue(named(preset))
    widget.preview_button.click()
    wait_until(lambda: widget.live.last is not None, QApplication)
    assert widget.live.last.values.shape[:2] == (side, side), "the whole picture must be in view"
    number = widget.editor.method.form.editor(SETTINGS[preset])
    shown, drawn, alone, used = [], [], [], []
    for i in range(rounds + 5):
        before = widget.live.last
        started, cpu = time.perf_counter(), time.process_time()
        number.setValue(2.0 + 0.01 * i)
        wait_until(lambda: widget.live.last is not before, QApplication)  # noqa: B023
        shown.append(time.perf_counter() - started)
        QApplication.processEvents()  # draw it
        drawn.append(time.perf_counter() - started)
        wait_until(lambda: not widget.live.busy, QApplication)
        used.append(time.process_time() - cpu)
        started = time.perf_counter()
        restore_region(widget.live.last.plan, widget.source.content.stack, widget.live.last.request.region)
        alone.append(time.perf_counter() - started)
    viewer.close()
    print(f"CPU time of a change, all threads, drawn: {1e3 * statistics.median(used[5:]):.1f} ms")
    return shown[5:], drawn[5:], alone[5:]


def first(preset: str, side: int, color: bool) -> None:
    """Print seconds from opening the widget to its first preview, and how long the event loop stood still."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    viewer.add_image(photograph(color, side), name="photograph")
    wait_until(lambda: False, QApplication, 1.0)
    viewer.scene.camera.zoom = min(1.0, 600 / side)
    began = time.perf_counter()
    from napari_shrinkage.gui import kernels
    from napari_shrinkage.gui.shrinkage_widget import ShrinkageWidget
    from napari_shrinkage.restorers import named

    widget = ShrinkageWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Shrinkage")
    opened = time.perf_counter()
    pauses = [longest_pause(lambda: False, QApplication, 0.3)]
    widget.editor.setValue(named(preset))
    clicked = time.perf_counter()
    widget.preview_button.click()
    pauses.append(time.perf_counter() - clicked)
    pauses.append(longest_pause(lambda: widget.live.last is not None, QApplication))
    seen = time.perf_counter()
    pauses.append(longest_pause(lambda: kernels._ready >= kernels.USUAL, QApplication))
    compiled = time.perf_counter()
    print(f"{preset}, {side} x {side}: the very first preview, s")
    print(f"  opening the widget           {opened - began:6.2f}")
    print(f"  from the click to a picture  {seen - clicked:6.2f}")
    print(f"  from opening to kernels      {compiled - began:6.2f}")
    print(
        f"  longest pause: before {pauses[0]:.2f}, click {pauses[1]:.2f}, picture {pauses[2]:.2f}, ",
        end="",
    )
    print(f"kernels {pauses[3]:.2f}")
    viewer.close()


def longest_pause(true, application, most: float = 120.0) -> float:
    """Run the event loop until something is true; return the longest time between two looks at its events."""
    started, longest = time.perf_counter(), 0.0
    while not true() and time.perf_counter() - started < most:
        before = time.perf_counter()
        application.processEvents()
        time.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    return longest


def dragged(transform: str, rounds: int, color: bool) -> tuple[list[float], list[float], list[float]]:
    """Return seconds per round, as `measured`, for a drag in the band explorer; ten rounds a band."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_shrinkage.gui.learn_widget import LearnWidget
    from napari_shrinkage.methods import members
    from napari_shrinkage.restorers import Shrinkage
    from napari_shrinkage.tiles import restore_region
    from napari_shrinkage.transforms.base import Transform

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 1000)
    viewer.add_image(photograph(color), name="photograph")
    widget = LearnWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Learn")
    widget.editor.setValue(Shrinkage(transform=members(Transform)[transform](levels=3)))
    widget.open_bands()
    explorer = widget.explorer
    wait_until(lambda: explorer.bands is not None and not explorer.job.running, QApplication)
    wait_until(lambda: False, QApplication, 1.0)
    viewer.scene.camera.zoom = 0.7
    widget.preview_button.setChecked(True)
    wait_until(lambda: widget.live.last is not None and not widget.live.busy, QApplication)
    assert widget.live.last.values.shape[:2] == (512, 512), "the whole picture must be in view"
    plots = list(explorer.view.plots.values())
    shown, drawn, alone = [], [], []
    for i in range(rounds + 5):
        before, line = widget.live.last, plots[i // 10 % len(plots)].line
        started = time.perf_counter()
        line.setValue(0.5 + 0.02 * i)
        wait_until(lambda: widget.live.last is not before, QApplication)  # noqa: B023
        shown.append(time.perf_counter() - started)
        QApplication.processEvents()  # draw it
        drawn.append(time.perf_counter() - started)
        wait_until(lambda: not widget.live.busy, QApplication)
        started = time.perf_counter()
        restore_region(widget.live.last.plan, widget.source.content.stack, widget.live.last.request.region)
        alone.append(time.perf_counter() - started)
    viewer.close()
    return shown[5:], drawn[5:], alone[5:]


def wait_until(true, application, most: float = 60.0) -> None:
    """Run the event loop until something is true, or for `most` seconds."""
    started = time.perf_counter()
    while not true() and time.perf_counter() - started < most:
        application.processEvents()
        time.sleep(0.0005)


def photograph(color: bool, side: int = 512) -> np.ndarray:
    """Return a photograph of side x side pixels with noise of std 25."""
    from skimage.data import astronaut, camera

    clean = (astronaut() if color else camera()).astype(np.float32)
    if side != 512:
        clean = np.tile(clean, [-(-side // 512)] * 2 + [1] * (clean.ndim - 2))[:side, :side]
    noisy = clean + 25 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8) if color else noisy


if __name__ == "__main__":
    main()
