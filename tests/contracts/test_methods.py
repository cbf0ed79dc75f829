"""What every registered method promises, whatever its role."""

from __future__ import annotations

import importlib
import json
import pickle
import re
from dataclasses import MISSING
from pathlib import Path
from typing import Any, get_args

import pytest

import napari_shrinkage
from napari_shrinkage.annotations import is_union
from napari_shrinkage.methods import (
    Method,
    Parameter,
    from_record,
    members,
    parameters,
    roles,
    to_record,
    with_value,
)
from napari_shrinkage.noise import Autocorrelation

PACKAGE = Path(napari_shrinkage.__file__).parent
REQUIRED: dict[str, dict[str, Any]] = {  # values for fields without a default
    "autocorrelation/autocorrelation": {"values": ((0.2, 0.5, 0.2), (0.5, 1.0, 0.5), (0.2, 0.5, 0.2))},
    "color-noise/color-noise": {
        "stds": (1.7, 0.2, 0.1),
        "correlations": (
            Autocorrelation(((0.2, 1.0, 0.2),)),
            Autocorrelation(((1.0,),)),
            Autocorrelation(((1.0,),)),
        ),
    },
    "degradation/kernel": {"taps": ((0.1, 0.2), (0.3, 0.4))},
    "fit/fit": {"loss": "sure", "noise_std": (5.0, 2.0), "before": 0.2, "after": 0.1, "pixels": 4096},
    "noise/gaussian": {"sigma": (12.5, 3.0)},
    "noise/poisson-gaussian": {"gain": (2.0, 3.5)},
    "noise/calibrated-camera": {"path": "maps.npz", "checksum": "5f", "gain": (2.0, 3.5)},
    "noise/noise-map": {"path": "map.npy", "checksum": "5f", "sigma": (12.5, 3.0)},
    "noise/noise-curve": {"means": (0.0, 10.0, 50.0), "variances": (1.0, 4.0, 2.0)},
    "threshold/per-band": {"values": {"1/ad": (2.0, 3.5), "1/da": (0.0,)}},
}


def registered() -> list[type[Method]]:
    """Return the methods of every module that has some."""
    for source in sorted(PACKAGE.rglob("*.py")):
        if "\n@method(" in source.read_text(encoding="utf-8"):
            importlib.import_module(".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts))
    found = [cls for role in roles() for cls in members(role).values()]
    return [cls for cls in found if cls.__module__.startswith("napari_shrinkage.")]


def identity(cls: type[Method]) -> str:
    return f"{cls.role}/{cls.name}"


def built(cls: type[Method]) -> Method:
    return cls(**REQUIRED.get(identity(cls), {}))


def leaves(kind: Any) -> set[Any]:
    """Return the plain types that an annotation is made of."""
    inner = get_args(kind)
    return set().union(*(leaves(part) for part in inner)) if inner else {kind}


def text_of(value: Any, parameter: Parameter) -> str | None:
    """Return what a user types for a value, None where it has no text form."""
    if isinstance(value, Method):
        return value.name if identity(type(value)) not in REQUIRED and value == type(value)() else None
    if isinstance(value, tuple) and not leaves(parameter.type) - {int, float}:
        return ",".join(str(n) for n in value)
    return None if isinstance(value, tuple | dict) else str(value)


def fields(*, of_any_type: bool = True) -> pytest.MarkDecorator:
    """Parametrise a test over the fields of every method; the method itself checks those of any type."""
    chosen = [
        (cls, p) for cls in METHODS for p in parameters(cls) if of_any_type or Any not in leaves(p.type)
    ]
    names = [f"{identity(cls)}.{p.name}" for cls, p in chosen]
    return pytest.mark.parametrize(("cls", "parameter"), chosen, ids=names)


METHODS = registered()
every_method = pytest.mark.parametrize("cls", METHODS, ids=identity)
every_field = fields()
every_typed_field = fields(of_any_type=False)


def test_the_families_of_the_first_slice_are_registered():
    assert {"autocorrelation", "noise", "restorer", "rule", "threshold", "transform"} <= set(roles())


@every_method
def test_it_builds_and_needs_only_what_has_no_default(cls: type[Method]):
    built(cls)
    missing = {p.name for p in parameters(cls) if p.default is MISSING}
    assert missing == set(REQUIRED.get(identity(cls), {}))


@every_method
def test_its_record_goes_through_json_and_back(cls: type[Method]):
    value = built(cls)
    text = json.dumps(to_record(value), allow_nan=False)
    again = from_record(json.loads(text))
    assert again == value
    assert json.dumps(to_record(again)) == text


@every_method
def test_it_is_pickled_and_equal(cls: type[Method]):
    assert pickle.loads(pickle.dumps(built(cls))) == built(cls)


@every_method
def test_it_has_a_name_for_records_a_title_and_a_sentence(cls: type[Method]):
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cls.name)
    assert cls.title
    assert re.fullmatch(r".{20,}\.", cls.summary())


@every_method
def test_its_error_names_the_fields_it_has(cls: type[Method]):
    with pytest.raises(ValueError, match="no parameter nonsense") as error:
        from_record({**to_record(built(cls)), "nonsense": 1})
    assert all(p.name in str(error.value) for p in parameters(cls))


@every_field
def test_every_field_says_in_a_sentence_what_it_means(cls: type[Method], parameter: Parameter):
    assert parameter.doc.endswith("."), f"{cls.__name__}.{parameter.name} has no entry under Parameters"


@every_field
def test_every_number_that_a_form_shows_has_a_bound_or_choices(cls: type[Method], parameter: Parameter):
    if leaves(parameter.type) & {int, float} and not parameter.hidden:
        assert parameter.choices or parameter.low is not None or parameter.high is not None


@every_field
def test_a_number_outside_its_bounds_is_refused_by_name(cls: type[Method], parameter: Parameter):
    outside = [b for b in (_below(parameter), _above(parameter)) if b is not None]
    plain = not get_args(parameter.type) and parameter.role is None
    for number in outside if plain else []:
        with pytest.raises(ValueError, match=rf"{cls.__name__}\.{parameter.name}=.*expected"):
            built(cls).replace(**{parameter.name: number})


@every_typed_field
def test_a_value_of_a_wrong_type_is_refused_by_name(cls: type[Method], parameter: Parameter):
    with pytest.raises((TypeError, ValueError), match=rf"{cls.__name__}\.{parameter.name}=.*expected"):
        built(cls).replace(**{parameter.name: object()})


@every_typed_field
def test_only_an_optional_field_takes_none(cls: type[Method], parameter: Parameter):
    if parameter.optional:
        assert getattr(built(cls).replace(**{parameter.name: None}), parameter.name) is None
    else:
        with pytest.raises((TypeError, ValueError), match="expected"):
            built(cls).replace(**{parameter.name: None})


@every_method
def test_a_command_line_reads_what_it_prints(cls: type[Method]):
    value = built(cls)
    for parameter in parameters(cls):
        text = text_of(getattr(value, parameter.name), parameter)
        assert text is None or with_value(value, parameter.name, text) == value


def test_no_field_is_a_union_that_a_form_cannot_show():
    """One number or one for each channel is the only choice of types."""
    unions = {str(p.type) for cls in METHODS for p in parameters(cls) if is_union(p.type)}
    assert unions <= {str(float | tuple[float, ...])}


def _below(parameter: Parameter) -> float | None:
    if parameter.low is None:
        return None
    return parameter.low if parameter.low_open else parameter.low - 1


def _above(parameter: Parameter) -> float | None:
    if parameter.high is None:
        return None
    return parameter.high if parameter.high_open else parameter.high + 1
