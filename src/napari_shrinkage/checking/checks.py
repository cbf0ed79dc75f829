"""The checks: each looks at one channel and returns a line.

Convention: a check that cannot be made says why, in a line without a verdict; the numbers and their limits
are those of `trust`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..diagnostics import ORDINARY, SMALL, whiteness
from ..noise import NoiseModel
from ..stack import Array
from ..trust import confidence_map, mean_variance_of, photometry, structure_left
from ..trust.limits import judged, percent
from ..trust.linearity import SLOPE_LIMIT
from ..trust.pairs import std_at
from ..trust.photometry import MEAN_LIMIT, Photometry
from .planes import Values
from .report import Line

WORDS = {True: "kept", False: "changed", None: "not told apart from noise"}
MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Case:
    """One channel of an image and of its result, and what else is known of it.

    Parameters
    ----------
    channel : str
        Its name; "" where there is only one.
    noise : NoiseModel
        Of this channel alone.
    image, restored : ndarray, (P, Y, X)
        Planes, in the units of the image.
    labels : ndarray of int, (P, Y, X), optional
        Regions; 0 is background.
    second, reference : ndarray, (P, Y, X), optional
        Another frame of the same scene; what is known of the truth.
    spacing, unit : float, str
        Size of a pixel.
    """

    channel: str
    noise: NoiseModel
    image: Values
    restored: Values
    labels: Array | None = None
    second: Values | None = None
    reference: Values | None = None
    spacing: float = 1.0
    unit: str = "pixel"

    @property
    def offset(self) -> float:
        """Counts of no light, as far as the noise model knows them."""
        return float(np.mean(getattr(self.noise, "offset", 0.0)))

    @property
    def std(self) -> Values:
        """Noise std of each pixel."""
        return std_at(self.noise, self.restored)

    @property
    def crowding(self) -> float:
        """Noise of a plane's mean over that of independent pixels: 1 for white noise."""
        if self.noise.autocorrelation is None:
            return 1.0
        lags = np.atleast_2d(self.noise.autocorrelation.array)
        plane = lags[tuple(n // 2 for n in lags.shape[:-2])]
        return float(np.sqrt(max(plane.sum(), 1.0)))

    @property
    def removed(self) -> Values:
        """The method noise: image minus result."""
        return self.image - self.restored


Check = Callable[[Case], list[Line]]


def brightness(case: Case) -> list[Line]:
    """Check mean, proportion between dim and bright, and the means of regions."""
    found = photometry(
        case.image,
        case.restored,
        case.labels,
        std=case.std,
        offset=case.offset,
        reference=case.reference,
        crowding=case.crowding,
    )
    lines = [_mean(found, case), _proportion(found, case)]
    return lines if case.labels is None else [*lines, _of_regions(found, case)]


def white(case: Case) -> list[Line]:
    """Check that what was removed is not correlated with itself."""
    found = whiteness(case.removed)
    passed = None if not found.correlations else found.is_white or ORDINARY <= found.largest <= SMALL
    sentence = found.sentence()
    if case.noise.autocorrelation is not None:
        passed = None
        sentence = f"{sentence} The noise itself is correlated, so this says nothing of the method."
    return [Line("Whiteness", passed, f"{found.largest:+.3f}", sentence, case.channel, found)]


def strength(case: Case) -> list[Line]:
    """Check that as much was removed as there is noise, at every brightness."""
    found = mean_variance_of(case.removed, case.restored, case.noise)
    ends = (found.ratios.min(), found.ratios.max()) if found.answers else ()
    number = " to ".join(dict.fromkeys(f"{ratio:.2f}" for ratio in ends))
    return [Line("Noise removed", found.passed, number, found.sentence(), case.channel, found)]


def structure(case: Case) -> list[Line]:
    """Check that no more was removed where there is contrast."""
    found = structure_left(case.removed, case.restored, case.noise)
    number = "" if np.isnan(found.correlation) else f"{found.correlation:+.3f}"
    return [Line("Structure removed", found.passed, number, found.sentence(), case.channel, found)]


def confidence(case: Case) -> list[Line]:
    """Check that few pixels are contradicted by the result."""
    found = confidence_map(case.image, case.restored, case.noise)
    number = f"{100 * found.share_contradicted:.2g} %" if found.known else ""
    return [Line("Confidence map", found.passed, number, found.sentence(), case.channel, found)]


def error(case: Case) -> list[Line]:
    """Say how far the result is from the reference."""
    assert case.reference is not None
    before, after = (float(np.nanstd(x - case.reference)) for x in (case.image, case.restored))
    sentence = (
        f"The result differs from the reference by a std of {after:.4g}, the image by {before:.4g}. "
        "A reference with noise of its own adds that to both."
    )
    return [Line("Error", None, f"{after:.4g}", sentence, case.channel)]


def _mean(found: Photometry, case: Case) -> Line:
    whole = found.whole
    if np.isnan(whole.difference):
        text = "The image has no signal above the offset, so its mean says nothing."
        return Line("Mean", None, "", text, case.channel, found)
    passed = judged(whole.difference, MEAN_LIMIT, whole.error)
    above = f", of the signal above {case.offset:.4g}" if case.offset else ""
    text = f"The mean is {WORDS[passed]}: {percent(whole.difference)}{above} (limit ±{MEAN_LIMIT} %)."
    return Line("Mean", passed, percent(whole.difference), text, case.channel, found)


def _proportion(found: Photometry, case: Case) -> Line:
    line, areas = found.linearity, found.areas
    if np.isnan(line.slope):
        text = "All of it is equally bright, so proportion cannot be tested."
        return Line("Linearity", None, "", text, case.channel, line)
    text = (
        f"Over {len(line.before)} classes of brightness the result follows a line of slope {line.slope:.3f} "
        f"(limit 1 ± {SLOPE_LIMIT}) and leaves it by {line.largest_deviation:.1f} % of the range at most."
    )
    if line.passed is None:
        text += " The noise may explain that."
    elif not line.passed and areas.passed:
        text += f" Over areas of 15 pixels the slope is {areas.slope:.3f}: only fine contrast was lost."
    return Line("Linearity", line.passed, f"slope {line.slope:.3f}", text, case.channel, line)


def _of_regions(found: Photometry, case: Case) -> Line:
    changed, number = found.changed, len(found.regions)
    if not number:
        return Line("Regions", None, "", "The regions hold no pixel that was looked at.", case.channel)
    differences = [one.difference for one in found.regions if not np.isnan(one.difference)]
    if not differences:
        text = "No region has signal above the offset, so their means say nothing."
        return Line("Regions", None, "", text, case.channel)
    most = percent(max(differences, key=abs))
    if changed:
        names = ", ".join(map(str, changed[:MOST_NAMED])) + (" …" if len(changed) > MOST_NAMED else "")
        text = f"{len(changed)} of {number} regions changed by more than their noise explains: {names}."
    else:
        text = f"None of {number} regions changed by more than ±{MEAN_LIMIT} % and its noise explain."
    return Line("Regions", not changed, f"at most {most}", text, case.channel)
