"""A lazy result is worked out beside napari's window, where napari's own setting asks for it."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
from napari.settings import get_settings

import napari_shrinkage as ns


def test_a_lazy_result_does_not_hold_the_window_up_where_napari_renders_asynchronously(
    make_napari_viewer, wait_for, monkeypatch
):
    monkeypatch.setattr(get_settings().experimental, "async_", True)
    values = 100 + 5 * np.random.default_rng(0).standard_normal((4, 64, 64)).astype(np.float32)
    expected = ns.restore(values, "dct", noise=5.0, axes="TYX")
    asked, free = threading.Event(), threading.Event()

    def slow(block: np.ndarray, block_id: tuple[int, ...]) -> np.ndarray:
        if block_id[0] == 2:
            asked.set()
            assert free.wait(20)
        return block

    source = da.from_array(values, chunks=(1, 64, 64)).map_blocks(slow, meta=np.empty((0, 0, 0), np.float32))
    restored = ns.restore(source, "dct", noise=5.0, axes="TYX")
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(restored, contrast_limits=(90, 110))
    wait_for(lambda: layer.loaded)
    viewer.dims.set_current_step(0, 2)
    wait_for(asked.is_set)
    assert not layer.loaded  # the window is here, the plane is not
    free.set()
    wait_for(lambda: layer.loaded and np.allclose(layer._slice.image.raw, expected[2], atol=1e-3))
