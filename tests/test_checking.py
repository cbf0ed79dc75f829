"""The report on a result: which checks run, on which data, and what they say."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_shrinkage as ns
from napari_shrinkage import api
from napari_shrinkage.checking import TrustReport, checking, mapping_confidence
from napari_shrinkage.engine import Progress, drain, run
from napari_shrinkage.noise import Autocorrelation
from napari_shrinkage.recipe import Recipe
from napari_shrinkage.restorers import named
from napari_shrinkage.stack import Stack
from napari_shrinkage.trust import Linearity, RingCorrelation, SpotBias, confidence_map, photometry

SIGMA = 10.0
NOISE = ns.Gaussian(SIGMA)


@pytest.fixture(scope="module")
def clean():
    y, x = np.mgrid[:128, :160]
    return 200 + 60 * np.sin(x / 17) * np.cos(y / 23) + 50.0 * (y > 64)


@pytest.fixture(scope="module")
def noisy(clean):
    return clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape)


@pytest.fixture(scope="module")
def made(noisy):
    """The result of a run, with its record."""
    return drain(run(Recipe.of(named("dct"), NOISE), Stack(noisy)))


def line_of(report: TrustReport, check: str, channel: str = ""):
    (found,) = [line for line in report.lines if (line.check, line.channel) == (check, channel)]
    return found


def checks(report: TrustReport) -> list[str]:
    return list(dict.fromkeys(line.check for line in report.lines))


def test_a_good_result_passes_and_every_line_speaks(noisy, made):
    report = ns.trust_report(noisy, made.stack.array, restorer=made.record.plans)
    told = {line.check: line.passed for line in report.lines}
    assert all(told[check] for check in ("Mean", "Noise removed", "Structure removed", "Confidence map"))
    assert told["Resolution"] is None
    assert isinstance(report.found(SpotBias)[0][1], SpotBias)
    assert all(line.sentence.endswith((".", ")")) for line in report.lines)
    assert report.noise == NOISE.for_channels(1)


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda image, result: result * 1.01, "Mean"),
        (lambda image, result: 200 + 0.9 * (result - 200), "Linearity"),
        (lambda image, result: 0.5 * (image + result), "Noise removed"),
        (
            lambda image, result: np.where(np.abs(np.arange(160) - 80) < 12, result.mean(), result),
            "Confidence map",
        ),
    ],
    ids=["brighter", "less contrast", "half of the noise", "a stripe wiped out"],
)
def test_what_spoils_a_result_fails_the_check_that_is_about_it(noisy, made, spoil, check):
    result = made.stack.array
    assert line_of(ns.trust_report(noisy, result, NOISE), check).passed is not False
    assert line_of(ns.trust_report(noisy, spoil(noisy, result), NOISE), check).passed is False


def test_numbers_are_those_of_the_tests_of_trust(noisy, made):
    report = ns.trust_report(noisy, made.stack.array, NOISE)
    ((_, line),) = report.found(Linearity)
    wanted = photometry(noisy.astype(np.float32), made.stack.array, std=SIGMA).linearity
    assert line.slope == pytest.approx(wanted.slope, rel=1e-5)


def test_without_the_method_no_spots_are_added_and_the_line_says_why(noisy, made):
    spots = line_of(ns.trust_report(noisy, made.stack.array, NOISE), "Small spots")
    assert (spots.passed, spots.found) == (None, None)
    assert "how this result was made" in spots.sentence


def test_spots_go_through_the_very_plans_of_the_record(noisy, made):
    identity = ns.trust_report(noisy, noisy, NOISE, ns.Shrinkage(threshold=ns.Ratio(r=0.0)))
    ((_, kept),) = identity.found(SpotBias)
    assert np.allclose(kept.ratios, 1, atol=1e-3)
    ((_, lost),) = ns.trust_report(noisy, made.stack.array, restorer=made.record.plans).found(SpotBias)
    assert lost.ratios[0] < 0.9


def test_regions_are_told_one_by_one(noisy, made):
    labels = np.zeros(noisy.shape, int)
    labels[:40, :40], labels[80:, 80:] = 1, 7
    spoiled = made.stack.array.copy()
    spoiled[80:, 80:] *= 1.05
    good, bad = (
        line_of(ns.trust_report(noisy, result, NOISE, regions=labels), "Regions")
        for result in (made.stack.array, spoiled)
    )
    assert good.passed
    assert bad.passed is False
    assert "1 of 2 regions" in bad.sentence
    assert bad.sentence.endswith("7.")


def test_noise_that_neighbours_share_moves_means_by_more_than_white_noise():
    rng = np.random.default_rng(0)
    kernel = np.outer(*(np.exp(-(np.arange(-4, 5) ** 2) / 2),) * 2)
    noise = ns.Gaussian(SIGMA, autocorrelation=Autocorrelation.from_kernel(kernel.tolist()))
    shared = gaussian_filter(rng.standard_normal((256, 256)), 1.0, mode="wrap", truncate=4.0)
    flat = np.full(shared.shape, 200.0)  # the truth as its own result: only noise moves a mean
    y, x = np.indices(flat.shape) // 16
    report = ns.trust_report(flat + SIGMA * shared / shared.std(), flat, noise, regions=1 + 16 * y + x)
    assert line_of(report, "Regions").passed
    report = ns.trust_report(flat + SIGMA * shared / shared.std(), 1.2 * flat, noise, regions=1 + 16 * y + x)
    assert line_of(report, "Regions").passed is False


def test_regions_without_signal_pass_nothing(noisy, made):
    dark, labels = noisy - noisy.max(), np.ones(noisy.shape, int)
    line = line_of(ns.trust_report(dark, dark, NOISE, regions=labels), "Regions")
    assert (line.passed, line.number) == (None, "")


def test_a_second_frame_tells_the_resolution_and_chance_tells_none(clean, noisy, made):
    rng = np.random.default_rng(1)
    second = clean + SIGMA * rng.standard_normal(clean.shape)
    told = line_of(ns.trust_report(noisy, made.stack.array, NOISE, second=second), "Resolution")
    assert "Two frames" in told.sentence
    assert told.found.resolution > 4  # the scene has nothing finer
    other = line_of(
        ns.trust_report(noisy, made.stack.array, NOISE, second=rng.random(clean.shape)), "Resolution"
    )
    assert other.found.shares_nothing


def test_one_frame_is_split_by_electrons_where_the_gain_is_known_else_by_pixels(clean):
    electrons = np.random.default_rng(0).poisson(clean).astype(float)
    by_electrons = ns.trust_report(electrons, clean, ns.PoissonGaussian(1.0))
    by_pixels = ns.trust_report(electrons, clean, ns.Gaussian(14.0))
    assert "electrons" in line_of(by_electrons, "Resolution").sentence
    assert "4 pixels" in line_of(by_pixels, "Resolution").sentence
    ((_, fine),) = by_electrons.found(RingCorrelation)
    ((_, coarse),) = by_pixels.found(RingCorrelation)
    assert fine.frequencies[-1] == pytest.approx(0.5)
    assert coarse.frequencies[-1] == pytest.approx(0.25)
    assert fine.resolution == pytest.approx(coarse.resolution, rel=0.35)


def test_resolution_comes_in_the_unit_of_the_pixels(noisy, made):
    stack = Stack(noisy, spacing=(0.2, 0.2), units=("um", "um"))
    told = line_of(drain(checking(stack, stack.with_array(made.stack.array), NOISE)), "Resolution")
    assert told.number.endswith(" um")
    assert float(told.number.split()[0]) == pytest.approx(0.2 * told.found.resolution, rel=1e-3)


def test_correlated_noise_reaches_no_verdict_on_whiteness_and_is_not_split(noisy, made):
    values = ((0.1, 0.4, 0.1), (0.4, 1.0, 0.4), (0.1, 0.4, 0.1))
    correlated = ns.Gaussian(SIGMA, autocorrelation=ns.Autocorrelation(values))
    report = ns.trust_report(noisy, made.stack.array, correlated)
    assert line_of(report, "Whiteness").passed is None
    assert line_of(report, "Resolution").found is None


def test_two_channels_are_checked_one_by_one_and_against_each_other(noisy, made):
    image, result = (np.stack([one, 2 * one]) for one in (noisy, made.stack.array))
    noise = ns.Gaussian((SIGMA, 2 * SIGMA))
    good = ns.trust_report(image, result, noise, axes="CYX")
    assert {line.channel for line in good.lines} >= {"channel 0", "channel 1"}
    assert line_of(good, "Channel ratio").passed is not False
    result[1] *= 1.1
    bad = ns.trust_report(image, result, noise, axes="CYX")
    assert line_of(bad, "Channel ratio").passed is False
    assert (line_of(bad, "Mean", "channel 0").passed, line_of(bad, "Mean", "channel 1").passed) == (
        True,
        False,
    )


def test_colours_are_checked_one_by_one_without_alpha(noisy, made):
    alpha = np.full(noisy.shape, 255.0)
    image = np.stack([noisy, noisy, noisy, alpha], axis=-1)
    result = np.stack([made.stack.array] * 3 + [alpha], axis=-1)
    result[..., 1] *= 1.02
    report = ns.trust_report(image, result, NOISE, "dct", axes="YXC")
    means = {line.channel: line.passed for line in report.lines if line.check == "Mean"}
    assert means == {"red": True, "green": False, "blue": True}
    assert "Channel ratio" not in checks(report)


def test_of_a_series_some_planes_are_looked_at_and_the_report_says_so(noisy, made):
    image, result = (np.stack([one] * 9) for one in (noisy, made.stack.array))
    result[0] *= 2  # not among the planes
    report = ns.trust_report(image, result, NOISE, "dct", axes="TYX", regions=np.ones(noisy.shape, int))
    assert line_of(report, "Mean").passed
    assert any("4 of 9 planes" in note for note in report.notes)


def test_a_method_for_volumes_gets_its_volume(noisy, made):
    rng = np.random.default_rng(2)
    volume = np.stack([noisy[:96, :96] + SIGMA * rng.standard_normal((96, 96)) for _ in range(4)])
    method = ns.Shrinkage(transform=ns.Wavelet(ndim=3))
    report = ns.trust_report(volume, volume, ns.Gaussian(14.0), method, axes="ZYX")
    assert line_of(report, "Small spots").found.spots == 12


def test_a_result_of_a_part_is_compared_with_that_part(noisy):
    region = (slice(20, 90), slice(30, 130))
    part = drain(run(Recipe.of(named("dct"), NOISE), Stack(noisy), region))
    report = drain(checking(Stack(noisy), part.stack, None, part.record.plans, region=region))
    assert line_of(report, "Mean").passed
    assert line_of(report, "Confidence map").passed
    whole = drain(mapping_confidence(Stack(noisy), part.stack, NOISE, region))
    wanted = confidence_map(noisy[region].astype(np.float32), part.stack.array, NOISE).z
    assert np.allclose(whole, wanted, atol=1e-4)


def test_the_map_of_a_series_is_that_of_its_planes_and_of_colours_the_worst(noisy, made):
    image, result = (np.stack([one, one]) for one in (noisy, made.stack.array))
    single = confidence_map(noisy.astype(np.float32), made.stack.array, NOISE).z
    series = drain(mapping_confidence(Stack(image, "TYX"), Stack(result, "TYX"), NOISE))
    assert np.allclose(series, single[None], atol=1e-4)
    colour, spoiled = (np.stack([one] * 3, axis=-1) for one in (noisy, made.stack.array))
    spoiled[:64, :, 2] += 100
    worst = drain(mapping_confidence(Stack(colour, "YXC"), Stack(spoiled, "YXC"), NOISE))
    assert worst.shape == noisy.shape
    assert worst[:60].min() > 3
    assert np.allclose(worst[68:], single[68:], atol=1e-4)


def test_pixels_that_are_not_known_take_no_part(noisy, made):
    holes, result = noisy.copy(), made.stack.array.copy()
    holes[10:20, 10:20], result[10:20, 10:20] = np.nan, np.nan
    report = ns.trust_report(holes, result, NOISE)
    assert line_of(report, "Mean").passed
    assert "finite" in line_of(report, "Resolution").sentence


def test_a_doubtful_estimate_is_named_in_the_notes(noisy, made):
    striped = noisy + 40.0 * (np.arange(160) % 2)
    assert ns.trust_report(noisy, made.stack.array, NOISE).notes == ()
    notes = ns.trust_report(striped, striped).notes
    assert any("noise is not sure" in note for note in notes)


def test_a_reference_adds_the_error(clean, noisy, made):
    report = ns.trust_report(noisy, made.stack.array, NOISE, reference=clean)
    assert float(line_of(report, "Error").number) == pytest.approx(np.std(made.stack.array - clean), rel=1e-3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"restored": np.zeros((3, 3))}, "result has shape"),
        ({"second": np.zeros((3, 3))}, "second frame has shape"),
        ({"reference": np.zeros((3, 3))}, "reference has shape"),
        ({"regions": np.zeros((3, 3), int)}, "regions have shape"),
    ],
)
def test_what_covers_other_pixels_is_refused_with_both_shapes(noisy, given, said):
    with pytest.raises(ValueError, match=said) as error:
        ns.trust_report(**({"image": noisy, "restored": noisy, "noise": NOISE} | given))
    assert "(128, 160)" in str(error.value)


def test_an_image_too_small_for_a_check_says_so_and_the_others_run():
    tiny = 100 + np.random.default_rng(0).standard_normal((8, 8))
    report = ns.trust_report(tiny, tiny, ns.Gaussian(1.0), "dct")
    assert line_of(report, "Small spots").sentence.startswith("Not checked: ")
    assert line_of(report, "Mean").passed


def test_markdown_has_a_row_for_every_line_and_counts_the_verdicts(noisy, made):
    report = ns.trust_report(noisy, made.stack.array, NOISE)
    rows = [row for row in report.markdown().splitlines() if row.startswith("| ")]
    assert len(rows) == len(report.lines) + 2
    assert len({row.count("|") for row in rows}) == 1
    assert report.summary() in report.markdown()


def test_the_work_can_be_stopped_before_every_check(noisy, made):
    work = checking(Stack(noisy), made.stack, NOISE)
    steps = [next(work) for _ in range(4)]
    work.close()
    assert all(isinstance(step, Progress) for step in steps)
    assert [step.done for step in steps] == [0, 0, 1, 2]


def test_the_example_of_the_documentation_holds():
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder(recurse=False).find(api.trust_report, globs={}):
        assert runner.run(example).failed == 0
