"""What a field's annotation allows: values that fit it, text read as it, and words for it.

Convention: a value of the wrong type is a `TypeError`, a value of the right type that is not allowed a
`ValueError`. Numbers are finite; a whole number may stand where a number is wanted, and 2.0 where a whole
number is.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", Any: "any value"}
PLURALS = {int: "whole numbers", float: "numbers", str: "texts"}


def unwrapped(hint: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """Return a hint without its marks and without None, whether None was allowed, and the marks."""
    marks: list[Any] = []
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            hint, *found = get_args(hint)
            marks += found
        elif is_union(hint) and type(None) in get_args(hint):
            optional = True
            hint = Union[tuple(kind for kind in get_args(hint) if kind is not type(None))]  # noqa: UP007
        else:
            return hint, optional, tuple(marks)


def is_union(kind: Any) -> bool:
    """Whether an annotation is a choice of types."""
    return get_origin(kind) in (Union, types.UnionType)


def coerced(value: Any, kind: Any) -> Any:
    """Return `value` in the type that the annotation `kind` asks for.

    Raises
    ------
    TypeError
        If it has another type.
    ValueError
        If it is a number that is not finite or not whole, or not one of the choices.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _choice(value, inner)
    if is_union(kind):
        return _first_fit(value, inner)
    if origin is tuple:
        return _tuple(value, inner)
    if origin is dict:
        return _dict(value, inner[1])
    if kind in (int, float):
        return _number(value, kind)
    if kind is Any or isinstance(value, kind):
        return value
    raise TypeError(kind)


def read(text: str, kind: Any) -> Any:
    """Return a command line's `text` as a value of `kind`; text that is none comes back as it is."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return next((choice for choice in inner if str(choice) == text), text)
    if is_union(kind):
        return next((value for option in inner if fits(value := read(text, option), option)), text)
    if origin is tuple:
        return tuple(read(part.strip(), inner[0]) for part in text.split(","))
    if kind is bool:
        return BOOLS.get(text.lower(), text)
    if kind in (int, float):
        return _read_number(text)
    return text


def fits(value: Any, kind: Any) -> bool:
    """Whether `coerced` takes the value."""
    try:
        coerced(value, kind)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def described(kind: Any) -> str:
    """Return words for an annotation: "a number", "one of 'a', 'b'"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in inner)
    if is_union(kind):
        return " or ".join(described(option) for option in inner)
    if origin is tuple:
        count = "several" if inner[-1] is Ellipsis else str(len(inner))
        return f"{count} {PLURALS.get(inner[0], 'values')}"
    if origin is dict:
        return f"{described(inner[1])} for each name"
    return WORDS.get(kind) or f"a {kind.__name__}"


def _number(value: Any, kind: type[int] | type[float]) -> int | float:
    if isinstance(value, bool | str | bytes) or getattr(value, "ndim", False):
        raise TypeError(kind)
    number = kind(value)
    if number != value or not math.isfinite(number):
        raise ValueError(value)
    return number


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if isinstance(value, bool) == isinstance(choice, bool) and value == choice:
            return choice
    raise ValueError(value)


def _first_fit(value: Any, kinds: tuple[Any, ...]) -> Any:
    error: type[Exception] = TypeError
    for kind in kinds:
        try:
            return coerced(value, kind)
        except (ValueError, OverflowError):
            error = ValueError
        except TypeError:
            continue
    raise error(value)


def _tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping):
        raise TypeError(kinds)
    items = tuple(value)
    if kinds[-1] is Ellipsis:
        return tuple(coerced(item, kinds[0]) for item in items)
    if len(items) != len(kinds):
        raise ValueError(value)
    return tuple(coerced(item, kind) for item, kind in zip(items, kinds, strict=True))


def _dict(value: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(value)
    return {key: coerced(item, kind) for key, item in value.items()}


def _read_number(text: str) -> Any:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
