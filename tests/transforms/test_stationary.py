"""The stationary wavelet transform against PyWavelets, cycle spinning and the theory of tight frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import pywt
import torch
from torch.nn.functional import softshrink

from napari_shrinkage.transforms.base import Band, Coefficients
from napari_shrinkage.transforms.stationary import StationaryWavelet
from napari_shrinkage.transforms.wavelet import Wavelet

WAVELETS = ["haar", "bior1.1", "db2", "sym8", "bior2.2", "rbio3.1", "db38"]


def picture(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, *shape)))


@pytest.mark.filterwarnings("ignore:norm=True")
@pytest.mark.parametrize("shape", [(16, 32), (8, 8, 16)], ids=str)
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_coefficients_are_those_of_pywavelets(wavelet, shape):
    x = picture(*shape)
    found = StationaryWavelet(wavelet=wavelet, levels=3, border="periodic", ndim=len(shape)).forward(x)
    expected = pywt.swtn(x[0, 0].numpy(), wavelet, 3, norm=True, trim_approx=True)
    np.testing.assert_allclose(found["3/" + "a" * len(shape)][0, 0], expected[0], rtol=0, atol=1e-10)
    for level, details in zip((3, 2, 1), expected[1:], strict=True):
        for letters, data in details.items():
            np.testing.assert_allclose(found[f"{level}/{letters}"][0, 0], data, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(7, 13), (1, 5), (3, 6, 5)], ids=str)
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym8"])
def test_an_orthogonal_wavelet_gives_a_tight_frame_on_any_circle(wavelet, shape):
    x = picture(*shape)
    transform = StationaryWavelet(wavelet=wavelet, levels=4, border="periodic", ndim=len(shape))
    coefficients = transform.analysis(x)
    energy = sum(float(band.data.square().sum()) for band in coefficients.bands)
    assert energy == pytest.approx(float(x.square().sum()), rel=1e-9)
    other = coefficients.map(lambda band: torch.cos(band.data))
    inner = sum(float((a.data * b.data).sum()) for a, b in zip(coefficients.bands, other.bands, strict=True))
    assert float((x * transform.synthesis(other)).sum()) == pytest.approx(inner, rel=1e-9)
    torch.testing.assert_close(transform.synthesis(coefficients), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_any_size_is_given_back(wavelet):
    x = picture(11, 17)
    transform = StationaryWavelet(wavelet=wavelet, levels=3, border="periodic")
    assert transform.geometry().multiple == (1, 1)
    torch.testing.assert_close(transform.synthesis(transform.analysis(x)), x, rtol=0, atol=1e-9)


def test_a_shifted_image_has_shifted_coefficients():
    x, transform = picture(15, 22), StationaryWavelet(wavelet="db3", levels=3, border="periodic")
    for here, there in zip(
        transform.analysis(x).bands, transform.analysis(x.roll((3, 5), (2, 3))).bands, strict=True
    ):
        torch.testing.assert_close(here.data.roll((3, 5), (2, 3)), there.data)


@pytest.mark.parametrize("wavelet", ["haar", "db2"])
def test_shrinking_is_cycle_spinning_of_the_decimated_transform_over_all_shifts(wavelet):
    x, levels = picture(16, 24), 2
    stationary = StationaryWavelet(wavelet=wavelet, levels=levels, border="periodic")
    decimated = Wavelet(wavelet=wavelet, levels=levels, border="periodic")
    gains = stationary.noise_gain()
    found = stationary.inverse(
        stationary.forward(x).map(lambda band: softshrink(band.data, 0.8 * gains[band.key]))
    )
    spun = torch.zeros_like(x)
    for shift in itertools.product(range(2**levels), repeat=2):
        shrunk = decimated.forward(x.roll(shift, (2, 3))).map(lambda band: softshrink(band.data, 0.8))
        spun += decimated.inverse(shrunk).roll((-shift[0], -shift[1]), (2, 3))
    torch.testing.assert_close(found, spun / 4**levels)


@pytest.mark.parametrize("ndim", [2, 3])
def test_white_noise_halves_with_each_level_and_axis(ndim):
    transform = StationaryWavelet(wavelet="sym8", levels=3, ndim=ndim)
    for band in transform.subbands():
        assert band.noise_std() == pytest.approx(2 ** (-ndim * band.level / 2), rel=1e-9)


@pytest.mark.parametrize("wavelet", ["haar", "sym4", "bior2.2"])
def test_a_band_alone_gives_its_part_of_the_image(wavelet):
    transform = StationaryWavelet(wavelet=wavelet, levels=3)
    coefficients = transform.analysis(picture(20, 13))
    for band in coefficients.bands:
        others = tuple(Band(b.subband, b.data * (b.key == band.key)) for b in coefficients.bands)
        expected = transform.synthesis(Coefficients(others, coefficients.shape))
        torch.testing.assert_close(transform.synthesis(Coefficients((band,), ())), expected)


def test_an_image_from_no_band_is_refused():
    with pytest.raises(ValueError, match="no band to make an image from"):
        StationaryWavelet(levels=2).synthesis(Coefficients((), (8, 8)))


@pytest.mark.parametrize("wavelet", ["haar", "sym8", "bior2.2", "rbio1.3", "bior3.5"])
def test_the_halo_is_how_far_a_pixel_reads(wavelet):
    transform = StationaryWavelet(wavelet=wavelet, levels=2, border="periodic")
    x = picture(1, 200).requires_grad_()
    image = transform.synthesis(transform.analysis(x).map(lambda band: band.data**2))
    (gradient,) = torch.autograd.grad(image[..., 100].sum(), x)
    read = np.flatnonzero(gradient[0, 0, 0].abs().numpy() > 1e-12)
    assert max(100 - read[0], read[-1] - 100) == transform.geometry().halo[1]
