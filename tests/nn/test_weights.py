"""Weight files: those that come with the package are whole, and a wrong one is refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_shrinkage.nn.learned_dct import LearnedDct
from napari_shrinkage.nn.weights import FOLDER, checked_path, file_checksum, load_into, metadata, weight_path

PACKAGED = sorted(FOLDER.glob("*.safetensors"))
NAME = "learned-dct.safetensors"


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.name)
def test_a_packaged_file_is_small_and_says_what_it_was_made_from(path: Path) -> None:
    told = metadata(path)
    assert path.stat().st_size < 8e6
    assert {"trained_on", "noise", "steps", "seed", "made_by"} <= set(told)
    assert "method" in told or {"network", "colors", "sigma_max", "licence", "curve"} <= set(told)


def test_a_name_is_a_packaged_file_and_a_path_is_itself(tmp_path: Path) -> None:
    copy = Path(shutil.copy(weight_path(NAME), tmp_path / NAME))
    assert weight_path(NAME) == FOLDER / NAME
    assert weight_path(str(copy)) == copy


def test_a_name_that_is_not_packaged_is_a_file_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.safetensors", NAME):
        shutil.copy(weight_path(NAME), tmp_path / name)
    assert (
        weight_path("mine.safetensors") == weight_path("./mine.safetensors") == tmp_path / "mine.safetensors"
    )
    assert weight_path(NAME) == FOLDER / NAME
    assert weight_path(f"./{NAME}") == tmp_path / NAME


def test_a_missing_file_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=rf"no weight file .*other\.safetensors.*{NAME}"):
        weight_path("other.safetensors")


def test_another_file_than_was_recorded_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / NAME
    content = bytearray(weight_path(NAME).read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    recorded = file_checksum(weight_path(NAME))
    assert checked_path(NAME, recorded) == (weight_path(NAME), recorded)
    with pytest.raises(ValueError, match=rf"checksum .*not {recorded[:12]}"):
        checked_path(str(damaged), recorded)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "changing.safetensors"
    path.write_bytes(b"one")
    first = checked_path(str(path))[1]
    path.write_bytes(b"another")
    assert checked_path(str(path))[1] != first


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    path.write_text("no weights")
    with pytest.raises(ValueError, match="holds no network weights"):
        metadata(path)


def test_weights_of_another_size_are_refused_by_name_and_shape() -> None:
    with pytest.raises(ValueError, match=r"analysis: \(200, 121\) instead of \(8, 9\)"):
        load_into(LearnedDct(side=3, extra=0, hidden=2), weight_path(NAME))
