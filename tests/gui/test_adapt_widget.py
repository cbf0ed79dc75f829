"""The Adapt widget, clicked in a real viewer: learning, stopping, cancelling, before and after, and abuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_shrinkage as ns
from napari_shrinkage.fitting import FitProgress, held_out, tuning
from napari_shrinkage.gui import adapt_widget
from napari_shrinkage.gui.adapt_widget import AdaptWidget
from napari_shrinkage.gui.adapting import Pace, about
from napari_shrinkage.gui.cnn_widget import CnnWidget
from napari_shrinkage.gui.layers import record_of_layer
from napari_shrinkage.gui.loss_choice import AUTOMATIC, offered
from napari_shrinkage.gui.preferences import PLUGIN, preferred_model_folder
from napari_shrinkage.gui.weight_names import new_weight_file
from napari_shrinkage.losses import Noise2Noise, Noise2Self, Supervised, SupervisedPsnr, Sure
from napari_shrinkage.restorers import Cnn

# A preview that ends while a network learns takes back the filter that the worker set: it is one per process.
pytestmark = pytest.mark.filterwarnings("ignore::napari_shrinkage.fitting.tuning.TuningWarning")
TENTH = ns.Gaussian(10.0)
SIDE = 256


@pytest.fixture(autouse=True)
def small_crops(monkeypatch):
    """Learn from few and small crops, which is quick."""
    monkeypatch.setattr(tuning, "BATCH", 2)
    monkeypatch.setattr(tuning, "SIDE", 48)


@pytest.fixture
def opened(open_widget):
    """Return a function that opens the widget with told noise and few steps."""

    def made(image, steps=5, noise=TENTH, **attributes):
        viewer, layer, widget = open_widget(image, AdaptWidget, **attributes)
        widget.editor.setValue(Cnn(model="ffdnet", precision="float32"))
        widget.editor.steps.setValue(steps)
        widget.noise.setValue(noise)
        return viewer, layer, widget

    return made


@pytest.fixture(scope="module")
def clean():
    y, x = np.mgrid[:SIDE, :SIDE]
    return (100 + 40 * np.sin(x / 9) * np.cos(y / 7) + 30 * (y > SIDE / 2)).astype(np.float32)


@pytest.fixture(scope="module")
def seen(clean):
    return with_noise(clean, 0)


def with_noise(clean, seed, shape=()):
    noise = np.random.default_rng(seed).standard_normal((*shape, *clean.shape))
    return (clean + 10 * noise).astype(np.float32)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def learn(qtbot, widget, wait_for):
    click(qtbot, widget.learn_button)
    assert widget.fit.running
    wait_for(lambda: not widget.fit.running)


def files():
    folder = preferred_model_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def from_target(viewer, widget, layer, image, loss):
    """Choose a loss and its target."""
    target = viewer.add_image(image, name="target")
    viewer.layers.selection.active = layer
    widget.loss.loss.setValue(loss)
    widget.loss.target.choose(target)


def test_it_opens_from_the_plugin_and_asks_for_an_image(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Adapt")
    assert isinstance(widget, AdaptWidget)
    assert not widget.learn_button.isEnabled()
    widget.learn()
    assert "Open an image" in widget.messages.text()
    viewer.add_image(np.zeros((96, 96), np.float32))
    assert widget.learn_button.isEnabled()


def test_learning_to_the_end_leaves_a_file_that_previews_and_runs_use(opened, seen, clean, qtbot, wait_for):
    viewer, layer, widget = opened(seen, steps=10)
    from_target(viewer, widget, layer, clean, Supervised())
    shown = []
    widget.live.ready.connect(lambda preview: shown.append(preview.request.restorer.model))
    start = widget.editor.value
    learn(qtbot, widget, wait_for)
    found = widget.learned.fit.verdict
    assert found.is_better
    assert f"better on 'picture' by {found.gain:.2f} dB" in widget.gain.text()
    assert files() == ["ffdnet-picture.safetensors"]
    assert "ffdnet-picture.safetensors" in widget.saved.text()
    assert str(preferred_model_folder()) in widget.saved.text()
    assert widget.in_use.isVisible()
    assert len(widget.curve.risks) == 11
    after = widget.editor.value
    assert Path(after.model) == preferred_model_folder() / "ffdnet-picture.safetensors"
    wait_for(lambda: not widget.live.busy and widget.live.last.request.restorer == after)
    assert {start.model, after.model} < set(shown)  # and networks on the way
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    result = widget.results.layer_of(layer)
    assert record_of_layer(result).plans[0].restorer.model == after.model
    error, before = (
        np.square(made - clean).mean() for made in (result.data, ns.restore(seen, start, noise=10.0))
    )
    assert error < before


def test_before_and_after_switch_preview_and_run(opened, seen, clean, qtbot, wait_for):
    viewer, layer, widget = opened(seen, steps=10)
    from_target(viewer, widget, layer, clean, Supervised())
    start = widget.editor.value
    learn(qtbot, widget, wait_for)
    after = widget.editor.value
    wait_for(lambda: not widget.live.busy)
    adapted = widget.live.last.values
    click(qtbot, widget.in_use.before)
    assert widget.editor.value == start
    wait_for(lambda: not widget.live.busy and widget.live.last.request.restorer == start)
    assert np.abs(widget.live.last.values - adapted).max() > 0.1
    click(qtbot, widget.in_use.after)
    assert widget.editor.value == after
    widget.learn()
    assert widget.editor.value == start  # whatever comes of it
    widget.cancel()
    wait_for(lambda: not widget.fit.running)
    widget.editor.use(after)
    widget.editor.networks.setCurrentIndex(widget.editor.networks.findData("unet"))
    assert widget.editor.value.model == "unet"
    assert not widget.in_use.isVisible()
    assert not widget.gain.isVisible()


def test_what_is_not_surely_better_leaves_nothing(opened, seen, qtbot, wait_for, monkeypatch):
    monkeypatch.setattr(held_out, "CERTAIN", 1e6)  # standard errors, which no gain has
    _, _, widget = opened(seen)
    start = widget.editor.value
    learn(qtbot, widget, wait_for)
    assert not widget.learned.fit.verdict.is_better
    assert "nothing was written" in widget.gain.text()
    assert files() == []
    assert widget.editor.value == start
    assert not widget.in_use.isVisible()
    wait_for(lambda: not widget.live.busy and widget.live.last.request.restorer == start)


def test_stopping_keeps_the_best_so_far(opened, seen, clean, qtbot, wait_for):
    viewer, layer, widget = opened(seen, steps=100)
    from_target(viewer, widget, layer, clean, Supervised())
    click(qtbot, widget.learn_button)
    wait_for(lambda: len(widget.curve.risks) > 3)
    click(qtbot, widget.stop_button)
    assert not widget.stop_button.isEnabled()
    wait_for(lambda: not widget.fit.running)
    learned = widget.learned
    assert learned.stopped
    assert 30 <= learned.steps < 60
    assert learned.fit.verdict.after == min(learned.fit.risks)
    assert widget.gain.text().startswith("Stopped.")
    assert bool(files()) == learned.fit.verdict.is_better


def test_cancelling_leaves_nothing(opened, seen, qtbot, wait_for):
    _, _, widget = opened(seen, steps=200)
    start = widget.editor.value
    click(qtbot, widget.learn_button)
    wait_for(lambda: widget.curve.risks)
    assert not widget.editor.isEnabled()
    assert not widget.run_button.isEnabled()
    widget.cancel()
    wait_for(lambda: not widget.fit.running)
    assert "at the start" in widget.messages.text()
    assert (widget.editor.value, widget.learned, files()) == (start, None, [])
    assert widget.editor.isEnabled()
    wait_for(lambda: not widget.live.busy and widget.live.last.request.restorer == start)


def test_the_next_frame_is_learned_from(opened, clean, qtbot, wait_for):
    _, _, widget = opened(with_noise(clean[:128, :128], 4, (11,)), axis_labels=("t", "y", "x"))
    widget.loss.loss.setValue(Noise2Noise())
    assert widget.loss.next_frame.isVisible()
    widget.loss.next_frame.setChecked(True)
    learn(qtbot, widget, wait_for)
    assert len(widget.learned.lesson.stack.array) == 10
    assert "Noise2Noise" in widget.gain.text()


def test_a_missing_target_is_asked_for(opened, seen, qtbot):
    _, _, widget = opened(seen)
    widget.loss.loss.setValue(Supervised())
    assert widget.loss.target.isVisible()
    click(qtbot, widget.learn_button)
    assert not widget.fit.running
    assert "clean image" in widget.messages.text()


def test_an_image_that_is_too_small_gives_a_message(opened, seen, qtbot, wait_for):
    _, _, widget = opened(seen[:64, :64])
    learn(qtbot, widget, wait_for)
    assert "64 x 64 pixels" in widget.messages.text()
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    assert "64 x 64 pixels" in widget.messages.text()  # not taken back by a picture
    assert widget.learn_button.isEnabled()


def test_a_file_where_the_folder_should_be_is_told_before_learning(
    opened, seen, qtbot, wait_for, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(adapt_widget, "preferred_model_folder", lambda: tmp_path / "file")
    _, _, widget = opened(seen)
    learn(qtbot, widget, wait_for)
    assert "Nothing can be written" in widget.messages.text()
    assert not widget.curve.risks


def test_the_loss_follows_the_noise_unless_one_is_chosen(opened, seen, qtbot, wait_for):
    _, _, widget = opened(seen)
    assert widget.loss.loss.combo.currentText() == AUTOMATIC
    assert "SURE, which suits" in widget.loss.hint.text()
    widget.noise.setValue(ns.Gaussian(10.0, ns.Autocorrelation.from_kernel(np.ones((1, 2)))))
    assert "Noise2Self, which suits" in widget.loss.hint.text()
    learn(qtbot, widget, wait_for)
    assert isinstance(widget.learned.lesson.loss, Noise2Self)
    widget.loss.loss.setValue(Sure())
    assert widget.loss.value == Sure()
    assert not widget.loss.hint.isVisible()
    assert SupervisedPsnr not in offered()
    assert {Noise2Noise, Supervised, Sure} <= set(offered())


def test_removing_the_layer_while_it_learns_ends_it(opened, seen, qtbot, wait_for):
    viewer, layer, widget = opened(seen, steps=200)
    click(qtbot, widget.learn_button)
    wait_for(lambda: widget.curve.risks)
    viewer.layers.remove(layer)
    wait_for(lambda: not widget.fit.running)
    assert widget.learned is None
    assert not widget.learn_button.isEnabled()
    viewer.add_image(seen)
    assert widget.learn_button.isEnabled()


def test_closing_the_dock_while_it_learns_is_quiet(opened, seen, qtbot, wait_for):
    viewer, _, widget = opened(seen, steps=200)
    click(qtbot, widget.learn_button)
    wait_for(lambda: widget.curve.risks)
    viewer.window.remove_dock_widget(widget)
    qtbot.wait(300)
    assert not widget.fit.running
    assert files() == []


def test_an_adapted_network_is_listed_in_cnn_denoise(opened, seen, clean, qtbot, wait_for):
    viewer, layer, widget = opened(seen, steps=10)
    from_target(viewer, widget, layer, clean, Supervised())
    learn(qtbot, widget, wait_for)
    cnn = CnnWidget(viewer)
    viewer.window.add_dock_widget(cnn, name="CNN")
    models = cnn.editor.models
    path = str(preferred_model_folder() / "ffdnet-picture.safetensors")
    assert path in models.entries
    wait_for(lambda: models.entries[path].cards and not cnn.editor.job.running)
    entry = models.entries[path]
    assert entry.origin == "adapted, BSD-3-Clause"
    for said in ("adapted from", "ffdnet-gray.safetensors", "Supervised, ", "before, "):
        assert said in entry.tooltip
    assert models.entries["ffdnet"].origin == "BSD-3-Clause"
    assert "adapted from" not in models.entries["ffdnet"].tooltip
    again = widget.editor.networks
    assert again.findData(path) >= 0  # to go on from


def test_settings_of_other_methods_are_refused(opened, seen):
    _, _, widget = opened(seen)
    with pytest.raises(ValueError, match="adapts networks"):
        widget.editor.setValue(ns.Let())


def test_a_file_is_named_by_network_and_layer_and_never_taken_twice(tmp_path):
    first = new_weight_file(tmp_path, "unet", "cells / DAPI (2)")
    assert first.name == "unet-cells-DAPI-2.safetensors"
    first.touch()
    assert new_weight_file(tmp_path, "unet", "cells / DAPI (2)").name == "unet-cells-DAPI-2-2.safetensors"
    assert new_weight_file(tmp_path, "mine", "?").name == "mine-image.safetensors"


def test_the_time_of_all_steps_is_told_from_the_first():
    pace, clock = Pace(), 4.0
    pace.note(FitProgress(0, 100, "learning", 0.1), clock, 1.0)  # a look of 3 s
    for step in range(1, 31):
        clock += 2.0 + 3.0 * (step % 10 == 0)
        pace.note(FitProgress(step, 100, "learning"), clock, clock)
        known = pace.seconds(100)
        assert (known is None) == (step < 3)
        assert known is None or known == pytest.approx(100 * 2.0 + 10 * 3.0)
    assert pace.left(100) == pytest.approx(230 * 0.7)
    assert [about(s) for s in (1, 32, 80, 100, 3600)] == [
        "a few seconds", "about 30 s", "about 80 s", "about 2 min", "about 60 min",
    ]  # fmt: skip
