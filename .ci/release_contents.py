# ruff: noqa: T201
"""Look into a wheel and an sdist: what must be there, what must not, and how large the wheel may be."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGE = "napari_shrinkage/"
IN_WHEEL = ("napari.yaml", "py.typed", "gui/shrinkage_widget.py", "nn/weights/")
IN_SDIST = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "tests/conftest.py", "docs/index.md")
FOREIGN = ("tests/", "benchmarks/", "training/", "docs/", "examples/", "__pycache__", ".part")


def main() -> None:
    """Print sizes and counts; leave with a message where something is wrong."""
    wheel, sdist, largest = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    with zipfile.ZipFile(wheel) as file:
        inside = {info.filename: info.file_size for info in file.infolist()}
    with tarfile.open(sdist) as file:
        source = {member.name.partition("/")[2] for member in file.getmembers()}
    weights = {name: size for name, size in inside.items() if name.endswith(".safetensors")}
    here = {path.name for path in Path("src/napari_shrinkage/nn/weights").glob("*.safetensors")}
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.1f} MB, {len(inside)} files", end="")
    print(f", weights {sum(weights.values()) / 1e6:.1f} MB in {len(weights)}")
    print(f"{sdist.name}: {sdist.stat().st_size / 1e6:.1f} MB, {len(source)} files")
    needed = [PACKAGE + name for name in IN_WHEEL]
    problems = [f"the wheel lacks {name}" for name in needed if not any(n.startswith(name) for n in inside)]
    problems += [f"the sdist lacks {name}" for name in IN_SDIST if name not in source]
    problems += [f"the wheel holds {name}" for name in inside if any(part in name for part in FOREIGN)]
    if {Path(name).name for name in weights} != here:
        problems.append("the wheel holds other weights than the checkout")
    if size > largest:
        problems.append(f"the wheel has {size} bytes; at most {largest} were wanted")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
