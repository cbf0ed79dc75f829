"""What the tests of the widgets share: images, waiting, kernels that are ready."""

from __future__ import annotations

import numpy as np
import pytest

SECONDS = 30_000


@pytest.fixture(autouse=True)
def own_files(monkeypatch, tmp_path):
    """Keep the camera profiles and the networks of a test to itself; the user's are not read either."""
    monkeypatch.setenv("NAPARI_SHRINKAGE_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("NAPARI_SHRINKAGE_MODELS", str(tmp_path / "models"))


@pytest.fixture(scope="session")
def ready_kernels():
    """Compile the kernels before a test measures or compares anything."""
    from napari_shrinkage.gui import kernels

    kernels._compile(kernels.USUAL)


@pytest.fixture
def noisy():
    """A smooth picture with noise of std 10, float32."""
    y, x = np.mgrid[:96, :128].astype(np.float32)
    clean = 100 + 40 * np.sin(x / 9) + 30 * (y > 48)
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    return (clean + 10 * noise).astype(np.float32)


@pytest.fixture
def open_widget(make_napari_viewer, qtbot, ready_kernels):
    """Return a function that opens a viewer with an image and the docked Shrinkage widget."""

    from napari_shrinkage.gui.shrinkage_widget import ShrinkageWidget

    def opened(image, widget=ShrinkageWidget, **attributes):
        viewer = make_napari_viewer(show=True)
        layer = viewer.add_image(image, name="picture", **attributes)
        made = widget(viewer)
        viewer.window.add_dock_widget(made, name="Shrinkage", area="right")
        qtbot.wait(50)
        return viewer, layer, made

    return opened


@pytest.fixture
def wait_for(qtbot):
    """Return a function that runs the event loop until something is true."""
    return lambda true: qtbot.waitUntil(lambda: bool(true()), timeout=SECONDS)
