"""Super-resolution: reduce a picture, measure how it was reduced, and give it its grid back."""

from __future__ import annotations

import numpy as np
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.degradation.measuring import kernel_from_image
from napari_shrinkage.diagnostics import consistency, upscaling_check

picture = data.camera()[40:296, 130:386].astype(np.float32)
blur = ns.GaussianBlur(sigma=1.6)  # in fine pixels
coarse = ns.degrade(picture, 2, blur, sigma=2)

# What does the image alone say of its blur?
print(kernel_from_image(coarse, 2, sigma=2).verdict)

# Is it what a network for bicubic reduction was trained for?
stack = ns.Stack(coarse)
wrong = ns.Step(ns.Upscale(model="light-bicubic"), ns.Gaussian(2))
print(upscaling_check(stack, ns.resolve(wrong, stack)).verdict)

methods = {
    "bicubic": ns.Upscale(model="bicubic"),
    "light, measured": ns.Upscale(degradation=None),
    "light, told": ns.Upscale(degradation=blur),
}
for name, method in methods.items():
    result = ns.drain(ns.run(ns.Recipe.of(method, ns.Gaussian(2)), stack))
    error = np.sqrt(np.mean((result.stack.array - picture) ** 2))
    print(f"{name}: error {error:.2f} grey levels. {ns.drain(consistency(stack, result)).verdict}")
