"""The sliding DCT against scipy, torch convolutions and loops; its geometry, its noise and its tiles."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_shrinkage.geometry import blocks
from napari_shrinkage.methods import from_record, to_record
from napari_shrinkage.noise import Autocorrelation
from napari_shrinkage.sample import Sample
from napari_shrinkage.transforms.base import Coefficients, extended
from napari_shrinkage.transforms.block_dct import SlidingDCT, dct_matrix, shrink_patches

CASES = [
    SlidingDCT(),
    SlidingDCT(size=5, stride=2, border="reflect"),
    SlidingDCT(size=8, stride=3, border="periodic"),
    SlidingDCT(size=8, stride=8),
    SlidingDCT(size=4, size_z=3, ndim=3),
    SlidingDCT(size=5, size_z=2, stride=3, ndim=3, border="reflect"),
]
SHAPES = {2: (37, 50), 3: (6, 17, 20)}
names = pytest.mark.parametrize("transform", CASES, ids=lambda t: f"{t.sizes}-{t.strides}-{t.border}")


def picture(shape: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return noise on a ramp, (2, 3, *shape)."""
    noise = np.random.default_rng(seed).standard_normal((2, 3, *shape))
    return torch.from_numpy(noise + np.linspace(0, 9, shape[-1])).to(dtype)


def soft(c: torch.Tensor, t: float) -> torch.Tensor:
    return torch.relu(c - t) - torch.relu(-c - t)


def shrunk(coefficients: Coefficients) -> tuple[Coefficients, torch.Tensor]:
    """Shrink softly and weigh each patch by its sparsity, smoothly enough for gradients."""
    kept = coefficients.map(lambda band: band.data**3 / (band.data**2 + 2))
    return kept, 1 / (1 + sum(band.data**2 for band in kept.details()))


def restored(transform: SlidingDCT, domain: torch.Tensor) -> torch.Tensor:
    return transform.synthesis(*shrunk(transform.analysis(domain)))


def restored_field(transform: SlidingDCT, x: torch.Tensor) -> torch.Tensor:
    return transform.geometry().cropped(restored(transform, extended(x, transform.geometry())), x.shape[2:])


def patches_of(transform: SlidingDCT, domain: np.ndarray) -> np.ndarray:
    """Return every patch of a periodic domain (*domain), (*positions, *sizes)."""
    wrapped = np.pad(domain, [(0, n - 1) for n in transform.sizes], mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(wrapped, transform.sizes)
    return windows[tuple(slice(None, None, step) for step in transform.strides)]


@pytest.mark.parametrize("n", [1, 2, 4, 7, 8, 16])
def test_dct_matrix_is_scipys_orthonormal_dct(n):
    np.testing.assert_allclose(dct_matrix(n), scipy.fft.dct(np.eye(n), norm="ortho", axis=0), atol=1e-14)
    np.testing.assert_allclose(dct_matrix(n) @ dct_matrix(n).T, np.eye(n), atol=1e-14)


@names
def test_coefficients_are_scipys_dctn_of_every_patch(transform):
    domain = extended(picture(SHAPES[transform.ndim]), transform.geometry())
    coefficients = transform.analysis(domain)
    expected = scipy.fft.dctn(
        patches_of(transform, domain[1, 2].numpy()), norm="ortho", axes=range(-transform.ndim, 0)
    )
    assert len(coefficients.bands) == math.prod(transform.sizes)
    for index in itertools.product(*map(range, transform.sizes)):
        band = coefficients[",".join(map(str, index))]
        np.testing.assert_allclose(band[1, 2], expected[(..., *index)], atol=1e-12)


def test_it_equals_a_frozen_convolution_and_its_transpose():
    n, x = 8, picture((40, 33), dtype=torch.float32)[:, :1] / 10
    atoms = [scipy.fft.idctn(unit.reshape(n, n), norm="ortho") for unit in np.eye(n * n)]
    forward = torch.nn.Conv2d(1, n * n, n, bias=False)
    backward = torch.nn.ConvTranspose2d(n * n, 1, n, bias=False)
    for layer in (forward, backward):
        layer.weight.data = torch.tensor(np.stack(atoms)[:, None], dtype=torch.float32)
        layer.requires_grad_(False)
    padded = torch.nn.functional.pad(x, (7, 7, 7, 7), mode="reflect")
    spectra = forward(padded)
    spectra[:, 1:] = soft(spectra[:, 1:], 0.2)
    expected = backward(spectra)[..., 7:-7, 7:-7] / n**2

    transform = SlidingDCT(size=n, border="reflect")
    coefficients = transform.forward(x).map(lambda band: soft(band.data, 0.2))
    torch.testing.assert_close(transform.inverse(coefficients), expected, rtol=0, atol=1e-5)
    ours = torch.stack([band.data for band in transform.forward(x).bands], dim=2)[:, 0]
    torch.testing.assert_close(ours[..., :-7, :-7], forward(padded), rtol=0, atol=1e-5)


@names
def test_synthesis_is_the_weighted_mean_of_the_patches(transform):
    domain = extended(picture(SHAPES[transform.ndim])[:1, :1], transform.geometry())
    coefficients, weight = shrunk(transform.analysis(domain))
    spectra = np.stack([band.data[0, 0] for band in coefficients.bands], axis=-1)
    spectra = spectra.reshape(*spectra.shape[:-1], *transform.sizes)
    estimates = scipy.fft.idctn(spectra, norm="ortho", axes=range(-transform.ndim, 0))
    shape = domain.shape[2:]
    total, weights = np.zeros(shape), np.zeros(shape)
    for position in np.ndindex(*weight.shape[2:]):
        axes = zip(position, transform.sizes, transform.strides, shape, strict=True)
        pixels = np.ix_(*((p * step + np.arange(n)) % length for p, n, step, length in axes))
        w = float(weight[(0, 0, *position)])
        total[pixels] += w * estimates[position]
        weights[pixels] += w
    np.testing.assert_allclose(transform.synthesis(coefficients, weight)[0, 0], total / weights, atol=1e-12)


@settings(max_examples=60)
@given(data=st.data())
def test_inverse_undoes_forward_for_any_shape_size_stride_border_and_weight(data):
    ndim = data.draw(st.sampled_from([2, 3]))
    size = data.draw(st.integers(4, 16 if ndim == 2 else 6))
    transform = SlidingDCT(
        size=size,
        size_z=data.draw(st.integers(1, 6)),
        stride=data.draw(st.integers(1, size)),
        border=data.draw(st.sampled_from(["symmetric", "reflect", "periodic"])),
        ndim=ndim,
    )
    shape = tuple(data.draw(st.tuples(*[st.integers(1, 23 if ndim == 2 else 9)] * ndim)))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    x = picture(shape, dtype=dtype)
    coefficients = transform.forward(x)
    weight = data.draw(st.sampled_from([None, coefficients.bands[-1].data ** 2 + 0.1]))
    again = transform.inverse(coefficients, weight)
    assert again.dtype == dtype
    torch.testing.assert_close(again, x, rtol=0, atol=2e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (5, 40), (1, 9), (7, 7)])
@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("border", ["symmetric", "reflect", "periodic"])
def test_an_image_smaller_than_a_patch_is_continued(shape, size, border):
    transform = SlidingDCT(size=size, border=border)
    x = picture(shape)
    torch.testing.assert_close(transform.inverse(transform.forward(x)), x, rtol=0, atol=1e-12)
    assert restored_field(transform, x).isfinite().all()


@pytest.mark.parametrize("border", ["symmetric", "reflect", "periodic"])
def test_a_single_pixel_is_a_constant_image(border):
    coefficients = SlidingDCT(border=border).forward(torch.full((1, 1, 1, 1), 3.0, dtype=torch.float64))
    assert all(band.data.abs().max() < 1e-14 for band in coefficients.details())


@pytest.mark.parametrize("transform", [t.replace(size=4) for t in CASES if t.stride < 5], ids=repr)
def test_gradients_equal_finite_differences(transform):
    x = picture((5, 6) if transform.ndim == 2 else (2, 3, 4))[:1, :1].requires_grad_()
    assert torch.autograd.gradcheck(lambda z: restored_field(transform, z), x)


@names
def test_white_noise_keeps_its_std(transform):
    assert list(transform.noise_gain().values()) == pytest.approx([1] * math.prod(transform.sizes))


@pytest.mark.parametrize("ndim", [2, 3])
def test_correlated_noise_has_the_std_of_the_filtered_basis_functions(ndim):
    kernel = np.random.default_rng(1).random((3, 3) if ndim == 2 else (2, 3, 3))
    kernel /= np.linalg.norm(kernel)
    transform = SlidingDCT(size=5, size_z=3, ndim=ndim)
    gains = transform.noise_gain(Autocorrelation.from_kernel(kernel))
    for index in itertools.product(*map(range, transform.sizes)):
        unit = np.zeros(transform.sizes)
        unit[index] = 1
        response = scipy.signal.convolve(scipy.fft.idctn(unit, norm="ortho"), kernel)
        assert gains[",".join(map(str, index))] == pytest.approx(np.linalg.norm(response), rel=1e-4, abs=1e-4)


def test_correlated_noise_has_the_measured_std():
    kernel = np.outer([0.3, 1, 0.3], [0.1, 0.8, 1, 0.4])
    kernel /= np.linalg.norm(kernel)
    white = np.random.default_rng(2).standard_normal((8, 262, 262))
    noise = scipy.signal.convolve(white, kernel[None], mode="valid")
    transform = SlidingDCT(stride=2)
    coefficients = transform.analysis(torch.from_numpy(noise)[:, None, :256, :256])
    gains = transform.noise_gain(Autocorrelation.from_kernel(kernel))
    measured = [float(band.data[..., :-4, :-4].std()) for band in coefficients.bands]
    np.testing.assert_allclose(measured, [gains[band.key] for band in coefficients.bands], rtol=0.05)


def energies(transform: SlidingDCT) -> tuple[float, float]:
    """Return the energy that shrinking removes from the image and from the coefficients, per pixel."""
    x = picture((32, 32))
    coefficients = transform.analysis(x)
    kept = coefficients.map(lambda band: soft(band.data, 1.0))
    removed = sum(
        (a.data - b.data).square().sum() for a, b in zip(coefficients.bands, kept.bands, strict=True)
    )
    copies = math.prod(transform.sizes) / math.prod(transform.strides)
    return float((transform.synthesis(kept) - x).square().sum()), float(removed / copies)


def test_parseval_is_exact_for_disjoint_blocks():
    image, coefficients = energies(SlidingDCT(stride=8))
    assert image == pytest.approx(coefficients, rel=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_averaging_overlapping_patches_removes_less_energy_than_their_coefficients_lost(stride):
    image, coefficients = energies(SlidingDCT(stride=stride))
    assert image < 0.95 * coefficients


def test_only_disjoint_blocks_call_themselves_orthonormal():
    assert SlidingDCT(stride=8).orthonormal
    assert SlidingDCT(stride=8, size_z=3, ndim=3).orthonormal
    assert not SlidingDCT(stride=8, size_z=16, ndim=3).orthonormal
    assert not SlidingDCT(stride=4).orthonormal


@names
def test_a_window_with_its_halo_gives_the_pixels_of_the_whole(transform):
    shape, geometry = {2: (61, 70), 3: (9, 23, 26)}[transform.ndim], transform.geometry()
    x = picture(shape, dtype=torch.float32)
    whole = restored_field(transform, x)
    for window in blocks(shape, (19, 23) if transform.ndim == 2 else (4, 10, 11)):
        part = geometry.grown(window, shape)
        cut = x
        for axis, index in enumerate(geometry.indices(part, shape), start=2):
            cut = cut.index_select(axis, torch.from_numpy(index))
        inside = tuple(slice(w.start - p.start, w.stop - p.start) for w, p in zip(window, part, strict=True))
        torch.testing.assert_close(
            restored(transform, cut)[(..., *inside)], whole[(..., *window)], rtol=0, atol=1e-5
        )


@names
def test_a_wider_margin_changes_nothing(transform):
    x = picture(SHAPES[transform.ndim])
    more = tuple(8 * step for step in transform.strides)
    mode = "wrap" if transform.border == "periodic" else transform.border
    wider = torch.from_numpy(np.pad(x.numpy(), [(0, 0), (0, 0), *((m, m) for m in more)], mode=mode))
    inner = tuple(slice(m, m + n) for m, n in zip(more, x.shape[2:], strict=True))
    torch.testing.assert_close(
        restored_field(transform, wider)[(..., *inner)], restored_field(transform, x), rtol=0, atol=1e-12
    )


@names
def test_it_commutes_with_shifts_of_the_domain_by_the_stride(transform):
    domain = extended(picture(SHAPES[transform.ndim]), transform.geometry())
    axes = tuple(range(2, domain.ndim))
    expected = restored(transform, domain).roll(transform.strides, axes)
    torch.testing.assert_close(restored(transform, domain.roll(transform.strides, axes)), expected)


def test_bands_are_named_by_frequency_and_only_the_mean_is_spared():
    bands = SlidingDCT().subbands()
    assert [b.key for b in bands[:9]] == ["0,0", "0,1", "0,2", "0,3", "0,4", "0,5", "0,6", "0,7", "1,0"]
    assert [b.key for b in bands if not b.detail] == ["0,0"]
    assert {b.level for b in bands} == {1}
    for band in bands:
        k, m = map(int, band.key.split(","))
        assert band.radius == pytest.approx(math.hypot(k, m) / (7 * math.sqrt(2)))


def test_the_radius_of_a_box_counts_each_axis_by_its_own_highest_frequency():
    radius = {b.key: b.radius for b in SlidingDCT(size=8, size_z=3, ndim=3).subbands()}
    assert radius["0,0,0"] == 0
    assert radius["2,7,7"] == pytest.approx(1)
    assert radius["2,0,0"] == pytest.approx(math.sqrt(1 / 3))
    flat = {b.key: b.radius for b in SlidingDCT(size_z=1, ndim=3).subbands()}
    assert flat["0,7,0"] == pytest.approx(math.sqrt(1 / 2))


@pytest.mark.parametrize(
    ("spacing", "depth", "size_z"),
    [((1, 1, 1), 30, 8), ((2, 1, 1), 30, 4), ((3, 0.5, 0.5), 30, 1), ((100, 1, 1), 30, 1),
     ((0.25, 1, 1), 30, 16), ((1, 1, 1), 5, 5), ((1, 1, 1), 1, 1)],
)  # fmt: skip
def test_patches_of_a_volume_are_as_deep_in_space_as_they_are_wide(spacing, depth, size_z):
    sample = Sample(np.zeros((1, 1, depth, 20, 20), np.float32), (depth, 20, 20), spacing)
    assert SlidingDCT(ndim=3).resolve(sample).size_z == size_z
    assert SlidingDCT(ndim=3, size_z=7).resolve(sample).size_z == 7


def test_a_resolved_plane_leaves_nothing_open_and_survives_its_record():
    sample = Sample(np.zeros((1, 1, 5, 5), np.float32), (5, 5), (1, 1))
    resolved = SlidingDCT().resolve(sample)
    assert resolved == SlidingDCT(size=8, size_z=8)
    assert from_record(to_record(resolved)) == resolved


@pytest.mark.parametrize(("width", "side"), [(1, 8), (5, 16)])
def test_patches_are_large_where_the_noise_is_correlated_over_several_pixels(width: int, side: int):
    correlation = Autocorrelation.from_kernel(np.ones((1, width)))
    sample = Sample(np.zeros((1, 1, 50, 50), np.float32), (50, 50), (1, 1), (correlation,))
    assert SlidingDCT().resolve(sample).size == side
    assert SlidingDCT(size=6).resolve(sample).size == 6


def test_a_stride_beyond_the_patch_is_refused():
    with pytest.raises(ValueError, match=r"stride=9 skips pixels between patches of size=8. Use stride <= 8"):
        SlidingDCT(stride=9)


@names
def test_tiles_give_the_same_as_the_whole_domain(transform):
    domain = extended(picture(SHAPES[transform.ndim]), transform.geometry())
    tiled = shrink_patches(transform, domain, shrunk, most_bytes=200_000)
    torch.testing.assert_close(tiled, restored(transform, domain), rtol=0, atol=1e-12)


def test_tiles_take_guides_along_and_equal_weights():
    transform = SlidingDCT(size=6)
    noisy, pilot = (extended(picture((21, 30), seed), transform.geometry()) for seed in (0, 1))

    def wiener(x: Coefficients, guide: Coefficients) -> tuple[Coefficients, None]:
        pairs = zip(x.bands, guide.bands, strict=True)
        bands = tuple(replace(a, data=a.data * b.data**2 / (b.data**2 + 1)) for a, b in pairs)
        return Coefficients(bands, x.shape), None

    whole = transform.synthesis(*wiener(transform.analysis(noisy), transform.analysis(pilot)))
    tiled = shrink_patches(transform, noisy, wiener, pilot, most_bytes=100_000)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("transform", [SlidingDCT(), SlidingDCT(size=4, size_z=4, ndim=3)], ids=repr)
def test_tiles_keep_to_their_bytes(transform):
    domain = extended(picture({2: (60, 90), 3: (9, 20, 30)}[transform.ndim]), transform.geometry())
    sizes = []

    def look(x: Coefficients) -> tuple[Coefficients, None]:
        sizes.append(sum(band.data.nbytes for band in x.bands))
        return x, None

    torch.testing.assert_close(shrink_patches(transform, domain, look, most_bytes=300_000), domain)
    assert 150_000 < max(sizes) <= 300_000
