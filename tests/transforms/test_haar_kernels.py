"""The fused kernels of the stationary Haar transform against PyWavelets."""

from __future__ import annotations

import numpy as np
import pytest
import pywt

import napari_shrinkage as ns
from napari_shrinkage.restorers.base import on_device
from napari_shrinkage.transforms.haar_kernels import shrink_haar

RULES = {"soft": ns.Soft(), "hard": ns.Hard()}
every_rule = pytest.mark.parametrize("rule", RULES)


def noisy(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return a step edge of height 20 in noise of std 1."""
    edge = 20.0 * (np.indices(shape).sum(0) > sum(shape) // 2)
    return (edge + np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def limits(channels: int, levels: int) -> np.ndarray:
    return np.random.default_rng(levels).uniform(0.1, 1.5, (channels, levels, 3)).astype(np.float32)


@every_rule
@pytest.mark.parametrize(("shape", "levels"), [((32, 48), 1), ((64, 32), 4), ((16, 80), 3)])
def test_kernel_equals_pywavelets(rule: str, shape: tuple[int, int], levels: int) -> None:
    field, thresholds = noisy(shape), limits(1, levels)
    bands = pywt.swt2(field.astype(float), "haar", levels, norm=True, trim_approx=True)
    shrunk = [
        tuple(pywt.threshold(band, t, rule) for band, t in zip((v, h, d), ts[[0, 1, 2]], strict=True))
        for (h, v, d), ts in zip(bands[1:], thresholds[0, ::-1], strict=True)
    ]  # PyWavelets names bands by the direction of the edges in them: its "h" is detail along Y
    expected = pywt.iswt2([bands[0], *((h, v, d) for v, h, d in shrunk)], "haar", norm=True)
    result = shrink_haar(field[None], rule, thresholds, threads=1)
    np.testing.assert_allclose(result[0], expected, atol=2e-5)


@every_rule
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (5, 7), (37, 50)])
def test_kernel_equals_the_torch_reference_on_any_shape(rule: str, shape: tuple[int, int]) -> None:
    transform = ns.StationaryWavelet(levels=4)
    keys = [band.key for band in transform.subbands() if band.detail]
    values = dict(zip(keys, np.random.default_rng(1).uniform(0.5, 3, (len(keys), 2)).tolist(), strict=True))
    threshold = ns.PerBand(values={key: tuple(pair) for key, pair in values.items()})
    method = ns.Shrinkage(transform=transform, rule=RULES[rule], threshold=threshold)
    assert method.is_fused
    field = np.stack([noisy(shape), noisy(shape, 1)])
    np.testing.assert_allclose(
        method.build("cpu", None, 1)(field), on_device(method, "cpu", None)(field), atol=2e-5
    )


@every_rule
def test_nothing_changes_without_a_threshold(rule: str) -> None:
    field = noisy((2, 40, 70))
    result = shrink_haar(field, rule, np.zeros((2, 5, 3), np.float32), threads=1)
    np.testing.assert_allclose(result, field, atol=2e-5)


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_result_does_not_depend_on_threads(threads: int) -> None:
    field, thresholds = noisy((2, 41, 70)), limits(2, 4)
    one = shrink_haar(field, "soft", thresholds, threads=1)
    np.testing.assert_array_equal(shrink_haar(field, "soft", thresholds, threads=threads), one)


def test_other_wavelets_rules_and_volumes_are_left_to_torch() -> None:
    haar = ns.StationaryWavelet(levels=3)
    assert ns.Shrinkage(transform=haar).is_fused
    assert ns.Shrinkage(transform=ns.StationaryWavelet(wavelet="db1", levels=3)).is_fused
    assert not ns.Shrinkage(transform=haar, rule=ns.Garrote()).is_fused
    assert not ns.Shrinkage(transform=haar.replace(wavelet="db2")).is_fused
    assert not ns.Shrinkage(transform=haar.replace(ndim=3)).is_fused
