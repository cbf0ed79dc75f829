"""Wish, plan and record: what was asked for, what it became, and how a result was made.

Convention: a `Recipe` may say "auto" (None) anywhere; a `Plan` never does; a `Record` is the plans that
were carried out plus what is needed to do it again. All three are plain values that go to JSON and back.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar, cast

from .geometry import Geometry
from .methods import Json, Method, from_record, nested, parameters, to_record, with_value
from .noise import NoiseModel
from .restorers.base import Restorer

FORMAT = 1
BRIGHTNESS_SIDE = 15  # of the box, taken twice, over which a restoration keeps the mean of counted light
BRIGHTNESS_REACH = BRIGHTNESS_SIDE - 1
IN_PLAN = {"restorer": dict, "noise": dict, "device": str, "device_reason": str, "threads": int}
IN_RECORD = {"input": dict, "versions": dict, "created": str, "seconds": (float, int), "messages": list}
LIBRARIES = ("napari-shrinkage", "numpy", "scipy", "PyWavelets", "numba", "torch")
F = TypeVar("F", bound=Method)


@dataclass(frozen=True)
class Step:
    """One restorer, and the noise it is told of.

    Parameters
    ----------
    restorer : Restorer
        The method; its "auto" fields are decided from the data.
    noise : NoiseModel or None
        None estimates it from the data.
    """

    restorer: Restorer
    noise: NoiseModel | None = None

    def to_json(self) -> Json:
        """Return plain JSON types."""
        return {
            "restorer": to_record(self.restorer),
            "noise": None if self.noise is None else to_record(self.noise),
        }


@dataclass(frozen=True)
class Recipe:
    """A list of steps, applied one after the other.

    Parameters
    ----------
    steps : tuple of Step
        At least one.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int or None
        CPU threads of the fused kernels; None uses every core that this process may use.
    """

    steps: tuple[Step, ...]
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        if not self.steps or not all(isinstance(step, Step) for step in self.steps):
            raise TypeError(f"a recipe is a tuple of at least one Step; this is {self.steps!r}.")
        if str(self.device).partition(":")[0] not in ("auto", "cpu", "cuda", "mps"):
            raise ValueError(f"device={self.device!r}: expected auto, cpu, cuda (or cuda:N) or mps.")
        if self.threads is not None and (type(self.threads) is not int or self.threads < 1):
            raise ValueError(f"threads={self.threads!r}: expected at least 1, or None for every core.")

    @classmethod
    def of(cls, restorer: Restorer, noise: NoiseModel | None = None, **settings: Any) -> Recipe:
        """Return the recipe of a single step."""
        return cls((Step(restorer, noise),), **settings)

    def with_value(self, path: str, new: Any) -> Recipe:
        """Return the recipe with a value of its last step set, such as "transform.size" or "noise.sigma"."""
        *before, step = self.steps
        head, _, rest = path.partition(".")
        if head == "noise" and rest:
            if step.noise is None:
                raise ValueError(
                    f"{path!r}: this recipe estimates the noise; name a noise model to set its values."
                )
            return replace(self, steps=(*before, replace(step, noise=with_value(step.noise, rest, new))))
        return replace(self, steps=(*before, replace(step, restorer=with_value(step.restorer, path, new))))

    def to_json(self) -> Json:
        """Return plain JSON types."""
        return {
            "recipe": FORMAT,
            "steps": [step.to_json() for step in self.steps],
            "device": self.device,
            "threads": self.threads,
        }

    @classmethod
    def from_json(cls, data: Any) -> Recipe:
        """Build the recipe that `to_json` (or `Record.to_json`) wrote."""
        if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
            raise TypeError(
                'a recipe is a JSON object with a list "steps"; this is not. save_recipe writes one.'
            )
        if data.get("recipe", FORMAT) != FORMAT:
            raise ValueError(
                f"this recipe has format {data['recipe']!r}; this version reads format {FORMAT}."
            )
        steps = tuple(_step(entry) for entry in data["steps"])
        return cls(steps, data.get("device", "auto"), data.get("threads"))


@dataclass(frozen=True)
class Plan:
    """One step with every "auto" made a number: what will be done, to the last detail.

    Parameters
    ----------
    restorer : Restorer
        Resolved.
    noise : NoiseModel
        Given or estimated, one value per channel.
    device, device_reason : str
        Where it runs, and why there.
    threads : int
        CPU threads of the fused kernels.
    """

    restorer: Restorer
    noise: NoiseModel
    device: str
    device_reason: str
    threads: int

    def __post_init__(self) -> None:
        for value in (*nested(self.restorer), *nested(self.noise)):
            for parameter in parameters(type(value)):
                if getattr(value, parameter.name) is None and not parameter.hidden:
                    raise AssertionError(f"{type(value).__name__}.{parameter.name} was not resolved")

    @property
    def spatial_ndim(self) -> int:
        """Number of spatial axes that are restored together."""
        return self.restorer.spatial_ndim

    @property
    def tile_pixels(self) -> int:
        """Pixels that are best restored at a time."""
        return self.restorer.tile_pixels

    @property
    def planes(self) -> int:
        """Planes or volumes that are restored at a time."""
        return self.restorer.planes

    @property
    def magnification(self) -> Fraction:
        """How much finer the result's grid is along Y and X."""
        return self.restorer.magnification

    @property
    def keeps_brightness(self) -> bool:
        """Whether the local sums of light that stabilising loses are put back."""
        photons = self.noise.counts_light and self.restorer.domain == "noise"
        return photons and self.restorer.geometry().border != "periodic"

    def geometry(self) -> Geometry:
        """Return the restorer's geometry, with the reach of what is done before and after it."""
        reach = self.noise.reach + (BRIGHTNESS_REACH if self.keeps_brightness else 0)
        return self.restorer.geometry().widened(reach) if reach else self.restorer.geometry()

    def to_json(self) -> Json:
        """Return plain JSON types."""
        return {
            "restorer": to_record(self.restorer),
            "noise": to_record(self.noise),
            "device": self.device,
            "device_reason": self.device_reason,
            "threads": self.threads,
        }


@dataclass(frozen=True)
class Record:
    """How a result was made: the plans, the input, the software, the time.

    Parameters
    ----------
    plans : tuple of Plan
        In the order they were carried out.
    input : dict
        Shape, dtype, axes, spacing, units, source and digest of the input, and the region that was restored.
    versions : dict
        Versions of this package, Python and the libraries that take part.
    created : str
        Date and time, ISO 8601, UTC.
    seconds : float
        Wall time of the run.
    messages : tuple of str
        What a reader should know: noise verdicts, filled pixels.
    wish : str
        Digest of what a batch was asked for, by which it knows its own results; "" elsewhere.
    """

    plans: tuple[Plan, ...]
    input: Json
    versions: dict[str, str] = field(default_factory=lambda: software_versions())
    created: str = ""
    seconds: float = 0.0
    messages: tuple[str, ...] = ()
    wish: str = ""

    @property
    def magnification(self) -> Fraction:
        """How much finer the result's grid is than the input's, along Y and X."""
        return math.prod((plan.magnification for plan in self.plans), start=Fraction(1))

    def recipe(self) -> Recipe:
        """Return the recipe that repeats these plans number for number."""
        steps = tuple(Step(plan.restorer, plan.noise) for plan in self.plans)
        return Recipe(steps, self.plans[-1].device, self.plans[-1].threads)

    def to_json(self) -> Json:
        """Return plain JSON types; `Recipe.from_json` reads it as a recipe."""
        return {
            "recipe": FORMAT,
            "steps": [plan.to_json() for plan in self.plans],
            "input": self.input,
            "versions": self.versions,
            "created": self.created,
            "seconds": self.seconds,
            "messages": list(self.messages),
            **({"wish": self.wish} if self.wish else {}),
        }

    @classmethod
    def from_json(cls, data: Json) -> Record:
        """Build the record that `to_json` wrote.

        Raises
        ------
        ValueError, TypeError
            If it lacks something, or names unknown methods or parameters.
        """
        recipe = Recipe.from_json(data)
        _check_entries(data, IN_RECORD, "record")
        plans = tuple(map(_plan, recipe.steps, data["steps"]))
        return cls(
            plans,
            data["input"],
            data["versions"],
            data["created"],
            data["seconds"],
            tuple(data["messages"]),
            data.get("wish", ""),
        )


def save_recipe(recipe: Recipe | Record, path: str | Path) -> None:
    """Write a recipe or a record as JSON."""
    Path(path).write_text(json.dumps(recipe.to_json(), indent=2) + "\n", encoding="utf-8")


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe, or the recipe of a record, from a JSON file.

    Raises
    ------
    ValueError
        If the file is not JSON, or names an unknown method or parameter.
    TypeError
        If a value has the wrong type.
    """
    try:
        return Recipe.from_json(_json(Path(path)))
    except RecursionError as error:
        raise ValueError(f"{path} is not a recipe: its values are nested too deeply.") from error


def software_versions() -> dict[str, str]:
    """Return the versions that a record names."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of characters, of grammar, or of the length of a number
        raise ValueError(f"{path} is not a recipe: it is not valid JSON ({error}).") from error


def _plan(step: Step, entry: Json) -> Plan:
    """Return the plan of a record's step, in which nothing may be left open."""
    _check_entries(entry, IN_PLAN, "step of a record")
    try:
        return Plan(step.restorer, cast(NoiseModel, step.noise), *(entry[name] for name in list(IN_PLAN)[2:]))
    except AssertionError as error:
        raise ValueError(f"a record says every number, but in this one {error}.") from error


def _check_entries(data: Json, wanted: Mapping[str, Any], what: str) -> None:
    """Raise an error unless a JSON object has these entries, of these types."""
    for name, kind in wanted.items():
        if not isinstance(data.get(name), kind):
            words = getattr(kind, "__name__", "number")
            found = repr(data[name]) if name in data else "nothing"
            raise ValueError(f"this {what} is incomplete: {name!r} is a {words}, and here it is {found}.")


def _step(entry: Any) -> Step:
    if not isinstance(entry, Mapping) or "restorer" not in entry:
        raise TypeError(f'a step of a recipe is an object with "restorer" and "noise"; this is {entry!r}.')
    noise = entry.get("noise")
    return Step(_family(Restorer, entry["restorer"]), None if noise is None else _family(NoiseModel, noise))


def _family(base: type[F], record: Json) -> F:
    value = from_record(record)
    if not isinstance(value, base):
        raise TypeError(f"{record['method']} stands where a {base.role} is expected.")
    return value
