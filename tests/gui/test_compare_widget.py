"""The Compare widget, clicked in a real viewer: ranking, sorting, handing over, and abuse."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication

from napari_shrinkage.comparing import default_candidates
from napari_shrinkage.gui import compare_widget
from napari_shrinkage.gui.candidate_list import CandidateList, described_step
from napari_shrinkage.gui.compare_table import WINNER, NumberItem, three_digits
from napari_shrinkage.gui.compare_widget import CURRENT, CompareWidget
from napari_shrinkage.gui.layer_combo import LayerCombo
from napari_shrinkage.gui.shrinkage_widget import ShrinkageWidget
from napari_shrinkage.noise import Autocorrelation, Gaussian
from napari_shrinkage.recipe import Recipe, Step
from napari_shrinkage.restorers import Shrinkage, named
from napari_shrinkage.thresholds import Ratio
from napari_shrinkage.transforms.wavelet import Wavelet

FEW = {
    "little": Step(Shrinkage(transform=Wavelet(), threshold=Ratio(r=0.3))),
    "much": Step(Shrinkage(transform=Wavelet(), threshold=Ratio(r=2.5))),
}


@pytest.fixture
def opened(open_widget, monkeypatch):
    """Return a function that opens the widget with two candidates, which makes a comparison quick."""
    monkeypatch.setattr(compare_widget, "default_candidates", lambda noise=None: dict(FEW))
    monkeypatch.setattr(compare_widget, "preferred_threads", lambda: 1)
    return lambda image, **attributes: open_widget(image, CompareWidget, **attributes)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def compare(qtbot, widget, wait_for):
    click(qtbot, widget.compare_button)
    wait_for(lambda: not widget.job.running)


def column(table, index=0):
    return [table.item(i, index).text() for i in range(table.rowCount())]


def check_boxes(widget):
    return [widget.candidates.item(i) for i in range(widget.candidates.count())]


def test_methods_are_ranked_and_the_winner_is_marked(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    assert not widget.table.isVisible()
    assert not widget.winner_button.isEnabled()
    compare(qtbot, widget, wait_for)
    assert widget.table.isVisible()
    assert column(widget.table) == [f"{WINNER}much", "little"]
    assert widget.table.columnCount() == 4
    assert "picture" in widget.basis.text()
    assert "without bias" in widget.basis.text()
    assert "σ" in widget.noise.text.text()


def test_a_reference_adds_its_columns_and_other_shapes_are_not_offered(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(noisy)
    y, x = np.mgrid[:96, :128]
    truth = viewer.add_image((100 + 40 * np.sin(x / 9) + 30 * (y > 48)).astype(np.float32), name="truth")
    viewer.add_image(noisy[:50], name="other shape")
    viewer.layers.selection.active = layer
    offered = [widget.reference.itemText(i) for i in range(widget.reference.count())]
    assert offered == ["None", "truth"]
    widget.reference.choose(truth)
    widget.noise.setValue(Gaussian(10.0))
    compare(qtbot, widget, wait_for)
    assert widget.table.columnCount() == 7
    row = widget.outcome.comparison.rows[0]
    error = float(column(widget.table, 6)[0])
    assert error == pytest.approx(row.error_std, rel=0.01)
    assert abs(row.mse - row.error_std**2) < 4 * row.mse_error
    viewer.layers.remove(truth)
    assert widget.reference.layer is None


def test_columns_are_sorted_by_their_numbers_and_the_mark_stays(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    compare(qtbot, widget, wait_for)
    widget.table.sortItems(2, Qt.SortOrder.DescendingOrder)
    assert column(widget.table) == ["little", f"{WINNER}much"]
    assert NumberItem("9.1", 9.1) < NumberItem("10.2", 10.2)


def test_numbers_have_three_digits():
    assert [three_digits(x) for x in (8.3, 4.876, 81.2, 1234.6, 0.0123, 0)] == [
        "8.30",
        "4.88",
        "81.2",
        "1235",
        "0.0123",
        "0.00",
    ]


def test_the_winner_fills_the_form_of_the_shrinkage_widget(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(noisy)
    viewer.add_image(noisy * 2, name="other")
    viewer.layers.selection.active = layer
    compare(qtbot, widget, wait_for)
    click(qtbot, widget.winner_button)
    (shrinkage,) = [one for one in viewer.window.dock_widgets.values() if isinstance(one, ShrinkageWidget)]
    assert shrinkage.editor.value == FEW["much"].restorer
    assert shrinkage.noise.value is None
    assert shrinkage.source.layer is layer
    widget.table.selectRow(1)
    click(qtbot, widget.selected_button)
    assert shrinkage.editor.value == FEW["little"].restorer
    assert len([one for one in viewer.window.dock_widgets.values() if isinstance(one, ShrinkageWidget)]) == 1


def test_noise_of_the_user_goes_along_with_the_method(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(noisy)
    widget.noise.setValue(Gaussian(12.0))
    compare(qtbot, widget, wait_for)
    assert widget.outcome.comparison.noise == Gaussian(12.0)
    click(qtbot, widget.winner_button)
    (shrinkage,) = [one for one in viewer.window.dock_widgets.values() if isinstance(one, ShrinkageWidget)]
    assert shrinkage.noise.value == Gaussian(12.0)


def test_the_settings_of_an_open_shrinkage_widget_are_a_candidate(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(noisy)
    assert CURRENT not in widget.candidates.chosen
    shrinkage = ShrinkageWidget(viewer)
    viewer.window.add_dock_widget(shrinkage, name="Mine")
    shrinkage.set_recipe(Recipe.of(named("wavelet")))
    QApplication.sendEvent(widget, QEvent(QEvent.Type.Enter))
    assert widget.candidates.chosen[CURRENT] == Step(named("wavelet"))
    compare(qtbot, widget, wait_for)
    assert {row.name for row in widget.outcome.comparison.rows} == {*FEW, CURRENT}


def test_what_is_switched_off_is_not_compared(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    check_boxes(widget)[0].setCheckState(Qt.CheckState.Unchecked)
    compare(qtbot, widget, wait_for)
    assert [row.name for row in widget.outcome.comparison.rows] == ["much"]
    widget.candidates.set_all(False)
    click(qtbot, widget.compare_button)
    assert not widget.job.running
    assert "switched off" in widget.messages.text()


def test_what_is_off_stays_off_when_the_list_changes(qtbot):
    candidates = CandidateList()
    qtbot.addWidget(candidates)
    candidates.show_candidates(default_candidates())
    candidates.item(0).setCheckState(Qt.CheckState.Unchecked)
    correlated = Gaussian(5.0, autocorrelation=Autocorrelation(((0.3, 1.0, 0.3),)))
    candidates.show_candidates(default_candidates(correlated))
    assert "dct" not in candidates.chosen
    assert "dct, noise taken as white" in candidates.chosen
    assert "Sliding" in candidates.item(1).toolTip()


def test_tooltips_say_what_a_method_is_and_leave_out_what_is_decided_later():
    tip = described_step(named_step := Step(named("dct")))
    assert named_step.restorer.summary() in tip
    assert "None" not in tip


def test_a_doubtful_noise_is_named_beside_the_ranking(opened, noisy, qtbot, wait_for):
    striped = noisy + 60 * (np.arange(noisy.shape[1]) % 2).astype(np.float32)
    _, _, widget = opened(striped)
    compare(qtbot, widget, wait_for)
    assert "not sure" in widget.basis.text()


def test_the_table_is_copied_as_markdown(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    compare(qtbot, widget, wait_for)
    click(qtbot, widget.copy_button)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].startswith("| method |")
    assert len(lines) == 4


def test_cancelling_and_removing_the_layer_end_a_comparison(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(np.tile(noisy, (6, 6)))
    click(qtbot, widget.compare_button)
    widget.progress.cancel_button.click()
    wait_for(lambda: not widget.job.running)
    assert "Cancelled" in widget.messages.text()
    assert widget.outcome is None
    click(qtbot, widget.compare_button)
    viewer.layers.remove(layer)
    wait_for(lambda: not widget.job.running)
    assert widget.outcome is None
    assert not widget.compare_button.isEnabled()


def test_a_method_that_does_not_fit_is_named(opened, noisy, qtbot, wait_for, monkeypatch):
    volume = {"volume": Step(Shrinkage(transform=Wavelet(ndim=3)))}
    monkeypatch.setattr(compare_widget, "default_candidates", lambda noise=None: dict(volume))
    _, _, widget = opened(noisy)
    compare(qtbot, widget, wait_for)
    assert "ZYX" in widget.messages.text()
    assert widget.compare_button.isEnabled()


def test_a_combo_keeps_its_layer_while_it_fits(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    combo = LayerCombo(viewer, lambda layer: layer.name != "no")
    qtbot.addWidget(combo)
    first = viewer.add_image(np.zeros((4, 4)), name="first")
    heard = []
    combo.changed.connect(lambda: heard.append(combo.layer))
    combo.choose(first)
    viewer.add_image(np.zeros((4, 4)), name="second")
    assert combo.layer is first
    first.name = "no"
    combo.refill()
    assert combo.layer is None
    assert heard == [first, None]
    combo.close_combo()


def test_closing_the_dock_lets_go_of_the_viewer(opened, noisy, qtbot):
    viewer, _, widget = opened(noisy)
    click(qtbot, widget.compare_button)
    viewer.window.remove_dock_widget(widget)
    viewer.add_image(noisy, name="later")
    assert not widget.job.running
    assert widget.source.combo.findText("later") == -1


def test_the_widget_fits_a_narrow_dock(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    compare(qtbot, widget, wait_for)
    assert widget.minimumSizeHint().width() <= 400


def test_the_menu_opens_the_widget(make_napari_viewer, noisy, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy, name="picture")
    _, widget = viewer.window.add_plugin_dock_widget("napari-shrinkage", "Compare")
    assert isinstance(widget, CompareWidget)
    assert set(default_candidates()) <= set(widget.candidates.chosen)
