"""Wipe, method noise, preview box, contact sheet and the Noise widget, clicked in a real viewer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_shrinkage as ns
from napari_shrinkage.gui.contact_sheet import ContactSheet
from napari_shrinkage.gui.kept_noise import keep_noise, kept_noise
from napari_shrinkage.gui.noise_widget import NoiseWidget
from napari_shrinkage.gui.variants import grid, settings_of, variants
from napari_shrinkage.methods import parameters
from napari_shrinkage.noise import Gaussian
from napari_shrinkage.restorers import NAMED
from napari_shrinkage.thresholds import Ratio


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def drag(viewer, callback, *places):
    """Drive a napari mouse callback from one world position over others."""
    event = SimpleNamespace(button=1, type="mouse_press", position=places[0])
    work = callback(viewer, event)
    for place in places:
        next(work, None)
        event.type, event.position = "mouse_move", place
    next(work, None)
    event.type = "mouse_release"
    next(work, None)


@pytest.fixture
def previewed(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy, contrast_limits=(0, 255))
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None)
    return viewer, layer, widget


def test_the_wipe_shows_before_on_the_left_and_after_on_the_right(previewed, qtbot, wait_for):
    viewer, layer, widget = previewed
    click(qtbot, widget.wipe_button)
    after = widget.live.picture.layer
    part = widget.wipe.part
    assert not after.visible
    column = round(widget.wipe.guide.position + 0.5)
    assert np.array_equal(part.data, after.data[:, column:])
    assert part.data_to_world((0, 0))[1] == after.data_to_world((0, column))[1]
    middle = after.data_to_world((10, widget.wipe.guide.position))
    drag(viewer, widget.wipe.guide._drag, middle, tuple(after.data_to_world((10, 30.2))))
    assert np.array_equal(part.data, after.data[:, 31:])
    qtbot.wait(50)
    widget.wipe.guide._temporary.layer.visible = False
    picture = viewer.export_figure(flash=False)[..., 0].astype(int)
    rows, columns = widget.live.last.request.region
    shown = np.array(layer.data)
    shown[rows, columns.start + 31 : columns.stop] = after.data[:, 31:]
    assert np.abs(picture - np.clip(shown, 0, 255)).max() <= 2
    place = after.data_to_world((0, 30.5))[1]
    viewer.scene.camera.center = (*viewer.scene.camera.center[:2], viewer.scene.camera.center[2] - 6)
    viewer.scene.camera.zoom *= 1.1  # another part is in view, so the preview moves under the line
    wait_for(lambda: not widget.live.busy)
    line = widget.wipe.guide._temporary.layer
    part = widget.wipe.part
    assert line.data_to_world(line.data[0][0])[1] == pytest.approx(place, abs=1)
    assert part.data_to_world((0, -0.5))[1] == pytest.approx(line.data_to_world(line.data[0][0])[1])
    click(qtbot, widget.wipe_button)
    assert after.visible
    assert widget.wipe.part is None


def test_the_wipe_goes_on_over_the_result_when_the_preview_is_switched_off(previewed, qtbot, wait_for):
    _, layer, widget = previewed
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    click(qtbot, widget.wipe_button)
    click(qtbot, widget.preview_button)
    result = widget.results.layer_of(layer)
    wait_for(lambda: widget.wipe.on and not result.visible)
    assert np.shares_memory(widget.wipe.part.data, result.data)


def test_the_method_noise_is_input_minus_result_and_is_tested(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    click(qtbot, widget.noise_button)
    assert "run first" in widget.messages.text()
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    content = widget.source.content
    click(qtbot, widget.noise_button)
    wait_for(lambda: not widget.method_noise.busy)
    removed = viewer.layers["picture method noise"].data
    assert np.allclose(removed, noisy - widget.results.layer_of(layer).data, atol=1e-4)
    assert widget.source.content is content  # the new layer was not taken for an image to work on
    assert widget.noise_button.said.isVisible()
    assert "±" in widget.noise_button.said.text()
    viewer.layers.selection.active = viewer.layers["picture method noise"]
    assert widget.source.layer is layer
    click(qtbot, widget.noise_button)
    assert "picture method noise" not in viewer.layers
    click(qtbot, widget.noise_button)
    click(qtbot, widget.noise_button)
    wait_for(lambda: not widget.method_noise.busy)
    assert "picture method noise" not in viewer.layers  # taken back before it was there


def test_the_button_goes_up_where_its_layer_is_deleted_or_another_image_is_chosen(
    open_widget, noisy, qtbot, wait_for
):
    viewer, layer, widget = open_widget(noisy)
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    for leave in (
        lambda: viewer.layers.remove("picture method noise"),
        lambda: viewer.add_image(noisy, name="another"),
        lambda: viewer.layers.remove(layer),
    ):
        widget.source.choose(layer)
        click(qtbot, widget.noise_button)
        wait_for(lambda: widget.noise_button.said.isVisible())
        leave()
        assert not widget.noise_button.isChecked()
        assert not widget.noise_button.said.isVisible()
        assert "picture method noise" not in viewer.layers


def test_the_method_noise_is_that_of_the_run_whatever_its_layer_shows_by_now(
    open_widget, noisy, qtbot, wait_for
):
    viewer, layer, widget = open_widget(noisy)
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    layer.data = np.zeros((30, 40), np.float32)
    click(qtbot, widget.noise_button)
    wait_for(lambda: not widget.method_noise.busy)
    removed = viewer.layers["picture method noise"].data
    assert np.allclose(removed, noisy - widget.results.layer_of(layer).data, atol=1e-4)


def test_the_preview_box_moves_by_its_outline_and_only_by_it(open_widget, noisy, qtbot, wait_for):
    viewer, _, widget = open_widget(np.tile(noisy, (12, 12)))
    widget.editor.names.setCurrentText("dct")
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None)
    box = widget.live.box
    first = widget.live.last.request.region
    assert np.prod(widget.live.last.values.shape) <= 2**20
    edge = (first[0].start, (first[1].start + first[1].stop) / 2)
    drag(viewer, box._drag, edge, (edge[0] + 300, edge[1]))  # there is no room below: it stays in view
    drag(viewer, box._drag, (600.0, 700.0), (0.0, 0.0))  # from its inside: pans, does not move
    wait_for(lambda: not widget.live.busy)
    moved = widget.live.last.request.region
    assert moved[1] == first[1]
    assert first[0].start <= moved[0].start <= first[0].start + 300
    assert viewer.scene.camera.mouse_pan


def test_the_wipe_follows_the_slider_and_leaves_the_volume_view_alone(open_widget, qtbot, wait_for):
    stack = 100 + 5 * np.random.default_rng(0).standard_normal((6, 40, 50)).astype(np.float32)
    viewer, layer, widget = open_widget(stack)
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    click(qtbot, widget.wipe_button)
    for plane in (1, 4):
        viewer.dims.set_current_step(0, plane)
        assert set(widget.wipe.guide._temporary.layer.data[0][:, 0]) == {plane}
    viewer.dims.order = (1, 0, 2)  # rows become the slider
    assert set(widget.wipe.guide._temporary.layer.data[0][:, 0]) == {-0.5, 5.5}
    viewer.dims.ndisplay = 3
    wait_for(lambda: not widget.wipe_button.isChecked())
    assert widget.results.layer_of(layer).visible
    click(qtbot, widget.wipe_button)
    assert not widget.wipe_button.isChecked()
    assert "2-D" in widget.messages.text()


def test_results_of_layers_that_are_gone_are_let_go(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy)
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    assert widget.keep_button.isEnabled()
    viewer.layers.remove(widget.results.layer_of(layer))
    assert not widget.keep_button.isEnabled()
    assert not widget.results._live


def test_a_measurement_of_a_layer_that_is_gone_is_not_shown(open_widget, noisy, qtbot, wait_for):
    viewer, layer, _ = open_widget(noisy)
    measuring = NoiseWidget(viewer)
    viewer.window.add_dock_widget(measuring, name="Noise")
    assert measuring.job.running
    viewer.layers.remove(layer)
    wait_for(lambda: not measuring.job.running)
    assert measuring.measured is None
    assert not measuring.use_button.isEnabled()


def test_a_contact_sheet_has_nine_exact_pictures_and_adopts_one(previewed, qtbot, wait_for):
    _, _, widget = previewed
    click(qtbot, widget.sheet_button)
    sheet = widget.sheet
    wait_for(lambda: not sheet.job.running)
    assert len(sheet.restorers) == 9
    assert len(set(map(repr, sheet.restorers))) == 9
    assert widget.editor.value in sheet.restorers
    assert all(not button.icon().isNull() for button in sheet.buttons)
    chosen = sheet.restorers[2]
    click(qtbot, sheet.buttons[2])
    assert widget.editor.value == chosen
    assert widget.editor.names.currentText() == "custom"


@pytest.mark.parametrize(
    ("name", "across", "down"),
    [("collaborative", "matches", "stride"), ("dct-wiener", "mu", None), ("dct", "threshold.low", None)],
)
def test_a_contact_sheet_begins_with_what_matters_of_the_method_itself(
    previewed, monkeypatch, name, across, down
):
    _, layer, widget = previewed
    monkeypatch.setattr(ContactSheet, "refresh", lambda _: None)
    content = widget.source.content
    sheet = ContactSheet(layer, content, (slice(0, 96), slice(0, 128)), ns.Recipe.of(NAMED[name]))
    assert sheet.across.currentData().path == across
    assert getattr(sheet.down.currentData(), "path", None) == down


@pytest.mark.parametrize("name", NAMED)
def test_every_named_method_has_settings_to_compare(name):
    settings = list(settings_of(NAMED[name]))
    assert settings
    for setting in settings:
        methods, _ = grid(NAMED[name], setting, None, 3)
        assert 1 <= len(methods) <= 9  # fewer where a value does not go with the rest
        assert NAMED[name] in methods


def test_variants_stay_within_bounds_and_hold_the_value():
    parameter = parameters(Ratio)[0]
    assert variants(parameter, 10.0, 3)[-1] == 10.0
    assert min(variants(parameter, 0.0, 3)) == 0.0


def test_the_noise_widget_measures_and_the_shrinkage_widget_takes_it_over(
    open_widget, noisy, qtbot, wait_for
):
    viewer, layer, widget = open_widget(noisy)
    measuring = NoiseWidget(viewer)
    viewer.window.add_dock_widget(measuring, name="Noise")
    wait_for(lambda: measuring.measured is not None)
    sigma = measuring.measured.noise.sigma
    assert sigma == pytest.approx(10, rel=0.15)
    assert measuring.findings.verdict.text()
    assert measuring.measured.histograms[0].counts.sum() == noisy.size
    click(qtbot, measuring.use_button)
    assert widget.noise.value == measuring.measured.noise
    assert kept_noise(layer) == Gaussian(sigma)
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    assert kept_noise(widget.results.layer_of(layer)) is None  # its noise is another
    viewer.theme = "light"
    click(qtbot, measuring.forget_button)
    assert widget.noise.value is None
    layer.data = np.full((40, 40), np.nan)
    wait_for(lambda: not measuring.job.running)
    assert measuring.messages.text()
    viewer.window.remove_dock_widget(measuring)


def test_a_kept_noise_that_cannot_be_read_counts_as_none():
    layer = SimpleNamespace(metadata={"napari_shrinkage_noise": {"method": "noise/unknown"}, "other": 1})
    assert kept_noise(layer) is None
    keep_noise(layer, Gaussian(3.0))
    assert kept_noise(layer) == Gaussian(3.0)
    keep_noise(layer, None)
    assert layer.metadata == {"other": 1}


def test_an_additive_channel_is_shown_once_and_never_added_to_its_own_result(
    open_widget, noisy, qtbot, wait_for
):
    _, layer, widget = open_widget(noisy, blending="additive", colormap="green")

    def visible():
        mine = (layer, widget.results.layer_of(layer), widget.live.picture.layer)
        return [one is not None and one.visible for one in mine]

    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None)
    assert visible() == [False, False, True]
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    assert visible() == [False, False, True]
    qtbot.keyPress(widget, Qt.Key.Key_B)
    assert visible() == [True, False, False]
    qtbot.keyRelease(widget, Qt.Key.Key_B)
    click(qtbot, widget.preview_button)
    assert visible() == [False, True, False]
