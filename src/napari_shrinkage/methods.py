"""What a method is: a frozen dataclass whose fields are its parameters.

Everything that shows, stores or documents a method reads its fields: the widget, the command line, the record, the
docs table and the contract tests. One convention: `None` in an optional field means "decide from the data"; a
resolved plan holds none.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, dataclass_transform, get_args, get_origin

import annotated_types as at
from docstring_parser import DocstringStyle, parse

Json = dict[str, Any]


@dataclass(frozen=True)
class Hidden:
    """Mark a field that is stored in the record but not offered in a form."""


HIDDEN = Hidden()
ADVANCED = "advanced"


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
        Bounds; see `low_open` and `high_open`.
    low_open, high_open : bool
        Whether the bound itself is excluded.
    choices : tuple of str
        The allowed values, empty when not a choice.
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
    choices: tuple[Any, ...] = ()
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
        if self.choices:
            words = "one of " + ", ".join(repr(c) for c in self.choices)
        elif self.role is not None:
            words = f"a {self.role.__name__} such as " + ", ".join(c.__name__ for c in members(self.role).values())
        else:
            words = _type_words(self.type) + _bound_words(self)
        return words + (" or None (decide from the data)" if self.optional else "")

    def checked(self, value: Any, owner: str) -> Any:
        """Return `value` in the field's own type, or raise an error that says what is allowed."""
        if value is None and self.optional:
            return None
        try:
            value = _coerced(value, self.type)
            ok = _within(value, self)
        except (TypeError, ValueError):
            ok = False
        if not ok:
            error = ValueError if isinstance(value, int | float) else TypeError
            raise error(f"{owner}.{self.name}={value!r}: expected {self.expected()}.")
        return value


class Method:
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


def method(name: str, *, title: str = "", advanced: bool = False, positional: bool = False) -> Any:
    """Class decorator: make a frozen dataclass of a method and register it in its role.

    Parameters
    ----------
    name : str
        Name in records and on the command line, lower case with hyphens.
    title : str
        Name in forms; the class name when empty.
    advanced : bool
        Whether forms list it under "Advanced".
    positional : bool
        Whether the fields may be given by position (noise models).
    """

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    def register(cls: type[M]) -> type[M]:
        made = dataclass(frozen=True, kw_only=not positional)(cls)
        made.name, made.title, made.advanced = name, title or cls.__name__, advanced
        family = _REGISTRY.setdefault(made.role, {})
        if name in family:
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


def from_record(record: Json) -> Method:
    """Build the method value that `to_record` wrote.

    Raises
    ------
    ValueError
        If the method or one of its parameters is unknown; the message names the choices.
    TypeError
        If a value has the wrong type.
    """
    if not isinstance(record, dict) or not isinstance(record.get("method"), str):
        raise TypeError(f"a method's record is an object with the key 'method', such as "
                        f'{{"method": "restorer/shrinkage"}}; this is {record!r}.')
    cls = _lookup(record["method"])
    known = {p.name for p in parameters(cls)}
    unknown = sorted(set(record) - known - {"method"})
    if unknown:
        raise ValueError(f"{record['method']} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
    return cls(**{key: _revived(item) for key, item in record.items() if key != "method"})


def with_value(value: M, path: str, new: Any) -> M:
    """Return `value` with the field at a dotted path (such as "transform.size") set to `new`.

    A string is read as the field's type; for a nested method it is a method's name.
    """
    head, _, rest = path.partition(".")
    known = {p.name: p for p in parameters(type(value))}
    if head not in known:
        raise ValueError(f"{type(value).__name__} has no parameter {head!r}; it has {', '.join(known)}.")
    if not rest:
        return value.replace(**{head: _read(known[head], new) if isinstance(new, str) else new})
    inner = getattr(value, head)
    if not isinstance(inner, Method):
        raise ValueError(f"{type(value).__name__}.{head} is a plain value; the path {path!r} goes on behind it.")
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


def _read(parameter: Parameter, text: str) -> Any:
    if parameter.role is not None:
        family = members(parameter.role)
        if text not in family:
            raise ValueError(f"{parameter.name}={text!r}: expected one of {', '.join(family)}.")
        return family[text]()
    if parameter.optional and text.lower() in ("none", "auto"):
        return None
    if parameter.type is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return tuple(float(part) for part in text.split(",")) if "," in text else text


def _field_docs(cls: type) -> dict[str, str]:
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = parse(base.__doc__ or "", style=DocstringStyle.NUMPYDOC)
        for entry in text.params:
            for field in entry.arg_name.split(","):
                docs[field.strip()] = " ".join((entry.description or "").split())
    return docs


def _parameter(field: dataclasses.Field[Any], hint: Any, doc: str) -> Parameter:
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        marks = tuple(rest)
    hint, optional = _without_none(hint)
    found: dict[str, Any] = {}
    for mark in marks:
        found.update(_mark(mark))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return Parameter(name=field.name, type=hint, default=_default(field), optional=optional, choices=choices, doc=doc, **found)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


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
        case at.Unit(unit=unit):
            return {"unit": unit}
        case Hidden():
            return {"hidden": True}
    return {"advanced": True} if mark == ADVANCED else {}


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    options = [option for option in get_args(hint) if option is not type(None)]
    optional = len(options) < len(get_args(hint))
    return (options[0] if len(options) == 1 else Union[tuple(options)]), optional


def _coerced(value: Any, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        return value
    if origin in (Union, types.UnionType):
        return _first_fit(value, get_args(kind))
    if origin is tuple:
        return _coerced_tuple(value, get_args(kind))
    if origin in (dict, Mapping):
        _, item = get_args(kind)
        return {str(key): _coerced(v, item) for key, v in value.items()}
    if kind is float:
        return _number(value, float)
    if kind is int:
        return _number(value, int)
    if kind is Any or isinstance(value, kind):
        return value
    raise TypeError(kind)


def _number(value: Any, kind: type) -> Any:
    if isinstance(value, bool | str) or not math.isfinite(value) or kind(value) != value:
        raise TypeError(kind)
    return kind(value)


def _first_fit(value: Any, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        try:
            return _coerced(value, kind)
        except (TypeError, ValueError, AttributeError):
            continue
    raise TypeError(kinds)


def _coerced_tuple(value: Any, kinds: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        raise TypeError(kinds)
    items = tuple(value)
    if kinds[-1] is Ellipsis:
        return tuple(_coerced(item, kinds[0]) for item in items)
    if len(items) != len(kinds):
        raise TypeError(kinds)
    return tuple(_coerced(item, kind) for item, kind in zip(items, kinds, strict=True))


def _within(value: Any, parameter: Parameter) -> bool:
    if parameter.choices:
        return value in parameter.choices
    if isinstance(value, Mapping):
        return all(_within(item, parameter) for item in value.values())
    if isinstance(value, tuple):
        return all(_within(item, parameter) for item in value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return True
    low = parameter.low is None or value > parameter.low or (value == parameter.low and not parameter.low_open)
    high = parameter.high is None or value < parameter.high or (value == parameter.high and not parameter.high_open)
    return low and high


def _type_words(kind: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}
    return words.get(kind) or str(kind).replace("typing.", "")


def _bound_words(parameter: Parameter) -> str:
    low, high = parameter.low, parameter.high
    unit = f" {parameter.unit}" if parameter.unit else ""
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}{unit}"
    if low is not None:
        return f" {'above' if parameter.low_open else 'of at least'} {low:g}{unit}"
    return f" of at most {high:g}{unit}" if high is not None else unit
