"""Photometry against results whose brightness is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_shrinkage.trust import channel_ratio, photometry

OFFSET = 100.0


def scene(shape=(200, 240)):
    """Return a truth of 100 to 600 counts above the offset."""
    y, x = np.indices(shape)
    return OFFSET + 350 + 150 * np.sin(x / 17) + 100 * np.cos(y / 23)


def noisy(truth, gain=2.0, seed=0):
    counts = np.random.default_rng(seed).poisson((truth - OFFSET) / gain)
    return OFFSET + gain * counts, np.sqrt(gain * (truth - OFFSET))


def tiles(shape, size=40):
    y, x = np.indices(shape)
    return 1 + x // size + (y // size) * (-(-shape[1] // size))


def test_a_perfect_result_keeps_mean_slope_and_regions():
    truth = scene()
    image, std = noisy(truth)
    found = photometry(image, truth, tiles(truth.shape), std=std, offset=OFFSET)
    assert found.passed
    assert found.linearity.slope == pytest.approx(1, abs=3 * found.linearity.slope_error)
    assert found.linearity.slope_error < 0.005
    assert not found.changed


def test_errors_of_regions_are_the_spread_of_their_differences():
    truth = scene()
    image, std = noisy(truth)
    found = photometry(image, truth, tiles(truth.shape, 8), std=std, offset=OFFSET)
    scores = [m.difference / m.error for m in found.regions]
    assert len(scores) == 750
    assert np.std(scores) == pytest.approx(1, abs=0.1)
    assert stats.kstest(scores, "norm").pvalue > 1e-3


def test_the_slope_error_is_the_spread_of_slopes():
    truth = scene((60, 60))
    found = [
        photometry(image, truth, std=std, offset=OFFSET).linearity
        for image, std in (noisy(truth, seed=i) for i in range(100))
    ]
    assert np.std([line.slope for line in found]) == pytest.approx(found[0].slope_error, rel=0.25)
    assert np.mean([line.slope for line in found]) == pytest.approx(1, abs=0.3 * found[0].slope_error + 1e-3)


def test_a_result_two_per_cent_too_dim_is_flagged_in_mean_and_slope():
    truth = scene()
    image, std = noisy(truth)
    dim = OFFSET + 0.98 * (truth - OFFSET)
    found = photometry(image, dim, std=std, offset=OFFSET)
    assert found.passed is False
    assert found.linearity.passed is False
    assert found.whole.difference == pytest.approx(-2, abs=3 * found.whole.error)
    assert found.linearity.slope == pytest.approx(0.98, abs=0.01)
    assert "changed" in found.sentence()


def test_lost_contrast_that_keeps_the_mean_shows_in_the_slope_alone():
    truth = scene()
    image, std = noisy(truth)
    flat = truth.mean() + 0.9 * (truth - truth.mean())
    found = photometry(image, flat, std=std, offset=OFFSET)
    assert abs(found.whole.difference) < 0.3
    assert found.linearity.passed is False
    assert found.linearity.slope == pytest.approx(0.9, abs=0.01)
    assert found.linearity.largest_deviation < 1


def test_a_pedestal_hides_a_loss_until_it_is_named():
    truth = scene()
    image, _ = noisy(truth)
    dim = image.mean() + 0 * truth - 0.01 * (image.mean() - OFFSET)
    assert photometry(image, dim, offset=OFFSET).whole.difference == pytest.approx(-1)
    assert abs(photometry(image, dim).whole.difference) < 0.9


def test_gamma_shows_as_deviation_from_the_line():
    truth = scene()
    bent = OFFSET + 600 * ((truth - OFFSET) / 600) ** 0.6
    assert photometry(truth, bent, offset=OFFSET).linearity.largest_deviation > 3
    assert photometry(truth, 2 * truth, offset=OFFSET).linearity.largest_deviation < 1e-9


def test_sorting_by_the_noisy_value_itself_would_blame_a_perfect_result():
    truth = 300 + 0.1 * (scene() - 450)
    image, _ = noisy(truth)
    misled = photometry(image, truth, offset=OFFSET, reference=image).linearity
    fair = photometry(image, truth, offset=OFFSET).linearity
    independent = photometry(image, truth, offset=OFFSET, reference=noisy(truth, seed=1)[0]).linearity
    assert abs(misled.slope - 1) > 0.5
    assert abs(fair.slope - 1) < 0.1
    assert abs(independent.slope - 1) < 0.3


def test_a_region_that_lost_light_is_named():
    truth = scene()
    image, std = noisy(truth)
    labels = tiles(truth.shape)
    labels[labels == 7] = 0
    lossy = np.where(labels == 5, OFFSET + 0.95 * (truth - OFFSET), truth)
    found = photometry(image, lossy, labels, std=std, offset=OFFSET)
    assert found.changed == (5,)
    assert found.passed is False
    assert 7 not in [m.label for m in found.regions]
    assert "1 of 29 regions" in found.sentence()


def test_what_noise_hides_is_neither_passed_nor_failed():
    truth = np.full((8, 8), OFFSET + 2.0)
    image, std = noisy(truth)
    found = photometry(image, truth, std=std, offset=OFFSET)
    assert abs(found.whole.difference) > 0.3
    assert found.passed is None
    assert "not told apart" in found.sentence()


def test_pixels_that_are_not_finite_are_left_out_of_both():
    truth = scene()
    image, _ = noisy(truth)
    holes = image.copy()
    holes[::3] = np.nan
    found = photometry(holes, truth, offset=OFFSET)
    assert found.whole.pixels == np.isfinite(holes).sum()
    assert found.whole.before == pytest.approx(np.nanmean(holes))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"restored": np.zeros((3, 4))}, "different shapes"),
        ({"restored": np.zeros((4, 4)), "regions": np.zeros((3, 3), int)}, "broadcasts"),
        ({"restored": np.full((4, 4), np.nan)}, "finite"),
    ],
)
def test_what_cannot_be_compared_is_said(arguments, said):
    with pytest.raises(ValueError, match=said):
        photometry(np.ones((4, 4)), **arguments)


def test_regions_have_to_be_integers():
    with pytest.raises(TypeError, match="integers"):
        photometry(np.ones((4, 4)), np.ones((4, 4)), np.ones((4, 4)))


def test_a_perfect_result_keeps_the_ratio_and_its_error_is_the_spread():
    first, second = scene(), OFFSET + 0.5 * (scene() - OFFSET)
    (a, std_a), (b, std_b) = noisy(first, seed=1), noisy(second, seed=2)
    labels = tiles(first.shape, 8)
    found = channel_ratio(a, b, first, second, labels, (OFFSET, OFFSET), (std_a, std_b))
    assert found.after == pytest.approx(np.full(750, 2.0))
    assert np.std(found.changes / found.errors) == pytest.approx(1, abs=0.1)
    assert False not in found.answers


def test_a_channel_that_lost_light_changes_the_ratio():
    first, second = scene(), scene()
    dim = OFFSET + 0.95 * (second - OFFSET)
    found = channel_ratio(first, second, first, dim, None, (OFFSET, OFFSET), (1.0, 1.0))
    assert found.changes == pytest.approx([100 / 0.95 - 100])
    assert found.passed is False
    assert "changed in 1 of 1" in found.sentence()


def test_a_ratio_without_signal_is_not_judged():
    dark = np.full((5, 5), OFFSET)
    found = channel_ratio(dark + 1, dark, dark + 1, dark, None, (OFFSET, OFFSET))
    assert found.passed is None
    assert "No region" in found.sentence()


def test_both_channels_use_the_same_pixels():
    first, second = scene((20, 20)), scene((20, 20))
    second[:10] = np.nan
    found = channel_ratio(first, second, first, second, None, (OFFSET, OFFSET))
    assert found.before == pytest.approx([1.0])


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_what_a_linear_filter_leaves_of_noise_alone_is_within_its_bound(sigma):
    image = 100 + 5 * np.random.default_rng(0).standard_normal((300, 300))
    line = photometry(image, ndimage.gaussian_filter(image, sigma), std=5.0).linearity
    assert abs(line.slope - 1) > 0.1
    assert abs(line.slope - 1) <= 1.1 * line.own_noise + 3 * line.slope_error
    assert line.passed is None


def test_fine_contrast_that_was_lost_is_told_from_a_wrong_scale():
    truth = scene()
    wave = 70 * np.sin(np.indices(truth.shape)[1] * 1.5)
    image, std = noisy(truth + wave)
    halved = photometry(image, truth + wave / 2, std=std, offset=OFFSET)
    expected = (truth.var() + wave.var() / 4) / (truth.var() + wave.var() / 2)
    assert halved.linearity.slope == pytest.approx(expected, abs=0.01)
    assert halved.areas.slope == pytest.approx(1, abs=0.01)
    assert "fine detail was lost" in halved.sentence()
    scaled = photometry(image, OFFSET + 0.9 * (truth + wave - OFFSET), std=std, offset=OFFSET)
    assert scaled.areas.slope == pytest.approx(0.9, abs=0.01)
    assert "fine detail" not in scaled.sentence()


def test_an_independent_frame_leaves_no_share_to_own_noise():
    truth = scene()
    image, std = noisy(truth)
    found = photometry(image, image, std=std, offset=OFFSET, reference=noisy(truth, seed=1)[0])
    assert found.linearity.own_noise == 0
    assert found.linearity.slope == pytest.approx(1)
