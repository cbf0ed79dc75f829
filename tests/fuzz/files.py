"""Damaged files through every reader: each ends as a result or as one clear sentence, never otherwise.

    python tests/fuzz/files.py --minutes 60             # from a seed that the clock gives
    python tests/fuzz/files.py --cases 200 --seed 1     # the same cases again
    python tests/fuzz/files.py --only 4711 --seed 1     # one case, with its traceback

Convention: a case is a number; with the seed it decides which file is damaged, and how. A child process tries
one case after the other, with bounded memory and processor time, so that a crash or a hang is a finding too.
What is found is kept in a folder, one for each place in the code; the exit code is 1 if anything was.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import faulthandler
import io
import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from damage import PNG_SIGNATURE, damaged, with_right_checksums
from specimens import Specimen, picture, specimens

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.cli import main as command_line

MEMORY = 2 * 2**30  # bytes beyond what the libraries take
SECONDS = 20  # of processor time for one case
PATIENCE = 1200  # seconds without a word from the child
LONGEST = 900  # characters of a message
SMALL = 2**17  # pixels up to which an image is restored, too
PACKAGE = str(Path(ns.__file__).parent)
NOISY = picture(24, 20)
LINES = {str(path): path.read_text().splitlines() for path in Path(ns.__file__).parent.rglob("*.py")}


class Finding(Exception):
    """What should not have happened, in words that are the same for the same; then what was said."""


def main() -> int:
    """Run the cases that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="how long")
    parser.add_argument("--cases", type=int, help="how many, instead")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "shrinkage-fuzz")
    parser.add_argument("--only", type=int, help="one case, in this process")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    wishes = parser.parse_args()
    if wishes.only is not None:
        print(tried(wishes.seed, wishes.only, prepared(), wishes.folder) or "as it should be")
        return 0
    if wishes.child is not None:
        return child(wishes.seed, wishes.child, wishes.folder)
    return Run(wishes).all()


class Run:
    """Children that try one case after the other, and what they tell."""

    def __init__(self, wishes: argparse.Namespace) -> None:
        self.wishes, self.case = wishes, 0
        self.end = time.monotonic() + 60 * wishes.minutes
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.findings: dict[str, list[int]] = {}
        wishes.folder.mkdir(parents=True, exist_ok=True)

    def all(self) -> int:
        """Try cases until there are enough; print what was found."""
        while not self._enough():
            self._from_a_child()
        print(f"seed {self.wishes.seed}, {self.case} cases: {dict(self.outcomes.most_common())}")
        for place, cases in self.findings.items():
            print(f"FOUND {len(cases)} times, first in case {cases[0]}: {place}")
        return 1 if self.findings else 0

    def _enough(self) -> bool:
        wanted = self.wishes.cases
        return time.monotonic() > self.end if wanted is None else self.case >= wanted

    def _from_a_child(self) -> None:
        """Listen to a child until it dies or there are enough cases."""
        log = self.wishes.folder / "child.log"
        with log.open("w") as errors, started(self.wishes, self.case, errors) as process:
            heard = lines_of(process)
            try:
                while not self._enough():
                    self._note(json.loads(heard.get(timeout=PATIENCE)))
            except queue.Empty:
                self._found("no word for minutes: a lock or an endless wait")
            except TypeError:  # the end of its output
                code = process.wait()
                self._found(f"the process died (code {code}): {last_frame(log.read_text())}")
            finally:
                process.kill()

    def _note(self, told: dict[str, Any]) -> None:
        self.case = told["case"] + 1
        if told["finding"]:
            self.case -= 1
            self._found(told["finding"], told["said"])
        else:
            self.outcomes[told["outcome"]] += 1

    def _found(self, place: str, said: str = "") -> None:
        """Keep the first file of every place where something went wrong."""
        cases = self.findings.setdefault(place, [])
        cases.append(self.case)
        if len(cases) == 1:
            print(f"case {self.case}: {place} {said[:200]!r}", flush=True)
            with contextlib.suppress(OSError):
                shutil.copytree(self.wishes.folder / "work", self.wishes.folder / f"case-{self.case}")
        self.outcomes["found"] += 1
        self.case += 1


@contextlib.contextmanager
def started(wishes: argparse.Namespace, case: int, errors: Any) -> Any:
    """Start a child at a case."""
    words = ["--child", str(case), "--seed", str(wishes.seed), "--folder", str(wishes.folder)]
    one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, __file__, *words],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env={**os.environ, **one},
    )
    with process:
        yield process


def lines_of(process: subprocess.Popen[str]) -> queue.Queue[Any]:
    """Return a queue of a child's lines, with None at the end."""
    lines: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def last_frame(log: str) -> str:
    """Return the innermost frame of this package in a dump of faulthandler, or what the child said last."""
    frames = [line.strip() for line in log.splitlines() if line.strip().startswith("File ")]
    own = [frame for frame in frames if "napari_shrinkage/" in frame]
    return " < ".join((*frames[:1], *own[:1])) if frames else " ".join(log.split())[-200:]


def child(seed: int, case: int, folder: Path) -> int:
    """Try cases, each told in a line of JSON, until somebody ends this process."""
    whole = prepared()
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    faulthandler.register(signal.SIGPROF, chain=True)
    bound_memory()
    while True:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        finding, said, outcome = "", "", ""
        try:
            outcome = tried(seed, case, whole, folder)
        except Finding as found:
            finding, said = str(found.args[0]), " ".join(map(str, found.args[1:]))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({"case": case, "finding": finding, "said": said, "outcome": outcome}), flush=True)
        case += 1


def prepared() -> list[Specimen]:
    """Return the specimens, after each was read once: whatever is imported late is there."""
    with tempfile.TemporaryDirectory() as folder:
        whole = specimens(Path(folder))
        for specimen in whole:
            path = specimen.write(Path(folder) / "whole" / specimen.kind, {})
            for trial in TRIALS[specimen.kind]:
                with quiet(), contextlib.suppress(ValueError):  # bare arrays do not name their axes
                    trial(path, np.random.default_rng(0))
    return whole


def bound_memory() -> None:
    """Let this process have so much memory more, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def tried(seed: int, case: int, whole: list[Specimen], folder: Path) -> str:
    """Damage a file and read it; return what came of it, or raise a `Finding`."""
    rng = np.random.default_rng([seed, case])
    kind = KINDS[rng.integers(len(KINDS))]
    of_kind = [one for one in whole if one.kind == kind]
    specimen = of_kind[rng.integers(len(of_kind))]
    name = list(specimen.parts)[rng.integers(len(specimen.parts))]
    data = damaged(rng, specimen.parts[name])
    checked = data.startswith(PNG_SIGNATURE) and rng.random() < 0.5
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    path = specimen.write(work, {name: with_right_checksums(data) if checked else data})
    outcomes = []
    for trial in TRIALS[specimen.kind]:
        try:
            with quiet():
                made = trial(path, rng)
        except (ValueError, TypeError) as error:
            check_sentence(error, path)
            outcomes.append("refused")
        except (Finding, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise Finding(f"{type(error).__name__} at {place_of(error)}", str(error)) from error
        else:
            outcomes.append("read")
            if specimen.name.endswith(".png") and trial is read_image and not checked:
                check_unchanged(made, specimen, folder)
    return f"{specimen.kind} {'read' if 'read' in outcomes else 'refused'}"


def check_sentence(error: Exception, path: Path) -> None:
    """Raise a `Finding` unless an error was raised by us on purpose, in one line of readable length."""
    text, where = str(error), place_of(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    lines = LINES.get(frame.filename, [])
    if not lines or "raise" not in lines[(frame.lineno or 1) - 1]:
        raise Finding(f"{type(error).__name__} not meant for users, at {where}", text) from error
    if not text or "\n" in text or len(text) > LONGEST:
        raise Finding(f"a message that is empty or too long, at {where}", text) from error


def place_of(error: BaseException) -> str:
    """Return file and line of the innermost frame in the package, and of the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(PACKAGE)] or frames
    return " < ".join(
        f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"
        for frame in ((frames[-1], own[-1]) if frames[-1] is not own[-1] else own[-1:])
    )


def check_unchanged(stack: Any, specimen: Specimen, folder: Path) -> None:
    """Raise a `Finding` if a damaged PNG was read as another picture: its checksums tell."""
    before = files.read(specimen.write(folder / "before", {}))
    if stack is not None and not np.array_equal(np.asarray(stack.array), np.asarray(before.array)):
        raise Finding("a damaged PNG file was read as another picture")


@contextlib.contextmanager
def quiet() -> Any:
    """Let warnings and prints go nowhere."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def read_image(path: Path, rng: np.random.Generator) -> Any:
    """Read an image, now or lazily, and its pixels."""
    stack = files.read(path, lazy=[None, True, False][rng.integers(3)])
    if stack.pixels <= SMALL:
        np.asarray(stack.array)  # a lazy image meets its damage here
        return stack
    return None


def read_record(path: Path, rng: np.random.Generator) -> Any:
    """Read the record in an image."""
    return files.read_record(path)


def run_image(path: Path, rng: np.random.Generator) -> Any:
    """Restore an image on the command line."""
    if files.read(path).pixels <= SMALL:
        out = path.parent / "out" / path.name.replace(".png", ".ome.tif")
        check_command(["run", str(path), "-o", str(out), "--method", "dct", "--noise", "5"], out)


def check_command(words: list[str], out: Path) -> None:
    """Run a command; raise a `Finding` unless it made its output, or said in a line why not."""
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = command_line([*words, "--threads", "1"])
    lines = said.getvalue().splitlines()
    if code not in (0, 2) or "Traceback" in said.getvalue():
        raise Finding("an exit code that is none of ours", f"{code} {lines}")
    if (code == 0) != out.exists() or (code and not lines):
        raise Finding("output without success, or no output and no word", f"{code} {lines}")


def read_recipe(path: Path, rng: np.random.Generator) -> Any:
    """Read a recipe and run it; what it says again is the same recipe."""
    recipe = ns.load_recipe(path)
    if ns.Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) != recipe:
        raise Finding("a recipe does not come back as it was written")
    ns.restore(NOISY, recipe, threads=1)


def run_recipe(path: Path, rng: np.random.Generator) -> Any:
    """Run a recipe on the command line."""
    image, out = path.parent / "image.tif", path.parent / "out.tif"
    files.write(image, ns.Stack(NOISY), overwrite=True)
    check_command(["run", str(image), "-o", str(out), "--recipe", str(path)], out)


def read_profile(path: Path, rng: np.random.Generator) -> Any:
    """Import a camera profile and restore with it."""
    from napari_shrinkage.camera_profiles import import_profile

    kept = path.parent / "kept"
    noise = ns.load_profile(import_profile(path, kept), kept)
    ns.restore(NOISY, "dct", noise, threads=1)


def with_method(make: Callable[[str], Any]) -> Callable[[Path, np.random.Generator], Any]:
    """Return a trial that restores with the method that `make` gives for a weight file."""

    def trial(path: Path, rng: np.random.Generator) -> Any:
        ns.restore(NOISY[:12, :14], make(str(path)), 5.0, threads=1)

    return trial


TRIALS: dict[str, tuple[Callable[[Path, np.random.Generator], Any], ...]] = {
    "image": (read_image, read_record, run_image),
    "recipe": (read_recipe, run_recipe),
    "profile": (read_profile,),
    "denoiser": (with_method(lambda path: ns.Cnn(model=path)),),
    "upscaler": (with_method(lambda path: ns.Upscale(model=path)),),
    "generator": (with_method(lambda path: ns.GeneratorPrior(weights=path)),),
    "learned-dct": (with_method(lambda path: ns.LearnedDct(weights=path, checksum="")),),
}
KINDS = (*["image"] * 6, *TRIALS)  # how often each is drawn


if __name__ == "__main__":
    sys.exit(main())
