"""What a fit makes small: an error against a target, or an estimate of the error that needs no target.

Convention: fields are in units of the noise, (B, C, *spatial), and a loss is the mean squared error there: 1
is what the noisy image has, 0 is perfect. Estimates of it may fall below zero.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

import annotated_types as at
import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter

from .color import OPPONENT
from .methods import ADVANCED, Method, members, method
from .noise import Autocorrelation, NoiseModel
from .noise.units import inverse_table, opponent_stds, to_noise_units
from .risk import Trial, neighbour_mean, noise_field
from .risk_curves import RiskCurve, soft_risk, soft_stein_risk
from .smooth_sure import smooth_minimum
from .stack import Array, Float

if TYPE_CHECKING:
    from torch import Tensor

Restore = Callable[["Tensor"], "Tensor"]
Objective = Callable[[Restore], "Tensor"]

ALPHA = 0.05  # of a probe's variance in the noise's; weaker ones show too few coefficients near a threshold
SEEDS = 2**31  # there are
FIELDS_APART = 1009  # seeds from one draw to the next, as each field of a batch takes a seed of its own
GRIDS_APART = 10007  # places from the grid of one draw to that of the next; a prime reaches all of them
SHARED = 0.1  # of a pixel's noise: from there on it tells of a neighbour's
TINY = 1e-6
STREAM = 0xF17  # of chance, so that no probe repeats noise that was simulated from the same seed


@dataclass(frozen=True, eq=False)
class Example:
    """What a fit looks at.

    Parameters
    ----------
    noisy : Tensor, (B, C, *spatial)
        Fields in units of the noise.
    target : Tensor or None, (B, C, *spatial)
        The clean image or a second noisy one, in the same units.
    noise : NoiseModel
        One value per channel.
    correlations : tuple of Autocorrelation or None
        Of the noise, one for all channels or one for each.
    color : bool
        Whether the channels are luminance and chrominance.
    counts : ndarray, (B, C, *spatial)
        The noisy fields in the units of the image.
    """

    noisy: Tensor
    target: Tensor | None
    noise: NoiseModel
    correlations: tuple[Autocorrelation | None, ...]
    color: bool
    counts: Float

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of a field."""
        return tuple(self.noisy.shape[2:])

    def correlation_of(self, channel: int) -> Autocorrelation | None:
        """Return the autocorrelation of one channel's noise."""
        return self.correlations[channel if len(self.correlations) > 1 else 0]


class Loss(Method):
    """Base of the losses.

    `needs_target` says whether a second image is needed and `target_words` which; `has_curve` whether the
    threshold of a band can be found by itself, and `separable` whether that is exact on an orthonormal
    transform, because the loss of the image is the sum of those of the bands.
    """

    role: ClassVar[str] = "loss"
    needs_target: ClassVar[bool] = False
    target_words: ClassVar[str] = ""
    has_curve: ClassVar[bool] = False
    separable: ClassVar[bool] = False

    @abstractmethod
    def objective(self, example: Example) -> Objective:
        """Return the function from a restoring function to its loss, a differentiable scalar.

        Probes and masks are drawn here, once, so that the loss does not flicker while it is made small.
        """

    def redrawn(self, number: int) -> Loss:
        """Return the loss with the probes or masks of another draw: what a network sees in step `number`."""
        return self

    def best_threshold(self, noisy: Array, target: Array | None) -> float:
        """Return the soft threshold of least loss for the coefficients of a band, in units of their noise."""
        return self.curve(noisy, target).minimum()[0]

    def curve(self, noisy: Array, target: Array | None) -> RiskCurve:
        """Return the loss of the soft rule on the coefficients of a band, in units of their noise."""
        raise NotImplementedError(f"{type(self).__name__} says nothing of a band by itself; use objective.")


@method("supervised")
class Supervised(Loss):
    """The error against a clean image of the same place.

    Notes
    -----
    Each pixel counts relative to its own noise: for Gaussian noise this is the mean squared error.
    """

    needs_target: ClassVar[bool] = True
    target_words: ClassVar[str] = "the clean image"
    has_curve: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def objective(self, example: Example) -> Objective:
        """Return the mean squared difference from the target."""
        target = _target_of(example)
        return lambda restore: (restore(example.noisy) - target).square().mean()

    def curve(self, noisy: Array, target: Array | None) -> RiskCurve:
        """Return the exact error against the target."""
        assert target is not None
        return soft_risk(noisy, target)


@method("supervised-psnr", title="Supervised, mean PSNR")
class SupervisedPsnr(Supervised):
    """The geometric mean of the pictures' errors against clean ones, which a mean of PSNRs stands for.

    Notes
    -----
    For a set of pictures: where errors are added up, the few textured pictures decide.
    """

    separable: ClassVar[bool] = False

    def objective(self, example: Example) -> Objective:
        """Return the geometric mean of the pictures' mean squared errors."""
        target = _target_of(example)
        axes = tuple(range(1, target.ndim))
        return lambda restore: (restore(example.noisy) - target).square().mean(axes).log().mean().exp()


@method("noise2noise", title="Noise2Noise")
class Noise2Noise(Loss):
    """The difference from a second noisy image of the same place, less what its noise adds to it.

    Notes
    -----
    *Valid* where the noise of the two images is independent and nothing moved between them. The second
    image's noise is taken to be as strong as the first's; otherwise the loss is off by a constant, which
    moves no minimum.

    References
    ----------
    Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018,
    arXiv:1803.04189.
    """

    needs_target: ClassVar[bool] = True
    target_words: ClassVar[str] = "a second noisy image of the same place"
    has_curve: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def objective(self, example: Example) -> Objective:
        """Return the mean squared difference from the second image, less 1."""
        target = _target_of(example)
        return lambda restore: (restore(example.noisy) - target).square().mean() - 1

    def curve(self, noisy: Array, target: Array | None) -> RiskCurve:
        """Return the exact difference from the second image, with its noise."""
        assert target is not None
        return soft_risk(noisy, target)


@method("sure", title="SURE")
class Sure(Loss):
    """Stein's unbiased estimate of the error, from the noisy image and the strength of its noise alone.

    Parameters
    ----------
    smooth : bool
        Whether the estimate of a band is smoothed (`SmoothSure`) before its lowest point is sought.
    seed : int
        Of the probe, for transforms whose bands are not independent.

    Notes
    -----
    On an orthonormal transform with the soft rule the estimate is exact in closed form [1]_. Elsewhere a
    probe with the covariance of the noise is added and taken away [2]_ [3]_: no derivative is needed, so any
    rule will do. It is as good as the noise model: 10 % too little noise costs more than the choice of loss.

    References
    ----------
    .. [1] Donoho, Johnstone, "Adapting to unknown smoothness via wavelet shrinkage", J. Am. Stat. Assoc. 90,
       1995, doi:10.1080/01621459.1995.10476626.
    .. [2] Ramani, Blu, Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for
       general denoising algorithms", IEEE Trans. Image Process. 17, 2008, doi:10.1109/TIP.2008.2001404.
    .. [3] Oliveira, Lei, Tibshirani, "Unbiased risk estimation in the normal means problem via coupled
       bootstrap techniques", 2021, arXiv:2111.09447.
    """

    smooth: bool = True
    seed: Annotated[int, at.Ge(0), at.Lt(SEEDS), ADVANCED] = 0

    has_curve: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def objective(self, example: Example) -> Objective:
        """Return the coupled estimate in units of the noise."""
        rng = np.random.default_rng([STREAM, self.seed])
        channels = range(example.noisy.shape[1])
        single = (len(example.noisy), 1, *example.shape)
        probes = [noise_field(single, example.correlation_of(c), rng) for c in channels]
        probe = example.noisy.new_tensor(np.concatenate(probes, axis=1))
        step = math.sqrt(ALPHA) * probe
        inputs = (example.noisy + step, example.noisy - step)
        return _coupled(inputs, example.noisy, probe, example.noisy.new_ones(()), lambda z: z)

    def redrawn(self, number: int) -> Sure:
        """Return the loss with another probe."""
        return self.replace(seed=(self.seed + number) % SEEDS)

    def curve(self, noisy: Array, target: Array | None) -> RiskCurve:
        """Return Stein's estimate in closed form."""
        return soft_stein_risk(noisy)

    def best_threshold(self, noisy: Array, target: Array | None) -> float:
        """Return the threshold of least estimate, of the smoothed one if asked to."""
        return smooth_minimum(np.abs(noisy)) if self.smooth else super().best_threshold(noisy, target)


@method("poisson-gaussian-sure", title="Poisson-Gaussian SURE")
class PoissonGaussianSure(Loss):
    """The unbiased estimate of the error in counts: bright pixels, whose noise is strong, weigh as they do.

    Parameters
    ----------
    seed : int
        Of the probe.

    Notes
    -----
    Shot and read noise are taken at each pixel's own mean, and the whole way is tried, stabilising and its
    inverse included [1]_ [2]_; see `risk.coupled_risk`. For Gaussian noise SURE
    estimates the same with less chance in it. Saturated pixels take part, and make the estimate too small.

    References
    ----------
    .. [1] Luisier, Blu, Unser, "Image denoising in mixed Poisson-Gaussian noise", IEEE Trans. Image Process.
       20, 2011, doi:10.1109/TIP.2010.2073477.
    .. [2] Le Montagner, Angelini, Olivo-Marin, "An unbiased risk estimator for image denoising in the
       presence of mixed Poisson-Gaussian noise", IEEE Trans. Image Process. 23, 2014,
       doi:10.1109/TIP.2014.2300821.
    """

    seed: Annotated[int, at.Ge(0), at.Lt(SEEDS), ADVANCED] = 0

    has_curve: ClassVar[bool] = True

    def objective(self, example: Example) -> Objective:
        """Return the coupled estimate in counts, over the mean variance of the noise."""
        new, size = example.noisy.new_tensor, np.float32(math.sqrt(ALPHA))
        trials = [
            Trial.of(field, example.noise, alpha=ALPHA, pairs=1, seed=self.seed + number)
            for number, field in enumerate(example.counts)
        ]
        probe = np.stack([trial.probes[0] for trial in trials])
        std = np.stack([trial.std for trial in trials])
        inputs = [
            new(np.stack([to_noise_units(f, example.noise, example.color) for f in example.counts + shift]))
            for shift in (size * probe, -size * probe)
        ]
        back = to_counts(example)
        return _coupled((inputs[0], inputs[1]), new(example.counts), new(probe), new(std), back)

    def redrawn(self, number: int) -> PoissonGaussianSure:
        """Return the loss with other probes."""
        return self.replace(seed=(self.seed + number * FIELDS_APART) % SEEDS)

    def curve(self, noisy: Array, target: Array | None) -> RiskCurve:
        """Return Stein's estimate in units of the noise, to begin with."""
        return soft_stein_risk(noisy)


@method("noise2self", title="Noise2Self")
class Noise2Self(Loss):
    """How well pixels that are not shown are predicted from the others; needs no noise model.

    Parameters
    ----------
    step : int
        One pixel in `step` along each axis is hidden at a time.
    phases : int
        How many such grids take part.
    first : int
        Number of the first grid.

    Notes
    -----
    Where neighbouring pixels share their noise, those that share it with a hidden pixel are hidden with it
    (and the grid is as much wider): *valid* as far as the autocorrelation of the noise is known. A hidden
    pixel is shown as the mean of the nearest that are not, which is smooth already, so the loss hardly tells
    thresholds that are too small from good ones. It mends large ones; where the noise is weak it may end far
    below the best: at a std of 10 with the Haar wavelet the error of photographs came out up to half above
    that of `Bayes`, where it began. Where the noise is known, SURE is better.

    References
    ----------
    Batson, Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019, arXiv:1901.11365. Wider
    blind spots: Broaddus, Krull, Weigert, Schmidt, Myers, "Removing structured noise with self-supervised
    blind-spot networks", ISBI 2020, doi:10.1109/ISBI45749.2020.9098336.
    """

    step: Annotated[int, at.Ge(2), at.Le(16), at.Unit("pixels"), ADVANCED] = 4
    phases: Annotated[int, at.Ge(1), at.Le(64), ADVANCED] = 4
    first: Annotated[int, at.Ge(0), at.Lt(SEEDS), ADVANCED] = 0

    def objective(self, example: Example) -> Objective:
        """Return the mean squared error of predicting hidden pixels, less 1 for their own noise."""
        noisy, spots = example.noisy, _spots(self, example)

        def risk(restore: Restore) -> Tensor:
            errors = []
            for shown, hidden in spots:
                errors.append((restore(shown)[hidden] - noisy[hidden]).square().mean())
            return sum(errors[1:], errors[0]) / len(errors) - 1

        return risk

    def redrawn(self, number: int) -> Noise2Self:
        """Return the loss with one grid, another for each number."""
        return self.replace(phases=1, first=number * GRIDS_APART % SEEDS)


def _spots(loss: Noise2Self, example: Example) -> list[tuple[Tensor, Any]]:
    """Return for each grid the image with its pixels hidden, and which pixels count."""
    reach = max(_shared_reach(one) for one in example.correlations)
    step = max(loss.step, 2 * reach + 2)
    if reach and 2 * reach + 2 > min(example.shape):
        raise ValueError(
            f"the noise is shared over {reach} pixels, so squares of {2 * reach + 1} are hidden, and the "
            f"image has {' x '.join(map(str, example.shape))} pixels. Use Noise2Noise with a second image."
        )
    steps = [min(step, n) for n in example.shape]
    count = math.prod(steps)
    places = np.linspace(loss.first, loss.first + count, loss.phases, endpoint=False).astype(int)
    spots: list[tuple[Tensor, Any]] = []
    for place in np.unique(places % count):
        hidden = (..., *(slice(int(start), None, step) for start in np.unravel_index(place, steps)))
        spots.append((_with_spots(example.noisy, hidden, reach), hidden))
    return spots


def _shared_reach(correlation: Autocorrelation | None) -> int:
    """Return the largest lag along any axis at which pixels share more of their noise than `SHARED`."""
    if correlation is None:
        return 0
    lags = np.argwhere(np.abs(correlation.array) > SHARED) - np.array(correlation.array.shape) // 2
    return int(np.abs(lags).max())


def _with_spots(noisy: Tensor, hidden: Any, reach: int) -> Tensor:
    """Return fields in which hidden pixels, and those within reach of them, are the mean of those around."""
    shown, values = noisy.clone(), noisy.cpu().numpy()
    spatial = tuple(range(2, noisy.ndim))
    if reach == 0:
        shown[hidden] = noisy.new_tensor(neighbour_mean(values, len(spatial)))[hidden]
        return shown
    centres = np.zeros(values.shape[2:], bool)
    centres[hidden] = True
    seen = ~maximum_filter(centres, 2 * reach + 1)
    weight = uniform_filter(seen.astype(np.float32), 2 * reach + 3)
    around = uniform_filter(values * seen, 2 * reach + 3, axes=spatial) / np.maximum(weight, TINY)
    return noisy.new_tensor(np.where(seen, values, around))


def chosen_loss(loss: str | Method | None, has_target: bool) -> Loss:
    """Return the loss of a name; None is supervised where there is a target, else SURE.

    Raises
    ------
    ValueError
        If there is none of this name; the message lists them.
    """
    if isinstance(loss, Loss):
        return loss
    name = loss.name if isinstance(loss, Method) else loss  # `Sure` the threshold stands for `Sure` the loss
    name = name or ("supervised" if has_target else "sure")
    known = members(Loss)
    if name not in known:
        raise ValueError(
            f"loss={loss!r}: expected one of {', '.join(known)}, or a value such as Noise2Self()."
        )
    return cast(Loss, known[name]())


def to_counts(example: Example) -> Callable[[Tensor], Tensor]:
    """Return the way back from units of the noise (B, C, *spatial) to counts, as a differentiable function.

    Notes
    -----
    The model's own inverse at many places (`inverse_table`), and straight lines between them.
    """
    import torch

    z, noise, new = example.noisy, example.noise, example.noisy.new_tensor
    knots, means = inverse_table(noise, np.stack([noise.forward(field) for field in example.counts]))
    step, table = float(knots[1] - knots[0]), new(means)
    number = torch.arange(len(table), device=z.device).reshape(-1, *(1,) * (z.ndim - 2))
    mix = new(OPPONENT.T * opponent_stds(noise, 2)[:, 0]) if example.color else None

    def back(restored: Tensor) -> Tensor:
        if mix is not None:
            restored = torch.einsum("ij,bj...->bi...", mix, restored)
        place = (restored - float(knots[0])) / step
        index = place.detach().floor().clamp(0, knots.size - 2).long()
        left, right = table[number, index], table[number, index + 1]
        return left + (place - index) * (right - left)

    return back


def _coupled(
    inputs: tuple[Tensor, Tensor], image: Tensor, probe: Tensor, std: Tensor, back: Callable[[Tensor], Tensor]
) -> Objective:
    """Return the coupled estimate of the error over the noise's mean variance; see `risk.coupled_risk`."""
    variance = std.square().mean()

    def risk(restore: Restore) -> Tensor:
        plus, minus = (back(restore(shaken)) for shaken in inputs)
        squares = ((plus - image).square().mean() + (minus - image).square().mean()) / 2
        coupling = (probe * (plus - minus)).mean() / math.sqrt(ALPHA)
        return (squares + coupling) / variance - 1

    return risk


def _target_of(example: Example) -> Tensor:
    assert example.target is not None, "the fit checks that there is one"
    return example.target
