"""RDN: its published size, how far it reaches, and weights that others wrote, in both layouts.

The references for the layouts are chains of torch's functions on tensors under the names of such files.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pixel_shuffle

from napari_shrinkage.nn.cost import parameters
from napari_shrinkage.nn.rdn import SMALL, Rdn, read_rdn

State = dict[str, Tensor]
TINY = {"blocks": 2, "layers": 3, "growth": 4, "features": 6}
MEAN = torch.tensor([0.4, 0.5, 0.6])
LAYOUTS = ("SFENet1", "sfe1")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(colors: int = 3, side: int = 9) -> Tensor:
    return torch.rand(2, colors, side, side + 3, generator=seeded(1))


def small(scale: int = 2, colors: int = 3) -> Rdn:
    """Return a small network with weights that matter in the result."""
    network = Rdn(scale, colors, **TINY).requires_grad_(False)
    for name, value in network.named_parameters():
        value.normal_(std=0.2 if name.endswith("bias") else value[0].numel() ** -0.5, generator=seeded())
    return network


def written(network: Rdn, layout: str) -> State:
    """Return the weights of a small network under the names of a layout."""
    up = list(network.finer)
    if layout == "SFENet1":
        named = {"SFENet1": network.first, "SFENet2": network.second}
        layer, fusion = "RDBs.{}.convs.{}.conv.0", "RDBs.{}.LFF"
        named |= {"GFF.0": network.gathering, "GFF.1": network.smoothing}
        named |= {f"UPNet.{2 * i}": one for i, one in enumerate([*up, network.last])}
    else:
        named = {"sfe1": network.first, "sfe2": network.second}
        layer, fusion = "rdbs.{}.layers.{}.conv", "rdbs.{}.lff"
        named |= {"gff.0": network.gathering, "gff.1": network.smoothing, "output": network.last}
        named |= {f"upscale.{2 * i}": one for i, one in enumerate(up)}
    for i, block in enumerate(network.blocks):
        named[fusion.format(i)] = block.fusion
        named |= {layer.format(i, j): one for j, one in enumerate(block.layers)}
    return {
        f"{name}.{part}": value.clone()
        for name, one in named.items()
        for part, value in one.state_dict().items()
    }


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def dense(state: State, image: Tensor, scale: int) -> Tensor:
    """Return what the network of a file in the layout of SFENet1 gives, as published."""

    def convolved(x: Tensor, name: str) -> Tensor:
        weight = state[f"{name}.weight"]
        return conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    shallow = convolved(image, "SFENet1")
    x, local = convolved(shallow, "SFENet2"), []
    for block in range(TINY["blocks"]):
        seen = [x]
        for layer in range(TINY["layers"]):
            seen.append(convolved(torch.cat(seen, 1), f"RDBs.{block}.convs.{layer}.conv.0").clamp(min=0))
        x = x + convolved(torch.cat(seen, 1), f"RDBs.{block}.LFF")
        local.append(x)
    x = shallow + convolved(convolved(torch.cat(local, 1), "GFF.0"), "GFF.1")
    for number in range(2 if scale == 4 else 1):
        x = pixel_shuffle(convolved(x, f"UPNet.{2 * number}"), 3 if scale == 3 else 2)
    return convolved(x, "UPNet.4" if scale == 4 else "UPNet.2")


def test_the_published_size_at_x2_has_22123395_parameters() -> None:
    with torch.device("meta"):
        assert parameters(Rdn()) == 22_123_395


def test_an_output_pixel_of_the_published_size_takes_a_quarter_of_its_parameters() -> None:
    with torch.device("meta"):
        network = Rdn()
    products = {name: value.numel() for name, value in network.named_parameters() if value.ndim > 1}
    fine = products.pop("last.weight")  # the only one after the shuffle
    each = sum(products.values()) / 2**2 + fine
    assert each == 5_529_712
    assert f"{each:,.0f}" in str(Rdn.__doc__)
    assert each / parameters(network) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_48_pixels_become_scale_times_as_many_at_the_published_size(scale: int) -> None:
    with torch.device("meta"):
        assert Rdn(scale)(torch.empty(1, 3, 48, 48)).shape == (1, 3, scale * 48, scale * 48)


@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_our_small_size_enlarges_with_about_a_hundred_thousand_parameters(scale: int, colors: int) -> None:
    network = Rdn(scale, colors, **SMALL).requires_grad_(False)
    assert network(picture(colors)).shape == (2, colors, 9 * scale, 12 * scale)
    assert 1e5 < parameters(network) < 1.6e5


def test_a_scale_that_it_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scale=5: RDN enlarges by 2, 3 or 4"):
        Rdn(5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_reaches_as_far_as_it_says_and_no_farther(scale: int) -> None:
    network = Rdn(scale, 1, **TINY).double().requires_grad_(False)
    for value in network.parameters():  # positive, so that nothing cancels
        value.fill_(1 / value[0].numel() if value.ndim > 1 else 0)
    assert network.reach == 2 * 3 + 5
    middle = network.reach + 2
    image = torch.ones(1, 1, 2 * middle + 1, 2 * middle + 1, dtype=torch.float64)

    def changed(distance: int) -> bool:
        other = image.clone()
        other[0, 0, middle, middle + distance] = 2
        cell = slice(scale * middle, scale * (middle + 1))
        return not torch.equal(network(other)[0, 0, cell, cell], network(image)[0, 0, cell, cell])

    assert [changed(sign * (network.reach + more)) for sign in (-1, 1) for more in (0, 1)] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_is_the_published_network(scale: int) -> None:
    network = small(scale)
    expected = dense(written(network, "SFENet1"), picture(), scale)
    assert torch.allclose(network(picture()), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("scale", "colors"), [(2, 3), (3, 1), (4, 3)])
def test_both_layouts_give_the_same_image(layout: str, scale: int, colors: int, tmp_path: Path) -> None:
    ours = small(scale, colors)
    network = read_rdn(saved(written(ours, layout), tmp_path / "rdn.pth"))
    assert (network.scale, network.colors, network.reach) == (scale, colors, ours.reach)
    assert torch.allclose(network(picture(colors)), ours(picture(colors)), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"params": state},
        lambda state: {"model": {f"module.{name}": value for name, value in state.items()}, "epoch": 3},
        lambda state: {"state_dict": state, "optimizer": {"step": 1}},
    ],
)
def test_a_state_dict_is_found_in_what_it_is_wrapped_in(
    wrapped: Callable[[State], object], tmp_path: Path
) -> None:
    ours = small()
    network = read_rdn(saved(wrapped(written(ours, "sfe1")), tmp_path / "rdn.ckpt"))
    assert torch.equal(network(picture()), ours(picture()))


def test_safetensors_in_half_precision_are_read_as_float32(tmp_path: Path) -> None:
    ours = small().half().float()
    save_file(
        {name: value.half() for name, value in written(ours, "SFENet1").items()}, tmp_path / "r.safetensors"
    )
    assert torch.equal(read_rdn(tmp_path / "r.safetensors")(picture()), ours(picture()))


def shifted(state: State, white: float) -> State:
    """Return the weights with a mean colour that is taken off and added again."""
    unchanged = torch.eye(3)[..., None, None]
    return state | {
        "sub_mean.weight": unchanged,
        "sub_mean.bias": -white * MEAN,
        "add_mean.weight": unchanged.clone(),
        "add_mean.bias": white * MEAN,
    }


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_a_mean_colour_is_taken_off_on_the_scale_that_it_is_on(white: float, tmp_path: Path) -> None:
    state = written(small(), "SFENet1")
    network = read_rdn(saved(shifted(state, white), tmp_path / "rdn.pt"))
    mean = white * MEAN[:, None, None]
    expected = (dense(state, white * picture() - mean, 2) + mean) / white
    assert torch.allclose(network(picture()), expected, rtol=0, atol=2e-6)


def nearest(offset: float, *, cut: bool) -> Rdn:
    """Return a network that repeats pixels and adds an offset, and may cut off what is above 1."""
    network = small()
    for value in network.parameters():
        value.zero_()
    for color in range(3):
        for layer in (network.first, network.second, network.smoothing, network.last):
            layer.weight[color, color, 1, 1] = 1
        network.finer[0].weight[4 * color : 4 * color + 4, color, 1, 1] = 1
        network.blocks[1].layers[0].weight[color, color, 1, 1] = 1
        network.blocks[1].fusion.weight[color, 6 + color] = -1
        network.gathering.weight[color, [color, 6 + color]] = torch.tensor([[-1.0], [1.0]])[..., None] * cut
    network.blocks[1].layers[0].bias.fill_(-1)
    network.last.bias.fill_(offset)
    return network


@pytest.mark.parametrize(
    ("offset", "cut", "white"), [(0.5, False, 255.0), (0.02, True, 1.0), (0.0, False, 1.0)]
)
def test_a_network_that_hands_on_grey_on_0_to_255_only_is_brought_to_0_to_1(
    offset: float, cut: bool, white: float, tmp_path: Path
) -> None:
    state = written(nearest(offset, cut=cut), "SFENet1")
    read = read_rdn(saved(state, tmp_path / "rdn.pth"))
    repeated = interpolate(picture(), scale_factor=2, mode="nearest")
    assert torch.allclose(read(picture()), repeated + offset / white, rtol=0, atol=1e-6)


def broken(change: Callable[[State], object], scale: int = 2) -> State:
    state = written(small(scale), "SFENet1")
    change(state)
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, r"it is empty; a first convolution was expected, one of SFENet1\.weight, sfe1\.weight"),
        ({"head.weight": torch.zeros(1)}, r"'head\.weight' does not fit; a first convolution"),
        (broken(lambda state: state.pop("GFF.1.bias")), r"'GFF\.1\.bias' 6 was expected and is not there"),
        (
            broken(lambda state: state.update({"GFF.0.weight": torch.zeros(6, 11, 1, 1)})),
            r"'GFF\.0\.weight' is 6 x 11 x 1 x 1; 6 x 12 x 1 x 1 was expected",
        ),
        (
            broken(lambda state: state.pop("RDBs.1.convs.1.conv.0.weight")),
            r"'RDBs\.1\.convs\.1\.conv\.0\.weight' 4 x 10 x 3 x 3 was expected and is not there",
        ),
        (
            broken(lambda state: state.update({"P2W.0.weight": torch.zeros(3)})),
            r"'P2W\.0\.weight' does not fit; Rdn has no such tensor",
        ),
        (
            broken(lambda state: state.update({"UPNet.0.weight": torch.zeros(64, 6, 3, 3)})),
            r"1 shuffles, the first from 64 to 4 features, were found; one by 2 or 3, or two by 2",
        ),
        (
            broken(lambda state: state.update({"UPNet.2.weight": torch.zeros(16, 5, 3, 3)}), 4),
            r"'UPNet\.2\.weight' is 16 x 5 x 3 x 3; 16 x 4 x 3 x 3 was expected",
        ),
        (
            broken(lambda state: state.update({"SFENet1.weight": torch.zeros(6, 3, 3)})),
            r"'SFENet1\.weight' is 6 x 3 x 3; any x any x 3 x 3 was expected",
        ),
        (
            shifted(broken(lambda state: None), 1) | {"add_mean.bias": torch.zeros(3)},
            r"'sub_mean' and 'add_mean' do more than take off a colour",
        ),
        (
            broken(lambda state: state.update({"sub_mean.bias": torch.zeros(3)})),
            r"'sub_mean\.weight' 3 x 3 x 1 x 1 was expected and is not there",
        ),
    ],
)
def test_what_does_not_fit_is_named(state: State, message: str, tmp_path: Path) -> None:
    path = saved(state, tmp_path / "rdn.pth")
    with pytest.raises(ValueError, match=rf"rdn\.pth holds no super-resolution network .*{message}"):
        read_rdn(path)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = saved(small(), tmp_path / "module.pth")
    with pytest.raises(ValueError, match=r"holds something else than tensors"):
        read_rdn(path)


def test_weights_are_copied_with_the_mean_colour() -> None:
    network = small()
    network.mean.fill_(0.5)
    other: nn.Module = copy.deepcopy(small())
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(picture()), network(picture()))
