"""The super-resolution models that are there: ours, an RDN of ours, and other people's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_shrinkage.nn.rdn import SMALL, Rdn
from napari_shrinkage.nn.upscaler import Upscaler
from napari_shrinkage.nn.upscaler_models import (
    CHECKSUMS,
    FILES,
    OWN,
    available_upscalers,
    upscaler_card,
    upscaler_file,
    upscaler_network,
)
from napari_shrinkage.nn.weights import FOLDER, file_checksum

HEADER = {
    "network": "upscaler",
    "features": "16",
    "blocks": "1",
    "scales": "[2]",
    "degradations": "bicubic",
    "sigma_max": "0.1",
    "curve": "[[4.0, 33.5], [8.0, 34.0]]",
}
TINY = {"scale": 3, "colors": 1, "blocks": 2, "layers": 1, "growth": 4, "features": 5}


def written(network: nn.Module, header: dict[str, str], path: Path) -> str:
    save_file({name: value.half() for name, value in network.state_dict().items()}, path, header)
    return str(path)


def upscaler(path: Path, **header: str) -> str:
    scales = tuple(json.loads(HEADER["scales"]))
    return written(Upscaler(features=16, blocks=1, scales=scales), HEADER | header, path)


def test_the_card_of_an_upscaler_is_read_from_its_header(tmp_path: Path) -> None:
    name = upscaler(tmp_path / "bicubic-only.safetensors")
    card = upscaler_card(name)
    assert (card.network, card.colors, card.scales, card.told) == ("upscaler", 1, (2,), True)
    assert (card.sigma_max, card.degradations) == (0.1, "bicubic")
    assert card.reach == upscaler_network(name).reach >= 4
    assert card.curve == ((4.0, 33.5), (8.0, 34.0))
    assert (card.name, card.checksum) == (name, file_checksum(name))


def test_the_network_of_an_upscaler_is_on_the_cpu_in_float32_and_shared(tmp_path: Path) -> None:
    name = upscaler(tmp_path / "light.safetensors")
    network = upscaler_network(name)
    assert isinstance(network, Upscaler)
    assert not network.training
    assert all(
        value.dtype == torch.float32 and value.device.type == "cpu" and not value.requires_grad
        for value in network.parameters()
    )
    assert upscaler_network(name) is network
    given = torch.ones(1, 1, 6, 7), torch.ones(1, 4, 6, 7), torch.zeros(1, 1, 1, 1), torch.ones(1, 16)
    assert network(*given).shape == (1, 1, 12, 14)


def test_an_rdn_of_ours_gives_what_was_trained(tmp_path: Path) -> None:
    trained = Rdn(**TINY).half().float().requires_grad_(False)
    header = {"network": "rdn", "degradations": "bicubic", "sigma_max": "0.0"}
    header |= {key: str(value) for key, value in TINY.items()}
    name = written(trained, header, tmp_path / "rdn.safetensors")
    card, image = upscaler_card(name), torch.rand(1, 1, 8, 9)
    assert (card.network, card.colors, card.scales, card.told) == ("rdn", 1, (3,), False)
    assert (card.reach, card.sigma_max, card.degradations, card.curve) == (7, 0.0, "bicubic", ())
    assert torch.equal(upscaler_network(name)(image), trained(image))


def test_the_card_of_an_rdn_that_others_wrote_is_read_from_its_tensors(tmp_path: Path) -> None:
    theirs = Rdn(4, 3, **SMALL)
    state = {
        "sfe1": theirs.first,
        "sfe2": theirs.second,
        "gff.0": theirs.gathering,
        "gff.1": theirs.smoothing,
        "upscale.0": theirs.finer[0],
        "upscale.2": theirs.finer[1],
        "output": theirs.last,
    }
    for i, block in enumerate(theirs.blocks):
        state[f"rdbs.{i}.lff"] = block.fusion
        state |= {f"rdbs.{i}.layers.{j}.conv": layer for j, layer in enumerate(block.layers)}
    path = tmp_path / "rdn_x4.pth"
    torch.save(
        {f"{name}.{part}": value for name, one in state.items() for part, value in one.state_dict().items()},
        path,
    )
    card = upscaler_card(str(path))
    assert (card.network, card.colors, card.scales, card.told) == ("rdn", 3, (4,), False)
    assert (card.reach, card.sigma_max, card.degradations) == (4 * 3 + 5, None, "")
    assert not upscaler_network(str(path)).last.weight.requires_grad


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("features", "many", "whole number"),
        ("blocks", "0", "whole number"),
        ("scales", "[5]", r"\[2, 3, 4\]"),
        ("scales", "2", r"\[2, 3, 4\]"),
        ("scales", "[[2]]", r"\[2, 3, 4\]"),
        ("scales", "", r"\[2, 3, 4\]"),
    ],
)
def test_a_header_that_says_no_size_is_refused(key: str, given: str, expected: str, tmp_path: Path) -> None:
    name = upscaler(tmp_path / "odd.safetensors", **{key: given})
    with pytest.raises(ValueError, match=rf"odd\.safetensors says {key}='.*{expected}"):
        upscaler_card(name)


def test_a_header_of_another_size_is_refused(tmp_path: Path) -> None:
    name = upscaler(tmp_path / "odd.safetensors", blocks="2")
    with pytest.raises(ValueError, match=r"not those of a Upscaler of this size"):
        upscaler_network(name)


def test_a_denoiser_is_no_super_resolution_network() -> None:
    with pytest.raises(ValueError, match=r"unet-gray\.safetensors holds no super-resolution network"):
        upscaler_card("unet-gray.safetensors")


def test_another_file_than_was_recorded_is_refused(tmp_path: Path) -> None:
    name = upscaler(tmp_path / "light.safetensors")
    assert upscaler_card(name, file_checksum(name)).path == Path(name)
    with pytest.raises(ValueError, match=r"not 0000"):
        upscaler_card(name, "0" * 64)


def test_ours_come_before_those_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs.pth").touch()
    own = tuple(name for name in OWN if (FOLDER / FILES[name]).is_file())
    assert available_upscalers() == own
    assert available_upscalers(str(tmp_path)) == (*own, str(tmp_path / "theirs.pth"))


def test_a_name_of_ours_stands_for_its_file_and_a_path_for_itself() -> None:
    assert [upscaler_file(name) for name in (*OWN, "some/rdn.pth")] == [
        "upscaler.safetensors",
        "upscaler-bicubic.safetensors",
        "some/rdn.pth",
    ]


@pytest.mark.parametrize(
    ("model", "scales", "sigma_max"), [("light", (2, 3, 4), 25 / 255), ("light-bicubic", (2,), 0)]
)
def test_the_card_of_our_weights_says_what_they_are(
    model: str, scales: tuple[int, ...], sigma_max: float
) -> None:
    card = upscaler_card(model)
    assert (card.network, card.scales, card.told, card.name) == ("upscaler", scales, True, FILES[model])
    assert card.sigma_max == pytest.approx(sigma_max)
    assert card.degradations
    assert upscaler_network(model).reach == card.reach


def test_the_packaged_weights_are_those_that_were_released() -> None:
    packaged = {path.name: file_checksum(path) for path in FOLDER.glob("upscaler*.safetensors")}
    assert packaged == CHECKSUMS
