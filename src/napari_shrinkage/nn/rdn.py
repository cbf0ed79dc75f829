"""RDN, the residual dense network for super-resolution: to be trained, or with weights that others trained.

Convention: images are (B, C, Y, X), 0 black and 1 white; results are (B, C, s * Y, s * X). Weights
that others trained for 0 to 255 are brought to that.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from .foreign import MisfitError, State, put_into, taken, tensors_of

SHUFFLES = {2: (2,), 3: (3,), 4: (2, 2)}  # factors of the pixel shuffles, by scale
SMALL = {"blocks": 4, "layers": 3, "growth": 16, "features": 32}  # sizes of our small RDN
LAYOUTS = (  # names of the convolutions in files, by ours
    {
        "first": "SFENet1",
        "second": "SFENet2",
        "layers": "RDBs.{}.convs.{}.conv.0",
        "fusion": "RDBs.{}.LFF",
        "gathering": "GFF.0",
        "smoothing": "GFF.1",
        "finer": "UPNet.{}",
        "last": "UPNet.{}",
    },
    {
        "first": "sfe1",
        "second": "sfe2",
        "layers": "rdbs.{}.layers.{}.conv",
        "fusion": "rdbs.{}.lff",
        "gathering": "gff.0",
        "smoothing": "gff.1",
        "finer": "upscale.{}",
        "last": "output",
    },
)
WHITE = 255.0  # of networks that see grey levels
GREYS = (0.25, 0.75)  # of flat pictures, which a network must hand on
SIDE, MARGIN = 20, 8  # of these, and of their border that is not looked at; coarse pixels
HANDED_ON = 0.05  # largest error of a network that hands them on


class Rdn(nn.Module):
    """Enlarge images by dense blocks, whose convolutions see all features before them [1]_.

    Parameters
    ----------
    scale : int
        2, 3 or 4; by one pixel shuffle, or by two at scale 4.
    colors : int
        1 for gray, 3 for colour.
    blocks, layers : int
        Dense blocks, and convolutions of each.
    growth : int
        Features that a convolution of a block adds; also those of the fine image.
    features : int
        Between the blocks.

    Notes
    -----
    Valid for the degradation that it was trained on only, which is mostly bicubic reduction without noise.
    `mean` is a colour that is taken off first and added again last: black, unless a file has another.

    As published, for colour at scale 2, it has 22,123,395 parameters and takes 5,529,712 multiplications for
    an output pixel: a quarter of the parameters, as all but the last convolution work at the coarse
    resolution, where a pixel stands for four.

    References
    ----------
    .. [1] Zhang, Tian, Kong, Zhong, Fu, "Residual dense network for image super-resolution", CVPR 2018,
       doi:10.1109/CVPR.2018.00262.
    """

    mean: Tensor

    def __init__(
        self,
        scale: int = 2,
        colors: int = 3,
        blocks: int = 16,
        layers: int = 8,
        growth: int = 64,
        features: int = 64,
    ) -> None:
        super().__init__()
        if scale not in SHUFFLES:
            raise ValueError(f"scale={scale}: RDN enlarges by 2, 3 or 4. Use one of these.")
        self.scale, self.colors = scale, colors
        self.depth = blocks * layers
        self.first, self.second = _convolution(colors, features), _convolution(features, features)
        self.blocks = nn.ModuleList(DenseBlock(features, layers, growth) for _ in range(blocks))
        self.gathering = nn.Conv2d(blocks * features, features, 1)
        self.smoothing = _convolution(features, features)
        self.finer = nn.ModuleList(
            _convolution(growth if index else features, growth * factor**2)
            for index, factor in enumerate(SHUFFLES[scale])
        )
        self.last = _convolution(growth, colors)
        self.register_buffer("mean", torch.zeros(colors, 1, 1))

    @property
    def reach(self) -> int:
        """How far, in coarse pixels, an input pixel may lie from a coarse pixel that it takes part in."""
        return self.depth + 5

    def forward(self, image: Tensor) -> Tensor:
        """Return the fine image (B, C, s * Y, s * X) of a coarse one (B, C, Y, X)."""
        first = self.first(image - self.mean)
        x, found = self.second(first), []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        x = first + self.smoothing(self.gathering(torch.cat(found, 1)))
        for finer, factor in zip(self.finer, SHUFFLES[self.scale], strict=True):
            x = pixel_shuffle(finer(x), factor)
        fine: Tensor = self.last(x)
        return fine + self.mean


class DenseBlock(nn.Module):
    """Convolutions that each see all features before them, fused and added to what went in."""

    def __init__(self, features: int, layers: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _convolution(features + index * growth, growth) for index in range(layers)
        )
        self.fusion = nn.Conv2d(features + layers * growth, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, K, Y, X) of the same shape."""
        seen = x
        for layer in self.layers:
            seen = torch.cat([seen, torch.relu(layer(seen))], 1)
        fused: Tensor = self.fusion(seen)
        return x + fused


def read_rdn(path: str | Path) -> Rdn:
    """Return the RDN that a weight file of others holds, on the CPU in float32.

    Parameters
    ----------
    path : str or Path
        A .safetensors file, or one that `torch.save` wrote (.pth, .pt, .ckpt).

    Raises
    ------
    ValueError
        If the file holds more than tensors, or no RDN in a layout that we know; the message names the first
        tensor that does not fit, and what was expected.

    Notes
    -----
    Two layouts are known: the one whose first convolution is SFENet1, as in the framework of EDSR, and the
    one where it is sfe1. Sizes come from the tensors' shapes.

    Whether a network sees 0 to 1 or 0 to 255 is not written in its file. Where it takes off a mean colour,
    that tells it; otherwise it is measured: it is 0 to 255 if the network hands on flat grey pictures there,
    with less than half the error that it makes on 0 to 1.
    """
    state = tensors_of(Path(path))
    try:
        return _known(state)
    except MisfitError as misfit:
        raise ValueError(
            f"{path} holds no super-resolution network that we know: {misfit}. Use one of ours, or an RDN as "
            "a state_dict."
        ) from misfit


def _known(state: State) -> Rdn:
    """Return the network of a layout that we know."""
    starts = [f"{layout['first']}.weight" for layout in LAYOUTS]
    for start, layout in zip(starts, LAYOUTS, strict=True):
        if start in state:
            return _read(state, layout)
    came = f"{next(iter(state))!r} does not fit" if state else "it is empty"
    raise MisfitError(f"{came}; a first convolution was expected, one of {', '.join(starts)}")


def _read(state: State, layout: dict[str, str]) -> Rdn:
    shuffles = _shuffles(state, layout)
    network = _sized(state, layout, shuffles)
    rest = dict(state)
    mean = _mean(rest, network.colors)
    zero = network.mean if mean is None else mean
    put_into(network, rest | {"mean": zero}, partial(_name_in_file, layout=layout, shuffles=shuffles))
    white = _white(network) if mean is None else WHITE if mean.max() > 1 else 1.0
    _bring_to_one(network, white)
    return network


def _shuffles(state: State, layout: dict[str, str]) -> int:
    """Return how many convolutions are followed by a shuffle, which has a number but no tensors."""
    found = _count(state, layout["finer"], step=2)
    return found - 1 if layout["finer"] == layout["last"] else found


def _count(state: State, name: str, step: int = 1) -> int:
    """Return how many convolutions of a numbered name there are, from 0 on without a gap."""
    count = 0
    while f"{name.format(step * count)}.weight" in state:
        count += 1
    return count


def _sized(state: State, layout: dict[str, str], shuffles: int) -> Rdn:
    """Return a network of the sizes that the tensors have."""
    named = partial(_name_in_file, layout=layout, shuffles=shuffles)
    rest = dict(state)
    first = taken(rest, named("first.weight"), (None, None, 3, 3))
    features, colors = first.shape[:2]
    growth = len(taken(rest, named("blocks.0.layers.0.weight"), (None, features, 3, 3)))
    taken(rest, named("blocks.0.fusion.weight"), (features, None, 1, 1))
    wide = len(taken(rest, named("finer.0.weight"), (None, features, 3, 3)))
    taken(rest, named("last.weight"), (colors, growth, 3, 3))
    sizes = {(1, 4): 2, (1, 9): 3, (2, 4): 4}
    scale = sizes.get((shuffles, wide // growth)) if wide % growth == 0 else None
    if scale is None:
        raise MisfitError(
            f"{shuffles} shuffles, the first from {wide} to {growth} features, were found; one by 2 or 3, or "
            "two by 2, were expected"
        )
    blocks = _count(state, layout["fusion"])
    layers = _count(state, layout["layers"].format(0, "{}"))
    return Rdn(scale, colors, blocks, layers, growth, features)


def _name_in_file(ours: str, layout: dict[str, str], shuffles: int) -> str:
    """Return a file's name of a tensor of ours, such as blocks.0.layers.1.weight."""
    *place, part = ours.split(".")
    if not place:
        return ours
    kind = next(word for word in reversed(place) if not word.isdigit())
    numbers = [int(word) for word in place if word.isdigit()] or [shuffles]
    if kind in ("finer", "last"):  # a shuffle stands between
        numbers = [2 * number for number in numbers]
    return f"{layout[kind].format(*numbers)}.{part}"


def _mean(rest: State, colors: int) -> Tensor | None:
    """Return the colour (C, 1, 1) that is taken off and added again, no longer in `rest`; None if none is."""
    if not any(name.startswith(("sub_mean.", "add_mean.")) for name in rest):
        return None
    (gain, shift), (other_gain, mean) = (
        (taken(rest, f"{name}.weight", (colors, colors, 1, 1)), taken(rest, f"{name}.bias", (colors,)))
        for name in ("sub_mean", "add_mean")
    )
    unchanged = torch.eye(colors)[..., None, None]
    pairs = ((gain, unchanged), (other_gain, unchanged), (shift, -mean))
    if not all(torch.allclose(one, other) for one, other in pairs):
        raise MisfitError("'sub_mean' and 'add_mean' do more than take off a colour and add it again")
    return mean[:, None, None]


@torch.no_grad()
def _white(network: Rdn) -> float:
    """Return what a network takes for white, 1 or 255: on which of the scales it hands on flat pictures."""
    grey = torch.tensor(GREYS)[:, None, None, None].expand(-1, network.colors, SIDE, SIDE)
    inner = slice(network.scale * MARGIN, -network.scale * MARGIN)

    def error(white: float) -> float:
        fine = network(grey * white)[..., inner, inner] / white
        return float((fine - grey[..., :1, :1]).square().mean().sqrt())

    levels = error(WHITE)
    return WHITE if levels < min(HANDED_ON, error(1.0) / 2) else 1.0


@torch.no_grad()
def _bring_to_one(network: Rdn, white: float) -> None:
    """Make a network for images up to `white` one for images up to 1: rectifiers let gains pass."""
    for name, value in network.state_dict().items():
        if name == "mean" or name.endswith(".bias"):
            value /= white


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)
