"""What a network was trained for: which blurs and which noise are outside, and what is said of them."""

from __future__ import annotations

import pytest

from napari_shrinkage.degradation.kernels import (
    SCALES,
    bicubic_kernel,
    binning_kernel,
    decimation_kernel,
    gaussian_kernel,
)
from napari_shrinkage.degradation.limits import Limits

ANY = Limits(any_kernel=True, sigma_max=0.1)
ONLY = Limits(any_kernel=False, sigma_max=0.0)


@pytest.mark.parametrize("scale", SCALES)
def test_bicubic_reduction_without_noise_is_inside_for_every_network(scale: int) -> None:
    for limits in (ANY, ONLY):
        assert limits.objections(bicubic_kernel(scale), scale, 0.0) == ()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "made", [decimation_kernel, binning_kernel, lambda scale: gaussian_kernel(scale, 0.8 * scale)]
)
def test_another_kernel_is_outside_for_a_bicubic_network_alone(made, scale: int) -> None:
    (words,) = ONLY.objections(made(scale), scale, 0.0)
    assert "not reduced bicubically" in words
    assert "is all that the network was trained on" in words
    assert '"light"' in words
    assert ANY.objections(made(scale), scale, 0.0) == ()


def test_of_a_network_that_does_not_say_so_it_is_probable() -> None:
    (words,) = Limits(False, 0.0, stated=False).objections(decimation_kernel(2), 2, 0.0)
    assert "was probably trained on" in words


@pytest.mark.parametrize("scale", SCALES)
def test_a_gaussian_as_wide_as_bicubic_is_near_enough(scale: int) -> None:
    assert ONLY.objections(gaussian_kernel(scale, 0.44 * scale), scale, 0.0) == ()


@pytest.mark.parametrize("scale", SCALES)
def test_a_blur_is_outside_beyond_the_widest_in_training(scale: int) -> None:
    widest = 0.4 + scale
    assert ANY.objections(gaussian_kernel(scale, widest), scale, 0.0) == ()
    (words,) = ANY.objections(gaussian_kernel(scale, 1.3 * widest), scale, 0.0)
    assert f"{1.3 * widest:.2g} fine pixels wide" in words
    assert f"up to {widest:.2g}" in words


def test_a_blur_that_is_wide_one_way_is_outside() -> None:
    assert ANY.objections(gaussian_kernel(2, 3.5, 0.5), 2, 0.0)


def test_a_kernel_far_from_its_pixel_is_outside() -> None:
    assert ANY.objections(gaussian_kernel(2, 1.0, shift=(1.0, 1.0)), 2, 0.0) == ()
    (words,) = ANY.objections(gaussian_kernel(2, 1.0, shift=(2.0, 2.0)), 2, 0.0)
    assert "lies 2.8 fine pixels from" in words


@pytest.mark.parametrize(
    ("limits", "sigma", "words"),
    [
        (ANY, 0.1, None),
        (ANY, 0.15, "trained up to 0.1"),
        (ONLY, 0.009, None),
        (ONLY, 0.02, "trained without noise"),
    ],
)
def test_noise_is_outside_beyond_the_strongest_in_training(
    limits: Limits, sigma: float, words: str | None
) -> None:
    found = limits.objections(bicubic_kernel(2), 2, sigma)
    assert len(found) == (words is not None)
    assert all(words in one and "denoise" in one for one in found)


def test_blur_and_noise_are_named_each() -> None:
    assert len(ONLY.objections(decimation_kernel(2), 2, 0.1)) == 2
