"""The file of a trained generator: the network, the brightness it knows, and how well it draws what it knows.

Convention: a file is safetensors, weights in float16; its header tells everything else. Brightness is in the
units of the images that it was trained on: `low` becomes 0 and `high` becomes 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .weights import checked_path, load_into, metadata

if TYPE_CHECKING:
    from torch import Tensor

    from .generator import GeneratorNetwork

NETWORK = "generator"
NUMBERS = ("low", "high", "error", "limit")  # in the header
LARGEST = 2**22  # pixels of an image
IN_FULL = ("mean", "covariance")  # kept in float32: a covariance has to stay positive


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A generator and what it was trained on.

    Parameters
    ----------
    network : GeneratorNetwork
        In float32 on the CPU.
    low, high : float
        What becomes 0 and 1, in the units of the images.
    error : float
        Mean squared error of held-out images met as well as the generator can, where the range is 1.
    limit : float
        Root mean squared error that 99 of 100 held-out images stay below, where the range is 1.
    facts : mapping of str
        The rest of the header: source, steps, seconds, loss, number of images.
    """

    network: GeneratorNetwork
    low: float
    high: float
    error: float
    limit: float
    facts: Mapping[str, str]

    @property
    def span(self) -> float:
        """What becomes 1, above what becomes 0, in the units of the images."""
        return self.high - self.low

    def scaled(self, images: Tensor) -> Tensor:
        """Return images on the scale of the network."""
        return (images - self.low) / self.span

    def counts(self, scaled: Tensor) -> Tensor:
        """Return images of the network in the units of the images that it was trained on."""
        return scaled * self.span + self.low

    def save(self, path: str | Path) -> None:
        """Write the file."""
        from safetensors.torch import save_file

        tensors = {
            key: (value.float() if key in IN_FULL else value.half()).contiguous().cpu()
            for key, value in self.network.state_dict().items()
        }
        part = Path(path).with_suffix(".part")
        save_file(tensors, part, self._header())
        part.replace(path)

    def _header(self) -> dict[str, str]:
        network = self.network
        return {
            **self.facts,
            "network": NETWORK,
            "kind": network.kind,
            "latent": str(network.latent),
            "shape": ",".join(map(str, network.shape)),
            "low": repr(self.low),
            "high": repr(self.high),
            "error": repr(self.error),
            "limit": repr(self.limit),
        }


def generator_of(name: str, checksum: str = "") -> tuple[TrainedGenerator, str]:
    """Return the generator in a file, shared by all who ask, and the file's sha256 checksum.

    Raises
    ------
    ValueError
        If there is no such file, it is another than the checksum says, or holds no generator.
    """
    path, found = checked_path(name, checksum)
    return _read(path, found), found


@lru_cache(maxsize=8)
def _read(path: Path, checksum: str) -> TrainedGenerator:
    import torch

    from .generator import NETWORKS

    told = metadata(path)
    if told.get("network") != NETWORK:
        raise ValueError(
            f"{path} holds no generator, but {told.get('network', 'weights without a name')!r}. Give a file "
            "that fitting a GeneratorPrior wrote."
        )
    shape, latent, numbers = _header_of(path, told)
    with torch.inference_mode(False):
        network = NETWORKS[told["kind"]](shape, latent)
        load_into(network, path)
        network.eval().requires_grad_(False)
        if not (_is_covariance(network.covariance) and network.decode(network.mean[None]).isfinite().all()):
            raise ValueError(
                f"the generator in {path} draws no images, or the covariance of its codes is none: "
                "the file is damaged. Use another."
            )
    low, high, error, limit = numbers
    return TrainedGenerator(network, low, high, error, limit, told)


def _is_covariance(matrix: Tensor) -> bool:
    """Whether a matrix is symmetric and, but for rounding, has no negative eigenvalue."""
    import torch

    double = matrix.double()
    eigenvalues = torch.linalg.eigvalsh(double)
    return bool(torch.allclose(double, double.T) and eigenvalues[0] >= -1e-4 * eigenvalues[-1])


def _header_of(path: Path, told: Mapping[str, str]) -> tuple[tuple[int, int], int, list[float]]:
    """Return the shape of an image, the length of a code, and low, high, error and limit."""
    from .generator import NETWORKS

    try:
        y, x = (int(n) for n in told["shape"].split(","))
        latent, numbers = int(told["latent"]), [float(told[name]) for name in NUMBERS]
        sizes_fit = 0 < y * x <= LARGEST and y > 0 and 0 < latent <= y * x
        if sizes_fit and told["kind"] in NETWORKS and np.isfinite(numbers).all():
            return (y, x), latent, numbers
    except (KeyError, ValueError):
        pass
    raise ValueError(
        f"the header of {path} does not tell kind, shape, latent, {', '.join(NUMBERS)} as a generator's "
        "does. Give a file that fitting a GeneratorPrior wrote."
    )
