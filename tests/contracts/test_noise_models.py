"""What every noise model promises, on simulated flat fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

import napari_shrinkage as ns
from napari_shrinkage.noise import NoiseModel

Draw = Callable[[np.random.Generator, float, int], npt.NDArray[np.float64]]
MEANS = (5.0, 20.0, 100.0, 500.0)  # photons, or their equal in counts
COUNT = 400_000


@dataclass(frozen=True)
class Case:
    model: NoiseModel
    counts: Callable[[float], float]
    draw: Draw


def photons(gain: float, offset: float, read_std: float) -> Draw:
    return lambda rng, mean, n: gain * rng.poisson(mean, n) + offset + read_std * rng.standard_normal(n)


def bell(counts: float) -> float:
    """Return a variance that rises and falls, as a processed photograph's."""
    return 4 + 40 * np.exp(-(((counts - 250) / 200) ** 2))


NODES = np.linspace(0, 600, 61)
CASES = {
    "gaussian": Case(ns.Gaussian(3.0), lambda m: m, lambda rng, m, n: m + 3 * rng.standard_normal(n)),
    "noise map": Case(
        ns.NoiseMap(path="map.npy", checksum="5f", sigma=3.0),
        lambda m: m,
        lambda rng, m, n: m + 3 * rng.standard_normal(n),
    ),
    "shot noise": Case(ns.PoissonGaussian(1.0), lambda m: m, photons(1, 0, 0)),
    "camera": Case(ns.PoissonGaussian(2.5, 100.0, 4.0), lambda m: 2.5 * m + 100, photons(2.5, 100, 4)),
    "curve": Case(
        ns.NoiseCurve(tuple(NODES), tuple(bell(NODES))),
        lambda m: m,
        lambda rng, m, n: m + np.sqrt(bell(m)) * rng.standard_normal(n),
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_mean = pytest.mark.parametrize("mean", MEANS)


@each_case
@each_mean
def test_forward_gives_noise_of_std_one(case: Case, mean: float):
    z = case.model.forward(case.draw(np.random.default_rng(0), mean, COUNT))
    assert z.std() == pytest.approx(1, abs=0.025)  # the transform itself: 1.02 at 5 electrons and read noise


@each_case
@each_mean
def test_the_inverse_of_a_mean_is_the_mean(case: Case, mean: float):
    z = case.model.forward(case.draw(np.random.default_rng(1), mean, COUNT))
    back = float(case.model.inverse(z.mean(keepdims=True))[0])
    expected = case.counts(mean)
    assert back == pytest.approx(
        expected, abs=4 * float(case.model.std(expected)) / COUNT**0.5 + 0.002 * mean
    )


@each_case
@each_mean
def test_std_is_that_of_the_pixels(case: Case, mean: float):
    found = case.draw(np.random.default_rng(2), mean, COUNT).std()
    assert float(case.model.std(case.counts(mean))) == pytest.approx(found, rel=0.02)


@each_case
def test_float32_stays_float32_and_rises(case: Case):
    values = np.linspace(case.counts(0), case.counts(600), 1000).astype(np.float32)
    z = case.model.forward(values)
    assert z.dtype == case.model.inverse(z).dtype == np.float32
    assert (np.diff(z) > 0).all()
    assert (np.diff(case.model.inverse(z)) > 0).all()


@each_case
def test_channels_have_their_own_numbers(case: Case):
    model = case.model.for_channels(2)
    values = case.draw(np.random.default_rng(3), 50, 128).reshape(2, 8, 8)
    np.testing.assert_array_equal(model.forward(values), case.model.forward(values))
    assert model.channel(1).for_channels(2) == model
    with pytest.raises(ValueError, match="2 values; the image has 3 channels"):
        model.for_channels(3)


def test_a_channel_can_have_shot_noise_and_the_other_none():
    model = ns.PoissonGaussian((2.0, 0.0), 10.0, (1.0, 3.0))
    values = np.full((2, 4, 4), 30.0, np.float32)
    alone = ns.PoissonGaussian(2.0, 10.0, 1.0).forward(values[0])
    np.testing.assert_array_equal(model.forward(values), np.stack([alone, values[1] / np.float32(3)]))


def test_a_channel_without_any_noise_is_told():
    assert ns.PoissonGaussian((2.0, 0.0), 0.0, 0.0).silent() == (False, True)
    assert ns.NoiseCurve((0.0, 1.0), (0.0, 0.0)).silent() == (True,)
    assert ns.PoissonGaussian(2.0).silent() == ()


@pytest.mark.parametrize(
    ("means", "variances", "message"),
    [
        ((0.0, 1.0), (1.0, 2.0, 3.0), "one variance for each mean"),
        ((1.0, 0.0), (1.0, 1.0), "means must rise"),
        ((0.0, 1.0), (1.0, -1.0), "no variance may be negative"),
        ((0.0,), (1.0,), "at least two finite numbers"),
    ],
)
def test_what_is_no_curve_is_refused(means: tuple[float, ...], variances: tuple[float, ...], message: str):
    with pytest.raises(ValueError, match=message):
        ns.NoiseCurve(means, variances)
