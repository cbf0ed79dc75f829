"""Noise estimators against known noise on real pictures, and what they say where it cannot be known."""

from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import pywt
from scipy import ndimage
from skimage import data
from skimage.restoration import estimate_sigma

from napari_shrinkage.estimators import FlatBlocks, Mad, gaussian_noise
from napari_shrinkage.estimators.blocks import Blocks
from napari_shrinkage.estimators.survey import Survey
from napari_shrinkage.noise import Gaussian, NoiseWarning
from napari_shrinkage.sample import MOST_PIXELS
from napari_shrinkage.stack import Stack

Image = npt.NDArray[np.float64]
PICTURES = {name: getattr(data, name)().astype(float) for name in ("camera", "coins", "page", "moon")}
every_picture = pytest.mark.parametrize("picture", PICTURES)


def white_noise(*shape: int, sigma: float = 1.0, seed: int = 0) -> Image:
    return sigma * np.random.default_rng(seed).standard_normal(shape)


def noisy(picture: str, sigma: float) -> Image:
    return PICTURES[picture] + white_noise(*PICTURES[picture].shape, sigma=sigma)


def quiet_estimate(image: Image, **settings: object) -> Gaussian:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoiseWarning)
        return gaussian_noise(Stack(image), **settings)


def blocks_of(planes: Image) -> Blocks:
    planes = np.asarray(planes, np.float32)
    return Blocks.of(planes, Survey.of(planes))


@pytest.mark.parametrize("wavelet", ["haar", "db8"])
def test_mad_is_the_median_of_the_diagonal_band_of_pywavelets(wavelet: str):
    image = noisy("camera", 10).astype(np.float32)
    diagonal = pywt.dwt2(image, wavelet)[1][2]
    expected = np.median(np.abs(diagonal)) / 0.6744897501960817
    assert gaussian_noise(Stack(image), Mad(wavelet=wavelet)).sigma == pytest.approx(expected, rel=1e-5)


@every_picture
@pytest.mark.parametrize(("sigma", "error"), [(10, 0.12), (25, 0.05), (50, 0.03)])
def test_flat_blocks_find_the_noise_of_a_picture(picture: str, sigma: float, error: float):
    assert quiet_estimate(noisy(picture, sigma)).sigma == pytest.approx(sigma, rel=error)


@pytest.mark.parametrize("picture", ["camera", "coins", "page"])
@pytest.mark.parametrize("sigma", [3, 10])
def test_texture_misleads_flat_blocks_half_as_much_as_wavelet_medians(picture: str, sigma: float):
    image = noisy(picture, sigma)
    ours, mad = (abs(quiet_estimate(image, estimator=e).sigma - sigma) for e in (FlatBlocks(), Mad()))
    assert ours < 0.5 * min(mad, abs(estimate_sigma(image) - sigma))


@pytest.mark.parametrize("shape", [(32, 48), (64, 64), (128, 128)])
def test_flat_blocks_are_unbiased_on_pure_noise(shape: tuple[int, int]):
    sigmas = np.array([quiet_estimate(white_noise(*shape, seed=seed)).sigma for seed in range(50)])
    assert sigmas.mean() == pytest.approx(1, abs=4 * sigmas.std() / len(sigmas) ** 0.5)
    assert sigmas.std() < 2 / np.prod(shape) ** 0.5


def test_hot_pixels_do_not_count_as_noise():
    image = white_noise(256, 256, sigma=5)
    image[np.random.default_rng(1).random(image.shape) < 0.002] = 5000
    assert gaussian_noise(Stack(image)).sigma == pytest.approx(5, rel=0.03)


def test_a_masked_background_does_not_count_as_flat():
    image = np.where(np.hypot(*np.mgrid[-128:128, -128:128]) < 60, 100 + white_noise(256, 256, sigma=5), 0)
    with pytest.warns(NoiseWarning, match="83% of the pixels have the lowest value, 0"):
        assert gaussian_noise(Stack(image)).sigma == pytest.approx(5, rel=0.05)


def test_a_filled_region_inside_the_range_does_not_count_as_flat():
    image = white_noise(256, 256, sigma=5)
    image[:, :150] = 0.5
    with pytest.warns(NoiseWarning, match=r"5\d% of the image holds one value"):
        assert gaussian_noise(Stack(image)).sigma == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("std", [0.7, 1.0, 2.0])
@every_picture
def test_a_smoothed_image_is_told_from_a_sharp_one(picture: str, std: float):
    with pytest.warns(NoiseWarning, match=r"already smoothed.*lower bound"):
        gaussian_noise(Stack(ndimage.gaussian_filter(noisy(picture, 15), std)))


@pytest.mark.parametrize("order", [1, 3])
def test_a_resized_image_is_told(order: int):
    with pytest.warns(NoiseWarning, match="resized"):
        gaussian_noise(Stack(ndimage.zoom(noisy("camera", 15), 1.5, order=order)))


def test_a_demosaiced_image_is_told():
    image = noisy("camera", 15)
    measured = np.add.outer(np.arange(512), np.arange(512)) % 2 == 0
    neighbours = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    with pytest.warns(NoiseWarning, match="demosaiced"):
        gaussian_noise(Stack(ndimage.convolve(np.where(measured, image, 0), neighbours)))


@pytest.mark.parametrize("picture", ["camera", "coins", "moon", "brick", "grass", "gravel"])
@pytest.mark.parametrize("sigma", [15, 50])
def test_white_noise_on_sharp_texture_is_not_taken_for_smoothed(picture: str, sigma: float):
    texture = getattr(data, picture)()
    estimate = gaussian_noise(Stack(texture + white_noise(*texture.shape, sigma=sigma)))
    assert estimate.verdict.endswith("; white.")


@pytest.mark.parametrize("std", [0.7, 1.0])
def test_the_correlation_of_flat_blocks_is_that_of_the_noise(std: float):
    smooth = ndimage.gaussian_filter(white_noise(8, 256, 256), (0, std, std))
    neighbours = np.corrcoef(smooth[:, :, 1:].ravel(), smooth[:, :, :-1].ravel())[0, 1]
    assert blocks_of(smooth).correlation == pytest.approx(neighbours, abs=0.05)


def test_energies_of_white_noise_are_its_variance():
    blocks = blocks_of(white_noise(4, 256, 256, sigma=3))
    np.testing.assert_allclose(blocks.energies[:4].mean(axis=1), 9, rtol=0.02)
    assert blocks.fall == pytest.approx(1, abs=0.02)
    assert blocks.correlation == pytest.approx(0, abs=0.01)


def test_slopes_do_not_count_as_structure():
    y, x = np.mgrid[:256, :256]
    slope, level = (blocks_of(rise * (x + y)[None] + white_noise(1, 256, 256)) for rise in (0.2, 0))
    assert slope.low.mean() == pytest.approx(level.low.mean(), rel=0.02)


def test_noise_that_grows_with_brightness_is_averaged_and_said_to():
    y, x = np.mgrid[:512, :512]
    clean = 200 * (1.05 + np.sin(x / 30) * np.cos(y / 40))
    photons = np.random.default_rng(0).poisson(clean).astype(np.uint16)
    estimate = gaussian_noise(Stack(photons))
    assert estimate.sigma == pytest.approx(np.std(photons - clean), rel=0.05)
    assert "darkest" in estimate.verdict


@every_picture
def test_even_noise_on_a_picture_does_not_seem_to_change_with_brightness(picture: str):
    assert "darkest" not in quiet_estimate(noisy(picture, 10)).verdict


def test_a_lazy_stack_is_never_read_whole():
    read = set()

    def loaded(block_info: dict[None, dict[str, tuple[int, ...]]]) -> npt.NDArray[np.float32]:
        plane, *place = block_info[None]["chunk-location"]
        read.add((plane, *place))
        return white_noise(1, 128, 128, seed=plane).astype(np.float32)

    chunks = ((1,) * 300, (128, 128), (128, 128))
    frames = da.map_blocks(loaded, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    assert frames.size > MOST_PIXELS
    assert gaussian_noise(Stack(frames, "TYX")).sigma == pytest.approx(1, rel=0.01)
    assert len(read) < frames.npartitions / 10
    assert {0, 299} < {plane for plane, *_ in read}


def test_dask_and_numpy_agree():
    stack = white_noise(3, 64, 80)
    assert gaussian_noise(Stack(da.from_array(stack, chunks=(1, 30, 30)), "ZYX")) == gaussian_noise(
        Stack(stack, "ZYX")
    )


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match=r"\(0, 10\) is empty"):
        gaussian_noise(Stack(np.zeros((0, 10))))


def test_only_doubtful_channels_are_in_the_warning():
    channels = np.stack([np.zeros((64, 64)), white_noise(64, 64)])
    with pytest.warns(
        NoiseWarning, match="^Channel 0: Every pixel is 0: there is no noise to see, sigma = 0.$"
    ):
        gaussian_noise(Stack(channels, "CYX"))
