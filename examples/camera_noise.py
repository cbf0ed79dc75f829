"""Raw camera counts: measure the noise, rank methods, restore, and ask what can be measured in the result."""

from __future__ import annotations

import numpy as np

import napari_shrinkage as ns
from napari_shrinkage.samples import fluorescence_stack

# A camera of 2 counts per electron, an offset of 100 and a read noise of 4 counts looks at the packaged cell.
electrons = (fluorescence_stack().truth[8:14] - 100) / 8
rng = np.random.default_rng(0)
counts = 2 * rng.poisson(electrons) + 100 + 4 * rng.standard_normal(electrons.shape)
frames = ns.Stack(np.clip(np.rint(counts), 0, 65535).astype(np.uint16), "ZYX", source="simulated camera")

# One image tells the gain; with the offset, which a dark frame shows, the read noise too.
noise = ns.estimate_noise(frames.array, axes="ZYX", offset=100)
print("noise:", noise.verdict)

# Which method? Ranked by the error that is estimated from the noisy image alone.
ranking = ns.compare(frames.array, ["dct", "dct-wiener", "wavelet"], noise=noise, axes="ZYX")
print(ranking, end="\n\n")

result = ns.drain(ns.run(ns.Recipe((ranking.best,)), frames))
truth = 100 + 2 * electrons
for name, image in {"raw": frames.array, "restored": result.stack.array}.items():
    print(f"{name}: error of a pixel {np.sqrt(np.mean((image - truth) ** 2)):.1f} counts")

# May it be measured in? One line for each test; the plans of the record repeat the result exactly.
report = ns.trust_report(frames.array, result.stack.array, restorer=result.record.plans, axes="ZYX")
print(f"\n{report}\n{report.summary()}")
