"""Fine-tuning a network: what it learns, what judges it, and what is left of it."""

from __future__ import annotations

import json
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import napari_shrinkage as ns
from napari_shrinkage.engine import digest, drain
from napari_shrinkage.fitting import blind_loss, fitting
from napari_shrinkage.fitting.held_out import Verdict, drawn_batch, split, verdict
from napari_shrinkage.fitting.recorrupted import gaussian_pixels, judged, recorrupted
from napari_shrinkage.fitting.tuning import Wish, tuning
from napari_shrinkage.losses import Example, Noise2Noise, Noise2Self, PoissonGaussianSure, Supervised, Sure
from napari_shrinkage.nn.ffdnet import Ffdnet
from napari_shrinkage.nn.models import card_of, network_of
from napari_shrinkage.recipe import Step, load_recipe, save_recipe
from napari_shrinkage.stack import Stack

SIGMA = 25.0
ROWS, COLUMNS = np.mgrid[:96, :160]
# stripes as fine as no photograph has them, which the network takes for noise
CLEAN = np.float32(128 + 40 * np.cos(np.pi * (ROWS + COLUMNS) * 0.8) + 20 * np.sin(COLUMNS / 17))
RNG = np.random.default_rng(3)
NOISY, SECOND = (CLEAN + np.float32(SIGMA) * RNG.standard_normal(CLEAN.shape, np.float32) for _ in range(2))
SMOOTH_CLEAN = np.float32(128 + 60 * np.cos(ROWS / 9) * np.cos(COLUMNS / 13))
SMOOTH = SMOOTH_CLEAN + NOISY - CLEAN
IMAGE = Stack(NOISY, "YX")
RATE = 5e-3  # at which the small network learns in a few steps
WHITE = ns.Gaussian(SIGMA)
CORRELATED = ns.Gaussian(SIGMA, autocorrelation=ns.Autocorrelation.from_kernel(np.ones((2, 2))))


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """The user's folder of models, empty."""
    monkeypatch.setenv("NAPARI_SHRINKAGE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small network that takes nothing off yet."""
    small, chance = Ffdnet(1, 4, 12), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in small.layers:
            layer.weight.normal_(std=0.2 if layer is small.layers[0] else 0.02, generator=chance)
            layer.bias.zero_()
            layer.weight[:4] = 0
            layer.weight[range(4), range(4), 1, 1] = 1  # the sub-images are handed on
    path = tmp_path_factory.mktemp("networks") / "small.safetensors"
    save_file(small.state_dict(), path, {"sigma_max": "0.3"})
    return ns.Cnn(model=str(path))


def mse(image, truth=CLEAN):
    return float(np.mean((image - truth) ** 2))


def tuned(network, loss, target=None, steps=40, stack=IMAGE, noise=WHITE, **more):
    aim = None if target is None else Stack(target, "YX")
    return drain(tuning(Step(network, noise), stack, Wish(loss, steps, rate=RATE, **more), aim, "cpu"))


def example(counts, noise, target=None):
    """Return fields (B, 1, Y, X) as an example."""
    counts = np.asarray(counts, np.float32)
    noise = noise.for_channels(1)
    z = torch.from_numpy(np.stack([noise.forward(field) for field in counts]).astype(np.float32))
    return Example(z, target, noise, noise.correlations(False), False, counts)


@pytest.mark.parametrize(
    ("loss", "target", "least"),
    [
        (Supervised(), CLEAN, 3.0),
        (Noise2Noise(), SECOND, 3.0),
        (Sure(), None, 3.0),
        (PoissonGaussianSure(), None, 3.0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_network_learns_what_no_photograph_has(loss, target, least, network):
    before = mse(ns.restore(NOISY, network, SIGMA))
    fit = tuned(network, loss, target)
    after = mse(ns.restore(NOISY, fit.restorer, SIGMA))
    assert fit.verdict.is_better
    assert 10 * np.log10(before / after) > least
    if target is not None:  # the part held out is like the rest, and no estimate
        assert fit.verdict.gain == pytest.approx(10 * np.log10(before / after), abs=1.5)


def test_hidden_pixels_teach_a_network_too(network):
    fit = tuned(network, Noise2Self(), stack=Stack(SMOOTH, "YX"), steps=80)
    before, after = (ns.restore(SMOOTH, one, SIGMA) for one in (network, fit.restorer))
    assert mse(after, SMOOTH_CLEAN) < 0.9 * mse(before, SMOOTH_CLEAN)


def test_the_file_says_what_it_was_made_from(models, network):
    fit = tuned(network, Supervised(), CLEAN, steps=8)
    (file,) = models.iterdir()
    card = card_of(fit.restorer.model)
    assert fit.restorer.model == str(file)
    assert fit.restorer.checksum == card.checksum
    assert file.stat().st_size < card_of(network.model).path.stat().st_size  # float16
    assert card.facts["start"] == network.model
    assert card.facts["tuned_on"] == digest(IMAGE)
    assert card.facts["tuned_by"] == f"Supervised, {fit.best_step} steps"
    assert json.loads(card.facts["tuned_noise"])["sigma"] == pytest.approx([SIGMA])
    assert fit.restorer.fitted.after == pytest.approx(fit.verdict.after)
    assert card.sigma_max == 0.3


def test_a_fine_tuned_method_goes_through_a_recipe_and_gives_the_same(tmp_path, network):
    method = tuned(network, Supervised(), CLEAN, steps=8).restorer
    save_recipe(ns.Recipe.of(method, ns.Gaussian(SIGMA)), tmp_path / "recipe.json")
    again = ns.restore(NOISY, load_recipe(tmp_path / "recipe.json"))
    np.testing.assert_array_equal(again, ns.restore(NOISY, method, SIGMA))


def test_the_network_of_the_start_is_left_alone(network):
    before = {name: value.clone() for name, value in network_of(network.model).state_dict().items()}
    tuned(network, Supervised(), CLEAN, steps=4)
    after = network_of(network.model).state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_where_nothing_is_to_be_learned_the_method_stays_as_it_was(network, models):
    with pytest.warns(
        ns.TuningWarning, match="Not surely better"
    ):  # a network that takes nothing off is right
        method = ns.fit(NOISY, network, "supervised", NOISY, noise=SIGMA, iterations=2)
    assert method == network
    assert not models.exists()


def test_stopping_keeps_the_best_so_far(network):
    asked = []

    def stopped():
        asked.append(True)
        return len(asked) == 25

    fit = tuned(network, Supervised(), CLEAN, steps=1000, stopped=stopped)
    assert fit.best_step == len(asked) == 25
    assert fit.verdict.is_better


def test_a_picture_of_the_way_is_that_of_the_network_then(network):
    work = fitting(Step(network, ns.Gaussian(SIGMA)), IMAGE, Supervised(), Stack(CLEAN, "YX"), 8, "cpu")
    shown = [progress for progress in work if progress.restorer is not None]
    assert [progress.done for progress in shown] == list(range(9))
    first, last = (ns.restore(NOISY, progress.restorer, SIGMA) for progress in (shown[-3], shown[-1]))
    assert mse(last) < mse(first)
    assert all(later.risk < shown[0].risk for later in shown[3:])


def test_the_same_seed_gives_the_same_weights(network):
    one, other = (tuned(network, Sure(), steps=8) for _ in range(2))
    assert one.risks == other.risks
    weights, again = (load_file(fit.restorer.model) for fit in (one, other))
    assert all(torch.equal(value, again[name]) for name, value in weights.items())
    assert tuned(network, Sure(), steps=8, seed=1).risks != one.risks


def test_colours_are_learned_together():
    clean = np.stack([CLEAN, 255 - CLEAN, CLEAN / 2], -1)
    noisy = clean + SIGMA * np.random.default_rng(1).standard_normal(clean.shape).astype(np.float32)
    method = ns.fit(noisy, ns.Cnn(), "supervised", clean, noise=SIGMA, axes="YXC", iterations=6)
    assert card_of(method.model).colors == 3
    assert mse(ns.restore(noisy, method, SIGMA, axes="YXC"), clean) < mse(
        ns.restore(noisy, ns.Cnn(), SIGMA, axes="YXC"), clean
    )


def test_many_images_are_split_by_images_and_few_by_a_band():
    many = example(np.zeros((11, 1, 20, 30)), ns.Gaussian(1.0))
    learned, held_out = split(many)
    assert [w[0].start for w in held_out] == [2, 7]
    assert sorted(w[0].start for w in learned + held_out) == list(range(11))
    few = example(np.zeros((2, 1, 40, 100)), ns.Gaussian(1.0))
    learned, held_out = split(few)
    seen = np.zeros((2, 40, 100), int)
    for window in (*learned, *held_out):
        seen[window[0], window[2], window[3]] += 1
    assert np.all(seen == 1)
    assert {(w[3].start, w[3].stop) for w in held_out} == {(40, 60)}


def test_no_crop_touches_what_is_held_out():
    counts = np.zeros((1, 1, 50, 200), np.float32)
    counts[..., 80:120] = 1
    whole = example(counts, ns.Gaussian(1.0), torch.from_numpy(counts))
    learned, _ = split(whole)
    batch = drawn_batch(whole, learned, 64, 48, np.random.default_rng(0), "cpu")
    assert batch.noisy.shape == batch.target.shape == batch.counts.shape == (64, 1, 48, 48)
    assert batch.noisy.abs().max() == 0


def test_crops_keep_image_target_and_counts_together():
    counts = np.random.default_rng(0).normal(size=(6, 1, 30, 40)).astype(np.float32)
    whole = example(counts, ns.Gaussian(2.0), torch.from_numpy(counts))
    batch = drawn_batch(whole, split(whole)[0], 8, 16, np.random.default_rng(0), "cpu")
    np.testing.assert_allclose(2 * batch.noisy.numpy(), batch.counts, rtol=1e-6)
    np.testing.assert_array_equal(batch.target.numpy(), batch.counts)
    assert any(not np.array_equal(a, b) for a, b in pairwise(batch.counts))


def test_shrinking_noise_to_its_mean_is_judged_as_the_error_that_it_makes():
    counts = 5 * np.random.default_rng(0).normal(size=(1, 1, 128, 128)).astype(np.float32)
    image = example(counts, ns.Gaussian(5.0))
    for factor in (0.0, 0.3, 1.0):
        estimate = float(judged(image, 0)(lambda z, f=factor: f * z))
        assert estimate == pytest.approx(factor**2, abs=0.1)


@pytest.mark.parametrize("in_counts", [False, True])
def test_recorrupted_learning_has_its_least_where_the_error_has_it(in_counts):
    rng = np.random.default_rng(0)
    signal, noise = 10 * rng.normal(size=(1, 1, 256, 256)), 5 * rng.normal(size=(1, 1, 256, 256))
    image = example(500 + signal + noise, ns.Gaussian(5.0))
    factors = torch.linspace(0.4, 1.0, 61)
    risks = [
        float(recorrupted(image, 0, in_counts)(lambda z, f=f: z.mean() + f * (z - z.mean()), lambda z: z))
        for f in factors
    ]
    best = float(factors[int(np.argmin(risks))])
    assert best == pytest.approx(
        100 / (100 + 25 * 1.5), abs=0.03
    )  # Wiener's factor at 1.5 times the variance


def test_pixels_of_few_electrons_and_cut_off_ones_do_not_count():
    means = np.float32([[2.0, 5.0, 40.0, 250.0]]).repeat(40, 0).repeat(40, 1)[None, None]
    noise = ns.PoissonGaussian(1.0, 0.0, 0.0, low=None, high=255.0)
    valid = gaussian_pixels(example(means, noise))[0, 0, 20, [20, 60, 100, 140]]
    assert valid.tolist() == [0, 1, 1, 0]
    read = gaussian_pixels(example(means, noise.replace(read_std=3.0)))[0, 0, 20, [20, 60, 100, 140]]
    assert read.tolist() == [1, 1, 1, 0]


def test_a_network_is_held_to_what_it_was_where_the_noise_is_not_gaussian():
    dark = example(np.full((1, 1, 32, 32), 1.0), ns.PoissonGaussian(1.0))
    compared = recorrupted(dark, 0, in_counts=False)
    assert float(compared(lambda z: z / 2, lambda z: z / 2)) == 0
    assert float(compared(lambda z: z / 2, lambda z: z / 3)) > 0


def test_a_verdict_is_as_sure_as_the_windows_agree():
    agreed = verdict([1.0, 1.2, 0.8], [0.9, 1.1, 0.71], [5, 5, 5])
    assert agreed.is_better
    assert agreed.uncertainty == pytest.approx(np.std([0.1, 0.1, 0.09], ddof=1) / 3**0.5)
    assert not verdict([1.0, 1.2, 0.8], [0.5, 1.7, 0.4], [1, 1, 1]).is_better
    assert not verdict([1.0], [0.5], [1]).is_better  # one window says nothing of its chance
    assert Verdict(2.0, 1.0, 0.1).gain == pytest.approx(3.0103, abs=1e-3)


def test_correlated_noise_is_learned_from_hidden_pixels_with_wide_spots(network):
    assert isinstance(blind_loss(CORRELATED), Noise2Self)
    assert isinstance(blind_loss(ns.Gaussian(SIGMA)), Sure)
    with pytest.raises(ValueError, match=r"correlated between pixels.*Noise2Self"):
        tuned(network, Sure(), noise=CORRELATED)


def test_a_verdict_counts_windows_by_their_pixels():
    found = verdict([1.0, 9.0], [0.5, 9.0], [100, 0.001])
    assert found.before == pytest.approx(1.0, abs=1e-3)
    assert found.after == pytest.approx(0.5, abs=1e-3)


def test_dark_windows_do_not_dilute_the_error(network):
    light = np.full((80, 200), 0.5, np.float32)
    light[:, 100:] = 60
    counts = np.random.default_rng(0).poisson(light).astype(np.float32)
    fit = tuned(network, Sure(), stack=Stack(counts, "YX"), noise=ns.PoissonGaussian(1.0))
    assert fit.verdict.before == pytest.approx(1, abs=0.15)  # a network that takes nothing off


def test_where_no_pixel_tells_an_error_says_so(network):
    counts = np.random.default_rng(0).poisson(np.ones((80, 90))).astype(np.float32)
    for loss in (Sure(), Noise2Self()):
        with pytest.raises(ValueError, match=r"fewer than 3 electrons.*Noise2Noise"):
            tuned(network, loss, stack=Stack(counts, "YX"), noise=ns.PoissonGaussian(1.0))


@pytest.mark.filterwarnings("ignore::napari_shrinkage.TuningWarning")
def test_a_single_step_is_a_step(network):
    first, last = tuned(network, Supervised(), CLEAN, steps=1).risks
    assert first != last


def test_crops_of_correlated_noise_keep_its_direction():
    diagonal = ns.Autocorrelation.from_kernel(np.eye(5))
    counts = np.tile(np.arange(40.0), (6, 1, 40, 1)) + 100 * np.arange(40.0)[:, None]
    whole = example(counts, ns.Gaussian(1.0, autocorrelation=diagonal))
    batch = drawn_batch(whole, split(whole)[0], 32, 8, np.random.default_rng(0), "cpu")
    slopes = np.sign(np.diff(batch.counts, axis=2)[..., 0, 0] * np.diff(batch.counts, axis=3)[..., 0, 0])
    assert np.all(slopes == 1)
    assert len(np.unique(np.sign(np.diff(batch.counts, axis=3)[..., 0, 0]))) == 2


@pytest.mark.parametrize(("shape", "side"), [((6, 7), 2), ((9, 30), 3)])
def test_hidden_pixels_are_found_in_images_smaller_than_the_grid(shape, side):
    counts = np.random.default_rng(0).normal(size=(1, 1, *shape)).astype(np.float32)
    lags = ns.Autocorrelation.from_kernel(np.ones((side, side)))
    image = example(counts, ns.Gaussian(1.0, autocorrelation=lags))
    for number in range(20):
        assert np.isfinite(float(Noise2Self(step=16).redrawn(number).objective(image)(lambda z: z)))


def test_noise_that_is_shared_over_the_whole_image_hides_it():
    image = example(
        np.zeros((1, 1, 5, 40)),
        ns.Gaussian(1.0, autocorrelation=ns.Autocorrelation.from_kernel(np.ones((3, 3)))),
    )
    with pytest.raises(ValueError, match="shared over 2 pixels"):
        Noise2Self().objective(image)


def test_a_hidden_pixel_is_hidden_with_all_that_share_its_noise():
    counts = np.random.default_rng(0).normal(size=(1, 1, 48, 48)).astype(np.float32)
    image = example(counts, ns.Gaussian(1.0, autocorrelation=ns.Autocorrelation.from_kernel(np.ones((2, 2)))))
    changed = []
    Noise2Self().redrawn(5).objective(image)(lambda z: changed.append(z != image.noisy) or z)
    (hidden,) = changed
    centres = np.argwhere(hidden[0, 0].numpy())
    rows = np.diff(np.unique(centres[:, 0]))
    assert set(rows) <= {1, 2}  # three rows of a spot, then one that shows
    assert hidden.float().mean() == pytest.approx(9 / 16, abs=0.05)


def test_what_cannot_be_learned_is_refused_with_a_reason(tmp_path, models, network):
    with pytest.raises(ValueError, match="at least 80 pixels"):
        tuned(network, Sure(), stack=Stack(NOISY[:40, :60], "YX"))
    with pytest.raises(ValueError, match="needs a target"):
        ns.fit(NOISY, network, "noise2noise", noise=SIGMA)
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        tuned(network, Sure(), path=tmp_path / "net.pth")
    (tmp_path / "old.safetensors").write_bytes(b"old")
    with pytest.raises(ValueError, match="exists"):
        tuned(network, Sure(), path=tmp_path / "old.safetensors")
    with pytest.raises(ValueError, match="no folder that one may write to"):
        tuned(network, Sure(), path=tmp_path / "old.safetensors" / "new.safetensors")
    with pytest.raises(ValueError, match="no noise"):
        tuned(network, Sure(), noise=ns.Gaussian(0.0))
    assert not models.exists()


def test_a_second_file_for_the_same_image_has_another_name(models, network):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = {tuned(network, Supervised(), CLEAN, steps=4).restorer.model for _ in range(2)}
    assert len(names) == 2 == len(list(models.iterdir()))
