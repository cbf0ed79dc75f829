"""Thresholds fitted to the first frames of a series, without a clean image, and used on the others."""

from __future__ import annotations

import numpy as np
from skimage import data

import napari_shrinkage as ns

# A series: the same kind of picture, shifting from frame to frame, with noise of std 20.
scene = data.camera()[80:336, 100:356].astype(np.float32)
truth = np.stack([np.roll(scene, 4 * number, axis=1) for number in range(6)])
frames = truth + 20 * np.random.default_rng(0).standard_normal(truth.shape)
frames = frames.astype(np.float32)
noise = ns.estimate_noise(frames, "gaussian", axes="TYX")

method = ns.Shrinkage(transform=ns.Wavelet(levels=4), rule=ns.Soft(), threshold=ns.Bayes())
fitted = ns.fit(frames[0], method, loss="sure", noise=noise)
print("thresholds of the finest level, in noise stds:")
print({key: round(t, 2) for key, (t,) in fitted.threshold.values.items() if key.startswith("1/")})
print(f"estimated error {fitted.fitted.before:.3f} -> {fitted.fitted.after:.3f} of the noise's variance")

oracle = ns.fit(frames[0], method, loss="supervised", target=truth[0], noise=noise)
for name, one in {"BayesShrink": method, "SURE, frame 1": fitted, "clean frame 1": oracle}.items():
    later = ns.restore(frames[1:], one, noise=noise, axes="TYX")
    print(f"{name}: mean squared error of the other frames {np.mean((later - truth[1:]) ** 2):.1f}")

# SURE-LET: two weights for each band in place of a threshold, from the same estimate.
let = ns.fit(frames[0], ns.Let(transform=ns.Wavelet(levels=4)), loss="sure", noise=noise)
later = ns.restore(frames[1:], let, noise=noise, axes="TYX")
print(f"SURE-LET, frame 1: mean squared error of the other frames {np.mean((later - truth[1:]) ** 2):.1f}")
