"""The collaborative ridge: its pilots, colours, volumes and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.recipe import Step
from napari_shrinkage.tiles import restore_region

SIGMA = 25.0


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((image - truth) ** 2)))


def noisy(truth: np.ndarray, seed: int = 0) -> np.ndarray:
    return (truth + SIGMA * np.random.default_rng(seed).standard_normal(truth.shape)).astype(np.float32)


def bricks(shape: tuple[int, int] = (110, 120)) -> np.ndarray:
    """Return a picture that repeats itself: rows of bricks."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    joint = (y % 11 < 2) | ((x + 8 * (y // 11 % 2)) % 17 < 2)
    return np.where(joint, 60.0, 170.0)


def test_it_restores_what_repeats_itself_better_than_its_pilot() -> None:
    truth = bricks()
    image = noisy(truth)
    pilot, grouped = (ns.restore(image, name, noise=SIGMA) for name in ("dct-wiener", "collaborative"))
    assert psnr(grouped, truth) > psnr(pilot, truth) + 1.5


def test_colours_are_grouped_by_their_luminance() -> None:
    """Chrominance too faint to be matched by itself follows the luminance's groups."""
    truth = data.astronaut()[60:160, 180:290].astype(np.float32)
    image = noisy(truth)
    joint, alone = (
        ns.restore(image, ns.Collaborative(joint=choice), noise=SIGMA, axes="YXC") for choice in (None, False)
    )
    assert psnr(joint, truth) > psnr(alone, truth) + 0.1


def test_independent_channels_are_grouped_each_by_itself() -> None:
    first, second = noisy(bricks((70, 80))), noisy(bricks((70, 80)).T[:70, :70][:, ::-1], 1)
    second = np.pad(second, ((0, 0), (0, 10)), mode="reflect")
    both = ns.restore(np.stack([first, second]), "collaborative", noise=SIGMA, axes="CYX")
    alone = ns.restore(second, "collaborative", noise=SIGMA)
    np.testing.assert_allclose(both[1], alone, atol=1e-3)


def test_planes_help_each_other_in_a_volume() -> None:
    truth = np.stack([data.camera()[100:180, 150 + z : 240 + z] for z in range(5)]).astype(np.float32)
    image = noisy(truth)
    planes, volume = (
        ns.restore(image, ns.Collaborative(ndim=ndim), noise=SIGMA, axes="ZYX") for ndim in (2, 3)
    )
    assert psnr(volume, truth) > psnr(planes, truth) + 0.5


def test_a_pilot_may_restore_volumes_or_planes() -> None:
    image = noisy(np.stack([bricks((50, 60))] * 4))
    deep = ns.EmpiricalWiener(
        pilot=ns.Shrinkage(transform=ns.SlidingDCT(ndim=3), rule=ns.Hard(), threshold=ns.Profile()),
        transform=ns.SlidingDCT(ndim=3),
    )
    for pilot in (ns.EmpiricalWiener(), deep):
        method = ns.Collaborative(ndim=3, pilot=pilot, pilot_share=1.0)
        restored = ns.restore(image, method, noise=SIGMA, axes="ZYX")
        assert psnr(restored, np.stack([bricks((50, 60))] * 4)) > 30


def test_a_learned_pilot_helps() -> None:
    truth = data.camera()[100:200, 150:271].astype(np.float32)
    image = noisy(truth)
    plain, learned = (
        ns.restore(image, ns.Collaborative(pilot=pilot), noise=SIGMA)
        for pilot in (ns.EmpiricalWiener(), ns.LearnedDct())
    )
    assert psnr(learned, truth) > psnr(plain, truth)


def test_correlated_noise_that_is_told_is_restored_better_than_if_taken_for_white() -> None:
    truth = data.camera()[100:200, 150:271].astype(np.float32)
    white = np.random.default_rng(0).standard_normal((102, 123))
    rows = (white[1:-1, :-2] + white[1:-1, 1:-1] + white[1:-1, 2:]) / np.sqrt(3)
    image = (truth + SIGMA * rows).astype(np.float32)
    correlation = ns.Autocorrelation.from_kernel(np.ones((1, 3)))
    told = ns.restore(image, "collaborative", noise=ns.Gaussian(SIGMA, correlation))
    pilot = ns.restore(image, "dct-wiener", noise=ns.Gaussian(SIGMA, correlation))
    taken_for_white = ns.restore(image, "collaborative", noise=SIGMA)
    assert psnr(told, truth) > psnr(taken_for_white, truth) + 1
    assert psnr(told, truth) > psnr(pilot, truth)


@pytest.mark.parametrize("blur", [0.7, 1.0, 2.0])
def test_noise_that_several_neighbours_share_is_left_to_the_pilot(blur: float) -> None:
    truth = data.camera()[100:200, 150:271].astype(np.float32)
    taps = np.exp(-(np.arange(-8, 9) ** 2) / (2 * blur**2))
    kernel = np.outer(taps, taps) / np.sqrt((np.outer(taps, taps) ** 2).sum())
    white = np.random.default_rng(0).standard_normal((116, 137))
    image = truth + SIGMA * convolve(white, kernel, mode="valid")
    noise = ns.Gaussian(SIGMA, ns.Autocorrelation.from_kernel(kernel))
    pilot = ns.restore(image, "dct-wiener", noise=noise)
    with pytest.warns(ns.TransferWarning, match="not grouped"):
        restored = ns.restore(image, "collaborative", noise=noise)
    np.testing.assert_allclose(restored, pilot, atol=0.02)


@pytest.mark.filterwarnings("ignore::napari_shrinkage.TransferWarning")
@pytest.mark.parametrize("shape", [(3, 200), (12, 12), (40, 20)])
@pytest.mark.parametrize("border", ["symmetric", "periodic"])
def test_images_that_are_narrow_are_no_noisier_than_the_pilots(shape: tuple[int, int], border: str) -> None:
    noise = SIGMA * np.random.default_rng(0).standard_normal(shape)
    method = ns.Collaborative(border=border)  # type: ignore[arg-type]
    grouped = ns.restore(noise, method, noise=SIGMA)
    assert grouped.std() <= ns.restore(noise, "dct-wiener", noise=SIGMA).std() + 1


@pytest.mark.parametrize("pilot", [ns.EmpiricalWiener(), None], ids=["planes", "volumes"])
@pytest.mark.parametrize("search_z", [1, 2])
def test_a_window_of_a_volume_shows_the_pixels_of_the_whole(
    pilot: ns.EmpiricalWiener | None, search_z: int
) -> None:
    image = noisy(np.stack([bricks((40, 50))] * 24))
    deep = ns.SlidingDCT(ndim=3, size_z=2)
    pilot = pilot or ns.Shrinkage(transform=deep, rule=ns.Hard(), threshold=ns.Profile())
    stack = ns.Stack(image, "ZYX")
    step = Step(ns.Collaborative(ndim=3, pilot=pilot, search_z=search_z), ns.Gaussian(SIGMA))
    plan = ns.resolve(step, stack)
    window = (slice(11, 13), slice(0, 40), slice(0, 50))
    shown = restore_region(plan, stack)[window]
    np.testing.assert_allclose(restore_region(plan, stack, window), shown, atol=1e-3 * SIGMA)


def test_a_time_series_is_matched_across_frames_when_its_time_is_named_depth() -> None:
    series = noisy(np.stack([bricks((50, 60))] * 4))
    with pytest.raises(ValueError, match="ZYX"):
        ns.restore(series, ns.Collaborative(ndim=3), noise=SIGMA, axes="TYX")
    assert ns.restore(series, ns.Collaborative(ndim=3), noise=SIGMA, axes="ZYX").shape == series.shape


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"pilot": ns.Collaborative()}, "third step"),
        ({"pilot": ns.EmpiricalWiener(), "stride": 6, "patch_size": 5}, "stride <= 5"),
        ({"patch_size": 6}, "patch_size"),
        ({"pilot": ns.Upscale()}, "cannot be a pilot"),
        ({"pilot": ns.HotPixels()}, "cannot be a pilot"),
        ({"pilot": ns.Shrinkage(transform=ns.SlidingDCT(ndim=3))}, "ndim=3"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        ns.Collaborative(**values)  # type: ignore[arg-type]
