"""A shrinkage rule of one's own: one class, and it works everywhere a rule does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import annotated_types as at
import numpy as np
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

import napari_shrinkage as ns
from napari_shrinkage.methods import members, method
from napari_shrinkage.rules import ShrinkageRule

if TYPE_CHECKING:
    from torch import Tensor


@method("power", title="Power")
class Power(ShrinkageRule):
    """Multiply by 1 - (t / |c|)^q beyond the threshold: soft for q = 1, garrote for q = 2, hard for large q.

    Parameters
    ----------
    q : float
        How fast the attenuation fades beyond the threshold.
    """

    q: Annotated[float, at.Ge(1), at.Le(100)] = 6.0

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return the shrunk coefficients."""
        ratio = t / (c.abs() + 1e-30)
        return c * (1 - ratio**self.q).relu()


print("rules:", ", ".join(members("rule")))

truth = data.camera().astype(np.float32)
noisy = truth + 25 * np.random.default_rng(0).standard_normal(truth.shape).astype(np.float32)
for q in (1, 4, 16):
    shrinkage = ns.Shrinkage(transform=ns.SlidingDCT(), rule=Power(q=q), threshold=ns.Ratio(r=2.5))
    restored = ns.restore(noisy, shrinkage, noise=25)
    print(f"q = {q}: {peak_signal_noise_ratio(truth, restored, data_range=255):.2f} dB")
