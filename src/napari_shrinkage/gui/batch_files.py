"""The rows that say which files a batch reads, and where it writes what it makes of them.

Convention: a folder is listed when it is chosen, when its pattern changes and when a batch starts; files that
were chosen one by one stay as they are.
"""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..batch import images_in
from ..conversion import DTYPES
from ..files import FORMATS, FileProblem
from .editor import narrow_combo, row_label

ALL = "*"
KINDS = f"Images ({' '.join(f'*{end}' for end in FORMATS if not end.startswith('.ome') and end != '.zarr')})"
SAME_NAME = "as the image"
NAMES = (
    "{name}_denoised.ome.tif",
    SAME_NAME,
    "{name}_denoised.tif",
    "{name}_denoised.ome.zarr",
    "{name}_denoised.png",
)
USUAL = "float32 (PNG: same)"
RESULTS = "denoised"  # folder beside the images


class FilesRow(QWidget):
    """Which files: some that were chosen, or a folder and a pattern."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.files: list[Path] = []
        self.doubt = ""  # why a folder gives no files
        self.folder: Path | None = None
        self.said = QLabel("none chosen")
        self.said.setWordWrap(True)
        self.files_button, self.folder_button = QPushButton("Files…"), QPushButton("Folder…")
        self.files_button.setToolTip("Choose image files")
        self.folder_button.setToolTip("Choose a folder: the images in it whose names fit the pattern")
        self.pattern = QLineEdit(ALL)
        self.pattern.setToolTip(
            "<qt>Names of the files to take from the folder, such as *.tif or cell_??.png.</qt>"
        )
        self.axes = QLineEdit()
        self.axes.setPlaceholderText("as the files say")
        self.axes.setToolTip(
            "<qt>One letter per axis, slowest first, where the files do not say: T time, Z depth, "
            "C channels, Y rows, X columns. TYX is a series.</qt>"
        )
        self._lay_out()
        self.files_button.clicked.connect(self.ask_files)
        self.folder_button.clicked.connect(self.ask_folder)
        self.pattern.editingFinished.connect(self.refresh)
        self._show()

    def ask_files(self) -> None:
        """Ask for image files."""
        names, _ = QFileDialog.getOpenFileNames(self, "Images of the batch", self._start(), KINDS)
        if names:
            self.choose(sorted(Path(name) for name in names))

    def ask_folder(self) -> None:
        """Ask for a folder of images."""
        name = QFileDialog.getExistingDirectory(self, "Folder of images", self._start())
        if name:
            self.choose_folder(Path(name))

    def choose(self, files: list[Path]) -> None:
        """Take these files."""
        self.folder, self.files, self.doubt = None, files, ""
        self._show()
        self.changed.emit()

    def choose_folder(self, folder: Path) -> None:
        """Take the images of a folder; one that is an image itself (OME-Zarr) is taken alone."""
        if folder.name.lower().endswith(".zarr"):
            self.choose([folder])
            return
        self.folder = folder
        self.refresh()

    def refresh(self) -> None:
        """List the folder again."""
        if self.folder is None:
            return
        pattern = self.pattern.text().strip() or ALL
        try:
            self.files, self.doubt = images_in(self.folder, pattern), ""
            if not self.files:
                self.doubt = f"No image in {self.folder.name} has a name that fits {pattern!r}."
        except FileProblem as problem:
            self.files, self.doubt = [], str(problem)
        self._show()
        self.changed.emit()

    @property
    def place(self) -> Path | None:
        """The folder in which the files are, or None while there are none."""
        return self.folder or (self.files[0].parent if self.files else None)

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.addRow(row_label("Images"), self.said)
        self._pattern_label = row_label("Pattern")
        form.addRow(self._pattern_label, self.pattern)
        buttons = QHBoxLayout()
        for button in (self.files_button, self.folder_button):
            buttons.addWidget(button)
        form.addRow("", buttons)
        form.addRow(row_label("Axes"), self.axes)
        outer.addLayout(form)

    def _show(self) -> None:
        for widget in (self.pattern, self._pattern_label):
            widget.setVisible(self.folder is not None)
        count, place = len(self.files), self.place
        if place is None:
            self.said.setText("none chosen")
        else:
            images = "1 image" if count == 1 else f"{count} images"
            self.said.setText(f"{images} in {breakable(place)}")
        self.said.setToolTip("" if place is None else str(place))

    def _start(self) -> str:
        return str(self.place or Path.cwd())


class OutputRow(QWidget):
    """Where results go, their names, their number type, and whether they replace what is there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._suggested = ""
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("folder of the results")
        self.browse = QToolButton()
        self.browse.setText("…")
        self.browse.setToolTip("Choose the folder of the results")
        self.name = narrow_combo()
        self.name.setEditable(True)
        self.name.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.name.addItems(NAMES)
        line = self.name.lineEdit()
        assert line is not None
        line.setCursorPosition(0)  # shows the beginning
        self.name.setToolTip(
            "<qt>{name} stands for the image's name; the ending decides the format. “as the image” keeps "
            "both. OME-TIFF and OME-Zarr keep voxel size, axes and record.</qt>"
        )
        self.dtype = narrow_combo()
        self.dtype.addItem(USUAL, None)
        for name in DTYPES:
            self.dtype.addItem("same as input" if name == "same" else name, name)
        self.dtype.setToolTip(
            "<qt>Number type of the results. Integers are rounded, and clipped pixels counted.</qt>"
        )
        self.overwrite = QCheckBox("Replace what is there")
        self.overwrite.setToolTip(
            "<qt>Otherwise a result that was made from the same image by the same settings is skipped, and "
            "any other file in its place is left as it is.</qt>"
        )
        self._lay_out()
        self.browse.clicked.connect(self.ask_folder)

    @property
    def output(self) -> str:
        """The output as `planned_targets` takes it."""
        folder, name = self.folder.text().strip(), self.name.currentText().strip()
        if not folder:
            raise FileProblem("The results have no folder yet; choose one.")
        return folder + os.sep if name in (SAME_NAME, "") else os.path.join(folder, name)

    def ask_folder(self) -> None:
        """Ask for the folder of the results."""
        name = QFileDialog.getExistingDirectory(self, "Folder of the results", self.folder.text())
        if name:
            self.folder.setText(name)

    def suggest(self, place: Path | None) -> None:
        """Propose a folder beside the images, unless the user named one."""
        if place is not None and self.folder.text() in ("", self._suggested):
            self._suggested = str(place / RESULTS)
            self.folder.setText(self._suggested)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        form.addRow(row_label("Results"), row)
        form.addRow(row_label("Name"), self.name)
        form.addRow(row_label("Type"), self.dtype)
        form.addRow("", self.overwrite)


def breakable(path: Path) -> str:
    """Return a path that a label may break after every separator."""
    return str(path).replace(os.sep, f"{os.sep}\u200b")
