"""The plugin's page in napari's Preferences: preset, device and threads to start with, and where models lie.

Convention: the manifest declares the settings and their defaults. Where napari does not know the plugin (it
is disabled, or its manifest was not found) the defaults below hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..nn.weights import model_folder

PLUGIN = "napari-shrinkage"


def preferred_preset() -> str:
    """Return the preset that forms start with and that "Denoise (auto)" uses."""
    return str(_setting("preset", "balanced"))


def preferred_device() -> str:
    """Return the device to ask for: "auto", "cpu", "cuda" or "mps"."""
    return str(_setting("device", "auto"))


def preferred_threads() -> int | None:
    """Return the number of CPU threads; None, in the settings 0, is every core."""
    return int(_setting("threads", 0)) or None


def preferred_model_folder() -> Path:
    """Return the folder of the user's model files: the one in the settings, else one in the user's data."""
    folder = str(_setting("model_folder", "")).strip()
    return Path(folder).expanduser() if folder else model_folder()


def _setting(name: str, default: Any) -> Any:
    from napari.settings import get_plugin_settings

    try:
        return getattr(get_plugin_settings(PLUGIN).defaults, name)
    except (KeyError, AttributeError):
        return default
