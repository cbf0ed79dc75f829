"""Damage that the fuzzers found: every decoder's own error, and values that no file of ours has."""

from __future__ import annotations

import json
import struct
import zlib

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import save_file

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.cli import main
from napari_shrinkage.nn.dncnn import Dncnn
from napari_shrinkage.nn.generator import NETWORKS
from napari_shrinkage.nn.models import card_of
from napari_shrinkage.nn.trained_generator import TrainedGenerator, generator_of

SERIES = ns.Stack(np.random.default_rng(0).integers(0, 999, (3, 64, 64), np.uint16), "TYX")
DEEP = ns.Stack(np.random.default_rng(0).integers(0, 60_000, (24, 20), np.uint16))


def broken_chunk(folder, name, compression):
    """Write an OME-Zarr image or TIFF file and spoil the pixels of its last plane."""
    path = files.write(folder / name, SERIES, compression=compression)
    target = path / "0" / "c" / "2" / "0" / "0" if path.is_dir() else path
    data = bytearray(target.read_bytes())
    start = 0
    if path.is_file():
        with tifffile.TiffFile(path) as file:
            start = file.pages[-1].dataoffsets[0]
    data[start : start + 60] = bytes(60)
    target.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "compression"),
    [
        ("a.ome.zarr", "zstd"),
        ("a.ome.zarr", "zlib"),
        ("a.ome.tif", "zlib"),
        ("a.tif", "zstd"),
        ("a.tif", "lzw"),
    ],
)
def test_damage_that_is_met_when_a_lazy_image_is_computed_is_a_file_problem(tmp_path, name, compression):
    path = broken_chunk(tmp_path, name, compression)
    stack = files.read(path, "TYX", lazy=True)
    assert isinstance(stack.array, da.Array)
    np.testing.assert_array_equal(np.asarray(stack.array[0]), SERIES.array[0])
    with pytest.raises(files.FileProblem, match=f"{name} cannot be read: it is damaged"):
        np.asarray(stack.array)


def test_a_damaged_chunk_is_one_line_on_the_command_line(tmp_path, capsys):
    path = broken_chunk(tmp_path, "a.ome.zarr", "zstd")
    assert (
        main(["run", str(path), "-o", str(tmp_path / "out.ome.tif"), "--method", "dct", "--noise", "5"]) == 2
    )
    assert "a.ome.zarr cannot be read: it is damaged" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ome.zarr"]


@pytest.mark.parametrize("axes", [[{}, {}, {}], "TYX", [{"name": 3}] * 3, [{"name": "y"}] * 3, None])
def test_an_ome_zarr_image_without_names_of_axes_is_damaged(tmp_path, axes):
    path = files.write(tmp_path / "a.ome.zarr", SERIES)
    about = json.loads((path / "zarr.json").read_text())
    about["attributes"]["ome"]["multiscales"][0]["axes"] = axes
    (path / "zarr.json").write_text(json.dumps(about))
    if axes == "TYX":
        assert files.read(path).axes == axes
    else:
        with pytest.raises(files.FileProblem, match="it is damaged"):
            files.read(path)


def chunks(data):
    """Return name, start and length of the content of every chunk of a PNG."""
    at, found = 8, {}
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        found[name] = at + 8, length
        at += 12 + length
    return found


def test_no_byte_of_a_png_can_change_without_an_error(tmp_path):
    path = files.write(tmp_path / "deep.png", DEEP)
    whole = path.read_bytes()
    for place in range(8, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(files.FileProblem, match="cannot be read"):
            files.read(path)


def test_a_png_with_repeated_pixels_is_no_other_picture(tmp_path):
    path = files.write(tmp_path / "deep.png", DEEP, compression="none")
    data = path.read_bytes()
    start, length = chunks(data)[b"IDAT"]
    content = data[start : start + length // 2] + data[start + length // 2 - 4 : start + length]
    path.write_bytes(
        data[: start - 8] + struct.pack(">I4s", length + 4, b"IDAT") + content + data[start + length :]
    )
    with pytest.raises(files.FileProblem, match="checksum of its part"):
        files.read(path)


def test_a_png_that_claims_to_be_huge_is_refused_in_words(tmp_path):
    path = files.write(tmp_path / "deep.png", DEEP)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(files.FileProblem, match="100000 x 100000 pixels are too many for a PNG"):
        files.read(path)


def test_an_npy_header_that_is_no_python_is_damage(tmp_path):
    path = files.write(tmp_path / "a.npy", DEEP)
    path.write_bytes(path.read_bytes().replace(b"'descr'", b"{'descr"))
    with pytest.raises(files.FileProblem, match="cannot be read"):
        files.read(path)


@pytest.mark.parametrize(
    "tag", ["SamplesPerPixel", "RowsPerStrip", "ImageWidth", "ImageLength", "BitsPerSample"]
)
@pytest.mark.parametrize("value", [0, 7, 255, 65535])
def test_a_tiff_tag_without_sense_is_a_file_problem_at_most(tmp_path, tag, value):
    path = files.write(tmp_path / "a.tif", ns.Stack(DEEP.array), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].tags[tag].valueoffset
    data = bytearray(path.read_bytes())
    data[offset : offset + 2] = struct.pack("<H", value)
    path.write_bytes(data)
    refusals = []
    for lazy in (False, True):
        try:
            np.asarray(files.read(path, lazy=lazy).array)
        except ValueError as error:
            refusals.append(error)
    assert all(type(error) is files.FileProblem or "axes" in str(error) for error in refusals)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_tiff_whose_pages_go_round_in_a_circle_is_damaged(tmp_path, byteorder, big):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=big) as file:
        for plane in SERIES.array:
            file.write(plane, metadata=None, contiguous=False)
    assert files.read(path, "TYX").shape == SERIES.shape
    with tifffile.TiffFile(path) as file:
        first, last = file.pages[0], file.pages[-1]
        end = last.offset + (8 + 20 * len(last.tags) if big else 2 + 12 * len(last.tags))
        pointer = struct.pack(byteorder + ("Q" if big else "I"), first.offset)
    data = bytearray(path.read_bytes())
    data[end : end + len(pointer)] = pointer
    path.write_bytes(data)
    with pytest.raises(files.FileProblem, match="in a circle"):
        files.read(path, "TYX")


RECORD = ns.drain(
    ns.run(ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(5.0)), ns.Stack(DEEP.array))
).record.to_json()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": 3}, "device=3"),
        ({"device": ["cpu"]}, r"device=\['cpu'\]"),
        ({"threads": "two"}, "threads='two'"),
        ({"threads": {}}, "threads={}"),
        ({"threads": 1.5}, "threads=1.5"),
    ],
)
def test_a_recipe_runs_on_a_device_with_a_number_of_threads(change, words):
    with pytest.raises(ValueError, match=words):
        ns.Recipe.from_json(ns.Recipe.of(ns.Shrinkage()).to_json() | change)


@pytest.mark.parametrize("row", [(0, 10**400), (10**400, 10**401)])
def test_a_noise_curve_of_numbers_beyond_all_floats_is_refused(row):
    with pytest.raises(ValueError, match=r"NoiseCurve\.(means|variances)"):
        ns.NoiseCurve((0.0, 1.0), row)
    with pytest.raises(ValueError, match=r"NoiseCurve\.(means|variances)"):
        ns.NoiseCurve(row, (0.0, 1.0))


@pytest.mark.parametrize("name", ["input", "versions", "created", "seconds", "messages"])
def test_a_record_without_one_of_its_entries_says_which(name):
    assert ns.Record.from_json(RECORD).to_json() == RECORD
    with pytest.raises(ValueError, match=f"this record is incomplete: '{name}' is a"):
        ns.Record.from_json({key: value for key, value in RECORD.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"), [("noise", None), ("device", None), ("device_reason", 1), ("threads", "all")]
)
def test_a_step_of_a_record_without_one_of_its_entries_says_which(name, value):
    with pytest.raises(ValueError, match=f"'{name}'|{name}="):
        ns.Record.from_json({**RECORD, "steps": [{**RECORD["steps"][0], name: value}]})


def test_a_record_in_which_something_was_left_open_is_refused():
    step = RECORD["steps"][0]
    opened = {**step, "restorer": {**step["restorer"], "threshold": {"method": "threshold/ratio", "r": None}}}
    undecided = {**step["restorer"]["transform"], "levels": None}
    for restorer in (opened["restorer"], {**step["restorer"], "transform": undecided}):
        with pytest.raises((ValueError, TypeError)):
            ns.Record.from_json({**RECORD, "steps": [{**step, "restorer": restorer}]})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"steps": ' * 5000, '{"steps": ' + "9" * 5000 + "}"])
def test_json_that_python_gives_up_on_is_a_value_error(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError, match="is not a recipe"):
        ns.load_recipe(tmp_path / "recipe.json")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    state = Dncnn(1, 4, 6).state_dict()
    state["layers.2.weight"][1, 2] = float("nan")
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        with pytest.raises(ValueError, match=r"not finite, in 'layers\.2\.weight'"):
            card_of(str(tmp_path / name))


@pytest.mark.parametrize("size", [0, 1, 4, 100, 1000])
def test_a_cut_off_pth_file_holds_no_weights(tmp_path, size):
    torch.save(Dncnn(1, 4, 6).state_dict(), tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:size])
    with pytest.raises(ValueError, match=r"a\.pth (holds no network weights|is not read)"):
        card_of(str(tmp_path / "a.pth"))


@pytest.mark.parametrize(
    ("told", "words"),
    [({"sigma_max": "x"}, "sigma_max='x'"), ({"network": "unet", "colors": "2"}, "colors='2'"),
     ({"network": "unet"}, "colors=None")],
)  # fmt: skip
def test_a_header_without_sense_is_quoted(tmp_path, told, words):
    save_file(Dncnn(1, 4, 6).state_dict(), tmp_path / "a.safetensors", told)
    with pytest.raises(ValueError, match=words):
        card_of(str(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("change", [
    {"shape": "0,14"}, {"shape": "12"}, {"shape": "9999999,9999999"}, {"latent": ""}, {"latent": "-1"},
    {"low": "nan"}, {"error": "x"}, {"kind": "none"},
])  # fmt: skip
def test_a_generator_s_header_without_sense_is_refused(tmp_path, change):
    told = {"network": "generator", "kind": "dense", "shape": "12,14", "latent": "3",
            "low": "0", "high": "1", "error": "0.1", "limit": "0.1"} | change  # fmt: skip
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", told)
    with pytest.raises(ValueError, match="does not tell kind, shape"):
        generator_of(str(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("change", [1e38, -2.0, 0.5])
def test_a_generator_whose_covariance_is_none_is_refused(tmp_path, change):
    network = NETWORKS["dense"]((12, 14), 3)
    network.covariance.copy_(torch.eye(3))
    TrainedGenerator(network, 0.0, 1.0, 0.1, 0.1, {}).save(tmp_path / "whole.safetensors")
    assert generator_of(str(tmp_path / "whole.safetensors"))[0].network.latent == 3
    network.covariance[0, 0 if change < 0 else 1] = change
    TrainedGenerator(network, 0.0, 1.0, 0.1, 0.1, {}).save(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="covariance of its codes is none"):
        generator_of(str(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("record", ["[]", '{"napari_shrinkage": 3}', "nothing"])
def test_a_record_in_an_image_that_is_no_record_is_none(tmp_path, record):
    tifffile.imwrite(tmp_path / "a.tif", DEEP.array, metadata={"axes": "YX", "napari_shrinkage": record})
    assert files.read_record(tmp_path / "a.tif") is None


def test_a_record_in_an_image_that_is_no_recipe_says_so(tmp_path):
    record = json.dumps({"napari_shrinkage": {"steps": 3}})
    tifffile.imwrite(tmp_path / "a.tif", DEEP.array, metadata={"axes": "YX", "napari_shrinkage": record})
    with pytest.raises(TypeError, match="a recipe is a JSON object"):
        files.read_record(tmp_path / "a.tif")
