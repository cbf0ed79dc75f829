"""Compiled kernels: one signature each, compiled once, their work split over threads."""

from __future__ import annotations

import types
from typing import Any

import numba
import numpy as np
import pytest

from napari_shrinkage.kernels import Kernel, array, digest, in_parts, kernels_of


def doubled(values: Any, result: Any) -> None:
    for i in range(len(values)):
        result[i] = 2 * values[i]


def test_kernel_is_compiled_at_its_first_call_and_takes_writable_arrays_as_read_only() -> None:
    kernel = Kernel(doubled, array(1, readonly=True), array(1))
    assert not kernel.is_compiled
    values, result = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
    kernel(values, result)
    assert kernel.is_compiled
    assert kernel.compile() is kernel.compile()
    np.testing.assert_array_equal(result, 2 * values)


def test_kernel_refuses_arguments_of_other_types() -> None:
    kernel = Kernel(doubled, array(1, numba.float64), array(1))
    with pytest.raises(TypeError, match="No matching definition"):
        kernel(np.zeros((2, 2)), np.zeros(2, np.float32))


@pytest.mark.parametrize(("count", "threads"), [(1, 1), (1, 4), (7, 2), (7, 3), (3, 50)])
def test_parts_cover_the_work_once(count: int, threads: int) -> None:
    done = np.zeros(count, int)

    def work(first: int, last: int) -> None:
        assert first < last
        done[first:last] += 1

    in_parts(work, count, threads)
    np.testing.assert_array_equal(done, 1)


def test_what_fails_in_a_thread_is_raised() -> None:
    def work(first: int, _: int) -> None:
        if first:
            raise RuntimeError("part two")

    with pytest.raises(RuntimeError, match="part two"):
        in_parts(work, 4, 2)


def test_digest_follows_the_sources() -> None:
    first = digest(types)
    assert digest(types) == first
    assert digest(types, numba) != first


def test_kernels_have_names() -> None:
    (hard, average) = kernels_of(("transforms.dct_kernels", "hard", (8, 8)))
    wiener, same = kernels_of(("transforms.dct_kernels", "wiener", (8, 8)))
    assert len({hard, average, wiener}) == 3
    assert average is same


def test_a_compiled_kernel_is_found_on_disk_by_others() -> None:
    (kernel, _) = kernels_of(("transforms.haar_kernels", "soft"))
    kernel.compile()
    assert kernel.is_on_disk
    assert not Kernel(doubled, array(2), array(2)).is_on_disk
