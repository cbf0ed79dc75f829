"""Compiling the fused kernels in the background: what is needed, who serves meanwhile, where it is done."""

from __future__ import annotations

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage.gui import kernels
from napari_shrinkage.gui.content import Content
from napari_shrinkage.gui.preview import Previewer, Request
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


@pytest.mark.parametrize("method", ["collaborative", "sa-dct"])
def test_a_picture_that_torch_makes_too_slowly_waits_for_its_kernels(nothing_ready, method):
    slow = plan(method)
    work = kernels.serving(slow)
    assert isinstance(next(work), kernels.KernelWait)
    kernels._ready.update(kernels.needed(slow.restorer))
    with pytest.raises(StopIteration) as end:
        next(work)
    assert end.value.value is slow


def test_a_recipe_waits_for_the_kernels_of_all_its_steps(nothing_ready):
    recipe = ns.Recipe((ns.Step(NAMED["wavelet"]), ns.Step(NAMED["dct"])))
    kernels._ready.add(HAAR)
    work = kernels.waiting(recipe)
    assert next(work).message == kernels.COMPILING
    kernels._ready.add(HARD)
    assert list(work) == []
    assert not kernels.waits_for_kernel(ns.Recipe(recipe.steps, "cuda"))


def test_a_preview_that_waits_for_its_kernel_gives_way_to_the_next(nothing_ready, noisy, qtbot, wait_for):
    content = Content(ns.Stack(noisy))
    whole = (slice(0, 96), slice(0, 128))
    previewer, seen = Previewer(), []
    previewer.ready.connect(seen.append)
    said: list[str] = []
    previewer.slow.connect(said.append)
    previewer.ask(Request(content, whole, NAMED["collaborative"], ns.Gaussian(10.0)))
    wait_for(lambda: previewer._waits)
    wait_for(lambda: kernels.COMPILING in said)
    quick = Request(content, whole, NAMED["wavelet"], ns.Gaussian(10.0))
    previewer.ask(quick)
    wait_for(lambda: seen)
    assert seen[0].request is quick
    assert seen[0].substitute


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
