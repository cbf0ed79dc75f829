"""Calibrating simulated cameras, of which everything is known."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_shrinkage.calibration import calibrate, camera, frame_statistics, from_frames
from napari_shrinkage.noise import PoissonGaussian

GAIN, OFFSET, READ = 0.5, 100.0, 2.0
RECORDED = (READ**2 + 1 / 12) ** 0.5  # rounding to whole counts adds a twelfth
LIGHT = (50, 200, 800, 2500)
SHAPE = (64, 64)


def exposed(
    rng: np.random.Generator,
    electrons: float | np.ndarray,
    frames: int,
    shape: tuple[int, int] = SHAPE,
    offset: float | np.ndarray = OFFSET,
    read: float | np.ndarray = READ,
    gain: float | np.ndarray = GAIN,
    highest: int = 4095,
) -> np.ndarray:
    """Return frames of a 12-bit camera."""
    size = (frames, *shape)
    counts = gain * rng.poisson(np.broadcast_to(electrons, size)) + offset + read * rng.normal(size=size)
    return np.clip(np.round(counts), 0, highest).astype(np.uint16)


def scene(size: int = 128) -> np.ndarray:
    """Return electrons of something with dark and bright parts of many sizes."""
    y, x = np.mgrid[:size, :size]
    return 40 + 25 * np.sin(x / 5) + 12 * np.sin(y / 7) * np.cos(x / 9)


@pytest.mark.parametrize("seed", range(5))
def test_gain_offset_and_read_noise_are_recovered(seed: int):
    rng = np.random.default_rng(seed)
    found = calibrate(exposed(rng, 0, 16), [exposed(rng, e, 10) for e in LIGHT])
    assert found.gain == pytest.approx(GAIN, rel=0.025)
    assert found.offset == pytest.approx(OFFSET, abs=0.05)
    assert found.read_std == pytest.approx(RECORDED, rel=0.02)
    assert found.trusted
    assert found.model() == PoissonGaussian(found.gain, found.offset, found.read_std)
    assert found.model().verdict == found.sentence()


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Of 150 intervals of 95 %, 143 +- 3 hold it; without a free fit none is stretched."""
    held = np.zeros(4)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        shape = (24, 24)
        found = calibrate(exposed(rng, 0, 6, shape), [exposed(rng, e, 5, shape) for e in LIGHT])
        truths = (GAIN, OFFSET, RECORDED, RECORDED**2 - GAIN * OFFSET)
        intervals = (
            found.gain_interval,
            found.offset_interval,
            found.read_interval,
            found.line.intercept_interval,
        )
        held += [low <= truth <= high for truth, (low, high) in zip(truths, intervals, strict=True)]
    assert (held >= 134).all(), held
    assert (held <= 149).all(), held


def test_the_pattern_of_the_sensor_and_uneven_light_count_for_nothing():
    rng = np.random.default_rng(1)
    offset = rng.normal(OFFSET, 5, SHAPE)
    vignette = np.linspace(0.5, 1.5, SHAPE[1])
    response = rng.normal(1, 0.05, SHAPE)
    flats = [exposed(rng, e * vignette * response, 10, offset=offset) for e in LIGHT]
    found = calibrate(exposed(rng, 0, 20, offset=offset), flats)
    assert found.gain == pytest.approx(GAIN, rel=0.02)
    assert found.read_std == pytest.approx(RECORDED, rel=0.02)
    assert found.trusted


def test_a_flickering_lamp_counts_for_nothing():
    rng = np.random.default_rng(2)
    vignette = np.linspace(0.7, 1.3, SHAPE[1])
    flats = [
        np.concatenate([exposed(rng, e * vignette * rng.uniform(0.9, 1.1), 1) for _ in range(10)])
        for e in LIGHT
    ]
    assert calibrate(exposed(rng, 0, 20), flats).gain == pytest.approx(GAIN, rel=0.025)


def test_dark_frames_alone_tell_offset_and_read_noise_and_what_is_missing():
    rng = np.random.default_rng(3)
    found = calibrate(exposed(rng, 0, 20))
    assert found.gain is None
    assert found.offset == pytest.approx(OFFSET, abs=0.05)
    assert "flats are missing" in found.sentence()
    with pytest.raises(ValueError, match="give flats"):
        found.model()
    assert found.model(gain=0.46) == PoissonGaussian(0.46, found.offset, found.read_std)


def test_flats_alone_tell_the_gain_and_the_intercept():
    rng = np.random.default_rng(4)
    found = calibrate(flats=[exposed(rng, e, 20) for e in LIGHT])
    assert found.gain == pytest.approx(GAIN, rel=0.02)
    assert found.offset is None
    low, high = found.line.intercept_interval
    assert low < RECORDED**2 - GAIN * OFFSET < high
    assert found.model().std(np.float64(500.0)) == pytest.approx(found.line.at(500.0) ** 0.5)
    assert found.model(offset=OFFSET).std(np.float64(500.0)) == pytest.approx(found.line.at(500.0) ** 0.5)
    assert "dark frames would tell" in found.sentence()


def test_saturated_flats_are_left_out_by_name_and_the_camera_is_cut_off_there():
    rng = np.random.default_rng(5)
    light = (*LIGHT, 7900, 9000)  # the last two reach 4095
    found = calibrate(exposed(rng, 0, 16), [exposed(rng, e, 10) for e in light])
    assert [bool(level.left_out) for level in found.levels] == [False] * 4 + [True] * 2
    assert "saturated" in found.levels[-1].left_out
    assert found.model().high == 4095
    assert found.gain == pytest.approx(GAIN, rel=0.025)
    assert "4 light levels, at most" in found.sentence()
    with pytest.raises(ValueError, match=r"two usable levels.*Give flats of less light"):
        calibrate(flats=[exposed(rng, e, 4) for e in (200, 9000)])


def test_a_full_well_below_the_highest_value_is_noticed_by_its_falling_variance():
    rng = np.random.default_rng(6)

    def filled(e: float) -> np.ndarray:
        electrons = np.minimum(rng.poisson(e, (10, *SHAPE)), 3000 + 0.1 * rng.normal(size=(10, *SHAPE)))
        return np.round(GAIN * electrons + OFFSET + READ * rng.normal(size=electrons.shape))

    found = calibrate(exposed(rng, 0, 16), [filled(e) for e in (*LIGHT, 3300)])
    assert "full well" in found.levels[-1].left_out
    assert found.gain == pytest.approx(GAIN, rel=0.025)


def test_a_camera_that_is_not_linear_is_flagged_and_has_a_curve():
    rng = np.random.default_rng(7)

    def bent(frames: np.ndarray) -> np.ndarray:
        signal = frames - OFFSET
        return OFFSET + signal - signal**2 / 6000

    flats = [bent(exposed(rng, e, 20)) for e in LIGHT]
    dark = exposed(rng, 0, 20)
    found = calibrate(dark, flats)
    assert not found.trusted
    assert "not linear" in found.sentence()
    assert found.deviation > 0.05
    curve = found.curve()
    measured = [np.var(flat, axis=0, ddof=1).mean() for flat in flats]
    means = np.array([flat.mean() for flat in flats])
    np.testing.assert_allclose(curve.std(means) ** 2, measured, rtol=0.03)


def test_hot_pixels_are_found_and_left_out():
    rng = np.random.default_rng(8)
    read, offset = np.full(SHAPE, READ), np.full(SHAPE, OFFSET)
    read[3, 5], read[20, 21], offset[40, 41], offset[0, 0] = 40, 15, 400, 60
    dark = exposed(rng, 0, 16, read=read, offset=offset)
    found = calibrate(dark, [exposed(rng, e, 10, read=read, offset=offset) for e in LIGHT])
    assert sorted(zip(*np.nonzero(found.maps.hot), strict=True)) == [(0, 0), (3, 5), (20, 21), (40, 41)]
    assert found.hot_share == 4 / 64**2
    assert found.read_std == pytest.approx(RECORDED, rel=0.02)
    assert found.offset == pytest.approx(OFFSET, abs=0.05)


@pytest.mark.parametrize("frames", [2, 3, 10])
def test_no_good_pixel_is_called_hot_however_few_the_frames(frames: int):
    rng = np.random.default_rng(9)
    assert calibrate(exposed(rng, 0, frames, (256, 256))).hot_share == 0


def test_maps_follow_pixels_that_differ_and_stay_even_where_they_do_not():
    rng = np.random.default_rng(10)
    offset, gain = rng.normal(OFFSET, 3, SHAPE), rng.normal(GAIN, 0.15 * GAIN, SHAPE)
    differing = calibrate(
        exposed(rng, 0, 100, offset=offset, gain=gain),
        [exposed(rng, e, 100, offset=offset, gain=gain) for e in (200, 800, 2500)],
    )
    assert np.std(differing.maps.offset - offset) < 0.25
    assert np.corrcoef(differing.maps.gain.ravel(), gain.ravel())[0, 1] > 0.75
    assert np.std(differing.maps.gain - gain) < 0.09 * GAIN
    same = calibrate(exposed(rng, 0, 20), [exposed(rng, e, 10) for e in LIGHT])
    assert np.std(same.maps.offset) < 0.15
    assert np.std(same.maps.gain) < 0.1 * GAIN  # each pixel alone: 0.25
    assert same.maps.gain.dtype == same.maps.offset.dtype == same.maps.read_var.dtype == np.float32


def test_few_dark_frames_give_numbers_but_no_maps(tmp_path: Path):
    rng = np.random.default_rng(11)
    found = calibrate(exposed(rng, 0, 4), [exposed(rng, e, 4) for e in LIGHT])
    assert found.maps is None
    with pytest.raises(ValueError, match="at least 10 dark frames"):
        found.camera(tmp_path / "maps.npz")


def test_the_calibrated_camera_takes_the_pattern_out_of_new_frames(tmp_path: Path):
    rng = np.random.default_rng(12)
    offset, read = rng.normal(OFFSET, 8, SHAPE), np.full(SHAPE, READ)
    read[30, 30] = 50
    dark = exposed(rng, 0, 40, offset=offset, read=read)
    found = calibrate(dark, [exposed(rng, e, 10, offset=offset, read=read) for e in LIGHT])
    noise = found.camera(tmp_path / "maps.npz")
    frame = exposed(rng, 100, 1, offset=offset, read=read).astype(np.float32)
    even = noise.corrected(frame, tuple(np.arange(n) for n in SHAPE))
    expected = noise.std(np.float64(noise.offset + 100 * GAIN))
    assert even.std() == pytest.approx(float(expected), rel=0.05)
    assert frame.std() > 1.5 * even.std()
    assert noise.verdict == found.sentence()
    assert noise.read_std == pytest.approx(RECORDED, rel=0.03)


def test_statistics_are_those_of_numpy_where_nothing_drifts():
    frames = exposed(np.random.default_rng(13), 100, 40)
    found = frame_statistics(frames)
    np.testing.assert_allclose(found.mean, frames.mean(axis=0), rtol=1e-6)
    assert found.variance.mean() == pytest.approx(np.var(frames, axis=0, ddof=1).mean(), rel=0.01)


@settings(max_examples=15)
@given(frames=st.integers(2, 12))
def test_variances_are_unbiased_and_scatter_as_their_freedom_says(frames: int):
    found = frame_statistics(np.random.default_rng(frames).normal(1e5, 3, (frames, 128, 128)))
    assert found.variance.mean() == pytest.approx(9, rel=0.05)
    scatter = 2 / found.freedom
    assert (found.variance / 9).var() == pytest.approx(scatter, rel=0.12)


def test_large_stacks_are_read_a_frame_at_a_time():
    class Frames:
        """A stack that notices how it is read."""

        shape = (12, *SHAPE)

        def __init__(self) -> None:
            self.data, self.asked = exposed(np.random.default_rng(14), 0, 12), []

        def __len__(self) -> int:
            return len(self.data)

        def __getitem__(self, index: int) -> np.ndarray:
            self.asked.append(index)
            return self.data[index]

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise AssertionError("the whole stack was read")

        def __iter__(self) -> Iterator[np.ndarray]:
            raise AssertionError("the whole stack was read")

    frames = Frames()
    found = calibrate(frames)
    assert set(frames.asked) == set(range(12))
    assert all(isinstance(index, int) for index in frames.asked)
    assert found.offset == calibrate(frames.data).offset


def test_dask_arrays_and_lists_give_what_arrays_give():
    frames = exposed(np.random.default_rng(15), scene(64), 9)
    flats = [frames + 20, frames + 300]
    expected = from_frames(frames)
    assert from_frames(da.from_array(frames, chunks=(4, 32, 64))).line == expected.line
    assert from_frames(list(frames)).line == expected.line
    lazy = [da.from_array(flat, chunks=(9, -1, -1)) for flat in flats]
    assert frame_statistics(lazy[0]).mean.tolist() == frame_statistics(flats[0]).mean.tolist()


@pytest.mark.parametrize(("frames", "bleaching"), [(2, 0.0), (2, 0.03), (8, 0.0), (8, 0.03)])
def test_a_repeated_scene_tells_the_gain(frames: int, bleaching: float):
    gains = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        light = [scene() * (1 - bleaching) ** t for t in range(frames)]
        series = np.concatenate([exposed(rng, e, 1, (128, 128)) for e in light])
        found = from_frames(series, offset=OFFSET)
        assert found.trusted, found.doubts
        assert found.read_std == pytest.approx(RECORDED, rel=0.2)
        gains.append(found.gain)
    assert np.mean(gains) == pytest.approx(GAIN, rel=0.03)
    assert np.std(gains) < 0.06 * GAIN


def test_what_moves_in_a_scene_is_left_out():
    rng = np.random.default_rng(16)
    light = np.repeat(scene()[None], 10, axis=0)
    for t in range(10):
        light[t, 40:50, 10 * t : 10 * t + 10] += 400
    series = np.concatenate([exposed(rng, e, 1, (128, 128)) for e in light])
    found = from_frames(series)
    assert found.gain == pytest.approx(GAIN, rel=0.06)
    assert "moves or blinks" in found.sentence()
    assert "not linear" not in found.sentence()
    assert np.var(series, axis=0, ddof=1).mean() > 3 * found.line.at(series.mean())


def test_a_scene_without_contrast_tells_only_how_strong_its_noise_is():
    found = from_frames(exposed(np.random.default_rng(17), 30, 6, (96, 96)))
    assert found.gain == 0
    assert "gain was not found" in found.sentence()
    assert found.model().std(np.float64(115.0)) == pytest.approx(
        (30 * GAIN**2 + RECORDED**2) ** 0.5, rel=0.02
    )


def test_bright_parts_that_are_saturated_are_left_out_of_a_scene():
    rng = np.random.default_rng(18)
    found = from_frames(exposed(rng, scene(), 10, (128, 128), highest=125))
    assert any("saturated" in level.left_out for level in found.levels)
    assert found.gain == pytest.approx(GAIN, rel=0.05)


@pytest.mark.parametrize("frame", [np.full((16, 16), 7), np.arange(256).reshape(16, 16)])
def test_copies_of_one_frame_are_refused(frame: np.ndarray):
    with pytest.raises(ValueError, match="copies of one frame"):
        from_frames([frame, frame, frame])


def test_rare_photons_are_not_taken_for_motion():
    rng = np.random.default_rng(22)
    light = np.repeat(scene()[None] / 100, 4, axis=0)
    found = from_frames(20.0 * rng.poisson(light))
    assert found.gain == pytest.approx(20, rel=0.06)
    assert "moves" not in found.sentence()


def test_dark_frames_that_are_cut_off_at_zero_are_doubted():
    found = calibrate(exposed(np.random.default_rng(19), 0, 20, offset=0))
    assert "cut off" in found.sentence()
    assert not found.trusted


@pytest.mark.parametrize(
    ("dark", "flats", "message"),
    [
        (None, (), "there are no frames"),
        (np.zeros((1, 8, 8)), (), r"the dark stack has shape \(1, 8, 8\).*at least 2 frames"),
        (np.zeros((4, 8, 8, 3)), (), "of one channel"),
        (np.zeros((4, 8, 8)), [np.ones((4, 8, 9))], "the dark stack: 8 x 8, flat 0: 8 x 9"),
        (np.full((4, 8, 8), np.nan), (), "not finite"),
    ],
)
def test_frames_that_cannot_be_used_are_refused_with_the_reason(dark, flats, message: str):
    with pytest.raises(ValueError, match=message):
        calibrate(dark, flats)


def test_dark_and_flats_in_the_wrong_place_and_averages_are_refused():
    rng = np.random.default_rng(20)
    dark, flat = exposed(rng, 0, 4), exposed(rng, 500, 4)
    with pytest.raises(ValueError, match="check which is which"):
        calibrate(flat, [dark])
    steady = [level + rng.normal(size=(6, *SHAPE)) / (1 + i) for i, level in enumerate((200, 400, 600))]
    with pytest.raises(ValueError, match=r"two usable levels|does not rise"):
        calibrate(flats=steady)


def test_progress_counts_every_frame():
    rng, seen = np.random.default_rng(21), []
    calibrate(exposed(rng, 0, 3), [exposed(rng, 50, 2)], progress=lambda *at: seen.append(at))
    assert seen == [(i, 5) for i in range(1, 6)]


def test_the_example_of_the_documentation_runs():
    tests = [test for test in doctest.DocTestFinder().find(camera) if test.examples]
    runner = doctest.DocTestRunner()
    assert tests
    assert not any(runner.run(test).failed for test in tests)
