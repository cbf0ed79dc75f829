"""Commands, samples, reader and writer, as napari's menus call them."""

from __future__ import annotations

import threading

import napari
import numpy as np
import pytest
import tifffile
from napari.layers import Layer
from napari.utils.notifications import notification_manager
from skimage.data import brick

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.gui import commands
from napari_shrinkage.gui.demo_window import show_demo
from napari_shrinkage.gui.layers import RECORD, record_of_layer, stack_of_layer
from napari_shrinkage.samples import SAMPLES

PLUGIN = "napari-shrinkage"


@pytest.fixture
def viewer(make_napari_viewer, monkeypatch):
    monkeypatch.setattr(commands, "preferred_preset", lambda: "fast")
    monkeypatch.setattr(commands, "preferred_threads", lambda: 1)
    made = make_napari_viewer()
    yield made
    for job in list(commands._jobs.values()):
        job.abandon()
    commands._jobs.clear()


@pytest.fixture
def said():
    """The messages that napari was told to show."""
    shown: list[str] = []

    def collect(notification):
        shown.append(str(notification))

    notification_manager.notification_ready.connect(collect)
    yield shown
    notification_manager.notification_ready.disconnect(collect)


def execute(name: str) -> None:
    """Do what the menu does."""
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(f"{PLUGIN}.{name}").result()


def noisy(*shape: int) -> np.ndarray:
    smooth = 60 * np.sin(np.arange(shape[-1]) / 20)
    return (100 + smooth + 5 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


def test_denoise_auto_adds_the_result_above_its_source(viewer, qtbot, said):
    source = viewer.add_image(noisy(96, 128), name="cells", scale=(2, 3), units=("um", "um"))
    other = viewer.add_image(noisy(20, 20), name="other")
    viewer.layers.selection = {source}
    execute("denoise_auto")
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=60000)
    result = viewer.layers[1]
    assert [layer.name for layer in viewer.layers] == ["cells", "cells denoised", "other"]
    np.testing.assert_array_equal(result.scale, source.scale)
    record = record_of_layer(result)
    assert record is not None
    assert record.plans[0].noise.sigma[0] == pytest.approx(5, rel=0.1)
    expected = ns.restore(source.data, "fast", noise=record.plans[0].noise, threads=1)
    np.testing.assert_allclose(result.data, expected, atol=1e-3)
    assert any("sigma" in text for text in said)
    assert other in viewer.layers


def test_denoise_auto_does_all_selected_images_and_leaves_other_layers_alone(viewer, qtbot):
    first, second = viewer.add_image(noisy(64, 64)), viewer.add_image(noisy(48, 64))
    labels = viewer.add_labels(np.zeros((64, 64), int))
    viewer.layers.selection = {first, second, labels}
    execute("denoise_auto")
    qtbot.waitUntil(lambda: len(viewer.layers) == 5, timeout=60000)


def test_denoise_auto_without_an_image_says_so(viewer, said):
    viewer.add_labels(np.zeros((8, 8), int))
    execute("denoise_auto")
    assert any("Select an image layer" in text for text in said)


@pytest.fixture
def gate(monkeypatch):
    """Hold every run until the gate is set."""
    made = threading.Event()
    real = commands.denoised

    def held(*args):
        made.wait(30)
        return (yield from real(*args))

    monkeypatch.setattr(commands, "denoised", held)
    return made


def test_a_second_click_does_not_start_twice(viewer, qtbot, said, gate):
    viewer.add_image(noisy(64, 64), name="cells")
    execute("denoise_auto")
    execute("denoise_auto")
    assert any("already" in text for text in said)
    gate.set()
    qtbot.waitUntil(lambda: not commands._jobs, timeout=60000)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells denoised"]


def test_a_layer_removed_meanwhile_gets_no_result(viewer, qtbot, said, gate):
    viewer.add_image(noisy(64, 64), name="cells")
    execute("denoise_auto")
    viewer.layers.clear()
    gate.set()
    qtbot.waitUntil(lambda: any("dropped" in text for text in said), timeout=60000)
    assert not viewer.layers


def test_an_estimate_that_cannot_be_trusted_is_a_warning(viewer, qtbot):
    before = list(notification_manager.records)
    viewer.add_image(brick()[:64, :64], name="texture")
    execute("denoise_auto")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=60000)
    new = [n for n in notification_manager.records if n not in before]
    assert any(str(n.severity) == "warning" and "flat" in n.message for n in new)


@pytest.mark.parametrize("data", [np.full((32, 32), np.nan, np.float32), np.ones((1, 1))])
def test_images_that_cannot_be_denoised_give_a_message_or_a_result_and_napari_lives(
    viewer, qtbot, said, data
):
    viewer.add_image(data, name="bad", contrast_limits=(0, 1))
    execute("denoise_auto")
    qtbot.waitUntil(lambda: not commands._jobs, timeout=60000)
    assert said or len(viewer.layers) == 2
    viewer.add_image(noisy(20, 20))


def test_a_test_layer_lies_over_its_source_and_is_selected(viewer, qtbot, said):
    picture = np.random.default_rng(0).integers(0, 255, (41, 60, 3), np.uint8)
    source = viewer.add_image(picture, name="cat", rgb=True, scale=(0.5, 2), translate=(3, 4), rotate=30)
    execute("make_test_layer")
    execute("make_test_layer")
    assert any("already" in text for text in said)
    qtbot.waitUntil(lambda: not commands._jobs, timeout=60000)
    assert [layer.name for layer in viewer.layers] == ["cat", "cat low-res x2"]
    made = viewer.layers[1]
    assert viewer.layers.selection.active is made
    expected = np.clip(np.rint(ns.degrade(picture, 2, axes="YXC")), 0, 255)
    np.testing.assert_array_equal(made.data, expected)
    assert (made.data.dtype, made.data.shape) == (np.uint8, (20, 30, 3))
    for coarse, fine in (((-0.5, -0.5), (-0.5, -0.5)), ((19.5, 29.5), (39.5, 59.5))):
        place = made.data_to_world(coarse)
        np.testing.assert_allclose(place, source.data_to_world(fine), rtol=0, atol=1e-9)


def test_an_image_without_room_for_a_coarse_pixel_gets_a_message(viewer, qtbot, said):
    viewer.add_image(np.ones((1, 5)), name="line")
    execute("make_test_layer")
    qtbot.waitUntil(lambda: not commands._jobs, timeout=60000)
    assert any("1 x 5 pixels" in text for text in said)
    assert len(viewer.layers) == 1


def test_method_noise_is_found_from_source_and_from_result(viewer, qtbot, said):
    source = viewer.add_image(noisy(64, 64), name="cells")
    execute("show_method_noise")
    assert any("denoise it first" in text for text in said)
    viewer.layers.selection = {source}
    execute("denoise_auto")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=60000)
    result = viewer.layers["cells denoised"]
    for chosen in (source, result):
        viewer.layers.selection = {chosen}
        execute("show_method_noise")
        made = viewer.layers[viewer.layers.index(chosen) + 1]
        assert made.name.startswith("cells method noise")
        np.testing.assert_allclose(made.data, source.data - result.data, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "name"),
    [("photograph", "photograph"), ("fluorescence", "fluorescence"), ("time_series", "timeseries")],
)
def test_samples_open_with_their_grid_and_the_noisy_image_active(viewer, key, name):
    viewer.open_sample(PLUGIN, key)
    truth, shown = viewer.layers
    sample = SAMPLES[name]()
    assert not truth.visible
    assert viewer.layers.selection.active is shown
    stack = stack_of_layer(shown)
    assert (stack.axes, stack.spacing, stack.units) == (
        sample.noisy.axes,
        sample.noisy.spacing,
        sample.noisy.units,
    )
    assert truth.data.dtype == np.float32


def test_the_sample_of_particles_says_what_each_image_shows(viewer):
    viewer.open_sample(PLUGIN, "particles")
    clean, truth, shown = viewer.layers
    assert viewer.layers.selection.active is shown
    assert (clean.visible, truth.visible, shown.visible) == (False, False, True)
    assert shown.data.shape == truth.data.shape
    for layer, kinds in ((clean, {"ring", "pair", "rod"}), (shown, {"ring", "pair", "rod", "cross"})):
        column = layer.metadata["features"]["kind"]
        assert (len(column), set(column)) == (len(layer.data), kinds)


def test_saving_and_opening_keeps_voxel_size_axes_and_record(viewer, qtbot, tmp_path):
    source = viewer.add_image(
        noisy(3, 32, 40),
        name="cells",
        scale=(0.5, 0.2, 0.1),
        units=("s", "um", "um"),
        axis_labels=("t", "y", "x"),
    )
    execute("denoise_auto")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=60000)
    result = viewer.layers[1]
    path = tmp_path / "result.ome.tif"
    assert result.save(str(path)) == [str(path)]
    assert files.read_record(path) == record_of_layer(result)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes == "TYX"
    (opened,) = viewer.open(str(path), plugin=PLUGIN)
    again = stack_of_layer(opened)
    assert (again.axes, again.units) == ("TYX", ("second", "micrometer", "micrometer"))
    np.testing.assert_allclose(again.spacing, source.scale)
    np.testing.assert_array_equal(opened.data, result.data)
    assert opened.metadata[RECORD] == result.metadata[RECORD]
    assert opened.name == "result"


def test_the_writer_is_chosen_for_ome_tiff_only(viewer, tmp_path):
    layer = viewer.add_image(noisy(32, 40))
    layer.save(str(tmp_path / "plain.tif"))
    layer.save(str(tmp_path / "kept.ome.tiff"))
    with tifffile.TiffFile(tmp_path / "plain.tif") as file:
        assert not file.is_ome
    with tifffile.TiffFile(tmp_path / "kept.ome.tiff") as file:
        assert file.is_ome


def test_colours_and_pyramids_are_saved_at_full_resolution(viewer, tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    viewer.add_image(picture, rgb=True).save(str(tmp_path / "rgb.ome.tif"))
    viewer.add_image([noisy(64, 64), noisy(32, 32)], multiscale=True).save(str(tmp_path / "levels.ome.tif"))
    np.testing.assert_array_equal(files.read(tmp_path / "rgb.ome.tif").array, picture)
    np.testing.assert_array_equal(files.read(tmp_path / "levels.ome.tif").array, noisy(64, 64))


def test_a_damaged_file_is_an_error_that_names_it(viewer, tmp_path):
    path = tmp_path / "bad.ome.tif"
    Layer.create(noisy(64, 64), {}, "image").save(str(path))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(files.FileProblem, match=r"bad\.ome\.tif cannot be read"):
        viewer.open(str(path), plugin=PLUGIN)


def test_the_demo_shows_a_sample_with_the_widget_docked(viewer, monkeypatch):
    monkeypatch.setattr(napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(napari, "run", lambda: None)
    show_demo()
    assert viewer.layers.selection.active.name == "Noisy photograph"
    assert any("Shrinkage" in title for title in viewer.window.dock_widgets)
