"""The collaborative ridge: its pilots, colours, volumes and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

import napari_shrinkage as ns

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
    taken_for_white = ns.restore(image, "collaborative", noise=SIGMA)
    assert psnr(told, truth) > psnr(taken_for_white, truth) + 1


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
        ({"pilot": ns.Shrinkage(transform=ns.SlidingDCT(ndim=3))}, "ndim=3"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        ns.Collaborative(**values)  # type: ignore[arg-type]
