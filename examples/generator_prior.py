"""A generator of small images of one kind: train it, restore by it, and see which images it does not know."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import generator_misfit
from napari_shrinkage.samples import clean_particles, particles

# Rings, pairs and rods without noise. More steps (None is 3000) draw better.
clean, _ = clean_particles()
with tempfile.TemporaryDirectory() as folder:  # without save_as the file goes to the folder of models
    prior = ns.GeneratorPrior(latent=10, network="dense")
    file = Path(folder) / "particles.safetensors"
    fitted = ns.fit(clean.array, prior, axes="TYX", iterations=300, save_as=file)
    error = np.sqrt(fitted.generator.error) * fitted.generator.span
    print(f"K = {fitted.latent} numbers draw images that it did not learn from within {error:.1f} counts")

    # Others, with noise of 24 counts; some crosses are among them, which it has never seen.
    sample = particles()
    restored = ns.restore(sample.noisy.array, fitted, noise=sample.sigma, axes="TYX")
    noise, result = ns.Gaussian(sample.sigma), sample.noisy.with_array(restored)
    unlike = generator_misfit(sample.noisy, result, noise, fitted).out.ravel()

kinds = np.array(sample.kinds)
print(
    {
        kind: f"{unlike[kinds == kind].sum()} of {(kinds == kind).sum()} unlike"
        for kind in ("ring", "pair", "rod", "cross")
    }
)
for name, image in {"noisy": sample.noisy.array, "restored": restored}.items():
    error = np.sqrt(np.mean((image - sample.truth)[~unlike] ** 2))
    print(f"{name}: error of a pixel {error:.1f} counts")
