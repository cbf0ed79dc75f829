"""Other people's weights: each layout gives what its own network gave, and what does not fit is named.

The reference networks here are built of torch's layers under the names and in the channel order of the
published files: KAIR's, and those of "An analysis and implementation of the FFDNet image denoising method".
"""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_shrinkage.nn.cost import parameters
from napari_shrinkage.nn.dncnn import Dncnn, Fdncnn
from napari_shrinkage.nn.ffdnet import Ffdnet, ResidualFfdnet
from napari_shrinkage.nn.foreign import read_denoiser
from napari_shrinkage.nn.models import card_of
from napari_shrinkage.nn.unet import Unet

State = dict[str, Tensor]
IPOL = "module.intermediate_dncnn.itermediate_dncnn."
SIGMA = torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1)


def pictures(colors: int, seed: int = 0) -> Tensor:
    return torch.rand(2, colors, 16, 20, generator=torch.Generator().manual_seed(seed))


def sub_images(image: Tensor) -> Tensor:
    """Return the four half-resolution images, row by row of the 2 x 2 cell, colour after colour."""
    channels = [
        image[:, color, y::2, x::2] for color in range(image.shape[1]) for y in range(2) for x in range(2)
    ]
    return torch.stack(channels, 1)


def put_together(channels: Tensor) -> Tensor:
    """Return the image (B, C, Y, X) of its sub-images; inverts `sub_images`."""
    count, rows, columns = len(channels), *channels.shape[2:]
    image = channels.new_zeros(count, channels.shape[1] // 4, 2 * rows, 2 * columns)
    for index in range(channels.shape[1]):
        y, x = divmod(index % 4, 2)
        image[:, index // 4, y::2, x::2] = channels[:, index]
    return image


def filled(network: nn.Module, seed: int = 0) -> nn.Module:
    """Return the network with weights, and statistics of batch normalisation, that matter in the result."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.ndim > 1:
                value.normal_(std=(1.5 / value[0].numel()) ** 0.5, generator=generator)
            elif "running_var" in name:
                value.uniform_(1e-3, 2e-3, generator=generator)  # small, so that eps is seen
            elif value.is_floating_point():
                value.uniform_(-0.05, 0.1, generator=generator)
    return network.eval()


def chain(
    entering: int,
    leaving: int,
    *,
    normalised: bool,
    bias: bool,
    eps: float = 1e-5,
    depth: int = 4,
    features: int = 6,
) -> nn.Sequential:
    """Return a plain chain as the published networks have it: the first and last not normalised."""
    layers: list[nn.Module] = [nn.Conv2d(entering, features, 3, padding=1, bias=bias), nn.ReLU()]
    for _ in range(depth - 2):
        layers.append(nn.Conv2d(features, features, 3, padding=1, bias=bias))
        layers += [nn.BatchNorm2d(features, eps=eps)] * normalised + [nn.ReLU()]
    layers.append(nn.Conv2d(features, leaving, 3, padding=1, bias=bias))
    return filled(nn.Sequential(*map(copy.deepcopy, layers)))


def state_of(network: nn.Module, before: str = "") -> State:
    return OrderedDict((before + name, value.clone()) for name, value in network.state_dict().items())


def kair_state(network: Ffdnet) -> State:
    """Return the weights of our FFDNet as KAIR names them."""
    state: State = OrderedDict()
    for index, layer in enumerate(network.layers):
        state[f"model.{2 * index}.weight"], state[f"model.{2 * index}.bias"] = layer.weight, layer.bias
    return {name: value.detach().clone() for name, value in state.items()}


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def restored(network: nn.Module, image: Tensor) -> Tensor:
    with torch.no_grad():
        return network(image, SIGMA)


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("colors", [1, 3])
def test_ffdnet_named_as_in_kair_gives_the_same_image(colors: int, tmp_path: Path) -> None:
    ours = filled(Ffdnet(colors, depth=4, features=12))
    network = read_denoiser(saved(kair_state(ours), tmp_path / "ffdnet.pth"))
    image = pictures(colors)
    assert isinstance(network, Ffdnet)
    assert not hasattr(network, "noise")
    assert (network.colors, network.depth, network.told) == (colors, 4, True)
    assert close(restored(network, image), restored(ours, image))


@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize("normalised", [False, True])
def test_kair_ffdnet_takes_the_image_before_the_noise_map(
    colors: int, normalised: bool, tmp_path: Path
) -> None:
    layers = chain(4 * colors + 1, 4 * colors, normalised=normalised, bias=True, eps=1e-4)
    network = read_denoiser(saved(state_of(layers, "model."), tmp_path / "ffdnet.pth"))
    image = pictures(colors)
    maps = SIGMA.expand(2, 1, 8, 10)
    with torch.no_grad():
        expected = put_together(layers(torch.cat([sub_images(image), maps], 1)))
    assert close(restored(network, image), expected)


@pytest.mark.parametrize("colors", [1, 3])
def test_ffdnet_with_batch_normalisation_gives_the_same_image_without(colors: int, tmp_path: Path) -> None:
    layers = chain(5 * colors, 4 * colors, normalised=True, bias=False)
    network = read_denoiser(saved(state_of(layers, IPOL), tmp_path / "net.pth"))
    image = pictures(colors)
    maps = SIGMA.expand(2, colors, 8, 10)
    with torch.no_grad():
        noise = put_together(layers(torch.cat([maps, sub_images(image)], 1)))
        assert close(network.noise(image, SIGMA), noise)
    assert noise.std() > 0.05
    assert isinstance(network, ResidualFfdnet)
    assert close(restored(network, image), image - noise)


def test_the_published_batch_norm_form_has_486080_parameters_and_485316_when_folded(tmp_path: Path) -> None:
    layers = chain(5, 4, normalised=True, bias=False, depth=15, features=64)
    network = read_denoiser(saved(state_of(layers, IPOL), tmp_path / "net.pth"))
    assert (parameters(layers), parameters(network)) == (486_080, 485_316)


@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize(
    ("before", "normalised", "bias", "eps"),
    [("model.", False, True, 1e-4), ("model.", True, True, 1e-4), ("module.dncnn.", True, False, 1e-5)],
)
def test_dncnn_takes_off_the_noise(
    colors: int, before: str, normalised: bool, bias: bool, eps: float, tmp_path: Path
) -> None:
    layers = chain(colors, colors, normalised=normalised, bias=bias, eps=eps, depth=5)
    network = read_denoiser(saved(state_of(layers, before), tmp_path / "dncnn.pth"))
    image = pictures(colors)
    with torch.no_grad():
        noise = layers(image)
        assert close(network.noise(image, SIGMA), noise)
    assert isinstance(network, Dncnn)
    assert (network.colors, network.told, network.multiple_of, network.reach) == (colors, False, 1, 5)
    assert close(restored(network, image), image - noise)


@pytest.mark.parametrize("colors", [1, 3])
def test_fdncnn_is_told_the_noise_level_and_gives_the_image(colors: int, tmp_path: Path) -> None:
    layers = chain(colors + 1, colors, normalised=False, bias=True)
    network = read_denoiser(saved(state_of(layers, "model."), tmp_path / "fdncnn.pth"))
    image = pictures(colors)
    with torch.no_grad():
        expected = layers(torch.cat([image, SIGMA.expand(2, 1, 16, 20)], 1))
        assert close(network(image, SIGMA.expand(2, 1, 16, 20)), expected)
    assert isinstance(network, Fdncnn)
    assert network.told
    assert close(restored(network, image), expected)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"params": state},
        lambda state: {"params_ema": state, "params": {name: 0 * value for name, value in state.items()}},
        lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {name: value.half().float() for name, value in state.items()},
    ],
)
def test_a_state_dict_is_found_in_what_it_is_wrapped_in(
    wrapped: Callable[[State], object], tmp_path: Path
) -> None:
    ours = filled(Ffdnet(1, depth=3, features=8))
    with torch.no_grad():
        for value in ours.parameters():
            value.copy_(value.half())
    network = read_denoiser(saved(wrapped(kair_state(ours)), tmp_path / "net.ckpt"))
    assert close(restored(network, pictures(1)), restored(ours, pictures(1)))


@pytest.mark.parametrize(
    "ours",
    [Ffdnet(1, 3, 8), Ffdnet(3, 4, 14), Unet(1, 4, 2), Unet(3, 6, 1)],
    ids=["ffdnet", "ffdnet-color", "unet", "unet-color"],
)
def test_our_own_networks_are_known_without_a_header(ours: nn.Module, tmp_path: Path) -> None:
    filled(ours)
    state = {name: value.half() for name, value in ours.state_dict().items()}
    ours.load_state_dict({name: value.float() for name, value in state.items()})
    save_file(state, tmp_path / "net.safetensors")
    network = read_denoiser(tmp_path / "net.safetensors")
    image = torch.rand(2, ours.colors, 16, 24, generator=torch.Generator().manual_seed(1))
    assert type(network) is type(ours)
    assert network.reach == ours.reach
    assert torch.equal(restored(network, image), restored(ours, image))


def test_the_kair_layout_is_read_from_safetensors(tmp_path: Path) -> None:
    ours = filled(Ffdnet(1, depth=3, features=8))
    save_file(kair_state(ours), tmp_path / "net.safetensors")
    network = read_denoiser(tmp_path / "net.safetensors")
    assert torch.equal(restored(network, pictures(1)), restored(ours, pictures(1)))


def broken(change: Callable[[State], object]) -> State:
    state = kair_state(Ffdnet(1, depth=4, features=6))
    change(state)
    return state


def renamed(before: str, after: str) -> Callable[[State], object]:
    return lambda state: state.update({after: state.pop(before)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            renamed("model.2.weight", "model.2.kernel"),
            r"'model\.2\.kernel' does not fit; model\.N\. and one of weight",
        ),
        (
            renamed("model.6.bias", "model.6.offset"),
            r"'model\.6\.offset' does not fit; model\.N\. and one of weight",
        ),
        (
            lambda state: state.pop("model.4.weight"),
            r"'model\.4\.bias' does not fit; 'model\.4\.weight' any x 6 x 3 x 3 was expected",
        ),
        (
            renamed("model.2.weight", "model.3.weight"),
            r"'model\.2\.bias' does not fit; 'model\.2\.weight' any x 6 x 3 x 3 was expected",
        ),
        (
            lambda state: state.update({"model.2.weight": torch.zeros(6, 5, 3, 3)}),
            r"'model\.2\.weight' is 6 x 5 x 3 x 3; any x 6 x 3 x 3 was expected",
        ),
        (
            lambda state: state.update({"model.2.weight": torch.zeros(6, 6, 5, 5)}),
            r"'model\.2\.weight' is 6 x 6 x 5 x 5; any x 6 x 3 x 3",
        ),
        (
            lambda state: state.update({"model.4.bias": torch.zeros(7)}),
            r"'model\.4\.bias' is 7; 6 was expected",
        ),
        (
            lambda state: state.update({"model.0.weight": torch.zeros(6, 7, 3, 3)}),
            r"'model\.0\.weight' is 6 x 7 x 3 x 3; 6 x 5 x 3 x 3",
        ),
        (
            lambda state: state.update(
                {"model.6.weight": torch.zeros(5, 6, 3, 3), "model.6.bias": torch.zeros(5)}
            ),
            r"'model\.6\.weight' is 5 x 6 x 3 x 3; 4 x 6 x 3 x 3",
        ),
        (
            lambda state: state.update({"model.3.running_var": torch.ones(6)}),
            r"'model\.3\.running_mean' 6 was expected and is not there",
        ),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named_with_what_was_expected(
    change: Callable[[State], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ValueError, match=message):
        read_denoiser(saved(broken(change), tmp_path / "net.pth"))


def test_a_broken_unet_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    state = state_of(Unet(1, 4, 1))
    state["to_middle.weight"] = torch.zeros(8, 4, 3, 3)
    with pytest.raises(ValueError, match=r"'to_middle\.weight' is 8 x 4 x 3 x 3; 8 x 4 x 2 x 2"):
        read_denoiser(saved(state, tmp_path / "net.pth"))
    state = state_of(Unet(1, 4, 1)) | {"gate": torch.zeros(1)}
    with pytest.raises(ValueError, match="'gate' does not fit"):
        read_denoiser(saved(state, tmp_path / "net.pth"))


def test_ircnn_is_not_taken_for_a_short_dncnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", spandrel())
    layers = chain(1, 1, normalised=False, bias=True, depth=7)
    with pytest.raises(ValueError, match=r"'model\.12\.weight'.*IRCNN"):
        read_denoiser(saved(state_of(layers, "model."), tmp_path / "ircnn.pth"))


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    path = saved({"model.0.weight": Trap(tmp_path / "sprung")}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"could run code.*state_dict"):
        read_denoiser(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"II*\0", b"PK\3\4torn", b"\x80\x02torn"])
def test_what_torch_did_not_write_is_no_weight_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"holds (no network weights|something else)"):
        read_denoiser(path)


def test_a_pickled_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"could run code.*state_dict"):
        read_denoiser(saved(Ffdnet(1, 2, 5), tmp_path / "net.pth"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(3), "holds a Tensor; expected tensors by name"),
        ({"epoch": 3}, "holds a int named 'epoch'"),
        ({}, "it is empty"),
        (
            {"conv.weight": torch.zeros(2)},
            r"'conv\.weight' does not fit; a first convolution.*model\.0\.weight",
        ),
    ],
)
def test_a_file_without_a_network_is_refused(
    content: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ValueError, match=message):
        read_denoiser(saved(content, tmp_path / "net.pt"))


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 a broken archive"])
def test_a_damaged_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"net\.{name[4:]} (holds no network weights|is not read)"):
        read_denoiser(path)


def test_without_spandrel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    path = saved({"m_head.weight": torch.zeros(4, 2, 3, 3)}, tmp_path / "drunet.pth")
    with pytest.raises(ValueError, match=r"'m_head\.weight' does not fit.*napari-shrinkage\[zoo\]"):
        read_denoiser(path)


class Stranger(nn.Module):
    """A network that only spandrel knows: the image minus its last channel."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1] - self.gain * x[:, -1:]


def spandrel(**said: object) -> SimpleNamespace:
    """Return what stands for spandrel, and knows a `Stranger` of which it says this."""
    needs = SimpleNamespace(minimum=40, multiple_of=3, square=False)
    descriptor = {
        "model": Stranger(),
        "architecture": SimpleNamespace(id="DRUNet", name="DRUNet"),
        "input_channels": 1,
        "output_channels": 1,
        "scale": 1,
        "purpose": "Restoration",
        "size_requirements": needs,
    }
    known = SimpleNamespace(**(descriptor | said))
    return SimpleNamespace(
        ModelLoader=lambda: SimpleNamespace(load_from_state_dict=lambda state: known),
        UnsupportedModelError=LookupError,
    )


def test_a_network_that_spandrel_knows_is_told_the_noise_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", spandrel())
    path = saved(state_of(Stranger()), tmp_path / "net.pth")
    network = read_denoiser(path)
    assert card_of(str(path)).network == "DRUNet"
    assert (network.colors, network.told, network.multiple_of) == (1, True, 192)
    image = pictures(1) * 3 - 1
    assert close(restored(network, image), image - SIGMA)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"scale": 4, "purpose": "SR"}, "for SR, from 1 to 1 channels at 4 times the size"),
        ({"purpose": "Inpainting"}, "for Inpainting"),
        ({"output_channels": 3}, "from 1 to 3 channels"),
        ({"size_requirements": SimpleNamespace(minimum=0, multiple_of=8, square=True)}, "square images only"),
        ({"model": nn.Conv2d(2, 1, 3)}, r"DRUNet, as spandrel .* does not give one image"),
        ({"model": nn.Conv2d(5, 1, 3)}, r"does not give one image .*\(.*channels"),
    ],
)
def test_a_network_of_spandrel_that_is_no_denoiser_is_refused(
    said: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", spandrel(**said))
    with pytest.raises(ValueError, match=message):
        read_denoiser(saved(state_of(Stranger()), tmp_path / "net.pth"))


@pytest.mark.parametrize(
    ("error", "message"),
    [(LookupError(), "Nor does spandrel know it"), (RuntimeError("odd sizes"), "odd sizes")],
)
def test_what_spandrel_cannot_read_either_is_refused_with_our_reason_first(
    error: Exception, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(state: State) -> None:
        raise error

    known = spandrel()
    known.ModelLoader = lambda: SimpleNamespace(load_from_state_dict=refuse)
    monkeypatch.setitem(sys.modules, "spandrel", known)
    with pytest.raises(ValueError, match=rf"'gain' does not fit.*{message}"):
        read_denoiser(saved(state_of(Stranger()), tmp_path / "net.pth"))
