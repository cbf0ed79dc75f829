"""How many levels the wavelet transforms choose, and which they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from napari_shrinkage.noise import Autocorrelation
from napari_shrinkage.sample import Sample
from napari_shrinkage.transforms.levels import noise_of_means, noise_shares
from napari_shrinkage.transforms.stationary import StationaryWavelet
from napari_shrinkage.transforms.wavelet import Wavelet


def noisy(
    shape: tuple[int, ...], signal: float = 0.0, spacing: tuple[float, ...] = (), correlation=None
) -> Sample:
    """Return a picture with a spectrum like a photograph's, in noise of variance 1."""
    generator = np.random.default_rng(0)
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) for n in shape[-2:]), indexing="ij")))
    spectrum = np.fft.fft2(generator.standard_normal(shape[-2:])) / np.maximum(radius, 1 / max(shape))
    rough = np.fft.ifft2(spectrum).real
    values = signal * rough / max(rough.std(), 1e-9) + generator.standard_normal(shape)
    fields = values.astype(np.float32)[None, None]
    return Sample(fields, shape, spacing or (1.0,) * len(shape), (correlation,))


@pytest.mark.parametrize("kind", [Wavelet, StationaryWavelet])
def test_too_many_levels_are_refused_with_the_number_that_fits(kind):
    expected = r"^levels=7 needs at least 128 pixels per axis; this image is 96 x 96\. Use levels <= 6\.$"
    with pytest.raises(ValueError, match=expected):
        kind(levels=7).resolve(noisy((96, 96)))
    assert kind(levels=6).resolve(noisy((96, 96))).levels == 6


def test_too_many_levels_along_z_are_refused():
    with pytest.raises(
        ValueError, match=r"levels_z=3 needs at least 8 pixels along Z; this image has 5\. Use levels_z <= 2"
    ):
        Wavelet(ndim=3, levels=3, levels_z=3).resolve(noisy((5, 32, 32)))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 7), (1, 64)], ids=str)
def test_a_tiny_image_gets_one_level(shape):
    assert Wavelet().resolve(noisy(shape)).levels == 1
    assert Wavelet(levels=1).resolve(noisy(shape)).levels == 1


def test_pure_noise_goes_as_deep_as_the_image_allows():
    assert [Wavelet().resolve(noisy((n, n))).levels for n in (16, 32, 64, 128, 256)] == [1, 2, 3, 4, 5]


def test_a_large_volume_goes_as_deep_as_its_planes():
    volume = noisy((20, 256, 256))
    assert StationaryWavelet(ndim=3).resolve(volume).levels == 5


def test_the_noisier_image_gets_more_levels():
    levels = [StationaryWavelet().resolve(noisy((256, 256), signal)).levels for signal in (100, 25, 5, 0)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]


def test_a_constant_image_gets_levels():
    sample = Sample(np.full((1, 1, 64, 64), 7, np.float32), (64, 64), (1.0, 1.0))
    assert 1 <= Wavelet().resolve(sample).levels <= 3


@pytest.mark.parametrize(("spacing_z", "levels_z"), [(0.5, 4), (1, 4), (2, 3), (4.1, 2), (100, 1)])
def test_coarser_voxels_get_fewer_levels_along_z(spacing_z, levels_z):
    sample = noisy((32, 64, 64), spacing=(spacing_z, 1.0, 1.0))
    assert Wavelet(ndim=3, levels=4).resolve(sample).levels_z == levels_z


def test_levels_along_z_stop_at_the_depth_of_the_volume():
    assert Wavelet(ndim=3, levels=4).resolve(noisy((5, 64, 64))).levels_z == 2
    assert Wavelet(ndim=3, levels=4).resolve(noisy((1, 64, 64))).levels_z == 1


def test_the_noise_has_the_whole_energy_of_pure_noise():
    kernel = np.outer([1, 2, 1], [1, 1, 0])
    spectrum = np.fft.fft2(kernel / np.linalg.norm(kernel), (512, 512))
    white = noisy((512, 512)).values
    correlated = np.fft.ifft2(np.fft.fft2(white) * spectrum).real
    for values, correlation in ((white, None), (correlated, Autocorrelation.from_kernel(kernel))):
        assert noise_shares(values, 4, correlation) == pytest.approx([1, 1, 1, 1], abs=0.06)


def test_signal_lowers_the_share_of_the_noise_towards_coarse_scales():
    shares = noise_shares(noisy((256, 256), signal=10).values, 5, None)
    assert shares == sorted(shares, reverse=True)


def test_the_mean_of_correlated_noise_falls_as_its_density_says():
    correlation = Autocorrelation.from_kernel(np.ones((3, 3)))
    assert noise_of_means(1, correlation) == pytest.approx(1)
    assert noise_of_means(256, correlation) == pytest.approx(correlation.density / 256**2, rel=0.02)
