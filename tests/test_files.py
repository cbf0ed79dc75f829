"""What is written is read back: pixels, axes, voxel size, units, record, in every format that holds them."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import napari_shrinkage as ns
from napari_shrinkage import files

UNITS = {"T": "second", "C": "pixel", "P": "pixel"}
SPACING = {"T": 2.5, "C": 1.0, "P": 1.0, "Z": 0.5, "Y": 0.2, "X": 0.1}
SIZES = {"T": 3, "C": 2, "Z": 4, "Y": 17, "X": 23, "P": 2}


def stack_of(axes: str, dtype: str = "uint16", lazy: bool = False) -> ns.Stack:
    shape = [SIZES[letter] for letter in axes]
    if axes.endswith("C"):
        shape[-1] = 3
    array = (200 * np.random.default_rng(0).random(shape)).astype(dtype)
    units = tuple(UNITS.get(letter, "micrometer") for letter in axes)
    chunked = da.from_array(array, chunks=tuple(max(1, n // 2) for n in shape)) if lazy else array
    return ns.Stack(chunked, axes, tuple(SPACING[letter] for letter in axes), units)


@pytest.fixture(scope="module")
def record() -> ns.Record:
    restorer = ns.Shrinkage(transform=ns.Wavelet(levels=1), threshold=ns.Universal())
    stack = ns.Stack(np.random.default_rng(0).standard_normal((16, 16)), source="naïve <µm> & more.tif")
    return ns.drain(ns.run(ns.Recipe.of(restorer, ns.Gaussian(1.0)), stack)).record


def same_pixels(a: ns.Stack, b: ns.Stack) -> None:
    assert (a.axes, a.array.dtype) == (b.axes, b.array.dtype)
    np.testing.assert_array_equal(np.asarray(a.array), np.asarray(b.array))


def same(a: ns.Stack, b: ns.Stack) -> None:
    same_pixels(a, b)
    np.testing.assert_allclose(a.spacing, b.spacing, rtol=1e-5)
    assert a.units == b.units


OME_AXES = ["YX", "YXC", "ZYX", "TYX", "CYX", "TZYX", "TCYX", "CZYX", "TCZYX", "TZCYX", "ZYXC", "TZYXC"]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("axes", OME_AXES)
@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".ome.zarr"])
def test_axes_voxel_size_units_and_record_survive(tmp_path, record, ending, axes, lazy):
    stack = stack_of(axes, lazy=lazy)
    path = files.write(tmp_path / f"image{ending}", stack, record)
    again = files.read(path)
    if ending == ".ome.zarr" and axes == "TZCYX":  # the specification's order
        same_pixels(again, ns.Stack(np.asarray(stack.array).swapaxes(1, 2), "TCZYX"))
    else:
        same(again, stack)
    assert files.read_record(path) == record
    assert again.source == str(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
@pytest.mark.parametrize("ending", [".ome.tiff", ".tiff", ".npy", ".zarr"])
def test_number_types_survive(tmp_path, ending, dtype):
    stack = stack_of("YX", dtype)
    same_pixels(files.read(files.write(tmp_path / f"image{ending}", stack)), stack)


def test_plain_tiff_keeps_the_grid_of_what_imagej_cannot_hold(tmp_path, record):
    for axes, dtype in (("PYX", "uint16"), ("TCZYX", "uint16"), ("YXC", "float32"), ("ZYX", "int64")):
        path = files.write(tmp_path / "image.tif", stack_of(axes, dtype), record, overwrite=True)
        same(files.read(path), stack_of(axes, dtype))
        assert files.read_record(path) == record


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16"])
def test_png_holds_grey_pictures(tmp_path, record, dtype):
    stack = stack_of("YX", dtype)
    path = files.write(tmp_path / "image.png", stack, record)
    same_pixels(files.read(path), stack)
    assert files.read_record(path) == record


@pytest.mark.parametrize("channels", [3, 4])
def test_png_and_tiff_hold_colours_and_alpha(tmp_path, channels):
    array = np.random.default_rng(0).integers(0, 255, (17, 23, channels), np.uint8)
    for ending in (".png", ".tif", ".ome.tif"):
        same_pixels(
            files.read(files.write(tmp_path / f"image{ending}", ns.Stack(array, "YXC"))),
            ns.Stack(array, "YXC"),
        )


@pytest.mark.parametrize(("mode", "channels"), [("LA", 4), ("P", 3), ("L", None), ("1", None), ("RGBA", 4)])
def test_png_of_any_mode_is_read(tmp_path, mode, channels):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (17, 23, 3), np.uint8)).convert(mode)
    picture.save(tmp_path / "image.png")
    stack = files.read(tmp_path / "image.png")
    assert stack.shape == ((17, 23) if channels is None else (17, 23, channels))
    assert stack.axes == ("YX" if channels is None else "YXC")


def test_16_bit_colour_png_is_refused_rather_than_halved(tmp_path):
    import imagecodecs

    deep = np.full((4, 4, 3), 1000, np.uint16)
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    with pytest.raises(files.FileProblem, match="16-bit colours"):
        files.read(tmp_path / "deep.png")


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".png", ".zarr"])
def test_compression_makes_files_smaller_and_loses_nothing(tmp_path, ending):
    stack = ns.Stack(np.tile(np.arange(64, dtype=np.uint16), (64, 1)))
    sizes = {}
    for compression in ("none", "zlib"):
        path = files.write(tmp_path / f"{compression}{ending}", stack, compression=compression)
        same_pixels(files.read(path), stack)
        sizes[compression] = sum(p.stat().st_size for p in (path, *path.rglob("*")) if p.is_file())
    assert sizes["zlib"] < sizes["none"] / 2


@pytest.mark.parametrize(
    ("ending", "compression"), [(".tif", "lzw"), (".tif", "zstd"), (".ome.zarr", "zstd")]
)
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_every_compression_is_lossless(tmp_path, ending, compression, dtype):
    stack = stack_of("ZYX", dtype)
    same_pixels(files.read(files.write(tmp_path / f"image{ending}", stack, compression=compression)), stack)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    ending=st.sampled_from([".ome.tif", ".tif", ".npy", ".ome.zarr"]),
    leading=st.sampled_from(["", "T", "Z", "C", "TZ", "TCZ"]),
    sizes=st.lists(st.integers(1, 9), min_size=5, max_size=5),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    color=st.booleans(),
    spacing=st.floats(1e-3, 1e3),
    seed=st.integers(0, 9),
)
def test_any_image_comes_back(tmp_path, ending, leading, sizes, dtype, color, spacing, seed):
    axes = leading.replace("C", "") + "YXC" if color else leading + "YX"
    shape = [3 if letter == "C" and color else n for letter, n in zip(axes, [*sizes, 3], strict=False)]
    array = (100 * np.random.default_rng(seed).random(shape)).astype(dtype)
    units = tuple("pixel" if letter == "C" else "second" if letter == "T" else "nanometer" for letter in axes)
    stack = ns.Stack(array, axes, tuple(1.0 if letter == "C" else spacing for letter in axes), units)
    path = files.write(tmp_path / f"image{ending}", stack, overwrite=True)
    again = files.read(path, axes)
    np.testing.assert_array_equal(np.asarray(again.array), array)
    kept = [letter in "YX" or n > 1 for letter, n in zip(axes, shape, strict=True)]
    if ending != ".npy":
        np.testing.assert_allclose(np.array(again.spacing)[kept], np.array(stack.spacing)[kept], rtol=1e-5)


def test_a_lazy_read_of_a_tiff_equals_the_eager_one(tmp_path):
    for axes, dtype in (("TZYX", "uint16"), ("ZYXC", "uint8"), ("YX", "float32")):
        path = files.write(
            tmp_path / "image.ome.tif", stack_of(axes, dtype), compression="zlib", overwrite=True
        )
        lazy = files.read(path, lazy=True)
        assert lazy.is_lazy
        same(lazy, files.read(path, lazy=False))


def test_large_tiffs_are_read_lazily_by_themselves(tmp_path, monkeypatch):
    path = files.write(tmp_path / "image.tif", stack_of("ZYX"))
    monkeypatch.setattr("napari_shrinkage.files.tiff.LAZY_BYTES", 100)
    assert files.read(path).is_lazy


def test_every_block_of_a_lazy_image_is_computed_once(tmp_path):
    seen: list[tuple[int, ...]] = []

    def counted(block, block_info=None):
        seen.append(tuple(block_info[0]["chunk-location"]))
        return block

    for ending in (".ome.tif", ".ome.zarr", ".npy"):
        seen.clear()
        source = da.zeros((4, 6, 20, 30), chunks=(2, 3, 20, 30), dtype=np.uint16)
        lazy = source.map_blocks(counted, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
        files.write(tmp_path / f"image{ending}", ns.Stack(lazy, "TZYX"))
        assert sorted(seen) == sorted(np.ndindex(2, 2, 1, 1))


def test_progress_runs_from_nothing_to_everything(tmp_path):
    for ending in (".ome.tif", ".ome.zarr", ".npy"):
        seen: list[tuple[int, int]] = []
        files.write(
            tmp_path / f"image{ending}",
            stack_of("TZYX", lazy=True),
            progress=lambda *a, into=seen: into.append(a),
        )
        done = [d for d, _ in seen]
        assert done == sorted(done)
        assert seen[-1][0] == seen[-1][1] > 1


# Files that other programs wrote


def test_imagej_hyperstacks_tell_their_axes_and_voxel_size(tmp_path):
    array = stack_of("TZCYX").array
    tifffile.imwrite(
        tmp_path / "ij.tif",
        array,
        imagej=True,
        resolution=(10.0, 5.0),
        metadata={"axes": "TZCYX", "unit": "\\u00B5m", "spacing": 0.5, "finterval": 2.5},
    )
    stack = files.read(tmp_path / "ij.tif")
    assert stack.axes == "TZCYX"
    np.testing.assert_allclose(stack.spacing, (2.5, 0.5, 1, 0.2, 0.1))
    assert stack.units == ("second", "micrometer", "pixel", "micrometer", "micrometer")


def test_imagej_opens_what_is_written_with_the_same_voxel_size(tmp_path, record):
    path = files.write(tmp_path / "image.tif", stack_of("TZYX", "float32"), record)
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        about = file.imagej_metadata
        x, y = (file.pages[0].tags[name].value for name in ("XResolution", "YResolution"))
    assert (about["slices"], about["frames"], about["unit"], about["spacing"]) == (4, 3, "micrometer", 0.5)
    assert about["finterval"] == 2.5
    assert (x[1] / x[0], y[1] / y[0]) == pytest.approx((0.1, 0.2), rel=1e-5)


def test_ome_xml_is_in_the_units_of_ome(tmp_path, record):
    path = files.write(tmp_path / "image.ome.tif", stack_of("TCZYX"), record)
    with tifffile.TiffFile(path) as file:
        xml = file.ome_metadata
    for words in (
        'PhysicalSizeX="0.1"',
        'PhysicalSizeXUnit="µm"',
        'PhysicalSizeZ="0.5"',
        'TimeIncrement="2.5"',
        'TimeIncrementUnit="s"',
        "napari-shrinkage/record",
    ):
        assert words in xml


@pytest.mark.parametrize(
    ("written", "options", "axes"),
    [
        ((4, 17, 23), {"photometric": "minisblack"}, "ZYX"),
        ((17, 23, 3), {"photometric": "rgb"}, "YXC"),
        ((3, 17, 23), {"photometric": "rgb", "planarconfig": "separate"}, "YXC"),
        ((5, 4, 17, 23), {"photometric": "minisblack"}, "ZYX"),
        ((2, 17, 23), {"photometric": "minisblack", "planarconfig": "separate"}, "CYX"),
        ((17, 23, 4), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, "YXC"),
    ],
)
def test_plain_tiffs_get_axes_that_can_be_overridden(tmp_path, written, options, axes):
    array = np.random.default_rng(0).integers(0, 255, written, np.uint8)
    tifffile.imwrite(tmp_path / "image.tif", array, metadata=None, **options)
    stack = files.read(tmp_path / "image.tif")
    assert (stack.axes, stack.is_color) == (
        axes if len(axes) == len(stack.shape) else stack.axes,
        axes == "YXC",
    )
    if not stack.is_color and len(written) == 3:
        assert files.read(tmp_path / "image.tif", axes="TYX").axes == "TYX"
    moved = np.moveaxis(array, 0, -1) if axes == "YXC" and written[0] == 3 else array
    np.testing.assert_array_equal(np.asarray(stack.array).reshape(moved.shape), moved)


def test_resolutions_per_centimeter_are_voxel_sizes_and_per_inch_are_for_printers(tmp_path):
    array = np.zeros((17, 23), np.uint8)
    tifffile.imwrite(
        tmp_path / "cm.tif", array, resolution=(1e5, 2e5), resolutionunit="CENTIMETER", metadata=None
    )
    tifffile.imwrite(tmp_path / "inch.tif", array, resolution=(72, 72), resolutionunit="INCH", metadata=None)
    assert files.read(tmp_path / "cm.tif").spacing == pytest.approx((0.05, 0.1))
    assert files.read(tmp_path / "cm.tif").units == ("micrometer", "micrometer")
    assert files.read(tmp_path / "inch.tif").units == ("pixel", "pixel")


def test_ome_zarr_is_what_the_specification_says(tmp_path):
    stack = ns.Stack(np.zeros((3, 600, 500), np.uint16), "ZYX", (2, 0.5, 0.5), ("micrometer",) * 3)
    files.write(tmp_path / "image.zarr", stack)
    group = zarr.open_group(tmp_path / "image.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    assert group.attrs["ome"]["version"] == "0.5"
    (image,) = group.attrs["ome"]["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
    assert image["axes"][0] == {"name": "z", "type": "space", "unit": "micrometer"}
    assert [group[level["path"]].shape for level in image["datasets"]] == [
        (3, 600, 500),
        (3, 300, 250),
        (3, 150, 125),
    ]
    scale, translation = image["datasets"][1]["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [2, 1, 1]}
    assert translation == {"type": "translation", "translation": [0, 0.25, 0.25]}
    same(files.read(tmp_path / "image.zarr"), stack)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_ome_zarr_is_read_by_and_from_the_reference_library(tmp_path, zarr_format):
    ome_zarr = pytest.importorskip("ome_zarr")
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader
    from ome_zarr.writer import write_image

    assert ome_zarr
    stack = stack_of("CZYX")
    path = files.write(tmp_path / "ours.ome.zarr", stack)
    (node, *_) = list(Reader(parse_url(path, mode="r"))())
    np.testing.assert_array_equal(np.asarray(node.data[0]), stack.array)
    assert [axis["name"] for axis in node.metadata["axes"]] == ["c", "z", "y", "x"]
    write_image(
        stack.array,
        zarr.open_group(tmp_path / "theirs.zarr", mode="w", zarr_format=zarr_format),
        axes="czyx",
        scale={"c": 1, "z": 0.5, "y": 0.2, "x": 0.1},
        axes_units={"z": "micrometer", "y": "micrometer", "x": "micrometer"},
    )
    again = files.read(tmp_path / "theirs.zarr")
    same(again, stack)
    written = zarr.open_group(tmp_path / "theirs.zarr", mode="r").attrs
    assert ("ome" in written) == (zarr_format == 3)  # version 0.4 has its metadata at the top


@pytest.mark.parametrize("shape", [(1, 2, 1), (3, 5, 1), (3, 1, 1), (3, 1, 4), (2, 6, 3)])
@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
def test_images_of_one_column_come_back(tmp_path, ending, shape):
    stack = ns.Stack(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), "TYX")
    same_pixels(files.read(files.write(tmp_path / f"image{ending}", stack), "TYX"), stack)


def test_a_tiff_of_several_images_says_that_one_is_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "scenes.ome.tif", ome=True) as file:
        for value in (3, 4):
            file.write(np.full((8, 9), value, np.uint8), metadata={"axes": "YX"})
    with pytest.warns(UserWarning, match="holds 2 images; only the first"):
        stack = files.read(tmp_path / "scenes.ome.tif")
    np.testing.assert_array_equal(stack.array, 3)


def test_a_bare_zarr_array_needs_its_axes_named(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(3, 8, 9), dtype="uint8", chunks=(1, 8, 9))[...] = 7
    with pytest.raises(ValueError, match="needs its axes named"):
        files.read(tmp_path / "a.zarr")
    assert files.read(tmp_path / "a.zarr", "TYX").axes == "TYX"


def test_npy_needs_axes_and_maps_the_file(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 9)))
    with pytest.raises(ValueError, match="use one of TYX, ZYX, CYX"):
        files.read(tmp_path / "a.npy")
    assert isinstance(files.read(tmp_path / "a.npy", "ZYX").array, np.memmap)


def test_a_file_without_a_record_has_none(tmp_path):
    for ending in (".ome.tif", ".tif", ".png", ".npy", ".ome.zarr"):
        assert files.read_record(files.write(tmp_path / f"image{ending}", stack_of("YX"))) is None
    tifffile.imwrite(
        tmp_path / "other.ome.tif", np.zeros((4, 5), np.uint8), description="not JSON {", metadata=None
    )
    assert files.read_record(tmp_path / "other.ome.tif") is None


def test_records_are_plain_json_that_other_programs_can_read(tmp_path, record):
    path: Path = files.write(tmp_path / "image.ome.zarr", stack_of("YX"), record)
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]
    assert ns.Record.from_json(attributes["napari_shrinkage"]["record"]) == record
