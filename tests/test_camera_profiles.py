"""Camera profiles: what is kept comes back, whatever its name, and one broken file harms no other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_shrinkage import camera_profiles
from napari_shrinkage.camera_profiles import (
    delete_profile,
    export_profile,
    import_profile,
    load_profile,
    profile_folder,
    profiles,
    save_profile,
)
from napari_shrinkage.noise import Autocorrelation, CalibratedCamera, Gaussian, NoiseCurve, PoissonGaussian
from napari_shrinkage.noise.camera_maps import save_maps

PLAIN = PoissonGaussian(0.46, 100.0, 1.6, verdict="Measured.")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the profiles of a test to itself."""
    monkeypatch.setenv("NAPARI_SHRINKAGE_PROFILES", str(tmp_path / "cameras"))
    return tmp_path / "cameras"


def camera(place: Path, seed: int = 0) -> CalibratedCamera:
    rng = np.random.default_rng(seed)
    save_maps(place, rng.normal(100, 2, (6, 7)), rng.normal(2, 0.1, (6, 7)), np.full((6, 7), 4.0))
    return CalibratedCamera.from_file(place)


def corrected(noise: CalibratedCamera) -> np.ndarray:
    raw = np.arange(42, dtype=np.float32).reshape(1, 6, 7)
    return noise.corrected(raw, (np.arange(6), np.arange(7)))


@pytest.mark.parametrize(
    "noise",
    [
        PLAIN,
        Gaussian((2.0, 3.0)),
        NoiseCurve((0.0, 10.0), (1.0, 4.0)),
        PoissonGaussian(1.0, autocorrelation=Autocorrelation((0.2, 1.0, 0.2))),
    ],
)
def test_a_model_comes_back_equal_with_its_notes(noise):
    save_profile("Flash 4, slow scan", noise, notes="cooled to −10 °C")
    assert load_profile("Flash 4, slow scan") == noise
    (kept,) = profiles()
    assert (kept.name, kept.noise, kept.notes) == ("Flash 4, slow scan", noise, "cooled to −10 °C")
    assert kept.noise.verdict == noise.verdict
    assert kept.created.endswith("+00:00")


@pytest.mark.parametrize(
    "name", ["ORCA/Flash: 4.0*?", "камера №1", "カメラ", "..", "CON", "a" * 300, "é", "x\u0301y", "📷", "-rf"]
)
def test_any_name_makes_a_file_inside_the_folder(name: str, folder: Path):
    path = save_profile(name, PLAIN)
    assert path.parent == folder
    assert path.name.isascii()
    assert len(path.name) < 64
    assert load_profile(name) == PLAIN


def test_names_that_look_the_same_are_the_same_and_others_are_not():
    save_profile("Cam\u00e9ra  1 ", PLAIN)
    assert load_profile("Came\u0301ra 1") == PLAIN
    save_profile("Camera 1", Gaussian(1.0))
    save_profile("camera 1", Gaussian(2.0))
    assert [load_profile(name) for name in ("Camera 1", "camera 1")] == [Gaussian(1.0), Gaussian(2.0)]
    assert len(profiles()) == 3


@pytest.mark.parametrize("name", ["", "  ", "a\x00b"])
def test_a_name_that_nobody_can_read_is_refused(name: str):
    with pytest.raises(ValueError, match="needs a name"):
        save_profile(name, PLAIN)


def test_a_name_that_is_taken_is_refused_unless_it_shall_be_replaced():
    save_profile("camera", PLAIN)
    with pytest.raises(ValueError, match=r"already.*overwrite=True"):
        save_profile("camera", Gaussian(1.0))
    assert load_profile("camera") == PLAIN
    save_profile("camera", Gaussian(1.0), overwrite=True)
    assert load_profile("camera") == Gaussian(1.0)


def test_a_missing_profile_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="'zyla'; none yet"):
        load_profile("zyla")
    save_profile("orca", PLAIN)
    with pytest.raises(ValueError, match="'zyla'; there are 'orca'"):
        delete_profile("zyla")


def test_without_a_folder_there_are_no_profiles(tmp_path: Path):
    assert profiles() == ()
    assert profiles(tmp_path / "nowhere") == ()


def test_the_user_folder_is_used_where_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NAPARI_SHRINKAGE_PROFILES")
    assert profile_folder().parts[-2:] == ("napari-shrinkage", "cameras")


def test_a_broken_file_is_skipped_with_a_warning_and_the_others_are_there(folder: Path):
    save_profile("good", PLAIN)
    for name, text in {
        "half.json": '{"camera_profile": 1, "na',
        "list.json": "[]",
        "other.json": '{"steps": []}',
        "unknown.json": '{"camera_profile": 1, "name": "x", "noise": {"method": "noise/next-year"}}',
        "rule.json": '{"camera_profile": 1, "name": "x", "noise": {"method": "rule/soft"}}',
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.warns(UserWarning, match="not a camera profile") as seen:
        kept = profiles()
    assert [profile.name for profile in kept] == ["good"]
    assert len(seen) == 6


def test_the_file_reads_as_what_was_measured(folder: Path):
    path = save_profile("камера", PLAIN, notes="12 bit")
    text = path.read_text(encoding="utf-8")
    assert "камера" in text
    data = json.loads(text)
    assert (data["noise"]["gain"], data["notes"]) == (0.46, "12 bit")


def test_an_interrupted_save_leaves_the_old_profile(folder: Path, monkeypatch: pytest.MonkeyPatch):
    save_profile("camera", PLAIN)
    monkeypatch.setattr(camera_profiles.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_profile("camera", Gaussian(1.0), overwrite=True)
    monkeypatch.undo()
    assert load_profile("camera", folder) == PLAIN
    assert len(list(folder.iterdir())) == 1


def test_the_maps_of_a_camera_are_kept_with_its_profile(tmp_path: Path, folder: Path):
    noise = camera(tmp_path / "maps.npz")
    expected = corrected(noise)
    save_profile("scmos", noise)
    (tmp_path / "maps.npz").unlink()
    np.testing.assert_array_equal(corrected(load_profile("scmos")), expected)
    folder.rename(tmp_path / "moved")
    np.testing.assert_array_equal(corrected(load_profile("scmos", tmp_path / "moved")), expected)


def test_maps_go_with_their_profile(tmp_path: Path, folder: Path):
    save_profile("other", camera(tmp_path / "other.npz", 2))
    save_profile("scmos", camera(tmp_path / "old.npz", 0))
    save_profile("scmos", camera(tmp_path / "new.npz", 1), overwrite=True)
    assert len(list(folder.glob("scmos*.npz"))) == 1
    save_profile("scmos", load_profile("scmos"), notes="again", overwrite=True)
    np.testing.assert_array_equal(
        corrected(load_profile("scmos")), corrected(camera(tmp_path / "new.npz", 1))
    )
    delete_profile("scmos")
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npz"]
    assert corrected(load_profile("other")).shape == (1, 6, 7)


def test_maps_that_are_gone_are_named_before_anything_is_written(tmp_path: Path, folder: Path):
    noise = camera(tmp_path / "maps.npz")
    (tmp_path / "maps.npz").unlink()
    with pytest.raises(ValueError, match=r"maps\.npz are missing"):
        save_profile("scmos", noise)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("with_maps", [False, True])
def test_an_exported_profile_is_imported_elsewhere(tmp_path: Path, with_maps: bool):
    noise = camera(tmp_path / "maps.npz") if with_maps else PLAIN
    save_profile("my camera", noise, notes="lab 3")
    (tmp_path / "usb").mkdir()
    files = export_profile("my camera", tmp_path / "usb" / "for you.json")
    assert sorted(files) == sorted((tmp_path / "usb").iterdir())
    (tmp_path / "usb").rename(tmp_path / "mail")
    assert import_profile(tmp_path / "mail" / "for you.json", tmp_path / "their cameras") == "my camera"
    (kept,) = profiles(tmp_path / "their cameras")
    assert (kept.name, kept.notes) == ("my camera", "lab 3")
    if with_maps:
        np.testing.assert_array_equal(corrected(kept.noise), corrected(noise))
        assert Path(kept.noise.path).parent == tmp_path / "their cameras"
    else:
        assert kept.noise == noise


def test_an_import_asks_before_it_replaces_and_misses_its_maps(tmp_path: Path):
    save_profile("scmos", camera(tmp_path / "maps.npz"))
    path, maps = export_profile("scmos", tmp_path / "out.json")
    with pytest.raises(ValueError, match=r"overwrite=True"):
        import_profile(path)
    assert import_profile(path, overwrite=True) == "scmos"
    with pytest.raises(ValueError, match=r"exists already.*overwrite=True"):
        export_profile("scmos", path)
    maps.unlink()
    with pytest.raises(ValueError, match="the one beside it"):
        import_profile(path, tmp_path / "elsewhere")
    assert profiles(tmp_path / "elsewhere") == ()


def test_what_is_no_profile_is_not_imported(tmp_path: Path):
    (tmp_path / "recipe.json").write_text('{"recipe": 1, "steps": []}', encoding="utf-8")
    with pytest.raises(ValueError, match="not a camera profile"):
        import_profile(tmp_path / "recipe.json")
    with pytest.raises(ValueError, match="not a camera profile"):
        import_profile(tmp_path / "nowhere.json")
    save_profile("orca", PLAIN)
    with pytest.raises(ValueError, match=r"does not end in \.json"):
        export_profile("orca", tmp_path / "orca.zip")


def test_a_profile_is_not_exported_into_a_folder_that_is_not_there(tmp_path: Path):
    camera_profiles.save_profile("camera", Gaussian(2.0), folder=tmp_path)
    with pytest.raises(ValueError, match="there is no folder"):
        camera_profiles.export_profile("camera", tmp_path / "nowhere" / "camera.json", folder=tmp_path)
