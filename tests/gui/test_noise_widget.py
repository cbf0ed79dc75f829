"""The noise lab, clicked in a real viewer: measuring, regions, plots, profiles and calibration."""

from __future__ import annotations

import json
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QInputDialog, QLabel, QMessageBox
from scipy.ndimage import gaussian_filter

from napari_shrinkage.calibration import Calibration
from napari_shrinkage.engine import drain
from napari_shrinkage.estimators import FlatBlocks, FrameDifferences, FromImage, Mad
from napari_shrinkage.estimators.correlation import SIDE
from napari_shrinkage.gui.calibration_dialog import calibrated
from napari_shrinkage.gui.kept_noise import keep_noise, kept_noise
from napari_shrinkage.gui.noise_curves import calibration_curve, measured_power, model_power
from napari_shrinkage.gui.noise_regions import region_mask, within
from napari_shrinkage.gui.noise_row import GIVEN, OWN, TAKEN, NoiseRow
from napari_shrinkage.gui.noise_widget import NoiseWidget, found_in
from napari_shrinkage.gui.noise_words import in_short, numbers_table
from napari_shrinkage.gui.plots import log_ticks
from napari_shrinkage.noise import Autocorrelation, CalibratedCamera, Gaussian, NoiseCurve, PoissonGaussian
from napari_shrinkage.stack import Stack

GAIN, OFFSET, READ = 3.0, 100.0, 2.0
SHIFTED = Autocorrelation.from_kernel([[1.0, 1.0]])


@pytest.fixture(scope="module")
def camera_image():
    """Smooth blobs as a camera with shot noise and read noise sees them."""
    y, x = np.mgrid[:256, :256]
    electrons = 20 + 80 * (1 + np.sin(x / 20) * np.cos(y / 25))
    rng = np.random.default_rng(0)
    counts = OFFSET + GAIN * rng.poisson(electrons) + READ * rng.standard_normal(electrons.shape)
    return counts.astype(np.float32)


@pytest.fixture(scope="module")
def correlated():
    """A step with noise of std 10 that neighbours along X share."""
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((192, 192)), (0, 1))
    return (100 + 40 * (np.arange(192) > 96) + 10 * noise / noise.std()).astype(np.float32)


@pytest.fixture
def measured(open_widget, wait_for):
    """Return a function that opens the Noise widget on an image and waits for its measurement."""

    def opened(image, **attributes):
        viewer, layer, widget = open_widget(image, NoiseWidget, **attributes)
        settle(widget, wait_for)
        return viewer, layer, widget

    return opened


def settle(widget, wait_for):
    wait_for(lambda: widget.measured is not None and not widget.job.running)


def menu_entries(widget):
    """Return the entries of the menu "Profiles" by their text, as it is when it is opened."""
    widget.profiles.refill()
    return {action.text(): action for action in widget.profiles.menu().actions()}


def square(start, side):
    """Return the corners of a square."""
    return np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * float(side) + start


def frames(rng, electrons, count=12):
    shape = (count, 40, 40)
    return OFFSET + GAIN * rng.poisson(electrons, shape) + READ * rng.standard_normal(shape)


def test_the_gain_of_a_camera_is_measured_and_its_photon_transfer_drawn(measured, camera_image):
    _, _, widget = measured(camera_image)
    assert widget.model.gain == pytest.approx(GAIN, rel=0.1)
    assert f"{widget.model.gain:.3g}" in widget.findings.numbers.text()
    assert widget.findings.verdict.text() == widget.model.verdict
    (curve,) = widget.findings.transfer.plot.curves
    assert len(curve.means) > 10
    assert np.polyfit(curve.line_means, curve.line_variances, 1)[0] == pytest.approx(
        widget.model.gain, rel=1e-3
    )
    drawn = widget.findings.transfer.plot._plot.listDataItems()
    assert len(drawn) == 2
    widget.findings.transfer.logarithmic.setChecked(True)
    points = widget.findings.transfer.plot._plot.listDataItems()[0].getData()[0]
    assert np.allclose(points, np.log10(curve.means))


def test_white_noise_shows_its_spectrum_and_correlated_noise_its_picture(
    measured, camera_image, correlated, wait_for
):
    _, layer, widget = measured(camera_image)
    view = widget.findings.correlation
    widget.findings.tabs.setCurrentWidget(view)
    assert "White" in view.sentence.text()
    assert not view.picture.isVisible()
    assert view.power.measured[0] is not None
    layer.data = correlated
    wait_for(lambda: view.picture.lags is not None)
    assert view.picture.isVisible()
    rows, columns = (n // 2 for n in view.picture.lags.shape)
    assert view.picture.lags[rows, columns] == 1
    expected = np.exp(-1 / 4)  # of neighbours after a Gaussian of std 1
    assert view.picture.lags[rows, columns + 1] == pytest.approx(expected, abs=0.1)
    box = view.picture.image.mapRectToParent(view.picture.image.boundingRect())
    assert (box.center().x(), box.center().y()) == (0, 0)
    assert f"{view.picture.lags[rows, columns + 1]:.3f}" in view.picture.correlation_at(1.2, -0.3)
    assert view.picture.correlation_at(columns + 1, 0) == ""
    view.picture._moved(QPointF(-1000, 0))  # the mouse has left the picture
    assert view.sentence.text().startswith("Correlated")


def test_colours_are_named_and_drawn_in_their_colours(measured):
    noise = np.random.default_rng(0).standard_normal((96, 96, 3))
    _, _, widget = measured((100 + noise * (4, 8, 12)).astype(np.float32), rgb=True)
    text = widget.findings.numbers.text()
    assert all(name in text for name in ("Red", "Green", "Blue"))
    assert [curve.name for curve in widget.findings.transfer.plot.curves] == ["Red", "Green", "Blue"]
    assert (
        len(
            {
                item.opts["pen"].color().name()
                for item in widget.findings.transfer.plot._plot.listDataItems()[3:]
            }
        )
        == 3
    )


def test_a_method_without_points_draws_a_line_and_an_untrusted_number_a_warning(measured, wait_for):
    image = np.random.default_rng(0).integers(0, 2, (96, 96)).astype(np.float32)
    _, _, widget = measured(image)
    assert not widget.measured.measurement.trusted
    assert widget.findings.verdict.text().startswith("⚠")
    assert widget.findings.verdict.styleSheet()
    widget.estimator.setValue(Mad())
    settle(widget, wait_for)
    (curve,) = widget.findings.transfer.plot.curves
    assert len(curve.means) == 0
    assert np.allclose(curve.line_variances, widget.model.sigma**2)
    assert "no points" in widget.findings.transfer.legend.text()


def test_a_region_restricts_what_is_measured_and_follows_its_drawing(measured, wait_for):
    rng = np.random.default_rng(0)
    image = (100 + rng.standard_normal((160, 160)) * np.where(np.arange(160) < 80, 5, 20)).astype(np.float32)
    viewer, layer, widget = measured(image, scale=(2, 2), translate=(10, 10))
    shapes = viewer.add_shapes([2 * square((10, 5), 70) + 10], name="flat")
    viewer.layers.selection.active = layer
    widget.region.choose(shapes)
    settle(widget, wait_for)
    assert widget.model.sigma == pytest.approx(5, rel=0.1)
    assert widget.measured.histograms[0].counts.sum() == 71**2
    shapes.data = [2 * square((10, 85), 70) + 10]
    wait_for(lambda: widget.measured is None)
    settle(widget, wait_for)
    assert widget.model.sigma == pytest.approx(20, rel=0.1)
    shapes.data = []
    wait_for(lambda: "no area" in widget.messages.text())
    assert widget.measured is None
    viewer.layers.remove(shapes)
    settle(widget, wait_for)
    assert widget.measured.histograms[0].counts.sum() == image.size


def test_a_region_is_where_it_is_drawn_whatever_the_scales_and_axes():
    from napari.layers import Image, Shapes

    layer = Image(np.zeros((4, 60, 80)), scale=(1, 2, 3), translate=(0, 5, 7))
    stack = Stack(np.arange(4 * 60 * 80).reshape(4, 60, 80), "ZYX")
    corners = square((10, 20), 9) * (2, 3) + (5, 7)
    shapes = Shapes([corners / 0.5], scale=(0.5, 0.5))
    mask = region_mask(shapes, layer, stack)
    assert np.argwhere(mask).min(axis=0).tolist() == [10, 20]
    assert np.argwhere(mask).max(axis=0).tolist() == [19, 29]
    part = within(stack, mask)
    values = np.asarray(part.array)
    assert part.axes == "ZYX"
    assert np.isfinite(values).sum() == 4 * mask.sum()
    assert np.array_equal(values[np.isfinite(values)], stack.array[:, mask].ravel())
    line = Shapes([corners[:2]], shape_type="line", name="a line")
    with pytest.raises(ValueError, match="no area"):
        region_mask(line, layer, stack)
    with pytest.raises(ValueError, match="outside"):
        region_mask(Shapes([corners + 1000]), layer, stack)


def test_colours_and_transposed_planes_are_cut_along_their_own_axes():
    mask = np.zeros((20, 30), bool)
    mask[3:9, 5:25] = True
    for axes, shape in (("YXC", (20, 30, 3)), ("CXY", (2, 30, 20))):
        values = np.asarray(within(Stack(np.zeros(shape, np.uint8), axes), mask).array)
        assert np.isfinite(values).sum() == mask.sum() * (3 if axes == "YXC" else 2)


def test_a_model_is_kept_shown_in_short_and_forgotten(open_widget, camera_image, qtbot, wait_for):
    viewer, layer, shrinkage = open_widget(camera_image)
    widget = NoiseWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Noise")
    settle(widget, wait_for)
    qtbot.mouseClick(widget.use_button, Qt.MouseButton.LeftButton)
    assert shrinkage.noise.value == widget.model == kept_noise(layer)
    assert shrinkage.noise.mode.currentText() == TAKEN
    assert shrinkage.noise.text.text() == in_short(widget.model)
    assert widget.model.verdict in shrinkage.noise.text.toolTip()
    keep_noise(layer, Gaussian(7.0))
    (other,) = widget.findings.transfer.plot.others  # beside the measured one
    assert np.allclose(other.line_variances, 49)
    qtbot.mouseClick(widget.forget_button, Qt.MouseButton.LeftButton)
    assert shrinkage.noise.value is None
    assert not widget.findings.transfer.plot.others


def test_a_saved_profile_is_offered_applied_exported_and_deleted(
    open_widget, camera_image, qtbot, wait_for, monkeypatch, tmp_path
):
    viewer, layer, shrinkage = open_widget(camera_image)
    widget = NoiseWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Noise")
    settle(widget, wait_for)
    monkeypatch.setattr(QInputDialog, "getText", lambda *args: ("  My  camera ", True))
    widget.profiles.ask_save()
    assert "My camera" in widget.messages.text()
    shrinkage.noise.mode.showPopup()
    shrinkage.noise.mode.hidePopup()
    shrinkage.noise.mode.setCurrentText("Profile: My camera")
    assert shrinkage.noise.value == widget.model
    entries = menu_entries(widget)
    entry = next(text for text in entries if "My camera" in text)
    assert in_short(widget.model) in entry
    entries[entry].trigger()
    assert kept_noise(layer) == widget.model
    widget.profiles.export("My camera", tmp_path / "exported")
    assert json.loads((tmp_path / "exported.json").read_text())["name"] == "My camera"
    monkeypatch.setattr(QMessageBox, "question", lambda *args: QMessageBox.StandardButton.Yes)
    widget.profiles.ask_delete("My camera")
    assert not [text for text in menu_entries(widget) if "My camera" in text]
    widget.profiles.add(tmp_path / "exported.json")
    assert [text for text in menu_entries(widget) if "My camera" in text]
    widget.profiles.add(tmp_path / "missing.json")
    assert "missing.json" in widget.messages.text()


def test_a_name_with_an_ampersand_reads_as_it_is(measured, camera_image):
    _, _, widget = measured(camera_image)
    widget.profiles.save("Fast & low", Gaussian(2.0))
    assert [text for text in menu_entries(widget) if "Fast && low" in text]


def test_a_profile_of_other_channels_is_refused(measured, camera_image):
    _, layer, widget = measured(camera_image)
    widget.profiles.apply(SimpleNamespace(name="RGB", noise=Gaussian((1.0, 2.0, 3.0))))
    assert kept_noise(layer) is None
    assert "3 values" in widget.messages.text()


def test_a_profile_file_that_is_broken_is_told_and_left_out(measured, camera_image, tmp_path):
    _, _, widget = measured(camera_image)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "broken.json").write_text("{")
    widget.profiles.refill()
    tips = [action.toolTip() for action in widget.profiles.menu().actions()]
    assert any("broken.json" in tip for tip in tips)


def test_a_camera_is_calibrated_from_layers_and_saved_as_a_profile(measured, wait_for):
    rng = np.random.default_rng(0)
    viewer, _, widget = measured(np.float32(frames(rng, 10.0)[0]))
    dark = viewer.add_image(frames(rng, 0.0), name="dark")
    flats = [viewer.add_image(frames(rng, level), name=f"flat {level}") for level in (20.0, 100.0, 400.0)]
    widget.profiles.open_calibration()
    dialog = widget.profiles._calibration
    assert [row.layer for row in dialog.choice.rows] == [*reversed(flats), dark]  # the image is no series
    dialog.calibrate()
    assert "dark frames" in dialog.messages.text()
    for flat in flats:
        dialog.choice.row_of(flat).flat.setChecked(True)
    dialog.choice.row_of(dark).flat.setChecked(True)
    dialog.choice.row_of(dark).dark.setChecked(True)
    assert (dialog.choice.dark, len(dialog.choice.flats)) == ([dark], 3)
    dialog.calibrate()
    wait_for(lambda: not dialog.job.running)
    assert dialog.found.gain == pytest.approx(GAIN, rel=0.05)
    (curve,) = dialog.view.plot.curves
    assert len(curve.means) == 4
    assert np.interp(curve.means, curve.line_means, curve.line_variances) == pytest.approx(
        curve.variances, rel=0.2
    )
    assert "Gain" in dialog.sentence.text()
    dialog.save("Bench")
    dialog.maps.setChecked(True)
    dialog.save("Bench maps")
    row = NoiseRow()
    row.mode.setCurrentText("Profile: Bench")
    assert row.value == dialog.found.model()
    row.mode.setCurrentText("Profile: Bench maps")
    assert isinstance(row.value, CalibratedCamera)
    assert row.value.corrected(np.full((1, 40, 40), 200.0), [np.arange(40)] * 2).shape == (1, 40, 40)


def test_frames_that_do_not_go_together_are_explained(measured, wait_for):
    rng = np.random.default_rng(0)
    viewer, _, widget = measured(np.float32(frames(rng, 10.0)[0]))
    flat = viewer.add_image(frames(rng, 0.0)[:, :20], name="flat")
    dark = viewer.add_image(frames(rng, 10.0), name="dark")
    widget.profiles.open_calibration()
    dialog = widget.profiles._calibration
    dialog.choice.row_of(flat).flat.setChecked(True)
    dialog.choice.row_of(dark).dark.setChecked(True)
    dialog.calibrate()
    wait_for(lambda: not dialog.job.running)
    assert "same pixels" in dialog.messages.text()
    assert not dialog.save_button.isEnabled()


def test_a_calibration_that_was_closed_opens_again_and_a_failed_save_is_told(
    measured, qtbot, monkeypatch, tmp_path
):
    rng = np.random.default_rng(0)
    viewer, _, widget = measured(np.float32(frames(rng, 10.0)[0]))
    viewer.add_image(frames(rng, 0.0), name="dark <b>")
    widget.profiles.open_calibration()
    with qtbot.waitSignal(widget.profiles._calibration.destroyed):
        widget.profiles._calibration.close()
    widget.profiles.open_calibration()
    dialog = widget.profiles._calibration
    assert "dark &lt;b&gt;" in dialog.choice.widget().findChildren(QLabel)[-1].text()
    dialog.found = SimpleNamespace(model=lambda: Gaussian(2.0))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAPARI_SHRINKAGE_PROFILES", str(tmp_path / "file"))
    dialog.save("Bench")
    assert dialog.messages.text().startswith("⚠")
    with qtbot.waitSignal(dialog.destroyed):
        dialog.close()
    viewer.window.remove_dock_widget(widget)  # nothing is left to be closed


def test_a_calibration_stops_at_the_next_frame():
    stop, read = Event(), []

    class Frames(list):
        def __getitem__(self, index):
            read.append(index)
            stop.set()
            return super().__getitem__(index)

    series = Frames(frames(np.random.default_rng(0), 10.0, 50))
    with pytest.raises(RuntimeError, match="stopped"):
        drain(calibrated(series, [], stop))
    assert len(read) < 10


@pytest.mark.parametrize("estimator", [FromImage(), FrameDifferences(), FlatBlocks(), Mad()])
def test_every_estimator_measures_inside_a_region_only(estimator):
    rng = np.random.default_rng(0)
    stack = 100 + rng.standard_normal((4, 128, 160)) * np.where(np.arange(160) < 80, 5, 50)
    mask = np.zeros((128, 160), bool)
    mask[10:110, 4:78] = True
    found = drain(found_in(Stack(stack.astype(np.float32), "TYX"), mask, estimator))
    assert found.noise.sigma == pytest.approx(5, rel=0.1)


def test_levels_that_were_left_out_are_faint_and_no_line_is_drawn_without_a_gain():
    level = SimpleNamespace(mean=1.0, variance=2.0, left_out="")
    assert len(calibration_curve(Calibration(dark=level)).line_means) == 0
    out = SimpleNamespace(mean=3.0, variance=4.0, left_out="saturated")
    assert calibration_curve(Calibration(dark=level, levels=(out,))).weights.tolist() == [1.0, 0.0]


def test_plots_take_the_colours_of_the_theme_until_the_dock_is_closed(measured, correlated):
    viewer, _, widget = measured(correlated)
    plots = (
        widget.findings.transfer.plot,
        widget.findings.correlation.picture,
        widget.findings.correlation.power,
        widget.findings.histogram,
    )
    for theme, dark in (("light", False), ("dark", True)):
        viewer.theme = theme
        grounds = {plot._plot.backgroundBrush().color().name() for plot in plots}
        assert len(grounds) == 1
        assert (int(grounds.pop()[1:3], 16) < 128) is dark
    zero = widget.findings.correlation.picture.image.lut[127]
    assert np.ptp(zero[:3].astype(int) - [0x23, 0x24, 0x2B]) <= 3  # no correlation looks like the background
    widget.profiles.open_calibration()
    callbacks = len(viewer.events.theme.callbacks), len(viewer.layers.events.inserted.callbacks)
    viewer.window.remove_dock_widget(widget)
    assert widget.profiles._calibration is None
    assert len(viewer.events.theme.callbacks) == callbacks[0] - 5
    assert len(viewer.layers.events.inserted.callbacks) == callbacks[1] - 2
    viewer.theme = "light"
    viewer.add_shapes([square((0, 0), 5)])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (PoissonGaussian(3.5, 100.0, 2.1), "gain 3.5, read 2.1"),
        (PoissonGaussian((1.0, 2.0), 0.0, (3.0, 3.0)), "gain 1 to 2, read 3"),
        (Gaussian(12.0, autocorrelation=SHIFTED), "σ = 12, correlated"),
        (NoiseCurve((0.0, 10.0, 20.0), (4.41, 16.0, 54.76)), "curve 2.1..7.4"),
        (
            CalibratedCamera(path="x.npz", checksum="0", gain=2.0, read_std=1.5),
            "pixel maps, gain 2, read 1.5",
        ),
        (None, ""),
    ],
)
def test_models_are_told_in_a_few_words(model, words):
    assert in_short(model) == words


def test_the_table_has_a_row_for_each_channel_and_says_when_there_are_more():
    assert numbers_table(Gaussian(2.0), ["a", "b"]).count("<tr>") == 3
    assert "and 4 more" in numbers_table(NoiseCurve((0.0, 1.0), (1.0, 4.0)), [f"<{i}>" for i in range(12)])


def test_a_loaded_model_is_neither_called_an_own_sigma_nor_lost(qtbot):
    row = NoiseRow()
    qtbot.addWidget(row)
    row.setValue(PoissonGaussian(2.0, 100.0, 3.0))
    assert row.mode.currentText() == GIVEN
    assert row.value == PoissonGaussian(2.0, 100.0, 3.0)
    row.setValue(Gaussian(5.0))
    assert (row.mode.currentText(), row.sigma.value()) == (OWN, 5.0)
    assert row.mode.findText(GIVEN) < 0


def test_the_power_of_white_noise_is_one_and_that_of_a_model_is_its_fourier_transform():
    assert np.allclose(model_power(Autocorrelation(((1.0,),))).powers, 1)
    assert np.allclose(measured_power(np.full((SIDE, SIDE), 7.0)).powers, 1)
    power = model_power(Autocorrelation.from_kernel([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]))
    ideal = np.cos(np.pi * power.frequencies[:8] / 2**0.5) ** 8  # along the diagonal; rings are coarse
    assert np.corrcoef(power.powers[:8], ideal)[0, 1] > 0.99
    assert np.all(np.diff(power.powers[:8]) < 0)


def test_logarithmic_axes_have_plain_numbers():
    assert log_ticks(np.log10([0.5, 1, 3, 20, 500]), 1, 1) == ["0.5", "1", "", "20", "500"]
