"""A camera whose pixels differ, corrected by its maps: against arithmetic and against simulated frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_shrinkage.geometry import Geometry, taken
from napari_shrinkage.methods import from_record, to_record
from napari_shrinkage.noise import CalibratedCamera, Gaussian, PoissonGaussian
from napari_shrinkage.noise.camera_maps import save_maps

SHAPE = (40, 52)


def made(
    folder: Path, seed: int = 0, hot: tuple[tuple[int, int], ...] = (), origin: tuple[int, int] = (0, 0)
) -> tuple[CalibratedCamera, dict[str, np.ndarray]]:
    """Return a camera with pixels that differ, and its maps."""
    rng = np.random.default_rng(seed)
    maps = {
        "offset": rng.normal(100, 4, SHAPE),
        "gain": rng.normal(2.0, 0.1, SHAPE),
        "read_var": rng.uniform(8, 10, SHAPE),
    }
    for place in hot:
        maps["read_var"][place] = 1e4
    save_maps(folder / "maps.npz", **maps)
    return CalibratedCamera.from_file(folder / "maps.npz", origin), maps


def all_of(shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.arange(n) for n in shape)


def test_light_of_one_strength_comes_out_as_one_value(tmp_path: Path):
    camera, maps = made(tmp_path)
    raw = 37.0 * maps["gain"] + maps["offset"]
    even = camera.corrected(raw[None].astype(np.float32), all_of(SHAPE))
    np.testing.assert_allclose(even, 37 * camera.gain + camera.offset, rtol=1e-5)


def test_corrected_frames_have_the_noise_that_the_model_says(tmp_path: Path):
    camera, maps = made(tmp_path)
    rng = np.random.default_rng(1)
    electrons = rng.poisson(50.0, (400, *SHAPE))
    raw = (
        electrons * maps["gain"] + maps["offset"] + rng.normal(size=electrons.shape) * maps["read_var"] ** 0.5
    )
    even = camera.corrected(raw.astype(np.float32), all_of(SHAPE))  # frames stand for channels
    mean = 50 * camera.gain + camera.offset
    assert even.mean() == pytest.approx(mean, rel=1e-3)
    assert even.std() == pytest.approx(float(camera.std(np.float64(mean))), rel=0.005)
    assert raw.std() > 1.03 * even.std()
    assert camera.forward(even).std() == pytest.approx(1, abs=0.02)


def test_the_scale_of_unit_noise_is_that_of_the_mean_camera(tmp_path: Path):
    camera, maps = made(tmp_path)
    plain = PoissonGaussian(camera.gain, camera.offset, camera.read_std)
    assert camera.gain == pytest.approx(maps["gain"].mean(), rel=1e-5)
    assert camera.read_std == pytest.approx(maps["read_var"].mean() ** 0.5, rel=1e-5)
    x = np.linspace(90, 500, 50, dtype=np.float32)
    for act in ("forward", "inverse", "std"):
        np.testing.assert_array_equal(getattr(camera, act)(x), getattr(plain, act)(x))


def test_a_hot_pixel_takes_the_median_of_its_good_neighbours(tmp_path: Path):
    hot = ((0, 0), (7, 9), (7, 10), (39, 20))
    camera, maps = made(tmp_path, hot=hot)
    raw = np.random.default_rng(2).uniform(110, 300, (2, *SHAPE)).astype(np.float32)
    even = camera.corrected(raw, all_of(SHAPE))
    expected = (raw - maps["offset"]) / maps["gain"] * camera.gain + camera.offset
    for row, column in hot:
        around = [
            expected[:, y, x]
            for y in range(max(row - 1, 0), min(row + 2, SHAPE[0]))
            for x in range(max(column - 1, 0), min(column + 2, SHAPE[1]))
            if (y, x) not in hot
        ]
        np.testing.assert_allclose(even[:, row, column], np.median(around, axis=0), rtol=1e-5)
    good = np.ones(SHAPE, bool)
    good[tuple(np.transpose(hot))] = False
    np.testing.assert_allclose(even[:, good], expected[:, good], rtol=1e-5)


def test_a_block_of_hot_pixels_is_mended_from_further_away(tmp_path: Path):
    block = tuple((y, x) for y in (10, 11, 12) for x in (10, 11, 12))
    camera, maps = made(tmp_path, hot=block)
    raw = (60.0 * maps["gain"] + maps["offset"]).astype(np.float32)
    raw[10:13, 10:13] = 6e4
    even = camera.corrected(raw[None], all_of(SHAPE))
    np.testing.assert_allclose(even, 60 * camera.gain + camera.offset, rtol=1e-5)


def test_dead_and_unmeasured_pixels_leave_no_value_that_is_not_finite(tmp_path: Path):
    gain, offset, read_var = (np.full(SHAPE, value) for value in (2.0, 100.0, 9.0))
    gain[3, 3], offset[5, 5], read_var[6, 6] = 0.0, np.nan, np.nan
    save_maps(tmp_path / "m.npz", offset, gain, read_var)
    camera = CalibratedCamera.from_file(tmp_path / "m.npz")
    raw = np.full((1, *SHAPE), 150, np.float32)
    for place in ((3, 3), (5, 5), (6, 6)):
        raw[0][place] = 0
    assert np.array_equal(camera.corrected(raw, all_of(SHAPE)), np.full((1, *SHAPE), 150, np.float32))


@pytest.mark.parametrize("border", ["symmetric", "reflect", "periodic"])
def test_an_extended_field_is_the_extension_of_the_corrected_one(tmp_path: Path, border: str):
    """Mending looks at the sensor, not at what the border was continued with."""
    camera, _ = made(tmp_path, hot=((0, 0), (0, 51), (39, 30), (1, 1)))
    raw = np.random.default_rng(3).uniform(110, 300, (2, *SHAPE)).astype(np.float32)
    geometry = Geometry(border, (6, 6), (8, 8), None)
    indices = geometry.indices(geometry.domain(SHAPE), SHAPE)
    whole = camera.corrected(raw, all_of(SHAPE))
    np.testing.assert_array_equal(camera.corrected(taken(raw, indices), indices), taken(whole, indices))


def test_a_window_equals_the_whole_two_pixels_from_its_edge(tmp_path: Path):
    camera, _ = made(tmp_path, hot=((12, 13), (20, 20), (12, 12)))
    raw = np.random.default_rng(4).uniform(110, 300, (1, *SHAPE)).astype(np.float32)
    whole = camera.corrected(raw, all_of(SHAPE))
    window = camera.corrected(raw[:, 10:30, 10:30], (np.arange(10, 30), np.arange(10, 30)))
    np.testing.assert_array_equal(window[:, 2:-2, 2:-2], whole[:, 12:28, 12:28])


def test_a_region_of_interest_uses_its_place_on_the_sensor(tmp_path: Path):
    camera, maps = made(tmp_path, origin=(8, 16))
    raw = (20 * maps["gain"] + maps["offset"])[8:28, 16:40]
    even = camera.corrected(raw[None].astype(np.float32), all_of(raw.shape))
    np.testing.assert_allclose(even, 20 * camera.gain + camera.offset, rtol=1e-5)
    with pytest.raises(ValueError, match=r"reaches row 48 .*maps are 40 x 52.*[Ss]et origin"):
        camera.corrected(np.zeros((1, *SHAPE), np.float32), all_of(SHAPE))


def test_planes_of_a_volume_share_the_maps(tmp_path: Path):
    camera, _ = made(tmp_path, hot=((5, 5),))
    raw = np.random.default_rng(5).uniform(110, 300, (1, 3, *SHAPE)).astype(np.float32)
    volume = camera.corrected(raw, all_of((3, *SHAPE)))
    for plane in range(3):
        np.testing.assert_array_equal(volume[:, plane], camera.corrected(raw[:, plane], all_of(SHAPE)))


def test_one_value_per_channel_is_kept_per_channel(tmp_path: Path):
    camera, maps = made(tmp_path)
    two = camera.replace(gain=(2.0, 4.0), offset=(100.0, 0.0), read_std=(3.0, 6.0))
    raw = (30 * maps["gain"] + maps["offset"])[None].repeat(2, 0).astype(np.float32)
    even = two.corrected(raw, all_of(SHAPE))
    np.testing.assert_allclose(even[0], 160, rtol=1e-5)
    np.testing.assert_allclose(even[1], 120, rtol=1e-5)


def test_a_missing_or_changed_map_file_is_named(tmp_path: Path):
    camera, maps = made(tmp_path)
    lost = camera.replace(path=str(tmp_path / "lost.npz"))
    raw = np.zeros((1, *SHAPE), np.float32)
    with pytest.raises(ValueError, match=r"no file .*lost\.npz"):
        lost.corrected(raw, all_of(SHAPE))
    changed = camera.replace(checksum="0" * 32)
    with pytest.raises(ValueError, match=r"checksum .*expected '0+'"):
        changed.corrected(raw, all_of(SHAPE))
    (tmp_path / "other.npz").write_bytes(b"no maps at all")
    with pytest.raises(ValueError, match="does not hold a camera's maps"):
        CalibratedCamera.from_file(tmp_path / "other.npz")
    np.savez(tmp_path / "part.npz", offset=maps["offset"])
    with pytest.raises(ValueError, match="expected an npz file with offset, gain and read_var"):
        CalibratedCamera.from_file(tmp_path / "part.npz")


def test_maps_of_different_shapes_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(4, 4\)"):
        save_maps(tmp_path / "m.npz", np.zeros((4, 5)), np.ones((4, 4)), np.ones((4, 5)))
    with pytest.raises(ValueError, match=r"does not end in \.npz"):
        save_maps(tmp_path / "maps.tif", *np.ones((3, 4, 4)))


def test_its_record_leads_back_to_the_same_maps(tmp_path: Path):
    camera, _ = made(tmp_path, origin=(0, 0))
    again = from_record(json.loads(json.dumps(to_record(camera))))
    raw = np.random.default_rng(6).uniform(110, 300, (1, *SHAPE)).astype(np.float32)
    assert again == camera
    np.testing.assert_array_equal(again.corrected(raw, all_of(SHAPE)), camera.corrected(raw, all_of(SHAPE)))


def test_other_noise_models_leave_values_as_they_are():
    raw = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    assert Gaussian(2.0).corrected(raw, all_of((3, 4))) is raw
