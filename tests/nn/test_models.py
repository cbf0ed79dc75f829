"""The models that are there: ours, and the weight files in a user's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_shrinkage.nn.dncnn import Dncnn
from napari_shrinkage.nn.ffdnet import Ffdnet
from napari_shrinkage.nn.inference import denoised
from napari_shrinkage.nn.models import (
    CHECKSUMS,
    OWN,
    available_models,
    card_of,
    has_own,
    models_in,
    network_of,
    weight_file,
)
from napari_shrinkage.nn.weights import FOLDER, file_checksum


def test_a_folder_lists_its_weight_files_in_order(tmp_path: Path) -> None:
    for name in ("b.pth", "a.SAFETENSORS", "c.pt", "d.ckpt", "notes.txt", "e.pth.part"):
        (tmp_path / name).touch()
    (tmp_path / "folder.pth").mkdir()
    assert [path.name for path in models_in(tmp_path)] == ["a.SAFETENSORS", "b.pth", "c.pt", "d.ckpt"]


@pytest.mark.parametrize("folder", ["", "absent"])
def test_no_folder_lists_nothing(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.pth").touch()
    monkeypatch.chdir(tmp_path)
    assert models_in(folder) == ()
    assert available_models(folder) == available_models()


def test_ours_come_before_those_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs.pth").touch()
    own = tuple(name for name in OWN if has_own(name, 1) or has_own(name, 3))
    assert own
    assert available_models(str(tmp_path)) == (*own, str(tmp_path / "theirs.pth"))


@pytest.mark.parametrize("model", [name for name in OWN if has_own(name, 1)])
def test_the_card_of_our_weights_says_what_they_are(model: str) -> None:
    card = card_of(weight_file(model, 1))
    assert (card.network, card.colors, card.told) == (model, 1, True)
    assert card.sigma_max is not None
    assert 0.1 < card.sigma_max < 1
    assert network_of(weight_file(model, 1)).reach == card.reach


def test_the_card_of_a_foreign_file_is_read_from_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "dncnn.safetensors"
    layers = Dncnn(3, 4, 5).layers
    state = {f"model.{2 * index}.weight": layer.weight.detach() for index, layer in enumerate(layers)}
    save_file(state, path, {"licence": "MIT"})
    card = card_of(str(path))
    assert (card.network, card.colors, card.reach, card.multiple_of, card.told) == ("Dncnn", 3, 4, 1, False)
    assert card.sigma_max is None
    assert card.facts["licence"] == "MIT"


def test_an_estimate_of_the_noise_is_taken_off_in_single_precision(tmp_path: Path) -> None:
    network = Dncnn(1, 3, 4)
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
    state = {f"model.{2 * index}.weight": layer.weight for index, layer in enumerate(network.layers)}
    path = tmp_path / "silent.pth"
    torch.save({name: value.detach() for name, value in state.items()}, path)
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    restored = denoised(str(path), "", image, torch.zeros(1, 1, 1, 1), "cpu", "bfloat16")
    assert torch.equal(restored, image)


def test_our_networks_without_an_estimate_give_the_image_in_the_precision_asked_for(tmp_path: Path) -> None:
    network = Ffdnet(1, 3, 8).requires_grad_(False)
    for layer in network.layers:
        torch.nn.init.dirac_(layer.weight)  # hands the image on
        torch.nn.init.zeros_(layer.bias)
    path = tmp_path / "identity.safetensors"
    save_file(network.state_dict(), path)
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    sigma = torch.zeros(1, 1, 1, 1)
    assert torch.equal(denoised(str(path), "", image, sigma, "cpu", "float32"), image)
    coarse = denoised(str(path), "", image, sigma, "cpu", "bfloat16")
    assert torch.equal(coarse, image.bfloat16().float())


def test_the_packaged_weights_are_those_that_were_released() -> None:
    packaged = {path.name: file_checksum(path) for path in FOLDER.glob("*net-*.safetensors")}
    assert packaged == CHECKSUMS
