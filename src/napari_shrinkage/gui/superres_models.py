"""The models of super-resolution that can be chosen: what each is, and its card once it is read.

Convention: what opens a weight file happens in a worker. A folder of weight files holds denoising networks
too; only those that turn out to be networks for super-resolution are offered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ..degradation.kernels import SCALES
from ..engine import Progress
from ..nn.models import ENDINGS
from ..nn.upscaler_models import OWN, UpscalerCard, upscaler_card
from ..restorers.upscale import LINEAR
from .jobs import EXPECTED, Work, described

GREY_LEVELS = 255
TITLES = {
    "light": "Light (ours)",
    "light-bicubic": "Light, bicubic only",
    "linear": "Best linear",
    "bicubic": "Bicubic",
    "lanczos": "Lanczos",
}
TIPS = {
    "light": "A network that is told the blur and the noise, and adds to the best linear upscaling.",
    "light-bicubic": "The same network, trained on bicubic reduction without noise alone: on "
    "anything else it does worse than the other one.",
    "linear": "The linear upscaling of least error for this blur and noise; no network.",
    "bicubic": "Keys' cubic interpolation: knows neither blur nor noise.",
    "lanczos": "Interpolation by Lanczos' window of three lobes: knows neither blur nor noise.",
}
FILES = f"Weight files ({' '.join(f'*{ending}' for ending in ENDINGS)});;All files (*)"


@dataclass(frozen=True)
class UpscalerEntry:
    """A model that can be chosen.

    Parameters
    ----------
    model : str
        What `Upscale.model` is called for it.
    card : UpscalerCard or None
        Of its weights; None where there are none, or until they are read.
    trouble : str
        Why it cannot be used, or "".
    """

    model: str
    card: UpscalerCard | None = None
    trouble: str = ""

    @property
    def title(self) -> str:
        """The model's name as people read it."""
        return model_title(self.model)

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that it has; all, as long as its card is not known."""
        return SCALES if self.card is None else self.card.scales

    @property
    def tooltip(self) -> str:
        """What it is, and its card."""
        said = TIPS.get(self.model, "")
        card = "" if self.card is None else _card_in_words(self.card)
        return f"<qt>{escape(self.trouble) or said}{card}</qt>"


@dataclass(frozen=True)
class KnownUpscaler(Progress):
    """A model that was read."""

    entry: UpscalerEntry | None = None


def model_title(model: str) -> str:
    """Return a model's name as people read it; a file is called by its name."""
    return TITLES.get(model) or Path(model).stem


def needs_reading(model: str) -> bool:
    """Whether a model has weights."""
    return model not in LINEAR


def is_file(model: str) -> bool:
    """Whether a model is a weight file of the user's."""
    return model not in (*LINEAR, *OWN)


def reading(models: Iterable[str]) -> Work:
    """Read the weights of models (in a worker)."""
    wanted = list(models)
    for done, model in enumerate(wanted):
        yield Progress(done, len(wanted), f"reading {model_title(model)}")
        yield KnownUpscaler(done + 1, len(wanted), entry=read_entry(model))


def read_entry(model: str) -> UpscalerEntry:
    """Return what the weight file of a model says; a file that cannot be used is its `trouble`."""
    try:
        return UpscalerEntry(model, upscaler_card(model))
    except EXPECTED as error:
        return UpscalerEntry(model, trouble=f"{model_title(model)}: {described(error)}")


def _card_in_words(card: UpscalerCard) -> str:
    """Return a card as rich text."""
    noise = "" if card.sigma_max is None else f"std up to {card.sigma_max * GREY_LEVELS:.0f} of 255"
    facts = {
        "scales": ", ".join(f"x{scale}" for scale in card.scales),
        "colours": "together" if card.colors == 3 else "one by one",
        "is told": "blur and noise" if card.told else "nothing",
        "reduced by": card.degradations,
        "noise": noise,
        "steps": card.facts.get("steps", ""),
        "trained on": card.facts.get("trained_on", ""),
        "licence": card.facts.get("licence", "not stated"),
        "file": str(card.path),
    }
    rows = [f"<tr><td>{name}&nbsp;</td><td>{escape(text)}</td></tr>" for name, text in facts.items() if text]
    return f"<table>{''.join(rows)}</table>"
