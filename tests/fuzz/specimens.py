"""Valid files of every kind that is read: small images, recipes, camera profiles, weights.

Convention: a specimen is a path below a folder and the files that belong to it; an OME-Zarr image has many.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import torch
import zarr
from safetensors.torch import save_file

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.nn.dncnn import Dncnn
from napari_shrinkage.nn.ffdnet import ResidualFfdnet
from napari_shrinkage.nn.generator import NETWORKS
from napari_shrinkage.nn.learned_dct import LearnedDct
from napari_shrinkage.nn.rdn import Rdn
from napari_shrinkage.nn.trained_generator import TrainedGenerator
from napari_shrinkage.nn.unet import Unet
from napari_shrinkage.nn.upscaler import Upscaler


@dataclass(frozen=True)
class Specimen:
    """A valid file, or a folder of files, as bytes by name; `kind` says what reads it."""

    kind: str
    name: str
    parts: dict[str, bytes]

    def write(self, folder: Path, changed: dict[str, bytes]) -> Path:
        """Write it into a folder, with some of its files changed; return its path."""
        for name, data in {**self.parts, **changed}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / self.name


def specimens(folder: Path) -> list[Specimen]:
    """Return a specimen of every kind; they are made in a folder."""
    makers = {
        "image": (_own_images, _foreign_images),
        "recipe": (_recipes,),
        "profile": (_profiles,),
        "denoiser": (_denoisers,),
        "upscaler": (_upscalers,),
        "generator": (_generators,),
        "learned-dct": (_learned_dcts,),
    }
    return [
        specimen
        for kind, several in makers.items()
        for number, make in enumerate(several)
        for specimen in _made(kind, folder / f"{kind}{number}", make)
    ]


def _made(kind: str, folder: Path, make: Callable[[Path], None]) -> list[Specimen]:
    folder.mkdir(parents=True)
    make(folder)
    tops = sorted(path for path in folder.iterdir() if path.suffix != ".npz")
    beside = list(folder.glob("*.npz")) if kind == "profile" else []
    return [Specimen(kind, top.name, _bytes(folder, [top, *beside])) for top in tops]


def _bytes(folder: Path, tops: list[Path]) -> dict[str, bytes]:
    found = [path for top in tops for path in ([top] if top.is_file() else sorted(top.rglob("*")))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


def picture(*shape: int, dtype: str = "uint8") -> np.ndarray:
    """Return a noisy ramp."""
    ramp = np.linspace(20, 200, shape[-1]) if shape[-1] > 4 else 100.0
    return (ramp + 5 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def _own_images(folder: Path) -> None:
    """Write what `files.write` writes, with records, in all its forms."""
    plane, series = ns.Stack(picture(24, 20)), ns.Stack(picture(3, 24, 20, dtype="uint16"), "ZYX", (3, 1, 1))
    color = ns.Stack(picture(24, 20, 3), "YXC")
    record = ns.drain(ns.run(ns.Recipe.of(ns.Shrinkage(), ns.Gaussian(5.0)), plane)).record
    series = ns.Stack(series.array, "ZYX", (3.0, 0.5, 0.5), ("micrometer",) * 3)
    for name, stack in (("plane", plane), ("series", series), ("color", color)):
        for ending in (".tif", ".ome.tif", ".png", ".npy", ".ome.zarr"):
            if name != "series" or ending != ".png":
                files.write(folder / f"{name}{ending}", stack, record)
    for compression in ("zlib", "zstd", "lzw"):
        files.write(folder / f"{compression}.tif", series, record, compression)
        files.write(folder / f"{compression}.ome.tif", series, record, compression)
    files.write(folder / "zlib.ome.zarr", series, record, "zlib")
    files.write(folder / "none.ome.zarr", series, record, "none")
    files.write(folder / "float.tif", ns.Stack(picture(24, 20, dtype="float32")), record)
    files.write(folder / "alpha.png", ns.Stack(picture(24, 20, 4), "YXC"), record)
    files.write(folder / "bits.png", ns.Stack(picture(24, 20) > 100))
    files.write(folder / "deep.png", ns.Stack(picture(24, 20, dtype="uint16")))


def _foreign_images(folder: Path) -> None:
    """Write forms that others write: tiles, pyramids, planar colours, old Zarr, bare arrays, float16."""
    big = picture(64, 48, dtype="uint16")
    tifffile.imwrite(folder / "tiled.tif", big, tile=(16, 16), compression="zlib", predictor=2)
    tifffile.imwrite(folder / "planar.tif", picture(3, 24, 20), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(folder / "jpeg.tif", picture(24, 32), compression="jpeg")
    tifffile.imwrite(folder / "half.tif", picture(24, 20, dtype="float16"), bigtiff=True)
    tifffile.imwrite(folder / "bigendian.tif", picture(24, 20, dtype="uint16"), byteorder=">")
    tifffile.imwrite(folder / "imagej.tif", picture(2, 3, 24, 20, dtype="uint16"), imagej=True, metadata={
        "axes": "TZYX", "spacing": 2.0, "unit": "um", "finterval": 0.5, "Info": "one\ntwo"})  # fmt: skip
    with tifffile.TiffWriter(folder / "pyramid.ome.tif") as file:
        file.write(big, subifds=1, metadata={"axes": "YX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2})
        file.write(big[::2, ::2], subfiletype=1)
    zarr.save_array(folder / "bare.zarr", big, zarr_format=2)
    _old_ome_zarr(folder / "old.zarr", big)
    np.save(folder / "fortran.npy", np.asfortranarray(big))
    np.save(folder / "swapped.npy", big.astype(">i4"))


def _old_ome_zarr(path: Path, values: np.ndarray) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=values.shape, dtype=values.dtype, chunks=(16, 16))[...] = values
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    group.attrs["multiscales"] = [{
        "version": "0.4",
        "axes": [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"],
        "datasets": [{"path": "0", "coordinateTransformations": scale}],
    }]  # fmt: skip


def _recipes(folder: Path) -> None:
    """Write recipes whose methods and noise models have all kinds of fields, and a record."""
    stack = ns.Stack(picture(24, 20))
    curve = ns.PoissonGaussian(gain=2.0, read_std=3.0, offset=10.0)
    gray, bands = ns.Gaussian(5.0), ns.PerBand(values=dict.fromkeys(("1/ad", "1/da", "1/dd"), (2.0,)))
    wavelet = ns.Shrinkage(transform=ns.StationaryWavelet(levels=2), rule=ns.Firm(), spins=2)
    fitted = ns.Shrinkage(transform=ns.Wavelet(levels=1), threshold=bands)
    recipes = {
        "dct": ns.Recipe.of(ns.Shrinkage(transform=ns.SlidingDCT(size=8), rule=ns.Hard()), gray),
        "wiener": ns.Recipe.of(ns.EmpiricalWiener(mu=1.2), curve, device="cpu", threads=2),
        "bands": ns.Recipe((ns.Step(ns.HotPixels()), ns.Step(fitted))),
        "wavelet": ns.Recipe.of(wavelet),
        "means": ns.Recipe.of(ns.NonLocalMeans(), ns.Gaussian((4.0,))),
        "degrade": ns.Recipe.of(ns.Degrade(scale=2), ns.Gaussian(0.0)),
    }
    for name, recipe in recipes.items():
        ns.save_recipe(recipe, folder / f"{name}.json")
    record = ns.drain(ns.run(ns.Recipe.of(ns.Let()), stack)).record
    ns.save_recipe(record, folder / "record.json")


def _profiles(folder: Path) -> None:
    from napari_shrinkage.camera_profiles import export_profile

    ns.save_profile("plain", ns.PoissonGaussian(gain=2.0, read_std=3.0, offset=10.0), folder=folder / "kept")
    export_profile("plain", folder / "plain.json", folder=folder / "kept")
    for path in (folder / "kept").iterdir():
        path.unlink()
    (folder / "kept").rmdir()


def _denoisers(folder: Path) -> None:
    torch.manual_seed(0)
    dncnn, ffdnet, unet = Dncnn(1, 4, 6), ResidualFfdnet(1, 3, 8), Unet(1, 4, 1)
    for name, network in (("dncnn", dncnn), ("ffdnet", ffdnet), ("unet", unet)):
        save_file(
            network.state_dict(), folder / f"{name}.safetensors", {"sigma_max": "0.2", "curve": "[[1, 2]]"}
        )
        torch.save(network.state_dict(), folder / f"{name}.pth")


def _upscalers(folder: Path) -> None:
    sizes = {"colors": 1, "scale": 2, "features": 4, "growth": 4, "blocks": 1, "layers": 2}
    light = Upscaler(4, 1, (2,))
    facts = {"network": "upscaler", "features": "4", "blocks": "1", "scales": "[2]", "sigma_max": "0.1"}
    save_file(light.state_dict(), folder / "light.safetensors", facts)
    rdn = Rdn(**{key: value for key, value in sizes.items() if key in _rdn_sizes()})
    told = {"network": "rdn", **{key: str(sizes[key]) for key in _rdn_sizes()}}
    save_file(rdn.state_dict(), folder / "rdn.safetensors", told)


def _rdn_sizes() -> tuple[str, ...]:
    from napari_shrinkage.nn.upscaler_models import RDN_SIZES

    return tuple(RDN_SIZES)


def _generators(folder: Path) -> None:
    for kind, network in NETWORKS.items():
        made = network((12, 14), 3)
        for value in made.state_dict().values():
            value.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
        made.covariance.copy_(torch.eye(3))
        TrainedGenerator(made, 90.0, 260.0, 0.01, 0.1, {}).save(folder / f"{kind}.safetensors")


def _learned_dcts(folder: Path) -> None:
    network = LearnedDct(side=5, extra=4, hidden=3)
    facts = {"side": "5", "extra": "4", "hidden": "3", "network": "learned-dct", "facts": json.dumps({})}
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "own.safetensors", facts)
