"""Find the degradation that a super-resolution network was trained for, by asking the network.

Convention: a network is a callable from coarse images (B, C, Y, X), 0 to 1, to fine ones
(B, C, s * Y, s * X); its weights stay as they are. Pictures are (C, Y, X). Long work yields
(step, steps, loss).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .estimate import KernelEstimate
from .kernels import Kernel, fitting_taps, normalized
from .measuring import kernel_from_pair
from .reduction import reduced_tensor
from .searched_kernel import CHAINED, REACH, first_chain, first_taps

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CHAINED", "DIRECT", "correctable", "interrogated", "interrogated_by"]

Network = Callable[["Tensor"], "Tensor"]
Pictures = Sequence[npt.NDArray[np.float32]]

DIRECT: tuple[int, ...] = ()  # no chain
STEPS = 500  # fewer leave the first kernel so rough that the second is taken for it
BATCH, CROP = 8, 32  # crops of so many coarse pixels
EDGE = 4  # coarse pixels at a crop's border that do not count
RATES = {"kernel": 5e-3, "chain": 5e-4}
LOOKED_AT = 40  # crops
AROUND = 3  # coarse pixels on each side that a correction sees


class Reducing(Protocol):
    """From fine images to coarse ones, with parameters to adjust: a kernel, or any torch module."""

    def __call__(self, fine: Tensor, /) -> Tensor:
        """Return coarse images."""

    def parameters(self) -> Iterable[Any]:
        """Return the tensors to adjust."""


def interrogated_by(
    degradation: Reducing,
    upscale: Network,
    fine: Pictures,
    scale: int,
    steps: int = STEPS,
    rate: float = RATES["kernel"],
    seed: int = 0,
) -> Generator[tuple[int, int, float], None, None]:
    """Adjust a degradation until a network restores what it makes of pictures.

    Parameters
    ----------
    degradation : Reducing
        Adjusted in place: a kernel, or a small network where no kernel will do.
    upscale : Network
        The network that is asked.
    fine : sequence of ndarray, (C, Y, X)
        Sharp pictures, 0 to 1, like those that it was trained on.
    scale : int
        Of the network.
    steps, rate : int, float
        Of Adam; the rate falls along half a cosine.
    seed : int
        Of the crops.

    Yields
    ------
    tuple
        Step, steps, and the mean squared error of the restored crops.

    Notes
    -----
    The error is not smallest at the degradation of the training, only near it if that leaves little aliasing:
    what a network restores best is not what it was made for. See `interrogated`.
    """
    import torch

    parameters = list(degradation.parameters())
    optimizer = torch.optim.Adam(parameters, rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng = np.random.default_rng(seed)
    edge = scale * EDGE
    for step in range(steps):
        wanted = _crops(fine, BATCH, scale * CROP, rng)
        error = (upscale(degradation(wanted)) - wanted)[..., edge:-edge, edge:-edge].square().mean()
        slopes = torch.autograd.grad(error, parameters)  # the network's own weights get none
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        optimizer.step()
        schedule.step()
        yield step + 1, steps, error.item()


def interrogated(
    upscale: Network,
    fine: Pictures,
    scale: int,
    taps: int | None = None,
    chain: tuple[int, ...] = DIRECT,
    steps: int = STEPS,
    seed: int = 0,
) -> Generator[tuple[int, int, float], None, KernelEstimate]:
    """Find the kernel that a network was trained for.

    Parameters
    ----------
    upscale : Network
        The network that is asked.
    fine : sequence of ndarray, (C, Y, X)
        Sharp pictures, 0 to 1, like those that it was trained on; a dozen of them.
    scale : int
        Of the network.
    taps : int, optional
        Of each axis; None reaches 2.5 coarse pixels. A chain has as many as its layers give.
    chain : tuple of int
        Taps of linear layers whose product is the kernel [1]_; none searches the taps directly.
    steps, seed : int
        Of the search.

    Yields
    ------
    tuple
        Step, steps, and the mean squared error of the restored crops.

    Returns
    -------
    KernelEstimate
        Without standard errors: how sure it is, is not known.

    Notes
    -----
    Two kernels are found: the one by which the network restores pictures best, and the one by which what it
    restores gives its input back. The first misses kernels that alias, as decimation does; the second those
    that blur much. A network cannot be corrected where it was trained, so the answer is the one with which
    the best linear correction of the result, from the coarse image, gains less. Valid for a search that has
    come to rest: the choice is a close one where the first kernel is still rough.

    References
    ----------
    .. [1] Bell-Kligler, Shocher, Irani, "Blind super-resolution kernel estimation using an internal-GAN",
       NeurIPS 2019, arXiv:1909.06581.
    """
    searched = first_chain(chain, scale, seed) if chain else first_taps(taps, scale)
    rate = RATES["chain" if chain else "kernel"]
    yield from interrogated_by(searched, upscale, fine, scale, steps, rate, seed)
    best = normalized(searched.kernel().detach().cpu().double().numpy())
    sharp = _crops(fine, LOOKED_AT, 2 * scale * CROP, np.random.default_rng(seed + 1))
    rivals = [best, _giving_back(upscale, sharp, best, scale)]
    gains = [correctable(upscale, sharp, kernel, scale) for kernel in rivals]
    return KernelEstimate(
        rivals[int(np.argmin(gains))], scale, (math.nan, math.nan), sharp.numel() // scale**2
    )


def correctable(upscale: Network, sharp: Tensor, kernel: Kernel, scale: int) -> float:
    """Return the share of a network's squared error that a linear correction takes away, 0 to 1.

    Parameters
    ----------
    upscale : Network
        From coarse images to fine ones.
    sharp : Tensor, (B, C, s * Y, s * X)
        Pictures.
    kernel, scale : ndarray, int
        That they are reduced by.
    """
    from torch.nn.functional import pixel_unshuffle

    coarse, restored = _asked(upscale, sharp, kernel, scale)
    margin = EDGE + AROUND
    inner = (Ellipsis, slice(margin, -margin), slice(margin, -margin))
    errors = pixel_unshuffle((sharp - restored).flatten(0, 1)[:, None], scale)[inner].double().numpy()
    seen = coarse.flatten(0, 1).double().numpy()
    seen = seen - seen.mean((1, 2), keepdims=True)
    height, width = errors.shape[2:]
    shifts = range(EDGE, EDGE + 2 * AROUND + 1)
    rows = np.stack([seen[:, y : y + height, x : x + width].ravel() for y in shifts for x in shifts], 1)
    target = errors.transpose(0, 2, 3, 1).reshape(len(rows), -1)
    left = target - rows @ np.linalg.lstsq(rows, target, rcond=None)[0]
    return float(1 - np.square(left).sum() / np.square(target).sum())


def _giving_back(upscale: Network, sharp: Tensor, kernel: Kernel, scale: int) -> Kernel:
    coarse, restored = _asked(upscale, sharp, kernel, scale)
    inner, fine = slice(EDGE, -EDGE), slice(scale * EDGE, -scale * EDGE)
    pair = restored[..., fine, fine].double().numpy(), coarse[..., inner, inner].double().numpy()
    return kernel_from_pair(*pair, scale, fitting_taps(REACH * scale, scale)).kernel


def _asked(upscale: Network, sharp: Tensor, kernel: Kernel, scale: int) -> tuple[Tensor, Tensor]:
    import torch

    with torch.no_grad():
        coarse = reduced_tensor(sharp, torch.from_numpy(np.float32(kernel)), scale)
        return coarse, upscale(coarse)


def _crops(pictures: Pictures, count: int, side: int, rng: np.random.Generator) -> Tensor:
    import torch

    found = []
    for _ in range(count):
        picture = pictures[int(rng.integers(len(pictures)))]
        if min(picture.shape[-2:]) < side:
            raise ValueError(
                f"a picture is {picture.shape[-2]} x {picture.shape[-1]} pixels; expected {side} x {side} "
                "and more."
            )
        y, x = (int(rng.integers(n - side + 1)) for n in picture.shape[-2:])
        found.append(picture[..., y : y + side, x : x + side])
    return torch.from_numpy(np.stack(found).astype(np.float32))
