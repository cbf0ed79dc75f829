"""What every noise estimator promises."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest

from napari_shrinkage.estimators import SigmaEstimator, gaussian_noise
from napari_shrinkage.methods import members
from napari_shrinkage.noise import NoiseWarning
from napari_shrinkage.stack import Stack

ESTIMATORS: list[SigmaEstimator] = [cls() for cls in members(SigmaEstimator).values()]
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)

SIDE = 384
Y, X = np.mgrid[:SIDE, :SIDE]
SCENES = {
    "flat": np.full((SIDE, SIDE), 500.0),
    "ramp": 100 + 0.5 * X + 0.25 * Y,
    "waves": 400 + 150 * np.sin(X / 40) * np.cos(Y / 60),
    "cell on black": 100 + 800 * np.exp(-((X - 150) ** 2 + (Y - 200) ** 2) / 5000),
}


def with_noise(scene: str, sigma: float, seed: int = 0) -> npt.NDArray[np.float64]:
    return SCENES[scene] + sigma * np.random.default_rng(seed).standard_normal((SIDE, SIDE))


@every_estimator
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("sigma", [2.0, 20.0, 200.0])
def test_it_recovers_what_was_simulated(estimator: SigmaEstimator, scene: str, sigma: float):
    assert gaussian_noise(Stack(with_noise(scene, sigma)), estimator).sigma == pytest.approx(sigma, rel=0.03)


@every_estimator
def test_rounding_to_integers_changes_little(estimator: SigmaEstimator):
    counts = with_noise("cell on black", 20).round().clip(0).astype(np.uint16)
    assert gaussian_noise(Stack(counts), estimator).sigma == pytest.approx(20, rel=0.03)


@every_estimator
@pytest.mark.parametrize("factor", [1e-22, 1e-6, 0.37, 257.0, 1e6, 1e22])
def test_it_scales_with_the_image(estimator: SigmaEstimator, factor: float):
    image = with_noise("waves", 10)
    expected = factor * gaussian_noise(Stack(image), estimator).sigma
    assert gaussian_noise(Stack(factor * image), estimator).sigma == pytest.approx(expected, rel=1e-3)


@every_estimator
def test_an_offset_does_not_matter(estimator: SigmaEstimator):
    image = with_noise("waves", 10).round()  # whole numbers, so that float32 holds the sums exactly
    expected = gaussian_noise(Stack(image), estimator).sigma
    for offset in (-1000, 30_000):
        assert gaussian_noise(Stack(image + offset), estimator).sigma == pytest.approx(expected, rel=1e-3)


@every_estimator
def test_turning_the_image_over_does_not_matter(estimator: SigmaEstimator):
    image = with_noise("waves", 10)
    expected = gaussian_noise(Stack(image), estimator).sigma
    assert gaussian_noise(Stack(image.T), estimator).sigma == pytest.approx(expected, rel=1e-4)
    assert gaussian_noise(Stack(-image), estimator).sigma == pytest.approx(expected, rel=1e-4)


@every_estimator
def test_it_is_deterministic(estimator: SigmaEstimator):
    stack = Stack(with_noise("waves", 10))
    assert gaussian_noise(stack, estimator).sigma == gaussian_noise(stack, estimator).sigma


@every_estimator
def test_each_channel_has_its_own_noise(estimator: SigmaEstimator):
    channels = np.stack([with_noise("flat", 2), with_noise("waves", 50, seed=1)])
    together = gaussian_noise(Stack(channels, "CYX"), estimator).sigma
    assert together == tuple(gaussian_noise(Stack(channel), estimator).sigma for channel in channels)


@every_estimator
def test_alpha_counts_for_nothing(estimator: SigmaEstimator):
    rgba = np.stack([with_noise("flat", sigma, seed=sigma) for sigma in (5, 10, 20, 40)], axis=-1)
    sigma = gaussian_noise(Stack(rgba, "YXC"), estimator).sigma
    np.testing.assert_allclose(sigma, (5, 10, 20), rtol=0.03)


@every_estimator
def test_planes_are_pooled(estimator: SigmaEstimator):
    planes = np.stack([with_noise(scene, 20, seed) for seed, scene in enumerate(SCENES)])
    assert gaussian_noise(Stack(planes, "TYX"), estimator).sigma == pytest.approx(20, rel=0.015)


@every_estimator
def test_values_that_are_not_finite_are_left_out(estimator: SigmaEstimator):
    image = with_noise("waves", 20)
    image[50:90, 30:200] = np.nan
    image[np.random.default_rng(0).random(image.shape) < 0.01] = np.inf
    assert gaussian_noise(Stack(image), estimator).sigma == pytest.approx(20, rel=0.03)


@every_estimator
def test_nothing_but_missing_values_is_refused(estimator: SigmaEstimator):
    with pytest.raises(ValueError, match="channel 1 has no finite value"):
        gaussian_noise(Stack(np.stack([SCENES["waves"], np.full((SIDE, SIDE), np.nan)]), "CYX"), estimator)


@every_estimator
@pytest.mark.parametrize("value", [0, 7, -0.1, 60_000])
def test_a_constant_image_has_no_noise_and_says_so(estimator: SigmaEstimator, value: float):
    with pytest.warns(NoiseWarning, match="there is no noise to see"):
        assert gaussian_noise(Stack(np.full((64, 64), value)), estimator).sigma == 0


@every_estimator
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 5), (8, 8), (16, 16)])
def test_a_small_image_gets_a_finite_number_and_a_warning(estimator: SigmaEstimator, shape: tuple[int, int]):
    image = np.random.default_rng(0).standard_normal(shape)
    with pytest.warns(NoiseWarning, match="small|Every pixel"):
        sigma = gaussian_noise(Stack(image), estimator).sigma
    assert np.isfinite(sigma)
    assert sigma < 3


@every_estimator
def test_a_mask_is_not_an_image_of_noise(estimator: SigmaEstimator):
    mask = np.random.default_rng(0).random((64, 64)) < 0.5
    with pytest.warns(NoiseWarning, match="only the values 0 and 1"):
        gaussian_noise(Stack(mask), estimator)


@every_estimator
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_saturation_is_told_with_its_share(estimator: SigmaEstimator, dtype: type[np.generic]):
    image = np.clip(with_noise("flat", 40) - 285, 0, 255).astype(dtype)  # 215 +- 40: 16 % lie above 255
    with pytest.warns(NoiseWarning, match="16% of the pixels have the highest value, 255"):
        gaussian_noise(Stack(image), estimator)


@every_estimator
@pytest.mark.parametrize("step", [1, 16, 1 / 255])
def test_noise_finer_than_the_grey_levels_is_told(estimator: SigmaEstimator, step: float):
    levels = (SCENES["ramp"] + 0.25 * np.random.default_rng(0).standard_normal((SIDE, SIDE))).round()
    with pytest.warns(NoiseWarning, match="finer than the grey levels|No noise was found"):
        gaussian_noise(Stack(levels * step), estimator)


@every_estimator
def test_a_trusted_verdict_names_the_number_and_warns_of_nothing(estimator: SigmaEstimator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate = gaussian_noise(Stack(with_noise("waves", 25)), estimator)
    assert estimate.verdict.startswith(f"Gaussian noise, sigma = {estimate.sigma:.3g};")
