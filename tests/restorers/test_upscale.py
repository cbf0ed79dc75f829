"""Super-resolution: exact where mathematics says so, the same in tiles and channels; its warnings."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.degradation.estimate import kernel_similarity
from napari_shrinkage.degradation.kernels import SCALES
from napari_shrinkage.degradation.linear import ROUNDING
from napari_shrinkage.nn import upscaling
from napari_shrinkage.nn.rdn import Rdn
from napari_shrinkage.nn.upscaler import Upscaler
from napari_shrinkage.restorers import upscale as module
from napari_shrinkage.restorers.fitted import TransferWarning
from napari_shrinkage.restorers.upscale import LINEAR
from napari_shrinkage.sample import Sample
from napari_shrinkage.tiles import restore_region

FINE = data.camera().astype(np.float32)[100:196, 200:296]
COARSE = ns.degrade(FINE, 2)
EXACT = {"precision": "float32"}
NEAR = 4  # coarse pixels
MODELS = ["light", *LINEAR]
KERNELS = [ns.Bicubic(), ns.Decimation(), ns.GaussianBlur(sigma=1.2)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the weight file of a small network of ours that was not trained, so that it changes much."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    network = Upscaler(features=8, blocks=1)
    header = {"network": "upscaler", "features": "8", "blocks": "1", "scales": "[2, 3, 4]"}
    save_file(network.state_dict(), path, header | {"sigma_max": "0.1", "degradations": "many"})
    return str(path)


@pytest.fixture(scope="module")
def rdn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the weight file of a small RDN for three colours that was not trained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "rdn.safetensors"
    size = {"scale": 2, "colors": 3, "blocks": 2, "layers": 1, "growth": 4, "features": 5}
    header = {"network": "rdn", "degradations": "bicubic", "sigma_max": "0.0"}
    save_file(Rdn(**size).state_dict(), path, header | {key: str(value) for key, value in size.items()})
    return str(path)


def psnr(found: np.ndarray, truth: np.ndarray) -> float:
    inner = (slice(8, -8),) * 2
    return float(10 * np.log10(255**2 / np.mean((found - truth)[inner] ** 2)))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("model", MODELS)
def test_a_constant_image_stays_so_on_a_grid_as_many_times_finer(model: str, scale: int) -> None:
    found = ns.upscale(np.full((12, 17), 7.5, np.float32), scale, model, noise=0.5, **EXACT)
    assert found.shape == (12 * scale, 17 * scale)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 7.5, atol=0.01 * 0.5)


@pytest.mark.parametrize("noise", [0.0, 5.0])
@pytest.mark.parametrize("model", MODELS)
def test_light_three_times_as_bright_gives_a_result_three_times_as_bright(model: str, noise: float) -> None:
    usual = ns.upscale(COARSE, 2, model, noise=noise, **EXACT)
    bright = ns.upscale(3 * COARSE - 50, 2, model, noise=3 * noise, **EXACT)
    np.testing.assert_allclose(bright, 3 * usual - 50, atol=1e-3 * np.ptp(bright))


@pytest.mark.parametrize("model", MODELS)
def test_a_constant_that_is_added_is_added_to_the_result(model: str) -> None:
    fixed = ns.Upscale(model=model, ranges=((0.0, 255.0),), levels=(5.0,), **EXACT)
    usual, brighter = (ns.restore(COARSE + offset, fixed, noise=5.0) for offset in (0, 40))
    np.testing.assert_allclose(brighter, usual + 40, atol=1e-3 * 255)


@pytest.mark.parametrize(
    ("model", "degradation"),
    [("light", one) for one in KERNELS] + [("linear", one) for one in (KERNELS[0], KERNELS[2])],
    ids=str,
)
def test_what_knows_the_blur_is_better_than_interpolation(model: str, degradation: ns.Degradation) -> None:
    coarse = ns.degrade(FINE, 2, degradation)
    found, plain = (ns.upscale(coarse, 2, one, degradation, noise=0.0) for one in (model, "bicubic"))
    assert psnr(found, FINE) > psnr(plain, FINE) + 0.2


def test_a_decimated_image_lies_where_its_fine_one_does() -> None:
    """The shift is part of the kernel: told of another one, the result is half a fine pixel off."""
    y, x = np.mgrid[:64, :64] / 63
    slope = (100 * x + 50 * y).astype(np.float32)
    coarse, inner = ns.degrade(slope, 2, ns.Decimation()), (slice(12, -12),) * 2
    for model in LINEAR:
        right, wrong = (
            ns.upscale(coarse, 2, model, told, noise=0.0) for told in (ns.Decimation(), ns.Bicubic())
        )
        assert np.abs(right - slope)[inner].max() < 0.1
        assert np.mean((wrong - slope)[inner]) == pytest.approx(-0.5 * 150 / 63, abs=0.1)


def test_bicubic_upscaling_is_that_of_pillow() -> None:
    found = ns.upscale(COARSE, 2, "bicubic", noise=0.0)
    theirs = Image.fromarray(COARSE).resize((96, 96), Image.Resampling.BICUBIC)
    inner = (slice(8, -8),) * 2
    np.testing.assert_allclose(found[inner], np.asarray(theirs)[inner], atol=1e-2)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("degradation", KERNELS, ids=repr)
@pytest.mark.parametrize("model", ["light", "linear"])
def test_back_projection_reproduces_the_measured_pixels(
    model: str, degradation: ns.Degradation, scale: int
) -> None:
    fine = ns.upscale(COARSE, scale, model, degradation, noise=0.0, back_projections=10, **EXACT)
    gap = np.abs(ns.degrade(fine, scale, degradation) - COARSE) / np.ptp(COARSE)
    assert gap[NEAR:-NEAR, NEAR:-NEAR].max() < 1e-5
    assert gap.max() < 1e-2  # where the border's mirror image is only nearly that of the fine image


@pytest.mark.parametrize("model", ["light", "linear", "bicubic"])
def test_colours_and_channels_are_restored_each_by_itself(model: str) -> None:
    planes = [COARSE, 0.5 * COARSE.T + 20, 255 - COARSE]
    alone = [ns.upscale(plane, 2, model, noise=3.0, **EXACT) for plane in planes]
    together = ns.upscale(np.stack(planes, -1), 2, model, noise=3.0, axes="YXC", **EXACT)
    channels = ns.upscale(np.stack(planes), 2, model, noise=3.0, axes="CYX", **EXACT)
    for index, one in enumerate(alone):
        np.testing.assert_allclose(together[..., index], one, atol=1e-3)
        np.testing.assert_allclose(channels[index], one, atol=1e-3)


def test_a_network_for_colour_takes_three_colours_together_and_a_gray_image_as_three(rdn: str) -> None:
    planes = [COARSE, 0.5 * COARSE.T + 20, 255 - COARSE]
    together = ns.upscale(np.stack(planes, -1), 2, rdn, noise=0.0, axes="YXC", **EXACT)
    changed = ns.upscale(np.stack([*planes[:2], COARSE], -1), 2, rdn, noise=0.0, axes="YXC", **EXACT)
    assert together.shape == (96, 96, 3)
    assert np.abs(changed - together)[..., 0].max() > 1
    assert ns.upscale(COARSE, 2, rdn, noise=0.0, **EXACT).shape == (96, 96)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("back_projections", [0, 2])
def test_tiles_equal_the_whole(
    scale: int, back_projections: int, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).random((90, 140)).astype(np.float32)
    method = ns.Upscale(scale=scale, model=tiny, back_projections=back_projections, **EXACT)
    stack = ns.Stack(image)
    plan = ns.resolve(ns.Step(method, ns.Gaussian(0.02)), stack)
    whole = restore_region(plan, stack)
    monkeypatch.setattr(module, "LIGHT_PIXELS", 2**10)
    work = ns.run(plan, stack)
    steps = [next(work) for _ in range(2)]
    assert steps[1].total > 1
    tiled = ns.drain(work).stack.array
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    region = (slice(31, 64), slice(17, 90))
    part = restore_region(plan, stack, region)
    np.testing.assert_allclose(part, whole[31 * scale : 64 * scale, 17 * scale : 90 * scale], atol=1e-5)


def test_tiles_of_an_rdn_equal_the_whole(rdn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = ns.Stack(np.random.default_rng(0).random((80, 120)).astype(np.float32))
    plan = ns.resolve(ns.Step(ns.Upscale(model=rdn, **EXACT), ns.Gaussian(0.0)), stack)
    whole = restore_region(plan, stack)
    monkeypatch.setattr(module, "HEAVY_PIXELS", 2**8)
    np.testing.assert_allclose(ns.drain(ns.run(plan, stack)).stack.array, whole, atol=1e-5)


def test_a_scale_that_a_network_has_no_weights_for_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(ValueError, match=r"has weights for x2, and scale=3 was asked for.*\"light\""):
        ns.upscale(COARSE, 3, "light-bicubic", noise=0.0)


def test_a_scale_beyond_four_is_refused() -> None:
    with pytest.raises(ValueError, match="scale=5"):
        ns.upscale(COARSE, 5, noise=0.0)


def test_a_bicubic_network_warns_of_another_kernel() -> None:
    with pytest.warns(TransferWarning, match="not reduced bicubically"):
        ns.upscale(COARSE, 2, "light-bicubic", ns.Decimation(), noise=0.0)


def test_a_network_warns_of_noise_beyond_its_training() -> None:
    with pytest.warns(TransferWarning, match="denoise first"):
        ns.upscale(COARSE, 2, noise=60.0)


@pytest.mark.parametrize("degradation", KERNELS, ids=repr)
def test_within_the_training_nothing_is_said(degradation: ns.Degradation) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ns.upscale(COARSE, 2, "light", degradation, noise=5.0)
        ns.upscale(COARSE, 2, "linear", ns.GaussianBlur(sigma=6.0), noise=90.0)


def resolved(values: np.ndarray, noise: ns.NoiseModel) -> ns.Upscale:
    sample = Sample(values[None].astype(np.float32), values.shape[-2:], (1.0, 1.0), noise=noise)
    return ns.Upscale().resolve(sample)


def test_the_noise_as_a_share_of_the_range_is_that_of_the_noisiest_channel() -> None:
    ramp = np.linspace(0, 100, 64 * 64).reshape(64, 64)
    noise = ns.Gaussian((1.0, 5.0))
    share = resolved(np.stack([ramp, ramp]), noise).noise_share(noise)
    assert share == pytest.approx(0.05, rel=0.01)


def test_a_channel_of_one_value_does_not_count_for_the_share_of_noise() -> None:
    ramp = np.linspace(0, 100, 64 * 64).reshape(64, 64)
    noise = ns.Gaussian((1.0, 5.0))
    share = resolved(np.stack([ramp, np.full_like(ramp, 7)]), noise).noise_share(noise)
    assert share == pytest.approx(0.01, rel=0.01)


def test_an_image_of_one_value_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ns.upscale(np.full((48, 48), 100.0), 2, noise=5.0)


def test_the_degradation_is_measured_where_none_is_told() -> None:
    blur = ns.GaussianBlur(sigma=2.0)
    coarse = ns.degrade(data.camera()[:256, 100:356].astype(np.float32), 2, blur)
    wish = ns.Upscale(model="linear", degradation=None)
    plan = ns.resolve(ns.Step(wish, ns.Gaussian(0.0)), ns.Stack(coarse))
    found = plan.restorer.degradation
    assert isinstance(found, ns.AnyKernel)
    again = ns.Recipe.from_json(json.loads(json.dumps(ns.Recipe.of(plan.restorer, plan.noise).to_json())))
    assert again.steps[0].restorer == plan.restorer
    assert kernel_similarity(found.kernel(2), blur.kernel(2)) > 0.9


def test_a_plan_names_the_weight_file_and_its_checksum(tiny: str) -> None:
    plan = ns.resolve(ns.Step(ns.Upscale(model=tiny), ns.Gaussian(0.0)), ns.Stack(COARSE))
    assert plan.restorer.weights == str(Path(tiny))
    assert len(plan.restorer.checksum) == 64
    assert plan.magnification == 2


def test_noise_that_grows_with_brightness_is_told_where_it_is(tiny: str) -> None:
    """Away from a step in brightness, each side comes out as it does alone under its own noise."""
    texture = 10 * np.random.default_rng(0).random((2, 40, 40)).astype(np.float32)
    dark, bright = 20 + texture[0], 200 + texture[1]
    method = ns.Upscale(model=tiny, ranges=((0.0, 255.0),), levels=(8.0,), **EXACT)
    both = ns.restore(np.hstack([dark, bright]), method, noise=ns.PoissonGaussian(gain=1.0))
    for half, place in ((dark, np.s_[:, :44]), (bright, np.s_[:, -44:])):
        own, others = (
            ns.restore(half, method, noise=float(np.sqrt(one.mean()))) for one in (half, 230 - half)
        )
        gaps = [np.abs(both[place] - alone[place]).max() for alone in (own, others)]
        assert gaps[0] < 0.2 * gaps[1]


@pytest.mark.parametrize("model", ["light", "linear"])
def test_the_gradient_goes_through(model: str) -> None:
    plan = ns.resolve(
        ns.Step(ns.Upscale(model=model, back_projections=1, **EXACT), ns.Gaussian(1.0)), ns.Stack(COARSE)
    )
    z = torch.from_numpy(COARSE[None, None, :12, :12].copy()).requires_grad_()
    plan.restorer.apply(z).sum().backward()
    assert z.grad is not None
    assert z.grad.sum() == pytest.approx(4 * 144, rel=1e-3)


def test_a_network_for_colours_leaves_three_channels_apart(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Rdn(2, 3, blocks=1, layers=1, growth=4, features=4)
    header = {key: str(getattr(network, key)) for key in ("scale", "colors")}
    header |= {"network": "rdn", "blocks": "1", "layers": "1", "growth": "4", "features": "4"}
    path = tmp_path / "rdn.safetensors"
    save_file({name: value.half() for name, value in network.state_dict().items()}, path, header)
    channels = np.random.default_rng(0).random((3, 24, 24)).astype(np.float32)
    changed = channels.copy()
    changed[1:] = channels[1:, ::-1]
    method = ns.Upscale(model=str(path))
    one, other = (ns.restore(image, method, noise=0, axes="CYX") for image in (channels, changed))
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)
    as_colours = [ns.restore(np.moveaxis(c, 0, -1), method, noise=0, axes="YXC") for c in (channels, changed)]
    assert np.abs(as_colours[0] - as_colours[1])[..., 0].max() > 1e-4


def test_a_network_is_told_no_more_noise_than_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def watched(network: object, images: torch.Tensor, packed: torch.Tensor, sigma: torch.Tensor, _: object):
        told.append(float(sigma.max()))
        return packed

    monkeypatch.setattr(upscaling, "corrected", watched)
    with pytest.warns(TransferWarning, match="trained without noise"):
        ns.upscale(COARSE, 2, "light-bicubic", noise=6)
    assert told == [pytest.approx(ROUNDING / 255)]


def test_a_mistyped_model_is_told_from_a_missing_file() -> None:
    with pytest.raises(ValueError, match="model='lightt': expected one of light, light-bicubic, linear"):
        ns.upscale(np.zeros((20, 20)), 2, "lightt", noise=0)
