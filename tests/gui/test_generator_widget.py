"""The widget Generator, clicked in a real viewer: training, classes, unlike images, lengths, abuse."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import generator_misfit
from napari_shrinkage.diagnostics.generators import LatentError, latent_errors
from napari_shrinkage.fitting import generator as training
from napari_shrinkage.gui.generator_lengths import best_at, markdown, numbers
from napari_shrinkage.gui.generator_panel import UNTRAINED, first_value
from napari_shrinkage.gui.generator_widget import GeneratorWidget
from napari_shrinkage.gui.generator_work import counting_axis, known_generators, split_images
from napari_shrinkage.gui.image_choice import FEATURES, columns_of, dominant_labels
from napari_shrinkage.gui.layers import record_of_layer
from napari_shrinkage.gui.preferences import PLUGIN, preferred_model_folder
from napari_shrinkage.nn.trained_generator import generator_of

STEPS, SIGMA = 40, 12.0


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    """Look at the images held out after every step."""
    monkeypatch.setattr(training, "SECOND", 0.0)


@pytest.fixture
def opened(open_widget):
    """Return a function that opens the widget with a stack, for a short training."""

    def made(images, steps=STEPS, **attributes):
        viewer, layer, widget = open_widget(images, GeneratorWidget, **attributes)
        tab = widget.training
        tab.network.kind.setCurrentText("dense")
        tab.network.latent.setValue(4)
        tab.steps.setValue(steps)
        return viewer, layer, widget

    return made


@pytest.fixture
def noisy_spots(spots):
    """Twelve noisy spots, and after the fifth an image that is none."""
    clean = spots(12, seed=5)
    clean[5] = 100 + 120 * (np.indices((12, 14)).sum(0) % 4 < 2)
    return (clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape)).astype(np.float32)


@pytest.fixture
def denoising(open_widget, noisy_spots, generator_prior):
    """Return viewer, layer and widget with a trained generator and told noise, its tab in sight."""
    viewer, layer, widget = open_widget(noisy_spots, GeneratorWidget)
    widget.tabs.setCurrentIndex(1)
    widget.panel.editor.setValue(generator_prior)
    widget.panel.noise.setValue(ns.Gaussian(SIGMA))
    return viewer, layer, widget


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def train(qtbot, widget, wait_for):
    click(qtbot, widget.training.train_button)
    wait_for(lambda: not widget.training.job.running)


def run(qtbot, widget, wait_for):
    click(qtbot, widget.panel.run_button)
    wait_for(lambda: not widget.panel.job.running and not widget.panel.test.running)


def files():
    folder = preferred_model_folder() / "generators"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_it_opens_from_the_plugin_and_asks_for_images(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Generator")
    assert isinstance(widget, GeneratorWidget)
    for tab, act in (
        (widget.training, widget.training.train),
        (widget.comparison, widget.comparison.compare),
    ):
        act()
        assert "Open a stack" in tab.messages.text()
    widget.panel.run()
    assert widget.panel.messages.text().endswith(UNTRAINED)
    viewer.add_image(np.zeros((30, 8, 8), np.float32))
    assert widget.training.train_button.isEnabled()


def test_training_shows_its_course_and_leaves_a_generator_that_is_chosen(opened, spots, qtbot, wait_for):
    _, _, widget = opened(spots(60, seed=0))
    tab, shown = widget.training, []
    tab.job.progressed.connect(lambda progress: shown.append(tab.strip.pairs))
    assert "60 images of 12 × 14 pixels" in tab.hint.text()
    assert "few" in tab.hint.text()
    train(qtbot, widget, wait_for)
    assert tab.curve._places == list(range(STEPS + 1))
    assert tab.curve.risks[-1] < tab.curve.risks[0] / 2
    assert tab.strip.isVisible()
    pairs = [one for one in shown if one is not None]
    assert pairs[-1].shape == (2, 6, 12, 14)  # a tenth of 60
    assert not np.allclose(pairs[0][1], pairs[-1][1])
    assert files() == ["picture-K4-dense.safetensors"]
    generator = generator_of(str(preferred_model_folder() / "generators" / files()[0]))[0]
    counts = np.sqrt(generator.error) * generator.span
    assert f"{counts:.3g} counts" in tab.said.text()
    assert files()[0] in tab.said.text()
    editor = widget.panel.editor
    assert Path(editor.value.weights).name == files()[0]
    assert "54 images" in editor.details.text()
    assert "K = 4, dense" in editor.details.text()


def test_stopping_keeps_the_best_so_far(opened, spots, qtbot, wait_for):
    _, _, widget = opened(spots(60, seed=0), steps=100_000)
    tab = widget.training
    click(qtbot, tab.train_button)
    wait_for(lambda: len(tab.curve.risks) > 5)
    assert not tab.source.isEnabled()
    click(qtbot, tab.stop_button)
    wait_for(lambda: not tab.job.running)
    assert tab.said.text().startswith("Stopped.")
    facts = generator_of(widget.panel.editor.value.weights)[0].facts
    assert 5 <= int(facts["steps"]) < 100_000
    assert float(facts["held_out"]) == min(tab.curve.risks)


def test_cancelling_leaves_nothing(opened, spots, qtbot, wait_for):
    _, _, widget = opened(spots(60, seed=0), steps=100_000)
    tab = widget.training
    click(qtbot, tab.train_button)
    wait_for(lambda: tab.progress.isVisible() and tab.curve.risks)
    click(qtbot, tab.progress.cancel_button)
    wait_for(lambda: not tab.job.running)
    assert tab.messages.text() == "Cancelled; nothing was written."
    assert files() == []
    assert tab.train_button.isEnabled()


def test_removing_the_layer_ends_its_training_and_says_so(opened, spots, qtbot, wait_for):
    viewer, layer, widget = opened(spots(60, seed=0), steps=100_000)
    tab = widget.training
    click(qtbot, tab.train_button)
    wait_for(lambda: tab.curve.risks)
    viewer.layers.remove(layer)
    wait_for(lambda: not tab.job.running)
    assert tab.messages.text() == "'picture' was removed; nothing was written."
    assert files() == []
    assert not tab.train_button.isEnabled()


def test_closing_the_dock_while_it_trains_is_quiet(opened, spots, qtbot, wait_for):
    viewer, _, widget = opened(spots(60, seed=0), steps=100_000)
    click(qtbot, widget.training.train_button)
    wait_for(lambda: widget.training.curve.risks)
    viewer.window.remove_dock_widget(widget)
    qtbot.wait(300)
    assert not widget.training.job.running
    assert files() == []
    viewer.add_image(spots(20, seed=1))  # nobody listens any more
    viewer.dims.set_point(0, 3)


def test_only_one_class_is_trained_on_by_a_column_or_by_labels(opened, spots, qtbot, wait_for):
    kinds = np.array(["two", "seven"])[np.arange(60) % 3 // 2]
    images = spots(60, seed=0)
    viewer, layer, widget = opened(images, metadata={FEATURES: {"digit": kinds, "weight": np.arange(3)}})
    choice = widget.training.choice
    assert [choice.by.itemText(i) for i in range(choice.by.count())] == ["All images", "digit"]
    assert choice.chosen is None
    choice.by.setCurrentText("digit")
    choice.value.setCurrentIndex(choice.value.findText("two (40 images)"))
    assert choice.chosen == tuple(np.flatnonzero(kinds == "two"))
    assert widget.training.hint.text().startswith("40 images")
    train(qtbot, widget, wait_for)
    assert files() == ["picture-two-K4-dense.safetensors"]
    assert generator_of(widget.panel.editor.value.weights)[0].facts["images"] == "36"
    labels = np.zeros(images.shape, int)
    labels[:, 2, 2:5], labels[:, 3, 3] = 1 + np.arange(60)[:, None] % 2, 9
    viewer.add_labels(labels, name="classes")
    viewer.layers.selection.active = layer
    choice.by.about_to_show.emit()
    choice.by.setCurrentText("labels: classes")
    choice.value.setCurrentIndex(choice.value.findText("2 (30 images)"))
    assert choice.chosen == tuple(range(1, 60, 2))


def test_columns_come_from_mappings_and_tables_with_a_row_for_each_image():
    table = pandas.DataFrame({"kind": list("abab"), "long": [0.1, 0.2, 0.3, 0.4]})
    gaps = Image(np.zeros((4, 5, 6)), metadata={FEATURES: {"kind": ["a", None, "a", "b"]}})
    assert columns_of(gaps, 4)["kind"].tolist() == ["a", "None", "a", "b"]
    for features in (table, table.to_dict("list")):
        layer = Image(np.zeros((4, 5, 6)), metadata={FEATURES: features})
        assert set(columns_of(layer, 4)) == {"kind", "long"}
        assert columns_of(layer, 5) == {}
    layer.metadata = {FEATURES: "none"}
    assert columns_of(layer, 4) == {}
    planes = np.array([[[0, 0, 3], [3, 1, 0]], [[0, 0, 0], [0, 0, 0]], [[5, 5, 5], [7, 0, 0]]])
    assert dominant_labels(planes).tolist() == [3, 0, 5]


def test_too_few_images_and_a_single_brightness_give_messages(opened, spots, qtbot, wait_for):
    viewer, _, widget = opened(spots(6, seed=0))
    train(qtbot, widget, wait_for)
    assert "6 images" in widget.training.messages.text()
    viewer.add_image(np.full((20, 8, 8), 7, np.float32), name="flat")
    train(qtbot, widget, wait_for)
    assert "all pixels have the value 7" in widget.training.messages.text()
    assert files() == []


def test_a_folder_that_cannot_be_written_is_told_before_training(
    opened, spots, qtbot, wait_for, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(
        "napari_shrinkage.gui.generator_training.preferred_model_folder", lambda: tmp_path / "file"
    )
    _, _, widget = opened(spots(60, seed=0))
    train(qtbot, widget, wait_for)
    assert "Nothing can be written" in widget.training.messages.text()
    assert not widget.training.curve.risks


def test_a_run_restores_as_the_console_does_and_tells_unlike_images(
    denoising, noisy_spots, generator_prior, qtbot, wait_for
):
    _, layer, widget = denoising
    panel = widget.panel
    run(qtbot, widget, wait_for)
    result = panel.results.layer_of(layer)
    expected = ns.restore(noisy_spots, generator_prior, noise=SIGMA, axes="TYX")
    np.testing.assert_allclose(result.data, expected, atol=1e-3)
    stack = ns.Stack(noisy_spots, "TYX")
    found = generator_misfit(stack, stack.with_array(expected), ns.Gaussian(SIGMA), generator_prior)
    assert np.flatnonzero(found.out.ravel()).tolist() == [5]
    assert "1 of 12 images is unlike" in panel.doubt.text()
    assert ": 5. What is shown of it" in panel.doubt.text()
    columns = result.metadata[FEATURES]
    assert columns["unlike"].tolist() == found.out.ravel().tolist()
    np.testing.assert_allclose(columns["residual"], found.residual.ravel(), rtol=1e-3)
    assert record_of_layer(result).plans[0].restorer.weights == generator_prior.weights
    assert panel.plot.isVisible()
    np.testing.assert_allclose(panel.plot.ratios, (found.residual / found.limit).ravel(), rtol=1e-3)


def test_the_unlike_images_are_a_click_away(denoising, qtbot, wait_for):
    viewer, _, widget = denoising
    panel = widget.panel
    viewer.dims.set_point(0, 9)
    run(qtbot, widget, wait_for)
    assert panel.plot._current == 9
    click(qtbot, panel.later)  # round the end
    assert viewer.dims.current_step[0] == 5
    assert panel.plot._current == 5
    viewer.dims.set_point(0, 2)
    click(qtbot, panel.earlier)
    assert viewer.dims.current_step[0] == 5
    panel.plot.chosen.emit(3)
    assert viewer.dims.current_step[0] == 3
    panel.noise.setValue(ns.Gaussian(2 * SIGMA))  # what was found is not known of other settings
    assert not panel.plot.isVisible()
    assert not panel.doubt.isVisible()


def test_a_preview_equals_the_run(denoising, qtbot, wait_for):
    viewer, layer, widget = denoising
    panel = widget.panel
    viewer.dims.set_point(0, 4)
    click(qtbot, panel.preview_button)
    wait_for(lambda: panel.live.last is not None and not panel.live.busy)
    preview = panel.live.last
    run(qtbot, widget, wait_for)
    whole = panel.results.layer_of(layer).data[preview.request.region]
    np.testing.assert_allclose(preview.values, whole, atol=2e-3)
    assert np.ptp(whole) > 20


def test_like_images_are_said_to_be_like(open_widget, spots, generator_prior, qtbot, wait_for):
    clean = spots(4, seed=9)
    noise = SIGMA * np.random.default_rng(1).standard_normal(clean.shape)
    _, _, widget = open_widget((clean + noise).astype(np.float32), GeneratorWidget)
    widget.panel.editor.setValue(generator_prior)
    widget.panel.noise.setValue(ns.Gaussian(SIGMA))
    widget.tabs.setCurrentIndex(1)
    run(qtbot, widget, wait_for)
    assert widget.panel.doubt.text().startswith("All 4 images are like")
    assert not widget.panel.unlike_row.isVisible()


def test_images_of_another_size_give_a_message_with_both_sizes(denoising, qtbot, wait_for):
    viewer, _, widget = denoising
    viewer.add_image(np.random.default_rng(0).normal(size=(5, 16, 16)).astype(np.float32), name="other")
    assert widget.panel.source.layer.name == "other"
    assert "other size" in widget.panel.editor.generators.currentText()
    run(qtbot, widget, wait_for)
    assert "12 x 14" in widget.panel.messages.text()
    assert "16 x 16" in widget.panel.messages.text()
    assert widget.panel.run_button.isEnabled()


def test_a_file_that_is_gone_gives_a_message(denoising, generator_prior, tmp_path, qtbot, wait_for):
    _, _, widget = denoising
    widget.panel.editor.setValue(generator_prior.replace(weights=str(tmp_path / "gone.safetensors")))
    run(qtbot, widget, wait_for)
    assert "gone.safetensors" in widget.panel.messages.text()
    assert first_value(None) == ns.GeneratorPrior()
    gone = ns.Recipe.of(generator_prior.replace(weights=str(tmp_path / "gone.safetensors")))
    assert first_value(gone).weights is None
    assert first_value(ns.Recipe.of(generator_prior)) == generator_prior


def test_a_generator_of_the_right_size_is_chosen_by_itself(open_widget, spots, noisy_spots, qtbot, wait_for):
    folder = preferred_model_folder() / "generators"
    for side in (12, 10):
        images = spots(40, seed=0)[:, :side]
        path = folder / f"rows-{side}.safetensors"
        ns.fit(images, ns.GeneratorPrior(latent=3, network="dense"), axes="TYX", iterations=3, save_as=path)
    (folder / "text.safetensors").write_text("no weights")
    assert {one.title for one in known_generators(folder)} == {"rows-12", "rows-10"}
    viewer, _, widget = open_widget(noisy_spots[:, :10], GeneratorWidget)
    assert widget.panel.editor.generators.currentText() == "rows-10"
    viewer.add_image(noisy_spots)
    widget.tabs.setCurrentIndex(1)
    viewer.add_image(noisy_spots, name="again")
    assert widget.panel.editor.generators.currentText() == "rows-12"


def test_only_the_tab_in_sight_follows_the_selection(opened, spots, noisy_spots):
    viewer, layer, widget = opened(spots(60, seed=0))
    widget.tabs.setCurrentIndex(1)
    other = viewer.add_image(noisy_spots, name="noisy")
    assert widget.panel.source.layer is other
    assert widget.training.source.layer is layer


def test_settings_of_other_methods_are_refused(denoising):
    _, _, widget = denoising
    with pytest.raises(ValueError, match="restores by a generator"):
        widget.panel.editor.setValue(ns.Let())


def test_lengths_are_compared_on_images_that_no_generator_saw(opened, spots, qtbot, wait_for):
    images = spots(60, seed=0)
    _, _, widget = opened(images)
    widget.tabs.setCurrentIndex(2)
    tab = widget.comparison
    tab.lengths.setText("1, 4")
    tab.strengths.setText("0, 0.9")
    tab.steps.setValue(60)
    click(qtbot, tab.compare_button)
    wait_for(lambda: not tab.job.running)
    assert [(one.latent, one.strength) for one in tab.errors] == [(1, 0), (1, 0.9), (4, 0), (4, 0.9)]
    learned, tested = split_images(ns.Stack(images, "TYX"))
    assert (len(learned.array), len(tested)) == (48, 12)
    assert not (learned.array[:, None] == tested[None]).all((2, 3)).any()
    restorers = list(tab.workshop.made.values())
    expected = latent_errors(tested, restorers, (0.0, 0.9), draws=3)
    for shown, own in zip(tab.errors, expected, strict=True):
        assert astuple(shown) == pytest.approx(astuple(own), rel=1e-4)
    assert tab.table.rowCount() == 4
    assert tab.plot.isVisible()
    assert tab.verdict.text().startswith(f"Least error: K = {best_at(0, tab.errors).latent} at 0")
    click(qtbot, tab.copy_button)
    assert QApplication.clipboard().text() == markdown(tab.errors)
    trained = dict(tab.workshop.made)
    tab.strengths.setText("0.3")
    click(qtbot, tab.compare_button)
    wait_for(lambda: not tab.job.running)
    assert tab.workshop.made == trained  # not trained again
    assert len(tab.errors) == 2
    assert files() == []


def test_an_offset_of_the_camera_is_no_signal(spots):
    images = spots(40, seed=0)
    _, tested = split_images(ns.Stack(images, "TYX"))
    _, shifted = split_images(ns.Stack(images + 1000, "TYX"))
    np.testing.assert_allclose(tested, shifted, atol=1e-3)
    assert np.percentile(tested, 0.1) == pytest.approx(0, abs=0.5)


def test_what_is_no_stack_of_images_cannot_be_compared(opened, qtbot, wait_for):
    _, _, widget = opened(np.zeros((8, 12, 14), np.float32))
    widget.tabs.setCurrentIndex(2)
    click(qtbot, widget.comparison.compare_button)
    wait_for(lambda: not widget.comparison.job.running)
    assert "at least 20 images" in widget.comparison.messages.text()
    widget.comparison.lengths.setText("5, many")
    click(qtbot, widget.comparison.compare_button)
    assert "5, many" in widget.comparison.messages.text()
    assert counting_axis(ns.Stack(np.zeros((2, 3, 4, 5)), "TZYX")) is None


def test_numbers_are_read_with_commas_and_within_limits():
    assert numbers("5, 10;5 ,20", int, 1, 64, "K") == (5, 10, 20)
    for text in ("", "0", "65", "1.5", "a"):
        with pytest.raises(ValueError, match="expected 1 to 10 numbers"):
            numbers(text, int, 1, 64, "K")


def test_the_best_length_is_the_one_of_least_error_at_that_noise():
    def error(latent, strength, total):
        return LatentError(latent, strength, 1.0, total, 0.5 * total, 0.5 * total, 0.0)

    errors = (error(5, 0.0, 4.0), error(9, 0.0, 2.0), error(5, 0.3, 5.0), error(9, 0.3, 6.0))
    assert [best_at(s, errors).latent for s in (0.0, 0.3)] == [9, 5]
    rows = markdown(errors).splitlines()
    assert len(rows) == 6
    assert [("★" in row) for row in rows[2:]] == [False, True, True, False]
