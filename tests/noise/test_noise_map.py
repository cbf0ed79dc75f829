"""Noise known at each pixel: on flat fields, and on a picture whose noise rises from left to right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.methods import from_record, to_record
from napari_shrinkage.noise.noise_map import FOLDER_VARIABLE, LEAST, map_folder
from napari_shrinkage.restorers import NAMED
from napari_shrinkage.restorers.hot_pixels import hot_pixel_share
from napari_shrinkage.risk import Trial
from napari_shrinkage.trust import confidence_map

SHAPE = (160, 192)
PICTURE = data.camera()[100:260, 130:322].astype(np.float32)
RISING = np.broadcast_to(np.linspace(5, 40, SHAPE[1], dtype=np.float32), SHAPE)
NOISY = PICTURE + RISING * np.random.default_rng(7).standard_normal(SHAPE, dtype=np.float32)
UNET = ns.Cnn(precision="float32")
METHODS = {
    "unet": UNET,
    "ffdnet": ns.Cnn(model="ffdnet", precision="float32"),
    "dct": NAMED["dct"],
    "wavelet": NAMED["wavelet"],
    "hot pixels": ns.HotPixels(),
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "maps"))
    return tmp_path / "maps"


def psnr(restored: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((restored - PICTURE) ** 2)))


def all_of(shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.arange(n) for n in shape)


def test_forward_and_level_together_give_noise_of_std_one():
    noise = ns.NoiseMap.from_array(RISING)
    flat = 100 + RISING * np.random.default_rng(1).standard_normal((200, *SHAPE), dtype=np.float32)
    z = (noise.forward(flat) - noise.forward(np.float32(100))) / noise.level(all_of(SHAPE))
    np.testing.assert_allclose(z.std(axis=(0, 1)), 1, atol=0.025)
    np.testing.assert_allclose(noise.inverse(noise.forward(flat)), flat, rtol=1e-6)


def test_the_reference_is_the_median():
    noise = ns.NoiseMap.from_array(RISING)
    assert noise.sigma == pytest.approx(float(np.median(RISING)))
    np.testing.assert_allclose(noise.std(np.zeros(SHAPE)) * noise.level(all_of(SHAPE)), RISING, rtol=1e-5)


def test_another_sigma_makes_all_noise_stronger_in_proportion():
    noise = ns.NoiseMap.from_array(RISING)
    twice = noise.replace(sigma=2 * noise.sigma)
    expected = ns.restore(NOISY, "dct", noise=2 * RISING)
    np.testing.assert_allclose(ns.restore(NOISY, "dct", noise=twice), expected, atol=1e-3)


@pytest.mark.parametrize(("method", "margin"), [(UNET, 2.0), ("dct", 1.5), ("wavelet", 0.3)])
def test_the_map_beats_its_median(method: str | ns.Cnn, margin: float):
    told = psnr(ns.restore(NOISY, method, noise=RISING))
    assert told > psnr(ns.restore(NOISY, method, noise=float(np.median(RISING)))) + margin
    assert told > psnr(NOISY) + 4


@each_method
def test_a_map_that_is_flat_is_one_sigma(method: ns.Cnn):
    found = ns.restore(NOISY, method, noise=np.full(SHAPE, 20.0))
    np.testing.assert_allclose(found, ns.restore(NOISY, method, noise=20.0), atol=0.01)


@each_method
def test_a_window_equals_the_whole(method: ns.Cnn):
    noise, region = ns.NoiseMap.from_array(RISING), (slice(20, 90), slice(64, 150))
    whole = ns.restore(NOISY, method, noise=noise)
    part = ns.drain(ns.run(ns.Recipe.of(method, noise), ns.Stack(NOISY), region)).stack.array
    np.testing.assert_allclose(part, whole[region], atol=0.01)


@each_method
def test_a_lazy_image_gives_the_same(method: ns.Cnn):
    lazy = ns.restore(da.from_array(NOISY, chunks=(64, 80)), method, noise=RISING)
    np.testing.assert_allclose(lazy.compute(), ns.restore(NOISY, method, noise=RISING), atol=0.01)


def test_more_noise_than_in_training_leaves_no_seam(monkeypatch: pytest.MonkeyPatch):
    """Where the image is handed over with less contrast, that is decided at each pixel."""
    noise = ns.NoiseMap.from_array(RISING)
    method = UNET.replace(ranges=((0.0, 5.0),))
    told = noise.level(all_of(SHAPE)) / 5
    assert told.min() < method.card.sigma_max < told.max()
    whole = ns.restore(NOISY, method, noise=noise)
    monkeypatch.setattr(ns.Cnn, "tile_pixels", 64**2)
    np.testing.assert_allclose(ns.restore(NOISY, method, noise=noise), whole, atol=0.02)
    assert psnr(whole) > psnr(NOISY) + 4


def test_planes_share_the_map():
    image = np.stack([NOISY, PICTURE])
    found = ns.restore(image, "dct", noise=RISING, axes="TYX")
    for plane, restored in zip(image, found, strict=True):
        np.testing.assert_allclose(restored, ns.restore(plane, "dct", noise=RISING), atol=0.01)


@pytest.mark.parametrize("method", [UNET, NAMED["dct"]], ids=["unet", "dct"])
def test_colours_share_the_map(method: ns.Cnn):
    picture = data.chelsea()[50:210, 100:292].astype(np.float32)
    noise = RISING[..., None] * np.random.default_rng(9).standard_normal(picture.shape, dtype=np.float32)
    told, median = (
        np.mean((ns.restore(picture + noise, method, noise=sigma, axes="YXC") - picture) ** 2)
        for sigma in (RISING, float(np.median(RISING)))
    )
    assert told < 0.75 * median


def test_a_volume_is_restored_with_the_map_of_its_planes():
    volume = np.full((12, 32, 40), 100, np.float32)
    sigma = np.broadcast_to(np.linspace(2, 20, 40, dtype=np.float32), (32, 40))
    noisy = volume + sigma * np.random.default_rng(3).standard_normal(volume.shape, dtype=np.float32)
    method = ns.Shrinkage(transform=ns.StationaryWavelet(ndim=3))
    restored = ns.restore(noisy, method, noise=sigma, axes="ZYX")
    left = (restored - volume).std(axis=(0, 1)) / sigma[0]
    assert left.max() < 0.5


def test_the_record_repeats_the_result(tmp_path: Path, folder: Path):
    stack = ns.Stack(NOISY)
    result = ns.drain(ns.run(ns.Recipe.of(NAMED["dct"], ns.NoiseMap.from_array(RISING)), stack))
    ns.save_recipe(result.record, tmp_path / "record.json")
    again = ns.drain(ns.run(ns.load_recipe(tmp_path / "record.json"), stack))
    np.testing.assert_array_equal(again.stack.array, result.stack.array)
    assert len((tmp_path / "record.json").read_text()) < 4000
    assert [path.stem for path in folder.iterdir()] == [result.record.plans[0].noise.checksum]


def test_a_model_goes_through_json_and_back(tmp_path: Path):
    noise = ns.NoiseMap.from_array(RISING, tmp_path / "sigma.npy")
    assert from_record(json.loads(json.dumps(to_record(noise)))) == noise
    assert ns.NoiseMap.from_file(tmp_path / "sigma.npy") == noise
    np.testing.assert_array_equal(np.load(noise.path), RISING)


def test_the_same_map_is_kept_once(folder: Path):
    first, second = (ns.NoiseMap.from_array(RISING) for _ in range(2))
    assert first == second
    assert len(list(folder.iterdir())) == 1
    assert map_folder() == folder


def test_pixels_without_noise_count_as_a_hundredth_of_the_median():
    sigma = RISING.copy()
    sigma[:, :4] = 0
    noise = ns.NoiseMap.from_array(sigma)
    assert noise.sigma == pytest.approx(float(np.median(sigma[sigma > 0])))
    level = noise.level(all_of(SHAPE))
    np.testing.assert_array_equal(level[:, :4], np.float32(LEAST))
    assert np.isfinite(ns.restore(NOISY, "dct", noise=noise)).all()


def test_an_image_without_noise_stays_as_it_is():
    np.testing.assert_array_equal(ns.restore(PICTURE, UNET, noise=np.zeros(SHAPE)), PICTURE)


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        (-RISING, "30720 values that are negative or not finite"),
        (np.where(RISING > 39, np.nan, RISING), "the first is nan at row 0, column 186"),
        (np.ones((2, *SHAPE)), r"shape \(2, 160, 192\).*expected numbers \(rows, columns\)"),
        (np.ones(SHAPE, complex), "type complex128"),
    ],
)
def test_what_is_no_map_is_refused(sigma: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        ns.restore(NOISY, "dct", noise=sigma)


@pytest.mark.parametrize("image", [NOISY, da.from_array(NOISY, chunks=64)], ids=["numpy", "lazy"])
def test_a_map_of_another_shape_is_refused(image: np.ndarray):
    with pytest.raises(ValueError, match=r"160 x 191 pixels \(rows x columns\).*image 160 x 192"):
        ns.restore(image, "dct", noise=RISING[:, :-1])


def test_a_file_that_was_replaced_or_is_gone_is_told(tmp_path: Path):
    path = tmp_path / "sigma.npy"
    noise = ns.NoiseMap.from_array(RISING + 0.5, path)
    replaced = noise.replace(checksum=noise.checksum[::-1])
    with pytest.raises(ValueError, match=f"{noise.checksum}, expected '{replaced.checksum}'.*give the map"):
        ns.restore(NOISY, "dct", noise=replaced)
    path.unlink()
    with pytest.raises(ValueError, match="not there: no file"):
        ns.restore(NOISY, "dct", noise=replaced)


def test_a_file_without_a_map_is_told(tmp_path: Path):
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(ValueError, match="does not hold a noise map"):
        ns.NoiseMap.from_file(tmp_path / "text.npy")
    with pytest.raises(ValueError, match="there is no file"):
        ns.NoiseMap.from_file(tmp_path / "none.npy")
    with pytest.raises(ValueError, match=r"does not end in \.npy"):
        ns.NoiseMap.from_array(RISING, tmp_path / "map.npz")


REFUSING: dict[str, Callable[[ns.NoiseMap], object]] = {
    "compare": lambda noise: ns.compare(NOISY, ["dct"], noise=noise),
    "compare an array": lambda noise: ns.compare(NOISY, ["dct"], noise=RISING),
    "compare a step": lambda noise: ns.compare(
        NOISY, {"a": ns.Step(NAMED["dct"], noise)}, noise=ns.Gaussian(20.0)
    ),
    "fit": lambda noise: ns.fit(NOISY, "let", noise=noise),
    "trust report": lambda noise: ns.trust_report(NOISY, PICTURE, noise),
    "risk": lambda noise: Trial.of(NOISY, noise),
    "confidence": lambda noise: confidence_map(NOISY, PICTURE, noise),
    "hot pixels": lambda noise: hot_pixel_share(ns.Stack(NOISY), noise),
}


@pytest.mark.parametrize("work", REFUSING.values(), ids=REFUSING)
def test_what_needs_one_noise_says_so(work: Callable[[ns.NoiseMap], object]):
    with pytest.raises(ValueError, match="alike at all pixels of one brightness; this is a NoiseMap"):
        work(ns.NoiseMap.from_array(RISING))
