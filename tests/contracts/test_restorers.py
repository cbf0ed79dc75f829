"""What every restorer promises, over all short names and the variants that share their code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.methods import members, nested
from napari_shrinkage.recipe import Step
from napari_shrinkage.restorers import NAMED, TO_FIT
from napari_shrinkage.restorers.base import Restorer, on_device
from napari_shrinkage.tiles import restore_region
from napari_shrinkage.windows import inner_part, outcome, whole

SIGMA = 20.0
PICTURE = data.camera()[100:200, 150:271].astype(np.float32)
NOISY = (PICTURE + SIGMA * np.random.default_rng(5).standard_normal(PICTURE.shape)).astype(np.float32)
RESTORERS: dict[str, Restorer] = {
    **NAMED,
    "decimated": ns.Shrinkage(transform=ns.Wavelet(wavelet="db2", levels=3)),
    "cycle-spinning": ns.Shrinkage(transform=ns.Wavelet(wavelet="haar", levels=3), spins=3),
    "sure": ns.Shrinkage(transform=ns.StationaryWavelet(wavelet="sym4", levels=3), threshold=ns.Sure()),
    "dct-5-strided": ns.Shrinkage(
        transform=ns.SlidingDCT(size=5, stride=2), rule=ns.Hard(), threshold=ns.Ratio(r=2.5)
    ),
    "dct-16": ns.Shrinkage(transform=ns.SlidingDCT(size=16), rule=ns.Hard(), threshold=ns.Profile()),
    "wavelet-pilot": ns.EmpiricalWiener(pilot=ns.Shrinkage(transform=ns.Wavelet(wavelet="haar", levels=3))),
    "reflecting": ns.Shrinkage(transform=ns.StationaryWavelet(wavelet="haar", levels=3, border="reflect")),
    "periodic": ns.Shrinkage(transform=ns.StationaryWavelet(wavelet="haar", levels=3, border="periodic")),
    "unet": ns.Cnn(precision="float32"),
    "ffdnet": ns.Cnn(model="ffdnet", precision="float32"),
    "dead-pixels": ns.HotPixels(polarity="both"),
    "upscale": ns.Upscale(precision="float32"),
    "upscale-decimated": ns.Upscale(
        scale=3, degradation=ns.Decimation(), back_projections=2, precision="float32"
    ),
    "bicubic": ns.Upscale(model="bicubic"),
    "degrade": ns.Degrade(),
    "degrade-noisy": ns.Degrade(scale=3, degradation=ns.GaussianBlur(sigma=1.5), gain=0.5, sigma=2.0),
}
DENOISERS = {name: restorer for name, restorer in RESTORERS.items() if restorer.domain == "noise"}
CORRELATED = ns.Gaussian(SIGMA, ns.Autocorrelation.from_kernel(np.ones((1, 3))))
each_restorer = pytest.mark.parametrize("restorer", RESTORERS.values(), ids=RESTORERS)


def planned(
    restorer: Restorer, image: np.ndarray, noise: ns.Gaussian, **settings: object
) -> tuple[ns.Plan, ns.Stack]:
    stack = ns.Stack(image)
    return ns.resolve(Step(restorer, noise), stack, **settings), stack


def grid(restorer: Restorer, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n * restorer.magnification) for n in shape)


def silent(restorer: Restorer) -> dict[str, float]:
    """Return what keeps a restorer from adding noise."""
    return {"gain": 0.0, "sigma": 0.0} if isinstance(restorer, ns.Degrade) else {}


def test_every_registered_restorer_is_tried() -> None:
    """Those that have to be fitted first are tried where they are: they know one kind of image alone."""
    tried = {type(restorer) for restorer in (*RESTORERS.values(), *TO_FIT.values())}
    assert tried == set(members("restorer").values())
    assert all(type(restorer).needs_fit for restorer in TO_FIT.values())


@pytest.mark.parametrize("restorer", DENOISERS.values(), ids=DENOISERS)
def test_it_removes_noise_and_keeps_the_shape(restorer: Restorer) -> None:
    restored = ns.restore(NOISY, restorer, noise=SIGMA)
    assert restored.shape == NOISY.shape
    assert restored.dtype == np.float32
    assert np.mean((restored - PICTURE) ** 2) < 0.5 * SIGMA**2


@each_restorer
@pytest.mark.parametrize("noise", [ns.Gaussian(SIGMA), CORRELATED], ids=["white", "correlated"])
def test_a_window_shows_the_pixels_of_the_whole(restorer: Restorer, noise: ns.Gaussian) -> None:
    plan, stack = planned(restorer, np.tile(NOISY, (3, 2)), noise)
    everything = restore_region(plan, stack)
    for window in (
        (slice(0, 40), slice(0, 50)),
        (slice(111, 175), slice(93, 150)),
        (slice(260, 300), slice(200, 240)),
    ):
        shown = everything[outcome(plan, stack, window)]
        np.testing.assert_allclose(restore_region(plan, stack, window), shown, atol=1e-5 * 255)


@each_restorer
@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_a_constant_image_stays_constant(restorer: Restorer, level: float) -> None:
    flat = np.full((40, 51), level, np.float32)
    most = 0.5 if isinstance(restorer, ns.Cnn | ns.Upscale) else 1e-3  # of a network, in noise stds
    restored = ns.restore(flat, restorer.replace(**silent(restorer)), noise=1.0)
    assert restored.shape == grid(restorer, flat.shape)
    np.testing.assert_allclose(restored, level, atol=most)


@each_restorer
@pytest.mark.filterwarnings("ignore::napari_shrinkage.TransferWarning")  # these images are all noise
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 40), (33, 64)])
def test_any_size_is_restored(restorer: Restorer, shape: tuple[int, int]) -> None:
    noisy = 50 + np.random.default_rng(0).standard_normal(shape)
    levels = [getattr(method, "levels", None) or 0 for method in nested(restorer)]
    if min(shape) < 2 ** max(levels):
        with pytest.raises(ValueError, match="levels="):
            ns.restore(noisy, restorer, noise=1.0)
        return
    if isinstance(restorer, ns.Degrade) and min(shape) < restorer.scale:
        with pytest.raises(ValueError, match="scale="):
            ns.restore(noisy, restorer, noise=1.0)
        return
    restored = ns.restore(noisy, restorer, noise=1.0)
    assert restored.shape == grid(restorer, shape)
    assert np.isfinite(restored).all()


@each_restorer
def test_what_is_built_equals_the_torch_reference(restorer: Restorer) -> None:
    plan, stack = planned(restorer, NOISY, CORRELATED, threads=2)
    z = plan.restorer.geometry().extended(stack.array[None] / np.float32(SIGMA))
    built = plan.restorer.build("cpu", CORRELATED.autocorrelation, 2)(z)
    reference = on_device(plan.restorer, "cpu", CORRELATED.autocorrelation)(z)
    inner = inner_part(plan, stack, whole(stack))
    differing = np.abs((built - reference)[inner]) > 1e-3  # a coefficient may sit on a hard threshold
    assert differing.mean() < 1e-3


@each_restorer
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_gives_the_pixels_of_the_cpu(restorer: Restorer) -> None:
    on_cpu = ns.restore(NOISY, restorer, noise=SIGMA, device="cpu")
    on_gpu = ns.restore(NOISY, restorer, noise=SIGMA, device="cuda")
    assert (np.abs(on_cpu - on_gpu) > 1e-3 * 255).mean() < 1e-3


@each_restorer
def test_a_plan_round_trips_through_its_record(restorer: Restorer) -> None:
    plan, stack = planned(restorer, NOISY, ns.Gaussian(SIGMA))
    recipe = ns.Recipe.from_json(ns.Record((plan,), {}).to_json())
    assert recipe.steps[0].restorer == plan.restorer
    np.testing.assert_array_equal(ns.drain(ns.run(recipe, stack)).stack.array, restore_region(plan, stack))


@each_restorer
def test_it_can_be_differentiated_or_says_that_it_cannot(restorer: Restorer) -> None:
    plan, _ = planned(restorer, NOISY[:32, :40], ns.Gaussian(SIGMA))
    z = torch.from_numpy(
        plan.restorer.geometry().extended(NOISY[None, None, :32, :40] / np.float32(SIGMA))
    ).requires_grad_()
    if not restorer.differentiable:
        with pytest.raises(TypeError, match="no gradient"):
            plan.restorer.apply(z)
        return
    plan.restorer.apply(z).sum().backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
