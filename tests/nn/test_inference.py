"""Running a network: pieces that fit into memory, number formats, and weight files that change."""

from __future__ import annotations

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import napari_shrinkage as ns
from napari_shrinkage.nn import inference
from napari_shrinkage.nn.ffdnet import Ffdnet
from napari_shrinkage.nn.inference import denoised, ready_network, tile_pixels
from napari_shrinkage.nn.models import OWN, network_of, weight_file

FULL = "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."
pytestmark = pytest.mark.filterwarnings("ignore:The memory of cpu")  # of all but the last halving
SHAPE = (2, 1, 192, 256)


def images(shape=SHAPE):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def level(uneven, shape=SHAPE):
    if not uneven:
        return torch.tensor([0.1, 0.2])[:, None, None, None]
    return 0.05 + 0.2 * torch.rand(shape[0], 1, *shape[2:], generator=torch.Generator().manual_seed(1))


def run(model, precision="float32", uneven=False):
    with torch.inference_mode():
        return denoised(weight_file(model, 1), "", images(), level(uneven), "cpu", precision)


@pytest.fixture
def little_memory(monkeypatch):
    """Let memory run out for pieces of more than so many pixels, and return the sizes that were tried."""
    tried = []

    def limited(pixels, error=None):
        usual = inference._restored_piece

        def piece(network, images, *rest):
            tried.append(tuple(images.shape[-2:]))
            if images[0, 0].numel() > pixels:
                raise error or RuntimeError(FULL)
            return usual(network, images, *rest)

        monkeypatch.setattr(inference, "_restored_piece", piece)
        return tried

    return limited


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", OWN)
def test_pieces_give_the_pixels_of_the_whole(model, precision, uneven, little_memory):
    whole = run(model, precision, uneven)
    tried = little_memory(45_000)
    with pytest.warns(UserWarning, match="memory of cpu ran out"):
        pieces = run(model, precision, uneven)
    assert tried[0] == (192, 256)
    assert len(tried) > 4
    assert (pieces - whole).abs().max() <= 1e-5


def test_each_image_of_a_batch_is_told_its_own_level():
    together = run("ffdnet")
    for index, sigma in enumerate(level(False)):
        one = denoised(weight_file("ffdnet", 1), "", images()[index][None], sigma[None], "cpu", "float32")
        assert torch.equal(together[index][None], one)


def test_images_pass_one_by_one_so_that_channels_need_no_more_memory(little_memory):
    tried = little_memory(192 * 256)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run("ffdnet")
    assert tried == [(192, 256)] * 2


def test_a_user_is_told_of_smaller_pieces_and_gets_the_same(little_memory):
    noisy = 100 + 20 * np.random.default_rng(0).standard_normal((240, 300))
    method = ns.Cnn(model="ffdnet", precision="float32")
    whole = ns.restore(noisy, method, 20.0)
    little_memory(30_000)
    with pytest.warns(UserWarning, match="goes on in pieces of 158 x 158 pixels"):
        pieces = ns.restore(noisy, method, 20.0)
    assert np.abs(pieces - whole).max() < 1e-3


@pytest.mark.parametrize("error", [RuntimeError(FULL), MemoryError(), RuntimeError("std::bad_alloc")])
def test_memory_that_is_never_enough_ends_in_an_error_that_says_so(error, little_memory):
    tried = little_memory(0, error)
    with pytest.warns(UserWarning, match="64 x 64"), pytest.raises(MemoryError, match="not even in pieces"):
        run("unet")
    assert len(tried) == 3  # 256, 128 and 64 pixels


def test_other_errors_are_not_taken_for_full_memory(little_memory):
    tried = little_memory(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        run("unet")
    assert len(tried) == 1


def test_the_smallest_pieces_lie_on_the_grid_of_a_network(little_memory, monkeypatch):
    card = SimpleNamespace(name="coarse", checksum="", multiple_of=48, reach=10)
    monkeypatch.setattr(inference, "card_of", lambda *_: card)
    monkeypatch.setattr(inference, "ready_network", lambda *_: None)
    tried = little_memory(0)
    with pytest.warns(UserWarning, match="96 x 96"), pytest.raises(MemoryError, match="96 x 96"):
        denoised("coarse", "", images((1, 1, 192, 288)), torch.ones(1, 1, 1, 1), "cpu", "float32")
    assert [size[1] for size in tried] == [288, 192, 144]
    assert all(length % 48 == 0 for length in itertools.chain(*tried))


@pytest.mark.parametrize(("precision", "bound"), [("float16", 2e-3), ("bfloat16", 1e-2)])
@pytest.mark.parametrize("model", OWN)
def test_narrow_number_formats_run_on_the_cpu_and_cost_little(model, precision, bound):
    error = run(model, precision) - run(model)
    assert 0 < error.square().mean().sqrt() < bound


def test_tiles_lie_between_the_least_and_the_largest():
    assert inference.LEAST_TILE <= tile_pixels() <= inference.LARGEST_TILE


def test_a_weight_file_that_is_replaced_is_read_again(tmp_path):
    path, found = tmp_path / "own.safetensors", []
    for shade in (0.25, 0.5):
        network = Ffdnet(1, 3, 8).requires_grad_(False)
        for layer in network.layers:
            layer.weight.zero_()
            layer.bias.fill_(shade)
        save_file(network.state_dict(), path)
        found.append(denoised(str(path), "", images(), level(False), "cpu", "float32"))
    assert [float(one.mean()) for one in found] == [0.25, 0.5]


def test_a_network_that_runs_is_a_copy_of_the_one_that_all_share():
    name = weight_file("ffdnet", 1)
    shared = network_of(name)
    before = {key: value.clone() for key, value in shared.state_dict().items()}
    ready_network(name, "", "cpu", "bfloat16")
    run("ffdnet", "bfloat16")
    assert network_of(name) is shared
    assert all(
        value.dtype == torch.float32 and torch.equal(value, before[key])
        for key, value in shared.state_dict().items()
    )
