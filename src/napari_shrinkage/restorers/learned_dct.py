"""A learned sliding transform whose gates were learned from photographs: `nn.learned_dct` as a restorer.

Convention: the network was trained on white noise of variance 1. Of correlated noise it is told how strong
it is in each coefficient.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import annotated_types as at
import numpy as np
import numpy.typing as npt

from ..geometry import Border, Geometry
from ..methods import ADVANCED, HIDDEN, method
from ..nn.weights import checked_path, load_into, metadata
from .base import Restorer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..nn.learned_dct import LearnedDct as Network
    from ..noise import Autocorrelation
    from ..sample import Sample

WEIGHTS = "learned-dct.safetensors"
CHECKSUM = "a1f956a2a631e51fe0660bb942a611f4815594f798f1d67815e1d23b1b15c921"
PATCHES = 2**11  # at a time on one CPU thread: few enough for the cache; memory does not grow with the image
SHARED = 2**15  # on several, which wait for each other after every step, and on an accelerator
LEAST_STD = 1e-3  # of correlated noise in a coefficient, as a multiple of white noise's
TINY = 1e-6


@method("learned-dct", title="Learned DCT")
class LearnedDct(Restorer):
    """Shrink the patches' coefficients in a transform, and by gates, that were learned from photographs.

    A transform that starts as the DCT of overlapping patches, and gates that see all the coefficients of
    their patch, were trained on pairs of a clean and a noisy photograph.

    Parameters
    ----------
    strength : float
        Factor on the noise level that the network is told; above 1 smooths more.
    stride : int
        Step from one patch to the next; 1 takes every patch, 3 is faster.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border, so that a pixel there lies in as many patches as any other.
    weights : str
        File of the network's weights: the name of one that comes with the package, or a path.
    checksum : str
        The sha256 checksum that this file must have; "" takes any.

    Notes
    -----
    Valid for images whose details are like a photograph's, and Gaussian noise of a known strength between 1
    and 75 grey levels of 255, white or of a known autocorrelation. Other structures it may take for noise:
    compare with "dct", and look at what was removed.

    The gates' energies are in units of each coefficient's noise, so correlated noise is treated as shrinkage
    treats it; which coefficients are alike was learned on white noise.

    References
    ----------
    Herbreteau, Kervrann, "DCT2net: an interpretable shallow CNN for image denoising", IEEE Transactions on
    Image Processing 31, 2022, doi:10.1109/TIP.2022.3181488.
    """

    strength: Annotated[float, at.Ge(0.5), at.Le(2)] = 1.0
    stride: Annotated[int, at.Ge(1), at.Le(4), at.Unit("pixels"), ADVANCED] = 2
    border: Border = "symmetric"
    weights: Annotated[str, HIDDEN] = WEIGHTS
    checksum: Annotated[str, HIDDEN] = CHECKSUM

    @property
    def spatial_ndim(self) -> int:
        """Two: planes."""
        return 2

    def resolve(self, sample: Sample) -> Self:
        """Nothing depends on the data."""
        return self

    def geometry(self) -> Geometry:
        """Return the margin that gives a pixel all its patches, and its reach: the far end of a patch."""
        reach = patch_side(*checked_path(self.weights, self.checksum)) - 1
        margin = -(-reach // self.stride) * self.stride
        return Geometry(self.border, (margin,) * 2, (self.stride,) * 2, (reach,) * 2)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain); differentiable."""
        import torch

        network = _network(*checked_path(self.weights, self.checksum), z.device, z.dtype)
        told = told_factors(network.analysis.detach().cpu().double().numpy(), network.side, correlation)
        factors = z.new_tensor(told / self.strength)
        fields = z.flatten(0, 1)
        centred = fields - fields.mean((1, 2), keepdim=True)
        if torch.is_grad_enabled():
            noise = network(centred, self.stride, factors)
        else:
            noise = torch.stack([noise_by_strips(network, one, self.stride, factors) for one in centred])
        restored: Tensor = (fields - noise).reshape(z.shape)
        return restored


@lru_cache(maxsize=4)
def patch_side(path: Path, checksum: str) -> int:
    """Return the side of the patches of a weight file's network."""
    return _sizes(path)["side"]


def told_factors(
    atoms: npt.NDArray[np.float64], side: int, correlation: Autocorrelation | None
) -> npt.NDArray[np.float64]:
    """Return for each of the atoms (K, side^2) the std of white noise in it over that of the noise."""
    if correlation is None:
        return np.ones(len(atoms))
    if correlation.ndim != 2:
        raise ValueError(
            f"the noise's autocorrelation has {correlation.ndim} axes, the learned transform 2; "
            "estimate the noise with two spatial axes."
        )
    variances = noise_variances(atoms.reshape(-1, side, side), correlation.array)
    relative = np.sqrt(np.maximum(variances, 0) / np.sum(atoms**2, axis=1))
    told: npt.NDArray[np.float64] = 1 / np.maximum(relative, LEAST_STD)
    return told


def noise_variances(
    atoms: npt.NDArray[np.float64], correlation: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the variance (K,) in each atom (K, y, x) of noise of variance 1 with this correlation (lags)."""
    lags = [np.arange(n) - n // 2 for n in correlation.shape]
    sizes = [side + n // 2 for side, n in zip(atoms.shape[1:], correlation.shape, strict=True)]
    own = np.fft.ifft2(np.abs(np.fft.fft2(atoms, sizes)) ** 2).real
    variances: npt.NDArray[np.float64] = np.sum(own[:, lags[0][:, None], lags[1]] * correlation, axis=(1, 2))
    return variances


def noise_by_strips(network: Network, z: Tensor, stride: int, told: Tensor) -> Tensor:
    """Return the network's noise (Y, X) of a field without a gradient, some rows of patches at a time."""
    import torch

    total, weight = torch.zeros_like(z), torch.zeros_like(z)
    rows, columns = ((n - network.side) // stride + 1 for n in z.shape)
    alone = z.device.type == "cpu" and torch.get_num_threads() == 1
    step = max((PATCHES if alone else SHARED) // columns, 1)
    for first in range(0, rows, step):
        last = min(first + step, rows) - 1
        strip = slice(first * stride, last * stride + network.side)
        sums, weights = network.sums(z[None, strip], stride, told)
        total[strip] += sums[0]
        weight[strip] += weights[0]
    return total / weight.clamp_min(TINY)


def _sizes(path: Path) -> dict[str, int]:
    """Return the sizes of the network that a weight file's header tells."""
    told = metadata(path)
    try:
        return {name: int(told[name]) for name in ("side", "extra", "hidden")}
    except (KeyError, ValueError):
        raise ValueError(
            f"the header of {path} does not tell side, extra and hidden as numbers, but {told}; expected "
            "weights that training/learned_dct.py wrote."
        ) from None


@lru_cache(maxsize=4)
def _network(path: Path, checksum: str, device: torch.device, dtype: torch.dtype) -> Network:
    import torch

    from ..nn.learned_dct import LearnedDct as Network

    with torch.inference_mode(False):
        network = Network(**_sizes(path))
        load_into(network, path)
        return network.requires_grad_(False).to(device, dtype)
