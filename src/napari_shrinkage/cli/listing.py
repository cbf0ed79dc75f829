"""`methods` and `estimate`: what can be asked for, and how noisy files are."""

from __future__ import annotations

import dataclasses
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import napari_shrinkage

from ..estimators import estimated_noise
from ..methods import Method, members, parameters, roles
from ..noise import Gaussian, NoiseModel, NoiseWarning
from ..restorers import NAMED, ON_OTHER_GRIDS, PRESETS, named
from . import BAD_INPUT, say
from .inputs import image_files, read_input

WIDTH = 100
ROLES = ("restorer", "transform", "rule", "threshold", "noise", "estimator")


def list_methods(name: str | None = None) -> int:
    """Print presets, short names and every method with its parameters, or those of one name."""
    every = _every_method()
    if name is None:
        _print_names()
        for role in (*ROLES, *(role for role in every if role not in ROLES)):
            _print_role(role, every.get(role, []))
        return 0
    found = [cls for family in every.values() for cls in family if name in (cls.name, cls.__name__)]
    if name in {**NAMED, **ON_OTHER_GRIDS, **PRESETS}:
        print(f"{name}: {_described(named(name))}")
        found = [type(named(name))]
    if not found:
        names = sorted(
            {*NAMED, *ON_OTHER_GRIDS, *PRESETS, *(cls.name for family in every.values() for cls in family)}
        )
        say(f"unknown method {name!r}; expected one of {', '.join(names)}.")
        return BAD_INPUT
    for cls in found:
        _print_method(cls)
    return 0


def estimate_files(inputs: Sequence[str], axes: str | None) -> int:
    """Print the noise of each file and what the number is worth; return 2 if one could not be read."""
    sources, failed = image_files(inputs)
    for source in sources:
        name = str(source)
        try:
            stack = read_input(source, axes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoiseWarning)
                noise = estimated_noise(stack)
        except (ValueError, TypeError, OSError, MemoryError) as error:
            failed += 1
            say(str(error) if name in str(error) else f"{name}: {error}")
            continue
        print(f"{name}: {_strength(noise)}{noise.verdict}")
    return BAD_INPUT if failed else 0


def _strength(noise: NoiseModel) -> str:
    """Return the numbers of Gaussian noise to four digits; other models say theirs in the verdict."""
    if not isinstance(noise, Gaussian):
        return ""
    sigmas = noise.sigma if isinstance(noise.sigma, tuple) else (noise.sigma,)
    return f"sigma {', '.join(f'{sigma:.4g}' for sigma in sigmas)}. "


def _every_method() -> dict[str, list[type[Method]]]:
    """Return every registered method by role; loading the public names registers them."""
    for name in napari_shrinkage.__all__:
        getattr(napari_shrinkage, name)
    return {role: list(members(role).values()) for role in roles()}


def _print_names() -> None:
    print("names for --method")
    for preset, short in PRESETS.items():
        print(f"  {preset:<12} preset: the same as {short}")
    for short, restorer in {**NAMED, **ON_OTHER_GRIDS}.items():
        print(f"  {short:<12} {_described(restorer)}")


def _described(restorer: Method) -> str:
    """Return a method's title and the methods inside it."""
    inner = [getattr(restorer, field.name) for field in dataclasses.fields(restorer)]  # type: ignore[arg-type]
    parts = ", ".join(part.title for part in inner if isinstance(part, Method))
    return f"{restorer.title}{f' ({parts})' if parts else ''}. {restorer.summary()}"


def _print_role(role: str, family: list[type[Method]]) -> None:
    if family:
        print(f"\n{role}s")
    for cls in family:
        _print_method(cls)


def _print_method(cls: type[Method]) -> None:
    print(_wrapped(f"{cls.name}: {cls.summary()}", 2))
    for parameter in parameters(cls):
        if not parameter.hidden:
            default = _default(parameter.default)
            print(
                _wrapped(f"{parameter.name} = {default}: {parameter.doc} Allowed: {parameter.expected()}.", 6)
            )


def _default(value: Any) -> str:
    if value is dataclasses.MISSING:
        return "(required)"
    if isinstance(value, Method):
        return value.name
    return "auto" if value is None else str(value)


def _wrapped(text: str, indent: int) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4))
