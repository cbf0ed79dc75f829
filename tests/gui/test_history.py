"""Settings go back and forward as in a browser, and come back in the next session."""

from __future__ import annotations

import pytest

from napari_shrinkage.gui import history
from napari_shrinkage.gui.history import History, remember, remembered
from napari_shrinkage.recipe import Recipe
from napari_shrinkage.restorers import NAMED

RECIPES = [Recipe.of(restorer) for restorer in NAMED.values()]


def test_back_and_forward_visit_what_was_added():
    past = History(RECIPES[0])
    for recipe in RECIPES[1:3]:
        past.add(recipe)
    assert (past.back(), past.back(), past.back()) == (RECIPES[1], RECIPES[0], RECIPES[0])
    assert not past.can_go_back
    assert past.forward() == RECIPES[1]
    assert past.can_go_forward


def test_adding_forgets_what_was_ahead():
    past = History(RECIPES[0])
    past.add(RECIPES[1])
    past.back()
    past.add(RECIPES[2])
    assert not past.can_go_forward
    assert past.back() == RECIPES[0]


def test_the_same_settings_are_added_once():
    past = History(RECIPES[0])
    past.add(RECIPES[0])
    assert not past.can_go_back


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_CONFIG", "somewhere")
    monkeypatch.setattr(history, "settings_path", lambda widget: tmp_path / "new" / f"{widget}.json")
    return tmp_path / "new"


def test_settings_are_remembered(folder):
    assert remembered("shrinkage") is None
    remember("shrinkage", RECIPES[1])
    assert remembered("shrinkage") == RECIPES[1]


def test_settings_that_cannot_be_read_are_ignored(folder):
    folder.mkdir()
    (folder / "shrinkage.json").write_text('{"steps": [{"restorer": {"method": "restorer/gone"}}]}')
    assert remembered("shrinkage") is None


def test_nothing_is_kept_where_napari_keeps_no_settings(monkeypatch):
    monkeypatch.setenv("NAPARI_CONFIG", "")
    assert history.settings_path("shrinkage") is None
