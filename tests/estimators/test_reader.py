"""One channel on its way to a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_shrinkage.estimators.reader import Reader


def test_a_line_that_gives_the_mean_no_noise_stops_nothing():
    """A steep line through few counts can have its offset above the mean of a dark image."""
    rng = np.random.default_rng(0)
    planes = rng.poisson(2 + 20 * (rng.random((96, 96)) < 0.05)).astype(np.float32)[None]
    reader = Reader.of(planes, 0)
    assert reader.line is not None
    steep = replace(reader, line=replace(reader.line, slope=1.0, intercept=-2.0 * float(planes.mean())))
    assert float(steep.model(shot_noise=True).std(planes.mean())) == 0
    assert steep.with_spectrum(shot_noise=True).transfer is reader.transfer
