"""The decimated wavelet transform against PyWavelets and against its own promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import pywt
import torch

from napari_shrinkage.sample import Sample
from napari_shrinkage.transforms.base import Coefficients
from napari_shrinkage.transforms.wavelet import Wavelet, decimated_halo

pytestmark = pytest.mark.filterwarnings("ignore:Level value of")  # of PyWavelets, for small images
WAVELETS = ["haar", "db2", "sym8", "coif3", "bior2.2", "bior4.4", "rbio3.1", "db38"]


def picture(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, *shape)))


def assert_bands_equal(found: Coefficients, expected: list, depth: int) -> None:
    """Compare with what pywt.wavedecn returns: the approximation, then the details from coarse to fine."""
    coarse = "a" * len(found.shape)
    np.testing.assert_allclose(found[f"{depth}/{coarse}"][0, 0], expected[0], rtol=0, atol=1e-10)
    for level, details in zip(range(depth, 0, -1), expected[1:], strict=True):
        for letters, data in details.items():
            np.testing.assert_allclose(found[f"{level}/{letters}"][0, 0], data, rtol=0, atol=1e-10)
    assert len(found.bands) == 1 + sum(len(details) for details in expected[1:])


@pytest.mark.parametrize("shape", [(32, 64), (16, 8, 24)], ids=str)
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_coefficients_are_those_of_pywavelets(wavelet, shape):
    x = picture(*shape)
    transform = Wavelet(wavelet=wavelet, levels=3, border="periodic", ndim=len(shape))
    expected = pywt.wavedecn(x[0, 0].numpy(), wavelet, "periodization", level=3)
    assert_bands_equal(transform.forward(x), expected, 3)


def test_the_deepest_levels_leave_z_alone_when_it_has_fewer():
    x = picture(6, 32, 16)
    transform = Wavelet(wavelet="db3", levels=3, levels_z=1, ndim=3, border="periodic")
    coarse, finest = pywt.wavedecn(x[0, 0].numpy(), "db3", "periodization", level=1)
    deeper = pywt.wavedecn(coarse, "db3", "periodization", level=2, axes=(1, 2))
    expected = [
        deeper[0],
        *({"a" + letters: data for letters, data in level.items()} for level in deeper[1:]),
        finest,
    ]
    assert_bands_equal(transform.forward(x), expected, 3)
    torch.testing.assert_close(transform.inverse(transform.forward(x)), x)


def test_z_may_have_more_levels_than_the_plane():
    x = picture(16, 6, 10)
    transform = Wavelet(wavelet="db2", levels=1, levels_z=3, ndim=3)
    found = transform.forward(x)
    assert {band.key for band in found.bands} > {"3/daa", "2/daa", "3/aaa", "1/add"}
    torch.testing.assert_close(transform.inverse(found), x)


@pytest.mark.parametrize("wavelet", [name for name in pywt.wavelist(kind="discrete") if name != "dmey"])
def test_every_wavelet_gives_the_image_back_as_the_sum_of_its_bands(wavelet):
    x = picture(18, 21)
    transform = Wavelet(wavelet=wavelet, levels=2)
    coefficients = transform.forward(x)
    single = [transform.inverse(Coefficients((band,), coefficients.shape)) for band in coefficients.bands]
    torch.testing.assert_close(sum(single), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_orthogonal_wavelets_make_an_orthonormal_transform(wavelet):
    x = picture(32, 32)
    transform = Wavelet(wavelet=wavelet, levels=2, border="periodic")
    energy = sum(float(band.data.square().sum()) for band in transform.forward(x).bands)
    assert (energy == pytest.approx(float(x.square().sum()), rel=1e-9)) == transform.orthonormal
    assert transform.orthonormal == pywt.Wavelet(wavelet).orthogonal


@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4", "bior2.2", "rbio1.3"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_halo_is_the_smallest_that_covers_what_a_pixel_reads(wavelet, levels):
    multiple, length = 2**levels, 512
    transform = Wavelet(wavelet=wavelet, levels=levels, border="periodic")
    x = picture(multiple, length).requires_grad_()
    image = transform.synthesis(transform.analysis(x).map(lambda band: band.data**2))
    enough = []
    for pixel in range(length // 2, length // 2 + multiple):
        (gradient,) = torch.autograd.grad(image[..., pixel].sum(), x, retain_graph=True)
        read = np.flatnonzero(gradient.abs().amax((0, 1, 2)).numpy() > 1e-12)
        enough.append(
            [
                (pixel - halo) // multiple * multiple <= read[0]
                and -(-(pixel + 1 + halo) // multiple) * multiple > read[-1]
                for halo in range(length // 2)
            ]
        )
    smallest = int(np.argmax(np.all(enough, axis=0)))
    assert transform.geometry().halo == (smallest, smallest)
    assert decimated_halo(transform.bank, levels) == smallest


def test_haar_needs_neither_halo_nor_margin():
    geometry = Wavelet(wavelet="haar", levels=4).geometry()
    assert geometry.halo == geometry.margin == (0, 0)
    assert geometry.multiple == (16, 16)


def test_the_margin_is_bounded_and_absent_on_a_circle():
    assert Wavelet(wavelet="sym8", levels=5).geometry().margin == (32, 32)
    assert Wavelet(wavelet="sym8", levels=5, border="periodic").geometry().margin == (0, 0)


def test_weights_of_patches_are_refused():
    transform = Wavelet(levels=1)
    x = picture(8, 8)
    with pytest.raises(ValueError, match="weights belong to overlapping patches"):
        transform.inverse(transform.forward(x), weight=x)


def test_a_transform_without_levels_says_how_to_get_them():
    with pytest.raises(ValueError, match=r"call resolve\(sample\) first"):
        Wavelet().forward(picture(8, 8))


def test_an_unknown_wavelet_is_refused_when_the_method_is_made():
    with pytest.raises(ValueError, match="wavelet='db99': expected a discrete"):
        Wavelet(wavelet="db99")


def test_fields_and_levels_of_a_plan_survive_another_plan():
    noise = np.random.default_rng(1).standard_normal((1, 1, 20, 64, 64)).astype(np.float32)
    sample = Sample(noise, (20, 64, 64), (2.0, 1.0, 1.0))
    plan = Wavelet(ndim=3).resolve(sample)
    assert plan.resolve(sample) == plan


def test_images_of_a_batch_and_their_channels_do_not_mix():
    x = torch.randn((2, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    transform = Wavelet(levels=2)
    whole = transform.forward(x)
    for image, channel in itertools.product(range(2), range(3)):
        own = transform.forward(x[image : image + 1, channel : channel + 1])
        for band, alone in zip(whole.bands, own.bands, strict=True):
            torch.testing.assert_close(band.data[image, channel], alone.data[0, 0])
