"""The widget CNN denoise, clicked in a real viewer: models, preview, runs, warnings, table, and abuse."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox

from napari_shrinkage.engine import drain, run
from napari_shrinkage.gui import cnn_editor
from napari_shrinkage.gui.cnn_table import NOISY
from napari_shrinkage.gui.cnn_widget import CnnWidget, first_value
from napari_shrinkage.gui.history import remembered
from napari_shrinkage.gui.layers import record_of_layer
from napari_shrinkage.gui.preferences import PLUGIN
from napari_shrinkage.gui.shrinkage_widget import ShrinkageWidget
from napari_shrinkage.nn import inference
from napari_shrinkage.nn.weights import weight_path
from napari_shrinkage.noise import Gaussian, NoiseMap
from napari_shrinkage.recipe import Recipe, Step
from napari_shrinkage.restorers import Cnn, Shrinkage
from napari_shrinkage.stack import Stack

TENTH = Gaussian(10.0)
FFDNET = Cnn(model="ffdnet", precision="float32")
FRESH = """
import sys, threading
importers, sockets = [], []

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            importers.append(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Finder())
sys.addaudithook(lambda event, args: sockets.append(event) if event.startswith("socket.connect") else None)
import napari
from qtpy.QtWidgets import QApplication
from napari_shrinkage.gui.cnn_widget import CnnWidget
viewer = napari.Viewer(show=True)
sockets.clear()
widget = CnnWidget(viewer)
viewer.window.add_dock_widget(widget)
assert "torch" not in sys.modules
import time
end = time.monotonic() + 60
while not widget.device.text():
    QApplication.processEvents()
    assert time.monotonic() < end
assert "torch" in sys.modules
assert importers[0] is False, importers
assert sockets == [], sockets
viewer.close()
print("off the GUI thread")
"""


@pytest.fixture
def clean():
    y, x = np.mgrid[:96, :128]
    return (100 + 40 * np.sin(x / 9) + 30 * (y > 48)).astype(np.float32)


@pytest.fixture
def opened(open_widget, wait_for):
    """Return a function that opens the widget with a network and told noise, and waits for the models."""

    def made(image, restorer=FFDNET, noise=TENTH, **attributes):
        viewer, layer, widget = open_widget(image, CnnWidget, **attributes)
        widget.editor.setValue(restorer)
        widget.noise.setValue(noise)
        wait_for(lambda: widget.device.text() and not widget.editor.job.running)
        return viewer, layer, widget

    return made


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def press_run(qtbot, widget, wait_for):
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)


def cells(widget, row):
    models = widget.editor.models
    return [models.item(row, column).text() for column in range(models.columnCount())]


def test_opening_imports_torch_in_another_thread_and_opens_no_connection():
    environment = {**os.environ, "NAPARI_CONFIG": ""}
    done = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=120, env=environment
    )
    assert "off the GUI thread" in done.stdout, done.stderr


def test_it_opens_from_the_plugin_and_is_not_taken_for_the_shrinkage_widget(make_napari_viewer, wait_for):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "CNN denoise")
    assert isinstance(widget, CnnWidget)
    assert not isinstance(widget, ShrinkageWidget)
    assert not widget.run_button.isEnabled()
    widget.errors.measure()
    assert "Open an image" in widget.errors.messages.text()
    wait_for(lambda: widget.device.text() and not widget.editor.job.running)


def test_models_are_listed_with_what_was_measured_and_trained(opened, noisy):
    _, _, widget = opened(noisy, Cnn())
    models = widget.editor.models
    assert list(models.entries) == ["unet", "ffdnet"]
    title, size, speed, noise = cells(widget, 1)
    assert title.splitlines() == ["FFDNet (ours)", "BSD-3-Clause"]
    assert size.splitlines()[0].startswith("gray")
    assert size.splitlines()[1] == "485 k"
    assert float(speed) == pytest.approx(models.entries["ffdnet"].speed, rel=0.01)
    assert noise == "0–75"
    assert "steps" in models.item(0, 0).toolTip()
    assert "dB" in models.item(0, 0).toolTip()
    assert models.current == "unet"
    assert widget.device.text().startswith("CPU (")


def test_a_click_on_a_row_takes_its_network(opened, noisy, qtbot):
    _, _, widget = opened(noisy, Cnn(strength=1.5, weights="unet-gray.safetensors", ranges=((0.0, 9.0),)))
    models = widget.editor.models
    place = models.visualItemRect(models.item(1, 0)).center()
    qtbot.mouseClick(models.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert widget.editor.value == Cnn(model="ffdnet", strength=1.5)


def test_preview_pixels_are_those_of_the_final_run_which_lies_over_its_source(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(np.tile(noisy, (2, 2)), scale=(0.5, 0.5), units=("um", "um"))
    viewer.scene.camera.zoom = 16
    viewer.scene.camera.center = (40, 50)
    qtbot.wait(200)
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    preview = widget.live.last
    assert preview.values.shape != layer.data.shape
    press_run(qtbot, widget, wait_for)
    result = widget.results.layer_of(layer)
    difference = np.abs(result.data[preview.request.region] - preview.values).max()
    assert difference < 1e-5 * np.ptp(layer.data)
    final = drain(run(Recipe((Step(FFDNET, TENTH),)), Stack(layer.data)))
    assert np.abs(result.data - final.stack.array).max() < 1e-5 * np.ptp(layer.data)
    assert (tuple(result.scale), result.units) == ((0.5, 0.5), layer.units)


def test_strength_blend_and_precision_land_in_the_record(opened, noisy, qtbot, wait_for):
    _, layer, widget = opened(noisy)
    form = widget.editor.form
    form.editor("strength").setValue(1.3)
    form.editor("blend").setValue(0.25)
    form.editor("precision").setValue("bfloat16")
    press_run(qtbot, widget, wait_for)
    made = record_of_layer(widget.results.layer_of(layer)).plans[0].restorer
    assert (made.model, made.strength, made.blend, made.precision) == ("ffdnet", 1.3, 0.25, "bfloat16")
    assert widget.device.text().endswith("bfloat16")
    click(qtbot, widget.wipe_button)
    assert widget.wipe.on


def test_auto_precision_says_what_it_became(opened, noisy, qtbot, wait_for):
    _, layer, widget = opened(noisy, Cnn(model="ffdnet"))
    press_run(qtbot, widget, wait_for)
    used = record_of_layer(widget.results.layer_of(layer)).plans[0].restorer.precision
    assert widget.device.text().endswith(f", {used}")
    assert widget.editor.value.precision is None
    assert f"auto ({used})" in [box.text() for box in widget.editor.form.findChildren(QCheckBox)]


def test_memory_that_runs_out_is_told_once(opened, noisy, qtbot, wait_for, monkeypatch):
    _, layer, widget = opened(np.stack([np.tile(noisy, (4, 3))] * 2), FFDNET)
    piece = inference._restored_piece

    def small(network, images, *rest):
        if images.shape[-1] > 300:
            raise RuntimeError("not enough memory: you tried to allocate")
        return piece(network, images, *rest)

    monkeypatch.setattr(inference, "_restored_piece", small)
    press_run(qtbot, widget, wait_for)
    assert widget.messages.text().startswith("Done")
    assert widget.messages.text().count("The memory of cpu ran out") == 1
    assert widget.results.layer_of(layer) is not None
    monkeypatch.setattr(inference, "_restored_piece", piece)
    press_run(qtbot, widget, wait_for)
    assert "memory" not in widget.messages.text()


def test_a_file_that_cannot_be_read_gives_a_message(opened, noisy, tmp_path, wait_for):
    _, _, widget = opened(noisy)
    before = widget.editor.value
    for name in ("broken.safetensors", "broken.pth", "absent.pth"):
        path = tmp_path / name
        if "absent" not in name:
            path.write_bytes(b"no weights")
        widget.messages.say("")
        widget.editor.open_file(str(path))
        wait_for(lambda: not widget.editor.job.running)
        assert widget.messages.text().startswith("⚠")
        assert name in widget.messages.text()
    assert widget.editor.value == before
    assert list(widget.editor.models.entries) == ["unet", "ffdnet"]
    assert widget.editor.models.current == "ffdnet"


def test_a_weight_file_is_read_listed_and_used(opened, noisy, tmp_path, qtbot, wait_for):
    _, layer, widget = opened(noisy)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(weight_path("ffdnet-gray.safetensors").read_bytes())
    widget.editor.open_file(str(path))
    wait_for(lambda: not widget.editor.job.running)
    assert widget.editor.value.model == str(path)
    assert widget.editor.models.current == str(path)
    assert cells(widget, 2)[0].splitlines()[0] == "mine"
    press_run(qtbot, widget, wait_for)
    made = record_of_layer(widget.results.layer_of(layer)).plans[0].restorer
    assert made.weights == str(path)
    path.unlink()
    widget.editor.form.editor("strength").setValue(1.1)
    press_run(qtbot, widget, wait_for)
    assert "mine.safetensors" in widget.messages.text()


def test_the_model_folder_is_listed_and_what_is_broken_in_it_is_marked(
    open_widget, noisy, tmp_path, monkeypatch, wait_for
):
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    good.write_bytes(weight_path("ffdnet-gray.safetensors").read_bytes())
    bad.write_bytes(b"no weights")
    monkeypatch.setattr(cnn_editor, "preferred_model_folder", lambda: tmp_path)
    _, _, widget = open_widget(noisy, CnnWidget)
    models = widget.editor.models
    assert list(models.entries) == ["unet", "ffdnet", str(bad), str(good)]
    wait_for(lambda: widget.device.text() and not widget.editor.job.running)
    assert "cannot be read" in cells(widget, 2)[0]
    assert "bad" in widget.messages.text()
    assert float(cells(widget, 3)[2]) > 0


def test_noise_outside_the_training_range_is_warned_of(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    assert not widget.doubt.isVisible()
    widget.editor.form.editor("strength").setValue(1.5)
    widget.noise.setValue(Gaussian(40.0))
    wait_for(lambda: widget.doubt.isVisible())
    assert widget.doubt.text().startswith("⚠ The noise is")
    press_run(qtbot, widget, wait_for)
    assert widget.messages.text().startswith("Done")
    assert "network was trained" not in widget.messages.text()
    click(qtbot, widget.preview_button)
    widget.noise.setValue(TENTH)
    assert not widget.doubt.isVisible()


def test_the_table_measures_every_row_against_the_truth(opened, clean, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(noisy, FFDNET.replace(strength=1.2))
    viewer.add_image(clean, name="truth", visible=False)
    widget.source.choose(layer)
    errors = widget.errors
    click(qtbot, widget.table_button)
    errors.reference.choose(viewer.layers["truth"])
    click(qtbot, errors.button)
    wait_for(lambda: not errors.job.running)
    table = errors.table
    assert table.isVisible()
    found = {table.item(row, 0).data(Qt.ItemDataRole.UserRole): row for row in range(table.rowCount())}
    assert set(found) == {NOISY, "DCT", "FFDNet (ours)", "FFDNet (ours), as set"}
    heads = [table.horizontalHeaderItem(i).text().partition("\n")[0] for i in range(table.columnCount())]
    number = {name: table.item(row, heads.index("error")).number for name, row in found.items()}
    assert number[NOISY] == pytest.approx(np.std(noisy - clean), rel=1e-4)
    assert max(number["DCT"], number["FFDNet (ours)"]) < number[NOISY]
    psnr = {name: table.item(row, heads.index("PSNR")).number for name, row in found.items()}
    peak = np.ptp(np.percentile(noisy, (0.1, 99.9)))
    assert psnr[NOISY] == pytest.approx(
        20 * np.log10(peak / np.sqrt(np.mean((noisy - clean) ** 2))), abs=0.01
    )


def test_a_table_that_is_cancelled_or_fails_leaves_nothing(opened, noisy, tmp_path, qtbot, wait_for):
    _, _, widget = opened(np.tile(noisy, (3, 3)))
    errors = widget.errors
    click(qtbot, widget.table_button)
    errors.measure()
    wait_for(lambda: errors.progress.isVisible())
    widget.cancel()
    wait_for(lambda: not errors.job.running)
    assert "Cancelled" in errors.messages.text()
    assert not errors.table.isVisible()
    widget.editor.setValue(Cnn(model=str(tmp_path / "absent.pth")))
    wait_for(lambda: not widget.editor.job.running)
    errors.measure()
    wait_for(lambda: not errors.job.running)
    assert "absent.pth" in errors.messages.text()
    assert not errors.table.isVisible()


def test_unsupported_detail_marks_what_was_made_up(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(noisy, scale=(2, 2))
    click(qtbot, widget.detail_button)
    assert "run first" in widget.messages.text()
    assert not widget.detail_button.isChecked()
    press_run(qtbot, widget, wait_for)
    result = widget.results.result_of(layer)
    y, x = np.mgrid[:24, :24]
    result.stack.array[60:84, 20:44] += 25 * np.where((x // 2 + y // 2) % 2, 1, -1)
    click(qtbot, widget.detail_button)
    wait_for(lambda: widget.detail_button.said.isVisible())
    shown = viewer.layers["Unsupported detail"]
    assert (shown.blending, tuple(shown.scale)) == ("additive", (2, 2))
    inside = np.zeros(noisy.shape, bool)
    inside[60:84, 20:44] = True
    assert (shown.data[inside] > 0).mean() > 0.9
    assert (shown.data[~inside] > 0).mean() < 0.2
    assert "%" in widget.detail_button.said.text()
    press_run(qtbot, widget, wait_for)
    wait_for(lambda: not widget.unsupported.busy)
    again = viewer.layers["Unsupported detail"]
    assert (again.data > 0).mean() < 0.01
    click(qtbot, widget.detail_button)
    assert "Unsupported detail" not in viewer.layers


def test_unsupported_detail_of_a_region_lies_over_it_and_knows_the_noise_of_its_pixels(
    opened, noisy, tmp_path, qtbot, wait_for
):
    stds = np.full(noisy.shape, 10, np.float32)
    viewer, _, widget = opened(noisy, noise=NoiseMap.from_array(stds, tmp_path / "map.npy"))
    viewer.add_shapes([[[20, 30], [20, 80], [60, 80], [60, 30]]])
    widget.target.mode.setCurrentText("Rectangle")
    press_run(qtbot, widget, wait_for)
    assert widget.messages.text().startswith("Done")
    click(qtbot, widget.detail_button)
    wait_for(lambda: widget.detail_button.said.isVisible())
    shown, result = viewer.layers["Unsupported detail"], viewer.layers["picture denoised"]
    assert shown.data.shape == result.data.shape != noisy.shape
    assert tuple(shown.translate) == tuple(result.translate)


def test_settings_of_another_method_are_refused_and_those_of_a_network_remembered(
    opened, noisy, monkeypatch, tmp_path
):
    _, _, widget = opened(noisy)
    with pytest.raises(ValueError, match="Shrinkage widget"):
        widget.set_recipe(Recipe.of(Shrinkage()))
    assert widget.editor.value == FFDNET
    monkeypatch.setenv("NAPARI_CONFIG", "kept")
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path)
    widget._note_settings()
    assert first_value(remembered("cnn")) == FFDNET
    assert remembered("shrinkage") is None
    assert first_value(Recipe.of(Shrinkage())) == Cnn()
