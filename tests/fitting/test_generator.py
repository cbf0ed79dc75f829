"""Training a generator: progress, what the file says, and that chance is the seed's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_shrinkage as ns
from napari_shrinkage.diagnostics import latent_errors
from napari_shrinkage.engine import digest
from napari_shrinkage.fitting.generator import GeneratorProgress, generator_fitting
from napari_shrinkage.fitting.progress import Fit
from napari_shrinkage.losses import Loss, Noise2Noise, Supervised
from napari_shrinkage.nn.generator import NETWORKS
from napari_shrinkage.nn.trained_generator import generator_of

Spots = Callable[..., np.ndarray]
RANGE = 200.0


def fitted(
    images: np.ndarray,
    path: Path,
    target: np.ndarray | None = None,
    steps: int = 40,
    loss: Loss | None = None,
    **fields: object,
) -> Fit:
    restorer = ns.GeneratorPrior(**{"network": "dense", "latent": 4, **fields})
    aim = None if target is None else ns.Stack(target, "TYX")
    stack = ns.Stack(images, "TYX")
    return ns.drain(
        generator_fitting(ns.Step(restorer), stack, loss or Supervised(), aim, steps, "cpu", path)
    )


def weights_of(fit: Fit) -> torch.Tensor:
    network = generator_of(fit.restorer.weights)[0].network
    return torch.cat([value.flatten() for value in network.state_dict().values()])


def test_the_header_says_what_it_was_trained_on(spots: Spots, tmp_path: Path) -> None:
    images = spots(50, seed=0)
    restorer = fitted(images, tmp_path / "a.safetensors").restorer
    generator, checksum = generator_of(restorer.weights)
    assert restorer.checksum == checksum
    assert (generator.network.shape, generator.network.latent) == ((12, 14), 4)
    np.testing.assert_allclose((generator.low, generator.high), np.percentile(images, (0.1, 99.9)), rtol=1e-5)
    facts = generator.facts
    assert (facts["images"], facts["steps"], facts["loss"]) == ("45", "40", "supervised")
    assert facts["source"] == digest(ns.Stack(images, "TYX"))
    assert 0 < generator.error < generator.limit < 1


@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_a_seed_decides_everything(network: str, spots: Spots, tmp_path: Path) -> None:
    images = spots(40, seed=0)
    before = torch.get_rng_state()
    first, again, other = (
        weights_of(fitted(images, tmp_path / f"{number}.safetensors", steps=5, network=network, seed=seed))
        for number, seed in enumerate((3, 3, 4))
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_brings_pairs_of_images_to_show(
    spots: Spots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_shrinkage.fitting.generator.SECOND", 0.0)
    step = ns.Step(ns.GeneratorPrior(network="dense", latent=4))
    images = spots(200, seed=0)
    work = generator_fitting(
        step, ns.Stack(images, "TYX"), Supervised(), None, 30, "cpu", tmp_path / "a.safetensors"
    )
    seen = [progress for progress in work if progress.message == "training"]
    assert all(isinstance(progress, GeneratorProgress) for progress in seen)
    assert len(seen) == 30
    assert seen[-1].risk < seen[0].risk
    inputs, drawn = seen[-1].pairs
    assert inputs.shape == drawn.shape == (8, 12, 14)
    assert all(np.isclose(images, one, atol=1e-3).all((1, 2)).any() for one in inputs)


def test_the_weights_that_are_kept_are_those_of_least_held_out_loss(
    spots: Spots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_shrinkage.fitting.generator.SECOND", 0.0)
    monkeypatch.setattr("napari_shrinkage.fitting.generator.RATES", {"dense": 0.3})  # it does not settle
    fit = fitted(spots(60, seed=0), tmp_path / "a.safetensors", steps=30)
    told = float(generator_of(fit.restorer.weights)[0].facts["held_out"])
    assert told == min(fit.risks)


def test_images_with_holes_are_left_out(spots: Spots, tmp_path: Path) -> None:
    images = spots(50, seed=0)
    images[::5, 3, 3] = np.nan
    fit = fitted(images, tmp_path / "a.safetensors", steps=5)
    assert generator_of(fit.restorer.weights)[0].facts["images"] == "36"
    with pytest.raises(ValueError, match=r"2 images .* at least 10"):
        fitted(images[4:7], tmp_path / "b.safetensors")


def test_a_stack_of_one_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="all pixels have the value 7"):
        fitted(np.full((20, 8, 8), 7.0, np.float32), tmp_path / "a.safetensors")


def test_another_method_has_no_generator(spots: Spots, tmp_path: Path) -> None:
    work = generator_fitting(
        ns.Step(ns.Let()), ns.Stack(spots(20, seed=0), "TYX"), Supervised(), None, 5, "cpu", tmp_path / "a"
    )
    with pytest.raises(TypeError, match="Let has no generator"):
        ns.drain(work)


def test_pairs_of_noisy_images_teach_it_to_draw_clean_ones(spots: Spots, tmp_path: Path) -> None:
    clean = spots(600, seed=0)
    rng = np.random.default_rng(1)
    first, second = ((clean + 30 * rng.standard_normal(clean.shape)).astype(np.float32) for _ in range(2))
    fit = fitted(first, tmp_path / "a.safetensors", second, 600, Noise2Noise())
    restored = ns.restore(first[:50], fit.restorer, noise=30.0, axes="TYX")
    assert np.mean((restored - clean[:50]) ** 2) < 0.15 * 30**2


def test_the_error_splits_into_what_is_not_drawn_and_a_share_of_the_noise(
    generator_prior: ns.GeneratorPrior, spots: Spots
) -> None:
    """The part of the noise is near K/n of it where that is weak, and both parts make the whole."""
    restorer = generator_prior.replace(prior=0.0, tolerance=1e-6)
    found = latent_errors(spots(40, seed=20), [restorer], strengths=(0.0, 0.003), draws=4)
    silent, weak = found
    assert (silent.variance, silent.noise) == (0.0, pytest.approx(0.0, abs=1e-3 * silent.drawing))
    assert silent.total == pytest.approx(silent.drawing, rel=1e-3)
    assert weak.expected == pytest.approx(4 / (12 * 14) * weak.variance)
    assert weak.noise == pytest.approx(weak.expected, rel=0.2)
    assert weak.total == pytest.approx(weak.drawing + weak.noise, rel=0.1)


def test_every_step_changes_the_weights_the_last_one_too(spots: Spots, tmp_path: Path) -> None:
    restorer = fitted(spots(40, seed=0), tmp_path / "a.safetensors", steps=1).restorer
    start = NETWORKS["dense"]((12, 14), 4, restorer.seed)
    network = generator_of(restorer.weights)[0].network
    assert not torch.allclose(network.decoder[0].weight, start.decoder[0].weight, atol=1e-3)
