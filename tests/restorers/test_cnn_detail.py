"""No checkerboards: what networks that work on sub-images could imprint, measured where it would show.

Convention: amplitudes are in units of the noise. A lattice frequency is a number of periods in 8 pixels,
(along Y, along X): sub-images can make multiples of 4, coarser scales of the U-Net the others.

The networks do have such waves, of 0.0006 to 0.0074 noise stds (std 5 to 50, weights after 65 minutes of
training), at most 0.08 grey levels. With period 2 their power is some hundred times that of its neighbours,
which is next to nothing. The learned DCT, which knows no sub-images, has 0.0002 to 0.0011.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage.nn.models import OWN

SIDE = 256
PERIOD = 8  # of the U-Net's coarsest grid
LATTICE = [f for f in itertools.product(range(PERIOD), repeat=2) if any(f)]
LIMIT = 0.015  # noise stds: 0.4 grey levels at a noise of 25
NEAR = [d for d in itertools.product(range(-8, 9), repeat=2) if max(map(abs, d)) > 2]
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
SCENES = {
    "flat": np.full((SIDE, SIDE), 128.0),
    "ramp": 20 + 200 * COLUMNS / SIDE,
    "slope": 128 + 60 * np.sin(2 * np.pi * (COLUMNS + 2 * ROWS) / SIDE),
}
BROKEN = {
    "checkerboard": (-1.0) ** (ROWS + COLUMNS),
    "columns": (-1.0) ** COLUMNS,
    "rows": (-1.0) ** ROWS,
    "period 4": np.sqrt(2) * np.cos(np.pi / 2 * COLUMNS + np.pi / 4),
    "period 8": np.sqrt(2) * np.cos(np.pi / 4 * (COLUMNS + ROWS)),
}


def lattice_peak(error):
    """Return the largest amplitude that a lattice wave has beyond the usual one near its frequency."""
    window = np.hanning(SIDE + 1)[:SIDE]
    taper = np.outer(window, window)
    power = np.abs(np.fft.fft2((error - error.mean()) * taper)) ** 2 / taper.sum() ** 2
    excess = [_excess(power, *(SIDE // PERIOD * n for n in frequency)) for frequency in LATTICE]
    return np.sqrt(max(max(excess), 0))


def _excess(power, row, column):
    near = [power[(row + down) % SIDE, (column + right) % SIDE] for down, right in NEAR]
    return power[row, column] - np.median(near)


def error_of(method, scene, sigma, seed=0):
    """Return what a network does wrong, in units of the noise."""
    clean = SCENES[scene]
    noisy = clean + sigma * np.random.default_rng(seed).standard_normal(clean.shape)
    return (ns.restore(noisy, method, float(sigma)) - clean) / sigma


@pytest.mark.parametrize("sigma", [10, 25, 50])
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("method", OWN)
def test_networks_imprint_no_lattice_that_could_be_seen(method, scene, sigma):
    assert lattice_peak(error_of(method, scene, sigma)) < LIMIT


@pytest.mark.parametrize("method", OWN)
def test_networks_imprint_no_lattice_on_colors(method):
    clean = np.stack([SCENES["ramp"], SCENES["flat"], SCENES["slope"]], -1)
    noisy = clean + 25 * np.random.default_rng(1).standard_normal(clean.shape)
    error = (ns.restore(noisy, method, 25.0, axes="YXC") - clean) / 25
    assert max(lattice_peak(error[..., channel]) for channel in range(3)) < LIMIT


@pytest.mark.parametrize("amplitude", [0.3, 0.03])
@pytest.mark.parametrize("pattern", BROKEN)
@pytest.mark.parametrize("scene", ["flat", "ramp"])
def test_a_network_that_imprinted_one_would_be_caught(scene, pattern, amplitude):
    found = lattice_peak(error_of("unet", scene, 25) + amplitude * BROKEN[pattern])
    assert found > LIMIT
    assert 0.4 * amplitude < found < 1.1 * amplitude


def test_the_amplitude_of_a_checkerboard_in_white_noise_is_measured_right():
    white = 0.1 * np.random.default_rng(2).standard_normal((SIDE, SIDE))
    assert lattice_peak(white) < LIMIT / 5
    assert lattice_peak(white + 0.05 * BROKEN["checkerboard"]) == pytest.approx(0.05, rel=0.05)
