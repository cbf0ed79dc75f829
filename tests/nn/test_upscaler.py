"""The network that corrects a linear upscaling, and the arithmetic between the two grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from torch import Tensor

from napari_shrinkage.degradation.kernels import SCALES, bicubic_kernel, decimation_kernel
from napari_shrinkage.degradation.linear import ROUNDING, blur_code, upscaling_filters
from napari_shrinkage.degradation.reduction import reduced_tensor
from napari_shrinkage.nn.upscaler import AROUND, Upscaler, local_mean
from napari_shrinkage.nn.upscaling import back_projected, corrected, packed_upscaling, unpacked

SHAPE = (11, 14)


def network(seed: int = 0) -> Upscaler:
    """Return a small network in double precision whose blocks take part."""
    torch.manual_seed(seed)
    return Upscaler(features=6, blocks=2).double().requires_grad_(False)


def given(scale: int, batch: int = 1, shape: tuple[int, int] = SHAPE) -> tuple[Tensor, ...]:
    """Return what a network is given: image, packed upscaling, noise std, blur."""
    torch.manual_seed(scale)
    image = torch.rand(batch, 1, *shape, dtype=torch.float64)
    packed = torch.rand(batch, scale**2, *shape, dtype=torch.float64)
    code = torch.from_numpy(blur_code(bicubic_kernel(scale), scale)).expand(batch, -1)
    return image, packed, torch.full((batch, 1, 1, 1), 0.1, dtype=torch.float64), code


def bank(scale: int, channels: int = 1) -> Tensor:
    filters = torch.from_numpy(upscaling_filters(bicubic_kernel(scale), scale, ROUNDING))
    return filters.expand(channels, -1, -1, -1)


@pytest.mark.parametrize("scale", SCALES)
def test_a_result_twice_as_large_follows_from_image_and_noise_twice_as_large(scale: int) -> None:
    model, (image, packed, sigma, code) = network(), given(scale)
    torch.testing.assert_close(
        model(2 * image, 2 * packed, 2 * sigma, code), 2 * model(image, packed, sigma, code)
    )


@pytest.mark.parametrize("scale", SCALES)
def test_a_constant_that_is_added_to_the_image_is_added_to_the_result(scale: int) -> None:
    model, (image, packed, sigma, code) = network(), given(scale)
    found = model(image + 5, packed + 5, sigma, code)
    torch.testing.assert_close(found, model(image, packed, sigma, code) + 5)


@pytest.mark.parametrize("scale", SCALES)
def test_the_correction_is_added_to_the_fine_pixels_of_each_coarse_one(scale: int) -> None:
    model, parts = network(), given(scale, batch=2)
    fine = model(*parts)
    assert fine.shape == (2, 1, scale * SHAPE[0], scale * SHAPE[1])
    packed = parts[1] + model.correction(*parts)
    for index in range(scale**2):
        y, x = divmod(index, scale)
        torch.testing.assert_close(fine[:, 0, y::scale, x::scale], packed[:, index])


def test_a_network_starts_near_the_linear_upscaling() -> None:
    torch.manual_seed(0)
    model = Upscaler().requires_grad_(False)
    model.start()
    image, _, sigma, code = (part.float() for part in given(2, shape=(32, 32)))
    packed = packed_upscaling(image, bank(2).float())[:, 0]
    assert model.correction(image, packed, sigma, code).std() < 0.2 * image.std()


def test_pixels_beyond_the_reach_do_not_matter_and_those_within_it_do() -> None:
    model, (image, packed, sigma, code) = network(), given(2, shape=(45, 45))
    image.requires_grad_()
    model(image, packed, sigma, code)[0, 0, 44, 44].backward()  # coarse pixel 22
    assert image.grad is not None
    rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
    assert rows.min() == columns.min() == 22 - model.reach
    assert rows.max() == columns.max() == 22 + model.reach


def test_a_map_of_the_noise_that_is_the_same_everywhere_is_one_number() -> None:
    model, (image, packed, sigma, code) = network(), given(3)
    everywhere = sigma.expand(1, 1, *SHAPE)
    torch.testing.assert_close(
        model(image, packed, everywhere, code), model(image, packed, sigma, code), rtol=0, atol=0
    )


def test_the_network_listens_to_noise_and_blur() -> None:
    model, (image, packed, sigma, code) = network(), given(2)
    usual = model(image, packed, sigma, code)
    assert not torch.allclose(model(image, packed, 3 * sigma, code), usual)
    assert not torch.allclose(model(image, packed, sigma, torch.ones_like(code)), usual)


def test_the_local_mean_is_that_of_the_pixels_that_are_there() -> None:
    image = torch.rand(1, 1, 9, 20, dtype=torch.float64)
    found = local_mean(image)[0, 0]
    assert found[0, 0] == pytest.approx(float(image[0, 0, : AROUND + 1, : AROUND + 1].mean()))
    assert found[4, 10] == pytest.approx(float(image[0, 0, :, 5:16].mean()))


@pytest.mark.parametrize("scale", SCALES)
def test_packed_upscaling_is_a_correlation_for_each_fine_pixel(scale: int) -> None:
    images, filters = torch.rand(2, 1, *SHAPE, dtype=torch.float64), bank(scale)
    packed = packed_upscaling(images, filters)
    assert packed.shape == (2, 1, scale**2, *SHAPE)
    fine = unpacked(packed)
    for index, weights in enumerate(filters[0].numpy()):
        y, x = divmod(index, scale)
        expected = correlate(images[1, 0].numpy(), weights, mode="nearest")
        np.testing.assert_allclose(packed[1, 0, index], expected, atol=1e-12)
        np.testing.assert_allclose(fine[1, 0, y::scale, x::scale], expected, atol=1e-12)


def test_channels_have_filters_of_their_own() -> None:
    images = torch.rand(1, 2, *SHAPE, dtype=torch.float64)
    noisy = torch.from_numpy(upscaling_filters(bicubic_kernel(2), 2, 20.0))[None]
    both = packed_upscaling(images, torch.cat([bank(2), noisy]))
    for channel, filters in enumerate((bank(2), noisy)):
        alone = packed_upscaling(images[:, channel : channel + 1], filters)
        torch.testing.assert_close(both[:, channel : channel + 1], alone)


def test_channels_are_corrected_each_by_itself() -> None:
    model, images = network(), torch.rand(2, 3, *SHAPE, dtype=torch.float64)
    packed, code = packed_upscaling(images, bank(2, 3)), given(2)[3][0]
    sigma = torch.tensor([0.01, 0.05, 0.1], dtype=torch.float64)[:, None, None]
    found = corrected(model, images, packed, sigma, code)
    for channel in range(3):
        one = slice(channel, channel + 1)
        alone = corrected(model, images[:, one], packed[:, one], sigma[one], code)
        torch.testing.assert_close(found[:, one], alone, rtol=0, atol=1e-6)  # the sum is in single precision


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("made", [bicubic_kernel, decimation_kernel])
def test_back_projection_gives_an_image_that_reduces_to_the_coarse_one(made, scale: int) -> None:
    torch.manual_seed(0)
    coarse = torch.rand(1, 2, *SHAPE, dtype=torch.float64)
    wrong = torch.rand(1, 2, *(scale * n for n in SHAPE), dtype=torch.float64)
    kernel = torch.from_numpy(made(scale))
    filters = torch.from_numpy(upscaling_filters(made(scale), scale, ROUNDING)).expand(2, -1, -1, -1)

    def reduce(fine: Tensor) -> Tensor:
        return reduced_tensor(fine, kernel, scale)

    errors = [
        (reduce(back_projected(wrong, coarse, reduce, filters, times)) - coarse).abs().max()
        for times in (0, 3, 10)
    ]
    assert errors[1] < 0.1 * errors[0]
    assert errors[2] < 1e-5
    right = back_projected(wrong, coarse, reduce, filters, 30)
    torch.testing.assert_close(back_projected(right, coarse, reduce, filters, 1), right)
