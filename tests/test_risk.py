"""Estimated errors against closed forms and against the true errors of simulated images."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage import risk
from napari_shrinkage.color import to_opponent
from napari_shrinkage.noise import NoiseModel
from napari_shrinkage.noise.color_noise import ColorNoise
from napari_shrinkage.recipe import Step
from napari_shrinkage.restorers import named
from napari_shrinkage.tiles import restore_region

SCENE = data.camera()[60:188, 150:278].astype(np.float64)
CORRELATED = ns.Autocorrelation.from_kernel([[0.3, 0.6, 0.3], [0.6, 1.0, 0.6], [0.3, 0.6, 0.3]])
NOISES: dict[str, NoiseModel] = {
    "white": ns.Gaussian(20.0),
    "correlated": ns.Gaussian(20.0, CORRELATED),
    "shot": ns.PoissonGaussian(6.0, 10.0, 5.0),
    "curve": ns.NoiseCurve((0.0, 255.0), (50.0, 800.0), CORRELATED),
}
Restore = Callable[[np.ndarray], np.ndarray]
each_noise = pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
each_estimator = pytest.mark.parametrize(
    "estimator", [risk.coupled_risk, risk.divergence_risk], ids=["coupled", "divergence"]
)


def exposure(noise: NoiseModel, seed: int, truth: np.ndarray = SCENE) -> np.ndarray:
    """Simulate an image of the scene under a noise model."""
    rng = np.random.default_rng(seed)
    if isinstance(noise, ns.PoissonGaussian):
        shot = noise.gain * rng.poisson((truth - noise.offset).clip(0) / noise.gain) + noise.offset
        return (shot + noise.read_std * rng.standard_normal(truth.shape)).astype(np.float32)
    field = risk.noise_field(truth.shape, noise.autocorrelation, rng)
    return (truth + noise.std(truth) * field).astype(np.float32)


def planned(method: str, noise: NoiseModel) -> Restore:
    """Return a method whose numbers were fixed on one exposure."""
    plan = ns.resolve(Step(named(method), noise), ns.Stack(exposure(noise, 99)), "cpu")
    return lambda image: restore_region(plan, ns.Stack(image))


def blur(image: np.ndarray) -> np.ndarray:
    return np.asarray(gaussian_filter(image, 1.0))


def soft(image: np.ndarray, threshold: float = 30.0) -> np.ndarray:
    return np.asarray(np.sign(image) * np.maximum(np.abs(image) - threshold, 0))


@each_estimator
def test_the_risk_of_a_soft_threshold_is_steins(estimator):
    sigma, truth = 20.0, np.zeros((256, 256))
    truth[:, :64] = 60.0
    image = exposure(ns.Gaussian(sigma), 1, truth)
    survivors = np.mean(np.abs(image) > 30.0)
    stein = np.mean((soft(image) - image) ** 2) + 2 * sigma**2 * survivors - sigma**2
    found = estimator(soft, image, ns.Gaussian(sigma), alpha=1e-3, pairs=4)
    assert found.mse == pytest.approx(stein, rel=0.03)
    assert found.mse == pytest.approx(np.mean((soft(image) - truth) ** 2), abs=3 * found.standard_error)


@each_estimator
@each_noise
def test_a_blur_gets_its_bias_and_what_it_leaves_of_the_noise(estimator, noise):
    truth = np.maximum(SCENE, 30.0)
    rng = np.random.default_rng(7)
    left = [
        np.mean(blur(noise.std(truth) * risk.noise_field(truth.shape, noise.autocorrelation, rng)) ** 2)
        for _ in range(60)
    ]
    expected = np.mean((blur(truth) - truth) ** 2) + np.mean(left)
    found = [
        estimator(blur, exposure(noise, seed, truth), noise, mean=truth, seed=seed).mse for seed in range(12)
    ]
    scatter = np.hypot(np.std(found) / math.sqrt(12), np.std(left) / math.sqrt(60))
    assert np.mean(found) == pytest.approx(expected, abs=3 * scatter)


@each_noise
@pytest.mark.parametrize("method", ["dct", "wavelet"])
def test_the_estimate_lies_within_its_standard_error_of_the_true_error(method, noise):
    truth = np.maximum(SCENE, 30.0)
    restore = planned(method, noise)
    off = []
    for seed in range(8):
        image = exposure(noise, seed, truth)
        restored = restore(image)
        found = risk.coupled_risk(restore, image, noise, mean=restored, seed=seed)
        off.append((found.mse - np.mean((restored - truth) ** 2)) / found.standard_error)
    assert abs(np.mean(off)) < 1
    assert 0.15 < np.sqrt(np.mean(np.square(off))) < 1.5


def test_a_coupled_pair_tells_the_risk_at_the_higher_noise_however_hard_the_threshold():
    noise, alpha = ns.Gaussian(20.0), 0.5
    restore = planned("dct", noise)
    stronger = [exposure(ns.Gaussian(20.0 * math.sqrt(1 + alpha)), 50 + seed) for seed in range(8)]
    true = [np.mean((restore(image) - SCENE) ** 2) for image in stronger]
    found = [
        risk.coupled_risk(restore, exposure(noise, seed), noise, alpha=alpha, seed=seed).mse
        for seed in range(8)
    ]
    assert np.mean(found) == pytest.approx(np.mean(true), rel=0.05)


def test_the_strength_of_the_probes_makes_up_for_the_skewness_of_shot_noise():
    x = np.full((512, 512), 12.0)
    image, noise = np.random.default_rng(3).poisson(x).astype(np.float32), ns.PoissonGaussian(1.0)
    exact = 2 * np.mean(2 * 12.0**2 + 12.0) / 100  # 2 E (y - x) f(y) for f(y) = y^2 / 100

    def coupling(strength):
        return np.mean(strength**2 * 4 * image / 100)

    probed = risk.Trial.of(image, noise, mean=x, pairs=64).probes
    measured = np.sqrt(np.mean(np.square(probed), axis=0))
    assert coupling(measured) == pytest.approx(exact, rel=0.01)
    assert coupling(np.sqrt(x)) < 0.97 * exact
    assert coupling(np.sqrt(image)) > 1.03 * exact


@each_estimator
def test_masked_pixels_have_no_say(estimator):
    image = exposure(ns.Gaussian(20.0), 0)
    mask = np.ones(image.shape, bool)
    mask[40:60] = False
    spoilt = np.where(mask, image, 255.0)
    found = [estimator(soft, one, ns.Gaussian(20.0), mask=mask) for one in (image, spoilt)]
    assert found[0] == found[1]
    assert found[0].pixels == mask.sum()


def test_pixels_that_are_not_finite_are_left_out():
    image = exposure(ns.Gaussian(20.0), 0)
    image[::9, ::7] = np.nan
    found = risk.coupled_risk(soft, image, ns.Gaussian(20.0))
    assert np.isfinite([found.mse, found.standard_error]).all()
    assert found.pixels == np.isfinite(image).sum()


def test_channels_have_their_own_noise():
    noise = ns.Gaussian((5.0, 30.0))
    image = np.stack([exposure(ns.Gaussian(sigma), 0) for sigma in noise.sigma])
    kept = [risk.coupled_risk(lambda x: x, image, noise, mask=mask) for mask in _one_channel(image.shape)]
    assert [one.mse for one in kept] == pytest.approx([25.0, 900.0], rel=0.05)


def _one_channel(shape):
    for channel in range(shape[0]):
        mask = np.zeros(shape, bool)
        mask[channel] = True
        yield mask


@pytest.mark.parametrize("shape", [(200, 300), (2, 200, 300)])
def test_a_noise_field_has_variance_one_and_its_autocorrelation(shape):
    field = risk.noise_field(shape, CORRELATED, np.random.default_rng(0)).astype(np.float64)
    lags = CORRELATED.array
    middle = lags.shape[0] // 2
    assert np.mean(field**2) == pytest.approx(1, abs=0.03)
    assert np.mean(field[..., 1:] * field[..., :-1]) == pytest.approx(lags[middle, middle + 1], abs=0.03)
    assert np.mean(field[..., 1:, 1:] * field[..., :-1, :-1]) == pytest.approx(
        lags[middle + 1, middle + 1], abs=0.03
    )
    assert abs(np.mean(field[..., 0, :] * field[..., -1, :])) < 0.25  # opposite borders are strangers


def test_colours_that_share_their_noise_get_probes_that_do():
    wide = ns.Autocorrelation.from_kernel(np.ones((3, 3)))
    white = ns.Autocorrelation(((1.0,),))
    noise = ns.Gaussian(10.0, color=ColorNoise(stds=(1.4, 0.7, 0.7), correlations=(white, wide, wide)))
    probe = risk.Trial.of(np.full((3, 256, 256), 100.0), noise).probes[0].astype(np.float64)
    opponent = to_opponent(probe)
    assert opponent.std(axis=(1, 2)) == pytest.approx([14.0, 7.0, 7.0], rel=0.03)
    assert np.mean(opponent[0, 1:] * opponent[0, :-1]) / 14.0**2 == pytest.approx(0, abs=0.02)
    assert np.mean(opponent[1, 1:] * opponent[1, :-1]) / 7.0**2 == pytest.approx(2 / 3, abs=0.03)


def test_probes_do_not_repeat_noise_that_was_simulated_from_the_same_seed():
    simulated = risk.noise_field((128, 128), CORRELATED, np.random.default_rng(0))
    probe = risk.Trial.of(simulated, ns.Gaussian(1.0, CORRELATED), seed=0).probes[0]
    assert abs(np.corrcoef(simulated.ravel(), probe.ravel())[0, 1]) < 0.1


def test_estimates_combine_by_their_pixels():
    found = risk.combined([risk.RiskEstimate(1.0, 0.3, 4, 100), risk.RiskEstimate(4.0, 0.4, 4, 300)])
    assert found.mse == pytest.approx(3.25)
    assert found.standard_error == pytest.approx(math.hypot(0.3 * 100, 0.4 * 300) / 400)
    assert found.pixels == 400


def test_a_seed_decides_the_estimate():
    image, noise = exposure(ns.Gaussian(20.0), 0), ns.Gaussian(20.0)
    assert risk.coupled_risk(blur, image, noise, seed=1) == risk.coupled_risk(blur, image, noise, seed=1)
    assert risk.coupled_risk(blur, image, noise, seed=1) != risk.coupled_risk(blur, image, noise, seed=2)


def test_self_consistency_of_a_blur_is_its_prediction_error_plus_the_noise():
    sigma = 20.0
    image = exposure(ns.Gaussian(sigma), 0, np.full((256, 256), 100.0))
    found = risk.self_consistency(blur, image, phases=16)
    own = np.zeros((9, 9))
    own[4, 4] = 1
    kernel = blur(own)
    centre, kernel[4, 4] = kernel[4, 4], 0
    for y, x in ((3, 4), (5, 4), (4, 3), (4, 5)):
        kernel[y, x] += centre / 4
    assert found.mse == pytest.approx(sigma**2 * (1 + np.sum(kernel**2)), abs=3 * found.standard_error)
    assert found.pixels == image.size


def test_self_consistency_ranks_without_a_noise_model():
    image = exposure(ns.Gaussian(20.0), 0)
    scores = {s: risk.self_consistency(lambda x, s=s: gaussian_filter(x, s), image).mse for s in (0.3, 1, 6)}
    assert scores[1] < min(scores[0.3], scores[6])


def test_what_does_not_fit_is_refused():
    image, noise = np.ones((8, 8)), ns.Gaussian(1.0)
    with pytest.raises(ValueError, match="alpha"):
        risk.coupled_risk(blur, image, noise, alpha=0)
    with pytest.raises(ValueError, match="mask"):
        risk.coupled_risk(blur, image, noise, mask=np.zeros((8, 8), bool))
    with pytest.raises(ValueError, match="spatial axes"):
        risk.noise_field((8,), CORRELATED, np.random.default_rng(0))
