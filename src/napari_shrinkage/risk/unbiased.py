"""Unbiased estimates of the mean squared error under a noise model: a coupled pair, a divergence.

Convention: the work is a generator that yields before every restoration, so that it can be watched and ended.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import numpy as np

from ..noise import NoiseModel
from ..stack import Array
from .estimate import RiskEstimate
from .trial import ALPHA, PAIRS, Restore, Trial

Work = Generator[None, None, RiskEstimate]
T = TypeVar("T")


def coupled_risk(
    restore: Restore,
    image: Array,
    noise: NoiseModel,
    mean: Array | None = None,
    mask: Array | None = None,
    alpha: float = ALPHA,
    pairs: int = PAIRS,
    seed: int = 0,
) -> RiskEstimate:
    """Estimate the mean squared error at a noise variance of 1 + alpha times the image's own.

    Parameters
    ----------
    restore, image, noise, mean, mask, alpha, pairs, seed
        As for `divergence_risk`.

    Returns
    -------
    RiskEstimate
        Of `restore` applied to an image whose noise has 1 + `alpha` times the variance.

    Notes
    -----
    With a probe n that has the covariance S of the noise and is independent of it, y1 = y + sqrt(alpha) n and
    y2 = y - n / sqrt(alpha) are uncorrelated, so y2 judges f(y1) as a second exposure would [1]_ [2]_:

        E |f(y1) - y2|^2 = E |f(y1) - truth|^2 + (1 + 1 / alpha) trace(S).

    |n|^2 / alpha + trace(S) is taken off (the first as drawn, not as expected: it cancels), which leaves
    |f(y1) - y|^2 + 2 n (f(y1) - y) / sqrt(alpha) - trace(S). Each probe is used with both signs; then n y
    cancels as well, the largest source of chance.

    No derivative is needed, so this is *valid* for hard thresholds as for anything else, and exact for
    Gaussian noise of any covariance. For shot noise y1 and y2 are uncorrelated, but not independent; what its
    skewness adds is in the strength of the probe (`trial.probed_mean`). Measured on pictures, the error left
    is 0.02 dB where the brightest pixels hold 20 electrons, but 1 dB where they hold 5.

    References
    ----------
    .. [1] Oliveira, Lei, Tibshirani, "Unbiased risk estimation in the normal means problem via coupled
       bootstrap techniques", 2021, arXiv:2111.09447.
    .. [2] Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image
       denoising", CVPR 2021, doi:10.1109/CVPR46437.2021.00208.
    """
    return done(coupled_work(restore, Trial.of(image, noise, mean, mask, alpha, pairs, seed)))


def divergence_risk(
    restore: Restore,
    image: Array,
    noise: NoiseModel,
    mean: Array | None = None,
    mask: Array | None = None,
    alpha: float = ALPHA,
    pairs: int = PAIRS,
    seed: int = 0,
) -> RiskEstimate:
    """Estimate the mean squared error at the image's own noise, by a Monte-Carlo divergence.

    Parameters
    ----------
    restore : callable
        Takes an image and returns it restored; its numbers are fixed.
    image : ndarray, (*spatial) or (C, *spatial)
        The noisy image; the last axes are those of the noise's autocorrelation.
    noise : NoiseModel
        In the units of the image. Several channels lie along the first axis.
    mean : ndarray, optional
        The mean of every pixel, from which its noise std follows; None takes a local mean, a first
        restoration is better. Do not give the noisy pixels: where chance made one bright its probe would be
        large too, just where the restorer is about to pull it down.
    mask : ndarray of bool, optional
        Pixels that take part; leave out the clipped ones, whose noise is not that of the model.
    alpha : float
        Variance of the probe as a share of the noise's.
    pairs : int
        Probes, each used with both signs.
    seed : int
        Of the probes: the same for all candidates that are compared.

    Returns
    -------
    RiskEstimate
        Of `restore` applied to this image.

    Notes
    -----
    Stein's identity for noise of covariance S [1]_: the risk is |f(y) - y|^2 + 2 trace(S df/dy) - trace(S).
    The trace comes from probes n of covariance S, as n (f(y + e n) - f(y - e n)) / (2 e) [2]_ with e =
    sqrt(alpha). For shot noise S holds gain * (mean - offset) + read_std^2; that is the estimate for mixed
    Poisson and Gaussian noise [3]_ [4]_ with the mean in place of the pixel, and with the third cumulant,
    there a second derivative, in the strength of the probe (`trial.probed_mean`).

    *Valid* where f changes little within the probe, a share sqrt(`alpha`) of a noise std: the divergence is
    that of f smoothed by it. A hard threshold is estimated too high (0.3 dB for `alpha` = 0.05, 2 dB for
    0.2); prefer `coupled_risk` there.

    The standard error follows from the second-order Stein identity [5]_ with the divergence of f - y near its
    limit -1 (what a strong restorer has), and from the spread of the probes' products between blocks.

    References
    ----------
    .. [1] Stein, "Estimation of the mean of a multivariate normal distribution", Ann. Statist. 9, 1981,
       doi:10.1214/aos/1176345632.
    .. [2] Ramani, Blu, Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for
       general denoising algorithms", IEEE Trans. Image Process. 17, 2008, doi:10.1109/TIP.2008.2001404.
    .. [3] Luisier, Blu, Unser, "Image denoising in mixed Poisson-Gaussian noise", IEEE Trans. Image Process.
       20, 2011, doi:10.1109/TIP.2010.2073477.
    .. [4] Le Montagner, Angelini, Olivo-Marin, "An unbiased risk estimator for image denoising in the
       presence of mixed Poisson-Gaussian noise", IEEE Trans. Image Process. 23, 2014,
       doi:10.1109/TIP.2014.2300821.
    .. [5] Bellec, Zhang, "Second-order Stein: SURE for SURE and other applications in high-dimensional
       inference", Ann. Statist. 49, 2021, doi:10.1214/20-AOS2005.
    """
    return done(divergence_work(restore, Trial.of(image, noise, mean, mask, alpha, pairs, seed)))


def coupled_work(restore: Restore, trial: Trial) -> Work:
    """Yield before every restoration, and return what `coupled_risk` does."""
    pairs = yield from trial.shaken(restore)
    squares = sum((result - trial.image) ** 2 for pair in pairs for result in pair) / (2 * len(pairs))
    return trial.estimate(np.asarray(squares), trial.coupling(pairs), 2 * len(pairs))


def divergence_work(restore: Restore, trial: Trial, restored: Array | None = None) -> Work:
    """Yield before every restoration, and return what `divergence_risk` does; `restored` saves one."""
    pairs = yield from trial.shaken(restore)
    if restored is None:
        yield
        restored = restore(trial.image)
    return trial.estimate((restored - trial.image) ** 2, trial.coupling(pairs), 2 * len(pairs) + 1)


def done(work: Generator[Any, None, T]) -> T:
    """Run a generator to its end and return its value."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
