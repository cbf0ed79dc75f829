"""Fields, bounds, errors, records and paths of methods, on a small family of our own."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, field
from typing import Annotated, Any, ClassVar, Literal

import annotated_types as at
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_shrinkage.methods import (
    ADVANCED,
    HIDDEN,
    Method,
    from_record,
    members,
    method,
    nested,
    parameters,
    roles,
    to_record,
    with_value,
)


class Lens(Method):
    """Base of the lenses."""

    role: ClassVar[str] = "test-lens"


@method("plain", title="Plain glass")
class Plain(Lens):
    """Lets everything through. A second sentence.

    More about it.
    """


@method("zoom", advanced=True)
class Zoom(Lens):
    """Magnifies.

    Parameters
    ----------
    power : float
        How much it
        magnifies.
    steps : int
        How many positions it has.
    mount : {"c", "f"}
        What it screws on.
    groups : {2, 3}
        Groups of glass.
    """

    power: Annotated[float, at.Gt(0), at.Lt(10), at.Unit("x")] = 2.0
    steps: Annotated[int | None, at.Ge(1), at.Le(9), ADVANCED] = None
    mount: Literal["c", "f"] = "c"
    groups: Literal[2, 3] = 2


@method("camera", kw_only=False)
class Camera(Method):
    """Holds a lens.

    Parameters
    ----------
    gains : tuple of float
        One for each channel.
    lens, spare : Lens
        In use, and in the bag.
    tags : dict
        Anything by name.
    """

    role: ClassVar[str] = "test-camera"
    gains: Annotated[float | tuple[float, ...], at.Ge(0), at.MinLen(1)]
    lens: Lens = Plain()
    spare: Lens | None = None
    tags: Annotated[dict[str, tuple[float, ...]], HIDDEN] = field(default_factory=dict)
    quiet: bool = False
    window: tuple[int, int] = (3, 4)
    label: str = ""


def parameter(cls: type[Method], name: str) -> Any:
    return next(p for p in parameters(cls) if p.name == name)


def test_a_method_is_frozen_and_compared_by_value():
    assert Zoom(power=3) == Zoom(power=3) != Zoom(power=4)
    with pytest.raises(FrozenInstanceError):
        Zoom().power = 3  # type: ignore[misc]


def test_fields_go_by_name_unless_the_method_says_otherwise():
    with pytest.raises(TypeError, match="positional"):
        Zoom(3.0)  # type: ignore[misc]
    assert Camera(3.0) == Camera(gains=3.0)


def test_a_parameter_is_all_that_the_annotation_and_the_docstring_say():
    power, steps, mount, groups = parameters(Zoom)
    assert (power.type, power.default, power.doc) == (float, 2.0, "How much it magnifies.")
    assert (power.low, power.low_open, power.high, power.high_open, power.unit) == (0, True, 10, True, "x")
    assert (steps.type, steps.optional, steps.default) == (int, True, None)
    assert (steps.low, steps.low_open, steps.high, steps.advanced) == (1, False, 9, True)
    assert (mount.choices, groups.choices) == (("c", "f"), (2, 3))
    assert (parameter(Camera, "lens").role, parameter(Camera, "gains").role) == (Lens, None)
    assert parameter(Camera, "lens").doc == parameter(Camera, "spare").doc == "In use, and in the bag."
    assert parameter(Camera, "tags").hidden
    assert parameter(Camera, "gains").least == 1


def test_none_is_found_inside_and_outside_of_the_marks():
    class Either(Method):
        inner: Annotated[int | None, at.Ge(1)] = None
        outer: Annotated[int, at.Ge(1)] | None = None

    assert {(p.type, p.optional, p.low) for p in parameters(_made(Either))} == {(int, True, 1)}


def test_a_mark_that_nothing_reads_is_an_error():
    class Odd(Method):
        n: Annotated[int, at.MultipleOf(2)] = 2

    with pytest.raises(TypeError, match="MultipleOf"):
        _made(Odd)()


def test_title_and_summary_come_from_the_class():
    assert (Plain.name, Plain.title, Plain.advanced) == ("plain", "Plain glass", False)
    assert (Zoom.title, Zoom.advanced) == ("Zoom", True)
    assert Plain.summary() == "Lets everything through. A second sentence."


def test_a_role_lists_its_members_by_name_and_a_base_class_only_its_own():
    assert dict(members("test-lens")) == dict(members(Lens)) == {"plain": Plain, "zoom": Zoom}
    assert dict(members(Zoom)) == {"zoom": Zoom}
    assert {"test-lens", "test-camera"} <= set(roles())
    assert not members("no-such-role")


def test_two_methods_cannot_share_a_name_but_one_can_be_defined_again():
    @method("again")
    class Again(Lens):
        """First."""

    first = Again

    @method("again")
    class Again(Lens):  # type: ignore[no-redef]
        """Second, as when a module is reloaded."""

    assert members(Lens)["again"] is Again is not first
    with pytest.raises(TypeError, match="two methods of role 'test-lens' are named 'again'"):

        @method("again")
        class Other(Lens):
            """Third."""

    members_of_lens = _registry()["test-lens"]
    del members_of_lens["again"]


def test_a_field_cannot_have_a_name_that_every_method_has():
    with pytest.raises(TypeError, match="field named title"):

        @method("bad")
        class Bad(Lens):
            """Hides its title."""

            title: str = "x"  # type: ignore[misc]


def test_values_are_brought_into_the_fields_own_types():
    zoom = Zoom(power=3, steps=np.int64(4), groups=3.0)  # type: ignore[arg-type]
    assert [type(v) for v in (zoom.power, zoom.steps, zoom.groups)] == [float, int, int]
    assert Zoom(steps=2.0).steps == 2  # type: ignore[arg-type]
    camera = Camera(np.array([1, 2], np.float32), window=[5, 6])  # type: ignore[arg-type]
    assert camera.gains == (1.0, 2.0)
    assert camera.window == (5, 6)
    assert Camera(np.float32(0.5)).gains == 0.5  # type: ignore[arg-type]


def test_a_table_is_copied():
    tags = {"a": (1.0,)}
    camera = Camera(1.0, tags=tags)
    tags["b"] = (2.0,)
    assert camera.tags == {"a": (1.0,)}


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("power", 0, ValueError),
        ("power", 10, ValueError),
        ("power", math.nan, ValueError),
        ("power", math.inf, ValueError),
        ("power", 10**400, ValueError),
        ("power", "3", TypeError),
        ("power", None, TypeError),
        ("power", True, TypeError),
        ("power", np.ones(2), TypeError),
        ("power", 1j, TypeError),
        ("steps", 0, ValueError),
        ("steps", 2.5, ValueError),
        ("steps", math.inf, ValueError),
        ("steps", [1], TypeError),
        ("mount", "x", ValueError),
        ("mount", 1, ValueError),
        ("groups", 4, ValueError),
        ("groups", True, ValueError),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(field: str, value: Any, error: type[Exception]):
    with pytest.raises(error, match=rf"^Zoom\.{field}=.*: expected .*\.$"):
        Zoom(**{field: value})


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("gains", -1, ValueError),
        ("gains", (1, -1), ValueError),
        ("gains", (1, math.nan), ValueError),
        ("gains", (), ValueError),
        ("gains", "1", TypeError),
        ("gains", {"a": 1}, TypeError),
        ("gains", None, TypeError),
        ("lens", "plain", TypeError),
        ("lens", None, TypeError),
        ("lens", Camera(1.0), TypeError),
        ("tags", [1], TypeError),
        ("tags", {1: (1.0,)}, TypeError),
        ("tags", {"a": ("x",)}, TypeError),
        ("quiet", 1, TypeError),
        ("window", (1, 2, 3), ValueError),
        ("window", (1, 2.5), ValueError),
        ("window", 3, TypeError),
        ("label", 3, TypeError),
    ],
)
def test_tuples_tables_and_methods_are_checked_to_their_depth(field: str, value: Any, error: type[Exception]):
    with pytest.raises(error, match=rf"^Camera\.{field}=.*: expected .*\.$"):
        Camera(**{"gains": 1.0, field: value})


@pytest.mark.parametrize(
    ("cls", "name", "words"),
    [
        (Zoom, "power", "a number above 0 and below 10 x"),
        (Zoom, "steps", "a whole number of at least 1 and of at most 9, or None (decide from the data)"),
        (Zoom, "mount", "one of 'c', 'f'"),
        (Camera, "lens", "a Lens such as Plain, Zoom"),
        (Camera, "spare", "a Lens such as Plain, Zoom, or None (decide from the data)"),
        (Camera, "gains", "a number or several numbers (at least 1) of at least 0"),
        (Camera, "tags", "several numbers for each name"),
        (Camera, "window", "2 whole numbers"),
        (Camera, "quiet", "True or False"),
        (Camera, "label", "a text"),
    ],
)
def test_what_is_expected_is_said_in_words(cls: type[Method], name: str, words: str):
    assert parameter(cls, name).expected() == words


cameras = st.builds(
    Camera,
    st.floats(0, 1e30) | st.lists(st.floats(0, 1e30), min_size=1).map(tuple),
    lens=st.builds(Zoom, power=st.floats(1e-300, 9.99), steps=st.none() | st.integers(1, 9))
    | st.just(Plain()),
    spare=st.none() | st.just(Zoom()),
    tags=st.dictionaries(st.text(), st.lists(st.floats(-1e30, 1e30)).map(tuple)).filter(
        lambda d: "method" not in d
    ),
    quiet=st.booleans(),
    window=st.tuples(st.integers(), st.integers()),
    label=st.text(),
)


@given(cameras)
def test_a_record_goes_through_json_and_back(camera: Camera):
    assert from_record(json.loads(json.dumps(to_record(camera), allow_nan=False))) == camera


def test_a_record_names_role_and_method_and_every_field():
    assert to_record(Camera((1, 2), lens=Zoom())) == {
        "method": "test-camera/camera",
        "gains": [1.0, 2.0],
        "lens": {"method": "test-lens/zoom", "power": 2.0, "steps": None, "mount": "c", "groups": 2},
        "spare": None,
        "tags": {},
        "quiet": False,
        "window": [3, 4],
        "label": "",
    }


def test_a_record_may_leave_out_what_has_a_default():
    assert from_record({"method": "test-lens/zoom"}) == Zoom()


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        ({"method": "test-lens/zom"}, ValueError, "unknown method 'test-lens/zom'.*test-lens/plain"),
        ({"method": "lense/zoom"}, ValueError, "unknown method.*test-lens/..."),
        ({"method": "zoom"}, ValueError, "unknown method"),
        ({"method": "test-lens/zoom", "pwer": 1}, ValueError, "no parameter pwer; it has power, steps"),
        ({"method": "test-lens/plain", "x": 1}, ValueError, "no parameter x; it has no parameters"),
        ({"method": "test-camera/camera"}, ValueError, "no default for gains, a number or several numbers"),
        ({"method": "test-lens/zoom", "power": "much"}, TypeError, "Zoom.power='much': expected a number"),
        ({"method": "test-camera/camera", "gains": 1, "lens": {"method": "test-camera/camera", "gains": 1}},
         TypeError, "expected a Lens such as Plain, Zoom"),
        ({"power": 1}, TypeError, "key 'method'"),
        ({"method": 3}, TypeError, "key 'method'"),
        (["method"], TypeError, "key 'method'"),
        (None, TypeError, "key 'method'"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_says_why(record: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        from_record(record)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("gains", "2", Camera(2.0)),
        ("gains", "1, 2.5", Camera((1, 2.5))),
        ("gains", "1e3", Camera(1000)),
        ("lens", "zoom", Camera(1, lens=Zoom())),
        ("spare", "zoom", Camera(1, spare=Zoom())),
        ("spare", "auto", Camera(1)),
        ("quiet", "yes", Camera(1, quiet=True)),
        ("window", "7,8", Camera(1, window=(7, 8))),
        ("label", "12", Camera(1, label="12")),
        ("label", "none", Camera(1, label="none")),
    ],
)
def test_a_path_sets_a_field_from_text(path: str, text: str, expected: Camera):
    assert with_value(Camera(1), path, text) == expected


@pytest.mark.parametrize(
    ("path", "new", "expected"),
    [
        ("lens.power", "3", Zoom(power=3)),
        ("lens.power", 3, Zoom(power=3)),
        ("lens.steps", "4", Zoom(steps=4)),
        ("lens.steps", "None", Zoom()),
        ("lens.groups", "3", Zoom(groups=3)),
        ("lens", Plain(), Plain()),
    ],
)
def test_a_path_leads_into_nested_methods(path: str, new: Any, expected: Lens):
    assert with_value(Camera(1, lens=Zoom()), path, new).lens == expected


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("len", "zoom", "Camera has no parameter 'len'; it has gains, lens"),
        ("lens.pwer", "3", "Zoom has no parameter 'pwer'; it has power"),
        ("label.x", "3", "Camera.label is a plain value"),
        ("spare.power", "3", "Camera.spare is a plain value"),
        ("lens", "zom", "lens='zom': expected one of plain, zoom"),
        ("lens.power", "a lot", "Zoom.power='a lot': expected a number"),
        ("lens.power", "nan", "Zoom.power=nan: expected a number"),
        ("lens.groups", "4", "Zoom.groups='4': expected one of 2, 3"),
        ("gains", "1,x", "Camera.gains='1,x': expected a number or several numbers"),
        ("window", "1", "expected 2 whole numbers"),
        ("quiet", "maybe", "expected True or False"),
    ],
)
def test_a_path_or_text_that_does_not_fit_says_what_would(path: str, text: str, words: str):
    with pytest.raises((ValueError, TypeError), match=words):
        with_value(Camera(1, lens=Zoom()), path, text)


def test_a_method_without_defaults_cannot_be_named_in_text():
    class Bag(Method):
        role: ClassVar[str] = "test-bag"
        camera: Camera | None = None

    with pytest.raises(ValueError, match=r"no default for gains.*recipe"):
        with_value(_made(Bag)(), "camera", "camera")


def test_nested_yields_the_outermost_first():
    camera = Camera(1, spare=Zoom())
    assert list(nested(camera)) == [camera, Plain(), Zoom()]


def _made(cls: type[Method]) -> type[Method]:
    """Make a method of a class without keeping it in the registry."""
    made = method("temporary")(cls)
    del _registry()[made.role]["temporary"]
    return made


def _registry() -> dict[str, dict[str, type[Method]]]:
    from napari_shrinkage import methods

    return methods._REGISTRY
