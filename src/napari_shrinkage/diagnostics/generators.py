"""What a trained generator can draw, image by image, and what the length of its code costs and gains.

Convention: errors are means over pixels, in counts or, squared, in counts^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..noise import Gaussian, NoiseModel
from ..restorers import GeneratorPrior
from ..restorers.generator_misfit import Misfit
from ..stack import Float, Stack

STRENGTHS = tuple(round(0.3 * step, 1) for step in range(10))
STREAM = 0x1A7E  # of chance


@dataclass(frozen=True)
class LatentError:
    """The mean squared error of a generator at one strength of the noise, in two parts.

    Parameters
    ----------
    latent : int
        Length K of the code.
    strength : float
        Variance of the noise over the mean square of the image.
    variance : float
        Mean variance of the noise, in counts^2.
    total : float
        Mean squared error of the restored images, in counts^2.
    drawing : float
        What the generator cannot draw: the same for images without noise.
    noise : float
        What the noise adds: how far the images restored with noise are from those restored without.
    expected : float
        K/n of the noise's variance, for n pixels: what noise adds where the generator is linear.
    """

    latent: int
    strength: float
    variance: float
    total: float
    drawing: float
    noise: float
    expected: float


def generator_misfit(stack: Stack, restored: Stack, noise: NoiseModel, restorer: GeneratorPrior) -> Misfit:
    """Say for every image of a stack whether it is one that the generator can draw.

    Parameters
    ----------
    stack, restored : Stack
        The noisy images and their results, on the same grid.
    noise : NoiseModel
        Of the images.
    restorer : GeneratorPrior
        The trained generator.

    Returns
    -------
    Misfit
        `residual`, `limit` (in counts) and `out`, each (planes, channels).

    Raises
    ------
    ValueError
        If the two stacks differ in shape, or the generator is not trained.

    Notes
    -----
    Valid where the noise model is. The limit is what noise and the generator's error on 99 of 100 held-out
    training images explain, so that about one like image in 100 is out.
    """
    if stack.shape != restored.shape:
        raise ValueError(
            f"the images have shape {stack.shape}, their results {restored.shape}; give the results of these "
            "images."
        )
    noise = noise.for_channels(stack.channels)
    pixels = [np.arange(n) for n in stack.field_shape(2)]
    values = np.stack([noise.corrected(field, pixels) for field in stack.fields(2)], axis=1)
    results = np.stack(list(restored.fields(2)), axis=1)
    found = restorer.misfit(values, results, noise, noise.level(pixels))
    return Misfit(found.residual.T, found.limit.T)


def latent_errors(
    clean: npt.ArrayLike,
    restorers: Sequence[GeneratorPrior],
    strengths: Sequence[float] = STRENGTHS,
    draws: int = 10,
    seed: int = 0,
) -> tuple[LatentError, ...]:
    """Compare generators, of different latent dimension for example, at several strengths of white noise.

    Parameters
    ----------
    clean : array_like, (N, Y, X)
        Images without noise, like those of the training stack but none of them.
    restorers : sequence of GeneratorPrior
        Trained.
    strengths : sequence of float
        Variances of the noise, each a multiple of the mean square of the image that it is added to.
    draws : int
        How often noise is drawn for each image.
    seed : int
        Of the noise, which is the same for every generator.

    Returns
    -------
    tuple of LatentError
        One for each generator and strength.

    Notes
    -----
    For a linear generator and plain least squares the two parts add up, and noise adds K/n of its variance.
    Trained ones (digits, K of 10 and 20, noise of 0.3 to 2.7 times their mean square) added 1.0 to 1.5 times
    that, and 2.1 times in one case of twelve.
    """
    images = np.asarray(clean, np.float32)
    return tuple(
        error for restorer in restorers for error in _errors(images, restorer, strengths, draws, seed)
    )


def _errors(
    images: Float, restorer: GeneratorPrior, strengths: Sequence[float], draws: int, seed: int
) -> list[LatentError]:
    powers = np.mean(images**2, axis=(1, 2), keepdims=True)
    drawn = restorer.build_counts(Gaussian(0.0))(images[None])[0]
    drawing, latent = float(np.mean((drawn - images) ** 2)), restorer.generator.network.latent
    found = []
    for strength in strengths:
        stds = np.sqrt(strength * powers)
        restore = restorer.build_counts_uneven(Gaussian(1.0), "cpu", stds)
        rng = np.random.default_rng([STREAM, seed])
        results = np.stack(
            [
                restore((images + stds * rng.standard_normal(images.shape).astype(np.float32))[None])[0]
                for _ in range(draws)
            ]
        )
        variance = float(np.mean(stds**2))
        found.append(
            LatentError(
                latent=latent,
                strength=float(strength),
                variance=variance,
                total=float(np.mean((results - images) ** 2)),
                drawing=drawing,
                noise=float(np.mean((results - drawn) ** 2)),
                expected=latent / images[0].size * variance,
            )
        )
    return found
