"""The widget Batch, clicked in a real viewer: files, table, cancel, rerun, opening, report, recipes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.batch import FileReport, restoring_files
from napari_shrinkage.gui import batch_widget, history, kernels
from napari_shrinkage.gui.batch_files import SAME_NAME
from napari_shrinkage.gui.batch_parts import LowArea
from napari_shrinkage.gui.batch_widget import BatchWidget
from napari_shrinkage.gui.layers import RECORD, record_of_layer
from napari_shrinkage.gui.messages import WARNING
from napari_shrinkage.restorers import NAMED

WAVELET = ns.Shrinkage(transform=ns.Wavelet(levels=2))
NAMES = ["a.tif", "b.ome.tif", "c.tif", "d.ome.zarr"]
NAME, STATE, NOISE, SECONDS, MEAN, REMARKS = range(6)


@pytest.fixture
def folder(tmp_path, noisy) -> Path:
    """A folder with a picture, a stack with voxel size, a damaged file and an OME-Zarr volume."""
    place = tmp_path / "in"
    place.mkdir()
    files.write(place / "a.tif", ns.Stack(noisy))
    stack = ns.Stack(np.stack([noisy, noisy[::-1]]), "ZYX", (0.5, 0.2, 0.1), ("micrometer",) * 3)
    files.write(place / "b.ome.tif", stack)
    (place / "c.tif").write_bytes((place / "a.tif").read_bytes()[:2000])
    files.write(place / "d.ome.zarr", ns.Stack(np.stack([noisy] * 4).reshape(2, 2, 96, 128), "ZCYX"))
    return place


@pytest.fixture
def opened(make_napari_viewer, qtbot, monkeypatch):
    """A viewer with the docked widget, set to a quick method."""
    monkeypatch.setattr(batch_widget, "warm_up", lambda: None)
    monkeypatch.setattr(batch_widget, "preferred_threads", lambda: 1)
    viewer = make_napari_viewer(show=True)
    widget = BatchWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Batch", area="right")
    widget.editor.setValue(WAVELET)
    return viewer, widget


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def ran(qtbot, widget, wait_for):
    click(qtbot, widget.start_button)
    wait_for(lambda: not widget.job.running)


def column(table, index) -> list[str]:
    items = (table.item(row, index) for row in range(table.rowCount()))
    return ["" if item is None else item.text() for item in items]


def test_nothing_can_be_started_before_files_are_chosen(opened, folder):
    _, widget = opened
    assert not widget.start_button.isEnabled()
    assert not widget.table.isVisible()
    assert not widget.save_button.isVisible()
    widget.inputs.choose_folder(folder)
    assert widget.start_button.isEnabled()
    assert column(widget.table, NAME) == NAMES
    assert widget.output.folder.text() == str(folder / "denoised")


def test_a_folder_is_restored_and_its_rows_are_filled_in(opened, folder, qtbot, wait_for):
    _, widget = opened
    widget.inputs.choose_folder(folder)
    seen = []
    widget.job.progressed.connect(lambda progress: seen.append(column(widget.table, STATE)))
    ran(qtbot, widget, wait_for)
    assert column(widget.table, STATE) == ["✓", "✓", "✗", "✓"]
    assert ["✓", "…", "", ""] in seen
    assert [float(text) for text in column(widget.table, NOISE)[:2]] == pytest.approx([10, 10], rel=0.1)
    assert all(float(text) >= 0 for text in column(widget.table, SECONDS))
    assert column(widget.table, MEAN)[0].endswith("%")
    assert "damaged" in column(widget.table, REMARKS)[2]
    assert widget.summary.text() == "3 done, 1 failed"
    assert sorted(path.name for path in (folder / "denoised").iterdir()) == [
        "a_denoised.ome.tif",
        "b_denoised.ome.tif",
        "d_denoised.ome.tif",
    ]
    made = files.read(folder / "denoised" / "b_denoised.ome.tif")
    assert made.spacing == pytest.approx((0.5, 0.2, 0.1))
    (plan,) = files.read_record(folder / "denoised" / "b_denoised.ome.tif").plans
    expected = ns.restore(files.read(folder / "b.ome.tif").array, plan.restorer, noise=plan.noise, axes="ZYX")
    np.testing.assert_allclose(made.array, expected, atol=1e-3)


def test_a_batch_waits_for_its_kernels_and_the_wait_can_be_cancelled(opened, folder, wait_for, monkeypatch):
    _, widget = opened
    asked: list[set] = []
    monkeypatch.setattr(kernels, "_ready", set())
    monkeypatch.setattr(kernels, "_asked", set())
    monkeypatch.setattr(kernels, "_compile", asked.append)
    widget.editor.setValue(NAMED["wavelet"])
    widget.inputs.choose_folder(folder)
    widget.start()
    wait_for(lambda: kernels.COMPILING in widget.progress.bar.format())
    locked = widget.inputs, widget.editor, widget.noise, widget.output, widget.menu
    assert not any(part.isEnabled() for part in locked)
    assert asked == [kernels.needed(NAMED["wavelet"])]
    widget.progress.cancel_button.click()
    wait_for(lambda: not widget.job.running)
    assert not (folder / "denoised").exists()
    assert all(part.isEnabled() for part in locked)


def test_a_second_start_skips_what_is_done_and_another_method_does_not(opened, folder, qtbot, wait_for):
    _, widget = opened
    widget.inputs.choose_folder(folder)
    ran(qtbot, widget, wait_for)
    ran(qtbot, widget, wait_for)
    assert column(widget.table, STATE) == ["–", "–", "✗", "–"]
    assert column(widget.table, MEAN)[0].endswith("%")  # as it was found when it was made
    assert widget.summary.text() == "3 skipped, 1 failed"
    widget.editor.setValue(WAVELET.replace(rule=ns.Hard()))
    ran(qtbot, widget, wait_for)
    assert column(widget.table, STATE) == ["✗"] * 4
    assert "other settings" in column(widget.table, REMARKS)[0]
    widget.output.overwrite.setChecked(True)
    ran(qtbot, widget, wait_for)
    assert column(widget.table, STATE) == ["✓", "✓", "✗", "✓"]


def test_the_pattern_chooses_from_the_folder_and_new_files_are_seen(opened, folder, qtbot, wait_for):
    _, widget = opened
    widget.inputs.choose_folder(folder)
    widget.inputs.pattern.setText("?.tif")
    widget.inputs.pattern.editingFinished.emit()
    assert column(widget.table, NAME) == ["a.tif", "c.tif"]
    (folder / "a.tif").rename(folder / "e.tif")
    ran(qtbot, widget, wait_for)
    assert column(widget.table, NAME) == ["c.tif", "e.tif"]
    widget.inputs.pattern.setText("*.bmp")
    widget.inputs.pattern.editingFinished.emit()
    assert not widget.start_button.isEnabled()
    assert "'*.bmp'" in widget.messages.text()
    widget.inputs.pattern.setText("*")
    widget.inputs.pattern.editingFinished.emit()
    assert not widget.messages.text()


def test_files_and_folders_are_asked_for(opened, folder, qtbot, monkeypatch):
    _, widget = opened
    names = [str(folder / "b.ome.tif"), str(folder / "a.tif")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (names, ""))
    click(qtbot, widget.inputs.files_button)
    assert column(widget.table, NAME) == ["a.tif", "b.ome.tif"]
    assert not widget.inputs.pattern.isVisible()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    click(qtbot, widget.inputs.folder_button)
    assert column(widget.table, NAME) == NAMES
    assert widget.inputs.pattern.isVisible()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder / "d.ome.zarr"))
    click(qtbot, widget.inputs.folder_button)
    assert column(widget.table, NAME) == ["d.ome.zarr"]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder.parent / "other"))
    click(qtbot, widget.output.browse)
    widget.inputs.choose_folder(folder)
    assert widget.output.folder.text() == str(folder.parent / "other")


def test_outputs_that_make_no_sense_are_told(opened, folder, qtbot):
    _, widget = opened
    widget.inputs.choose([folder / "a.tif", folder / "b.ome.tif"])
    for place, name, words in (
        ("", "{name}.tif", "no folder"),
        (str(folder), SAME_NAME, "over itself"),
        (str(folder), "one.tif", "both be written"),
        (str(folder), "{name}.bmp", "unknown ending"),
    ):
        widget.output.folder.setText(place)
        widget.output.name.setCurrentText(name)
        click(qtbot, widget.start_button)
        assert words in widget.messages.text()
        assert not widget.job.running


def test_type_and_names_are_as_chosen(opened, folder, qtbot, wait_for):
    _, widget = opened
    widget.inputs.choose([folder / "b.ome.tif"])
    widget.output.name.setCurrentText(SAME_NAME)
    widget.output.dtype.setCurrentText("uint8")
    ran(qtbot, widget, wait_for)
    assert files.read(folder / "denoised" / "b.ome.tif").array.dtype == np.uint8


def test_axes_are_told_where_files_do_not_say(opened, folder, noisy, qtbot, wait_for):
    viewer, widget = opened
    np.save(folder / "e.npy", np.stack([noisy, noisy]))
    widget.inputs.choose([folder / "e.npy"])
    ran(qtbot, widget, wait_for)
    assert "needs its axes named" in column(widget.table, REMARKS)[0]
    widget.inputs.axes.setText("tyx")
    ran(qtbot, widget, wait_for)
    assert files.read(folder / "denoised" / "e_denoised.ome.tif").axes == "TYX"
    widget.open_pair(0)
    wait_for(lambda: len(viewer.layers) == 2)


def test_a_cancelled_batch_can_go_on(opened, folder, qtbot, wait_for, monkeypatch):
    _, widget = opened

    def slow(*arguments, **options):
        for progress in restoring_files(*arguments, **options):
            yield progress
            if progress.report is not None and progress.place == 0:
                yield progress
                qtbot_gate.append(True)
                while not widget.job._worker.abort_requested:
                    pass
                yield progress

    qtbot_gate: list[bool] = []
    monkeypatch.setattr(batch_widget, "restoring_files", slow)
    widget.inputs.choose_folder(folder)
    click(qtbot, widget.start_button)
    wait_for(lambda: qtbot_gate)
    widget.progress.cancel_button.click()
    wait_for(lambda: not widget.job.running)
    assert "what is done is skipped" in widget.messages.text()
    assert column(widget.table, STATE) == ["✓", "", "", ""]
    assert widget.summary.text() == "1 done, 3 to go"
    assert widget.start_button.isEnabled()
    monkeypatch.setattr(batch_widget, "restoring_files", restoring_files)
    ran(qtbot, widget, wait_for)
    assert column(widget.table, STATE) == ["–", "✓", "✗", "✓"]


def test_a_row_is_read_and_opened_as_layers_over_each_other(opened, folder, qtbot, wait_for):
    viewer, widget = opened
    widget.inputs.choose_folder(folder)
    ran(qtbot, widget, wait_for)
    widget.table.selectRow(2)
    assert "damaged" in widget.messages.text()
    assert widget.messages.text().startswith(WARNING)
    widget.table.sortItems(NAME, Qt.SortOrder.DescendingOrder)
    row = column(widget.table, NAME).index("b.ome.tif")
    widget.table.cellDoubleClicked.emit(row, 0)
    wait_for(lambda: len(viewer.layers) == 2)
    source, result = viewer.layers
    assert (source.name, result.name) == ("b", "b denoised")
    assert tuple(result.scale) == tuple(source.scale) == pytest.approx((0.5, 0.2, 0.1))
    assert record_of_layer(result) is not None
    assert source.data.dtype == np.float32
    viewer.layers.selection.clear()
    widget.table.cellDoubleClicked.emit(row, 0)
    assert not widget.opening.running
    assert len(viewer.layers) == 2
    assert viewer.layers.selection.active is result


def test_a_volume_with_its_axes_in_another_order_lies_over_its_source(opened, folder, qtbot, wait_for):
    viewer, widget = opened
    widget.inputs.choose([folder / "d.ome.zarr"])
    widget.output.name.setCurrentText("{name}_denoised.ome.zarr")
    ran(qtbot, widget, wait_for)
    widget.open_pair(0)
    wait_for(lambda: len(viewer.layers) == 2)
    assert viewer.layers[0].data.shape == viewer.layers[1].data.shape
    assert viewer.layers[0].axis_labels == viewer.layers[1].axis_labels


def test_a_finer_result_lies_over_its_source(opened, folder, qtbot, wait_for):
    viewer, widget = opened
    widget.inputs.choose([folder / "a.tif"])
    widget.set_recipe(ns.Recipe.of(ns.Upscale(model="linear"), ns.Gaussian(10.0)))
    ran(qtbot, widget, wait_for)
    widget.open_pair(0)
    wait_for(lambda: len(viewer.layers) == 2)
    source, result = viewer.layers
    np.testing.assert_allclose(result.extent.world, source.extent.world, atol=0.5)
    assert tuple(result.scale) == (0.5, 0.5)


def test_a_file_without_a_result_is_opened_alone_and_a_bad_one_is_told(opened, folder, qtbot, wait_for):
    viewer, widget = opened
    widget.inputs.choose_folder(folder)
    ran(qtbot, widget, wait_for)
    (folder / "denoised" / "a_denoised.ome.tif").unlink()
    widget.open_pair(0)
    wait_for(lambda: len(viewer.layers) == 1)
    assert "no result" in widget.messages.text()
    widget.open_pair(2)
    wait_for(lambda: "damaged" in widget.messages.text())


def test_the_report_is_saved_as_table_or_list(opened, folder, qtbot, wait_for, monkeypatch, tmp_path):
    _, widget = opened
    widget.inputs.choose_folder(folder)
    ran(qtbot, widget, wait_for)
    widget.table.sortItems(NOISE, Qt.SortOrder.AscendingOrder)
    for name in ("report.csv", "report.json"):
        (tmp_path / name).write_text("older")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
        click(qtbot, widget.save_button)
        assert name in widget.messages.text()
    with (tmp_path / "report.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [Path(line["source"]).name for line in lines] == NAMES
    assert [one["status"] for one in json.loads((tmp_path / "report.json").read_text())] == [
        "done",
        "done",
        "failed",
        "done",
    ]
    widget.save(tmp_path / "none" / "report.csv")
    assert "no folder" in widget.messages.text()


@pytest.mark.parametrize(
    ("name", "made"), [("report", "report.json"), ("a.csv", "a.csv"), ("a.json", "a.json")]
)
def test_a_report_without_an_ending_gets_that_of_the_filter(name, made):
    assert batch_widget.with_ending(Path(name), "List (*.json)") == Path(made)


def test_a_recipe_of_several_steps_is_taken_as_it_is(opened, folder, qtbot, wait_for, tmp_path):
    _, widget = opened
    recipe = ns.Recipe((ns.Step(ns.HotPixels()), ns.Step(WAVELET, ns.Gaussian(7.0))))
    ns.save_recipe(recipe, tmp_path / "recipe.json")
    widget.menu.load(tmp_path / "recipe.json")
    assert widget.recipe.steps == recipe.steps
    assert widget.before.isVisible()
    widget.inputs.choose([folder / "a.tif"])
    ran(qtbot, widget, wait_for)
    plans = files.read_record(folder / "denoised" / "a_denoised.ome.tif").plans
    assert [type(plan.restorer) for plan in plans] == [ns.HotPixels, ns.Shrinkage]
    assert plans[1].noise == ns.Gaussian((7.0,))
    click(qtbot, widget.before._remove)
    assert widget.recipe.steps == recipe.steps[1:]
    assert not widget.before.isVisible()


def test_the_settings_of_a_result_layer_are_taken(opened, noisy):
    viewer, widget = opened
    widget.menu.load_from_layer()
    assert "Select a layer" in widget.messages.text()
    result = ns.drain(
        ns.run(ns.Recipe.of(ns.Shrinkage(transform=ns.Wavelet(wavelet="db2"))), ns.Stack(noisy))
    )
    viewer.add_image(result.stack.array, metadata={RECORD: result.record.to_json()})
    widget.menu.load_from_layer()
    assert widget.recipe.steps == result.record.recipe().steps
    assert not [action for action in widget.menu.menu().actions() if action.text().startswith("Copy")]


def test_settings_are_kept_for_the_next_session(opened, monkeypatch, tmp_path, make_napari_viewer):
    viewer, widget = opened
    monkeypatch.setattr(history, "settings_path", lambda name: tmp_path / f"{name}.json")
    recipe = ns.Recipe((ns.Step(ns.HotPixels()), ns.Step(WAVELET.replace(rule=ns.Hard()), ns.Gaussian(3.0))))
    widget.set_recipe(recipe)
    viewer.window.remove_dock_widget(widget)
    assert BatchWidget(viewer).recipe.steps == recipe.steps


def test_closing_the_dock_stops_the_work(opened, folder, qtbot, wait_for):
    viewer, widget = opened
    widget.inputs.choose_folder(folder)
    click(qtbot, widget.start_button)
    viewer.window.remove_dock_widget(widget)
    assert not widget.job.running


def test_a_thousand_rows_are_shown_and_found_wherever_they_are_sorted(opened, folder):
    _, widget = opened
    paths = [folder / f"{number:04d}.tif" for number in range(1000)]
    widget.table.show_files(paths)
    widget.table.sortItems(NAME, Qt.SortOrder.DescendingOrder)
    widget.table.show_report(3, FileReport(paths[3], paths[3], "done", "Gaussian", (2.0,), 0.5))
    assert widget.table.item(996, STATE).text() == "✓"
    assert widget.table.item(996, NOISE).text() == "2"


def test_the_widget_fits_a_dock_and_the_form_takes_no_more_room_than_there_is(opened, folder):
    _, widget = opened
    assert widget.minimumSizeHint().width() <= 300
    area = widget.findChild(LowArea)
    folded = area.sizeHint().height()
    widget.editor.method.open_form(True)
    assert folded < area.sizeHint().height() <= 230
    assert area.minimumSizeHint().height() <= folded + 20
