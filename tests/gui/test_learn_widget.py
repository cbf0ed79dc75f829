"""The Learn widget, clicked in a real viewer: fitting, stopping, cancelling, transfer, and abuse."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_shrinkage as ns
from napari_shrinkage.gui import learning
from napari_shrinkage.gui.content import Content
from napari_shrinkage.gui.layers import record_of_layer
from napari_shrinkage.gui.learn_editor import not_learning
from napari_shrinkage.gui.learn_widget import LearnWidget
from napari_shrinkage.gui.loss_row import PLANE
from napari_shrinkage.losses import Noise2Noise, Noise2Self, Supervised, Sure

EXACT = ns.Shrinkage(transform=ns.Wavelet(wavelet="db2", levels=2))
DESCENDING = ns.Shrinkage(transform=ns.StationaryWavelet(levels=2))
TENTH = ns.Gaussian(10.0)


@pytest.fixture
def opened(open_widget):
    """Return a function that opens the widget with a method and told noise."""

    def made(image, method=EXACT, noise=TENTH, **attributes):
        viewer, layer, widget = open_widget(image, LearnWidget, **attributes)
        widget.editor.setValue(method)
        widget.noise.setValue(noise)
        return viewer, layer, widget

    return made


@pytest.fixture
def clean():
    y, x = np.mgrid[:96, :128]
    return (100 + 40 * np.sin(x / 9) + 30 * (y > 48)).astype(np.float32)


def start(qtbot, widget):
    qtbot.mouseClick(widget.learn_button, Qt.MouseButton.LeftButton)


def learn(qtbot, widget, wait_for):
    start(qtbot, widget)
    wait_for(lambda: not widget.fit.running and not widget.job.running)


def results(viewer):
    return [layer for layer in viewer.layers if "napari_shrinkage" in layer.metadata]


def test_a_fit_makes_the_layer_that_fit_and_restore_make(opened, noisy, qtbot, wait_for):
    keys = [f"{level}/{letters}" for level in (1, 2) for letters in ("ad", "da", "dd")]
    little = EXACT.replace(threshold=ns.PerBand(values=dict.fromkeys(keys, (0.2,))))
    viewer, _, widget = opened(noisy, little)
    learn(qtbot, widget, wait_for)
    fitted = ns.fit(noisy, little, noise=10.0)
    assert widget.editor.value.threshold == fitted.threshold
    (layer,) = results(viewer)
    assert np.abs(layer.data - ns.restore(noisy, fitted, noise=10.0)).max() < 1e-5 * np.ptp(layer.data)
    assert record_of_layer(layer).plans[0].restorer.fitted.loss == "sure"
    assert "dB better" in widget.gain.text()
    assert widget.curve.isVisible()
    assert widget.curve.risks[-1] < widget.curve.risks[0]


def test_the_picture_and_the_curve_follow_a_descent(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy, DESCENDING)
    shown, pictures = [], []
    widget.fit.progressed.connect(lambda progress: shown.append(progress.done))
    widget.live.ready.connect(lambda preview: pictures.append(preview.request.restorer.threshold))
    learn(qtbot, widget, wait_for)
    assert len(widget.curve.risks) > 25
    assert max(shown) > 25
    while_fitting = [one for one in pictures if one != widget.editor.value.threshold]
    assert while_fitting
    wait_for(lambda: not widget.live.busy)
    assert widget.live.last.plan.restorer.threshold == widget.editor.value.threshold


def test_stopping_keeps_the_numbers_of_that_moment(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(np.tile(noisy, (3, 3)), DESCENDING)
    start(qtbot, widget)
    wait_for(lambda: len(widget.curve.risks) > 3)
    qtbot.mouseClick(widget.stop_button, Qt.MouseButton.LeftButton)
    wait_for(lambda: not widget.fit.running and not widget.job.running)
    assert widget.learned.stopped
    assert 3 < len(widget.learned.fit.risks) < 30
    kept = widget.editor.value
    assert isinstance(kept.threshold, ns.PerBand)
    assert kept.fitted.after == widget.learned.fit.risks[-1]
    assert widget.gain.text().startswith("Stopped.")
    assert widget.curve.risks == list(widget.learned.fit.risks)
    assert len(results(viewer)) == 1


def test_a_stop_before_anything_got_better_keeps_the_first_numbers(noisy):
    layer, stack = object(), ns.Stack(noisy)
    begin = ns.Shrinkage(transform=ns.StationaryWavelet(levels=2))
    lesson = learning.Lesson(layer, Content(stack), stack, None, begin, TENTH, Sure())
    first, worse = (begin.replace(threshold=ns.Ratio(r=r)) for r in (1.0, 3.0))
    kept = learning.fit_so_far(lesson, TENTH, [first, worse], [0.2, 0.3])
    assert kept.restorer.threshold == first.threshold
    assert (kept.restorer.fitted.after, kept.risks[-1]) == (0.2, 0.2)
    smooth = first.replace(rule=ns.TanhHard())
    hard = worse.replace(rule=ns.Hard())
    assert learning.fit_so_far(lesson, TENTH, [smooth, hard], [0.2, 0.3]).restorer.rule == ns.Hard()
    assert learning.fit_so_far(lesson, TENTH, [first, worse], [0.3, 0.2]).restorer.threshold == ns.Ratio(
        r=3.0
    )


def test_an_estimate_below_zero_is_explained(noisy):
    stack = ns.Stack(noisy)
    lesson = learning.Lesson(object(), Content(stack), stack, None, EXACT, TENTH, Sure())
    for risks, explained in (([-0.0189, -0.0355], True), ([0.1, -0.01], True), ([0.2, 0.1], False)):
        fit = learning.fit_so_far(lesson, TENTH, [EXACT, EXACT], risks)
        words = learning.gain_in_words(learning.Learned(lesson, fit))
        assert ("weaker than it was taken to be" in words) == explained
        assert ("dB" in words) == (not explained)


def test_another_layer_selected_while_it_learns_changes_nothing(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(np.tile(noisy, (3, 3)), DESCENDING)
    start(qtbot, widget)
    wait_for(lambda: len(widget.curve.risks) > 1)
    viewer.add_image(np.stack([noisy, noisy]), name="other", axis_labels=("c", "y", "x"))
    assert widget.source.layer is layer
    widget.stop()
    wait_for(lambda: not widget.fit.running and not widget.job.running)
    assert [one.name for one in results(viewer)] == ["picture denoised"]
    assert viewer.layers["picture denoised"].data.shape == layer.data.shape


def test_bands_opened_while_it_learns_follow_the_fit_and_cannot_be_dragged(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(np.tile(noisy, (3, 3)), DESCENDING)
    start(qtbot, widget)
    wait_for(lambda: len(widget.curve.risks) > 1)
    widget.open_bands()
    assert not widget.explorer.isEnabled()
    wait_for(lambda: widget.explorer.bands is not None)
    wait_for(lambda: not widget.fit.running and not widget.job.running)
    assert widget.explorer.isEnabled()
    assert widget.explorer.values == widget.editor.value.threshold.values
    viewer.window.remove_dock_widget(widget)
    assert "Bands" not in viewer.window.dock_widgets


def test_nothing_is_learned_while_a_run_is_under_way(opened, noisy, wait_for):
    _, _, widget = opened(np.tile(noisy, (3, 3)))
    widget.run()
    assert widget.job.running
    assert not widget.learn_button.isEnabled()
    wait_for(lambda: not widget.job.running)
    assert widget.learn_button.isEnabled()


def test_cancelling_leaves_nothing(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(np.tile(noisy, (3, 3)), DESCENDING)
    start(qtbot, widget)
    wait_for(lambda: len(widget.curve.risks) > 2)
    widget.cancel()
    wait_for(lambda: not widget.fit.running)
    assert "Cancelled" in widget.messages.text()
    assert widget.editor.value == DESCENDING
    assert widget.learned is None
    assert not results(viewer)
    assert not widget.gain.isVisible()
    wait_for(lambda: not widget.live.busy)
    assert widget.live.last.request.restorer == DESCENDING


def test_a_missing_target_is_asked_for(opened, noisy, qtbot):
    _, _, widget = opened(noisy)
    widget.loss.loss.setValue(Supervised())
    assert widget.loss.target.isVisible()
    assert "clean image" in widget.loss.hint.text()
    start(qtbot, widget)
    assert not widget.fit.running
    assert "clean image" in widget.messages.text()


@pytest.mark.parametrize("loss", [Supervised(), Noise2Noise()])
def test_a_target_layer_is_learned_from(opened, noisy, clean, qtbot, wait_for, loss):
    viewer, layer, widget = opened(noisy)
    second = clean + 10 * np.random.default_rng(1).standard_normal(clean.shape).astype(np.float32)
    target = viewer.add_image(clean if loss == Supervised() else second, name="target")
    viewer.add_image(clean[:50], name="other shape")
    viewer.layers.selection.active = layer
    widget.loss.loss.setValue(loss)
    names = [widget.loss.target.itemText(i) for i in range(widget.loss.target.count())]
    assert names == ["Choose a layer", "target"]
    widget.loss.target.choose(target)
    learn(qtbot, widget, wait_for)
    fitted = ns.fit(noisy, EXACT, loss, target=target.data, noise=10.0)
    assert widget.editor.value.threshold == fitted.threshold


def test_losses_are_named_and_explained_and_only_what_can_be_fitted_is_offered(opened, noisy):
    _, _, widget = opened(noisy)
    combo = widget.loss.loss._combo
    titles = {combo.itemText(i) for i in range(combo.count()) if combo.itemData(i) is not None}
    assert {"Supervised", "Noise2Noise", "SURE", "Poisson-Gaussian SURE", "Noise2Self"} <= titles
    assert all(
        combo.itemData(i, Qt.ItemDataRole.ToolTipRole) for i in range(combo.count()) if combo.itemData(i)
    )
    assert ns.Hard in not_learning()
    assert ns.Soft not in not_learning()
    methods = widget.editor.method._combo
    offered = {methods.itemData(i) for i in range(methods.count())} - {None}
    assert offered == {ns.Shrinkage, ns.Let}


def test_what_cannot_be_fitted_gives_a_message(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy, ns.Let())
    widget.loss.loss.setValue(Noise2Self())
    learn(qtbot, widget, wait_for)
    assert "SURE-LET" in widget.messages.text()
    assert widget.learn_button.isEnabled()
    assert widget.editor.isEnabled()


def test_weights_are_learned_too(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(noisy, ns.Let(transform=ns.StationaryWavelet(levels=2)))
    learn(qtbot, widget, wait_for)
    assert widget.editor.value.weights
    assert len(results(viewer)) == 1


def test_removing_the_layer_while_it_is_fitted_ends_the_fit(opened, noisy, qtbot, wait_for):
    viewer, layer, widget = opened(np.tile(noisy, (3, 3)), DESCENDING)
    start(qtbot, widget)
    wait_for(lambda: len(widget.curve.risks) > 1)
    viewer.layers.remove(layer)
    wait_for(lambda: not widget.fit.running)
    assert widget.learned is None
    assert not widget.learn_button.isEnabled()
    viewer.add_image(noisy)
    assert widget.learn_button.isEnabled()


def test_closing_the_dock_while_it_learns_is_quiet(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(np.tile(noisy, (3, 3)), DESCENDING)
    widget.open_bands()
    start(qtbot, widget)
    wait_for(lambda: len(widget.curve.risks) > 1)
    viewer.window.remove_dock_widget(widget)
    qtbot.wait(300)
    assert not widget.fit.running
    assert widget.explorer is None


@pytest.mark.parametrize("rgb", [True, False], ids=["colour", "channels"])
def test_channels_and_colours_learn_thresholds_of_their_own(opened, noisy, qtbot, wait_for, rgb):
    parts = [noisy, noisy[::-1] * 2, noisy[:, ::-1]]
    image = np.stack(parts, -1 if rgb else 0)
    attributes = {"rgb": True} if rgb else {"axis_labels": ("c", "y", "x")}
    noise = ns.Gaussian(0.03) if rgb else ns.Gaussian((10.0, 20.0, 10.0))
    image = image / image.max() if rgb else image
    viewer, _, widget = opened(image, EXACT, noise, **attributes)
    learn(qtbot, widget, wait_for)
    values = widget.editor.value.threshold.values
    assert all(len(set(one)) > 1 and len(one) == 3 for one in values.values())
    (layer,) = results(viewer)
    assert layer.data.shape == image.shape


def test_numbers_from_one_frame_serve_the_series(opened, clean, qtbot, wait_for):
    rng = np.random.default_rng(2)
    series = (clean + 10 * rng.standard_normal((4, *clean.shape))).astype(np.float32)
    viewer, layer, widget = opened(series, axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 0)
    widget.loss.part.setCurrentText(PLANE)
    learn(qtbot, widget, wait_for)
    fitted = ns.fit(series[:1], EXACT, noise=10.0, axes="TYX")
    assert widget.editor.value.threshold == fitted.threshold
    (layer,) = results(viewer)
    assert layer.data.shape == series.shape
    alone = ns.restore(series[3], fitted, noise=10.0)
    assert np.abs(layer.data[3] - alone).max() < 1e-5 * np.ptp(alone)


def test_the_next_frame_is_a_target(opened, clean, qtbot, wait_for):
    rng = np.random.default_rng(2)
    series = (clean + 10 * rng.standard_normal((4, *clean.shape))).astype(np.float32)
    _, _, widget = opened(series, axis_labels=("t", "y", "x"))
    assert not widget.loss.next_frame.isVisible()
    widget.loss.loss.setValue(Noise2Noise())
    assert widget.loss.next_frame.isVisible()
    widget.loss.next_frame.setChecked(True)
    assert not widget.loss.target.isEnabled()
    learn(qtbot, widget, wait_for)
    fitted = ns.fit(series[:-1], EXACT, "noise2noise", series[1:], 10.0, "TYX")
    assert widget.editor.value.threshold == fitted.threshold


def test_frames_are_paired_with_the_next_one():
    stack = ns.Stack(np.arange(4)[:, None, None] * np.ones((1, 8, 8)), "TYX")
    everything = (slice(0, 8), slice(0, 8))
    for window, noisy, target in (
        (slice(0, 4), [0, 1, 2], [1, 2, 3]),
        (slice(1, 2), [1], [2]),
        (slice(3, 4), [3], [2]),
    ):
        pair = learning.frame_pairs(stack, (window, *everything))
        assert [list(one.array[:, 0, 0]) for one in pair] == [noisy, target]
    with pytest.raises(ValueError, match="next time point"):
        learning.frame_pairs(ns.Stack(np.zeros((8, 8))), None)


def test_fitted_numbers_on_other_noise_come_with_a_doubt(opened, noisy, qtbot, wait_for):
    viewer, _, widget = opened(noisy)
    learn(qtbot, widget, wait_for)
    fitted = widget.editor.value
    other = viewer.add_image(3 * noisy, name="other")
    viewer.layers.selection.active = other
    assert widget.editor.value == fitted
    widget.noise.setValue(ns.Gaussian(30.0))
    widget.run()
    wait_for(lambda: not widget.job.running)
    assert "fitted under noise" in widget.messages.text()


def test_another_form_lets_go_of_what_was_learned(opened, noisy, qtbot, wait_for):
    _, _, widget = opened(noisy)
    learn(qtbot, widget, wait_for)
    assert widget.editor.value != EXACT
    widget.editor.method.form.editor("transform.levels").setValue(1)
    assert widget.editor.value == EXACT.replace(transform=EXACT.transform.replace(levels=1))


def test_lines_move_while_it_learns_and_the_button_brings_them_back(
    opened, noisy, qtbot, wait_for, monkeypatch
):
    _, _, widget = opened(noisy, DESCENDING)
    widget.open_bands()
    explorer = widget.explorer
    wait_for(lambda: explorer.bands is not None and not explorer.job.running)
    lines, show = [], explorer.show_thresholds

    def watched(restorer):
        show(restorer)
        lines.append(explorer.view.plots["1/dd"].threshold)
        assert lines[-1] == restorer.threshold.values["1/dd"][0]

    monkeypatch.setattr(explorer, "show_thresholds", watched)
    learn(qtbot, widget, wait_for)
    assert len(set(lines)) > 3
    assert explorer.values == widget.editor.value.threshold.values
    explorer.set_all("bayes")
    assert widget.editor.value.fitted is None
    explorer.set_all("learned")
    assert widget.editor.value == widget.learned.fit.restorer


def test_an_image_that_is_chosen_stays_chosen_while_another_one_is_selected(opened, noisy, wait_for):
    viewer, layer, widget = opened(noisy)
    other = viewer.add_image(noisy[::-1], name="other")
    assert widget.source.layer is other
    widget.source.choose(layer)
    widget.preview_button.setChecked(True)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    widget.run()
    wait_for(lambda: not widget.job.running)
    widget.preview_button.setChecked(False)
    assert widget.source.layer is layer
    assert viewer.layers.selection.active is other
    viewer.layers.selection.active = layer
    viewer.layers.selection.active = other
    assert widget.source.layer is other


def test_a_preview_lies_over_the_last_result(opened, noisy, wait_for):
    viewer, _, widget = opened(noisy)
    widget.run()
    wait_for(lambda: not widget.job.running)
    widget.preview_button.setChecked(True)
    wait_for(lambda: widget.live.last is not None)
    assert [layer.name for layer in viewer.layers] == ["picture", "picture denoised", "preview: picture"]


def test_without_an_image_nothing_is_learned_or_opened(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    widget = LearnWidget(viewer)
    viewer.window.add_dock_widget(widget)
    for action in (widget.learn, widget.open_bands):
        action()
        assert "Open an image" in widget.messages.text()
    widget.stop()
    widget.cancel()
    assert widget.explorer is None
    assert not widget.learn_button.isEnabled()


def test_an_image_without_noise_has_nothing_to_learn(opened, qtbot, wait_for):
    viewer, _, widget = opened(np.full((64, 64), 3.0), noise=None)
    learn(qtbot, widget, wait_for)
    assert "no noise" in widget.messages.text()
    widget.open_bands()
    wait_for(lambda: widget.explorer.bands is not None and not widget.explorer.job.running)
    widget.explorer.set_all("bayes")
    wait_for(lambda: not widget.live.busy)
    assert (widget.live.last.values == 3).all()
    assert not results(viewer)
