"""A form for any method value, built from the fields of its class.

Convention: a form is an editor of one value (`value`, `setValue`, `changed`). Names, defaults, bounds, units
and tooltips all come from `methods.parameters`; nothing of a method is written here.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from ..methods import Method, Parameter, members, parameters
from .editor import Editor
from .editors import TextEditor, editor_for, first_value
from .fields import in_short, index_of, method_combo, spelled, tooltip
from .folds import INDENT, Fold, WheelGuard, arrow, fold_button


class MethodForm(QWidget):
    """A form that shows a method value and lets the user change it.

    Parameters
    ----------
    value : Method
        What to show first.
    without : tuple of type
        Method classes that nested fields do not offer (a Wiener filter is no pilot of a Wiener filter).

    Notes
    -----
    `changed` is emitted once for every change of the value, by the user or by `setValue`. Fields that do not
    go together (a pilot of planes, a filter of volumes) keep the last valid value, and `invalid` says why; it
    says "" when all is well.
    """

    changed = Signal()
    invalid = Signal(str)

    def __init__(
        self, value: Method, parent: QWidget | None = None, without: tuple[type[Method], ...] = ()
    ) -> None:
        super().__init__(parent)
        self._value = value
        self._without = without
        self._editors: dict[str, Editor] = {}
        self._guard = WheelGuard(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._build()

    @property
    def value(self) -> Any:
        """The method value that is shown; equal to the one that was set until the user changes something."""
        return self._value

    def setValue(self, value: Method) -> None:
        """Show another value, of the same or of another method."""
        if value == self._value:
            return
        same = type(value) is type(self._value)
        self._value = value
        if same:
            self._fill()
        else:
            self._build()
        self.invalid.emit("")
        self.changed.emit()

    def show_resolved(self, resolved: Method | None) -> None:
        """Show what each "auto" became; None forgets it."""
        fits = type(resolved) is type(self._value)
        for name, editor in self._editors.items():
            editor.show_resolved(getattr(resolved, name) if fits else None)

    def editor(self, path: str) -> Any:
        """Return the editor at a dotted path such as "threshold.r"."""
        head, _, rest = path.partition(".")
        editor = self._editors[head]
        if not rest:
            return editor
        assert isinstance(editor, MethodEditor)
        assert editor.form is not None
        return editor.form.editor(rest)

    @property
    def is_empty(self) -> bool:
        """Whether the method has nothing to set."""
        return not self._editors

    def _build(self) -> None:
        for old in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            old.hide()
            self._layout.removeWidget(old)
            old.deleteLater()
        self._editors = {}
        shown = [p for p in parameters(type(self._value)) if not p.hidden]
        self._add_rows([p for p in shown if not p.advanced], self)
        folded = [p for p in shown if p.advanced]
        if folded:
            fold = Fold("Advanced", self)
            self._add_rows(folded, fold.body)
            self._layout.addWidget(fold)
        self._fill()

    def _add_rows(self, shown: list[Parameter], parent: QWidget) -> None:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(4)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        layout = parent.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addLayout(rows)
        for parameter in shown:
            self._add_row(parameter, rows)

    def _add_row(self, parameter: Parameter, rows: QFormLayout) -> None:
        editor = self._editor_of(parameter)
        self._editors[parameter.name] = editor
        label = QLabel(spelled(parameter))
        for widget in (label, editor):
            widget.setToolTip(tooltip(parameter))
        rows.addRow(label, editor)
        nested = editor.inner if isinstance(editor, AutoEditor) else editor
        if isinstance(nested, MethodEditor):
            rows.addRow(nested.folded)
        for child in editor.findChildren(QWidget):
            self._guard.watch(child)
        editor.changed.connect(self._collect)
        if isinstance(editor, MethodEditor | TextEditor):
            editor.invalid.connect(self.invalid)

    def _editor_of(self, parameter: Parameter) -> Editor:
        own = (type(self._value),) if parameter.role and isinstance(self._value, parameter.role) else ()
        plain = (
            MethodEditor(parameter, (*self._without, *own))
            if parameter.role
            else editor_for(parameter, type(self._value).__name__)
        )
        return AutoEditor(parameter, plain) if parameter.optional else plain

    def _fill(self) -> None:
        for name, editor in self._editors.items():
            with signals_blocked(editor):
                editor.setValue(getattr(self._value, name))

    def _collect(self) -> None:
        found = {name: editor.value for name, editor in self._editors.items()}
        try:
            value = self._value.replace(**found)
        except (TypeError, ValueError) as error:
            self.invalid.emit(str(error))
            return
        self.invalid.emit("")
        if value != self._value:
            self._value = value
            self.changed.emit()


class MethodEditor(Editor):
    """A combo box of the methods of a family, and a form for the chosen one's fields that folds away."""

    invalid = Signal(str)

    def __init__(self, parameter: Parameter, without: tuple[type[Method], ...] = ()) -> None:
        super().__init__()
        assert parameter.role is not None
        self._family = {cls: cls for cls in members(parameter.role).values() if cls not in without}
        self._without = without
        self._known: dict[type[Method], Method] = {}
        self._combo = method_combo(list(self._family))
        self._toggle = fold_button("")
        self._row.addWidget(self._combo, 1)
        self._row.addWidget(self._toggle)
        self.folded = QWidget()
        inner = QHBoxLayout(self.folded)
        inner.setContentsMargins(INDENT, 0, 0, 4)
        self.form: MethodForm | None = None
        self._toggle.setChecked(not without)  # a method inside a method of its own family begins folded
        self._toggle.toggled.connect(self._fold)
        self._combo.currentIndexChanged.connect(self._chosen)

    def open_form(self, opened: bool = True) -> None:
        """Unfold the form, or fold it away."""
        self._toggle.setChecked(opened)

    def show_resolved(self, value: Any) -> None:
        """Pass the resolved values on to the form."""
        if self.form is not None:
            self.form.show_resolved(value)

    def _show(self) -> None:
        self._offer(type(self._value))
        with signals_blocked(self._combo):
            self._combo.setCurrentIndex(index_of(self._combo, type(self._value)))
        if self.form is None:
            self.form = MethodForm(self._value, self.folded, self._without)
            inner = self.folded.layout()
            assert inner is not None
            inner.addWidget(self.form)
            self.form.changed.connect(self._form_changed)
            self.form.invalid.connect(self.invalid)
        else:
            with signals_blocked(self.form):
                self.form.setValue(self._value)
        self._known[type(self._value)] = self._value
        self._fold()

    def _offer(self, cls: type[Method]) -> None:
        """Add a class that the combo box lacks since it cannot be made from defaults."""
        if index_of(self._combo, cls) < 0:
            with signals_blocked(self._combo):
                self._combo.addItem(cls.title, cls)

    def _chosen(self, index: int) -> None:
        cls = self._combo.itemData(index)
        if cls is not None and cls is not type(self._value):
            self.setValue(self._known.get(cls) or cls())

    def _form_changed(self) -> None:
        assert self.form is not None
        self._known[type(self.form.value)] = self.form.value
        self._edited(self.form.value)

    def _fold(self) -> None:
        empty = self.form is None or self.form.is_empty
        self._toggle.setVisible(not empty)
        self._toggle.setArrowType(arrow(self._toggle.isChecked()))
        self.folded.setVisible(not empty and self._toggle.isChecked())


class AutoEditor(Editor):
    """A check box "auto" around another editor; shows what auto became once that is known."""

    def __init__(self, parameter: Parameter, inner: Editor) -> None:
        super().__init__()
        self._first = first_value(parameter)
        self._resolved: Any = None
        self._box = QCheckBox("auto")
        self.inner = inner
        self._row.addWidget(self._box)
        self._row.addWidget(inner, 1)
        self._row.addStretch()
        self._box.toggled.connect(self._toggled)
        inner.changed.connect(self._inner_changed)
        self._show()

    def show_resolved(self, value: Any) -> None:
        """Show what auto became, such as "auto (4)"."""
        self._resolved = value
        self._box.setText("auto" if value is None or self._value is not None else f"auto ({in_short(value)})")

    def _show(self) -> None:
        auto = self._value is None
        with signals_blocked(self._box), signals_blocked(self.inner):
            self._box.setChecked(auto)
            if not auto:
                self.inner.setValue(self._value)
        self.inner.setVisible(not auto)
        self._box.setText("auto")

    def _toggled(self, auto: bool) -> None:
        start = self._first if self._resolved is None else self._resolved
        self.setValue(None if auto else start)

    def _inner_changed(self) -> None:
        self._edited(self.inner.value)
