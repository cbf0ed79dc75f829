"""Tables for these pages: the registered methods, and the measured figures that a benchmark wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING
from pathlib import Path

from IPython.display import Markdown

import napari_shrinkage.api  # noqa: F401 - registers every method
from napari_shrinkage.methods import Method, Parameter, members, parameters
from napari_shrinkage.restorers import NAMED, ON_OTHER_GRIDS, PRESETS

MEASURED = Path(__file__).parent / "measured"


def markdown(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Markdown:
    """Return a table."""
    columns = list(header)
    lines = [
        columns,
        ["---"] * len(columns),
        *([str(cell).replace("|", r"\|") for cell in line] for line in rows),
    ]
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))


def measured(name: str, script: str) -> Markdown:
    """Return what a benchmark printed, kept in `docs/measured/NAME.md`, or say how to make it."""
    path = MEASURED / f"{name}.md"
    if path.exists():
        return Markdown(path.read_text(encoding="utf-8"))
    return Markdown(f"*This table is not part of this build. `python benchmarks/{script}` prints it.*")


def methods(role: str) -> Markdown:
    """Return one table of the methods of a role: a row per parameter."""
    rows = []
    for name, cls in members(role).items():
        shown = [p for p in parameters(cls) if not p.hidden]
        rows.append([f"**`{name}`**", f"`{cls.__name__}`", "", cls.summary()])
        rows += [["", f"`{p.name}`", _default(p), f"{p.doc} {_allowed(p)}".strip()] for p in shown]
    return markdown(["name", "class, parameters", "default", "meaning"], rows)


def _default(parameter: Parameter) -> str:
    if parameter.default is MISSING:
        return "(to be given)"
    if parameter.default is None:
        return "auto"
    return f"`{_short(parameter.default)}`"


def _short(value: object) -> str:
    return f"{type(value).__name__}(...)" if isinstance(value, Method) else str(value)


def _allowed(parameter: Parameter) -> str:
    if parameter.role is not None:
        return ""
    return f"*Takes {parameter.expected()}.*"


def named() -> Markdown:
    """Return the table of short names, with the presets that stand for them."""
    every = {**NAMED, **ON_OTHER_GRIDS}
    presets = {name: [f"`{preset}`" for preset, meant in PRESETS.items() if meant == name] for name in every}
    rows = [[f"`{name}`", ", ".join(presets[name]), f"`{value}`"] for name, value in every.items()]
    return markdown(["name", "presets", "the method"], rows)
