"""The networks that can be chosen: read, described and timed as work for a job.

Convention: everything that opens a weight file or needs torch happens in a worker; what is timed is kept for
the session.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from ..devices import chosen_device
from ..engine import Progress
from ..nn.inference import Precision, denoised, fastest_precision
from ..nn.models import Card, card_of, has_own, network_of, weight_file
from .jobs import EXPECTED, Work, described

TITLES = {"unet": "U-Net (ours)", "ffdnet": "FFDNet (ours)"}
GREY_LEVELS = 255
UNKNOWN = "?"
TIMED_SIDE = 256  # pixels of the image that is timed
LARGER_SIDE = 1024  # where that takes no time to speak of
SHORT = 0.05  # seconds
TIMED_RUNS = 2  # after one that is not counted
COLORS = {1: "gray", 3: "RGB"}
_speeds: dict[tuple[str, str, str], float] = {}


@dataclass(frozen=True)
class Place:
    """Where networks run, why there, and in which number format."""

    device: str
    reason: str
    precision: Precision

    def __str__(self) -> str:
        return place_in_words(self.device, self.reason, self.precision)


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be chosen, and what is known of it.

    Parameters
    ----------
    model : str
        What `Cnn.model` is called for it.
    cards : tuple of Card
        Of its weights: for gray, for colour, or for both; () until they are read.
    parameters : int
        Of the first card's network; 0 until it is read.
    speed : float
        Megapixels per second on this machine; 0 until it is measured.
    place : Place or None
        What the speed was measured on.
    trouble : str
        Why it cannot be used, or "".
    """

    model: str
    cards: tuple[Card, ...] = ()
    parameters: int = 0
    speed: float = 0.0
    place: Place | None = None
    trouble: str = ""

    @property
    def title(self) -> str:
        """The model's name as people read it."""
        return model_title(self.model)

    @property
    def colors(self) -> str:
        """What it restores: "gray", "RGB" or both."""
        return ", ".join(COLORS[card.colors] for card in self.cards)

    @property
    def noise_range(self) -> str:
        """Noise std that it was trained for, in grey levels of 255."""
        if not self.cards:
            return ""
        card = self.cards[0]
        if card.sigma_max is None:
            return UNKNOWN
        most = f"{card.sigma_max * GREY_LEVELS:.0f}"
        return f"0–{most}" if card.told else f"to {most}"

    @property
    def licence(self) -> str:
        """Licence of the weights."""
        return self.cards[0].facts.get("licence", "licence not stated") if self.cards else ""

    @property
    def origin(self) -> str:
        """Licence of the weights, and whether they were fine-tuned."""
        adapted = self.cards and "tuned_by" in self.cards[0].facts
        return f"adapted, {self.licence}" if adapted else self.licence

    @property
    def tooltip(self) -> str:
        """The cards in full."""
        if self.trouble or not self.cards:
            return f"<qt>{escape(self.trouble or self.model)}</qt>"
        return "<qt>" + "<hr>".join(_card_in_words(card) for card in self.cards) + "</qt>"


@dataclass(frozen=True)
class Known(Progress):
    """Something that was found out: of a model, or where networks run."""

    entry: ModelEntry | None = None
    place: Place | None = None


def model_title(model: str) -> str:
    """Return a model's name as people read it; a file is called by its name."""
    return TITLES.get(model) or Path(model).stem


def place_in_words(device: str, reason: str, precision: str) -> str:
    """Return such as "CPU (no accelerator found), bfloat16"."""
    return f"{'CPU' if device == 'cpu' else device} ({reason}), {precision}"


def reading(models: Sequence[str], device: str, afresh: bool = False) -> Work:
    """Read models, then time each one on a device; what was timed before is taken unless `afresh`."""
    entries: list[ModelEntry] = []
    for done, model in enumerate(models):
        yield Progress(done, 2 * len(models), f"reading {model_title(model)}")
        entry = read_entry(model)
        entries.append(entry)
        yield Known(done, 2 * len(models), entry=entry)
    place = current_place(device)
    yield Known(len(models), 2 * len(models), place=place)
    for done, entry in enumerate(entries, start=len(models)):
        if entry.trouble:
            continue
        yield Progress(done, 2 * len(models), f"timing {entry.title}")
        card = entry.cards[0]
        here = replace(place, precision=fastest_precision(place.device, card.residual))
        speed = speed_of(card, here, afresh)
        yield Known(done, 2 * len(models), entry=replace(entry, speed=speed, place=here))


def read_entry(model: str) -> ModelEntry:
    """Return what the weight files of a model say; a file that cannot be read is its `trouble`."""
    from ..nn.cost import parameters

    try:
        names = [weight_file(model, colors) for colors in COLORS if has_own(model, colors)]
        cards = tuple(card_of(name) for name in names or [weight_file(model, 1)])
        network = network_of(str(cards[0].path))
    except EXPECTED as error:
        return ModelEntry(model, trouble=f"{model_title(model)}: {described(error)}")
    return ModelEntry(model, cards, parameters(network))


def current_place(device: str) -> Place:
    """Return where networks run when `device` is asked for.

    Raises
    ------
    ValueError
        If this device is not there.
    """
    name, reason = chosen_device(device, False)
    return Place(name, reason, fastest_precision(name, residual=True))


def speed_of(card: Card, place: Place, afresh: bool = False) -> float:
    """Return the megapixels per second of a network, measured once per session unless `afresh`."""
    key = card.checksum, place.device, place.precision
    if afresh or key not in _speeds:
        seconds = _seconds(card, place, TIMED_SIDE)
        side = TIMED_SIDE
        if seconds < SHORT:
            side, seconds = LARGER_SIDE, _seconds(card, place, LARGER_SIDE)
        _speeds[key] = side**2 / seconds / 1e6
    return _speeds[key]


def _seconds(card: Card, place: Place, side: int) -> float:
    """Return the shortest time that an image (side, side) took."""
    import torch

    images = torch.full((1, card.colors, side, side), 0.5)
    sigma = torch.full((1, 1, 1, 1), 0.1)
    times = []
    with torch.inference_mode():
        for _ in range(1 + TIMED_RUNS):
            started = time.perf_counter()
            denoised(str(card.path), card.checksum, images, sigma, place.device, place.precision)
            times.append(time.perf_counter() - started)
    return min(times[1:])


def _card_in_words(card: Card) -> str:
    """Return a card as rich text: what the file's header says, and how the training went."""
    facts = {
        "adapted from": Path(card.facts.get("start", "")).name if "tuned_by" in card.facts else "",
        "adapted by": card.facts.get("tuned_by", ""),
        "error held out": card.facts.get("tuned_error", ""),
        "adapted to": card.facts.get("tuned_on", ""),
        "restores": COLORS[card.colors],
        "reach": f"{card.reach} pixels",
        "noise in training": card.facts.get("noise", ""),
        "steps": card.facts.get("steps", ""),
        "trained on": card.facts.get("trained_on", ""),
        "PSNR": card.facts.get("validation", ""),
        "licence": card.facts.get("licence", "not stated"),
        "made by": card.facts.get("made_by", ""),
        "file": str(card.path),
    }
    rows = [f"<tr><td>{name}&nbsp;</td><td>{escape(text)}</td></tr>" for name, text in facts.items() if text]
    return f"<b>{escape(card.network)}</b><table>{''.join(rows)}</table>{_curve(card)}"


def _curve(card: Card) -> str:
    """Return the training curve as a small table: minutes, and dB at noise 15, 25 and 50."""
    rows = card.curve
    if not rows:
        return ""
    step = max(len(rows) // 6, 1)
    shown = [*rows[:-1:step], rows[-1]]
    cells = "".join(
        "<tr>" + "".join(f"<td>{number:g}&nbsp;</td>" for number in row) + "</tr>" for row in shown
    )
    heads = "<tr><td>minutes&nbsp;</td><td>dB at 15&nbsp;</td><td>25&nbsp;</td><td>50</td></tr>"
    return f"training:<table>{heads}{cells}</table>"
