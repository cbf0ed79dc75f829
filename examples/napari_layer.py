"""In napari's console or a script: a layer goes in, a layer comes out, with its scale, units and colours."""

from __future__ import annotations

import napari

import napari_shrinkage as ns

viewer = napari.Viewer()
viewer.open_sample("napari-shrinkage", "time_series")
layer = viewer.layers["Noisy time series"]

data, attributes, kind = ns.restore(layer, "fast")  # one plan for all frames, so nothing flickers
restored = viewer.add_image(data, **attributes)

assert tuple(restored.scale) == tuple(layer.scale)
print("how it was made:", restored.metadata["napari_shrinkage"]["steps"][0]["noise"])

if __name__ == "__main__":
    napari.run()
