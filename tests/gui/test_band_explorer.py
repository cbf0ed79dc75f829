"""The band explorer, dragged in a real viewer: what it shows is what is restored, and numbers travel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_shrinkage as ns
from napari_shrinkage.engine import drain
from napari_shrinkage.gui.band_content import BandWish, loading
from napari_shrinkage.gui.band_explorer import BandExplorer
from napari_shrinkage.gui.band_plot import folded
from napari_shrinkage.gui.band_views import BandGrid, FrequencyView
from napari_shrinkage.gui.content import Content
from napari_shrinkage.gui.kept_analysis import AnalysisKeeper
from napari_shrinkage.gui.learn_widget import LearnWidget
from napari_shrinkage.noise import Autocorrelation
from napari_shrinkage.recipe import Recipe, Step
from napari_shrinkage.tiles import restore_region

WAVELET = ns.Shrinkage(transform=ns.Wavelet(wavelet="db2", levels=2))
STATIONARY = ns.Shrinkage(transform=ns.StationaryWavelet(levels=2))


@pytest.fixture
def explored(open_widget, wait_for):
    """Return a function that opens the widget on an image and the explorer on its bands."""

    def opened(image, method, noise=None, **attributes):
        viewer, layer, widget = open_widget(image, LearnWidget, **attributes)
        widget.editor.setValue(method)
        widget.noise.setValue(noise)
        widget.open_bands()
        wait_for(lambda: widget.explorer.bands is not None and not widget.explorer.job.running)
        return viewer, layer, widget

    return opened


def drag(widget, key, threshold, wait_for):
    before = widget.live.last
    widget.explorer.view.plots[key].line.setValue(threshold)
    wait_for(lambda: widget.live.last is not before and not widget.live.busy)
    return widget.live.last


def expected(image, preview, values, **settings):
    restorer = preview.plan.restorer.replace(threshold=ns.PerBand(values=values))
    whole = ns.restore(image, restorer, noise=preview.plan.noise, **settings)
    return whole[preview.request.region]


def is_equal(values, other):
    return np.abs(values - other).max() <= 1e-5 * np.ptp(other)


@pytest.mark.parametrize("method", [WAVELET, STATIONARY], ids=["decimated", "stationary"])
def test_a_drag_shows_what_is_restored_with_this_threshold(explored, noisy, wait_for, method):
    _, _, widget = explored(noisy, method, ns.Gaussian(10.0))
    chosen = dict(widget.explorer.bands.starting)
    for key, threshold in (("1/dd", 2.5), ("1/dd", 0.4), ("2/ad", 3.0), ("1/dd", 1.0)):
        preview = drag(widget, key, threshold, wait_for)
        chosen[key] = (threshold,)
        assert widget.editor.value.threshold == ns.PerBand(values=chosen)
        assert is_equal(preview.values, expected(noisy, preview, chosen))
    assert np.abs(preview.values - noisy[preview.request.region]).max() > 1


@pytest.mark.parametrize(("axes", "rgb"), [("YXC", True), ("CYX", False)])
def test_channels_have_thresholds_of_their_own(explored, noisy, wait_for, axes, rgb):
    image = np.stack([noisy, 2 * noisy[::-1], noisy[:, ::-1]], -1 if rgb else 0)
    image = image / image.max() if rgb else image
    attributes = {"rgb": True} if rgb else {"axis_labels": ("c", "y", "x")}
    _, _, widget = explored(image, WAVELET, **attributes)
    explorer = widget.explorer
    assert explorer.channel.count() == 3
    first = explorer.bands.starting["1/ad"]
    explorer.channel.setCurrentIndex(2)
    assert explorer.view.plots["1/ad"].threshold == pytest.approx(first[2])
    preview = drag(widget, "1/ad", 2.0, wait_for)
    wanted = {**explorer.bands.starting, "1/ad": (first[0], first[1], 2.0)}
    assert explorer.values == wanted
    assert is_equal(preview.values, expected(image, preview, wanted, axes=axes))


def test_buttons_set_every_band(explored, noisy, wait_for, qtbot):
    _, _, widget = explored(noisy, WAVELET.replace(threshold=ns.Ratio(r=1.5)), ns.Gaussian(10.0))
    explorer = widget.explorer
    assert set(explorer.values.values()) == {(1.5,)}
    for name, selector in (("bayes", ns.Bayes()), ("sure", ns.Sure())):
        qtbot.mouseClick(explorer.buttons[name], Qt.MouseButton.LeftButton)
        plan = ns.engine.resolve(
            Step(WAVELET.replace(threshold=selector), ns.Gaussian(10.0)), ns.Stack(noisy)
        )
        for key, (value,) in plan.restorer.threshold.values.items():
            assert explorer.values[key][0] == pytest.approx(value, abs=2e-3)
            assert explorer.view.plots[key].threshold == explorer.values[key][0]
    for name in ("learned", "oracle"):
        assert not explorer.buttons[name].isEnabled()
        assert "Not available" in explorer.buttons[name].toolTip()


def test_the_truth_adds_the_oracle_which_no_other_choice_beats(explored, noisy, wait_for, qtbot):
    y, x = np.mgrid[:96, :128]
    clean = (100 + 40 * np.sin(x / 9) + 30 * (y > 48)).astype(np.float32)
    viewer, layer, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    truth = viewer.add_image(clean, name="truth")
    viewer.layers.selection.active = layer
    explorer = widget.explorer
    explorer.truth.choose(truth)
    wait_for(lambda: explorer.buttons["oracle"].isEnabled())
    errors = {}
    for name in ("bayes", "sure", "oracle"):
        explorer.set_all(name)
        errors[name] = sum(
            float(band.curve(explorer.values[key][channel]))
            for (key, channel), band in explorer.bands.found.items()
        )
    assert errors["oracle"] <= min(errors.values())
    assert errors["oracle"] < errors["bayes"]


def test_thresholds_set_by_hand_do_not_hold_back_a_truth_other_noise_or_another_image(
    explored, noisy, wait_for
):
    viewer, layer, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    explorer = widget.explorer
    truth = viewer.add_image(np.zeros_like(noisy), name="truth")
    viewer.layers.selection.active = layer
    for act in (
        lambda: explorer.truth.choose(truth),
        lambda: widget.noise.setValue(ns.Gaussian(5.0)),
        lambda: widget.source.choose(truth),
    ):
        explorer.set_all("bayes")
        before, kept = explorer.bands, explorer.values
        act()
        wait_for(lambda: explorer.bands is not before and not explorer.job.running)  # noqa: B023
        assert explorer.values == kept
    assert explorer.bands.wish.content is widget.source.content


def test_a_method_without_such_bands_shows_none(explored, noisy, wait_for):
    _, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    explorer = widget.explorer
    fixed = WAVELET.replace(threshold=ns.PerBand(values=explorer.values))
    widget.editor.setValue(ns.Let())
    wait_for(lambda: explorer.view is None and not explorer.job.running)
    assert "weights" in explorer.messages.text()
    assert not any(button.isEnabled() for button in (*explorer.buttons.values(), explorer.export_button))
    widget.editor.setValue(fixed)
    wait_for(lambda: explorer.view is not None)
    assert not explorer.messages.text()
    assert explorer.buttons["sure"].isEnabled()


def test_without_an_image_there_are_no_bands(explored, noisy, wait_for):
    viewer, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    widget.noise.setValue(ns.Gaussian(5.0))
    viewer.layers.clear()
    wait_for(lambda: not widget.explorer.job.running)
    assert widget.explorer.bands is None
    assert widget.explorer.view is None
    assert not widget.explorer.export_button.isEnabled()
    viewer.add_image(noisy)
    wait_for(lambda: widget.explorer.view is not None)


def test_thresholds_for_other_channels_are_told_of(explored, noisy, wait_for):
    two = np.stack([noisy, noisy[::-1]])
    viewer, _, widget = explored(two, WAVELET, axis_labels=("c", "y", "x"))
    widget.explorer.set_all("bayes")
    viewer.add_image(noisy, name="one channel")
    wait_for(lambda: "2 thresholds" in widget.explorer.messages.text())
    assert widget.explorer.view is None


@pytest.mark.parametrize("rule", [ns.Soft(), ns.Hard(), ns.Garrote()], ids=lambda rule: rule.name)
def test_what_buttons_need_is_worked_out_in_the_worker(noisy, rule):
    wish = BandWish(
        Content(ns.Stack(noisy)), WAVELET.replace(rule=rule), ns.Gaussian(10.0), ns.Stack(noisy - 1)
    )
    bands = drain(loading(wish, None))
    assert all({"thresholds"} <= set(vars(band)) for band in bands.found.values())


def test_export_and_import_are_a_round_trip(explored, noisy, wait_for, tmp_path):
    _, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    explorer, path = widget.explorer, tmp_path / "thresholds.json"
    drag(widget, "2/dd", 3.3, wait_for)
    wanted = explorer.values
    explorer.export_to(path)
    explorer.set_all("bayes")
    assert explorer.values != wanted
    explorer.import_from(path)
    assert explorer.values == wanted
    assert widget.editor.value.threshold == ns.PerBand(values=wanted)
    assert ns.load_recipe(path).steps[0].noise == ns.Gaussian(10.0)


def test_a_recipe_without_these_thresholds_is_told_of(explored, noisy, tmp_path):
    _, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    explorer, before = widget.explorer, widget.explorer.values
    path = tmp_path / "other.json"
    few = ns.Shrinkage(threshold=ns.PerBand(values={"1/dd": (1.0,)}))
    colour = ns.Shrinkage(threshold=ns.PerBand(values=dict.fromkeys(before, (1.0, 2.0, 3.0))))
    for restorer, word in ((few, "1/ad"), (ns.Shrinkage(), "Bayes"), (colour, "channels"), (ns.Let(), "LET")):
        ns.save_recipe(Recipe.of(restorer), path)
        explorer.import_from(path)
        assert word in explorer.messages.text()
        assert explorer.values == before
    path.write_text(json.dumps({"no": "recipe"}))
    explorer.import_from(path)
    assert "other.json" in explorer.messages.text()
    explorer.import_from(tmp_path / "missing.json")
    assert "missing.json" in explorer.messages.text()
    ns.save_recipe(Recipe.of(ns.Shrinkage(threshold=ns.Ratio(r=2.0))), path)
    explorer.import_from(path)
    assert set(explorer.values.values()) == {(2.0,)}


def test_a_double_click_takes_a_threshold_back(explored, noisy, wait_for):
    _, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    explorer = widget.explorer
    first = explorer.values
    drag(widget, "1/dd", 0.3, wait_for)
    explorer.view.plots["1/dd"].reset.emit()
    assert explorer.values == first
    assert explorer.view.plots["1/dd"].threshold == pytest.approx(first["1/dd"][0])


def test_another_transform_brings_its_own_bands(explored, noisy, wait_for):
    _, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    explorer = widget.explorer
    assert set(explorer.view.plots) == {"1/ad", "1/da", "1/dd", "2/ad", "2/da", "2/dd"}
    widget.editor.setValue(WAVELET.replace(transform=ns.Wavelet(levels=1)))
    wait_for(lambda: not explorer.job.running and len(explorer.view.plots) == 3)
    assert isinstance(explorer.view, BandGrid)
    widget.editor.setValue(ns.Let())
    wait_for(lambda: not explorer.job.running and "weights" in explorer.messages.text())


def test_a_dct_is_a_map_of_thresholds_and_one_plot(explored, noisy, wait_for):
    dct = ns.Shrinkage(transform=ns.SlidingDCT(), rule=ns.Hard(), threshold=ns.Profile(low=2.0, high=3.0))
    _, _, widget = explored(noisy, dct, ns.Gaussian(10.0))
    view = widget.explorer.view
    assert isinstance(view, FrequencyView)
    assert view.map.values.shape == (8, 8)
    assert np.isnan(view.map.values[0, 0])
    assert view.map.values[7, 7] == pytest.approx(3.0)
    view.map.picked.emit(3, 5)
    assert view.key == "3,5"
    view.plot.line.setValue(1.25)
    assert view.map.values[3, 5] == 1.25
    assert widget.editor.value.threshold.values["3,5"] == (1.25,)
    assert not widget.explorer.buttons["sure"].isEnabled()
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    preview = widget.live.last
    assert is_equal(preview.values, expected(noisy, preview, widget.explorer.values))


def test_closing_the_dock_lets_go(explored, noisy, wait_for):
    viewer, _, widget = explored(noisy, WAVELET, ns.Gaussian(10.0))
    assert widget.live.keeper is not None
    viewer.window.remove_dock_widget(widget.explorer)
    wait_for(lambda: widget.explorer is None)
    assert widget.live.keeper is None
    widget.editor.setValue(STATIONARY)
    widget.open_bands()
    wait_for(lambda: widget.explorer.bands is not None)
    assert isinstance(widget.explorer, BandExplorer)


@pytest.mark.parametrize("noise", [ns.Gaussian(10.0), ns.PoissonGaussian(gain=2.0, read_std=3.0)])
@pytest.mark.parametrize("method", [WAVELET, STATIONARY], ids=["decimated", "stationary"])
def test_kept_analyses_change_no_pixel(noisy, method, noise):
    stack, keeper = ns.Stack(noisy), AnalysisKeeper()
    correlated = noise.replace(autocorrelation=Autocorrelation(((0.2, 1.0, 0.2),)))
    for model in (noise, correlated):
        plan = ns.engine.resolve(Step(method, model), stack, "cpu")
        values = dict(plan.restorer.threshold.values)
        for key, t in (("1/ad", 0.0), ("1/ad", 2.0), ("2/dd", 1.0), ("2/dd", 4.0)):
            values[key] = (t,)
            moved = ns.engine.resolve(
                Step(plan.restorer.replace(threshold=ns.PerBand(values=values)), model), stack, "cpu"
            )
            assert keeper.served(moved) is not moved
            whole = restore_region(moved, stack, None)
            assert is_equal(restore_region(keeper.served(moved), stack, None), whole)
            part = (slice(10, 60), slice(20, 90))
            assert is_equal(restore_region(keeper.served(moved), stack, part), whole[part])


def test_methods_whose_bands_move_about_are_not_kept(noisy):
    stack, keeper = ns.Stack(noisy), AnalysisKeeper()
    for method in (WAVELET.replace(spins=2), ns.Let(), ns.restorers.named("dct")):
        plan = ns.engine.resolve(Step(method, ns.Gaussian(10.0)), stack, "cpu")
        assert keeper.served(plan) is plan


def test_sizes_are_counted_from_both_signs():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(5000)
    counts, edges = np.histogram(values, np.linspace(-3, 3, 62))
    sizes, folded_counts = folded(edges, counts)
    direct, _ = np.histogram(np.abs(values), sizes)
    assert folded_counts[0] == 2 * direct[0]
    assert np.array_equal(folded_counts[1:], direct[1:])
