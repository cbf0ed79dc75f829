"""Compiling the fused kernels in the background: what is needed, who serves meanwhile, where it is done."""

from __future__ import annotations

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage.gui import kernels
from napari_shrinkage.restorers import NAMED

HARD, WIENER = ("transforms.dct_kernels", "hard", (8, 8)), ("transforms.dct_kernels", "wiener", (8, 8))
HAAR = ("transforms.haar_kernels", "soft")


@pytest.fixture
def nothing_ready(monkeypatch):
    """Forget what is compiled, and note what would be."""
    asked = []
    monkeypatch.setattr(kernels, "_ready", set())
    monkeypatch.setattr(kernels, "_asked", set())
    monkeypatch.setattr(kernels, "_compile", asked.append)
    return asked


def plan(method: str):
    return ns.resolve(
        ns.Step(NAMED[method], ns.Gaussian(1.0)), ns.Stack(np.zeros((32, 32), np.float32), "YX")
    )


def test_a_restorer_needs_its_own_kernels_and_those_of_its_pilot():
    assert kernels.needed(NAMED["dct"]) == {HARD}
    assert kernels.needed(NAMED["dct-wiener"]) == {HARD, WIENER}
    assert kernels.needed(NAMED["wavelet"]) == {HAAR}
    assert kernels.needed(NAMED["nl-means"]) == set()
    deep = ns.Shrinkage(transform=ns.SlidingDCT(ndim=3, size_z=4), rule=ns.Hard())
    assert kernels.needed(deep) == {("transforms.dct_kernels", "hard", (4, 8, 8))}


def test_torch_serves_until_all_kernels_of_a_plan_are_ready(nothing_ready):
    balanced = plan("dct-wiener")
    kernels._ready.add(HARD)
    assert kernels.serving_plan(balanced).device == kernels.TORCH_CPU
    kernels._ready.add(WIENER)
    assert kernels.serving_plan(balanced) is balanced
    assert kernels.serving_plan(plan("nl-means")).device == "cpu"


def test_kernels_are_asked_for_once(nothing_ready):
    for _ in range(3):
        kernels.warm_up({HARD})
        kernels.waits_for_kernel(plan("dct"))
    kernels.warm_up({HARD, HAAR})
    assert nothing_ready == [{HARD}, {HAAR}]


def test_another_process_compiles_what_is_not_on_disk(monkeypatch, tmp_path):
    from numba.core import config

    from napari_shrinkage.kernels import kernels_of

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert not any(kernel.is_on_disk for kernel in kernels_of(HAAR))
    kernels._compile_elsewhere([HAAR])
    assert all(kernel.is_on_disk for kernel in kernels_of(HAAR))
