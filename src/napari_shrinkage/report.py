"""A record in words: the code that repeats it, a paragraph for a paper, and the lines that sum it up.

Convention: everything is read from the record or recipe itself and from the docstrings of its methods;
nothing about any single method is written here.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping

from .methods import Method, nested, parameters
from .noise import NoiseModel
from .python_code import as_python
from .recipe import Plan, Record
from .stack import SPATIAL

SIGNIFICANT = 4
MOST_NUMBERS = 25  # of a table that is written out

__all__ = ["as_python", "methods_paragraph", "references_of", "summary_lines"]


def methods_paragraph(record: Record) -> str:
    """Return what was done as a paper would say it: methods, numbers, software and references.

    Parameters
    ----------
    record : Record
        Of a result.

    Returns
    -------
    str
        A paragraph, and the list of references it cites.
    """
    references: list[str] = []
    steps = " ".join(_step_sentence(plan, references) for plan in record.plans)
    version = record.versions.get("napari-shrinkage", "")
    libraries = ", ".join(
        f"{name} {number}" for name, number in record.versions.items() if name != "napari-shrinkage"
    )
    paragraph = (
        f"{_input_sentence(record)} {steps} The software was napari-shrinkage {version} ({libraries})."
    )
    cited = "\n".join(f"[{number}] {reference}" for number, reference in enumerate(references, start=1))
    return f"{paragraph}\n\n{cited}\n" if cited else f"{paragraph}\n"


def summary_lines(record: Record) -> list[str]:
    """Return the record in short lines: steps, noise, device, time, and what a reader should know."""
    lines = []
    for plan in record.plans:
        lines.append(f"{plan.restorer.title}: {_numbers(plan.restorer)}")
        lines.append(f"noise: {plan.noise.title}, {_numbers(plan.noise)}")
        lines.append(f"device: {plan.device} ({plan.device_reason}), {plan.threads} threads")
    lines.append(
        f"input: {_shape_words(record)}, {record.input['dtype']}, {record.input['source'] or 'an array'}"
    )
    lines.append(f"made {record.created} in {record.seconds:.3g} s")
    return [*lines, *record.messages]


def references_of(value: Method) -> list[str]:
    """Return the references in the docstrings of a method and of the methods inside it, each once."""
    found: dict[str, str] = {}
    for one in nested(value):
        for reference in _references(type(one)):
            found.setdefault(_doi(reference), reference)
    return list(found.values())


def _input_sentence(record: Record) -> str:
    spacing = [
        f"{size:.{SIGNIFICANT}g}"
        for size, letter in zip(record.input["spacing"], record.input["axes"], strict=True)
        if letter in SPATIAL
    ]
    unit = next(
        (u for u, a in zip(record.input["units"], record.input["axes"], strict=True) if a == "X"), "pixel"
    )
    grid = "" if unit == "pixel" else f" with a spacing of {' x '.join(spacing)} {unit}"
    return f"The image ({_shape_words(record)}, {record.input['dtype']}{grid}) was restored in its own units."


def _shape_words(record: Record) -> str:
    return f"{' x '.join(str(n) for n in record.input['shape'])} ({record.input['axes']})"


def _step_sentence(plan: Plan, references: list[str]) -> str:
    cited = [_number(reference, references) for reference in references_of(plan.restorer)]
    marks = f" [{', '.join(str(n) for n in cited)}]" if cited else ""
    estimated = "estimated from the image" if plan.noise.verdict else "given"
    what = "Noise was removed" if plan.restorer.domain == "noise" else "Single pixels were replaced"
    removed = f"{what} by {plan.restorer.title}{marks} ({_numbers(plan.restorer)})"
    return f"{removed}; the noise, {estimated}, was taken as {plan.noise.title} ({_numbers(plan.noise)})."


def _number(reference: str, references: list[str]) -> int:
    """Return the place of a reference in the list, where it is put if it is new."""
    known = [_doi(entry) for entry in references]
    if _doi(reference) not in known:
        references.append(reference)
        return len(references)
    return known.index(_doi(reference)) + 1


def _numbers(value: Method) -> str:
    """Return the parameters of a method as words, methods inside it in brackets."""
    words = []
    for parameter in parameters(type(value)):
        item = getattr(value, parameter.name)
        in_planes = parameter.name.endswith("_z") and getattr(value, "ndim", 3) == 2
        if item is None or in_planes or (isinstance(value, NoiseModel) and parameter.name == "verdict"):
            continue
        unit = f" {parameter.unit}" if parameter.unit and not isinstance(item, Mapping) else ""
        words.append(f"{parameter.name} {_words(item)}{unit}")
    return ", ".join(words) or "no parameters"


def _words(item: object) -> str:
    match item:
        case Method():
            inner = _numbers(item) if dataclasses.fields(item) else ""  # type: ignore[arg-type]
            return f"{item.title} ({inner})" if inner else item.title
        case float():
            return f"{item:.{SIGNIFICANT}g}"
        case Mapping():
            return f"for {len(item)} bands"
        case tuple() if (count := _count(item)) > MOST_NUMBERS:
            return f"{count} numbers"
        case tuple():
            return " / ".join(_words(part) for part in item)
    return str(item)


def _count(item: object) -> int:
    """Return how many values a nested tuple holds."""
    return sum(_count(part) for part in item) if isinstance(item, tuple) else 1


def _references(cls: type) -> list[str]:
    """Return the entries of a docstring's References section; each ends with its DOI."""
    text = inspect.getdoc(cls) or ""
    section = re.search(r"^References\n-+\n(.*?)(?=\n\n\w[^\n]*\n-{3,}|\Z)", text, re.S | re.M)
    if section is None:
        return []
    entries = " ".join(re.sub(r"\.\. \[\w+\]", "", section.group(1)).split())
    return [entry.strip(" .,") for entry in re.findall(r".+?doi:\S+(?: \([^)]*\)\.?)?", entries)]


def _doi(reference: str) -> str:
    return reference.partition("doi:")[2].split()[0].strip(".,")
