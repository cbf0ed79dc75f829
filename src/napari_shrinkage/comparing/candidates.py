"""What is compared: names, method values or steps with a noise of their own, and a list to begin with.

Convention: a candidate is a step; one without a noise is told of the noise that the image has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..noise import NoiseModel
from ..recipe import Recipe, Step
from ..restorers import NAMED, EmpiricalWiener, NonLocalMeans, Restorer, Shrinkage, named
from ..rules import Hard
from ..thresholds import Profile, Ratio
from ..transforms.block_dct import LARGEST, USUAL, SlidingDCT, fitting_side

Candidate = str | Restorer | Step | Recipe


def default_candidates(noise: NoiseModel | None = None) -> dict[str, Step]:
    """Return the candidates that are tried when none are named.

    Parameters
    ----------
    noise : NoiseModel, optional
        The noise of the image. Where it is correlated, methods that take it as white are tried as well.

    Returns
    -------
    dict of str to Step
        Hard thresholding of a sliding DCT at three ratios and two sizes of patches, stationary wavelets with
        BayesShrink, empirical Wiener filters for the noise as it is and as if it were weaker or stronger,
        non-local means, groups of similar patches, the learned DCT and the U-Net.

    Notes
    -----
    SURE-LET is left out: its weights minimise the same kind of estimate, so they profit from every error of
    the noise model unseen. On wide-field micrographs of FMD it was picked 2 dB below the best. Scale mixtures
    and the shape-adaptive DCT are left out for the time they take; name them to have them ranked.
    """
    correlation = None if noise is None else noise.correlations(color=True)[0]
    other = USUAL if fitting_side(correlation) == LARGEST else LARGEST
    restorers: dict[str, Restorer] = {
        "dct": NAMED["dct"],
        **{f"dct, ratio {r}": _hard_dct(Ratio(r=r)) for r in (2.2, 2.7, 3.2)},
        f"dct, {other} x {other}": _hard_dct(Profile(), size=other),
        "wavelet": NAMED["wavelet"],
        "dct-wiener": NAMED["dct-wiener"],
        "dct-wiener, noise x 0.7": scaled_wiener(0.7),
        "dct-wiener, noise x 1.4": scaled_wiener(1.4),
        f"dct-wiener, {other} x {other}": scaled_wiener(1.0, size=other),
        "nl-means": NonLocalMeans(),
        "collaborative": NAMED["collaborative"],
        "learned-dct": NAMED["learned-dct"],
        "unet": NAMED["unet"],
    }
    steps = {name: Step(restorer) for name, restorer in restorers.items()}
    if noise is not None and (noise.autocorrelation, noise.color) != (None, None):
        white = noise.replace(autocorrelation=None, color=None)
        for name in ("dct", "dct-wiener"):
            steps[f"{name}, noise taken as white"] = Step(NAMED[name], white)
    return steps


def scaled_wiener(factor: float, size: int = 8) -> EmpiricalWiener:
    """Return the empirical Wiener filter that treats the noise as `factor` times as strong as it is told.

    Scaling thresholds by `factor` and noise variances by its square is the same as scaling the std of
    Gaussian noise, and means for shot noise what scaling cannot say in its own units.
    """
    plain = Profile()
    pilot = _hard_dct(Profile(low=plain.low * factor, high=plain.high * factor), size)
    return EmpiricalWiener(pilot=pilot, transform=SlidingDCT(size=size), mu=factor**2)


def candidate_steps(methods: Sequence[Candidate] | Mapping[str, Candidate]) -> dict[str, Step]:
    """Return candidates as steps by name; those that come without one are named after what they are.

    Raises
    ------
    TypeError
        If a candidate is no name, method value, step or recipe of one step.
    ValueError
        If there is none, a name is unknown, or a method gives an image on another grid.
    """
    if isinstance(methods, str | Restorer | Step | Recipe):
        methods = [methods]
    if isinstance(methods, Mapping):
        steps = {str(name): _step(method) for name, method in methods.items()}
    else:
        steps = {}
        for method in methods:
            steps[_free(_label(method), steps)] = _step(method)
    if not steps:
        raise ValueError(
            "there is no method to compare; name some, or leave `methods` out for a list to begin with."
        )
    for name, step in steps.items():
        if step.restorer.magnification != 1:
            raise ValueError(
                f"{name!r} gives an image on another grid; expected methods that restore the image's own "
                "pixels. Compare results of super-resolution with a reference, in its widget."
            )
    return steps


def _hard_dct(threshold: Profile | Ratio, size: int = 8) -> Shrinkage:
    return Shrinkage(transform=SlidingDCT(size=size), rule=Hard(), threshold=threshold)


def _step(method: Candidate) -> Step:
    if isinstance(method, Recipe):
        if len(method.steps) != 1:
            raise ValueError(
                f"a recipe of {len(method.steps)} steps cannot be compared; give the recipe of a single step."
            )
        return method.steps[0]
    if isinstance(method, Step):
        return method
    restorer = named(method) if isinstance(method, str) else method
    if not isinstance(restorer, Restorer):
        raise TypeError(
            f"{method!r} is no candidate; expected a name, a method value such as Shrinkage(), or a Step."
        )
    return Step(restorer)


def _label(method: Candidate) -> str:
    if isinstance(method, str):
        return method
    restorer = _step(method).restorer
    return next((name for name, value in NAMED.items() if value == restorer), restorer.title)


def _free(label: str, taken: Mapping[str, Step]) -> str:
    """Return the label, with a number where it is taken."""
    numbered = (f"{label} {number}" for number in range(2, len(taken) + 3))
    return label if label not in taken else next(name for name in numbered if name not in taken)
