"""The settings that were used before: back and forward, and the last ones again in the next session.

Convention: settings are a `Recipe`; the file is the JSON that `save_recipe` writes, so any recipe file can
take its place. Where napari keeps no settings (NAPARI_CONFIG is empty), none are kept here either.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ..recipe import Recipe, load_recipe, save_recipe

MOST = 100
log = logging.getLogger(__name__)


class History:
    """A list of recipes with a place in it, as a browser has it.

    Parameters
    ----------
    first : Recipe
        Where it begins.
    """

    def __init__(self, first: Recipe) -> None:
        self._past = [first]
        self._place = 0

    @property
    def current(self) -> Recipe:
        """The recipe at the current place."""
        return self._past[self._place]

    @property
    def can_go_back(self) -> bool:
        """Whether there is an older recipe."""
        return self._place > 0

    @property
    def can_go_forward(self) -> bool:
        """Whether there is a newer one."""
        return self._place < len(self._past) - 1

    def add(self, recipe: Recipe) -> None:
        """Add a recipe behind the current place; what was ahead of it is forgotten."""
        if recipe == self.current:
            return
        self._past = [*self._past[: self._place + 1], recipe][-MOST:]
        self._place = len(self._past) - 1

    def back(self) -> Recipe:
        """Go to the older recipe and return it."""
        self._place = max(self._place - 1, 0)
        return self.current

    def forward(self) -> Recipe:
        """Go to the newer recipe and return it."""
        self._place = min(self._place + 1, len(self._past) - 1)
        return self.current


def settings_path(widget: str) -> Path | None:
    """Return the file of a widget's last settings, or None where no settings are kept."""
    if os.environ.get("NAPARI_CONFIG") == "":
        return None
    from platformdirs import user_config_path

    return user_config_path("napari-shrinkage") / f"{widget}.json"


def remembered(widget: str) -> Recipe | None:
    """Return a widget's last settings, or None where there are none that can be read."""
    path = settings_path(widget)
    if path is None or not path.exists():
        return None
    try:
        return load_recipe(path)
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read as last settings and is ignored: %s", path, error)
        return None


def remember(widget: str, recipe: Recipe) -> None:
    """Keep a widget's settings for the next session."""
    path = settings_path(widget)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_recipe(recipe, path)
    except OSError as error:
        log.warning("the last settings were not kept: %s", error)
