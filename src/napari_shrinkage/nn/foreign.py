"""Networks from weight files that others wrote: FFDNet and DnCNN in the layouts that are about, and more.

Convention: only tensors are read, never pickled code. Depth and width come from the tensors' shapes; what a
file cannot say, such as rectifiers or dilations, is taken to be as published.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from .dncnn import Dncnn, Fdncnn
from .ffdnet import Ffdnet, ResidualFfdnet
from .unet import Unet
from .weights import check_finite
from .zoo import first_line, from_zoo

WRAPPERS = ("params_ema", "params", "model_state_dict", "state_dict", "model", "net", "network")
WRAPPED = "module."  # before the names of a network that was trained on several devices
PARTS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
IRCNN_DEPTH = 7
# What torch trips over in other files.
TORN = (RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError, OSError)

State = dict[str, Tensor]
Shape = tuple[int | None, ...]


class MisfitError(ValueError):
    """A tensor's name or shape is not that of any layout we know."""


class Layout(NamedTuple):
    """How a chain of convolutions is written down."""

    gap: int  # from one convolution's number to the next, without batch normalisation between them
    eps: float = 1e-5  # of batch normalisation
    noise_first: bool = False  # FFDNet with a noise map for each colour, before the image, giving the noise


class Convolution(NamedTuple):
    """A convolution with its name in the file; batch normalisation is folded into it."""

    name: str
    weight: Tensor
    bias: Tensor


LAYOUTS = {  # by what stands before a convolution's number
    "layers.": Layout(1),  # ours
    "model.": Layout(2, eps=1e-4),  # KAIR
    "dncnn.": Layout(2),
    "intermediate_dncnn.itermediate_dncnn.": Layout(2, noise_first=True),  # sic
}


def read_denoiser(path: str | Path) -> nn.Module:
    """Return the denoiser that a weight file holds, on the CPU in float32.

    Parameters
    ----------
    path : str or Path
        A .safetensors file, or one that `torch.save` wrote (.pth, .pt, .ckpt).

    Returns
    -------
    Module
        With `colors`, `multiple_of`, `told` and `reach`, for images on [0, 1].

    Raises
    ------
    ValueError
        If the file holds more than tensors, or no network that we know; the message names the first tensor
        that does not fit, and what was expected.

    Notes
    -----
    Known are FFDNet, DnCNN and FDnCNN as in KAIR, with or without batch normalisation; FFDNet with batch
    normalisation as published in IPOL; DnCNN named `dncnn`; and our own networks. Anything else is tried with
    spandrel where that is installed.
    """
    state = tensors_of(Path(path))
    try:
        return _known(state)
    except MisfitError as misfit:
        return from_zoo(state, f"{path} holds no denoiser that we know: {misfit}.")


def tensors_of(path: Path) -> State:
    """Return the tensors of a weight file by name, in float32, out of what they may be wrapped in.

    Raises
    ------
    ValueError
        If the file is damaged, or holds more than tensors.
    """
    return _tensors(_loaded(path), path)


def _loaded(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is not read, as it holds something else than tensors, which could run code on this "
            "computer. Ask its author for a file of the network's state_dict, best as safetensors."
        ) from error
    except (SafetensorError, *TORN) as error:
        reason = first_line(error) or type(error).__name__
        raise ValueError(f"{path} holds no network weights, or is damaged ({reason}).") from error


def _tensors(loaded: Any, path: Path) -> State:
    """Return the tensors by name, out of what they may be wrapped in."""
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{path} holds a {type(loaded).__name__}; expected tensors by name, a state_dict.")
    for wrapper in WRAPPERS:
        if isinstance(loaded.get(wrapper), Mapping):
            return _tensors(loaded[wrapper], path)
    for name, value in loaded.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{path} holds a {type(value).__name__} named {name!r}; expected tensors by name, a "
                f"state_dict, alone or as one of {', '.join(WRAPPERS)}."
            )
    check_finite(loaded, path)
    return {str(name).removeprefix(WRAPPED): _in_float32(value) for name, value in loaded.items()}


def _in_float32(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _known(state: State) -> nn.Module:
    """Return the network of a layout that we know."""
    if not state:
        raise MisfitError("it is empty, and tensors by name were expected")
    if "head.weight" in state:
        return _unet(state)
    for before, layout in LAYOUTS.items():
        if any(re.match(rf"{re.escape(before)}\d+\.", name) for name in state):
            return _chain(_convolutions(state, before, layout), layout)
    raise MisfitError(
        f"{next(iter(state))!r} does not fit; a first convolution was expected, one of "
        + ", ".join(f"{before}0.weight" for before in LAYOUTS)
    )


def _unet(state: State) -> nn.Module:
    """Return our U-Net."""
    rest = dict(state)
    features = len(taken(rest, "head.weight", (None, None, 3, 3)))
    channels = len(taken(rest, "tail.weight", (None, features, 3, 3)))
    blocks = {match[1] for name in state if (match := re.match(r"down_fine\.(\d+)\.", name))}
    network = Unet(3 if channels == 12 else 1, features, len(blocks))
    put_into(network, state)
    return network


def put_into(network: nn.Module, state: State, named: Callable[[str], str] = str) -> None:
    """Put the tensors of a file into a network, each of its shape and none left over.

    Parameters
    ----------
    network : Module
        Of the sizes that the shapes in the file have.
    state : dict of Tensor
        By their names in the file.
    named : callable
        From the network's name of a tensor to the file's.

    Raises
    ------
    MisfitError
        Which names the first tensor that does not fit.
    """
    rest, wanted = dict(state), network.state_dict()
    values = {name: taken(rest, named(name), tuple(value.shape)) for name, value in wanted.items()}
    if rest:
        raise MisfitError(f"{next(iter(rest))!r} does not fit; {type(network).__name__} has no such tensor")
    network.load_state_dict(values)


def _convolutions(state: State, before: str, layout: Layout) -> list[Convolution]:
    """Return the convolutions of a chain, first to last; nothing may be left over."""
    _check_names(state, before)
    rest, found, number, entering = dict(state), [], 0, None
    while rest:
        name = f"{before}{number}.weight"
        weight = taken(rest, name, (None, entering, 3, 3))
        entering = len(weight)
        bias_name = f"{before}{number}.bias"
        bias = taken(rest, bias_name, (entering,)) if bias_name in rest else weight.new_zeros(entering)
        normalised = f"{before}{number + 1}.running_var" in rest
        if normalised:
            weight, bias = _folded(weight, bias, rest, f"{before}{number + 1}.", layout.eps)
        found.append(Convolution(name, weight, bias))
        number += layout.gap + normalised
    return found


def _check_names(state: State, before: str) -> None:
    for name in state:
        if not re.fullmatch(rf"{re.escape(before)}\d+\.({'|'.join(PARTS)})", name):
            raise MisfitError(f"{name!r} does not fit; {before}N. and one of {', '.join(PARTS)} was expected")


def _folded(weight: Tensor, bias: Tensor, rest: State, before: str, eps: float) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of a convolution that does what batch normalisation did after it, too."""
    rest.pop(f"{before}num_batches_tracked", None)
    size = (len(bias),)
    mean, variance = (taken(rest, f"{before}running_{what}", size) for what in ("mean", "var"))
    gain, shift = (taken(rest, f"{before}{what}", size) for what in ("weight", "bias"))
    factor = gain / torch.sqrt(variance + eps)
    return weight * factor[:, None, None, None], (bias - mean) * factor + shift


def _chain(convolutions: list[Convolution], layout: Layout) -> nn.Module:
    """Return FFDNet, DnCNN or FDnCNN, whichever takes and gives so many channels."""
    first, last = convolutions[0], convolutions[-1]
    entering, leaving = first.weight.shape[1], len(last.weight)
    size = len(convolutions), len(first.weight)
    if leaving in (4, 12):
        colors = leaving // 4
        if layout.noise_first:
            first = _noise_last(first, colors)
            return _filled(ResidualFfdnet(colors, *size), [first, *convolutions[1:]])
        return _filled(Ffdnet(colors, *size), convolutions)
    if leaving not in (1, 3) or layout.noise_first:
        _misfit(last.name, last.weight, (4, last.weight.shape[1], 3, 3))
    if entering == leaving + 1:
        return _filled(Fdncnn(leaving, *size), convolutions)
    if len(convolutions) == IRCNN_DEPTH:
        raise ValueError(  # and no misfit, as spandrel takes it for DnCNN
            f"{last.name!r} is the last of {IRCNN_DEPTH} convolutions, as in IRCNN, which are dilated and "
            "not supported; DnCNN with 17 or 20 was expected"
        )
    return _filled(Dncnn(leaving, *size), convolutions)


def _noise_last(first: Convolution, colors: int) -> Convolution:
    """Return the first convolution for one noise map after the image, from one for each colour before it."""
    features, entering = first.weight.shape[:2]
    if entering != 5 * colors:
        _misfit(first.name, first.weight, (features, 5 * colors, 3, 3))
    noise, image = first.weight[:, :colors], first.weight[:, colors:]
    return first._replace(weight=torch.cat([image, noise.sum(1, keepdim=True)], 1))


def _filled(network: nn.Module, convolutions: list[Convolution]) -> nn.Module:
    """Return a chain with these convolutions as its `layers`."""
    wanted: Any = network.layers
    with torch.no_grad():
        for layer, found in zip(wanted, convolutions, strict=True):
            if layer.weight.shape != found.weight.shape:
                _misfit(found.name, found.weight, tuple(layer.weight.shape))
            layer.weight.copy_(found.weight)
            layer.bias.copy_(found.bias)
    return network


def taken(rest: State, name: str, shape: Shape) -> Tensor:
    """Return a tensor, no longer in `rest`, whose shape must be this one; None stands for any length."""
    found = rest.pop(name, None)
    if found is None:
        first = f"{next(iter(rest))!r} does not fit; " if rest else ""
        raise MisfitError(f"{first}{name!r} {_shown(shape)} was expected and is not there")
    fits = len(found.shape) == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, found.shape, strict=True)
    )
    if not fits:
        _misfit(name, found, shape)
    return found


def _misfit(name: str, found: Tensor, shape: Shape) -> NoReturn:
    raise MisfitError(f"{name!r} is {_shown(tuple(found.shape))}; {_shown(shape)} was expected")


def _shown(shape: Shape) -> str:
    return " x ".join("any" if length is None else str(length) for length in shape)
