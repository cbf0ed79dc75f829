"""Sphinx settings. Every page with code is executed on each build; a failing cell or a warning fails it."""

from __future__ import annotations

import re
from typing import Any

import napari_shrinkage

project = "napari-shrinkage"
author = "napari-shrinkage developers"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = napari_shrinkage.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "measured"]
default_role = "literal"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 180
nb_merge_streams = True
nb_render_markdown_format = "myst"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = "napari-shrinkage"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_nav_level": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def as_rst(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Our docstrings are plain text: |x|**p is mathematics, and each numbers its references from 1."""
    own = name.rpartition(".")[2]
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = re.sub(r"([|*])", r"\\\1", re.sub(r"\[(\d+)\](?=_|\s)", rf"[#{own}-\1]", line))


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", as_rst, priority=100)  # before napoleon
