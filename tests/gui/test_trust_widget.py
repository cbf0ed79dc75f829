"""The Trust widget in a real viewer: which layers it takes, what it shows, and abuse."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_shrinkage.engine import drain, run
from napari_shrinkage.gui.kept_noise import keep_noise
from napari_shrinkage.gui.layers import result_layer, stack_of_layer
from napari_shrinkage.gui.trust_inputs import NOT_THE_INPUT
from napari_shrinkage.gui.trust_widget import TrustWidget
from napari_shrinkage.noise import Gaussian
from napari_shrinkage.recipe import Recipe
from napari_shrinkage.restorers import named
from napari_shrinkage.trust import Linearity, RingCorrelation, SpotBias, confidence_map

NOISE = Gaussian(10.0)


@pytest.fixture
def opened(open_widget):
    """Return a function that opens the widget with an image and its result, restored with `method`."""

    def made(image, method="wavelet", region=None, **attributes):
        viewer, layer, widget = open_widget(image, TrustWidget, **attributes)
        return viewer, layer, denoise(viewer, layer, method, region), widget

    return made


def denoise(viewer, layer, method="wavelet", region=None, name="denoised"):
    found = drain(run(Recipe.of(named(method), NOISE), stack_of_layer(layer), region))
    added = viewer.add_layer(Layer.create(*result_layer(layer, found, name)))
    viewer.layers.selection.active = layer
    return added


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def check(qtbot, widget, wait_for):
    click(qtbot, widget.check_button)
    wait_for(lambda: not widget.job.running)


def lines(widget):
    return {line.check: line for line in widget.checked.report.lines}


def test_the_newest_result_of_the_image_is_chosen(opened, noisy):
    viewer, layer, result, widget = opened(noisy)
    assert (widget.inputs.source.layer, widget.inputs.result.layer) == (layer, result)
    newer = denoise(viewer, layer, "dct", name="newer")
    assert widget.inputs.result.layer is newer
    viewer.layers.selection.active = result
    assert widget.inputs.result.layer is result
    assert widget.inputs.source.layer is layer
    other = viewer.add_image(noisy * 2, name="other")
    second = denoise(viewer, other)
    assert (widget.inputs.source.layer, widget.inputs.result.layer) == (other, second)
    viewer.layers.selection.active = layer
    assert widget.inputs.result.layer is newer


def test_where_the_image_is_removed_another_is_taken_and_no_result(opened, noisy):
    viewer, layer, result, widget = opened(noisy)
    other = viewer.add_image(noisy[:50], name="other")
    viewer.layers.move(viewer.layers.index(other), 0)
    viewer.layers.selection.active = layer
    viewer.layers.selection.active = result
    viewer.layers.remove(layer)
    assert widget.inputs.source.layer is other
    viewer.layers.remove(other)
    assert widget.inputs.source.layer is result  # the only one left
    viewer.layers.remove(result)
    assert widget.inputs.source.layer is None


def test_the_result_of_another_image_is_not_taken_for_ones_own(opened, noisy):
    viewer, layer, result, widget = opened(noisy)
    channel = viewer.add_image(noisy + 5, name="other channel")
    assert (widget.inputs.source.layer, widget.inputs.result.layer) == (channel, None)
    assert not widget.check_button.isEnabled()
    viewer.layers.selection.active = layer
    assert widget.inputs.result.layer is result
    layer.name = "renamed"
    viewer.layers.remove(channel)
    widget.inputs.refresh()
    assert widget.inputs.result.layer is result


def test_a_result_is_checked_with_the_noise_and_the_method_of_its_record(opened, noisy, qtbot, wait_for):
    _, _, _, widget = opened(noisy)
    assert not widget.tabs.isVisible()
    check(qtbot, widget, wait_for)
    report = widget.checked.report
    assert report.noise == NOISE.for_channels(1)
    assert report.found(SpotBias)
    assert "from the record" in widget.notes.text()
    assert widget.summary.text().startswith("'denoised' against 'picture'")
    assert len(widget.findings.labels) == len(report.lines)
    assert lines(widget)["Mean"].sentence in widget.findings.labels[0].text()


def test_plots_are_there_for_what_was_found(opened, noisy, qtbot, wait_for):
    _, _, _, widget = opened(noisy)
    check(qtbot, widget, wait_for)
    widget.tabs.setCurrentIndex(1)
    for kind in (Linearity, SpotBias, RingCorrelation):
        assert widget.plots.plots[kind][1].isVisible()
    line = widget.checked.report.found(Linearity)[0][1]
    drawn = [item.getData() for item in widget.plots.plots[Linearity][1]._plot.listDataItems()]
    assert any(np.array_equal(x, line.before) and np.array_equal(y, line.after) for x, y in drawn)


def test_plots_of_a_colour_image_end_where_the_dock_ends(opened, noisy, qtbot, wait_for):
    colours = np.stack([np.clip(noisy + shift, 0, 255) for shift in (0, 10, 20)], axis=-1).astype(np.uint8)
    _, _, _, widget = opened(colours, rgb=True)
    check(qtbot, widget, wait_for)
    assert "blue" in widget.plots.plots[RingCorrelation][0].text()
    assert widget.plots.widget().minimumSizeHint().width() <= 270  # of a dock of 300 beside a scroll bar


def test_regions_a_second_frame_and_a_reference_add_their_checks(opened, noisy, qtbot, wait_for):
    viewer, layer, _, widget = opened(noisy)
    labels = viewer.add_labels((np.indices(noisy.shape)[0] // 50 + 1).astype(int), name="cells")
    viewer.add_labels(np.zeros((5, 5), int), name="other shape")
    second = viewer.add_image(noisy[:, ::-1].copy(), name="second")
    viewer.layers.selection.active = layer
    check(qtbot, widget, wait_for)
    assert "Regions" not in lines(widget)
    assert [widget.inputs.regions.itemText(i) for i in range(widget.inputs.regions.count())] == [
        "None",
        "cells",
    ]
    widget.inputs.regions.choose(labels)
    widget.inputs.second.choose(second)
    widget.inputs.reference.choose(second)
    check(qtbot, widget, wait_for)
    assert "2 regions" in lines(widget)["Regions"].sentence
    assert "Two frames" in lines(widget)["Resolution"].sentence
    assert "Error" in lines(widget)


def test_a_result_of_somebody_else_is_checked_without_spots(open_widget, noisy, qtbot, wait_for):
    viewer, layer, widget = open_widget(noisy, TrustWidget)
    assert not widget.check_button.isEnabled()
    theirs = viewer.add_image(noisy.mean() + 0 * noisy, name="theirs")
    viewer.layers.selection.active = layer
    keep_noise(layer, Gaussian(11.0))
    widget.inputs.result.choose(theirs)
    check(qtbot, widget, wait_for)
    assert lines(widget)["Small spots"].passed is None
    assert "how this result was made" in lines(widget)["Small spots"].sentence
    assert widget.checked.report.noise == Gaussian(11.0).for_channels(1)
    assert "kept with the layer" in widget.notes.text()


def test_an_image_that_was_changed_since_is_noted(opened, noisy, qtbot, wait_for):
    _, layer, result, widget = opened(noisy)
    check(qtbot, widget, wait_for)
    assert NOT_THE_INPUT not in widget.notes.text()
    layer.data = noisy + 1
    assert widget.inputs.result.layer is result
    check(qtbot, widget, wait_for)
    assert NOT_THE_INPUT in widget.notes.text()


def test_the_confidence_map_lies_over_the_result(opened, noisy, qtbot, wait_for):
    region = (slice(16, 80), slice(32, 112))
    viewer, layer, result, widget = opened(
        noisy, region=region, scale=(2, 2), translate=(5, 7), units=("um", "um")
    )
    check(qtbot, widget, wait_for)
    click(qtbot, widget.map_button)
    wait_for(lambda: not widget.job.running)
    shown = viewer.layers[-1]
    assert shown.name == "denoised confidence"
    assert np.allclose(shown.contrast_limits, (-5, 5))
    assert (tuple(shown.scale), tuple(shown.translate), shown.units) == (
        tuple(result.scale),
        tuple(result.translate),
        layer.units,
    )
    wanted = confidence_map(noisy[region], result.data, NOISE).z
    assert np.allclose(shown.data, wanted, atol=1e-4)
    assert viewer.layers.selection.active is layer
    assert widget.inputs.result.layer is result
    assert shown.name not in [widget.inputs.result.itemText(i) for i in range(widget.inputs.result.count())]


def test_colours_and_channels_are_told_apart(opened, noisy, qtbot, wait_for):
    colour = np.clip(np.stack([noisy] * 3, axis=-1), 0, 255) / 255 * 200
    viewer, _, _, widget = opened(colour.astype(np.float32), method="dct", rgb=True)
    check(qtbot, widget, wait_for)
    assert {line.channel for line in widget.checked.report.lines} == {"red", "green", "blue"}
    assert "red" in widget.plots.plots[Linearity][0].text()
    click(qtbot, widget.map_button)
    wait_for(lambda: not widget.job.running)
    assert viewer.layers[-1].data.shape == noisy.shape


def test_of_a_series_some_planes_are_checked_and_the_map_covers_all(opened, noisy, qtbot, wait_for):
    series = np.stack([noisy[:64, :64] + i for i in range(6)])
    viewer, _, _, widget = opened(series)
    check(qtbot, widget, wait_for)
    assert "4 of 6 planes" in widget.notes.text()
    click(qtbot, widget.map_button)
    wait_for(lambda: not widget.job.running)
    assert viewer.layers[-1].data.shape == series.shape


def test_the_report_is_copied_as_markdown(opened, noisy, qtbot, wait_for):
    _, _, _, widget = opened(noisy)
    check(qtbot, widget, wait_for)
    click(qtbot, widget.copy_button)
    text = QApplication.clipboard().text()
    assert text.startswith("# 'denoised' against 'picture'")
    assert all(line.sentence in text for line in widget.checked.report.lines)


def test_removing_a_layer_ends_the_checks(opened, noisy, qtbot, wait_for):
    viewer, _, result, widget = opened(np.tile(noisy, (4, 4)))
    click(qtbot, widget.check_button)
    viewer.layers.remove(result)
    wait_for(lambda: not widget.job.running)
    assert widget.checked is None
    assert not widget.check_button.isEnabled()


def test_a_damaged_record_is_told(opened, noisy, qtbot, wait_for):
    _, _, result, widget = opened(noisy)
    result.metadata["napari_shrinkage"].pop("versions")
    click(qtbot, widget.check_button)
    wait_for(lambda: not widget.job.running)
    assert "incomplete" in widget.messages.text()


def test_closing_the_dock_lets_go_of_the_viewer(opened, noisy, qtbot, wait_for):
    viewer, _, _, widget = opened(noisy)
    click(qtbot, widget.check_button)
    viewer.window.remove_dock_widget(widget)
    viewer.add_image(noisy, name="later")
    viewer.theme = "light"
    assert not widget.job.running


def test_the_widget_fits_a_narrow_dock(opened, noisy, qtbot, wait_for):
    _, _, _, widget = opened(noisy)
    check(qtbot, widget, wait_for)
    assert widget.minimumSizeHint().width() <= 400


def test_the_menu_opens_the_widget(make_napari_viewer, noisy, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy, name="picture")
    _, widget = viewer.window.add_plugin_dock_widget("napari-shrinkage", "Trust")
    assert isinstance(widget, TrustWidget)
    click(qtbot, widget.map_button)
    assert not widget.job.running
