"""Whether super-resolution can be trusted on an image: before, by its blur and noise; after, by going back.

Convention: everything is on the coarse grid and in the units of the image.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ..degradation import Degradation
from ..degradation.kernels import Kernel
from ..degradation.measuring import KernelEstimate, kernel_widths
from ..degradation.reduction import reduced
from ..engine import Progress, Result
from ..recipe import Plan
from ..restorers import Upscale
from ..restorers.upscale import limits_of, measured_blur
from ..sample import drawn_fields
from ..stack import Array, Float, Stack
from ..windows import whole

LOOKED_AT = 2**19  # pixels
NARROWEST = 0.32  # coarse pixels: a blur below it cannot be told from none
NARROWER, WIDER = 0.82, 1.25  # measured width over the expected one, beyond which they differ
SURE = 2.0  # standard errors by which a blur has to differ
COARSE = 8.0  # coarse pixels: std of the Gaussian that leaves the low frequencies
OFFSET = 0.1  # noise std, or of the range a thousandth: a larger difference of low frequencies is named
SHARE = 1e-3
ROUNDED = 1e-6  # of the largest value: what float32 arithmetic leaves behind


@dataclass(frozen=True)
class UpscalingCheck:
    """Whether an image is what a super-resolution method takes it for, and its network was trained for.

    Parameters
    ----------
    objections : tuple of str
        In what it is not, a sentence each, with what to do; () is inside.
    measured : KernelEstimate or None
        The blur that the image shows; None where it is too small or too flat to tell.
    noise : float
        Noise std as a share of the image's range.
    has_network : bool
        Whether there was a training to be within.
    """

    objections: tuple[str, ...]
    measured: KernelEstimate | None
    noise: float
    has_network: bool = True

    @property
    def inside(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.objections

    @property
    def verdict(self) -> str:
        """All of it in words."""
        if self.measured is None:
            return f"{self.head} The image tells no blur: it is too small or too flat."
        return f"{self.head} {self.measured.verdict}"

    @property
    def head(self) -> str:
        """The verdict without the blur's numbers."""
        if self.objections:
            return "Outside: " + " ".join(self.objections)
        if self.measured is None:
            return "Nothing speaks against it, but not much could be tested."
        if self.has_network:
            return "Inside the training's conditions."
        return "The blur is what it is taken for."


@dataclass(frozen=True, eq=False)
class Consistency:
    """What is left when a fine image is reduced again and compared with the coarse one.

    Parameters
    ----------
    difference : ndarray
        Reduced result minus input, float32, in the axes of the input's region; alpha is left out.
    rms : float
        Its root mean square.
    noise : float
        That of the input's noise.
    offset : float
        Mean of the difference.
    low : float
        Root mean square of its low frequencies, periods beyond some 25 pixels.
    span, highest : float
        Range of the input, and its largest absolute value.
    """

    difference: Float
    rms: float
    noise: float
    offset: float
    low: float
    span: float
    highest: float

    @property
    def shifts_brightness(self) -> bool:
        """Whether low frequencies differ by more than their noise lets them."""
        return self.low > max(OFFSET * self.noise, SHARE * self.span, ROUNDED * self.highest)

    @property
    def verdict(self) -> str:
        """The numbers in a sentence, and what to do."""
        noisy = self.noise > SHARE * self.span
        noise = f" ({self.rms / self.noise:.2g} of the noise)" if noisy else ""
        found = f"Reduced again, the result differs from the image by {self.rms:.3g} rms{noise}"
        if self.shifts_brightness:
            return (
                f"{found}; its low frequencies are off by {self.low:.2g}, its mean by {self.offset:+.2g}: do "
                "not measure brightness in it, or use back-projection."
            )
        return f"{found}; brightness is kept."


def upscaling_check(stack: Stack, plan: Plan) -> UpscalingCheck:
    """Say whether an image is what a plan for super-resolution takes it for.

    Parameters
    ----------
    stack : Stack
        The coarse image; half a million pixels of it are looked at.
    plan : Plan
        Of an `Upscale`.

    Returns
    -------
    UpscalingCheck
        Its objections are those of the network's training and of the blur that the image shows.

    Notes
    -----
    The blur is measured blind (`kernel_from_image`): valid for images with edges. A picture that is soft
    in itself looks blurred, and sharp rendering looks decimated.
    """
    restorer = _upscale_of(plan)
    card, share = restorer.card, restorer.noise_share(plan.noise)
    kernel = _kernel_of(restorer)
    known = limits_of(card).objections(kernel, restorer.scale, share) if card else ()
    try:
        measured = measured_blur(drawn_fields(stack, 2, LOOKED_AT), plan.noise, restorer.scale)
    except ValueError:
        return UpscalingCheck(known, None, share, card is not None)
    assert restorer.degradation is not None
    other = _other_blur(measured, kernel, restorer.degradation, restorer.scale)
    return UpscalingCheck((*known, other) if other else known, measured, share, card is not None)


def consistency(stack: Stack, result: Result) -> Generator[Progress, None, Consistency]:
    """Reduce a fine image again and compare it with the coarse one, yielding progress for every plane.

    Parameters
    ----------
    stack : Stack
        The coarse image.
    result : Result
        Made from it, or from a region of it, by a last step of `Upscale`. What steps before that took away is
        part of the difference.

    Raises
    ------
    ValueError
        If a step before it changed the grid too.
    """
    plan = result.record.plans[-1]
    restorer = _upscale_of(plan)
    if result.record.magnification != restorer.magnification:
        raise ValueError(
            f"the result's grid is {result.record.magnification} times as fine as the image's, its last step "
            f"made it {restorer.scale} times finer: give the image that the last step was given."
        )
    noise = result.record.plans[0].noise
    kernel = _kernel_of(restorer)
    coarse = stack.with_array(stack.array[result.region or whole(stack)])
    difference = np.empty(coarse.shape[: coarse.color_axis] + (3,) * coarse.is_color, np.float32)
    planes, noises, lows, highest = list(coarse.planes(2)), list[float](), list[float](), [0.0]
    for done, plane in enumerate(planes):
        yield Progress(done, len(planes), "reducing")
        place = coarse.selection(2, plane, [slice(None)] * 2)
        field, fine = (one.to_field(np.asarray(one.array[place]), 2) for one in (coarse, result.stack))
        gap = reduced(fine, kernel, restorer.scale) - field
        highest.append(float(np.nan_to_num(np.abs(field)).max()))
        noises.append(_rms(noise.std(field)))
        lows.append(_rms(gaussian_filter(np.nan_to_num(gap), (0, COARSE, COARSE))))
        difference[place] = coarse.from_field(gap, 2)
    return Consistency(
        difference,
        rms=_rms(difference),
        noise=_rms(np.array(noises)),
        offset=float(np.nanmean(difference)),
        low=_rms(np.array(lows)),
        highest=max(highest),
        span=max(high - low for low, high in restorer.ranges or ((0.0, 0.0),)),
    )


def _upscale_of(plan: Plan) -> Upscale:
    if not isinstance(plan.restorer, Upscale):
        raise TypeError(
            f"the plan is for {type(plan.restorer).__name__}; expected Upscale, which gives a finer grid."
        )
    return plan.restorer


def _kernel_of(restorer: Upscale) -> Kernel:
    assert restorer.degradation is not None
    return restorer.degradation.kernel(restorer.scale)


def _other_blur(measured: KernelEstimate, kernel: Kernel, degradation: Degradation, scale: int) -> str:
    """Say if the image is surely more or less blurred than it would be, else ""."""
    name = degradation.title.lower()
    expected, found = (_mean_width(widths, scale) for widths in (kernel_widths(kernel), measured.widths))
    if abs(found - expected) <= SURE * math.hypot(*measured.width_errors) / 2:
        return ""
    if found > WIDER * expected:
        return (
            f"The image looks blurred by {found:.2g} fine pixels, more than the {expected:.2g} of {name}: "
            "measure the degradation, or choose a Gaussian blur of this width."
        )
    if found < NARROWER * expected:
        return (
            f"The image looks sharper (a blur of {found:.2g} fine pixels) than {name} leaves it "
            f"({expected:.2g}): choose decimation or binning, if that is how it came about."
        )
    return ""


def _mean_width(widths: tuple[float, ...], scale: int) -> float:
    return max(math.sqrt(widths[0] * widths[1]), NARROWEST * scale)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.nanmean(np.square(values, dtype=np.float64))))
