"""Networks that spandrel knows, as denoisers.

Convention: spandrel is given tensors that were read without running code, never a file.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

REACH = 192  # pixels
MULTIPLE = 64  # pixels, so that windows of attention lie alike in every tile


class Zoo(nn.Module):
    """A network that spandrel knows, as a denoiser.

    Parameters
    ----------
    descriptor : spandrel.ImageModelDescriptor
        What spandrel says of it.

    Notes
    -----
    It is taken to reach 192 pixels, as its reach is not known: DRUNet stays within, while attention over the
    whole field does not, and may show seams between tiles. Windows of attention are taken to repeat after 64
    pixels. Of these networks DRUNet alone is told the noise level. The network itself is called, as
    spandrel's call would clip to [0, 1]. Where spandrel says `supports_half=False`, float16 is not safe.
    """

    reach = REACH

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        needs = descriptor.size_requirements
        self.network, self.title = descriptor.model, str(descriptor.architecture.name)
        self.colors = descriptor.input_channels
        multiple = math.lcm(MULTIPLE, needs.multiple_of)
        self.multiple_of = multiple * max(1, -(-needs.minimum // multiple))
        self.told = descriptor.architecture.id == "DRUNet"

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Return the restored image (B, C, Y, X); `sigma`, where told, is (B, 1, 1, 1) or (B, 1, Y, X)."""
        if self.told:
            image = torch.cat([image, sigma.expand(image.shape[0], 1, *image.shape[2:])], 1)
        restored: Tensor = self.network(image)
        return restored


def from_zoo(state: dict[str, Tensor], refusal: str) -> nn.Module:
    """Return the denoiser that spandrel knows by these tensors.

    Parameters
    ----------
    state : dict of Tensor
        Tensors by name.
    refusal : str
        A sentence that says why it is none of ours.

    Raises
    ------
    ValueError
        If spandrel is not installed, does not know the network, or it is no denoiser.
    """
    try:
        import spandrel
    except ImportError as error:
        raise ValueError(f"{refusal} For more networks, install napari-shrinkage[zoo].") from error
    try:
        descriptor = spandrel.ModelLoader().load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        raise ValueError(f"{refusal} Nor does spandrel know it.") from error
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{refusal} Nor can spandrel read it ({first_line(error)}).") from error
    _check_restores(descriptor, refusal)
    network = Zoo(descriptor).eval()
    _check_runs(network, descriptor.architecture.name)
    return network


def _check_restores(descriptor: Any, refusal: str) -> None:
    name, colors = descriptor.architecture.name, descriptor.input_channels
    same = colors == descriptor.output_channels and colors in (1, 3)
    square = descriptor.size_requirements.square
    if descriptor.scale == 1 and descriptor.purpose in ("Restoration", "SR") and same and not square:
        return
    raise ValueError(
        f"{refusal} For spandrel it is {name}, for {descriptor.purpose}, from {colors} to "
        f"{descriptor.output_channels} channels at {descriptor.scale} times the size"
        f"{', of square images only' if square else ''}; a denoiser gives 1 or 3 channels as it takes them, "
        "at the same size, of any image."
    )


def _check_runs(network: Zoo, name: str) -> None:
    """Run a small image through, to see that the network gives one image."""
    image = torch.zeros(1, network.colors, *[network.multiple_of] * 2)
    refusal = f"{name}, as spandrel reads it, does not give one image of the size and colours it takes"
    try:
        with torch.no_grad():
            restored: Any = network(image, torch.zeros(1, 1, 1, 1))
    except RuntimeError as error:
        raise ValueError(f"{refusal} ({first_line(error)}).") from error
    if not isinstance(restored, Tensor) or restored.shape != image.shape:
        raise ValueError(f"{refusal}.")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).partition("\n")[0]
