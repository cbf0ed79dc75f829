"""Shrinkage rules: what becomes of a coefficient `c` around its threshold `t`.

Convention: `t` is in the units of `c`, not negative, and broadcasts against it. Every rule is odd,
non-decreasing, shrinks towards zero and leaves `c` alone at t = 0; a coefficient of size t or less becomes
zero. A rule is written once, with tensor methods, so it runs on any device and is differentiable in `c`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types as at

from .methods import Method, method

if TYPE_CHECKING:
    from torch import Tensor

Shrink = Callable[["Tensor", "Tensor | float"], "Tensor"]
TINY = 1e-30  # keeps quotients finite where both c and t are zero


class ShrinkageRule(Method):
    """Base of the rules: from a coefficient and its threshold to the shrunk coefficient."""

    role: ClassVar[str] = "rule"
    differentiable: ClassVar[bool] = True  # in t; a rule that jumps there cannot be fitted

    @abstractmethod
    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return the shrunk coefficients.

        Parameters
        ----------
        c : Tensor, (B, C, *positions)
            Coefficients.
        t : Tensor or float
            Threshold in the units of `c`, broadcast against it.

        Returns
        -------
        Tensor
            As `c`.
        """

    def for_noise(self, std: float) -> Shrink:
        """Return the rule where the noise has this std: a length among its fields is a multiple of it."""
        return self


class ProximalRule(ShrinkageRule):
    """Base of the rules that are the argmin over x of (c - x)**2 / 2 + penalty(x, t)."""

    @abstractmethod
    def penalty(self, x: Tensor, t: Tensor | float) -> Tensor:
        """Return the price of a restored coefficient: for noise of std 1, minus its log prior density."""


@method("soft")
class Soft(ProximalRule):
    """Subtract the threshold from every coefficient's size; continuous, and best matched to Bayes and Sure.

    Notes
    -----
    The penalty is t * |x|: for noise of std 1, the posterior mode under a Laplace prior of std sqrt(2) / t.

    References
    ----------
    Donoho, "De-noising by soft-thresholding", IEEE Trans. Inf. Theory 41, 1995, doi:10.1109/18.382009.
    """

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return sign(c) max(|c| - t, 0)."""
        return (c.abs() - t).relu().copysign(c)

    def penalty(self, x: Tensor, t: Tensor | float) -> Tensor:
        """Return t * |x|."""
        return x.abs() * t


@method("hard")
class Hard(ProximalRule):
    """Keep coefficients larger than the threshold, drop the others; no bias, best for overlapping blocks.

    Notes
    -----
    The penalty is t**2 / 2 for every coefficient that is not zero.

    References
    ----------
    Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994,
    doi:10.1093/biomet/81.3.425.
    """

    differentiable: ClassVar[bool] = False

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return c where |c| > t, else 0."""
        return c * (c.abs() > t)

    def penalty(self, x: Tensor, t: Tensor | float) -> Tensor:
        """Return t**2 / 2 where x is not zero."""
        return x.sgn().abs() * (t * t / 2)


@method("garrote", advanced=True)
class Garrote(ProximalRule):
    """Subtract t**2 / c (non-negative garrote): continuous as soft, nearly no bias for large coefficients.

    Notes
    -----
    c = (x + root) / 2 with root = sqrt(x**2 + 4 t**2) inverts the rule; the integral of c - x is the penalty:
    x (root - x) / 4 + t**2 log((x + root) / (2 t)).

    References
    ----------
    Gao, "Wavelet shrinkage denoising using the non-negative garrote", J. Comput. Graph. Stat. 7, 1998,
    doi:10.1080/10618600.1998.10474789.
    """

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return c - t**2 / c where |c| > t, else 0."""
        ratio = t / _at_least(c.abs(), t)
        return c * (1 - ratio * ratio)

    def penalty(self, x: Tensor, t: Tensor | float) -> Tensor:
        """Return the integral of c - x; see the Notes."""
        size = x.abs()
        root = (x * x + 4 * t * t).sqrt()
        return size * (root - size) / 4 + t * t * ((size + root + TINY) / (2 * t + TINY)).log()


@method("firm", advanced=True)
class Firm(ProximalRule):
    """Zero up to the threshold, unchanged beyond a second one, a straight line between them.

    Parameters
    ----------
    ratio : float
        Upper threshold as a multiple of the lower one: just above 1 is nearly hard, very large nearly soft.

    Notes
    -----
    The penalty is the minimax concave one: t m - m**2 / (2 ratio) with m = min(|x|, ratio t).

    References
    ----------
    Gao, Bruce, "WaveShrink with firm shrinkage", Statistica Sinica 7, 1997.
    Zhang, "Nearly unbiased variable selection under minimax concave penalty", Ann. Statist. 38, 2010,
    doi:10.1214/09-AOS729.
    """

    ratio: Annotated[float, at.Gt(1), at.Le(1000)] = 2.0

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return 0, a line of slope ratio / (ratio - 1), or c."""
        size = c.abs()
        line = (size - t).relu() * (self.ratio / (self.ratio - 1))
        return line.minimum(size).copysign(c)

    def penalty(self, x: Tensor, t: Tensor | float) -> Tensor:
        """Return t m - m**2 / (2 ratio) with m = min(|x|, ratio t)."""
        size = x.abs()
        m = size - (size - self.ratio * t).relu()
        return m * t - m * m / (2 * self.ratio)


@method("tanh-hard", title="Smooth hard", advanced=True)
class TanhHard(ShrinkageRule):
    """Hard thresholding with its jump made steep but smooth, so that its threshold can be fitted.

    Parameters
    ----------
    temperature : float
        Width of the step in multiples of the coefficient's noise: near 0 the rule is hard, very large soft.

    References
    ----------
    He, Xing, Li, Yang, Wang, "A new wavelet thresholding function based on hyperbolic tangent function",
    Math. Probl. Eng. 2015, doi:10.1155/2015/528656.
    """

    temperature: Annotated[float, at.Gt(0), at.Le(1000), at.Unit("noise std")] = 0.5

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return the odd extension of relu(c - t + t tanh((c - t) / temperature))."""
        excess = c.abs() - t
        return (excess + (excess / self.temperature).tanh() * t).relu().copysign(c)

    def for_noise(self, std: float) -> Shrink:
        """Return the rule with the temperature in multiples of `std`."""
        return self if std == 0 else lambda c, t: self(c / std, t / std) * std


@method("lp", title="l_p", advanced=True)
class Lp(ProximalRule):
    """Between hard (p near 0) and soft (p near 1): the posterior mode under a generalised Gaussian prior.

    Parameters
    ----------
    p : float
        Exponent of the penalty; smaller means sparser.

    Notes
    -----
    The penalty a |x|**p has its jump from x = 0 to x = b where both cost the same and b is stationary:
    b**2 / 2 + a b**p = t b and b + a p b**(p - 1) = t. Hence b = 2 (1 - p) / (2 - p) t and a = s t**(2 - p)
    with s = (2 (1 - p))**(1 - p) / (2 - p)**(2 - p), which is 1/2 for p = 0 and 1 for p = 1. Beyond the jump
    the result is u c with u + k u**(p - 1) = 1 and k = p s (t / |c|)**(2 - p), found by Newton's method from
    u = 1: the left side is convex with a slope of at least 1 - p / 2 there, so the steps fall onto the root.

    References
    ----------
    Marjanovic, Solo, "On l_q optimization and matrix completion", IEEE Trans. Signal Process. 60, 2012,
    doi:10.1109/TSP.2012.2212015.
    """

    p: Annotated[float, at.Gt(0), at.Lt(1)] = 0.5

    differentiable: ClassVar[bool] = False
    newton_steps: ClassVar[int] = 6

    def __call__(self, c: Tensor, t: Tensor | float) -> Tensor:
        """Return the larger stationary point, with the sign of c, where |c| > t, else 0; see the Notes."""
        size = c.abs()
        ratio = t / _at_least(size, t)
        k = self.p * self._scale * ratio ** (2 - self.p)
        u = ratio.new_ones(())
        for _ in range(self.newton_steps):
            power = k * u ** (self.p - 1)
            u = u - (u + power - 1) / (1 + (self.p - 1) * power / u)
        return c * u * (size > t)

    def penalty(self, x: Tensor, t: Tensor | float) -> Tensor:
        """Return a |x|**p; see the Notes."""
        return x.abs() ** self.p * (self._scale * t ** (2 - self.p))

    @property
    def _scale(self) -> float:
        """Return s of the Notes: a = s t**(2 - p) makes the solution jump at t."""
        p = self.p
        return float((2 * (1 - p)) ** (1 - p) / (2 - p) ** (2 - p))


def _at_least(size: Tensor, t: Tensor | float) -> Tensor:
    """Return the larger of `size` and `t`, never zero: a safe divisor."""
    return size.clamp(min=t).clamp(min=TINY)
