"""Fitting: exact where bands are independent, by descent elsewhere; with a target and without."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from skimage import data

import napari_shrinkage as ns
from napari_shrinkage.fitting import FitProgress, fitting
from napari_shrinkage.losses import Loss, Sure, chosen_loss
from napari_shrinkage.methods import members

SIGMA = 20.0
CLEAN = data.camera()[100:228, 150:278].astype(np.float32)
NOISY = (CLEAN + SIGMA * np.random.default_rng(0).standard_normal(CLEAN.shape)).astype(np.float32)
SECOND = (CLEAN + SIGMA * np.random.default_rng(1).standard_normal(CLEAN.shape)).astype(np.float32)
DECIMATED = ns.Shrinkage(transform=ns.Wavelet(wavelet="haar", levels=3, border="periodic"))
STATIONARY = ns.Shrinkage(transform=ns.StationaryWavelet(levels=3))


def mse(restored: np.ndarray, clean: np.ndarray = CLEAN) -> float:
    return float(np.mean((restored - clean) ** 2, dtype=np.float64))


def restored(method: ns.Shrinkage, image: np.ndarray = NOISY) -> np.ndarray:
    return ns.restore(image, method, noise=SIGMA)


def test_the_exact_fit_is_the_best_threshold_of_every_band_in_the_image():
    fitted = ns.fit(NOISY, DECIMATED, "supervised", target=CLEAN, noise=SIGMA)
    values = fitted.threshold.values
    for key in ("1/dd", "2/ad", "3/da"):

        def error(t: float, key: str = key) -> float:
            moved = ns.PerBand(values={**values, key: (t,)})
            return mse(restored(fitted.replace(threshold=moved)))

        found = minimize_scalar(error, bounds=(0, 8), method="bounded", options={"xatol": 1e-3})
        assert error(values[key][0]) <= found.fun + 1e-4


def test_exact_fit_and_descent_agree_on_an_orthonormal_transform():
    exact = ns.fit(NOISY, DECIMATED, "supervised", target=CLEAN, noise=SIGMA)
    # a rule that equals the soft one, but is not known to be separable, takes the way along the gradient
    nearly_soft = DECIMATED.replace(rule=ns.Firm(ratio=1000.0))
    descended = ns.fit(NOISY, nearly_soft, "supervised", target=CLEAN, noise=SIGMA, iterations=60)
    assert mse(restored(descended)) == pytest.approx(mse(restored(exact)), rel=2e-3)
    assert mse(restored(exact)) < mse(restored(DECIMATED))


@pytest.mark.parametrize(
    ("loss", "start"), [("sure", 0.2), ("poisson-gaussian-sure", 0.2), ("noise2self", 4.0)]
)
@pytest.mark.parametrize("method", [DECIMATED, STATIONARY], ids=["decimated", "stationary"])
def test_a_fit_without_a_target_mends_a_bad_threshold(method: ns.Shrinkage, loss: str, start: float):
    bad = all_alike(method, start)
    oracle = mse(restored(ns.fit(NOISY, method, "supervised", target=CLEAN, noise=SIGMA)))
    found = mse(restored(ns.fit(NOISY, bad, loss, noise=SIGMA)))
    assert (mse(restored(bad)) - found) / (mse(restored(bad)) - oracle) > 0.9


def all_alike(method: ns.Shrinkage, t: float) -> ns.Shrinkage:
    """Return the method with the same multiple for every band, each free to move."""
    keys = [band.key for band in method.transform.subbands() if band.detail]
    return method.replace(threshold=ns.PerBand(values=dict.fromkeys(keys, (t,))))


def test_a_second_noisy_image_is_nearly_as_good_as_a_clean_one():
    bayes, oracle, paired = (
        mse(restored(m))
        for m in (
            DECIMATED,
            ns.fit(NOISY, DECIMATED, "supervised", target=CLEAN, noise=SIGMA),
            ns.fit(NOISY, DECIMATED, "noise2noise", target=SECOND, noise=SIGMA),
        )
    )
    assert (bayes - paired) / (bayes - oracle) > 0.8


def test_sure_on_an_orthonormal_transform_is_the_sure_threshold():
    fitted = ns.fit(NOISY, DECIMATED, Sure(smooth=False), noise=SIGMA)
    chosen = ns.resolve(ns.Step(DECIMATED.replace(threshold=ns.Sure()), ns.Gaussian(SIGMA)), ns.Stack(NOISY))
    for key, value in chosen.restorer.threshold.values.items():
        assert fitted.threshold.values[key] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    "threshold", [ns.Ratio(r=1.0), ns.Profile(low=1.0, high=1.0), ns.RatioPerLevel(r=(1.0, 1.0))]
)
def test_a_threshold_of_few_numbers_keeps_its_kind(threshold):
    fitted = ns.fit(NOISY, STATIONARY.replace(threshold=threshold), "supervised", target=CLEAN, noise=SIGMA)
    assert type(fitted.threshold) is type(threshold)
    assert mse(restored(fitted)) < mse(restored(STATIONARY.replace(threshold=threshold)))


def test_a_smooth_hard_rule_ends_as_the_hard_rule_with_a_good_ratio():
    method = ns.Shrinkage(transform=ns.SlidingDCT(size=8), rule=ns.TanhHard(), threshold=ns.Ratio(r=1.5))
    fitted = ns.fit(NOISY, method, "supervised", target=CLEAN, noise=SIGMA)
    assert isinstance(fitted.rule, ns.Hard)
    best = min(
        mse(restored(fitted.replace(threshold=ns.Ratio(r=r)))) for r in np.arange(2.0, 3.4, 0.1).tolist()
    )
    assert mse(restored(fitted)) < best * 1.01  # 0.04 dB


def test_thresholds_never_become_negative():
    flat = np.random.default_rng(2).normal(0, 1, (64, 64)) * 100  # signal everywhere: no threshold pays
    fitted = ns.fit(
        flat + np.random.default_rng(3).standard_normal(flat.shape), STATIONARY, "supervised", flat, noise=1.0
    )
    assert all(0 <= t < 0.3 for (t,) in fitted.threshold.values.values())


def test_weights_fitted_to_the_clean_image_beat_those_of_sure():
    let = ns.Let(transform=ns.StationaryWavelet(levels=3, border="periodic"))
    supervised = ns.fit(NOISY, let, "supervised", target=CLEAN, noise=SIGMA)
    assert mse(ns.restore(NOISY, supervised, noise=SIGMA)) <= mse(ns.restore(NOISY, let, noise=SIGMA))


def test_channels_get_thresholds_of_their_own():
    pair = np.stack([NOISY, NOISY[::-1, ::-1] * 0 + NOISY.mean()])
    pair[1] += np.random.default_rng(4).normal(0, SIGMA, NOISY.shape)
    fitted = ns.fit(pair, DECIMATED, "sure", noise=SIGMA, axes="CYX")
    first, second = fitted.threshold.values["2/ad"]
    assert second > 2 * first  # nothing but noise there


def test_colour_is_fitted_as_luminance_and_chrominance():
    clean = data.astronaut()[:96, 150:246].astype(np.float32)
    noisy = clean + np.random.default_rng(5).normal(0, SIGMA, clean.shape)
    fitted = ns.fit(noisy, DECIMATED, "supervised", target=clean, noise=SIGMA, axes="YXC")
    again = ns.fit(noisy, DECIMATED, "supervised", target=clean, noise=SIGMA, axes="YXC")
    assert fitted == again
    gain = mse(ns.restore(noisy, DECIMATED, noise=SIGMA, axes="YXC"), clean)
    assert mse(ns.restore(noisy, fitted, noise=SIGMA, axes="YXC"), clean) < gain


def test_shot_noise_is_fitted_in_counts():
    light = CLEAN / 8 + 2
    counts = np.random.default_rng(6).poisson(light).astype(np.float32)
    bad = all_alike(DECIMATED, 0.2)
    noise = ns.PoissonGaussian(1.0)
    errors = {
        loss: mse(ns.restore(counts, ns.fit(counts, bad, loss, noise=noise), noise=noise), light)
        for loss in ("sure", "poisson-gaussian-sure")
    }
    oracle = mse(
        ns.restore(counts, ns.fit(counts, bad, "supervised", light, noise=noise), noise=noise), light
    )
    assert max(errors.values()) < 1.1 * oracle
    assert oracle < 0.5 * mse(ns.restore(counts, bad, noise=noise), light)


def test_a_fit_serves_the_frames_that_follow():
    moved = np.roll(CLEAN, 9, axis=1)
    frame = moved + np.random.default_rng(7).normal(0, SIGMA, CLEAN.shape)
    fitted = ns.fit(NOISY, DECIMATED, "supervised", target=CLEAN, noise=SIGMA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transferred = mse(ns.restore(frame, fitted, noise=SIGMA), moved)
    assert transferred < mse(ns.restore(frame, DECIMATED, noise=SIGMA), moved)


def test_other_noise_is_warned_of_and_stands_in_the_record():
    fitted = ns.fit(NOISY, DECIMATED, noise=SIGMA)
    with pytest.warns(ns.TransferWarning, match="std 20, and here it is 40"):
        result = ns.drain(ns.run(ns.Recipe.of(fitted, ns.Gaussian(2 * SIGMA)), ns.Stack(NOISY)))
    assert any("fitted under noise of std 20" in message for message in result.record.messages)


def test_progress_carries_the_method_so_far_and_closing_cancels():
    work = fitting(ns.Step(STATIONARY, ns.Gaussian(SIGMA)), ns.Stack(NOISY), Sure(), iterations=5)
    steps = [next(work) for _ in range(5)]
    assert all(isinstance(step, FitProgress) for step in steps)
    assert steps[-1].restorer != steps[-2].restorer
    assert steps[-1].risk < steps[1].risk
    assert (steps[-1].done, steps[-1].total) == (2, 5)
    work.close()


def test_the_record_says_what_was_fitted():
    fitted = ns.fit(NOISY, DECIMATED, "noise2noise", target=SECOND, noise=SIGMA)
    note = fitted.fitted
    assert (note.loss, note.noise_std, note.pixels) == ("noise2noise", (SIGMA,), NOISY.size)
    assert note.after < note.before < 1
    assert ns.Recipe.from_json(ns.Recipe.of(fitted).to_json()) == ns.Recipe.of(fitted)


@pytest.mark.parametrize("wish", [{"loss": "supervised"}, {"loss": "noise2noise"}])
def test_a_missing_target_is_asked_for(wish):
    with pytest.raises(ValueError, match="needs a target, "):
        ns.fit(NOISY, DECIMATED, noise=SIGMA, **wish)


def test_what_cannot_be_fitted_says_what_can():
    with pytest.raises(TypeError, match="EmpiricalWiener has no numbers to fit; give a Shrinkage"):
        ns.fit(NOISY, "dct-wiener", noise=SIGMA)
    with pytest.raises(ValueError, match="TanhHard"):
        ns.fit(NOISY, "dct", noise=SIGMA)
    with pytest.raises(ValueError, match="looks at the noisy image alone"):
        ns.fit(NOISY, DECIMATED, "sure", target=CLEAN, noise=SIGMA)
    with pytest.raises(ValueError, match="covers the same pixels"):
        ns.fit(NOISY, DECIMATED, "supervised", target=CLEAN[:64], noise=SIGMA)
    with pytest.raises(ValueError, match="Sure, Supervised or Noise2Noise"):
        ns.fit(NOISY, "let", "noise2self", noise=SIGMA)
    with pytest.raises(ValueError, match=r"expected one of .*noise2self"):
        ns.fit(NOISY, DECIMATED, "l1", noise=SIGMA)
    with pytest.raises(ValueError, match="iterations=0: expected"):
        ns.fit(NOISY, STATIONARY, noise=SIGMA, iterations=0)
    with pytest.raises(ValueError, match="no noise"):
        ns.fit(NOISY, DECIMATED, noise=0.0)


def test_a_loss_is_known_by_its_name():
    for name, kind in members(Loss).items():
        assert type(chosen_loss(name, False)) is kind
    assert isinstance(chosen_loss(ns.Sure(), False), Sure)
    assert chosen_loss(None, True).name == "supervised"


def test_a_stack_of_frames_is_fitted_as_one():
    series = np.stack([NOISY, SECOND])
    fitted = ns.fit(series, DECIMATED, "supervised", target=np.stack([CLEAN, CLEAN]), noise=SIGMA, axes="TYX")
    assert fitted.fitted.pixels == series.size
    assert replace(fitted, fitted=None) != ns.fit(NOISY, DECIMATED, "supervised", target=CLEAN, noise=SIGMA)


def test_a_lazy_image_is_fitted_like_one_in_memory():
    da = pytest.importorskip("dask.array")
    lazy = ns.fit(da.from_array(NOISY, chunks=64), DECIMATED, "sure", noise=SIGMA)
    assert lazy == ns.fit(NOISY, DECIMATED, "sure", noise=SIGMA)


def test_a_fit_that_ends_worse_by_its_own_loss_leaves_the_numbers_it_began_with():
    smooth = np.hypot(*np.mgrid[:48, :48]).astype(np.float32)
    for seed in range(6):
        noisy = smooth + np.random.default_rng(seed).normal(0, SIGMA, smooth.shape)
        fitted = ns.fit(noisy, STATIONARY, "noise2self", noise=SIGMA, iterations=4)
        assert fitted.fitted.after <= fitted.fitted.before


def test_thresholds_beyond_every_coefficient_do_not_overflow():
    loud = 1000 * np.random.default_rng(8).standard_normal((64, 64))
    with np.errstate(over="raise"):
        fitted = ns.fit(loud, STATIONARY, "supervised", np.zeros_like(loud), noise=1.0, iterations=3)
    assert all(1000 < t < np.inf for (t,) in fitted.threshold.values.values())
    assert fitted.fitted.after < 0.1 * fitted.fitted.before


def test_a_fit_that_is_fitted_again_to_other_noise_is_no_cause_to_warn():
    first = ns.fit(NOISY, DECIMATED, noise=SIGMA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ns.fit(NOISY, first, noise=2 * SIGMA).fitted.noise_std == (2 * SIGMA,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 3)])
def test_images_smaller_than_the_grid_of_hidden_pixels_are_fitted(shape: tuple[int, int]):
    fitted = ns.fit(NOISY[: shape[0], : shape[1]], "wavelet", "noise2self", noise=SIGMA, iterations=2)
    assert fitted.fitted.after <= fitted.fitted.before


def test_weights_of_other_channels_are_refused():
    pair = ns.fit(np.stack([NOISY, SECOND]), "let", noise=SIGMA, axes="CYX")
    with pytest.raises(ValueError, match=r"Let has 4 weights for band '1/ad'; the image has 1 channels"):
        ns.restore(NOISY, pair, noise=SIGMA)
    both = ns.restore(np.stack([NOISY, NOISY]), ns.fit(NOISY, "let", noise=SIGMA), noise=SIGMA, axes="CYX")
    np.testing.assert_array_equal(both[0], both[1])


def test_a_channel_without_any_value_has_noise_to_compare():
    fitted = ns.fit(NOISY, DECIMATED, noise=SIGMA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(ns.restore(np.full_like(NOISY, np.nan), fitted, noise=SIGMA)).all()


def test_an_image_without_light_says_that_nothing_can_be_estimated():
    with pytest.raises(ValueError, match="Poisson-Gaussian SURE has no value on this image"):
        ns.fit(np.zeros((32, 32)), STATIONARY, "poisson-gaussian-sure", noise=ns.PoissonGaussian(1.0))


def test_a_mean_of_psnrs_counts_pictures_alike():
    strong, weak = 3 * CLEAN - 200, CLEAN / 10  # texture far above the noise, and hardly any
    clean = np.stack([strong, weak])
    noisy = (clean + np.random.default_rng(9).normal(0, SIGMA, clean.shape)).astype(np.float32)
    method = ns.Shrinkage(
        transform=ns.Wavelet(wavelet="haar", levels=3, border="periodic"), threshold=ns.Ratio(r=1.0)
    )

    def psnrs(loss: str) -> float:
        fitted = ns.fit(noisy, method, loss, target=clean, noise=SIGMA, axes="TYX")
        found = ns.restore(noisy, fitted, noise=SIGMA, axes="TYX")
        return float(np.mean(-10 * np.log10(((found - clean) ** 2).mean(axis=(1, 2)))))

    assert psnrs("supervised-psnr") > psnrs("supervised") + 0.1
