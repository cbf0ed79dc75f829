"""Networks asked for the degradation that they were made for: here linear ones, which are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from skimage import data
from torch import nn
from torch.nn.functional import conv2d, interpolate, pad, pixel_shuffle

from napari_shrinkage.degradation.interrogating import STEPS, correctable, interrogated, interrogated_by
from napari_shrinkage.degradation.kernels import bicubic_kernel, decimation_kernel, gaussian_kernel
from napari_shrinkage.degradation.linear import REACH, upscaling_filters
from napari_shrinkage.degradation.measuring import kernel_similarity
from napari_shrinkage.degradation.searched_kernel import Chain, first_chain

PICTURES = [data.camera()[None].astype(np.float32) / 255, data.brick()[None].astype(np.float32) / 255]
SHARP = torch.from_numpy(PICTURES[0][None, :, :256, :256].copy())
CHAIN = (4, 4, 3, 2, 1)


def linear_network(kernel):
    """The best linear upscaling for a kernel."""
    filters = torch.from_numpy(np.float32(upscaling_filters(kernel, 2, 0.3)))[:, None]
    return lambda coarse: pixel_shuffle(conv2d(pad(coarse, (REACH,) * 4, "reflect"), filters), 2)


def answer(asking):
    while True:
        try:
            next(asking)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("kernel", "steps"), [(bicubic_kernel(2), STEPS), (gaussian_kernel(2, 1.6, 0.9, 0.5), 150)]
)
def test_a_linear_upscaling_tells_the_kernel_that_it_was_made_for(kernel, steps):
    """Bicubic takes the usual number of steps: with 200 the wrong one of the two kernels was chosen."""
    found = answer(interrogated(linear_network(kernel), PICTURES, 2, steps=steps))
    assert kernel_similarity(found.kernel, kernel) > 0.9
    assert "not measured" in found.verdict


def test_a_network_can_be_corrected_away_from_its_own_kernel():
    own, other = gaussian_kernel(2, 1.3), decimation_kernel(2)
    network = linear_network(own)
    assert correctable(network, SHARP, own, 2) < 0.3 * correctable(network, SHARP, other, 2)


def test_the_kernel_of_a_chain_is_the_product_of_its_layers():
    source = torch.Generator().manual_seed(0)
    layers = tuple(torch.rand((1, 1, n, n), generator=source) for n in (3, 2))
    impulse = torch.zeros(1, 1, 7, 7)
    impulse[0, 0, 3, 3] = 1
    product = convolve2d(layers[0][0, 0], layers[1][0, 0])
    found = Chain(impulse, 2, layers).kernel()
    np.testing.assert_allclose(found, product / product.sum(), rtol=1e-5)


def test_the_chain_begins_with_a_kernel_of_sum_1():
    kernel = first_chain(CHAIN, 2, 0).kernel()
    assert kernel.shape == (10, 10)
    assert float(kernel.detach().sum()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="an even number"):
        first_chain((3, 3), 2, 0)


def test_a_small_network_is_adjusted_instead_of_a_kernel_and_the_asked_one_is_not():
    torch.manual_seed(0)
    asked = nn.Conv2d(1, 1, 3, padding=1)
    reducing = nn.Conv2d(1, 1, 2, stride=2)
    before = asked.weight.detach().clone()
    errors = [
        error
        for *_, error in interrogated_by(
            reducing, lambda coarse: interpolate(asked(coarse), scale_factor=2), PICTURES, 2, 60, 0.05
        )
    ]
    assert errors[-1] < 0.5 * errors[0]
    assert torch.equal(asked.weight, before)
    assert asked.weight.grad is None


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="64 x 64 and more"):
        answer(interrogated(linear_network(bicubic_kernel(2)), [PICTURES[0][:, :40, :40]], 2))
