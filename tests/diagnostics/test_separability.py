"""Orthogonality and additivity hold where theory says so, and fail where it says they need not."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import additivity

CLEAN = np.moveaxis(data.astronaut()[:64, 200:264], -1, 0) / 20.0
NOISY = CLEAN + np.random.default_rng(0).standard_normal(CLEAN.shape)
ORTHONORMAL = [
    ns.Wavelet(wavelet="haar", levels=3),
    ns.Wavelet(wavelet="db4", levels=3, border="periodic"),
    ns.Wavelet(wavelet="sym8", levels=2, border="periodic"),
    ns.SlidingDCT(size=4, stride=4, border="periodic"),
]
OTHER = [
    ns.Wavelet(wavelet="bior4.4", levels=3, border="periodic"),
    ns.Wavelet(wavelet="bior2.2", levels=2, border="periodic"),
    ns.StationaryWavelet(wavelet="haar", levels=2, border="periodic"),
    ns.SlidingDCT(size=4, border="periodic"),
]


@pytest.mark.parametrize("transform", ORTHONORMAL, ids=str)
def test_bands_of_an_orthonormal_transform_are_orthogonal_and_their_gains_add_up(transform):
    assert transform.orthonormal
    assert additivity(NOISY, CLEAN, transform, ns.Ratio(r=1.5)).holds(1e-9)


@pytest.mark.parametrize("transform", OTHER, ids=str)
def test_other_transforms_are_linear_but_their_gains_do_not_add_up(transform):
    found = additivity(NOISY, CLEAN, transform, ns.Ratio(r=1.5))
    assert found.linearity < 1e-12
    assert found.orthogonality > 1e-3
    assert found.loss > 1e-3
    assert not found.holds()


def test_noise_that_redundant_bands_share_is_counted_twice():
    found = additivity(NOISY, CLEAN, ns.StationaryWavelet(wavelet="haar", levels=2, border="periodic"))
    assert found.separate > 1.1 * found.together > 0


def test_a_border_that_is_continued_costs_orthogonality():
    assert not additivity(NOISY, CLEAN, ns.Wavelet(wavelet="sym8", levels=2)).holds()


def test_additivity_does_not_depend_on_the_rule():
    transform = ns.Wavelet(wavelet="haar", levels=2)
    for rule in (ns.Hard(), ns.Garrote()):
        assert additivity(NOISY, CLEAN, transform, ns.Ratio(r=2.0), rule).holds(1e-9)


def test_the_gain_of_all_bands_is_that_of_restoring():
    transform = ns.StationaryWavelet(wavelet="db2", levels=2)
    method = ns.Shrinkage(transform=transform, threshold=ns.Ratio(r=1.0))
    restored = ns.restore(NOISY, method, noise=1.0, axes="CYX")
    gain = np.mean((NOISY - CLEAN) ** 2) - np.mean((restored - CLEAN) ** 2)
    assert additivity(NOISY, CLEAN, transform).together == pytest.approx(gain, rel=1e-4)
