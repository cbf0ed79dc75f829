"""Restorers, one file each, and the short names and presets by which people ask for them."""

from __future__ import annotations

from types import MappingProxyType

from ..rules import Hard, Soft
from ..smooth_sure import SmoothSure as SmoothSure  # registered where methods are
from ..thresholds import Bayes, Profile
from ..transforms.block_dct import SlidingDCT
from ..transforms.stationary import StationaryWavelet
from .base import Restorer
from .cnn import Cnn
from .collaborative import Collaborative
from .degrade import Degrade
from .generator_prior import GeneratorPrior
from .hot_pixels import HotPixels
from .learned_dct import LearnedDct
from .let import Let
from .nl_means import NonLocalMeans
from .scale_mixtures import ScaleMixture
from .shape_adaptive import ShapeAdaptiveDct
from .shrinkage import Shrinkage
from .upscale import Upscale
from .wiener import EmpiricalWiener

NAMED: MappingProxyType[str, Restorer] = MappingProxyType(
    {
        "wavelet": Shrinkage(transform=StationaryWavelet(), rule=Soft(), threshold=Bayes()),
        "let": Let(),
        "dct": Shrinkage(transform=SlidingDCT(), rule=Hard(), threshold=Profile()),
        "dct-wiener": EmpiricalWiener(),
        "sa-dct": ShapeAdaptiveDct(),
        "gsm": ScaleMixture(),
        "collaborative": Collaborative(),
        "learned-dct": LearnedDct(),
        "unet": Cnn(),
        "ffdnet": Cnn(model="ffdnet"),
        "nl-means": NonLocalMeans(),
        "hot-pixels": HotPixels(),
    }
)
TO_FIT: MappingProxyType[str, Restorer] = MappingProxyType(  # restore nothing until they are fitted
    {"generator-prior": GeneratorPrior()}
)
ON_OTHER_GRIDS: MappingProxyType[str, Restorer] = MappingProxyType(  # change the image's size
    {"upscale": Upscale(), "degrade": Degrade()}
)
PRESETS: MappingProxyType[str, str] = MappingProxyType(
    {"fast": "dct", "balanced": "dct-wiener", "best": "collaborative"}
)


def named(name: str) -> Restorer:
    """Return the restorer of a short name or a preset.

    Raises
    ------
    ValueError
        If there is none of this name; the message lists them.
    """
    try:
        return {**NAMED, **TO_FIT, **ON_OTHER_GRIDS}[PRESETS.get(name, name)]
    except KeyError:
        names = ", ".join([*NAMED, *TO_FIT, *ON_OTHER_GRIDS, *PRESETS])
        raise ValueError(f"unknown method {name!r}; expected one of {names}, or a method value.") from None


__all__ = [
    "NAMED",
    "ON_OTHER_GRIDS",
    "PRESETS",
    "TO_FIT",
    "Cnn",
    "Collaborative",
    "Degrade",
    "EmpiricalWiener",
    "GeneratorPrior",
    "HotPixels",
    "LearnedDct",
    "Let",
    "NonLocalMeans",
    "Restorer",
    "ScaleMixture",
    "ShapeAdaptiveDct",
    "Shrinkage",
    "Upscale",
    "named",
]
