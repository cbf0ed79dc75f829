"""Odd values through everything that is called: arrays, recipes, paths, axes, noise models, command lines.

    python tests/fuzz/values.py --minutes 60                # new examples each round
    python tests/fuzz/values.py --examples 20 --seed 1      # one round, the same again

Convention: a property takes what hypothesis draws and raises where the promise is broken. What may be raised
by the package is a `ValueError` or `TypeError` that it raises itself, in one line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import dask.array as da
import hypothesis
import numpy as np
from damage import json_changed, other_text
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.cli import main as command_line
from napari_shrinkage.methods import parameters
from napari_shrinkage.restorers import NAMED, named
from napari_shrinkage.stack import COMMON_AXES

PACKAGE = str(Path(ns.__file__).parent)
LINES = {str(path): path.read_text().splitlines() for path in Path(PACKAGE).rglob("*.py")}
FAST = tuple(name for name in NAMED if name not in ("unet", "ffdnet"))
DTYPES = ("bool", "u1", "i1", "<u2", ">u2", "<i4", ">i8", "u8", "f2", "<f4", ">f4", "<f8", ">f8")
NOISY = (100 + 5 * np.random.default_rng(0).standard_normal((20, 24))).astype(np.float32)
WORDS = st.one_of(
    st.sampled_from(
        ["auto", "none", "0", "-1", "1", "2", "8", "1e9", "nan", "inf", "1,2", "soft", "", "true"]
    ),
    st.text(max_size=6),
    st.integers(-3, 40).map(str),
    st.floats().map(str),
)
NUMBERS = st.one_of(
    st.floats(1e-12, 1e15),
    st.floats(max_value=0.0),
    st.integers(-3, 300),
    st.sampled_from([0.0, 5.0, float("nan"), float("inf"), 10**400]),
)


PROPERTIES: dict[str, Callable[[hypothesis.settings, int], None]] = {}


def over(*strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a property over what the strategies draw; each round decorates it anew."""

    def register(test: Callable[..., None]) -> Callable[..., None]:
        def tried(settings: hypothesis.settings, seed: int) -> None:
            @hypothesis.seed(seed)
            @settings
            @given(st.tuples(*strategies))
            def one_round(drawn: tuple[Any, ...]) -> None:
                test(*drawn)

            one_round()

        PROPERTIES[test.__name__] = tried
        return test

    return register


def tuned(settings: hypothesis.settings, seed: int) -> None:
    """Try `Tuning`."""
    run_state_machine_as_test(hypothesis.seed(seed)(Tuning), settings=settings)


class Broken(AssertionError):
    """A promise that was not kept, in words."""


@contextlib.contextmanager
def refusals_allowed() -> Iterator[None]:
    """Let pass what the package refuses in words of its own, and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (ValueError, TypeError) as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            lines, said = LINES.get(frame.filename, []), str(error)
            if not lines or "raise" not in lines[(frame.lineno or 1) - 1] or not said or "\n" in said:
                raise


@st.composite
def images(draw: Callable[..., Any]) -> tuple[np.ndarray, str]:
    """Draw an image of any type, memory layout and kind of content, and its axes."""
    axes = draw(st.sampled_from(COMMON_AXES))
    shape = tuple(
        draw(st.sampled_from([3, 4])) if n == len(axes) - 1 and letter == "C"
        else draw(st.integers(1, 24 if letter in "YX" else 3))
        for n, letter in enumerate(axes)
    )  # fmt: skip
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    return laid_out(draw, content(draw, shape, dtype)), axes


def content(draw: Callable[..., Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return constant, noisy, tiny, huge or arbitrary values, with or without what is not finite."""
    noise = np.random.default_rng(draw(st.integers(0, 9))).standard_normal(shape)
    kind = draw(st.sampled_from(["noisy", "constant", "tiny", "huge", "arbitrary", "steps"]))
    if kind == "arbitrary":
        return draw(hnp.arrays(dtype, shape, fill=hnp.from_dtype(dtype)))
    top = {"f": 1e15, "b": 1}.get(dtype.kind) or float(np.iinfo(dtype).max)
    values = {
        "noisy": 100 + 5 * noise,
        "constant": np.full(shape, draw(st.sampled_from([0, 1, 100, top]))),
        "tiny": 1e-38 * noise,
        "huge": top * np.tanh(noise),
        "steps": 50 * np.rint(noise),
    }[kind]
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = values.astype(dtype)
        places = draw(st.lists(st.integers(0, values.size - 1), max_size=4))
        values.reshape(-1)[places] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
        return values
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return np.clip(values, float(limits[0]), float(limits[1]) * (1 - 1e-9)).astype(dtype)


def laid_out(draw: Callable[..., Any], values: np.ndarray) -> np.ndarray:
    """Return the same values with other strides."""
    layout = draw(st.sampled_from(["plain", "fortran", "reversed", "strided", "read-only", "masked"]))
    if layout == "fortran":
        return np.asfortranarray(values)
    if layout == "reversed":
        return values[..., ::-1].copy()[..., ::-1]
    if layout == "strided":
        return np.repeat(values, 2, axis=0)[::2]
    if layout == "masked":
        return np.ma.masked_array(values, mask=False)
    values.flags.writeable = layout == "plain"
    return values


@over(images(), st.sampled_from(FAST), st.one_of(st.none(), NUMBERS))
def restoring_any_image(image: tuple[np.ndarray, str], method: str, noise: float | None) -> None:
    """The result is float32 of the image's shape; what is not finite stays; the image is untouched."""
    values, axes = image
    before = values.copy()
    with refusals_allowed():
        made = ns.restore(values, method, noise, axes, threads=1)
        same(values, before, "the image was changed")
        if made.dtype != np.float32 or made.shape != values.shape:
            raise Broken(f"{made.dtype} {made.shape} of {values.shape}")
        with np.errstate(over="ignore"):
            single = np.asarray(before).astype(np.float32)
        if not np.array_equal(np.isfinite(made), np.isfinite(single)) and visible(values, axes, noise):
            raise Broken("other pixels than before are not finite")
        plain = np.ascontiguousarray(np.asarray(before), before.dtype.newbyteorder("="))
        same(made, ns.restore(plain, method, noise, axes, threads=1), "the memory layout matters")


def visible(values: np.ndarray, axes: str, noise: float | None) -> bool:
    """Whether the noise is more than 1e-15 of the values: beyond that squares of their ratio overflow."""
    peak = np.max(np.abs(values.astype(np.float64)), initial=0.0, where=np.isfinite(values))
    model = ns.estimate_noise(values, axes=axes) if noise is None else ns.Gaussian(noise)
    channels = ns.Stack(values, axes).channels
    return bool(np.min(model.std(np.zeros((channels, 1, 1), np.float32))) > 1e-15 * peak)


@over(images(), st.sampled_from(("dct", "wavelet", "hot-pixels")), st.integers(1, 9))
def restoring_lazily(image: tuple[np.ndarray, str], method: str, chunk: int) -> None:
    """A dask array of any chunks gives what the array gives."""
    values, axes = np.asarray(image[0]), image[1]
    with refusals_allowed():
        lazy = ns.restore(da.from_array(values, chunks=chunk), method, 5.0, axes, threads=1)
        made = lazy.compute(scheduler="synchronous")
        np.testing.assert_allclose(
            made, ns.restore(values, method, 5.0, axes, threads=1), rtol=1e-3, atol=1e-3
        )


@over(images(), st.sampled_from(("auto", "gaussian", "poisson-gaussian", "curve")))
def estimating_noise(image: tuple[np.ndarray, str], model: str) -> None:
    """Any image has an estimate with a sentence, finite at the image's own values."""
    with refusals_allowed():
        noise = ns.estimate_noise(*image[:1], model=model, axes=image[1])
        channels = ns.Stack(*image).channels
        if not noise.verdict or not np.all(np.isfinite(noise.std(np.full((channels, 1, 1), 100.0)))):
            raise Broken(f"{noise!r}")


@over(
    st.text(max_size=6) | st.sampled_from(COMMON_AXES), hnp.array_shapes(min_dims=0, max_dims=6, max_side=3)
)
def naming_axes(axes: str, shape: tuple[int, ...]) -> None:
    """Axes fit, one letter for each, or are refused."""
    with refusals_allowed():
        stack = ns.Stack(np.zeros(shape, np.float32), axes)
        if sorted(set(stack.axes)) != sorted(stack.axes) or not stack.axes.isupper():
            raise Broken(stack.axes)
        ns.restore(stack.array, "hot-pixels", 1.0, stack.axes)


@over(st.sampled_from([ns.Gaussian, ns.PoissonGaussian, ns.NoiseCurve, ns.NoiseMap]), st.data())
def building_noise_models(cls: Any, data: st.DataObject) -> None:
    """A noise model is refused, or takes pixel values there and back."""
    some = st.one_of(NUMBERS, st.none(), st.text(max_size=3), st.tuples(NUMBERS))
    with refusals_allowed():
        drawn = {p.name: data.draw(some) for p in parameters(cls) if not p.hidden or p.default is MISSING}
        model: Any = cls(**drawn)
        values = np.linspace(-50, 5000, 64, dtype=np.float32).reshape(1, 8, 8)
        back = model.inverse(model.forward(values))
        if back.shape != values.shape or np.isnan(back).any():
            raise Broken(f"{model!r} makes {back!r:.100}")


@over(st.sampled_from(FAST), st.integers(0, 2**32 - 1))
def changing_recipes(method: str, seed: int) -> None:
    """A recipe comes back from JSON as it was; one that was damaged is refused or works."""
    rng = np.random.default_rng(seed)
    recipe = ns.Recipe.of(named(method), ns.Gaussian(5.0))
    text = json.dumps(recipe.to_json()).encode()
    if ns.Recipe.from_json(json.loads(text)) != recipe:
        raise Broken(f"{recipe!r} comes back otherwise")
    for _ in range(int(rng.integers(1, 4))):
        text = (json_changed, other_text)[rng.integers(2)](rng, text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.json"
        path.write_bytes(text)
        with refusals_allowed():
            ns.restore(NOISY, ns.load_recipe(path), threads=1)


OPTIONS = (
    "--method",
    "--set",
    "--noise",
    "--axes",
    "--dtype",
    "--compression",
    "--device",
    "--threads",
    "--recipe",
)
GOOD = (
    "dct",
    "wavelet",
    "5",
    "YX",
    "float32",
    "uint8",
    "zlib",
    "cpu",
    "1",
    "rule.p=2",
    "transform.size=8",
    "stride=2",
)


@over(
    st.sampled_from(["run", "fit", "methods", "estimate", "nonsense", "--version"]),
    st.lists(st.tuples(st.sampled_from(OPTIONS), st.sampled_from(GOOD) | WORDS), max_size=3),
    st.lists(st.text(max_size=5) | st.sampled_from(["--overwrite", "--help", "-o", "*.tif"]), max_size=2),
)
def typing_command_lines(command: str, options: list[tuple[str, str]], more: list[str]) -> None:
    """Every command line ends with 0, or with 2 and lines that begin with the program's name."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        files.write("image.tif", ns.Stack(NOISY))
        extra = ["--iterations", "1"] if command == "fit" else []
        inputs = [] if command in ("methods", "--version") else ["image.tif"]
        output = {"run": ["-o", "out.tif"], "fit": ["-o", "out.json"]}.get(command, [])
        words = [command, *inputs, *output, *extra, *(word for pair in options for word in pair), *more]
        with (
            contextlib.redirect_stderr(io.StringIO()) as said,
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            code = command_line(words)
        lines = said.getvalue().splitlines()
        strange = [line for line in lines if line.strip() and not line.startswith("napari-shrinkage")]
        if code not in (0, 2) or (code == 2 and not lines) or (strange and code == 2):
            raise Broken(f"{words}: exit code {code}, {said.getvalue()!r:.300}")
        if any(path.name.endswith(".part") for path in Path().iterdir()):
            raise Broken(f"{words}: half a file was left")


class Tuning(RuleBasedStateMachine):
    """A recipe whose values are set one after the other: refused, or still a recipe that runs."""

    recipe: ns.Recipe

    @initialize(method=st.sampled_from(FAST))
    def begin(self, method: str) -> None:
        self.recipe = ns.Recipe.of(named(method), ns.Gaussian(5.0))

    @rule(data=st.data(), word=WORDS)
    def set_a_value(self, data: st.DataObject, word: str) -> None:
        path = data.draw(st.sampled_from(sorted(self._paths(self.recipe.steps[0].restorer))))
        with refusals_allowed():
            self.recipe = self.recipe.with_value(path, word)

    @rule()
    def goes_to_json_and_back(self) -> None:
        if ns.Recipe.from_json(json.loads(json.dumps(self.recipe.to_json()))) != self.recipe:
            raise Broken(f"{self.recipe!r} comes back otherwise")

    @rule()
    def runs(self) -> None:
        with refusals_allowed():
            made = ns.restore(NOISY, self.recipe, threads=1)
            if not np.all(np.isfinite(made)):
                raise Broken(f"{self.recipe!r} gives values that are not finite")

    def _paths(self, method: Any, before: str = "") -> Iterator[str]:
        for parameter in parameters(type(method)):
            if not parameter.hidden and parameter.name != "plane":
                yield before + parameter.name
                inner = getattr(method, parameter.name)
                if parameter.role is not None and inner is not None:
                    yield from self._paths(inner, f"{before}{parameter.name}.")


def same(found: Any, expected: Any, words: str) -> None:
    """Raise `Broken` unless two arrays are equal, NaN included."""
    if not np.array_equal(found, expected, equal_nan=np.asarray(expected).dtype.kind == "f"):
        raise Broken(words)


PROPERTIES["tuning"] = tuned


def main() -> int:
    """Try every property, once or round after round; return 1 if one is broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="how long")
    parser.add_argument("--examples", type=int, help="one round of so many examples of each, instead")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=list(PROPERTIES))
    wishes = parser.parse_args()
    end, found, tried = time.monotonic() + 60 * wishes.minutes, set[str](), 0
    names = [wishes.only] if wishes.only else list(PROPERTIES)
    for number in range(1 if wishes.examples else sys.maxsize):
        for name in names:
            if time.monotonic() > end:
                break
            tried += 1
            if said := broken(PROPERTIES[name], wishes.examples or 100, wishes.seed + number):
                if said not in found:
                    print(f"BROKEN {name}: {said}", flush=True)
                found.add(said)
        if time.monotonic() > end:
            break
    print(f"seed {wishes.seed}: {tried} rounds of {wishes.examples or 100} examples, {len(found)} broken")
    return 1 if found else 0


def broken(test: Callable[[hypothesis.settings, int], None], examples: int, seed: int) -> str:
    """Try a property; return the smallest example that breaks it, and where, or ""."""
    settings = hypothesis.settings(
        max_examples=examples, deadline=None, database=None, stateful_step_count=6,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            test(settings, seed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever breaks a property is told
        return told(error)
    return ""


def told(error: BaseException) -> str:
    """Return an error, where it was raised, and the example."""
    if isinstance(error, BaseExceptionGroup):
        return " | ".join(told(one) for one in error.exceptions)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(PACKAGE)] or frames
    places = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in (frames[-1], own[-1]))
    notes = " ".join(" ".join(note.split()) for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__} ({str(error)[:300]}) at {places}; {notes[:700]}"


if __name__ == "__main__":
    sys.exit(main())
