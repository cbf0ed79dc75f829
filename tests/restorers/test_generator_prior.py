"""A trained generator as a restorer: what it gains, that images do not mix, and which it does not know."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
import torch

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import generator_misfit
from napari_shrinkage.restorers import named
from napari_shrinkage.restorers.base import on_device
from napari_shrinkage.tiles import restore_region

SIGMA = 20.0
RANGE = 200.0
Spots = Callable[..., np.ndarray]


def noisy(images: np.ndarray, sigma: float = SIGMA, seed: int = 0) -> np.ndarray:
    return (images + sigma * np.random.default_rng(seed).standard_normal(images.shape)).astype(np.float32)


def error(restored: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean((restored - clean) ** 2))


def test_it_leaves_less_of_the_noise_than_shrinkage(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    clean = spots(60, seed=2)
    restored = ns.restore(noisy(clean), generator_prior, noise=SIGMA, axes="TYX")
    assert restored.dtype == np.float32
    assert error(restored, clean) < 0.1 * SIGMA**2
    assert error(restored, clean) < 0.5 * error(
        ns.restore(noisy(clean), "balanced", noise=SIGMA, axes="TYX"), clean
    )


def test_an_image_alone_and_in_a_stack_is_restored_alike(
    generator_prior: ns.GeneratorPrior, spots: Spots
) -> None:
    stack = ns.Stack(noisy(spots(150, seed=3)), "TYX")  # in windows of 64 planes
    plan = ns.resolve(ns.Step(generator_prior.replace(restarts=2), ns.Gaussian(SIGMA)), stack)
    everything = restore_region(plan, stack)
    for number in (0, 63, 64, 149):
        part = (slice(number, number + 1), slice(0, 12), slice(0, 14))
        np.testing.assert_allclose(
            restore_region(plan, stack, part), everything[part], rtol=0, atol=1e-5 * RANGE
        )
    window = (slice(10, 11), slice(3, 9), slice(5, 6))
    np.testing.assert_allclose(
        restore_region(plan, stack, window), everything[window], rtol=0, atol=1e-5 * RANGE
    )


def test_a_run_a_lazy_run_and_a_loop_agree(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    images = noisy(spots(70, seed=4))
    together = ns.restore(images, generator_prior, noise=SIGMA, axes="TYX")
    lazy = ns.restore(da.from_array(images, chunks=(30, 6, 14)), generator_prior, noise=SIGMA, axes="TYX")
    alone = [ns.restore(image, generator_prior, noise=SIGMA) for image in images[:3]]
    np.testing.assert_allclose(lazy.compute(), together, rtol=0, atol=1e-5 * RANGE)
    np.testing.assert_allclose(alone, together[:3], rtol=0, atol=1e-5 * RANGE)


def test_channels_are_images_each_with_its_own_noise(
    generator_prior: ns.GeneratorPrior, spots: Spots
) -> None:
    first, second = noisy(spots(5, seed=5)), noisy(spots(5, seed=6), 2 * SIGMA)
    both = ns.restore(
        np.stack([first, second], axis=1), generator_prior, noise=(SIGMA, 2 * SIGMA), axes="TCYX"
    )
    for channel, (images, sigma) in enumerate([(first, SIGMA), (second, 2 * SIGMA)]):
        alone = ns.restore(images, generator_prior, noise=sigma, axes="TYX")
        np.testing.assert_allclose(both[:, channel], alone, rtol=0, atol=1e-5 * RANGE)


def test_it_can_be_done_again_from_its_record(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    stack = ns.Stack(noisy(spots(10, seed=7)), "TYX")
    result = ns.drain(ns.run(ns.Recipe.of(generator_prior, ns.Gaussian(SIGMA)), stack))
    recipe = ns.Recipe.from_json(result.record.to_json())
    assert recipe.steps[0].restorer == result.record.plans[0].restorer
    np.testing.assert_array_equal(ns.drain(ns.run(recipe, stack)).stack.array, result.stack.array)


def test_noisier_pixels_count_less(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    clean = spots(60, seed=8)
    stds = np.where(np.arange(14) < 7, 5.0, 100.0) * np.ones((12, 1))
    images = (clean + stds * np.random.default_rng(0).standard_normal(clean.shape)).astype(np.float32)
    told = ns.restore(images, generator_prior, noise=ns.NoiseMap.from_array(stds), axes="TYX")
    untold = ns.restore(images, generator_prior, noise=float(np.sqrt(np.mean(stds**2))), axes="TYX")
    assert error(told, clean) < 0.6 * error(untold, clean)


def test_shot_noise_is_removed_in_counts(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    clean = spots(60, seed=9)
    counts = (4 * np.random.default_rng(0).poisson(clean / 4)).astype(np.float32)
    restored = ns.restore(counts, generator_prior, noise=ns.PoissonGaussian(4.0), axes="TYX")
    assert error(restored, clean) < 0.1 * error(counts, clean)


def test_holes_are_filled_and_put_back(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    images = noisy(spots(3, seed=10))
    images[1, 4, 5] = np.nan
    restored = ns.restore(images, generator_prior, noise=SIGMA, axes="TYX")
    assert np.isnan(restored[1, 4, 5])
    assert np.isfinite(restored).sum() == restored.size - 1


def test_images_like_the_training_stack_raise_no_doubt(
    generator_prior: ns.GeneratorPrior, spots: Spots
) -> None:
    stack = ns.Stack(noisy(spots(200, seed=11)), "TYX")
    plan = ns.resolve(ns.Step(generator_prior, ns.Gaussian(SIGMA)), stack)
    assert plan.restorer.looked == 50
    assert plan.restorer.unlike <= 2
    assert plan.restorer.doubt(plan.noise, color=False) == ""


def test_images_unlike_the_training_stack_are_told(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    images = spots(40, seed=12)
    images[:10, 2:4] += 120.0  # lines across
    stack = ns.Stack(noisy(images), "TYX")
    with pytest.warns(ns.TransferWarning, match=r"1\d of 40 images look unlike"):
        plan = ns.resolve(ns.Step(generator_prior, ns.Gaussian(SIGMA)), stack)
    with pytest.warns(ns.TransferWarning):
        result = ns.drain(ns.run(ns.Recipe.of(generator_prior, ns.Gaussian(SIGMA)), stack))
    assert "unlike" in result.record.messages[0]
    found = generator_misfit(stack, result.stack, plan.noise, plan.restorer)
    assert found.out.shape == (40, 1)
    assert found.out[:10].all()
    assert found.out[10:].sum() <= 2


def test_a_brighter_stack_is_unlike_the_training_stack(
    generator_prior: ns.GeneratorPrior, spots: Spots
) -> None:
    with pytest.warns(ns.TransferWarning, match="12 of 12 images look unlike"):
        ns.restore(noisy(4 * spots(12, seed=13)), generator_prior, noise=SIGMA, axes="TYX")


def test_the_limit_follows_the_noise(generator_prior: ns.GeneratorPrior, spots: Spots) -> None:
    """With the noise left out of account every image would look unlike."""
    stack = ns.Stack(noisy(spots(30, seed=14), 100.0), "TYX")
    restored = stack.with_array(ns.restore(stack.array, generator_prior, noise=100.0, axes="TYX"))
    assert not generator_misfit(stack, restored, ns.Gaussian(100.0), generator_prior).out.any()
    assert generator_misfit(stack, restored, ns.Gaussian(50.0), generator_prior).out.all()


def test_another_size_is_refused_with_both_sizes(generator_prior: ns.GeneratorPrior) -> None:
    with pytest.raises(ValueError, match=r"trained on images of 12 x 14 .* have 14 x 12"):
        ns.restore(np.zeros((3, 14, 12), np.float32), generator_prior, noise=1.0, axes="TYX")


def test_an_untrained_one_says_that_it_has_to_be_fitted() -> None:
    with pytest.raises(ValueError, match=r"not trained.*fit"):
        ns.restore(np.zeros((3, 12, 14), np.float32), "generator-prior", noise=1.0, axes="TYX")
    assert named("generator-prior") == ns.GeneratorPrior()


def test_another_file_than_the_recorded_one_is_refused(generator_prior: ns.GeneratorPrior) -> None:
    with pytest.raises(ValueError, match="checksum"):
        ns.restore(np.zeros((12, 14)), generator_prior.replace(checksum="00"), noise=1.0)


def test_the_reference_equals_what_is_built_and_has_no_gradient(
    generator_prior: ns.GeneratorPrior, spots: Spots
) -> None:
    images = noisy(spots(4, seed=15), 1.0)[:, None]
    restored = generator_prior.build("cpu", None, 1)(images)
    reference = on_device(generator_prior, "cpu", None)
    np.testing.assert_allclose(restored[0], reference(images[0]), rtol=0, atol=1e-5 * RANGE)
    with pytest.raises(TypeError, match="no gradient"):
        generator_prior.apply(torch.from_numpy(images).requires_grad_())
