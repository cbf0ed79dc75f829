"""What every transform promises: it gives the image back, is linear, and knows the noise of its bands."""

from __future__ import annotations

import importlib
import itertools
import pkgutil

import numpy as np
import pytest
import torch

import napari_shrinkage.transforms
from napari_shrinkage.geometry import blocks
from napari_shrinkage.methods import members, parameters
from napari_shrinkage.noise import Autocorrelation
from napari_shrinkage.sample import Sample
from napari_shrinkage.transforms.base import Band, Coefficients, Transform, extended

for module in pkgutil.iter_modules(napari_shrinkage.transforms.__path__):
    importlib.import_module(f"{napari_shrinkage.transforms.__name__}.{module.name}")

SHAPES = [(1, 1), (2, 3), (5, 7), (16, 16), (33, 20), (40, 64), (1, 1, 1), (3, 5, 7), (4, 9, 6)]


@pytest.fixture(params=sorted(members("transform")))
def kind(request) -> type[Transform]:
    return members("transform")[request.param]


def resolved(kind: type[Transform], shape: tuple[int, ...], **fields) -> Transform:
    """Return the transform as a plan would hold it for a noisy image of this shape."""
    noise = np.random.default_rng(1).standard_normal((1, 1, *shape)).astype(np.float32)
    return kind(ndim=len(shape), **fields).resolve(Sample(noise, shape, (1.0,) * len(shape)))


def picture(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return two images of two channels, (2, 2, *shape)."""
    return torch.from_numpy(np.random.default_rng(2).standard_normal((2, 2, *shape)) * 50 + 100).to(dtype)


def unit_kernel(ndim: int) -> np.ndarray:
    """Return what makes white noise of variance 1 correlated: the kernel's norm is 1."""
    kernel = np.outer([1, 2, 1], [1, 3, 0.5])
    kernel = kernel if ndim == 2 else np.multiply.outer([1, 0.5], kernel)
    return kernel / np.linalg.norm(kernel)


@pytest.mark.parametrize("border", ["symmetric", "reflect", "periodic"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_inverse_gives_the_image_back(kind, shape, border):
    transform = resolved(kind, shape, border=border)
    for dtype, error in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
        x = picture(shape, dtype)
        back = transform.inverse(transform.forward(x))
        assert back.dtype == dtype
        assert back.shape == x.shape
        torch.testing.assert_close(back, x, rtol=0, atol=error)


@pytest.mark.parametrize("shape", [(20, 24), (3, 7, 6)], ids=str)
def test_forward_and_inverse_are_linear(kind, shape):
    transform = resolved(kind, shape)
    x, y = picture(shape), picture(shape).flip(-1)
    parts = [transform.forward(image) for image in (x, y, 2 * x - 3 * y)]
    for a, b, mixed in zip(*(part.bands for part in parts), strict=True):
        torch.testing.assert_close(mixed.data, 2 * a.data - 3 * b.data, rtol=0, atol=1e-9)
    a, b = (part.map(lambda band: band.data**2) for part in parts[:2])
    mixed = Coefficients(
        tuple(Band(p.subband, 2 * p.data - 3 * q.data) for p, q in zip(a.bands, b.bands, strict=True)), shape
    )
    expected = 2 * transform.inverse(a) - 3 * transform.inverse(b)
    torch.testing.assert_close(transform.inverse(mixed), expected, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 4)], ids=str)
def test_gradients_are_exact(kind, shape):
    transform = resolved(kind, shape)

    def shrunk(x):
        return transform.inverse(transform.forward(x).map(lambda band: band.data * torch.sigmoid(band.data)))

    x = (picture(shape)[:1, :1] / 50).requires_grad_()
    assert torch.autograd.gradcheck(shrunk, (x,), fast_mode=True)


@pytest.mark.parametrize("ndim", [2, 3])
def test_bands_are_described_in_the_order_of_the_coefficients(kind, ndim):
    shape = (4, 16, 16)[-ndim:]
    transform = resolved(kind, shape)
    described, found = transform.subbands(), transform.forward(picture(shape)).bands
    assert [band.subband for band in found] == list(described)
    assert len({band.key for band in described}) == len(described)
    assert set(transform.noise_gain()) == {band.key for band in described}
    assert any(band.detail for band in described)
    for band in described:
        assert len(band.filters) == ndim
        assert band.level >= 1
        assert 0 < band.radius <= 1 if band.detail else band.radius == 0


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("noise", ["white", "correlated"])
def test_noise_gain_is_the_norm_of_the_basis_function_filtered_like_the_noise(kind, ndim, noise):
    transform = resolved(kind, (4, 20, 20)[-ndim:], border="periodic")
    kernel = np.ones((1,) * ndim) if noise == "white" else unit_kernel(ndim)
    gains = transform.noise_gain(None if noise == "white" else Autocorrelation.from_kernel(kernel))
    geometry = transform.geometry()
    size = [-(-(2 * h + 8) // m) * m for h, m in zip(geometry.halo, geometry.multiple, strict=True)]
    spectrum = np.fft.fftn(kernel, size, range(ndim))
    x = torch.zeros((1, 1, *size), dtype=torch.float64, requires_grad=True)
    bands = transform.analysis(x).bands
    for band in bands[:: len(bands) // 16 + 1]:
        centre = (0, 0, *(n // 2 for n in band.data.shape[2:]))
        (basis,) = torch.autograd.grad(band.data[centre], x, retain_graph=True)
        filtered = np.fft.ifftn(np.fft.fftn(basis[0, 0].numpy()) * spectrum.conj())
        assert gains[band.key] == pytest.approx(np.linalg.norm(filtered), rel=1e-3)


@pytest.mark.parametrize("noise", ["white", "correlated"])
def test_noise_gain_is_the_std_of_transformed_noise(kind, noise):
    transform = resolved(kind, (20, 20), border="periodic")
    z = np.random.default_rng(3).standard_normal((2, 1, 192, 192))
    correlation = None
    if noise == "correlated":
        correlation = Autocorrelation.from_kernel(unit_kernel(2))
        z = np.fft.ifft2(np.fft.fft2(z) * np.fft.fft2(unit_kernel(2), z.shape[-2:])).real
    gains = transform.noise_gain(correlation)
    for band in transform.analysis(torch.from_numpy(z)).details():
        assert float(band.data.square().mean().sqrt()) == pytest.approx(gains[band.key], rel=0.04)


@pytest.mark.parametrize("border", ["symmetric", "periodic"])
@pytest.mark.parametrize("shape", [(75, 90), (4, 22, 20)], ids=str)
def test_a_window_with_its_halo_gives_the_pixels_of_the_whole(kind, shape, border):
    transform = resolved(kind, tuple(min(n, 20) for n in shape), border=border)
    geometry, gains = transform.geometry(), transform.noise_gain()
    assert geometry.halo is not None

    def restored(x):
        shrunk = transform.analysis(x).map(
            lambda band: torch.nn.functional.softshrink(band.data, gains[band.key])
        )
        return transform.synthesis(shrunk)

    x = torch.from_numpy(np.random.default_rng(4).standard_normal((1, 1, *shape)))
    whole = geometry.cropped(restored(extended(x, geometry)), shape)
    for window in itertools.islice(blocks(shape, [n // 3 for n in shape]), 1, None, 2):
        grown = geometry.grown(window, shape)
        indices = [torch.from_numpy(i) for i in geometry.indices(grown, shape)]
        part = x
        for axis, index in enumerate(indices, start=2):
            part = part.index_select(axis, index)
        inside = tuple(slice(w.start - g.start, w.stop - g.start) for w, g in zip(window, grown, strict=True))
        torch.testing.assert_close(restored(part)[(..., *inside)], whole[(..., *window)], rtol=0, atol=1e-9)


@pytest.mark.parametrize("ndim", [2, 3])
def test_resolving_leaves_nothing_to_be_decided(kind, ndim):
    transform = resolved(kind, (16, 64, 64)[-ndim:])
    assert all(getattr(transform, parameter.name) is not None for parameter in parameters(kind))
    assert (
        transform.resolve(Sample(np.zeros((1, 1, 64, 64), np.float32), (16, 64, 64)[-ndim:], (1.0,) * ndim))
        == transform
    )


def test_orthonormal_means_that_energy_is_kept(kind):
    transform = resolved(kind, (32, 32), border="periodic")
    x = picture((32, 32))
    energy = sum(float(band.data.square().sum()) for band in transform.forward(x).bands)
    count = sum(band.data.numel() for band in transform.forward(x).bands)
    kept = count == x.numel() and energy == pytest.approx(float(x.square().sum()), rel=1e-9)
    assert kept == transform.orthonormal
