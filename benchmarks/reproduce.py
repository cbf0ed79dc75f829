"""Every measured table of the docs by one command: what a page cites is run, and its output kept.

`python benchmarks/reproduce.py --data DATA` reads `measured("NAME", "SCRIPT ...")` in docs/*.md, runs each
script and writes docs/measured/NAME.md. It takes hours; `--only NAME` makes one table, `--list` shows them
all. A table of seconds is worth something only on a quiet machine. Peers that are not dependencies (bm3d,
OpenCV) appear where they are installed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from datasets import parser

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
CITED = re.compile(r'measured\("(?P<name>[^"]+)", "(?P<command>[^"]+)"\)')


def cited() -> dict[str, str]:
    """Return the command of every table that a page shows, by the table's name."""
    found = {}
    for page in sorted(DOCS.glob("*.md")):
        for match in CITED.finditer(page.read_text(encoding="utf-8")):
            found[match["name"]] = match["command"]
    return found


def made(command: str, data: Path | None) -> str:
    """Run a benchmark and return what it prints."""
    settings = dict(os.environ) | ({} if data is None else {"NAPARI_SHRINKAGE_DATA": str(data)})
    with tempfile.TemporaryDirectory() as folder:
        words = [folder if word == "FOLDER" else word for word in shlex.split(command)]
        run = [sys.executable, str(HERE / words[0]), *words[1:]]
        return subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True, env=settings).stdout


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument("--only", action="append", metavar="NAME", help="make this table; may be repeated")
    arguments.add_argument("--list", action="store_true", help="show the tables and their commands")
    chosen, tables = arguments.parse_args(), cited()
    unknown = set(chosen.only or ()) - set(tables)
    if unknown:
        arguments.error(f"no page shows {', '.join(sorted(unknown))}; --list shows what there is")
    for name in chosen.only or tables:
        print(f"{name}: python benchmarks/{tables[name]}", flush=True)
        if not chosen.list:
            (DOCS / "measured" / f"{name}.md").write_text(made(tables[name], chosen.data), encoding="utf-8")


if __name__ == "__main__":
    main()
