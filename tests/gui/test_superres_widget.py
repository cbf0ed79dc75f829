"""The widget Super-resolution, clicked in a real viewer: place, preview, verdict, reference, and abuse."""

from __future__ import annotations

import gc
import html
import itertools
import weakref
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from skimage.data import chelsea
from skimage.metrics import peak_signal_noise_ratio

import napari_shrinkage as ns
from napari_shrinkage.comparing.luma import luma
from napari_shrinkage.degradation import AnyKernel, Bicubic, Binning, Decimation, GaussianBlur
from napari_shrinkage.degradation.measuring import KernelEstimate
from napari_shrinkage.gui import commands, superres_check, superres_editor
from napari_shrinkage.gui.history import remembered
from napari_shrinkage.gui.layers import record_of_layer
from napari_shrinkage.gui.noise_words import in_short
from napari_shrinkage.gui.overlays import placement
from napari_shrinkage.gui.preferences import PLUGIN
from napari_shrinkage.gui.regions import layer_shape
from napari_shrinkage.gui.superres_kernel import estimate_in_words, width_in_words
from napari_shrinkage.gui.superres_models import model_title
from napari_shrinkage.gui.superres_widget import SuperresWidget, first_value
from napari_shrinkage.nn.upscaler_models import OWN
from napari_shrinkage.nn.weights import weight_path
from napari_shrinkage.noise import Gaussian
from napari_shrinkage.recipe import Recipe
from napari_shrinkage.restorers import Cnn, Upscale

QUIET = Gaussian(0.0)
LINEAR = Upscale(model="linear")
OURS = [model_title(model) for model in OWN]
PLACED = {"scale": (0.5, 0.25), "translate": (3, -2), "rotate": 30}


@pytest.fixture
def picture():
    return chelsea()[100:164, 120:208]


@pytest.fixture
def gray(picture):
    return picture[..., 1].astype(np.float32)


@pytest.fixture
def opened(open_widget, wait_for):
    """Return a function that opens the widget with a method and told noise, once the models are read."""

    def made(image, restorer=LINEAR, noise=QUIET, **attributes):
        viewer, layer, widget = open_widget(image, SuperresWidget, **attributes)
        wait_for(lambda: widget.editor.entries and not widget.editor.job.running)
        widget.editor.setValue(restorer)
        widget.noise.setValue(noise)
        return viewer, layer, widget

    return made


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def press_run(qtbot, widget, wait_for):
    click(qtbot, widget.run_button)
    wait_for(lambda: not widget.job.running)
    return widget.results.layer_of(widget.source.layer)


def corners(layer):
    """Return the outer corners of a layer's plane of pixels in world coordinates."""
    shape = layer_shape(layer)
    ends = itertools.product(*((-0.5, n - 0.5) for n in shape[-2:]))
    first = (0,) * (layer.ndim - 2)
    return np.array([layer.data_to_world((*first, *end)) for end in ends])


def combo_titles(combo):
    return [combo.itemText(i) for i in range(combo.count())]


def test_it_opens_from_the_plugin_and_without_an_image_says_what_to_do(make_napari_viewer, qtbot, wait_for):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Super-resolution")
    assert isinstance(widget, SuperresWidget)
    wait_for(lambda: not widget.editor.job.running and widget.editor.entries)
    for act in (widget.check.check, widget.measure, widget.make_test_layer):
        widget.messages.say("")
        act()
        assert "Open an image" in widget.messages.text()
    widget.measure_pair()
    assert "Choose a reference" in widget.messages.text()
    widget.bicubic.setChecked(True)
    assert not widget.bicubic.isChecked()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_corners_of_result_and_preview_coincide_with_those_of_the_source(
    opened, gray, qtbot, wait_for, scale
):
    _, layer, widget = opened(gray, LINEAR.replace(scale=scale), **PLACED)
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    result = press_run(qtbot, widget, wait_for)
    assert result.name == f"picture x{scale}"
    assert result.data.shape == tuple(scale * n for n in gray.shape)
    np.testing.assert_allclose(corners(result), corners(layer), rtol=0, atol=1e-9)
    preview = widget.live.picture.layer
    assert preview.data.shape == result.data.shape
    np.testing.assert_allclose(corners(preview), corners(layer), rtol=0, atol=1e-9)


def test_a_finer_array_from_some_pixel_on_lies_over_that_pixels_corner(make_napari_viewer):
    viewer = make_napari_viewer()
    attributes = {"scale": (0.5, 0.25), "rotate": 20, "shear": [0.3], "translate": (1, 2)}
    layer = viewer.add_image(np.zeros((40, 50)), **attributes)
    layer.affine = [[1, 0.2, 5], [0, 2, 1], [0, 0, 1]]
    fine = viewer.add_image(np.zeros((12, 15)), **placement(layer, (7, 9), (3, 3)))
    for fine_pixel, pixel in (((-0.5, -0.5), (6.5, 8.5)), ((11.5, 14.5), (10.5, 13.5))):
        found = fine.data_to_world(fine_pixel)
        np.testing.assert_allclose(found, layer.data_to_world(pixel), rtol=0, atol=1e-9)


@pytest.mark.parametrize("model", ["light", "bicubic"])
def test_preview_of_a_part_has_the_pixels_of_the_run(opened, gray, qtbot, wait_for, model):
    viewer, layer, widget = opened(np.tile(gray, (2, 2)), Upscale(model=model, precision="float32"))
    viewer.scene.camera.zoom = 12
    viewer.scene.camera.center = (60, 70)
    qtbot.wait(150)
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    preview = widget.live.last
    region = preview.request.region
    assert preview.values.shape == tuple(2 * (part.stop - part.start) for part in region)
    assert preview.values.size < 4 * layer.data.size
    click(qtbot, widget.preview_button)
    result = press_run(qtbot, widget, wait_for)
    part = tuple(slice(2 * one.start, 2 * one.stop) for one in region)
    assert np.abs(result.data[part] - preview.values).max() < 1e-5 * np.ptp(gray)
    expected = ns.upscale(layer.data, 2, model, noise=0, precision="float32")
    np.testing.assert_allclose(result.data, expected, atol=1e-3)


def test_colours_of_8_bit_stay_what_they_are(opened, picture, qtbot, wait_for):
    _, layer, widget = opened(picture)
    result = press_run(qtbot, widget, wait_for)
    assert (result.data.dtype, result.rgb) == (np.uint8, True)
    assert result.data.shape == (128, 176, 3)
    np.testing.assert_allclose(corners(result), corners(layer), rtol=0, atol=1e-9)
    fine = np.clip(np.rint(ns.upscale(picture, 2, "linear", noise=0, axes="YXC")), 0, 255)
    assert np.abs(result.data - fine).max() <= 1
    record = record_of_layer(result)
    assert (record.magnification, record.plans[0].restorer.model) == (2, "linear")


def test_a_stack_of_16_bit_is_done_plane_by_plane_and_its_planes_stay(opened, gray, qtbot, wait_for):
    stack = np.stack([gray, 2 * gray, 3 * gray]).astype(np.uint16)
    attributes = {"scale": (2, 0.5, 0.5), "translate": (1, 2, 3)}
    _, layer, widget = opened(stack, LINEAR.replace(scale=3), **attributes)
    result = press_run(qtbot, widget, wait_for)
    assert result.data.shape == (3, 192, 264)
    np.testing.assert_allclose(result.scale, (2, 0.5 / 3, 0.5 / 3))
    np.testing.assert_allclose(corners(result), corners(layer), rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.data[1].mean(), stack[1].mean(), rtol=1e-2)


def test_channels_lazy_and_multiscale_images_are_done(opened, gray, qtbot, wait_for):
    channels = np.stack([gray, gray[::-1]])
    _, _, widget = opened(da.from_array(channels, chunks=(1, 32, 44)), axis_labels=("c", "y", "x"))
    result = press_run(qtbot, widget, wait_for)
    assert hasattr(result.data, "dask")
    assert result.data.shape == (2, 128, 176)
    assert widget.messages.text().startswith("Done; lazy: worked out when it is shown.")
    levels = widget.viewer.add_image([gray, gray[::2, ::2]], name="levels", multiscale=True)
    widget.source.choose(levels)
    result = press_run(qtbot, widget, wait_for)
    assert result.multiscale
    assert [level.shape for level in result.data] == [(128, 176), (64, 88)]
    fine = ns.upscale(gray, 2, "linear", noise=0)
    np.testing.assert_allclose(np.asarray(result.data[0]), fine, atol=1e-3)
    np.testing.assert_allclose(corners(result), corners(levels), rtol=0, atol=1e-9)


def test_a_part_of_an_image_comes_out_where_it_was(opened, gray, qtbot, wait_for):
    viewer, layer, widget = opened(gray, **PLACED)
    inside = np.array([layer.data_to_world(p) for p in ([9.6, 9.6], [9.6, 29.4], [39.4, 29.4], [39.4, 9.6])])
    viewer.add_shapes([inside])
    widget.target.mode.setCurrentText("Rectangle")
    result = press_run(qtbot, widget, wait_for)
    assert result.data.shape == (60, 40)
    first, last = corners(result)[[0, -1]]
    np.testing.assert_allclose(first, layer.data_to_world((9.5, 9.5)), atol=1e-9)
    np.testing.assert_allclose(last, layer.data_to_world((39.5, 29.5)), atol=1e-9)
    click(qtbot, widget.noise_button)
    wait_for(lambda: not widget.method_noise.busy)
    shown = viewer.layers["picture reduced again"]
    np.testing.assert_allclose(corners(shown), corners(result), atol=1e-9)


def test_another_scale_goes_into_the_same_layer_and_a_kept_result_stays(opened, gray, qtbot, wait_for):
    viewer, layer, widget = opened(gray)
    first = press_run(qtbot, widget, wait_for)
    widget.editor.form.editor("scale").combo.setCurrentIndex(2)
    assert widget.editor.value.scale == 4
    again = press_run(qtbot, widget, wait_for)
    assert again is first
    assert again.name == "picture x4"
    np.testing.assert_allclose(corners(again), corners(layer), atol=1e-9)
    again.name = "mine"
    press_run(qtbot, widget, wait_for)
    assert [one.name for one in viewer.layers] == ["picture", "mine"]
    click(qtbot, widget.keep_button)
    press_run(qtbot, widget, wait_for)
    assert [one.name for one in viewer.layers] == ["picture", "picture x4", "mine"]


def test_the_wipe_shows_before_and_after_in_place_when_the_scale_changes(opened, gray, qtbot, wait_for):
    _, layer, widget = opened(gray, **PLACED)
    result = press_run(qtbot, widget, wait_for)
    widget.wipe_button.setChecked(True)
    for scale in (4, 3):
        widget.editor.setValue(LINEAR.replace(scale=scale))
        press_run(qtbot, widget, wait_for)
        part = widget.wipe.part
        assert (part.visible, result.visible, layer.visible) == (True, False, True)
        assert part.name == f"after: picture x{scale}"
        np.testing.assert_allclose(corners(part)[-1], corners(layer)[-1], rtol=0, atol=1e-9)
        assert part.data.shape[1] == pytest.approx(scale * gray.shape[1] / 2, abs=scale)


def test_the_wipe_over_a_preview_stays_in_place_when_the_scale_changes(opened, gray, qtbot, wait_for):
    _, layer, widget = opened(gray, **PLACED)
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    widget.wipe_button.setChecked(True)
    widget.editor.setValue(LINEAR.replace(scale=4))
    wait_for(lambda: widget.live.last.request.restorer.scale == 4 and not widget.live.busy)
    assert not widget.live.picture.layer.visible
    np.testing.assert_allclose(corners(widget.wipe.part)[-1], corners(layer)[-1], rtol=0, atol=1e-9)


def test_a_run_is_cancelled(opened, gray, qtbot, wait_for):
    viewer, _, widget = opened(np.tile(gray, (12, 1, 1)), Upscale())
    widget.run()
    wait_for(lambda: widget.job.running)
    widget.cancel()
    wait_for(lambda: not widget.job.running)
    assert "Cancelled" in widget.messages.text()
    assert len(viewer.layers) == 1


def test_models_and_their_scales(opened, gray, tmp_path, wait_for):
    _, _, widget = opened(gray)
    editor = widget.editor
    titles = combo_titles(editor.models)
    assert titles == [*OURS, "Best linear", "Bicubic", "Lanczos"]
    editor.models.setCurrentIndex(0)
    assert editor.value.model == "light"
    assert "x2, x3, x4" in editor.models.itemData(0, Qt.ItemDataRole.ToolTipRole)
    for name in ("broken.safetensors", "absent.pth"):
        path = tmp_path / name
        if "absent" not in name:
            path.write_bytes(b"no weights")
        widget.messages.say("")
        editor.open_file(str(path))
        wait_for(lambda: not editor.job.running)
        assert name in widget.messages.text()
        assert editor.value.model == "light"
    editor.open_file(str(weight_path("ffdnet-gray.safetensors")))
    wait_for(lambda: not editor.job.running)
    assert widget.messages.text().startswith("⚠ ffdnet-gray")
    assert combo_titles(editor.models) == titles


def test_a_file_of_one_scale_offers_that_scale_alone(opened, gray, tmp_path, monkeypatch, qtbot, wait_for):
    from safetensors.torch import save_file

    from napari_shrinkage.nn.rdn import Rdn

    sizes = {"scale": 3, "colors": 1, "blocks": 1, "layers": 1, "growth": 4, "features": 4}
    path = tmp_path / "small.safetensors"
    told = {key: str(value) for key, value in sizes.items()} | {"network": "rdn"}
    save_file(Rdn(**sizes).state_dict(), path, told)
    (tmp_path / "other.safetensors").write_bytes(weight_path("ffdnet-gray.safetensors").read_bytes())
    monkeypatch.setattr(superres_editor, "preferred_model_folder", lambda: tmp_path)
    _, _, widget = opened(gray)
    editor = widget.editor
    assert combo_titles(editor.models) == [*OURS, "Best linear", "Bicubic", "Lanczos", "small"]
    editor.models.setCurrentIndex(editor.models.count() - 1)
    assert (editor.value.model, editor.value.scale) == (str(path), 3)
    assert combo_titles(editor.form.editor("scale").combo) == ["x3"]
    result = press_run(qtbot, widget, wait_for)
    assert result.data.shape == tuple(3 * n for n in gray.shape)
    editor.setValue(editor.value.replace(scale=2))
    press_run(qtbot, widget, wait_for)
    assert "scale=2" in widget.messages.text()
    editor.models.setCurrentIndex(0)
    assert editor.value.weights is None
    assert combo_titles(editor.form.editor("scale").combo) == ["x2", "x3", "x4"]


def test_degradations_have_their_numbers_and_show_their_kernel(opened, gray):
    _, _, widget = opened(gray)
    editor = widget.editor
    degradation = editor.form.editor("degradation")
    combo = degradation._combo
    assert combo_titles(combo) == [
        "Bicubic",
        "Decimation",
        "Camera binning",
        "Gaussian blur",
        "Measured in the image",
    ]
    combo.setCurrentIndex(3)
    degradation.form.editor("sigma").setValue(1.5)
    assert editor.value.degradation == GaussianBlur(sigma=1.5)
    assert editor.kernel.text.text() == "As wide as a Gaussian of std 1.5 fine pixels"
    assert not editor.kernel.picture.pixmap().isNull()
    combo.setCurrentIndex(1)
    assert editor.kernel.text.text().startswith("A single fine pixel, shifted by (-0.5, -0.5)")
    combo.setCurrentIndex(4)
    assert editor.value.degradation is None
    assert editor.kernel.picture.pixmap().isNull()
    assert "measure" in editor.kernel.text.text()
    combo.setCurrentIndex(3)
    assert editor.value.degradation == GaussianBlur(sigma=1.5)


def test_back_projection_is_a_box_with_a_number_and_reproduces_the_pixels(opened, gray, qtbot, wait_for):
    _, _, widget = opened(gray, Upscale(model="bicubic", degradation=Binning()))
    corrections = widget.editor.form.editor("back_projections")
    click(qtbot, widget.noise_button)
    assert "run first" in widget.messages.text()
    plain = press_run(qtbot, widget, wait_for)
    off = np.abs(ns.degrade(plain.data, 2, Binning()) - gray).max()
    corrections.box.setChecked(True)
    assert widget.editor.value.back_projections == 10
    corrections.count.setValue(20)
    assert widget.editor.value.back_projections == 20
    exact = press_run(qtbot, widget, wait_for)
    assert np.abs(ns.degrade(exact.data, 2, Binning()) - gray).max() < 0.05 * off
    corrections.box.setChecked(False)
    assert widget.editor.value.back_projections == 0


def test_the_measured_kernel_is_shown_with_its_worth_and_used(opened, qtbot, wait_for):
    truth = chelsea()[..., 1].astype(np.float32)
    coarse = ns.degrade(truth, 2, GaussianBlur(sigma=1.8))
    _, layer, widget = opened(coarse)
    click(qtbot, widget.editor.kernel.measure_button)
    wait_for(lambda: not widget.side_job.running)
    value, estimate = widget.editor.value, widget.editor.estimate
    assert isinstance(value.degradation, AnyKernel)
    assert widget.editor.kernel.text.text() == estimate_in_words(estimate)
    assert estimate.widths[0] == pytest.approx(1.8, rel=0.35)
    result = press_run(qtbot, widget, wait_for)
    assert record_of_layer(result).plans[0].restorer.degradation == value.degradation
    layer.data = coarse[:100].copy()
    assert widget.editor.value.degradation is None
    assert "Not measured yet" in widget.editor.kernel.text.text()


def test_what_a_preview_measured_is_told(opened, gray, qtbot, wait_for):
    _, _, widget = opened(gray, LINEAR.replace(degradation=Binning()))
    click(qtbot, widget.preview_button)
    wait_for(lambda: widget.live.last is not None and not widget.live.busy)
    assert widget.editor.kernel.text.text().startswith("As wide as")
    widget.editor.setValue(LINEAR.replace(degradation=None))
    assert "Not measured yet" in widget.editor.kernel.text.text()
    wait_for(lambda: widget.editor.kernel.text.text().startswith("Measured: "))


def test_a_degradation_of_the_list_stays_for_another_image_though_it_was_measured(opened, gray):
    _, layer, widget = opened(gray)
    found = KernelEstimate(Bicubic().kernel(2), 2, (0.1, 0.1), 10_000, shift_known=False)
    widget.editor.take_estimate(found)
    layer.data = gray[:40].copy()
    assert widget.editor.value.degradation == Bicubic()
    assert widget.editor.estimate is None


def test_settings_of_a_result_are_kept_until_noise_or_image_change(opened, gray):
    _, layer, widget = opened(gray)
    told = LINEAR.replace(levels=(5.0,), ranges=((0.0, 255.0),))
    recipe = Recipe.of(told, Gaussian(5.0))
    widget.set_recipe(recipe)
    assert widget.recipe.steps == recipe.steps
    widget.noise.setValue(Gaussian(2.0))
    assert widget.editor.value == told.replace(levels=None)
    widget.set_recipe(recipe)
    layer.data = gray[:40].copy()
    assert widget.editor.value == LINEAR


def test_a_pair_gives_the_kernel_that_made_it(opened, picture, qtbot, wait_for):
    truth = chelsea().astype(np.float32) / 255
    viewer, layer, widget = opened(ns.degrade(truth, 2, Decimation(), axes="YXC"), rgb=True)
    reference = viewer.add_image(truth, name="truth", rgb=True)
    widget.source.choose(layer)
    widget.reference.combo.choose(reference)
    assert widget.reference.pair_button.isEnabled()
    click(qtbot, widget.reference.pair_button)
    wait_for(lambda: not widget.side_job.running)
    found = widget.editor.value.degradation.kernel(2)
    middle = len(found) // 2
    assert found[middle - 1, middle - 1] == pytest.approx(1, abs=0.01)


def test_the_test_layer_becomes_the_image_and_its_source_the_reference(opened, picture, qtbot, wait_for):
    odd = chelsea()[:201, :301]
    viewer, layer, widget = opened(odd, **PLACED)
    widget.editor.setValue(Upscale(model="light", degradation=Decimation()))
    widget.test_noise.setValue(3.0)
    click(qtbot, widget.test_button)
    wait_for(lambda: not widget.side_job.running)
    made = viewer.layers["picture low-res x2"]
    assert (made.data.shape, made.data.dtype) == ((100, 150, 3), np.uint8)
    assert np.std(made.data - odd[:200:2, :300:2].astype(float)) == pytest.approx(3, rel=0.05)
    top, _, _, bottom = corners(made)
    np.testing.assert_allclose(top, layer.data_to_world((-0.5, -0.5)), atol=1e-9)
    np.testing.assert_allclose(bottom, layer.data_to_world((199.5, 299.5)), atol=1e-9)
    assert widget.source.layer is made
    assert widget.reference.layer is layer
    assert "Reduced by 2 (decimation), noise of std 3 added." in widget.messages.text()
    assert widget.editor.value.degradation == Decimation()
    widget.noise.setValue(Gaussian(3.0))
    result = press_run(qtbot, widget, wait_for)
    wait_for(lambda: widget.reference.table.isVisible())
    inner = (slice(2, -2), slice(2, -2))
    fine, known = luma(result.data, 255)[inner], luma(odd[:200, :300], 255)[inner]
    smooth = ns.upscale(made.data, 2, "bicubic", Decimation(), noise=0, axes="YXC")
    smooth = np.clip(np.rint(smooth), 0, 255)
    for values in (fine, luma(smooth, 255)[inner]):
        psnr = peak_signal_noise_ratio(known, values, data_range=255)
        assert f">{psnr:.2f}<" in widget.reference.table.text()
    assert "luma" in widget.reference.table.text()
    viewer.layers.selection.active = layer
    assert widget.source.layer is layer
    viewer.layers.selection.active = made
    assert widget.source.layer is made


def test_a_test_layer_by_the_measured_blur_is_reduced_by_it_and_says_so(opened, gray, qtbot, wait_for):
    _, layer, widget = opened(gray)
    blur = AnyKernel.of(GaussianBlur(sigma=1.5).kernel(2))
    for estimate in (None, KernelEstimate(blur.kernel(2), 2, (0.1, 0.1), 10_000)):
        widget.source.choose(layer)
        widget.editor.setValue(LINEAR.replace(degradation=None))
        if estimate is not None:
            widget.editor.show_estimate(estimate)
        click(qtbot, widget.test_button)
        wait_for(lambda: not widget.side_job.running)
        expected = Bicubic() if estimate is None else estimate.degradation
        assert f"({expected.title.lower()})" in widget.messages.text()
        assert widget.editor.value.degradation == expected
        np.testing.assert_allclose(widget.source.layer.data, ns.degrade(gray, 2, expected), atol=1e-3)


def test_a_reference_of_another_size_is_told_of(opened, gray, qtbot, wait_for):
    viewer, layer, widget = opened(gray)
    double = viewer.add_image(np.kron(gray, np.ones((2, 2))), name="double")
    widget.source.choose(layer)
    assert "128 x 176 pixels" in widget.reference.hint.text()
    assert combo_titles(widget.reference.combo) == ["None", "double"]
    widget.reference.combo.choose(double)
    widget.editor.setValue(LINEAR.replace(scale=3))
    assert "has 128 x 176 pixels; at x3 it needs 192 x 264 pixels" in widget.messages.text()
    assert widget.reference.layer is None
    assert not widget.reference.pair_button.isEnabled()


def test_bicubic_lies_below_the_result_and_follows_the_scale(opened, gray, qtbot, wait_for):
    viewer, layer, widget = opened(gray)
    result = press_run(qtbot, widget, wait_for)
    click(qtbot, widget.bicubic)
    wait_for(lambda: widget.bicubic.layer is not None)
    assert [one.name for one in viewer.layers] == ["picture", "picture bicubic x2", "picture x2"]
    smooth = widget.bicubic.layer
    np.testing.assert_allclose(smooth.data, ns.upscale(gray, 2, "bicubic", noise=0), atol=1e-3)
    widget.show_before(True)
    assert (smooth.visible, result.visible) == (True, False)
    widget.show_before(False)
    widget.editor.setValue(LINEAR.replace(scale=4))
    wait_for(lambda: "picture bicubic x4" in viewer.layers)
    np.testing.assert_allclose(corners(widget.bicubic.layer), corners(layer), atol=1e-9)
    click(qtbot, widget.bicubic)
    assert "picture bicubic x4" not in viewer.layers
    click(qtbot, widget.bicubic)
    wait_for(lambda: "picture bicubic x4" in viewer.layers)
    viewer.layers.remove("picture bicubic x4")
    assert not widget.bicubic.isChecked()


def test_images_that_were_taken_away_are_let_go(opened, gray, qtbot, wait_for):
    viewer, layer, widget = opened(gray)
    other = viewer.add_image(gray[:40], name="other")
    widget.source.choose(layer)
    click(qtbot, widget.bicubic)
    wait_for(lambda: widget.bicubic.layer is not None)
    click(qtbot, widget.check.button)
    wait_for(lambda: widget.check.known)
    press_run(qtbot, widget, wait_for)
    click(qtbot, widget.test_button)
    wait_for(lambda: not widget.side_job.running)
    assert widget._finish is None
    widget.source.choose(layer)
    content = weakref.ref(widget.source.content)
    result = weakref.ref(widget.results.result_of(layer))
    viewer.layers.remove(layer)
    widget.source.choose(other)
    wait_for(lambda: not widget.bicubic.job.running)
    gc.collect()
    assert result() is None
    assert content() is None
    viewer.layers.remove("other bicubic x2")
    assert not widget.bicubic._layers._live


def test_of_layers_that_add_up_one_is_shown_at_a_time(opened, gray, qtbot, wait_for):
    _, layer, widget = opened(gray, blending="additive", colormap="green")
    click(qtbot, widget.bicubic)
    wait_for(lambda: widget.bicubic.layer is not None)
    assert (layer.visible, widget.bicubic.layer.visible) == (False, True)
    result = press_run(qtbot, widget, wait_for)
    for before in (True, False):
        widget.show_before(before)
        shown = layer.visible, widget.bicubic.layer.visible, result.visible
        assert shown == (False, before, not before)
    widget.viewer.layers.remove(result)
    click(qtbot, widget.bicubic)
    assert layer.visible


def test_a_kernel_of_an_image_that_changed_meanwhile_is_dropped(opened, gray, wait_for):
    _, layer, widget = opened(np.tile(gray, (3, 3)))
    widget.measure()
    layer.data = gray
    wait_for(lambda: not widget.side_job.running)
    assert "changed meanwhile" in widget.messages.text()
    assert widget.editor.value == LINEAR


def test_the_verdict_is_there_before_a_run_is_done_and_never_stops_one(opened, qtbot, wait_for):
    coarse = ns.degrade(chelsea()[..., 1].astype(np.float32), 2)
    _, layer, widget = opened(coarse, Upscale(), Gaussian(1.0))
    click(qtbot, widget.check.button)
    wait_for(lambda: widget.check.known)
    verdict = widget.check.verdict
    assert widget.check.text.text().startswith("✓ " if verdict.inside else "⚠ Outside: ")
    assert html.escape(verdict.verdict) in widget.check.text.toolTip()
    widget.noise.setValue(Gaussian(25.0))
    assert not widget.check.known
    seen = []
    widget.job.succeeded.connect(lambda made: seen.append(widget.check.known))
    press_run(qtbot, widget, wait_for)
    assert seen == [True]
    assert not widget.check.verdict.inside
    assert widget.check.text.text().startswith("⚠ ")
    assert "denoise" in widget.check.text.text()
    assert widget.messages.text().startswith("Done")
    assert widget.results.layer_of(layer) is not None


def test_what_is_detail_is_not_shown_as_noise(opened, qtbot, wait_for):
    coarse = ns.degrade(chelsea()[..., 1].astype(np.float32), 2)
    _, _, widget = opened(coarse, LINEAR, None)
    result = press_run(qtbot, widget, wait_for)
    qtbot.wait(100)
    used = record_of_layer(result).plans[0].noise
    assert used.sigma[0] < 2
    assert widget.noise.text.text() == in_short(used)


def test_the_contact_sheet_shows_scales(opened, gray, qtbot, wait_for):
    _, _, widget = opened(gray, LINEAR)
    widget.sheet_button.click()
    sheet = widget.sheet
    place = [sheet.across.itemText(i).lower() for i in range(sheet.across.count())].index("scale")
    sheet.across.setCurrentIndex(place)
    wait_for(lambda: not sheet.job.running)
    assert [one.scale for one in sheet.restorers] == [2, 3, 4]
    sheet.buttons[1].click()
    assert widget.editor.value.scale == 3


def test_with_the_preview_on_the_verdict_comes_by_itself_where_it_is_quick(
    opened, gray, monkeypatch, qtbot, wait_for
):
    monkeypatch.setattr(superres_check, "QUICK", 60.0)
    _, _, widget = opened(gray, LINEAR)
    assert not widget.check.known
    widget.preview_button.setChecked(True)
    wait_for(lambda: widget.check.known)
    widget.editor.setValue(LINEAR.replace(degradation=Binning()))
    assert not widget.check.known
    wait_for(lambda: widget.check.known)
    monkeypatch.setattr(superres_check, "QUICK", 0.0)
    widget.editor.setValue(LINEAR)
    qtbot.wait(2 * superres_check.SOON_MS)
    assert not widget.check.known
    assert not widget.check.job.running


def test_a_check_that_was_cancelled_does_not_begin_again_by_itself(
    opened, gray, monkeypatch, qtbot, wait_for
):
    monkeypatch.setattr(superres_check, "QUICK", 60.0)
    _, _, widget = opened(gray, LINEAR)
    widget.preview_button.setChecked(True)
    wait_for(lambda: widget.check.job.running)
    widget.cancel()
    wait_for(lambda: not widget.check.job.running)
    if not widget.check.known:  # else it was quicker than the cancelling
        qtbot.wait(3 * superres_check.SOON_MS)
        assert not widget.check.known
        assert not widget.check.job.running
    widget.editor.setValue(LINEAR.replace(scale=3))
    wait_for(lambda: widget.check.known)


def test_a_verdict_outlives_settings_that_do_not_enter_it(opened, gray, qtbot, wait_for):
    _, _, widget = opened(gray, LINEAR)
    click(qtbot, widget.check.button)
    wait_for(lambda: widget.check.known)
    said = widget.check.text.text()
    widget.editor.setValue(LINEAR.replace(back_projections=5, border="reflect", precision="float32"))
    assert widget.check.known
    assert widget.check.text.text() == said
    widget.editor.setValue(LINEAR.replace(scale=3))
    assert not widget.check.known


def test_the_verdict_says_what_was_not_tested_and_asks_of_no_training_where_there_was_none(
    opened, qtbot, wait_for
):
    _, _, widget = opened(np.full((40, 40), 7, np.float32), LINEAR, contrast_limits=(0, 9))
    assert widget.check.text.text() == superres_check.ASKED_LINEAR
    widget.editor.setValue(Upscale())
    assert widget.check.text.text() == superres_check.ASKED
    click(qtbot, widget.check.button)
    wait_for(lambda: widget.check.known)
    assert "✓" not in widget.check.text.text()
    assert "too small or too flat" in widget.check.text.text()


def test_the_method_noise_of_a_finer_result_is_told_where_to_find(opened, gray, monkeypatch, qtbot, wait_for):
    viewer, _, widget = opened(gray)
    result = press_run(qtbot, widget, wait_for)
    said = []
    monkeypatch.setattr(commands, "show_error", said.append)
    viewer.layers.selection = {result}
    commands.show_method_noise(viewer)
    assert len(viewer.layers) == 2
    assert "Reduce and compare" in said[0]


def test_the_result_reduced_again_is_set_against_the_image(opened, gray, qtbot, wait_for):
    viewer, layer, widget = opened(gray, LINEAR.replace(degradation=Binning()), Gaussian(2.0), **PLACED)
    result = press_run(qtbot, widget, wait_for)
    click(qtbot, widget.noise_button)
    wait_for(lambda: "picture reduced again" in viewer.layers)
    shown = viewer.layers["picture reduced again"]
    np.testing.assert_allclose(shown.data, ns.degrade(result.data, 2, Binning()) - gray, atol=1e-3)
    np.testing.assert_allclose(corners(shown), corners(layer), atol=1e-9)
    assert shown.contrast_limits[0] == -shown.contrast_limits[1]
    assert widget.noise_button.said.isVisible()
    click(qtbot, widget.noise_button)
    assert "picture reduced again" not in viewer.layers


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 5), (2, 40)])
def test_tiny_images_give_a_result(opened, qtbot, wait_for, shape):
    image = np.random.default_rng(0).uniform(0, 9, shape).astype(np.float32)
    _, _, widget = opened(image, Upscale(), None)
    result = press_run(qtbot, widget, wait_for)
    assert widget.messages.text().startswith("Done")
    assert result.data.shape == tuple(2 * n for n in shape)
    assert np.isfinite(result.data).all()
    for button in (widget.editor.kernel.measure_button, widget.test_button):
        widget.messages.say("")
        click(qtbot, button)
        wait_for(lambda: not widget.side_job.running)
        assert widget.messages.text()


def test_flat_images_and_holes_are_survived(opened, gray, qtbot, wait_for):
    holed = gray.copy()
    holed[5:9, 7] = np.nan
    _, layer, widget = opened(holed, contrast_limits=(0, 255))
    result = press_run(qtbot, widget, wait_for)
    assert np.isnan(result.data[10:18, 14:16]).all()
    layer.data = np.full((40, 40), 7, np.float32)
    result = press_run(qtbot, widget, wait_for)
    np.testing.assert_allclose(result.data, 7, atol=1e-3)
    widget.measure()
    wait_for(lambda: not widget.side_job.running)
    assert widget.messages.text().startswith("⚠")


def test_settings_of_another_method_are_refused_and_its_own_remembered(opened, gray, monkeypatch, tmp_path):
    _, _, widget = opened(gray)
    with pytest.raises(ValueError, match="super-resolution"):
        widget.set_recipe(Recipe.of(Cnn()))
    monkeypatch.setenv("NAPARI_CONFIG", "kept")
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path)
    widget._note_settings()
    assert first_value(remembered("superres")) == LINEAR
    assert first_value(Recipe.of(Cnn())) == Upscale()
    widget.menu.copy_python()
    assert "Python code" in widget.messages.text()


def test_kernels_in_words():
    assert width_in_words(GaussianBlur(sigma=2.0, ratio=0.5).kernel(2)).endswith("stds 2 and 1 fine pixels")
    assert width_in_words(Binning().kernel(2)).endswith("std 0.71 fine pixels")
    seen = KernelEstimate(Bicubic().kernel(2), 2, (0.1, 0.1), 10_000, shift_known=False)
    assert "may as well be bicubic" in estimate_in_words(seen)
    other = replace(seen, kernel=GaussianBlur(sigma=2.0).kernel(2))
    assert estimate_in_words(other).startswith(other.verdict)
    assert "may as well" not in estimate_in_words(other)
