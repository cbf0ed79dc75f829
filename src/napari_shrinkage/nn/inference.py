"""Running a denoising network: its number format, its memory layout, and pieces that fit into memory.

Convention: images are float32 on the way in and out; inside, convolutions run in the plan's precision with
channels last, which is what CPUs and GPUs are fastest with.
"""

from __future__ import annotations

import gc
import warnings
from functools import lru_cache
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from ..geometry import rounded_up
from .models import Card, card_of, network_of

if TYPE_CHECKING:
    from torch import Tensor, nn

Precision = Literal["float32", "bfloat16", "float16"]

LEAST_SIDE = 64  # pixels: a piece is not cut smaller than this
LEAST_TILE, LARGEST_TILE = 2**16, 2**22  # pixels
BYTES_PER_PIXEL = 1000  # that a network needs, at most
SHARE = 0.25  # of the free memory
FULL = ("not enough memory", "out of memory", "can't allocate memory", "bad_alloc", "alloc_failed")
ONE_AT_A_TIME = Lock()  # a piece takes every core, and the memory that was free


class PiecesWarning(UserWarning):
    """Memory ran out, and a network goes on in smaller pieces."""


def fastest_precision(device: str, residual: bool) -> Precision:
    """Return the number format that a device convolves fastest in, without a loss that shows.

    Parameters
    ----------
    device : str
        Where; a CPU takes bfloat16 only if it has instructions for it.
    residual : bool
        Whether the network gives the noise, as ours do. One that gives the image itself rounds it in every
        layer, and bfloat16 is too coarse for that: an FFDNet lost 0.05 dB at a noise of 15 grey levels.
    """
    import torch

    kind = device.partition(":")[0]
    if kind == "cuda":
        coarse = residual and torch.cuda.get_device_capability(device)[0] >= 8
        return "bfloat16" if coarse else "float16"
    if kind == "mps":
        return "float16"
    return "bfloat16" if residual and _cpu_has_bfloat16(torch.cpu) else "float32"


def _cpu_has_bfloat16(cpu: Any) -> bool:
    """Whether the CPU has instructions for bfloat16, as far as this torch can tell."""
    if not hasattr(cpu, "get_capabilities"):  # torch before 2.11
        return False
    there = cpu.get_capabilities()
    return bool(there.get("avx512_bf16") or there.get("amx_bf16"))


@lru_cache(maxsize=4)
def ready_network(name: str, checksum: str, device: str, precision: Precision) -> nn.Module:
    """Return the network of a weight file in a number format on a device; do not change it."""
    return placed(network_of(name, checksum), device, precision)


def placed(network: Any, device: str, precision: Precision) -> nn.Module:
    """Return a copy of a network in a number format on a device, channels last."""
    import copy

    import torch

    with torch.inference_mode(False):
        ready: nn.Module = copy.deepcopy(network).to(
            device, getattr(torch, precision), memory_format=torch.channels_last
        )
        return ready


def denoised(
    name: str, checksum: str, images: Tensor, sigma: Tensor, device: str, precision: Precision
) -> Tensor:
    """Return restored images (B, C, Y, X) in float32, one by one; in pieces where memory does not suffice.

    Parameters
    ----------
    name, checksum : str
        Of the weight file.
    images : Tensor, (B, C, Y, X)
        On any device, where the result will be; Y and X are multiples of what the network asks for.
    sigma : Tensor, (B, 1, 1, 1) or (B, 1, Y, X)
        Noise std on the scale of the images.
    device, precision : str
        Where, and in which number format, the network runs.

    Raises
    ------
    MemoryError
        If even the smallest pieces do not fit.

    Warns
    -----
    PiecesWarning
        If memory ran out and the work goes on in smaller pieces; their pixels are those of the whole, to the
        rounding of the number format.
    """
    multiple = card_of(name, checksum).multiple_of
    side, least = max(images.shape[-2:]), rounded_up(LEAST_SIDE, multiple)
    while True:
        try:
            return _in_pieces(name, checksum, images, sigma, device, precision, side)
        except (RuntimeError, MemoryError) as error:
            if not _is_full(error):
                raise
            if side <= least:
                raise MemoryError(
                    f"The network does not fit into the memory of {device}, not even in pieces of {side} x "
                    f"{side} pixels. Close other programs, or choose another device."
                ) from error
        side = max(side // 2 // multiple * multiple, least)
        warnings.warn(
            f"The memory of {device} ran out; the network goes on in pieces of {side} x {side} pixels.",
            PiecesWarning,
            stacklevel=2,
        )
        _release(device)


def _in_pieces(
    name: str, checksum: str, images: Tensor, sigma: Tensor, device: str, precision: Precision, side: int
) -> Tensor:
    import torch

    card = card_of(name, checksum)
    network = ready_network(card.name, card.checksum, device, precision)
    height, width = images.shape[-2:]
    restored = torch.empty_like(images)
    for index, y, x in product(range(len(images)), range(0, height, side), range(0, width, side)):
        rows, top = _cut(y, side, card, height)
        columns, left = _cut(x, side, card, width)
        part = slice(index, index + 1), slice(None), rows, columns
        level = sigma[part] if sigma.shape[-1] > 1 else sigma[index : index + 1]
        with ONE_AT_A_TIME:
            piece = _restored_piece(network, images[part], level, device, precision)
        inner = piece[0, :, top : top + side, left : left + side]
        restored[index, :, y : y + side, x : x + side] = inner
    return restored


def _restored_piece(network: Any, images: Tensor, sigma: Tensor, device: str, precision: str) -> Tensor:
    """Return a restored piece. The noise that the network takes off is subtracted in float32."""
    import torch

    dtype = getattr(torch, precision)
    packed = images.to(device, dtype).contiguous(memory_format=torch.channels_last)
    level = sigma.to(device, dtype)
    if not hasattr(network, "noise"):
        restored: Tensor = network(packed, level).float().to(images.device)
        return restored
    noise: Tensor = network.noise(packed, level).float().to(images.device)
    return images - noise


def _cut(start: int, side: int, card: Card, length: int) -> tuple[slice, int]:
    """Return the part of an axis that a piece needs, and where the piece begins in it."""
    halo = rounded_up(card.reach, card.multiple_of)
    first = max(start - halo, 0)
    stop = min(start + side, length)
    return slice(first, min(stop + halo, length)), start - first


def _is_full(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in FULL)


def _release(device: str) -> None:
    import torch

    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def tile_pixels() -> int:
    """Return how many pixels are best restored at a time: as many as free memory holds with ease."""
    import psutil

    fitting = psutil.virtual_memory().available * SHARE / BYTES_PER_PIXEL
    return max(min(int(fitting), LARGEST_TILE), LEAST_TILE)
