"""The scripts that train our networks: their weights are read as they are, and they go on where they were."""

from __future__ import annotations

import argparse
import csv
import importlib
import math
import sys
from pathlib import Path
from types import ModuleType

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import avg_pool2d

import napari_shrinkage as ns
from napari_shrinkage.nn.models import card_of, network_of
from napari_shrinkage.nn.unet import Unet
from napari_shrinkage.nn.upscaler_models import upscaler_card, upscaler_network
from napari_shrinkage.nn.weights import file_checksum
from napari_shrinkage.restorers.upscale import limits_of

TRAINING = Path(__file__).parents[1] / "training"
A_MOMENT = 1e-3  # seconds


def script(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAINING))
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def denoisers() -> ModuleType:
    return script("denoisers")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder of two random pictures of 24 x 24 pixels, one gray and one RGB."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, shape in {"gray": (24, 24), "rgb": (24, 24, 3)}.items():
        iio.imwrite(folder / f"{name}.png", rng.integers(0, 256, shape, dtype=np.uint8))
    return folder


def trained_for(
    denoisers: ModuleType, network: str, pictures: Path, seconds: float, patch: pytest.MonkeyPatch
) -> list[dict[str, float]]:
    """Train until so many seconds are full, one step at least, and return the log."""
    out = pictures.parent / f"{network}.safetensors"
    folders = ["--data", pictures, "--validation", pictures, "--out", out, "--about", "random numbers"]
    size = ["--minutes", seconds / 60, "--crop", 16, "--batch", 2, "--threads", torch.get_num_threads()]
    patch.setattr(sys, "argv", [str(word) for word in ("denoisers.py", network, *folders, *size)])
    denoisers.main()
    with out.with_suffix(".csv").open(newline="") as file:
        return [{key: float(value) for key, value in line.items()} for line in csv.DictReader(file)]


@pytest.mark.parametrize("network", ["ffdnet", "unet"])
def test_training_goes_on_from_its_checkpoint(
    denoisers: ModuleType, network: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = trained_for(denoisers, network, pictures, A_MOMENT, monkeypatch)
    again, second = trained_for(denoisers, network, pictures, first["seconds"] + A_MOMENT, monkeypatch)
    assert first["step"] >= 1
    assert again == first
    assert second["step"] > first["step"]
    assert second["seconds"] > first["seconds"]


@pytest.mark.parametrize("network", ["ffdnet", "unet"])
def test_trained_weights_are_read_with_their_card(
    denoisers: ModuleType, network: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logged,) = trained_for(denoisers, network, pictures, A_MOMENT, monkeypatch)
    path = pictures.parent / f"{network}.safetensors"
    card = card_of(str(path))
    assert (card.network, card.colors, card.told) == (network, 1, True)
    assert card.sigma_max == pytest.approx(75 / 255)
    assert card.facts["trained_on"] == "2 photographs, random numbers"
    assert int(card.facts["steps"]) == logged["step"]
    expected = [logged["seconds"] / 60, *(logged[f"validation_{sigma}"] for sigma in (15, 25, 50))]
    assert card.curve == (pytest.approx(expected, abs=0.06),)

    kept = torch.load(path.with_suffix(".checkpoint"), weights_only=True)["averaged"]
    read = network_of(str(path)).state_dict()
    assert read.keys() == kept.keys()
    assert all(torch.equal(read[name], value.half().float()) for name, value in kept.items())


def test_a_trained_learned_dct_restores_by_its_own_file(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "own.safetensors"
    words = ["--data", pictures, "--validation", pictures, "--out", out, "--minutes", A_MOMENT / 60]
    size = ["--side", 5, "--extra", 3, "--hidden", 4, "--crop", 17, "--threads", torch.get_num_threads()]
    monkeypatch.setattr(sys, "argv", [str(word) for word in ("learned_dct.py", *words, *size)])
    script("learned_dct").main()
    noisy = 20 * np.random.default_rng(0).standard_normal((32, 32))
    method = ns.LearnedDct(weights=str(out), checksum=file_checksum(out))
    assert ns.restore(noisy, method, noise=20).std() < 15


def test_a_colour_network_begins_as_a_gray_one_of_the_sum_of_colours(denoisers: ModuleType) -> None:
    torch.manual_seed(0)
    gray, color = Unet(1, features=8, blocks=1), Unet(3, features=8, blocks=1)
    denoisers.begin_from(color, gray.state_dict())
    image, sigma = torch.rand(1, 1, 16, 16), torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        expected = gray(image * math.sqrt(3), sigma) / math.sqrt(3)
        found = color(image.expand(1, 3, 16, 16), sigma)
    torch.testing.assert_close(found, expected.expand(1, 3, 16, 16), atol=1e-5, rtol=0)


def test_training_without_pictures_says_where_it_looked(denoisers: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"no picture .* in {tmp_path}"):
        denoisers.pictures(tmp_path, 1)


def test_weights_are_small_enough_to_ship(
    denoisers: ModuleType, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_for(denoisers, "unet", pictures, A_MOMENT, monkeypatch)
    path = pictures.parent / "unet.safetensors"
    assert path.stat().st_size < 8e6
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}


LARGE = 72  # pixels: a picture with room for a crop, its kernel and its filters


@pytest.fixture
def upscalers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script with fewer degradations, which take long to prepare."""
    module = script("upscalers")
    monkeypatch.setattr(module, "DRAWN", 6)
    return module


def upscaler_trained_for(
    upscalers: ModuleType, folder: Path, seconds: float, patch: pytest.MonkeyPatch, *words: str
) -> list[dict[str, float]]:
    """Train on two random pictures until so many seconds are full, one step at least; return the log."""
    rng = np.random.default_rng(0)
    for name, shape in {"gray": (LARGE, LARGE), "rgb": (LARGE, LARGE, 3)}.items():
        iio.imwrite(folder / f"{name}.png", rng.integers(0, 256, shape, dtype=np.uint8))
    out = folder / "upscaler.safetensors"
    folders = ["--data", folder, "--validation", folder, "--out", out, "--about", "random numbers"]
    size = ["--minutes", seconds / 60, "--crop", 4, "--batch", 2, "--features", 4, "--blocks", 1]
    threads = ["--threads", torch.get_num_threads()]
    patch.setattr(sys, "argv", [str(word) for word in ("upscalers.py", *folders, *size, *threads, *words)])
    upscalers.main()
    with out.with_suffix(".csv").open(newline="") as file:
        return [{key: float(value) for key, value in line.items()} for line in csv.DictReader(file)]


def test_training_of_super_resolution_goes_on_from_its_checkpoint(
    upscalers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = upscaler_trained_for(upscalers, tmp_path, A_MOMENT, monkeypatch)
    longer = first["seconds"] + A_MOMENT
    again, second = upscaler_trained_for(upscalers, tmp_path, longer, monkeypatch)
    assert set(first) == {"step", "seconds", "validation_2", "validation_3", "validation_4"}
    assert again == first
    assert second["step"] > first["step"]
    assert second["seconds"] > first["seconds"]


def test_a_trained_upscaler_is_read_with_its_card_and_used(
    upscalers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logged,) = upscaler_trained_for(upscalers, tmp_path, A_MOMENT, monkeypatch)
    path = tmp_path / "upscaler.safetensors"
    card = upscaler_card(str(path))
    assert (card.network, card.colors, card.scales, card.told) == ("upscaler", 1, (2, 3, 4), True)
    assert card.sigma_max == pytest.approx(25 / 255)
    assert "Gaussians of std" in card.degradations
    assert card.facts["trained_on"] == "2 photographs, random numbers"
    assert int(card.facts["steps"]) == logged["step"]
    kept = torch.load(path.with_suffix(".checkpoint"), weights_only=True)["averaged"]
    read = upscaler_network(str(path)).state_dict()
    assert all(torch.equal(read[name], value.half().float()) for name, value in kept.items())
    assert ns.upscale(np.eye(16), 4, str(path), noise=0.01).shape == (64, 64)


def test_an_upscaler_for_bicubic_reduction_alone_says_so(
    upscalers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logged,) = upscaler_trained_for(
        upscalers, tmp_path, A_MOMENT, monkeypatch, "--only", "bicubic", "--scales", "2"
    )
    card = upscaler_card(str(tmp_path / "upscaler.safetensors"))
    assert (card.scales, card.sigma_max, card.degradations) == ((2,), 0.0, "bicubic")
    assert "validation_2" in logged
    assert not limits_of(card).any_kernel


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_crops_are_reduced_and_enlarged_as_the_package_does_it(upscalers: ModuleType, scale: int) -> None:
    """On a plane, which every centred kernel keeps, coarse pixel and linear upscaling lie on it."""
    rng = np.random.default_rng(0)
    chosen = argparse.Namespace(batch=4, crop=6)
    known = upscalers.degradations(scale, 1, "bicubic", rng)
    known.sigma[:] = 0
    y, x = torch.meshgrid(torch.arange(110.0), torch.arange(120.0), indexing="ij")
    fine, coarse, packed, *_ = upscalers.batch([(x + 0.5 * y)[None]], scale, known, chosen, rng)
    assert fine.shape == (4, 1, 6 * scale, 6 * scale)
    torch.testing.assert_close(coarse, avg_pool2d(fine, scale), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.pixel_shuffle(packed, scale), fine, atol=0.05, rtol=0)
