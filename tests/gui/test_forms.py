"""A form shows every registered method, and gives back what it was given."""

from __future__ import annotations

import dataclasses

import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSlider

from napari_shrinkage import methods
from napari_shrinkage.degradation import AnyKernel
from napari_shrinkage.gui.editors import editor_for, read_text, written_text
from napari_shrinkage.gui.forms import AutoEditor, MethodEditor, MethodForm
from napari_shrinkage.gui.numbers import FloatEditor, SliderScale
from napari_shrinkage.methods import Parameter, members, parameters
from napari_shrinkage.noise import CalibratedCamera, Gaussian, NoiseCurve, NoiseMap, PoissonGaussian
from napari_shrinkage.restorers import NAMED, EmpiricalWiener, Shrinkage
from napari_shrinkage.rules import Firm, Lp, Soft, TanhHard
from napari_shrinkage.thresholds import PerBand, Profile, Ratio, RatioPerLevel
from napari_shrinkage.transforms.block_dct import SlidingDCT
from napari_shrinkage.transforms.stationary import StationaryWavelet

DOCK_WIDTH = 320
WITHOUT_DEFAULTS = {
    "kernel": AnyKernel(taps=((0.1, 0.2), (0.3, 0.4))),
    "per-band": PerBand(values={"1/dd": (2.5,), "1/ad": (1.0, 2.0, 3.0)}),
    "gaussian": Gaussian((1.5, 2.0)),
    "poisson-gaussian": PoissonGaussian((2.5, 3.0), 100.0, (1.0, 2.0)),
    "noise-curve": NoiseCurve((0.0, 100.0), (4.0, 9.0)),
    "noise-map": NoiseMap(path="map.npy", checksum="5f", sigma=12.5),
    "calibrated-camera": CalibratedCamera(
        path="maps.npz", checksum="5f", gain=2.5, offset=100.0, read_std=1.5
    ),
}
MEASURED = ("autocorrelation", "color-noise", "fit")  # never typed


def values():
    for role in methods.roles():
        for name, cls in members(role).items():
            if role in MEASURED:
                continue
            has_defaults = all(p.default is not dataclasses.MISSING for p in parameters(cls))
            yield pytest.param(cls() if has_defaults else WITHOUT_DEFAULTS[name], id=f"{role}/{name}")


@pytest.mark.parametrize("value", [*values()])
def test_a_form_shows_a_method_and_gives_an_equal_value_back(qtbot, value):
    form = MethodForm(value)
    qtbot.addWidget(form)
    assert form.value == value
    form._collect()
    assert form.value == value


@pytest.mark.parametrize("value", [*values()])
def test_no_label_is_cut_in_a_dock(qtbot, value):
    form = MethodForm(value)
    qtbot.addWidget(form)
    form.show()
    assert form.minimumSizeHint().width() <= DOCK_WIDTH


@pytest.mark.parametrize(
    "value", [*NAMED.values(), Shrinkage(rule=Firm(ratio=1.2345678901), threshold=Ratio(r=2.7182818284))]
)
def test_another_value_of_the_same_form_comes_back_exactly(qtbot, value):
    form = MethodForm(Shrinkage())
    qtbot.addWidget(form)
    form.setValue(value)
    assert form.value == value


def test_a_change_in_a_nested_form_changes_the_whole_value_once(qtbot):
    form = MethodForm(Shrinkage(threshold=Ratio(r=2.0)))
    qtbot.addWidget(form)
    seen = []
    form.changed.connect(lambda: seen.append(form.value))
    form.editor("threshold.r").findChild(QDoubleSpinBox).setValue(3.5)
    assert seen == [Shrinkage(threshold=Ratio(r=3.5))]


def test_choosing_a_method_shows_its_own_fields_and_remembers_the_other_ones(qtbot):
    form = MethodForm(Shrinkage(threshold=Ratio(r=1.25)))
    qtbot.addWidget(form)
    combo = form.editor("threshold").findChild(QComboBox)
    combo.setCurrentText(Profile.title)
    assert form.value.threshold == Profile()
    combo.setCurrentText(Ratio.title)
    assert form.value.threshold == Ratio(r=1.25)


def test_advanced_methods_stand_below_a_heading(qtbot):
    form = MethodForm(Shrinkage())
    qtbot.addWidget(form)
    combo = form.editor("rule").findChild(QComboBox)
    listed = [combo.itemText(i) for i in range(combo.count())]
    assert listed.index(Soft.title) < listed.index("Advanced") < listed.index(Lp.title)


def test_a_pilot_is_never_the_filter_itself(qtbot):
    form = MethodForm(EmpiricalWiener())
    qtbot.addWidget(form)
    combo = form.editor("pilot").findChild(QComboBox)
    assert EmpiricalWiener.title not in [combo.itemText(i) for i in range(combo.count())]


def test_fields_that_do_not_fit_keep_the_last_value_and_say_why(qtbot):
    form = MethodForm(EmpiricalWiener())
    qtbot.addWidget(form)
    said = []
    form.invalid.connect(said.append)
    form.editor("transform.ndim").setValue(3)
    assert form.value == EmpiricalWiener()
    assert "ndim" in said[-1]
    form.editor("pilot.transform.ndim").setValue(3)
    assert said[-1] == ""
    assert form.value.spatial_ndim == 3


def test_auto_shows_what_it_became_and_starts_from_there(qtbot):
    form = MethodForm(StationaryWavelet())
    qtbot.addWidget(form)
    form.show()
    editor = next(form.editor(p.name) for p in parameters(StationaryWavelet) if p.name == "levels")
    assert isinstance(editor, AutoEditor)
    form.show_resolved(StationaryWavelet(levels=4))
    box = editor.findChild(QCheckBox)
    assert box.text() == "auto (4)"
    box.setChecked(False)
    assert form.value.levels == 4
    box.setChecked(True)
    assert form.value.levels is None


def test_a_slider_over_decades_is_logarithmic(qtbot):
    temperature = next(p for p in parameters(TanhHard) if p.name == "temperature")
    scale = SliderScale(temperature)
    assert scale.logarithmic
    assert scale.value(0) < 0.1 < scale.value(400)
    for number in (0.05, 1.0, 30.0):
        assert scale.value(scale.position(number)) == pytest.approx(number, rel=0.05)


def test_moving_a_slider_sets_the_number(qtbot):
    editor = editor_for(next(p for p in parameters(Ratio) if p.name == "r"))
    qtbot.addWidget(editor)
    assert isinstance(editor, FloatEditor)
    editor.setValue(2.7)
    editor.findChild(QSlider).setValue(200)
    assert editor.value == 5.0


@pytest.mark.parametrize("value", [(3.0, 2.7, 2.4), {"1/dd": (2.5,), "1/ad": (1.0, 2.0)}, "db4"])
def test_a_line_of_text_reads_what_it_wrote(value):
    kind = {tuple: tuple[float, ...], dict: dict[str, tuple[float, ...]], str: str}[type(value)]
    parameter = Parameter(name="x", type=kind, default=value)
    assert read_text(written_text(value), parameter) == value


def test_a_wavelet_is_chosen_or_typed_and_a_wrong_one_is_refused(qtbot):
    form = MethodForm(StationaryWavelet())
    qtbot.addWidget(form)
    said = []
    form.invalid.connect(said.append)
    combo = form.editor("wavelet").findChild(QComboBox)
    for text in ("coif2", "rbio2.2"):
        assert (combo.findText(text) >= 0) == (text == "coif2")
        combo.lineEdit().setText(text)
        combo.lineEdit().editingFinished.emit()
        assert form.value.wavelet == text
    combo.lineEdit().setText("db99")
    combo.lineEdit().editingFinished.emit()
    assert form.value.wavelet == "rbio2.2"
    assert "db99" in said[-1]


@pytest.mark.parametrize(
    "name", next(p for p in parameters(StationaryWavelet) if p.name == "wavelet").suggestions
)
def test_every_suggested_wavelet_is_one(name):
    assert StationaryWavelet(wavelet=name).bank


def test_numbers_that_cannot_be_read_are_refused_with_what_is_expected(qtbot):
    form = MethodForm(RatioPerLevel())
    qtbot.addWidget(form)
    said = []
    form.invalid.connect(said.append)
    line = form.editor("r")._line
    line.setText("3, 99")
    line.editingFinished.emit()
    assert form.value == RatioPerLevel()
    assert "RatioPerLevel.r" in said[-1]
    assert "at most 10" in said[-1]


def test_the_size_of_a_block_is_a_slider_and_a_number(qtbot):
    form = MethodForm(SlidingDCT())
    qtbot.addWidget(form)
    editor = form.editor("size")
    assert isinstance(form, MethodForm)
    assert not isinstance(editor, MethodEditor)
    editor.findChild(QSlider).setValue(11)
    assert form.value.size == 11


def test_a_spin_box_that_is_only_visited_keeps_every_digit(qtbot):
    editor = editor_for(next(p for p in parameters(Ratio) if p.name == "r"))
    qtbot.addWidget(editor)
    editor.setValue(2.718281828459045)
    editor.findChild(QDoubleSpinBox).interpretText()
    assert editor.value == 2.718281828459045
