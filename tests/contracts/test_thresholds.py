"""What every threshold selector promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_shrinkage.methods import members
from napari_shrinkage.sample import Sample
from napari_shrinkage.thresholds import FixedThreshold, PerBand, ThresholdSelector, Universal
from napari_shrinkage.transforms.base import Band, Subband
from napari_shrinkage.transforms.block_dct import SlidingDCT
from napari_shrinkage.transforms.wavelet import Wavelet

SUBBAND = Subband("2/ad", 2, 0.6, True, (np.ones(1),))
SPECIAL = {"universal": Universal(size=5000), "per-band": PerBand(values={"2/ad": (1.5, 0.0, 3.0)})}
SELECTORS: list[ThresholdSelector] = [
    SPECIAL.get(name) or cls() for name, cls in members(ThresholdSelector).items()
]
every_selector = pytest.mark.parametrize("selector", SELECTORS, ids=repr)


def noisy_band(*shape: int, signal: float = 2.0) -> Band:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 3, *shape, generator=generator, dtype=torch.float64)
    sparse = torch.rand(2, 3, *shape, generator=generator, dtype=torch.float64) < 0.1
    return Band(
        SUBBAND, noise + signal * sparse * torch.tensor([1.0, 2.0, 5.0]).reshape(1, 3, *(1,) * len(shape))
    )


def per_channel(selector: ThresholdSelector, band: Band, gain: float) -> torch.Tensor:
    """Return the three channels' thresholds in the units of the coefficients."""
    return torch.as_tensor(selector(band, gain), dtype=torch.float64).flatten().expand(3)


@every_selector
def test_it_scales_with_the_gain(selector: ThresholdSelector):
    band = noisy_band(40, 30)
    ten_times = Band(SUBBAND, band.data * 10)
    expected = 10 * per_channel(selector, band, 1.0)
    torch.testing.assert_close(per_channel(selector, ten_times, 10.0), expected, rtol=1e-9, atol=0)


@every_selector
@pytest.mark.parametrize("shape", [(40, 30), (6, 7, 8), (1, 1)])
def test_it_broadcasts_to_the_band(selector: ThresholdSelector, shape: tuple[int, ...]):
    band = noisy_band(*shape)
    threshold = torch.as_tensor(selector(band, 0.5))
    assert torch.broadcast_shapes(threshold.shape, band.data.shape) == band.data.shape


@every_selector
@pytest.mark.parametrize(
    "values",
    [
        torch.zeros(1, 3, 8, 8),
        torch.full((1, 3, 8, 8), 1.0),
        torch.full((1, 3, 8, 8), 1e6),
        torch.full((1, 3, 8, 8), 1e-30),
        torch.full((1, 3, 1, 1), 0.3),
        torch.full((1, 3, 1, 1), -40.0),
    ],
    ids=["zeros", "ones", "large constant", "tiny constant", "one coefficient", "one large coefficient"],
)
@pytest.mark.parametrize("gain", [1.0, 0.0])
def test_it_is_finite_and_not_negative(selector: ThresholdSelector, values: torch.Tensor, gain: float):
    thresholds = per_channel(selector, Band(SUBBAND, values), gain)
    assert thresholds.isfinite().all()
    assert (thresholds >= 0).all()


@every_selector
def test_it_says_whether_it_needs_data(selector: ThresholdSelector):
    band = noisy_band(40, 30)
    louder = Band(SUBBAND, band.data * 3)
    changes = selector.select(band, 1.0) != selector.select(louder, 1.0)
    assert changes == selector.needs_data
    if selector.needs_data:
        with pytest.raises(TypeError, match="resolve"):
            selector.select(SUBBAND, 1.0)
    else:
        assert selector.select(SUBBAND, 1.0) == selector.select(band, 1.0)


@every_selector
def test_it_looks_at_each_channel_alone(selector: ThresholdSelector):
    band = noisy_band(40, 30)
    together = per_channel(selector, band, 1.0)
    changed = band.data.clone()
    changed[:, 0] *= 7
    assert torch.equal(per_channel(selector, Band(SUBBAND, changed), 1.0)[1:], together[1:])


@pytest.mark.parametrize("selector", [s for s in SELECTORS if not isinstance(s, PerBand)], ids=repr)
@pytest.mark.parametrize("transform", [Wavelet(wavelet="haar", levels=2), SlidingDCT(size=4)], ids=repr)
def test_resolved_it_needs_no_data_and_gives_the_thresholds_of_the_sample(
    selector: ThresholdSelector, transform: Wavelet | SlidingDCT
):
    values = noisy_band(48, 40).data.float().numpy()
    sample = Sample(values, (48, 40), (1.0, 1.0))
    resolved = selector.resolve(sample, transform)
    assert isinstance(resolved, FixedThreshold)
    assert resolved.resolve(sample, transform) == resolved
    gains = transform.noise_gain()
    for band in transform.forward(sample.tensor()).details():
        expected = selector.select(band, gains[band.key])
        assert resolved.select(band.subband, gains[band.key]) == pytest.approx(expected, rel=1e-5)


def test_resolving_fills_what_was_automatic():
    sample = Sample(np.zeros((1, 1, 30, 20), np.float32), (300, 200), (1.0, 1.0))
    assert Universal().resolve(sample, Wavelet(levels=1)) == Universal(size=300 * 200)
    assert Universal(size=7).resolve(sample, Wavelet(levels=1)).multiple(SUBBAND) == math.sqrt(
        2 * math.log(7)
    )
