"""The demo's window: napari with a noisy sample, and the Shrinkage widget beside it."""

from __future__ import annotations

from .preferences import PLUGIN


def show_demo(sample: str = "photograph") -> None:
    """Open napari with a sample and the widget; return when the window is closed."""
    import napari

    viewer = napari.Viewer()
    viewer.open_sample(PLUGIN, sample)
    viewer.window.add_plugin_dock_widget(PLUGIN, "Shrinkage")
    napari.run()
