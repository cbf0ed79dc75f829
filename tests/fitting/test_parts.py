"""The parts that a descent looks at: their number, their size, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from napari_shrinkage import Gaussian
from napari_shrinkage.fitting.parts import MOST, PIXELS, Parts
from napari_shrinkage.losses import Example, Sure

torch = pytest.importorskip("torch")


def parts_of(*shape: int) -> Parts:
    noisy = torch.arange(float(np.prod(shape))).reshape(shape)
    return Parts.of(Example(noisy, None, Gaussian(1.0), (None,), False, noisy.numpy()), Sure(), "cpu")


@pytest.mark.parametrize(
    "shape", [(1, 1, 1536, 1536), (700, 1, 64, 64), (160, 1, 128, 128), (40, 3, 8, 64, 64)]
)
def test_parts_of_a_large_image_are_few_and_small_however_many_fields_it_has(shape: tuple[int, ...]):
    sizes = [part.noisy.numel() for part in parts_of(*shape).examples]
    assert 4 < len(sizes) <= MOST
    assert max(sizes) < 2 * PIXELS


def test_every_quarter_of_the_fields_takes_part():
    first = [
        float(window.flatten()[0]) for part in parts_of(160, 1, 128, 128).examples for window in part.noisy
    ]
    assert set((np.array(first) // (40 * 128 * 128)).astype(int)) == {0, 1, 2, 3}


def test_counts_are_those_of_the_same_pixels():
    for part in parts_of(1, 1, 800, 800).examples:
        np.testing.assert_array_equal(part.noisy.numpy(), part.counts)


def test_a_small_image_is_one_part():
    (part,) = parts_of(1, 1, 300, 400).examples
    assert part.shape == (300, 400)
