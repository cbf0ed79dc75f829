"""What the widget Super-resolution works out in workers: kernels, the verdict, test images, scores.

Convention: everything here is a generator of `Progress` over stacks; layers are read before, on the GUI
thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparing.luma import LumaScores, luma, luma_scores
from ..comparing.scores import peak_of
from ..conversion import converted, converted_result
from ..degradation import Bicubic
from ..degradation.measuring import KernelEstimate
from ..engine import Progress, Result, resolve, run
from ..noise import Gaussian, NoiseModel
from ..recipe import Recipe, Step
from ..restorers import Degrade, Upscale
from ..stack import Array, Stack
from ..tiles import restore_region
from ..windows import Region, lengths, outcome, whole, within
from .content import Content
from .jobs import EXPECTED, Work, described
from .preferences import preferred_device, preferred_threads
from .regions import boxed

if TYPE_CHECKING:
    from ..diagnostics.upscaling import UpscalingCheck

SCORED = 2**22  # fine pixels that are scored, at most


@dataclass(frozen=True)
class Checked(Progress):
    """The verdict on a restorer for an image, or why there is none."""

    check: UpscalingCheck | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Scored:
    """PSNR and structural similarity of bicubic interpolation and of a result."""

    bicubic: LumaScores
    result: LumaScores
    whole: bool
    color: bool


def checking(content: Content, restorer: Upscale, noise: NoiseModel | None) -> Work:
    """Say whether an image is within what a model was trained for."""
    from ..diagnostics.upscaling import upscaling_check

    yield Progress(0, 2, "deciding from the data")
    plan = content.plan(restorer, noise, preferred_device(), preferred_threads())
    yield Progress(1, 2, "checking blur and noise")
    return upscaling_check(content.stack, plan)


def checked_before(check: Work, work: Callable[[], Work]) -> Work:
    """Check, pass the verdict on as progress, and do the work whatever it says."""
    try:
        verdict = yield from check
        yield Checked(0, 1, check=verdict)
    except EXPECTED as error:
        yield Checked(0, 1, trouble=described(error))
    return (yield from work())


def measuring(content: Content, scale: int, noise: NoiseModel | None) -> Work:
    """Measure the kernel of an image from itself alone."""
    method = Upscale(model="linear", scale=scale)  # type: ignore[arg-type]
    check: UpscalingCheck = yield from checking(content, method, noise)
    if check.measured is None:
        raise ValueError(
            "The image is too small or too flat to tell its blur. Choose the degradation yourself, or "
            "measure it by the pair with a reference."
        )
    return check.measured


def measuring_pair(coarse: Stack, fine: Stack, scale: int) -> Work:
    """Measure the kernel by the finer image of the same scene."""
    from ..degradation.measuring import kernel_from_pair

    yield Progress(0, 1, "measuring the blur")
    region = scored_region(coarse, whole(coarse), scale)
    small = _planes(coarse, coarse.array[region])
    method = Upscale(model="bicubic", scale=scale)  # type: ignore[arg-type]
    large = _planes(fine, fine.array[outcome(method, coarse, region)])
    found: KernelEstimate = kernel_from_pair(large, small, scale)
    return found


def reducing(stack: Stack, degrade: Degrade) -> Work:
    """Make a low-resolution image; integers stay integers, as of a camera."""
    result: Result = yield from run(Recipe.of(degrade, Gaussian(0.0)), stack)
    kind = stack.array.dtype
    return converted_result(result, "same" if kind.kind in "iu" else "float32", kind)


def bicubic_like(method: Upscale) -> Upscale:
    """Return bicubic interpolation to the grid of a method, told the same shift."""
    return Upscale(model="bicubic", scale=method.scale, degradation=method.degradation or Bicubic())


def upscaling(stack: Stack, method: Upscale, region: Region) -> Work:
    """Give an image a finer grid; integer colours stay integers, for napari shows no others."""
    result: Result = yield from run(Recipe.of(method, Gaussian(0.0)), stack, region)
    kind = stack.array.dtype
    return converted_result(result, "same" if kind.kind in "iu" and stack.is_color else "float32", kind)


def scoring(stack: Stack, result: Result, truth: Stack) -> Work:
    """Score bicubic interpolation and a result of a stack against the truth, a finer stack."""
    yield Progress(0, 2, "interpolating")
    scale = int(result.record.magnification)
    region = scored_region(stack, result.region, scale)
    method: Any = result.record.plans[-1].restorer
    plan = resolve(Step(bicubic_like(method), Gaussian(0.0)), stack, "cpu")
    finer = outcome(plan, stack, region)
    place = within(finer, outcome(plan, stack, result.region))
    bicubic, _ = converted(restore_region(plan, stack, region), result.stack.array.dtype)
    yield Progress(1, 2, "comparing with the reference")
    reference = _planes(truth, truth.array[finer])
    peak = peak_of(truth)
    truths = _lumas(reference, stack, peak)
    smooth, fine = (
        luma_scores(_lumas(_planes(stack, values), stack, peak), truths, scale, peak)
        for values in (bicubic, result.stack.array[place])
    )
    return Scored(smooth, fine, whole=region == result.region, color=stack.is_color)


def scored_region(stack: Stack, region: Region, scale: int) -> Region:
    """Return the middle of a region, of at most `SCORED` pixels on the finer grid."""
    left, spatial = SCORED // scale**2, stack.spatial_axes(2)
    cut = list(boxed(region, spatial, pixels=left))
    left //= math.prod(lengths(tuple(cut[axis] for axis in spatial)))
    for axis in stack.plane_axes(2)[::-1]:
        cut[axis] = boxed(tuple(cut), (axis,), pixels=max(left, 1))[axis]
        left //= cut[axis].stop - cut[axis].start
    return tuple(cut)


def fits_finer(shape: tuple[int, ...], stack: Stack, scale: int) -> bool:
    """Whether an array's shape is that of a finer image of a stack's scene.

    Up to `scale` - 1 pixels may be left over at the ends: reducing drops them.
    """
    spatial = stack.spatial_axes(2)
    return len(shape) == len(stack.shape) and all(
        fine // scale == coarse if axis in spatial else fine == coarse
        for axis, (fine, coarse) in enumerate(zip(shape, stack.shape, strict=True))
    )


def _planes(stack: Stack, values: Any) -> Array:
    """Return values of a stack's axes as planes: (..., Y, X), of colours (..., C, Y, X) without alpha."""
    array = np.asarray(values)
    array = array[..., :3] if stack.is_color else array
    return np.moveaxis(array, stack.spatial_axes(2), (-2, -1))


def _lumas(planes: Array, stack: Stack, peak: float) -> Array:
    """Return the luma of colours; channels, and gray images, as they are."""
    return luma(np.moveaxis(planes, -3, -1), peak) if stack.is_color else planes


def finer_size(stack: Stack, scale: int) -> str:
    """Return the size along Y and X of a finer image of a stack's scene, such as "300 x 450"."""
    return " x ".join(str(scale * stack.shape[axis]) for axis in stack.spatial_axes(2))
