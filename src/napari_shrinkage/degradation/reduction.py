"""Reducing images: every coarse pixel as the kernel's weighted mean of fine ones, in numpy and in torch.

Convention: arrays are (..., Y, X). Beyond the border the image goes on as its mirror image. A length that is
no multiple of the scale loses its last pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .kernels import Kernel

if TYPE_CHECKING:
    from torch import Tensor


def reduced(fine: Any, kernel: Kernel, scale: int) -> Any:
    """Return the coarse image (..., Y // scale, X // scale) of a fine one (..., Y, X), float64."""
    height, width = (n // scale for n in fine.shape[-2:])
    values = np.asarray(fine, dtype=np.float64)[..., : height * scale, : width * scale]
    before = (len(kernel) - scale) // 2
    padding = [(0, 0)] * (values.ndim - 2) + [(max(before, 0),) * 2] * 2
    values = np.pad(values, padding, mode="symmetric")
    out = np.zeros((*values.shape[:-2], height, width))
    for (y, x), weight in np.ndenumerate(kernel):
        if weight:
            rows, columns = (
                slice(at - min(before, 0), at - min(before, 0) + scale * (n - 1) + 1, scale)
                for at, n in ((y, height), (x, width))
            )
            out += weight * values[..., rows, columns]
    return out


def reduced_tensor(fine: Tensor, kernel: Tensor, scale: int) -> Tensor:
    """Return coarse images (B, C, Y, X) of fine ones, differentiable in both; the border is mirrored.

    Parameters
    ----------
    fine : Tensor, (B, C, s * Y, s * X)
        Images.
    kernel : Tensor, (n, n)
        Of the scale's parity, at least `scale` taps.
    scale : int
        Of the reduction.
    """
    import torch
    from torch.nn.functional import conv2d

    before = (len(kernel) - scale) // 2
    rows, columns = (
        torch.from_numpy(np.pad(np.arange(n), before, mode="symmetric")).to(fine.device)
        for n in fine.shape[-2:]
    )
    planes = fine.flatten(0, 1)[:, None, rows][..., columns]
    coarse = conv2d(planes, kernel[None, None], stride=scale)
    return coarse.reshape(*fine.shape[:2], *coarse.shape[2:])
