"""Recipes on disk: round trips, and errors that say what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import napari_shrinkage as ns


@pytest.mark.parametrize(
    "recipe",
    [
        ns.Recipe.of(ns.Shrinkage()),
        ns.Recipe.of(ns.EmpiricalWiener(mu=1.2), ns.Gaussian((3.0, 4.0)), device="cpu", threads=2),
        ns.Recipe((ns.Step(ns.Let()), ns.Step(ns.Shrinkage(threshold=ns.PerBand(values={"1/dd": (2.0,)}))))),
    ],
)
def test_a_recipe_comes_back_equal_from_its_file(recipe: ns.Recipe, tmp_path: Path) -> None:
    ns.save_recipe(recipe, tmp_path / "recipe.json")
    assert ns.load_recipe(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": []}, "at least one Step"),
        ({"steps": ["dct"]}, 'object with "restorer"'),
        ({"recipe": 99}, "format 99"),
        ({"device": "tpu"}, "expected auto, cpu"),
        ({"threads": 0}, "at least 1"),
        ({"steps": [{"restorer": {"method": "restorer/median"}}]}, "restorer/shrinkage"),
        ({"steps": [{"restorer": {"method": "restorer/shrinkage", "size": 3}}]}, "has no parameter size"),
        ({"steps": [{"restorer": {"method": "rule/soft"}}]}, "where a restorer is expected"),
        ({"steps": [{"restorer": {"method": "restorer/wiener", "mu": "much"}}]}, "mu='much'"),
        ({"steps": [{"restorer": 3}]}, "restorer"),
        (
            {"steps": [{"restorer": {"method": "restorer/let"}, "noise": {"method": "noise/gaussian"}}]},
            "sigma",
        ),
    ],
)
def test_a_bad_recipe_is_refused_in_words(change: dict[str, object], words: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(ns.Recipe.of(ns.Shrinkage()).to_json() | change))
    with pytest.raises((ValueError, TypeError), match=words):
        ns.load_recipe(path)


def test_a_file_that_is_not_json_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_bytes(b"\xff\x00 no")
    with pytest.raises(ValueError, match="not valid JSON"):
        ns.load_recipe(tmp_path / "recipe.json")


def test_values_are_set_by_path() -> None:
    recipe = ns.Recipe.of(ns.EmpiricalWiener(), ns.Gaussian(2.0))
    changed = (
        recipe.with_value("pilot.transform.size", "12").with_value("mu", 1.5).with_value("noise.sigma", "7")
    )
    assert changed.steps[0].restorer.pilot.transform.size == 12
    assert changed.steps[0].restorer.mu == 1.5
    assert changed.steps[0].noise == ns.Gaussian(7.0)


@pytest.mark.parametrize(
    ("path", "words"),
    [("size", "has no parameter 'size'"), ("mu.size", "plain value"), ("noise.sigma", "estimates the noise")],
)
def test_a_wrong_path_is_refused_in_words(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ns.Recipe.of(ns.EmpiricalWiener()).with_value(path, 3)
