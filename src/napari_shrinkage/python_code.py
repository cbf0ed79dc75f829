"""The code that repeats a record or carries out a recipe, for people to run and change.

Convention: a field at its default is left out, numbers are written to the last digit, and the code needs
nothing but this package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from .files import FORMATS
from .methods import Method, nested, parameters
from .recipe import Recipe, Record, Step

WIDTH = 100


def as_python(made: Record | Recipe, source: str = "") -> str:
    """Return runnable code that repeats a record, or carries out a recipe.

    Parameters
    ----------
    made : Record or Recipe
        A record repeats its numbers; a recipe decides its "auto" fields from the data.
    source : str
        Path of the image file, or name of a napari layer; "" takes the record's, or leaves a name to fill in.

    Returns
    -------
    str
        Lines of Python; after running them `result.stack.array` is the restored image.
    """
    recipe = made.recipe() if isinstance(made, Record) else made
    steps = ",\n".join(_indented(_step_code(step)) for step in recipe.steps)
    settings = f"device={recipe.device!r}, threads={recipe.threads!r}"
    region = _region_code(made)
    lines = [
        "import napari_shrinkage as ns",
        *_imports(recipe),
        *_reading_code(made, source),
        f"recipe = ns.Recipe((\n{steps},\n), {settings})",
        f"result = ns.drain(ns.run(recipe, stack{region}))",
    ]
    return "\n".join(lines) + "\n"


def _reading_code(made: Record | Recipe, source: str) -> list[str]:
    """Return the lines that make `stack`, from a file or from the layer of that name."""
    about = made.input if isinstance(made, Record) else {}
    name = source or str(about.get("source", "")) or "image.ome.tif"
    axes = f", axes={about['axes']!r}" if about else ""
    if name.lower().endswith(tuple(FORMATS)):
        return ["from napari_shrinkage.files import read", "", f"stack = read({name!r}{axes})"]
    code = f"stack = stack_of(viewer.layers[{name!r}]{axes})  # in napari's console"
    return ["from napari_shrinkage.api import stack_of", "", code]


def _region_code(made: Record | Recipe) -> str:
    if not isinstance(made, Record):
        return ""
    region, shape = made.input["region"], made.input["shape"]
    if region == [[0, n] for n in shape]:
        return ""
    return ", (" + ", ".join(f"slice({start}, {stop})" for start, stop in region) + ",)"


def _imports(recipe: Recipe) -> list[str]:
    """Return import lines for the methods that are not public names of the package."""
    import napari_shrinkage

    classes = {type(value) for step in recipe.steps for value in _methods(step)}
    rest = sorted(
        {(cls.__module__, cls.__name__) for cls in classes if cls.__name__ not in napari_shrinkage.__all__}
    )
    return [f"from {module} import {name}" for module, name in rest]


def _methods(step: Step) -> Iterator[Method]:
    yield from nested(step.restorer)
    if step.noise is not None:
        yield from nested(step.noise)


def _step_code(step: Step) -> str:
    noise = "" if step.noise is None else f"\n    {_indented(_code(step.noise)).lstrip()},"
    return f"ns.Step(\n    {_indented(_code(step.restorer)).lstrip()},{noise}\n)"


def _code(value: object) -> str:
    """Return the expression that makes a value; fields at their default are left out."""
    if isinstance(value, Method):
        return _method_code(value)
    if isinstance(value, Mapping):
        return _listed("{", [f"{key!r}: {_code(item)}" for key, item in value.items()], "}")
    if isinstance(value, tuple):
        items = [_code(item) for item in value]
        return f"({items[0]},)" if len(items) == 1 else _listed("(", items, ")")
    return repr(value)


def _method_code(value: Method) -> str:
    import napari_shrinkage

    name = type(value).__name__
    prefix = "ns." if name in napari_shrinkage.__all__ else ""
    told = {field.name for field in dataclasses.fields(value) if field.compare}  # type: ignore[arg-type]
    changed = [
        p.name for p in parameters(type(value)) if p.name in told and getattr(value, p.name) != p.default
    ]
    given = [(field, getattr(value, field)) for field in changed]
    return _listed(f"{prefix}{name}(", [f"{field}={_code(item)}" for field, item in given], ")")


def _listed(start: str, items: list[str], end: str) -> str:
    """Join items on one line, or one below the other where they are long."""
    line = start + ", ".join(items) + end
    if len(line) <= WIDTH and "\n" not in line:
        return line
    return start + "\n" + ",\n".join(_indented(item) for item in items) + ",\n" + end


def _indented(text: str) -> str:
    return "    " + text.replace("\n", "\n    ")
