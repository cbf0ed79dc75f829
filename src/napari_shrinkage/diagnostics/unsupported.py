"""Where a result shows detail that shrinkage does not find and the data do not support.

Convention: patches are 8 x 8 pixels, and a pattern in one is measured in the noise std of its amplitude: the
root of the sum of squares of its DCT coefficients, each in units of its own noise std. The means of patches
are no detail. torch is imported when work begins.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..engine import Progress, drain, resolve
from ..geometry import Geometry, taken
from ..noise import Autocorrelation, NoiseModel
from ..noise.units import to_noise_units
from ..recipe import Plan, Step
from ..restorers import Restorer, named
from ..stack import Array, Float, Stack
from ..tiles import filled, restore_region
from ..transforms.block_dct import USUAL, SlidingDCT
from ..windows import Region, checked_region, inner_part, needed_pixels, source_box, windows, within
from .method_noise import LIMIT

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1.0  # noise stds that a coefficient which shrinkage keeps may be larger: the noise left in it
LEAST_GAIN = 0.3  # of a pixel's std: what counts as a coefficient's where correlated noise has next to none
TILE_PIXELS = 2**17
PATCHES = SlidingDCT(size=USUAL)


def unsupported_detail(
    stack: Stack, restored: Stack, noise: NoiseModel, method: Restorer | None = None
) -> Float:
    """Map detail of a result that shrinkage does not find and the data do not support.

    Parameters
    ----------
    stack : Stack
        The noisy image.
    restored : Stack
        A result, of a network for example, on the same pixels and in the same units.
    noise : NoiseModel
        The noise of the image.
    method : Restorer, optional
        The shrinkage to compare with; the preset "balanced" when absent.

    Returns
    -------
    ndarray
        float32, at least 0, one map for each plane and channel; the three colours share one, so that of a
        colour image lacks its last axis. 0 where nothing is unsupported, else by how many noise stds
        unsupported patterns exceed `LIMIT`: root mean square over the patches that cover a pixel.

    Raises
    ------
    ValueError
        If the two do not have the same shape and axes.

    Notes
    -----
    In each patch the pattern is looked at that the result has and shrinkage lacks: d = c - s for coefficients
    with abs(c) > abs(s), less up to `TOLERANCE` where shrinkage kept one, as noise was kept with it. The
    result claims norm(d) of that pattern; the data y deny the part <c - y, d> / norm(d) of the claim, which
    has a std of 1 if the claim is true. The smaller of the two, less `LIMIT`, is the excess. What is smoothed
    more than by shrinkage does not count.

    Both conditions and the tolerance come from measurements on four pictures of scikit-image with white noise
    of std 5 to 50, and networks after 65 minutes of training. At 25 and 50 nothing is marked of what the
    U-Net and FFDNet restore, at 10 at most 0.1 % of the pixels. At 5, where this FFDNet does badly, 0.5 to
    21 % of its pixels are marked: there its squared error is twice that of shrinkage, elsewhere 1.4 times.
    Without the word of the data, 3 to 20 % of what non-local means restore at 10 was marked, with it at most
    1.1 %. Nothing is marked of what networks make of pure noise, white, of counts or correlated. A false
    grating in a flat part is marked from an amplitude of 0.6 noise stds on, at 0.8 on all its pixels.

    *Unsupported* is not false: fine texture below the noise is there, and nothing shows it. Were the clean
    "camera" itself the result, 39 % of its pixels would be marked at 10 and 2 % at 50. Nor is all that is
    false unsupported: noise left in place agrees with the data (`confidence_map` shows it), and structure
    wider than some 16 pixels hardly varies in a patch (`photometry` by regions sees it). *Valid* where the
    noise model is; where the noise is told too weak, more is marked.
    """
    return drain(finding_unsupported(stack, restored, noise, method))


def finding_unsupported(
    stack: Stack,
    restored: Stack,
    noise: NoiseModel,
    method: Restorer | None = None,
    region: Region | None = None,
) -> Generator[Progress, None, Float]:
    """Compute `unsupported_detail`, yielding progress before every window; closing it cancels.

    Where the result is that of a region of the image, the map is, too.
    """
    covered = checked_region(region, stack)
    _check_same_pixels(stack, restored, covered)
    yield Progress(0, 1, "deciding from the data")
    plan = resolve(Step(method or named("balanced"), noise), stack)
    comparison = _Comparison(plan, plan.noise.for_channels(stack.channels), restored, covered)
    todo = list(windows(comparison, stack, covered))
    found = np.zeros(restored.shape[: stack.color_axis], np.float32)
    for done, window in enumerate(todo):
        yield Progress(done, len(todo), "comparing with shrinkage")
        found[within(window, covered)[: stack.color_axis]] = comparison.of_window(stack, window)
    return found


@dataclass(frozen=True)
class _Comparison:
    """The comparison of a region's result with a plan's shrinkage, window by window."""

    plan: Plan
    noise: NoiseModel
    restored: Stack
    region: Region
    spatial_ndim: int = 2
    planes: int = 1
    magnification: Fraction = Fraction(1)

    @property
    def tile_pixels(self) -> int:
        """Pixels of a plane whose coefficients exist at a time."""
        return TILE_PIXELS

    def geometry(self) -> Geometry:
        """Return the patches' geometry, wide enough for what a camera's broken pixels are filled from."""
        return PATCHES.geometry().widened(self.noise.reach)

    def of_window(self, stack: Stack, window: Region) -> Array:
        """Return the map of a window of one plane, in the axes of the result."""
        squares = self._squares(*self._fields(stack, window), stack.is_color)
        values = np.sqrt(squares)[inner_part(self, stack, window)]
        shape = [part.stop - part.start for part in window[: stack.color_axis]]
        return (values if stack.is_color else stack.from_field(values, 2)).reshape(shape)

    def _squares(self, claimed: Float, found: Float, seen: Float, color: bool) -> Float:
        """Return the mean squared excess at each pixel (C, *domain); colours add up to (1, *domain)."""
        correlations = self.noise.correlations(color)
        squares = np.stack(
            [
                _mean_square(*fields, correlations[min(i, len(correlations) - 1)])
                for i, fields in enumerate(zip(claimed, found, seen, strict=True))
            ]
        )
        if silent := self.noise.silent():
            squares[np.array(silent) | color] = 0  # colours are mixed: without one's noise, none has a scale
        return squares.sum(0, keepdims=True) if color else squares

    def _fields(self, stack: Stack, window: Region) -> tuple[Float, Float, Float]:
        """Return result, shrinkage and data around a window (C, *domain), in units of the noise."""
        box = source_box(self, stack, window)
        pixels = needed_pixels(self, stack, window)
        indices = [index - box[axis].start for index, axis in zip(pixels, stack.spatial_axes(2), strict=True)]
        place = stack.selection(2, (0,) * len(stack.plane_axes(2)), [slice(None)] * 2)
        level = self.noise.level(pixels)

        def field(values: Array) -> Float:
            return taken(filled(stack.to_field(np.asarray(values)[place], 2), 2), indices)

        def scaled(values: Float) -> Float:
            z = to_noise_units(values, self.noise, stack.is_color)
            return z if level is None else z / level

        shrunk = restore_region(self.plan, stack, box)
        seen = self.noise.corrected(field(stack.array[box]), pixels)
        return scaled(field(self._claimed(shrunk, box))), scaled(field(shrunk)), scaled(seen)

    def _claimed(self, shrunk: Array, box: Region) -> Array:
        """Return the result in a box, and what shrinkage found there where the region ends."""
        known = tuple(
            slice(max(b.start, r.start), min(b.stop, r.stop)) for b, r in zip(box, self.region, strict=True)
        )
        claimed = shrunk.copy()
        claimed[within(known, box)] = np.asarray(self.restored.array[within(known, self.region)])
        return claimed


def _mean_square(claimed: Float, found: Float, seen: Float, correlation: Autocorrelation | None) -> Float:
    """Return the mean squared excess of the patches that cover each pixel of fields (*domain)."""
    import torch
    from torch.nn.functional import avg_pool2d, pad

    gains = {key: max(gain, LEAST_GAIN) for key, gain in PATCHES.noise_gain(correlation).items()}
    with torch.inference_mode():
        c, s, y = (torch.from_numpy(field)[None, None] for field in (claimed, found, seen))
        excess = _excess(c, s, y, gains)
        before = PATCHES.side - 1  # positions of a patch that covers a pixel, before the pixel's own
        mean = avg_pool2d(excess**2, PATCHES.side, stride=1)
        return pad(mean, (before, 0, before, 0))[0, 0].numpy()


def _excess(claimed: Tensor, found: Tensor, seen: Tensor, gains: dict[str, float]) -> Tensor:
    """Return by how much the unsupported pattern of each patch (1, 1, *positions) exceeds the limit."""
    import torch

    claim, denied = torch.zeros_like(claimed), torch.zeros_like(claimed)
    spectra = [PATCHES.analysis(field).details() for field in (claimed, found, seen)]
    for bands in zip(*spectra, strict=True):
        c, s, y = (band.data / gains[band.key] for band in bands)
        added = _added(c, s)
        claim += added**2
        denied += added * (c - y)
    claim = claim.sqrt()
    denied /= claim.clamp_min(1e-6)
    return (torch.minimum(claim, denied) - LIMIT).clamp_min(0)


def _added(c: Tensor, s: Tensor) -> Tensor:
    """Return what coefficients have beyond those of shrinkage, beyond the noise that these may hold."""
    beyond = ((c - s).abs() - s.abs().clamp_max(TOLERANCE)).clamp_min(0)
    return beyond.copysign(c) * (c.abs() > s.abs())


def _check_same_pixels(stack: Stack, restored: Stack, region: Region) -> None:
    shape = tuple(part.stop - part.start for part in region)
    if (shape, stack.axes) != (restored.shape, restored.axes):
        raise ValueError(
            f"the image has shape {shape} (axes {stack.axes}), the result {restored.shape} "
            f"({restored.axes}); expected the same pixels. Pass the result of this image."
        )
