"""What a method is: a frozen dataclass whose fields are its parameters.

Everything that shows, stores or documents a method reads its fields: the widget, the command line, the
record, the docs table and the contract tests. One convention: `None` in an optional field means "decide from
the data"; a resolved plan holds none.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from abc import ABC
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform, get_args, get_origin

import annotated_types as at
from docstring_parser import DocstringStyle, parse

from .annotations import coerced, described, read, unwrapped

Json = dict[str, Any]


@dataclass(frozen=True)
class Hidden:
    """Mark a field that is stored in the record but not offered in a form."""


@dataclass(frozen=True)
class Suggestions:
    """Mark a text field with values that a form offers; any other valid text may be typed."""

    values: tuple[str, ...]


HIDDEN = Hidden()
ADVANCED = "advanced"
RESERVED = {
    "method",
    "role",
    "name",
    "title",
    "advanced",
}  # of records and of `Method`, so no field has these names


@dataclass(frozen=True)
class Parameter:
    """One field of a method, as forms, the command line and the docs see it.

    Parameters
    ----------
    name : str
        Field name.
    type : Any
        The annotation without bounds and without `None`.
    default : Any
        Default value, or `dataclasses.MISSING`.
    optional : bool
        Whether `None` ("decide from the data") is allowed.
    low, high : float or None
        Bounds of every number in the value; see `low_open` and `high_open`.
    low_open, high_open : bool
        Whether the bound itself is excluded.
    least : int
        Smallest number of entries of a tuple.
    choices : tuple of str
        The allowed values, empty when not a choice.
    suggestions : tuple of str
        Values that a form offers for a text; others are allowed too.
    unit : str
        Unit of the value, or "".
    doc : str
        What it means, in one sentence.
    hidden, advanced : bool
        Whether a form leaves it out, or folds it away.
    """

    name: str
    type: Any
    default: Any
    optional: bool = False
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    least: int = 0
    choices: tuple[Any, ...] = ()
    suggestions: tuple[str, ...] = ()
    unit: str = ""
    doc: str = ""
    hidden: bool = False
    advanced: bool = False

    @property
    def role(self) -> type[Method] | None:
        """The method family that the value belongs to, for nested methods."""
        return self.type if inspect.isclass(self.type) and issubclass(self.type, Method) else None

    def expected(self) -> str:
        """Say in words what value is allowed."""
        if self.role is not None:
            words = f"a {self.role.__name__} such as " + ", ".join(
                c.__name__ for c in members(self.role).values()
            )
        else:
            words = described(self.type) + _bound_words(self)
        return words + (", or None (decide from the data)" if self.optional else "")

    def checked(self, value: Any, owner: str) -> Any:
        """Return `value` in the field's own type, or raise an error that says what is allowed."""
        if value is None and self.optional:
            return None
        error: type[Exception] = ValueError
        try:
            value = coerced(value, self.type)
            if _within(value, self):
                return value
        except TypeError:
            error = TypeError
        except (ValueError, OverflowError):
            pass
        raise error(f"{owner}.{self.name}={value!r}: expected {self.expected()}.")

    def read(self, text: str) -> Any:
        """Return a command line's text as this field's value: "auto" is None, a method goes by its name."""
        if self.optional and text.lower() in ("none", "auto"):
            return None
        if self.role is None:
            return read(text, self.type)
        family = members(self.role)
        if text not in family:
            raise ValueError(f"{self.name}={text!r}: expected one of {', '.join(family)}.")
        return _built(family[text], {})


class Method(ABC):  # noqa: B024 - the families below it have abstract methods
    """Base of every method value: validates its fields, knows its role and its name."""

    role: ClassVar[str] = ""
    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    advanced: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for parameter in parameters(type(self)):
            value = getattr(self, parameter.name)
            object.__setattr__(self, parameter.name, parameter.checked(value, type(self).__name__))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def summary(cls) -> str:
        """First sentence of the class docstring."""
        return (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")


M = TypeVar("M", bound=Method)
_REGISTRY: dict[str, dict[str, type[Method]]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def method(
    name: str, *, title: str = "", advanced: bool = False, kw_only: bool = True
) -> Callable[[type[M]], type[M]]:
    """Class decorator: make a frozen dataclass of a method and register it in its role.

    Parameters
    ----------
    name : str
        Name in records and on the command line, lower case with hyphens.
    title : str
        Name in forms; the class name when empty.
    advanced : bool
        Whether forms list it under "Advanced".
    kw_only : bool
        Whether the fields must be given by name; noise models take theirs by position too.
    """

    def register(cls: type[M]) -> type[M]:
        made = dataclass(frozen=True, kw_only=kw_only)(cls)
        if taken := RESERVED & {field.name for field in dataclasses.fields(made)}:  # type: ignore[arg-type]
            raise TypeError(
                f"{made.__name__} has a field named {', '.join(taken)}, which every method has already."
            )
        made.name, made.title, made.advanced = name, title or cls.__name__, advanced
        family = _REGISTRY.setdefault(made.role, {})
        if family.get(name, made).__qualname__ != made.__qualname__:  # the same one again is a reload
            raise TypeError(f"two methods of role {made.role!r} are named {name!r}")
        family[name] = made
        return made

    return register


def roles() -> tuple[str, ...]:
    """Return the registered roles."""
    return tuple(_REGISTRY)


def members(role: type[Method] | str) -> Mapping[str, type[Method]]:
    """Return the registered methods of a role (given by name or base class), by name.

    A base class below the role's own keeps only its subclasses.
    """
    if isinstance(role, str):
        return types.MappingProxyType(_REGISTRY.get(role, {}))
    return {name: cls for name, cls in _REGISTRY.get(role.role, {}).items() if issubclass(cls, role)}


@cache
def parameters(cls: type[Method]) -> tuple[Parameter, ...]:
    """Return the fields of a method class, in order, as `Parameter`."""
    hints = typing.get_type_hints(cls, include_extras=True)
    docs = _field_docs(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    return tuple(_parameter(f, hints[f.name], docs.get(f.name, "")) for f in fields)


def to_record(value: Method) -> Json:
    """Turn a method value into plain JSON types; `from_record` inverts it."""
    record: Json = {"method": f"{value.role}/{value.name}"}
    for parameter in parameters(type(value)):
        record[parameter.name] = _plain(getattr(value, parameter.name))
    return record


def from_record(record: Any) -> Method:
    """Build the method value that `to_record` wrote.

    Raises
    ------
    ValueError
        If the method or one of its parameters is unknown or missing; the message names the choices.
    TypeError
        If a value has the wrong type.
    """
    if not isinstance(record, dict) or not isinstance(record.get("method"), str):
        raise TypeError(
            "a method's record is an object with the key 'method', such as "
            f'{{"method": "restorer/shrinkage"}}; this is {record!r}.'
        )
    return _built(_lookup(record["method"]), {k: _revived(v) for k, v in record.items() if k != "method"})


def with_value(value: M, path: str, new: Any) -> M:
    """Return `value` with the field at a dotted path (such as "transform.size") set to `new`.

    A string is read as the field's type; for a nested method it is a method's name.
    """
    head, _, rest = path.partition(".")
    known = {p.name: p for p in parameters(type(value))}
    if head not in known:
        raise ValueError(f"{type(value).__name__} has no parameter {head!r}; {_names(type(value))}.")
    if not rest:
        return value.replace(**{head: known[head].read(new) if isinstance(new, str) else new})
    inner = getattr(value, head)
    if not isinstance(inner, Method):
        raise ValueError(
            f"{type(value).__name__}.{head} is a plain value; the path {path!r} goes on behind it."
        )
    return value.replace(**{head: with_value(inner, rest, new)})


def nested(value: Method) -> Iterator[Method]:
    """Yield `value` and every method inside it, outermost first."""
    yield value
    for parameter in parameters(type(value)):
        inner = getattr(value, parameter.name)
        if isinstance(inner, Method):
            yield from nested(inner)


def _lookup(name: str) -> type[Method]:
    role, _, short = name.partition("/")
    family = _REGISTRY.get(role, {})
    if short not in family:
        names = [f"{role}/{n}" for n in family] or [f"{r}/..." for r in _REGISTRY]
        raise ValueError(f"unknown method {name!r}; expected one of {', '.join(names)}.")
    return family[short]


def _built(cls: type[M], values: Json) -> M:
    """Return the method with these fields, or raise an error that names the unknown and the missing ones."""
    unknown = set(values) - {p.name for p in parameters(cls)}
    if unknown:
        raise ValueError(
            f"{cls.role}/{cls.name} has no parameter {', '.join(sorted(unknown))}; {_names(cls)}."
        )
    missing = [p for p in parameters(cls) if p.default is MISSING and p.name not in values]
    if missing:
        wanted = "; ".join(f"{p.name}, {p.expected()}" for p in missing)
        raise ValueError(
            f"{cls.role}/{cls.name} has no default for {wanted}. Give it as a value or in a recipe."
        )
    return cls(**values)


def _names(cls: type[Method]) -> str:
    names = [p.name for p in parameters(cls)]
    return "it has " + ", ".join(names) if names else "it has no parameters"


def _plain(value: Any) -> Any:
    if isinstance(value, Method):
        return to_record(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _revived(item: Any) -> Any:
    if isinstance(item, dict):
        return from_record(item) if "method" in item else {key: _revived(v) for key, v in item.items()}
    return tuple(_revived(v) for v in item) if isinstance(item, list) else item


def _field_docs(cls: type) -> dict[str, str]:
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = parse(base.__doc__ or "", style=DocstringStyle.NUMPYDOC)
        for entry in text.params:
            for field in entry.arg_name.split(","):
                docs[field.strip()] = " ".join((entry.description or "").split())
    return docs


def _parameter(field: dataclasses.Field[Any], hint: Any, doc: str) -> Parameter:
    kind, optional, marks = unwrapped(hint)
    found: dict[str, Any] = {}
    for mark in marks:
        found.update(_mark(mark))
    choices = get_args(kind) if get_origin(kind) is typing.Literal else ()
    return Parameter(
        name=field.name,
        type=kind,
        default=_default(field),
        optional=optional,
        choices=choices,
        doc=doc,
        **found,
    )


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _mark(mark: Any) -> dict[str, Any]:
    match mark:
        case at.Ge(ge=low):
            return {"low": low}
        case at.Gt(gt=low):
            return {"low": low, "low_open": True}
        case at.Le(le=high):
            return {"high": high}
        case at.Lt(lt=high):
            return {"high": high, "high_open": True}
        case at.MinLen(min_length=least):
            return {"least": least}
        case at.Unit(unit=unit):
            return {"unit": unit}
        case Hidden():
            return {"hidden": True}
        case Suggestions(values=values):
            return {"suggestions": values}
        case "advanced":
            return {"advanced": True}
    raise TypeError(
        f"nothing reads the mark {mark!r}; use Ge, Gt, Le, Lt, MinLen, Unit, Suggestions, HIDDEN or ADVANCED."
    )


def _within(value: Any, parameter: Parameter) -> bool:
    """Whether every number in a value lies between the bounds, and a tuple has entries enough."""
    if isinstance(value, Mapping):
        return all(_within(item, parameter) for item in value.values())
    if isinstance(value, tuple):
        return len(value) >= parameter.least and all(_within(item, parameter) for item in value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return True
    low, high = parameter.low, parameter.high
    above = low is None or value > low or (value == low and not parameter.low_open)
    below = high is None or value < high or (value == high and not parameter.high_open)
    return above and below


def _bound_words(parameter: Parameter) -> str:
    words = []
    if parameter.low is not None:
        words.append(f"{'above' if parameter.low_open else 'of at least'} {parameter.low:g}")
    if parameter.high is not None:
        words.append(f"{'below' if parameter.high_open else 'of at most'} {parameter.high:g}")
    count = f" (at least {parameter.least})" if parameter.least else ""
    unit = f" {parameter.unit}" if parameter.unit else ""
    return count + (" " + " and ".join(words) if words else "") + unit
