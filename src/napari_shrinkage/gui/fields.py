"""What forms say of a field: its label, its tooltip, and the methods that it offers.

Convention: all of it comes from `methods.Parameter` and the method classes; only symbols get a word here.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox

from ..methods import Method, Parameter, parameters
from ..restorers import Restorer
from .editor import narrow_combo
from .numbers import short_unit

# Field names that are symbols, in words.
SPELLED = {"ndim": "Dimensions", "r": "Threshold", "mu": "Noise weight"}


def method_combo(classes: list[type[Method]]) -> QComboBox:
    """Return a combo box of methods, the advanced ones below a heading; item data is the class."""
    combo = narrow_combo()
    usable = [cls for cls in classes if _has_defaults(cls) and _is_offered(cls)]
    for cls in [cls for cls in usable if not cls.advanced]:
        combo.addItem(cls.title, cls)
    advanced = [cls for cls in usable if cls.advanced]
    if advanced:
        combo.insertSeparator(combo.count())
        combo.addItem("Advanced")
        model = combo.model()
        assert isinstance(model, QStandardItemModel)
        heading = model.item(combo.count() - 1)
        assert heading is not None
        heading.setEnabled(False)
    for cls in advanced:
        combo.addItem(cls.title, cls)
    for index in range(combo.count()):
        cls = combo.itemData(index)
        combo.setItemData(index, cls.summary() if cls else "", Qt.ItemDataRole.ToolTipRole)
    return combo


def spelled(parameter: Parameter) -> str:
    """Return the label of a field: its name in words, and a unit too long to stand behind the number."""
    words = SPELLED.get(parameter.name) or parameter.name.replace("_", " ").capitalize()
    long = parameter.unit and not short_unit(parameter)
    return f"{words} ({parameter.unit})" if long else words


def tooltip(parameter: Parameter) -> str:
    """Return the field's sentence and what values it takes, as rich text that wraps."""
    expected = "" if parameter.role else f"<br><i>{parameter.expected()}</i>"
    return f"<qt>{parameter.doc}{expected}</qt>"


def _is_offered(cls: type[Method]) -> bool:
    return not issubclass(cls, Restorer) or (cls.denoises and not cls.needs_fit)


def _has_defaults(cls: type[Method]) -> bool:
    return all(parameter.default is not dataclasses.MISSING for parameter in parameters(cls))


def index_of(combo: QComboBox, cls: type[Method]) -> int:
    """Return the place of a class in such a combo box, or -1."""
    return next((i for i in range(combo.count()) if combo.itemData(i) is cls), -1)


def in_short(value: Any) -> str:
    """Return a value with three digits."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join(in_short(item) for item in value) if isinstance(value, tuple) else str(value)
