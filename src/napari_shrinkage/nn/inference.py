"""Running a denoising network: its number format, its memory layout, and pieces that fit into memory.

Convention: images are float32 on the way in and out; inside, convolutions run in the plan's precision with
channels last, which is what CPUs and GPUs are fastest with.
"""

from __future__ import annotations

import gc
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from .models import card_of, network_of

if TYPE_CHECKING:
    from torch import Tensor, nn

Precision = Literal["float32", "bfloat16", "float16"]

LEAST_SIDE = 64  # pixels: a piece is not cut smaller than this
LEAST_TILE, LARGEST_TILE = 2**16, 2**22  # pixels
BYTES_PER_PIXEL = 1000  # that a network needs, at most
SHARE = 0.25  # of the free memory
FULL = ("not enough memory", "out of memory", "can't allocate memory")
log = logging.getLogger(__name__)


def fastest_precision(device: str) -> Precision:
    """Return the number format that a device convolves fastest in; bfloat16 only with instructions for it."""
    import torch

    kind = device.partition(":")[0]
    if kind == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float16"
    if kind == "mps":
        return "float16"
    return "bfloat16" if _cpu_has_bfloat16(torch.cpu) else "float32"


def _cpu_has_bfloat16(cpu: Any) -> bool:
    """Whether the CPU has instructions for bfloat16, as far as this torch can tell."""
    if not hasattr(cpu, "get_capabilities"):  # torch before 2.11
        return False
    there = cpu.get_capabilities()
    return bool(there.get("avx512_bf16") or there.get("amx_bf16"))


@lru_cache(maxsize=4)
def ready_network(name: str, checksum: str, device: str, precision: Precision) -> nn.Module:
    """Return the network of a weight file in a number format on a device, channels last."""
    import copy

    import torch

    with torch.inference_mode(False):
        network: Any = copy.deepcopy(network_of(name, checksum))
        ready: nn.Module = network.to(device, getattr(torch, precision), memory_format=torch.channels_last)
        return ready


def denoised(
    name: str, checksum: str, images: Tensor, sigma: Tensor, device: str, precision: Precision
) -> Tensor:
    """Return restored images (B, C, Y, X), in float32 on the CPU; in pieces where memory does not suffice.

    Parameters
    ----------
    name, checksum : str
        Of the weight file.
    images : Tensor, (B, C, Y, X)
        On the CPU; Y and X are multiples of what the network asks for.
    sigma : Tensor, (B, 1, 1, 1) or (B, 1, Y, X)
        Noise std on the scale of the images.
    device, precision : str
        Where, and in which number format.

    Raises
    ------
    MemoryError
        If even the smallest pieces do not fit.
    """
    side = max(images.shape[-2:])
    while True:
        try:
            return _in_pieces(name, checksum, images, sigma, device, precision, side)
        except (RuntimeError, MemoryError) as error:
            if not _is_full(error):
                raise
            if side <= LEAST_SIDE:
                raise MemoryError(
                    f"the network does not fit into the memory of {device}, not even in pieces of {side} x "
                    f"{side} pixels. Close other programs, or choose another device."
                ) from error
            message = str(error).partition("\n")[0]
        side = _half(side, card_of(name, checksum).multiple_of)
        log.warning("memory ran out (%s); going on in pieces of %d x %d pixels", message, side, side)
        _release(device)


def _in_pieces(
    name: str, checksum: str, images: Tensor, sigma: Tensor, device: str, precision: Precision, side: int
) -> Tensor:
    import torch

    network, card = ready_network(name, checksum, device, precision), card_of(name, checksum)
    halo = -(-card.reach // card.multiple_of) * card.multiple_of
    restored = torch.empty_like(images)
    for y in range(0, images.shape[-2], side):
        for x in range(0, images.shape[-1], side):
            rows, top = _cut(y, side, halo, images.shape[-2])
            columns, left = _cut(x, side, halo, images.shape[-1])
            level = sigma if sigma.shape[-1] == 1 else sigma[..., rows, columns]
            piece = _restored_piece(network, images[..., rows, columns], level, device, precision)
            inner = piece[..., top : top + side, left : left + side]
            restored[..., y : y + side, x : x + side] = inner[
                ..., : images.shape[-2] - y, : images.shape[-1] - x
            ]
    return restored


def _restored_piece(network: Any, images: Tensor, sigma: Tensor, device: str, precision: str) -> Tensor:
    """Return a restored piece on the CPU. The noise that the network takes off is subtracted in float32."""
    import torch

    dtype = getattr(torch, precision)
    packed = images.to(device, dtype).contiguous(memory_format=torch.channels_last)
    level = sigma.to(device, dtype)
    if not hasattr(network, "noise"):
        restored: Tensor = network(packed, level).float().cpu()
        return restored
    noise: Tensor = network.noise(packed, level).float().cpu()
    return images - noise


def _cut(start: int, side: int, halo: int, length: int) -> tuple[slice, int]:
    """Return the part that a piece needs, and where the piece begins in it."""
    first = max(start - halo, 0)
    return slice(first, min(start + side + halo, length)), start - first


def _half(side: int, multiple: int) -> int:
    return max(side // 2 // multiple * multiple, LEAST_SIDE)


def _is_full(error: Exception) -> bool:
    import torch

    full = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return full or any(words in str(error).lower() for words in FULL)


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
