"""Denoise a photograph: estimate the noise, restore with two presets, compare with the truth."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
from skimage.metrics import peak_signal_noise_ratio

import napari_shrinkage as ns
from napari_shrinkage.samples import photograph

sample = photograph()  # 300 x 451 x 3, uint8, with noise of 20 grey levels
image = sample.noisy.array

noise = ns.estimate_noise(image, axes="YXC")
print(noise.verdict)

for preset in ("fast", "balanced"):
    restored = ns.restore(image, preset, noise=noise, axes="YXC")  # float32, in grey levels, not clipped
    print(f"{preset}: {peak_signal_noise_ratio(sample.truth, restored, data_range=255):.2f} dB")

iio.imwrite("photo-before.png", image)
iio.imwrite("photo-after.png", np.clip(np.rint(restored), 0, 255).astype(np.uint8))
