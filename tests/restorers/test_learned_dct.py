"""The learned transform as a restorer: strips, correlated noise, its weights, and what it gains."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.nn.weights import file_checksum, weight_path
from napari_shrinkage.restorers import learned_dct
from napari_shrinkage.restorers.learned_dct import noise_variances, told_factors

SIGMA = 25.0
PICTURE = data.camera()[100:292, 150:342].astype(np.float32)
WHITE = np.random.default_rng(2).standard_normal(PICTURE.shape).astype(np.float32)
NOISY = PICTURE + SIGMA * WHITE
LINES = ns.Autocorrelation.from_kernel(np.ones((1, 3)))


def psnr(restored: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((restored - PICTURE) ** 2)))


@pytest.mark.parametrize("correlation", [None, LINES], ids=["white", "correlated"])
def test_strips_make_the_whole(
    correlation: ns.Autocorrelation | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned_dct, "PATCHES", 300)
    monkeypatch.setattr(learned_dct, "SHARED", 300)
    restorer = ns.LearnedDct()
    z = torch.from_numpy(NOISY[None, None, :60, :71] / np.float32(SIGMA))
    at_once = restorer.apply(z, correlation)
    with torch.no_grad():
        by_strips = restorer.apply(z, correlation)
    np.testing.assert_allclose(by_strips, at_once.detach(), atol=1e-4)


def test_it_gains_half_a_decibel_on_the_sliding_dct() -> None:
    learned, dct = (psnr(ns.restore(NOISY, name, noise=SIGMA)) for name in ("learned-dct", "dct"))
    assert learned > dct + 0.5


def test_every_patch_is_no_worse_than_every_other() -> None:
    every, other = (psnr(ns.restore(NOISY, ns.LearnedDct(stride=n), noise=SIGMA)) for n in (1, 2))
    assert every > other - 0.01


@pytest.mark.parametrize("sigma", [1.0, 5.0, 75.0])
def test_it_removes_noise_of_every_strength(sigma: float) -> None:
    restored = ns.restore(PICTURE + sigma * WHITE, "learned-dct", noise=sigma)
    assert psnr(restored) > psnr(PICTURE + sigma * WHITE) + 0.3


def test_it_can_be_told_more_noise_or_less() -> None:
    removed = [
        np.std(NOISY - ns.restore(NOISY, ns.LearnedDct(strength=strength), noise=SIGMA))
        for strength in (0.5, 1.0, 2.0)
    ]
    assert removed == sorted(removed)


def test_the_variance_in_an_atom_is_that_of_separable_filters() -> None:
    rng = np.random.default_rng(0)
    columns, rows = rng.standard_normal((2, 6, 7))
    atoms = np.einsum("ky,kx->kyx", columns, rows)
    for correlation in (LINES, ns.Autocorrelation.from_kernel(rng.uniform(size=(9, 4)))):
        expected = [correlation.variance((y, x)) for y, x in zip(columns, rows, strict=True)]
        np.testing.assert_allclose(noise_variances(atoms, correlation.array), expected, rtol=1e-6)


def test_white_noise_needs_no_telling() -> None:
    atoms = np.random.default_rng(0).standard_normal((4, 9))
    np.testing.assert_allclose(told_factors(atoms, 3, ns.Autocorrelation(((1.0,),))), 1)


def test_an_autocorrelation_of_volumes_is_refused() -> None:
    with pytest.raises(ValueError, match="has 3 axes"):
        told_factors(np.ones((1, 9)), 3, ns.Autocorrelation((((1.0,),),)))


def test_noise_that_neighbours_share_is_removed_when_told() -> None:
    kernel = np.ones(3) / np.sqrt(3)
    lines = np.apply_along_axis(np.convolve, 1, WHITE, kernel, mode="same")
    noisy = (PICTURE + SIGMA * lines).astype(np.float32)
    told = psnr(ns.restore(noisy, "learned-dct", noise=ns.Gaussian(SIGMA, LINES)))
    untold = psnr(ns.restore(noisy, "learned-dct", noise=SIGMA))
    dct = psnr(ns.restore(noisy, "dct", noise=ns.Gaussian(SIGMA, LINES)))
    assert told > untold + 1
    assert told > dct


def test_a_record_tells_the_weights() -> None:
    plan = ns.resolve(ns.Step(ns.LearnedDct(), ns.Gaussian(SIGMA)), ns.Stack(NOISY))
    recorded = str(ns.Record((plan,), {}).to_json())
    assert file_checksum(weight_path("learned-dct.safetensors")) in recorded


def test_weights_of_ones_own_are_taken_by_path(tmp_path: Path) -> None:
    copy = shutil.copy(weight_path("learned-dct.safetensors"), tmp_path / "mine.safetensors")
    mine = ns.LearnedDct(weights=str(copy), checksum="")
    part = NOISY[:40, :50]
    np.testing.assert_array_equal(
        ns.restore(part, mine, noise=SIGMA), ns.restore(part, "learned-dct", noise=SIGMA)
    )
    with pytest.raises(ValueError, match="checksum"):
        ns.restore(part, mine.replace(checksum="0" * 64), noise=SIGMA)
