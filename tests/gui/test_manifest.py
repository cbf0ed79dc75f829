"""The manifest: everything it names exists, and napari has a place for all of it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import yaml
from napari._app_model.constants import MenuId
from npe2 import PluginManifest

import napari_shrinkage
from napari_shrinkage.devices import chosen_device
from napari_shrinkage.gui import preferences
from napari_shrinkage.nn.weights import model_folder
from napari_shrinkage.restorers import PRESETS

PLUGIN = "napari-shrinkage"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution(PLUGIN)


def settings(manifest: PluginManifest) -> dict[str, object]:
    return manifest.contributions.configurations["defaults"].properties


def test_everything_that_commands_name_can_be_imported(manifest):
    manifest.validate_imports()


def test_the_manifest_at_the_top_is_the_packages_own():
    packaged = Path(inspect.getfile(napari_shrinkage)).with_name("napari.yaml")
    top = Path(__file__).parents[2] / "napari.yaml"
    assert top.resolve() == packaged.resolve()


def test_commands_are_unique_and_all_are_used(manifest):
    c = manifest.contributions
    ids = [command.id for command in c.commands]
    assert len(set(ids)) == len(ids)
    in_menus = [item.command for items in c.menus.values() for item in items if hasattr(item, "command")]
    users = [*c.widgets, *c.sample_data, *c.readers, *c.writers]
    assert set(ids) == {user.command for user in users} | set(in_menus)


def test_every_menu_is_one_that_napari_shows_or_a_submenu_of_ours(manifest):
    c = manifest.contributions
    own = {submenu.id for submenu in c.submenus}
    theirs = {str(menu.value) for menu in MenuId.contributables()}
    assert set(c.menus) <= own | theirs
    placed = {item.submenu for items in c.menus.values() for item in items if hasattr(item, "submenu")}
    assert placed == own
    assert all(name.startswith(f"{PLUGIN}/") for name in own)


def test_nothing_is_declared_that_napari_ignores(manifest):
    raw = yaml.safe_load(Path(inspect.getfile(napari_shrinkage)).with_name("napari.yaml").read_text())
    assert "keybindings" not in raw["contributions"]
    assert not [w for w in raw["contributions"]["widgets"] if {"default_dock_area", "tabify"} & w.keys()]


def test_widget_titles_fit_a_dock(manifest):
    names = [f"{widget.display_name} ({manifest.display_name})" for widget in manifest.contributions.widgets]
    assert all(len(name) <= 28 for name in names)
    assert {"Adapt", "Batch", "CNN denoise", "Noise", "Shrinkage", "Super-resolution"} <= {
        widget.display_name for widget in manifest.contributions.widgets
    }


def test_super_resolution_and_its_test_layers_are_in_the_menu_of_transforms(manifest):
    menus = manifest.contributions.menus
    (item,) = menus["napari/layers/transform"]
    commands = {f"{PLUGIN}.superres", f"{PLUGIN}.make_test_layer"}
    assert {one.command for one in menus[item.submenu]} == commands


def test_the_presets_of_the_preferences_are_those_of_the_package(manifest):
    assert settings(manifest)["preset"].enum == list(PRESETS)


def test_the_devices_of_the_preferences_are_understood(manifest):
    devices = settings(manifest)["device"].enum
    assert devices == ["auto", "cpu", "cuda", "mps"]
    assert chosen_device("cpu", False)[0] == "cpu"


def test_defaults_hold_where_napari_does_not_know_the_plugin(npe2pm, manifest):
    own = {"preset": preferences.preferred_preset(), "device": preferences.preferred_device()}
    assert own == {name: settings(manifest)[name].default for name in own}
    assert preferences.preferred_threads() is None
    assert preferences.preferred_model_folder() == model_folder()


def test_preferences_are_read_from_napari(npe2pm, plugin_settings, manifest, tmp_path):
    from napari.settings import get_plugin_settings

    npe2pm.register(manifest)
    defaults = get_plugin_settings(PLUGIN).defaults
    defaults.preset, defaults.device, defaults.threads, defaults.model_folder = (
        "fast",
        "cpu",
        3,
        str(tmp_path),
    )
    assert preferences.preferred_preset() == "fast"
    assert preferences.preferred_device() == "cpu"
    assert preferences.preferred_threads() == 3
    assert preferences.preferred_model_folder() == tmp_path
    with pytest.raises(ValueError, match="preset"):
        defaults.preset = "slow"
