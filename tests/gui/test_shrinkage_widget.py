"""The Shrinkage widget, clicked in a real viewer: preview, runs, results, settings, and abuse."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QApplication

from napari_shrinkage.engine import drain, run
from napari_shrinkage.gui.layers import record_of_layer
from napari_shrinkage.noise import Gaussian
from napari_shrinkage.recipe import Recipe, Step
from napari_shrinkage.restorers import named
from napari_shrinkage.stack import Stack


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def press(widget, keys):
    """Press a shortcut of the panel; without a window manager no window gets the focus that it needs."""
    shortcut = next(s for s in widget.findChildren(QShortcut) if s.key() == QKeySequence(keys))
    shortcut.activated.emit()


def names(viewer):
    return [layer.name for layer in viewer.layers]


def press_run(qtbot, widget, wait_for):
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)


def show_preview(qtbot, widget, wait_for):
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None)


def test_preview_pixels_are_those_of_the_final_run(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy, scale=(2, 2), translate=(5, 7))
    viewer.scene.camera.zoom = 8
    viewer.scene.camera.center = (5 + 2 * 40, 7 + 2 * 60)
    qtbot.wait(200)
    show_preview(qtbot, widget, wait_for)
    preview = widget.live.last
    assert preview.values.shape != noisy.shape
    final = drain(run(Recipe((Step(widget.editor.value),)), Stack(noisy)))
    scale = np.ptp(noisy)
    assert np.abs(preview.values - final.stack.array[preview.request.region]).max() < 1e-5 * scale
    shown = widget.live.picture.layer
    corner = [part.start for part in preview.request.region]
    assert np.allclose(shown.data_to_world((0, 0)), layer.data_to_world(corner))
    press_run(qtbot, widget, wait_for)
    result = widget.results.layer_of(layer)
    assert np.abs(result.data[preview.request.region] - preview.values).max() < 1e-5 * scale


def test_a_run_keeps_the_place_of_the_picture_and_says_how_it_was_made(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy, scale=(0.5, 0.5), units=("um", "um"), colormap="green")
    press_run(qtbot, widget, wait_for)
    result = widget.results.layer_of(layer)
    assert names(viewer) == ["picture", "picture denoised"]
    assert viewer.layers.selection.active is layer
    assert (tuple(result.scale), result.units, result.colormap.name) == ((0.5, 0.5), layer.units, "green")
    assert result.data.dtype == np.float32
    record = record_of_layer(result)
    assert record.plans[0].noise.sigma[0] == pytest.approx(10, rel=0.15)
    assert "CPU" in widget.device.text()
    assert "σ" in widget.noise.text.text()


def test_the_noise_is_shown_as_soon_as_a_run_knows_it(open_widget, noisy, qtbot, wait_for):
    _, _, widget = open_widget(np.tile(noisy, (8, 8)))
    seen = []
    widget.job.progressed.connect(lambda progress: seen.append(widget.noise.text.text()))
    press_run(qtbot, widget, wait_for)
    assert "σ" in seen[-1]


def test_the_next_run_replaces_the_result_unless_it_was_kept(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    press_run(qtbot, widget, wait_for)
    first = widget.results.layer_of(layer)
    widget.editor.names.setCurrentText("dct")
    press_run(qtbot, widget, wait_for)
    assert widget.results.layer_of(layer) is first
    assert len(viewer.layers) == 2
    click(qtbot, widget.keep_button)
    press_run(qtbot, widget, wait_for)
    assert len(viewer.layers) == 3
    assert widget.results.layer_of(layer) is not first


def test_the_keys_of_the_panel(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    press(widget, "P")
    assert widget.preview_button.isChecked()
    wait_for(lambda: widget.live.last is not None)
    qtbot.keyPress(widget, Qt.Key.Key_B)
    assert not widget.live.picture.layer.visible
    qtbot.keyRelease(widget, Qt.Key.Key_B)
    assert widget.live.picture.layer.visible
    press(widget, "Ctrl+Return")
    wait_for(lambda: not widget.job.running)
    assert widget.results.layer_of(layer) is not None
    assert viewer.layers.selection.active is layer


def test_same_as_input_rounds_and_counts_what_was_clipped(open_widget, qtbot, wait_for):
    rng = np.random.default_rng(0)
    image = np.clip(250 + 20 * rng.standard_normal((64, 64)), 0, 255).astype(np.uint8)
    _, layer, widget = open_widget(image)
    widget.noise.setValue(Gaussian(20.0))
    widget.output.setCurrentText("same as input")
    press_run(qtbot, widget, wait_for)
    assert widget.results.layer_of(layer).data.dtype == np.uint8
    assert "Done" in widget.messages.text()


def test_runs_on_parts_of_a_stack_lie_over_their_source(open_widget, qtbot, wait_for):
    stack = 100 + 5 * np.random.default_rng(0).standard_normal((6, 40, 50)).astype(np.float32)
    viewer, layer, widget = open_widget(stack, scale=(3, 1, 1))
    assert "6" in widget.source.reading.text()
    viewer.dims.set_current_step(0, 4)
    for mode, shape, start in (("Current plane", (1, 40, 50), 12.0), ("Range of planes", (3, 40, 50), 6.0)):
        widget.target.mode.setCurrentText(mode)
        if mode == "Range of planes":
            widget.target.first.setValue(2)
            widget.target.last.setValue(4)
        press_run(qtbot, widget, wait_for)
        result = widget.results.layer_of(layer)
        assert result.data.shape == shape
        assert result.translate[0] == start


def test_every_selected_layer_gets_its_own_noise_and_record(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    other = viewer.add_image(3 * noisy, name="brighter")
    viewer.layers.selection = {layer, other}
    widget.target.mode.setCurrentText("All selected layers")
    press_run(qtbot, widget, wait_for)
    sigmas = [record_of_layer(widget.results.layer_of(one)).plans[0].noise.sigma[0] for one in (layer, other)]
    assert sigmas[1] == pytest.approx(3 * sigmas[0], rel=1e-3)


def test_a_rectangle_that_is_missing_is_asked_for_and_then_used(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    widget.target.mode.setCurrentText("Rectangle")
    click(qtbot, widget.run_button)
    assert "rectangle" in widget.messages.text()
    viewer.add_shapes([np.array([[10, 20], [10, 60], [50, 60], [50, 20]])])
    viewer.layers.selection.active = layer
    press_run(qtbot, widget, wait_for)
    assert widget.results.layer_of(layer).data.shape == (41, 41)


def test_settings_come_back_by_history_recipe_file_and_result(open_widget, noisy, qtbot, wait_for, tmp_path):
    viewer, layer, widget = open_widget(noisy)
    balanced = widget.editor.value
    widget.editor.names.setCurrentText("dct")
    widget._note_settings()
    click(qtbot, widget.back_button)
    assert widget.editor.value == balanced
    click(qtbot, widget.forward_button)
    assert widget.editor.value == named("dct")
    widget.menu.save(tmp_path / "recipe.json")
    assert json.loads((tmp_path / "recipe.json").read_text())["steps"]
    press_run(qtbot, widget, wait_for)
    widget.menu.copy_paragraph()
    assert "napari-shrinkage" in QApplication.clipboard().text()
    widget.menu.copy_python()
    assert "import napari_shrinkage" in QApplication.clipboard().text()
    widget.editor.names.setCurrentText("wavelet")
    widget.menu.load(tmp_path / "recipe.json")
    assert widget.editor.value == named("dct")
    widget.editor.names.setCurrentText("wavelet")
    viewer.layers.selection.active = widget.results.layer_of(layer)
    assert widget.source.layer is layer
    widget.menu.load_from_layer()
    assert widget.editor.value == record_of_layer(widget.results.layer_of(layer)).plans[0].restorer
    (tmp_path / "broken.json").write_text("{")
    widget.menu.load(tmp_path / "broken.json")
    assert "not valid JSON" in widget.messages.text()


def test_a_layer_deleted_during_preview_and_run_leaves_the_viewer_alive(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(np.tile(noisy, (12, 12)))
    show_preview(qtbot, widget, wait_for)
    assert "preview box" in names(viewer)  # more than a million pixels are in view
    widget.editor.names.setCurrentText("wavelet")
    click(qtbot, widget.run_button)
    viewer.layers.remove(layer)
    wait_for(lambda: not widget.job.running and not widget.live.busy)
    assert names(viewer) == []
    assert not widget.run_button.isEnabled()
    viewer.add_image(noisy, name="next")
    assert widget.run_button.isEnabled()
    press_run(qtbot, widget, wait_for)
    assert "next denoised" in names(viewer)


def test_data_replaced_during_a_preview_are_previewed_anew(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    show_preview(qtbot, widget, wait_for)
    widget.editor.names.setCurrentText("dct")
    layer.data = noisy[:50, :60] * 2
    wait_for(lambda: not widget.live.busy and widget.live.last.request.content is widget.source.content)
    rows, _ = widget.live.last.request.region
    assert rows == slice(0, 50)
    assert widget.live.picture.layer.data.shape == widget.live.last.values.shape
    viewer.layers.remove(widget.live.picture.layer)
    assert not widget.preview_button.isChecked()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full((1, 1), 7, np.uint8), "Done"),
        (np.full((20, 20), np.nan, np.float32), ""),
        (np.full((20, 20), 3.0, np.float32), "Done"),
    ],
    ids=["one pixel", "all NaN", "constant"],
)
def test_odd_images_end_in_a_result_or_a_clear_word(open_widget, qtbot, wait_for, image, said):
    viewer, layer, widget = open_widget(np.zeros((8, 8), np.float32))
    viewer.layers.clear()
    layer = viewer.add_image(image, name="odd", contrast_limits=(0, 1))
    click(qtbot, widget.preview_button)
    wait_for(lambda: not widget.live.busy)
    press_run(qtbot, widget, wait_for)
    assert widget.messages.text()
    assert said in widget.messages.text()
    result = widget.results.layer_of(layer)
    if "Done" in widget.messages.text():
        assert np.allclose(result.data, image)


def test_no_noise_leaves_the_picture_as_it_is(open_widget, noisy, qtbot, wait_for):
    _, layer, widget = open_widget(noisy)
    widget.noise.mode.setCurrentText("Own sigma")
    widget.noise.sigma.setValue(0)
    assert widget.noise.value == Gaussian(0.0)
    press_run(qtbot, widget, wait_for)
    assert np.array_equal(widget.results.layer_of(layer).data, noisy)
    assert "unchanged" in widget.messages.text()


def test_axes_that_do_not_fit_are_refused_with_the_choices(open_widget, qtbot):
    _, _, widget = open_widget(np.zeros((5, 40, 50), np.float32))
    widget.source.axes.setText("ZZX")
    widget.source.axes.editingFinished.emit()
    assert "ZYX" in widget.messages.text()
    assert widget.source.content.stack.axes == "ZYX"
    widget.source.axes.setText("CYX")
    widget.source.axes.editingFinished.emit()
    assert widget.source.content.stack.channels == 5


def test_closing_the_dock_takes_everything_out_of_the_viewer(open_widget, noisy, qtbot, wait_for):
    viewer, _, widget = open_widget(noisy)
    callbacks = len(viewer.mouse_drag_callbacks)
    show_preview(qtbot, widget, wait_for)
    click(qtbot, widget.wipe_button)
    viewer.window.remove_dock_widget(widget)
    assert names(viewer) == ["picture"]
    assert len(viewer.mouse_drag_callbacks) < callbacks


def test_closing_the_viewer_during_a_run_is_clean(open_widget, noisy, qtbot):
    viewer, _, widget = open_widget(np.tile(noisy, (20, 20)))
    click(qtbot, widget.run_button)
    viewer.close()


@pytest.mark.parametrize("name", ["Shrinkage", "Noise"])
def test_widgets_work_as_plugins_that_see_public_names_only(make_napari_viewer, noisy, qtbot, wait_for, name):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy, name="picture")
    _, widget = viewer.window.add_plugin_dock_widget("napari-shrinkage", name)
    if name == "Noise":
        wait_for(lambda: widget.measured is not None)
        return
    show_preview(qtbot, widget, wait_for)
    click(qtbot, widget.wipe_button)
    press_run(qtbot, widget, wait_for)
    assert "picture denoised" in names(viewer)
