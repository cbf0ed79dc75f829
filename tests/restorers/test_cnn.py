"""The restorer of networks: what it is told, what it warns of, and the weights that it takes."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import napari_shrinkage as ns
from napari_shrinkage.engine import drain, resolve, restore_region, run
from napari_shrinkage.nn.ffdnet import ResidualFfdnet
from napari_shrinkage.nn.models import OWN, network_of, weight_file
from napari_shrinkage.noise import Autocorrelation, NoiseModel
from napari_shrinkage.recipe import Step
from napari_shrinkage.stack import Stack

SIGMA = 20.0
ROWS, COLUMNS = np.mgrid[:96, :120]
CLEAN = 128 + 80 * np.sin(COLUMNS / 9) * np.cos(ROWS / 13)
NOISY = CLEAN + SIGMA * np.random.default_rng(0).standard_normal(CLEAN.shape)
EXACT = ns.Cnn(model="ffdnet", precision="float32")


def plan_of(restorer, noise=SIGMA, image=NOISY, axes="YX"):
    noise = noise if isinstance(noise, NoiseModel) else ns.Gaussian(noise)
    return resolve(Step(restorer, noise), Stack(image, axes))


def doubt(restorer, noise=SIGMA, image=NOISY, axes="YX"):
    """Return what a plan says against its network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ns.TransferWarning)
        plan = plan_of(restorer, noise, image, axes)
    return plan.restorer.doubt(plan.noise, color=axes.endswith("C"))


@pytest.fixture
def color_file(tmp_path):
    """A file of weights for colour that change nothing."""
    finds_nothing = ResidualFfdnet(3, 3, 8)
    for value in finds_nothing.parameters():
        torch.nn.init.zeros_(value)
    save_file(finds_nothing.plain().state_dict(), tmp_path / "color.safetensors")
    return tmp_path / "color.safetensors"


@pytest.mark.parametrize("model", OWN)
def test_ours_take_most_of_the_noise_off(model):
    error = ns.restore(NOISY, model, SIGMA) - CLEAN
    assert error.std() < SIGMA / 2.5


def test_the_whole_blended_in_is_the_input():
    np.testing.assert_allclose(ns.restore(NOISY, EXACT.replace(blend=1.0), SIGMA), NOISY, atol=1e-4)


def test_a_strength_is_a_factor_on_the_noise_that_is_told():
    strong = ns.restore(NOISY, EXACT.replace(strength=1.5), SIGMA)
    ranges = tuple((low / 1.5, high / 1.5) for low, high in plan_of(EXACT).restorer.ranges)
    told = ns.restore(NOISY, EXACT.replace(ranges=ranges), 1.5 * SIGMA)
    np.testing.assert_allclose(strong, told, atol=1e-2)


def test_channels_of_other_brightness_come_out_alike():
    image = np.stack([NOISY, 50 * NOISY + 1000])
    first, second = ns.restore(image, EXACT, ns.Gaussian((SIGMA, 50 * SIGMA)), axes="CYX")
    np.testing.assert_allclose(second, 50 * first + 1000, rtol=1e-4)


def test_a_plan_says_everything_and_gives_the_same_again():
    plan = plan_of(ns.Cnn())
    assert plan.restorer.weights == "unet-gray.safetensors"
    assert len(plan.restorer.checksum) == 64
    assert plan.restorer.precision in ("float32", "bfloat16")
    first = drain(run(plan, Stack(NOISY, "YX"))).stack.array
    again = ns.restore(NOISY, plan.restorer, SIGMA)
    assert np.array_equal(first, again)


def test_a_differentiable_run_gives_the_same_and_leaves_the_shared_network_alone():
    plan = plan_of(EXACT)
    z = torch.from_numpy((NOISY / SIGMA).astype(np.float32))[None, None].requires_grad_()
    restored = plan.restorer.apply(z)
    restored.square().sum().backward()
    assert z.grad.abs().max() > 0
    built = plan.restorer.build("cpu", None, 1)(z.detach().numpy()[0])
    np.testing.assert_allclose(restored.detach().numpy()[0], built, atol=1e-5)
    weight = network_of(plan.restorer.weights, plan.restorer.checksum).layers[0].weight
    assert weight.is_contiguous()


@pytest.mark.parametrize("noise", [ns.Gaussian(SIGMA), ns.PoissonGaussian(2.0, 0.0, 5.0)])
@pytest.mark.parametrize("restorer", [EXACT, ns.EmpiricalWiener(pilot=EXACT)], ids=lambda r: type(r).__name__)
def test_a_window_at_any_place_equals_the_whole(restorer, noise):
    plan, stack = plan_of(restorer, noise, abs(NOISY)), Stack(abs(NOISY), "YX")
    whole = restore_region(plan, stack)
    for region in np.s_[:7, :9], np.s_[40:55, 30:60], np.s_[89:96, 101:120], np.s_[:96, 118:120]:
        part = tuple(slice(*piece.indices(n)[:2]) for piece, n in zip(region, NOISY.shape, strict=True))
        np.testing.assert_allclose(restore_region(plan, stack, part), whole[part], atol=1e-3)


def test_the_pilot_of_a_wiener_filter_may_be_a_network():
    plan = plan_of(ns.EmpiricalWiener(pilot=ns.Cnn(model="ffdnet")))
    assert plan.restorer.pilot.precision is not None
    error = drain(run(plan, Stack(NOISY, "YX"))).stack.array - CLEAN
    assert error.std() < SIGMA / 2.5


def test_usual_noise_raises_no_doubt():
    assert doubt(ns.Cnn()) == ""


def test_noise_below_what_a_network_gets_wrong_raises_a_doubt():
    assert re.match(r"The noise is only 0\.00\d+ of the image's range", doubt(ns.Cnn(), 0.5, CLEAN))
    with pytest.warns(ns.TransferWarning, match="is only"):
        ns.restore(CLEAN, ns.EmpiricalWiener(pilot=ns.Cnn()), 0.5)


def test_noise_above_that_of_training_raises_a_doubt():
    assert "trained up to 0.29" in doubt(ns.Cnn(strength=2.0), 40.0)


def test_noise_that_is_coarse_raises_a_doubt():
    coarse = Autocorrelation.from_kernel(np.ones((4, 4)))
    assert "correlated over several pixels" in doubt(ns.Cnn(), ns.Gaussian(SIGMA, autocorrelation=coarse))


def test_a_grey_picture_given_as_colour_raises_no_doubt_and_stays_nearly_grey():
    grey = np.repeat(NOISY[..., None], 3, -1)
    assert doubt(ns.Cnn(), image=grey, axes="YXC") == ""
    restored = ns.restore(grey, ns.Cnn(precision="float32"), SIGMA, axes="YXC")
    tint = np.ptp(restored, axis=-1)  # colours that share their noise are nothing that it was trained on
    assert tint.mean() < 0.2 * SIGMA
    assert tint.max() < 0.5 * SIGMA


def test_a_channel_without_noise_raises_no_doubt_and_is_kept():
    image, noise = np.stack([NOISY, CLEAN]), ns.Gaussian((SIGMA, 0.0))
    assert doubt(ns.Cnn(), noise, image, "CYX") == ""
    np.testing.assert_array_equal(ns.restore(image, "unet", noise, axes="CYX")[1], CLEAN.astype(np.float32))


def test_weights_for_colour_restore_colours_only(color_file):
    network = ns.Cnn(model=str(color_file), precision="float32")
    picture = np.stack([NOISY, CLEAN, NOISY], -1)
    assert plan_of(network, image=picture, axes="YXC").restorer.weights == str(color_file)
    with pytest.raises(ValueError, match="no colours"):
        ns.restore(NOISY, network, SIGMA)
    with pytest.raises(ValueError, match="no colours"):
        ns.restore(np.moveaxis(picture, -1, 0), network, SIGMA, axes="CYX")


def test_ranges_of_other_channels_are_refused():
    network = plan_of(EXACT, image=np.stack([NOISY] * 3), axes="CYX").restorer
    with pytest.raises(ValueError, match="ranges of 3 channels, the image has 2"):
        ns.restore(np.stack([NOISY] * 2), network, SIGMA, axes="CYX")


def test_a_file_named_from_the_working_directory_is_recorded_with_its_whole_path(
    color_file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    picture = np.stack([NOISY, CLEAN, CLEAN], -1)
    for name in ("color.safetensors", "./color.safetensors"):
        plan = plan_of(ns.Cnn(model=name), image=picture, axes="YXC")
        assert plan.restorer.weights == str(color_file)


def test_a_wrong_name_is_an_error_that_names_our_files():
    with pytest.raises(ValueError, match=r"no weight file .*unett.*" + weight_file("unet", 1)):
        ns.restore(NOISY, ns.Cnn(model="unett"), SIGMA)
